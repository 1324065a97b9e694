/**
 * Public keys as DER SubjectPublicKeyInfo: a fixed prefix and the raw key.
 * @module
 */
import { type Bytes, concat, fromHex } from '../bytes.ts';

const p256Prefix = fromHex('3059301306072a8648ce3d020106082a8648ce3d030107034200');
const ed25519Prefix = fromHex('302a300506032b6570032100');

/** The 65-byte uncompressed point of a P-256 key, 91 bytes. @throws {Error} if it is anything else. */
export function pointOfSpki(spki: Bytes): Bytes {
  if (spki.length !== 91 || !p256Prefix.every((b, i) => b === spki[i])) throw new Error('not a P-256 key');
  return spki.subarray(26);
}

/** @param point 65 bytes, uncompressed, on P-256 */
export const spkiOfPoint = (point: Bytes): Bytes => concat(p256Prefix, point);

/** @param key 32 bytes */
export const spkiOfEd25519 = (key: Bytes): Bytes => concat(ed25519Prefix, key);
