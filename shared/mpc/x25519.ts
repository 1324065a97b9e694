/**
 * X25519 public keys (RFC 7748) as they stand in messages.
 * @module
 */
import sodium from 'libsodium-wrappers-sumo';
import type { Bytes } from '../bytes.ts';
import { Abort } from '../errors.ts';

await sodium.ready;

/** 2^255 - 19, little-endian. */
const prime = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 0xed : i === 31 ? 0x7f : 0xff));
/** Any scalar does: clamped, it is a multiple of 8, which takes every point of small order to zero. */
const probe = new Uint8Array(32).fill(8);

/** @throws {Abort} `E_MSG` unless 32 bytes, canonical, and not of small order (no secret would come of it). */
export function decodeX25519(b: Bytes): Bytes {
  if (b.length !== 32 || sodium.compare(b, prime) >= 0) throw new Abort('E_MSG', 'not an X25519 key');
  try {
    sodium.crypto_scalarmult(probe, b);
  } catch {
    throw new Abort('E_MSG', 'an X25519 key of small order');
  }
  return b;
}

/** The public key of 32 secret bytes. */
export const x25519PublicKey = (secret: Bytes): Bytes => sodium.crypto_scalarmult_base(secret);
