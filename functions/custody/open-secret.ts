/**
 * Opening at Node 1 what a client sealed with `shared/custody/sealed-secret.ts`. The private key stays in KMS:
 * one request, `DeriveSharedSecret`.
 *
 * Single use is not decided here: the caller records the authorisation before it opens anything, and rebuilds
 * its digest from the request that it is about to carry out.
 * @module
 */
import { createPublicKey } from 'node:crypto';
import { type Bytes, equalBytes } from '#shared/bytes.ts';
import { pointOfSpki, spkiOfPoint } from '#shared/crypto/spki.ts';
import {
  decodeSealed,
  encryptionKeyId,
  type SealedParts,
  secretInfo,
  wrapKeyBytes,
} from '#shared/custody/secret-format.ts';
import { CustodyError } from '#shared/errors.ts';
import type { EncryptionKey } from '../ports.ts';
import { openBase } from './hpke.ts';
import { SecretMismatch } from './secret-mismatch.ts';

const mismatch = (message: string, cause?: unknown) => new SecretMismatch(message, { cause });

/**
 * The wrap keys in a sealed secret, in the order in which they were sealed: 32 bytes each, the caller wipes
 * them.
 * @param keys encryption keys that may still be used: the newest, and the one before until it is over
 * @param authorisation digest of the authorisation, 32 bytes, computed here and never a copy that was sent
 * @param count 1, or 2 for a refresh
 * @throws {SecretMismatch} @throws {CustodyError} `storage_unavailable`
 */
export async function openSecret(
  keys: readonly EncryptionKey[],
  sealed: Bytes,
  authorisation: Bytes,
  count: 1 | 2,
): Promise<readonly Bytes[]> {
  const parts = partsOf(sealed, count);
  const { key, point } = await keyNamed(keys, parts.keyId);
  const dh = await key.deriveSharedSecret(spkiOfPoint(parts.enc));
  try {
    // KMS is said to keep leading zeros. A key service that does not is not guessed at.
    if (dh.length !== 32)
      throw new CustodyError('storage_unavailable', 'the shared secret does not have 32 bytes');
    return opened(dh, point, parts, authorisation);
  } finally {
    dh.fill(0);
  }
}

function partsOf(sealed: Bytes, count: 1 | 2): SealedParts {
  try {
    const parts = decodeSealed(sealed, count);
    assertPoint(parts.enc);
    return parts;
  } catch (cause) {
    throw mismatch('not a sealed secret of this form', cause);
  }
}

/** @throws {Error} unless it is an uncompressed point on P-256: OpenSSL checks coordinates and curve */
function assertPoint(enc: Bytes): void {
  // The hybrid forms 06 and 07 have this length too.
  if (enc[0] !== 4) throw new RangeError('not an uncompressed point');
  createPublicKey({ key: Buffer.from(spkiOfPoint(enc)), format: 'der', type: 'spki' });
}

async function keyNamed(keys: readonly EncryptionKey[], keyId: Bytes) {
  for (const key of keys) {
    const point = pointOfSpki(await key.publicKey());
    if (equalBytes(encryptionKeyId(point), keyId)) return { key, point };
  }
  throw mismatch('sealed to a key that is not, or no longer, in use');
}

function opened(
  dh: Bytes,
  point: Bytes,
  { enc, ciphertext, keyId }: SealedParts,
  aad: Bytes,
): readonly Bytes[] {
  let plaintext: Bytes;
  try {
    plaintext = openBase(dh, point, { enc, ciphertext, info: secretInfo(keyId), aad });
  } catch (cause) {
    throw mismatch('the secret was sealed for another authorisation, or was changed', cause);
  }
  try {
    return Array.from({ length: plaintext.length / wrapKeyBytes }, (_, i) =>
      plaintext.slice(i * wrapKeyBytes, (i + 1) * wrapKeyBytes),
    );
  } finally {
    plaintext.fill(0);
  }
}
