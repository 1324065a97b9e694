/**
 * One small secret sealed to a key of one session: HPKE (RFC 9180) in base mode, DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM, one message a context.
 * @module
 */
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core';
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519';
import type { Bytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import type { Random } from './hash.ts';
import { wipe } from './wipe.ts';
import { x25519PublicKey } from './x25519.ts';

const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** What a sealed secret has more than the secret: the tag, bytes. */
export const sealOverhead = 16;

/** Both sides must name them alike. */
export interface SealContext {
  readonly info: Bytes;
  readonly aad: Bytes;
}

export interface Sealed {
  /** Encapsulated key, 32 bytes. */
  readonly enc: Bytes;
  /** Ciphertext and tag. */
  readonly box: Bytes;
}

export interface SealKey {
  /** 32 bytes. Secret. */
  readonly secretKey: Bytes;
  /** 32 bytes. */
  readonly publicKey: Bytes;
}

export function newSealKey(random: Random): SealKey {
  const secretKey = random(32);
  return { secretKey, publicKey: x25519PublicKey(secretKey) };
}

/** @param publicKey valid: it has been through its decoder */
export async function seal(
  publicKey: Bytes,
  { info, aad }: SealContext,
  secret: Bytes,
  random: Random,
): Promise<Sealed> {
  const ekm = random(32);
  try {
    const recipientPublicKey = await suite.kem.deserializePublicKey(publicKey);
    const { enc, ct } = await suite.seal({ recipientPublicKey, info, ekm }, secret, aad);
    return { enc: new Uint8Array(enc), box: new Uint8Array(ct) };
  } finally {
    wipe(ekm);
  }
}

/** @throws {Abort} `E_MSG` if it was not sealed to this key in this context */
export async function openSealed(
  secretKey: Bytes,
  { info, aad }: SealContext,
  { enc, box }: Sealed,
): Promise<Bytes> {
  try {
    const recipientKey = await suite.kem.deserializePrivateKey(secretKey);
    return new Uint8Array(await suite.open({ recipientKey, enc, info }, box, aad));
  } catch {
    throw new Abort('E_MSG', 'what the peer sealed does not open');
  }
}
