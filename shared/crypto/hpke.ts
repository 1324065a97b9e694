/**
 * HPKE (RFC 9180), mode base, single shot: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. On WebCrypto, so
 * that the private key of a browser, or of a node, need not be readable.
 * @module
 */
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { type Bytes, concat } from '../bytes.ts';

const suite = new CipherSuite({
  kem: new DhkemP256HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** Bytes of an encapsulated key and of a public key: an uncompressed point. */
export const encBytes = 65;
/** What sealing adds to the length of the plaintext. */
export const sealOverhead = encBytes + 16;

/** What a ciphertext is tied to besides the key. */
export interface HpkeBinding {
  readonly info: Bytes;
  readonly aad: Bytes;
}

/** Opens what was sealed to one key; it may live where it cannot be read. */
export type HpkeOpen = (sealed: Bytes, binding: HpkeBinding) => Promise<Bytes>;

export interface HpkeKey {
  /** 65 bytes. */
  readonly publicKey: Bytes;
  readonly open: HpkeOpen;
}

/** A pair whose private half stays in WebCrypto. `open` throws one `Error` for everything that does not open. */
export async function generateHpkeKey(): Promise<HpkeKey> {
  const pair = await suite.kem.generateKeyPair();
  const publicKey = new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey));
  return {
    publicKey,
    async open(sealed, { info, aad }) {
      try {
        const enc = exact(sealed.subarray(0, encBytes));
        const recipient = { recipientKey: pair, enc, info: exact(info) };
        return new Uint8Array(await suite.open(recipient, exact(sealed.subarray(encBytes)), exact(aad)));
      } catch {
        throw new Error('the ciphertext does not open');
      }
    },
  };
}

/** `enc 65 ‖ ciphertext ‖ tag 16`. @throws {Error} if `publicKey` is no uncompressed point of P-256 */
export async function hpkeSeal(
  publicKey: Bytes,
  { info, aad }: HpkeBinding,
  plaintext: Bytes,
): Promise<Bytes> {
  const recipientPublicKey = await suite.kem.deserializePublicKey(exact(publicKey));
  const { enc, ct } = await suite.seal(
    { recipientPublicKey, info: exact(info) },
    exact(plaintext),
    exact(aad),
  );
  return concat(new Uint8Array(enc), new Uint8Array(ct));
}

/** The bytes in a buffer of their own: the library takes the whole buffer behind a view in places. */
const exact = (bytes: Bytes): ArrayBuffer => Uint8Array.from(bytes).buffer;
