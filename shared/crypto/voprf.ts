/**
 * A verifiable oblivious pseudorandom function (RFC 9497, mode VOPRF, suite P256-SHA256): the client learns
 * F(k, input) without showing the input, the server does not show k, and a proof ties the answer to k's public
 * half, so that nobody can answer under a key of their own.
 *
 *   blindInput --blinded 33--> evaluate --evaluated 33, proof 64--> finalize -> 32 bytes
 *
 * @module
 */
import { p256_oprf } from '@noble/curves/nist.js';
import { type Bytes, type Random, utf8 } from '../bytes.ts';

const { voprf } = p256_oprf;

/** A server's key. */
export interface VoprfKey {
  /** 32 bytes, a scalar. Secret. */
  readonly secretKey: Bytes;
  /** 33 bytes, a compressed point. */
  readonly publicKey: Bytes;
}

/** What the client keeps between its two steps. `input` and `blind` are secret. */
export interface BlindedInput {
  readonly input: Bytes;
  /** 32 bytes. */
  readonly blind: Bytes;
  /** 33 bytes: goes to the server. */
  readonly blinded: Bytes;
}

/** The server's answer. */
export interface Evaluation {
  /** 33 bytes. */
  readonly evaluated: Bytes;
  /** 64 bytes. */
  readonly proof: Bytes;
}

export const pointBytes = 33;
export const proofBytes = 64;

/** From a fresh seed by DeriveKeyPair (section 3.2.1). */
export function generateVoprfKey(random: Random): VoprfKey {
  const seed = random(32);
  try {
    return voprf.deriveKeyPair(seed, utf8('planbok/v1/voprf-key'));
  } finally {
    seed.fill(0);
  }
}

/** Section 3.3.2, Blind. @param input is kept, not copied: it is needed again, and wiped by the caller */
export function blindInput(input: Bytes, random: Random): BlindedInput {
  const { blind, blinded } = voprf.blind(input, random as Parameters<typeof voprf.blind>[1]);
  return { input, blind, blinded };
}

/** Section 3.3.2, BlindEvaluate. @throws {Error} if `blinded` is no point, or the point at infinity */
export function evaluate({ secretKey, publicKey }: VoprfKey, blinded: Bytes, random: Random): Evaluation {
  return voprf.blindEvaluate(
    secretKey,
    publicKey,
    blinded,
    random as Parameters<typeof voprf.blindEvaluate>[3],
  );
}

/**
 * Section 3.3.2, Finalize: 32 bytes. Wipes the blind.
 * @throws {Error} unless the proof shows that the answer was made with the secret half of `publicKey`: whoever
 * answered is not who should have, or does not compute what it should
 */
export function finalize(
  { input, blind, blinded }: BlindedInput,
  { evaluated, proof }: Evaluation,
  publicKey: Bytes,
): Bytes {
  try {
    return voprf.finalize(input, blind, evaluated, blinded, publicKey, proof);
  } catch {
    throw new Error('the answer was not made with the attested key');
  } finally {
    blind.fill(0);
  }
}
