/**
 * Node 2's keys behind PINs and answers, attested by its identity: the VOPRF key of one customer, device and
 * version, so that nobody else can answer in its place; and the key that requests are sealed to, so that nobody
 * else can read them.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, fromBase64url, toBase64url } from '../bytes.ts';
import { type Attested, openAttested, type Said } from '../crypto/attestation.ts';
import { encBytes } from '../crypto/hpke.ts';
import { spkiOfPoint } from '../crypto/spki.ts';
import { pointBytes } from '../crypto/voprf.ts';

/** What is evaluated: each use has VOPRF keys and an attempt counter of its own. */
export const uses = ['pin', 'answers'] as const;
export type Use = (typeof uses)[number];

/** The VOPRF key that answers for one device; of the answers, which no device has, `device` is empty. */
export interface KeyName {
  readonly use: Use;
  readonly customer: string;
  readonly device: string;
}

export interface EvaluationKey extends Said, KeyName {
  readonly type: 'planbok/evaluation-key/v1';
  /** Decimal, from 1; never used twice for one name. */
  readonly version: string;
  /** base64url of a compressed point on P-256, 33 bytes. */
  readonly publicKey: string;
}

export interface SealingKey extends Said {
  readonly type: 'planbok/sealing-key/v1';
  readonly use: 'evaluation';
  /** base64url of an uncompressed point on P-256, 65 bytes. */
  readonly publicKey: string;
  /** Decimal epoch milliseconds. */
  readonly notAfter: string;
}

/**
 * The VOPRF public key, 33 bytes, that Node 2 says is of exactly this name and version.
 * @throws {Error} otherwise
 */
export function openEvaluationKey(
  attested: Attested<EvaluationKey>,
  expected: KeyName & { readonly version: number },
  identity: Bytes,
): Bytes {
  const { type, use, customer, device, version, publicKey } = openAttested(attested, 'node2', identity);
  const named = use === expected.use && customer === expected.customer && device === expected.device;
  if (type !== 'planbok/evaluation-key/v1' || !named || version !== String(expected.version))
    throw new Error('a key for something else');
  return ofLength(publicKey, pointBytes);
}

/** What requests are sealed to. */
export interface Recipient {
  /** 32 bytes. */
  readonly id: Bytes;
  /** 65 bytes. */
  readonly publicKey: Bytes;
}

/** SHA-256 of the SubjectPublicKeyInfo, 32 bytes: an id cannot stand for two keys. */
export const sealingKeyId = (publicKey: Bytes): Bytes => sha256(spkiOfPoint(publicKey));

/** The key that Node 2 says requests are sealed to now. @throws {Error} otherwise, or after its end */
export function openSealingKey(attested: Attested<SealingKey>, identity: Bytes, nowMs: number): Recipient {
  const { type, use, publicKey, notAfter } = openAttested(attested, 'node2', identity);
  if (type !== 'planbok/sealing-key/v1' || use !== 'evaluation') throw new Error('a key for something else');
  if (!(nowMs <= Number(notAfter))) throw new Error('the key is no longer in use');
  const point = ofLength(publicKey, encBytes);
  return { id: sealingKeyId(point), publicKey: point };
}

/** Of the documents above, as Node 2 says them: `attest` of shared/crypto/attestation.ts signs the result. */
export const evaluationKeyDocument = (
  { use, customer, device }: KeyName,
  version: number,
  publicKey: Bytes,
  issuedMs: number,
): EvaluationKey => ({
  type: 'planbok/evaluation-key/v1',
  node: 'node2',
  issued: String(issuedMs),
  use,
  customer,
  device,
  version: String(version),
  publicKey: toBase64url(publicKey),
});

export const sealingKeyDocument = (
  publicKey: Bytes,
  { issuedMs, notAfterMs }: { readonly issuedMs: number; readonly notAfterMs: number },
): SealingKey => ({
  type: 'planbok/sealing-key/v1',
  node: 'node2',
  issued: String(issuedMs),
  use: 'evaluation',
  publicKey: toBase64url(publicKey),
  notAfter: String(notAfterMs),
});

function ofLength(text: string, length: number): Bytes {
  const bytes = fromBase64url(text);
  if (bytes.length !== length) throw new Error('not a key');
  return bytes;
}
