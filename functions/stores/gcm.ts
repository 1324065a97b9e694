/**
 * AES-256-GCM as records have it: `nonce 12 ‖ ciphertext ‖ tag 16`.
 * @module
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type Bytes, concat } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';

/** @param nonce 12 bytes, fresh for this key */
export function encrypt(key: Bytes, header: Bytes, plaintext: Bytes, nonce: Bytes): Bytes {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(header);
  return concat(nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

/** The caller wipes the result. @throws {CustodyError} `share_unreadable` */
export function decrypt(key: Bytes, header: Bytes, sealed: Bytes): Bytes {
  let plaintext: Buffer | undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 });
    decipher.setAAD(header);
    decipher.setAuthTag(sealed.subarray(-16));
    plaintext = decipher.update(sealed.subarray(12, -16));
    decipher.final();
    return new Uint8Array(plaintext);
  } catch (cause) {
    throw new CustodyError('share_unreadable', 'the ciphertext does not open', { cause });
  } finally {
    plaintext?.fill(0);
  }
}
