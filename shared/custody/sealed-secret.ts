/**
 * Sealing in the client: wrap keys, for Node 1 alone and for one authorisation.
 * @module
 */
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { type Bytes, concat } from '../bytes.ts';
import { encBytes, encodeSealed, encryptionKeyId, secretInfo, wrapKeyBytes } from './secret-format.ts';

const suite = new CipherSuite({
  kem: new DhkemP256HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** WebCrypto wants memory of its own, and not a view into other bytes. */
const own = (bytes: Bytes): ArrayBuffer => new Uint8Array(bytes).buffer;

/**
 * One or two wrap keys, sealed for one use. The caller still owns the wrap keys and wipes them.
 * @param point Node 1's encryption key, 65 bytes, from {@link openEncryptionKey} of encryption-key.ts: never
 *   one that an answer merely claims
 * @param authorisation digest of the authorisation, 32 bytes: it opens for no other
 * @throws {RangeError} on wrong lengths @throws {Error} if the key is not a point of P-256
 */
export async function sealSecret(
  point: Bytes,
  wrapKeys: readonly [Bytes] | readonly [Bytes, Bytes],
  authorisation: Bytes,
): Promise<Bytes> {
  if (wrapKeys.some(({ length }) => length !== wrapKeyBytes)) throw new RangeError('a wrap key has 32 bytes');
  if (point.length !== encBytes) throw new RangeError('an encryption key has 65 bytes');
  if (authorisation.length !== 32) throw new RangeError('an authorisation digest has 32 bytes');
  const keyId = encryptionKeyId(point);
  const plaintext = concat(...wrapKeys);
  const copy = own(plaintext);
  try {
    const { enc, ct } = await suite.seal(
      { recipientPublicKey: await suite.kem.deserializePublicKey(own(point)), info: own(secretInfo(keyId)) },
      copy,
      own(authorisation),
    );
    return encodeSealed({ keyId, enc: new Uint8Array(enc), ciphertext: new Uint8Array(ct) });
  } finally {
    plaintext.fill(0);
    new Uint8Array(copy).fill(0);
  }
}
