/**
 * The entity secret under a PIN, as the platform stores it, one per device:
 *
 *   v 1 ‖ nonce 12 ‖ ciphertext 32 ‖ tag 16 ‖ HMAC-SHA256(commit key, all before) 32
 *
 * AES-256-GCM does not commit to its key: one ciphertext can be made that opens under many, and each try of it
 * would rule out many PINs. The HMAC does, and is checked first. Encryption is WebCrypto's, in a browser and in
 * Node.
 * @module
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, equalBytes, type Random, u8 } from '../bytes.ts';
import { labelled, pinLabels } from './pin-labels.ts';
import { scopeFields, type WrapKeys, type WrapScope } from './wrap-keys.ts';

const version = 1;
const nonceBytes = 12;
export const secretBytes = 32;
const macBytes = 32;
const macAt = 1 + nonceBytes + secretBytes + 16;
export const wrappedBytes = macAt + macBytes;

/**
 * All that a failure says, whatever failed: a wrong PIN, another salt, a changed ciphertext, another version.
 * A try costs the same and looks the same.
 */
export class DoesNotOpen extends Error {
  override readonly name = 'DoesNotOpen';
  constructor() {
    super('the secret does not open');
  }
}

const aadOf = (scope: WrapScope): Bytes => labelled(pinLabels.wrappedSecret, ...scopeFields(scope));

/** A copy in memory of its own, as WebCrypto's types want it. */
const own = (bytes: Bytes): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);

async function aes(key: Bytes, use: 'encrypt' | 'decrypt', nonce: Bytes, scope: WrapScope, data: Bytes) {
  const imported = await crypto.subtle.importKey('raw', own(key), 'AES-GCM', false, [use]);
  const algorithm = { name: 'AES-GCM', iv: own(nonce), additionalData: own(aadOf(scope)), tagLength: 128 };
  return new Uint8Array(await crypto.subtle[use](algorithm, imported, own(data)));
}

/**
 * @param secret 32 bytes; the caller wipes it
 * @returns {@link wrappedBytes} bytes, under a fresh nonce
 * @throws {RangeError} on another length
 */
export async function wrapSecret(
  { encrypt, commit }: WrapKeys,
  scope: WrapScope,
  secret: Bytes,
  random: Random,
): Promise<Bytes> {
  if (secret.length !== secretBytes) throw new RangeError(`a secret has ${secretBytes} bytes`);
  const nonce = random(nonceBytes);
  const body = concat(u8(version), nonce, await aes(encrypt, 'encrypt', nonce, scope, secret));
  return concat(body, hmac(sha256, commit, body));
}

/** The secret, 32 bytes, the caller's to wipe. @throws {DoesNotOpen} whatever is wrong */
export async function unwrapSecret(
  { encrypt, commit }: WrapKeys,
  scope: WrapScope,
  wrapped: Bytes,
): Promise<Bytes> {
  const body = wrapped.subarray(0, macAt);
  const committed = equalBytes(hmac(sha256, commit, body), wrapped.subarray(macAt));
  if (!committed || body[0] !== version) throw new DoesNotOpen();
  try {
    const nonce = body.subarray(1, 1 + nonceBytes);
    return await aes(encrypt, 'decrypt', nonce, scope, body.subarray(1 + nonceBytes));
  } catch {
    throw new DoesNotOpen();
  }
}
