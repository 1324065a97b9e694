/**
 * A sealed secret on the wire: `v 1 ‖ L1(key id) ‖ enc 65 ‖ ciphertext ‖ tag 16`. Suite: RFC 9180 base mode,
 * DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, one message per context. The plaintext is one wrap key,
 * or, for a refresh, two: that of the epoch and that of the next.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, u8 } from '../bytes.ts';
import { spkiOfPoint } from '../crypto/spki.ts';
import { infoOf, labels } from './labels.ts';

const version = 1;
export const keyIdBytes = 32;
export const wrapKeyBytes = 32;
/** An uncompressed P-256 point: `04 ‖ X ‖ Y`. */
export const encBytes = 65;
const tagBytes = 16;

export interface SealedParts {
  /** Of the encryption key it is sealed to, 32 bytes. */
  readonly keyId: Bytes;
  readonly enc: Bytes;
  /** `ciphertext ‖ tag`. */
  readonly ciphertext: Bytes;
}

/** Id of an encryption key: SHA-256 of its SubjectPublicKeyInfo, 32 bytes. An id cannot stand for two keys. */
export const encryptionKeyId = (point: Bytes): Bytes => sha256(spkiOfPoint(point));

/** The `info` of the HPKE context. */
export const secretInfo = (keyId: Bytes): Bytes => infoOf(labels.entitySecret, keyId);

export const encodeSealed = ({ keyId, enc, ciphertext }: SealedParts): Bytes =>
  concat(u8(version), u8(keyId.length), keyId, enc, ciphertext);

/**
 * @param count how many wrap keys there must be in it
 * @throws {RangeError} unless it has exactly this form; that enc is a point is not checked
 */
export function decodeSealed(sealed: Bytes, count: number): SealedParts {
  const from = 2 + keyIdBytes;
  if (sealed.length !== from + encBytes + count * wrapKeyBytes + tagBytes)
    throw new RangeError('a sealed secret of another length');
  if (sealed[0] !== version) throw new RangeError('a sealed secret of another version');
  if (sealed[1] !== keyIdBytes) throw new RangeError('not the id of a key');
  return {
    keyId: sealed.slice(2, from),
    enc: sealed.slice(from, from + encBytes),
    ciphertext: sealed.slice(from + encBytes),
  };
}
