/**
 * The inner layer of a share of Node 1 in trustless and customer custody: AES-256-GCM under a key that needs the
 * entity's secret, with a commitment to that key.
 *
 *   kEnc 32 ‖ kCommit 32 = HKDF-SHA256(wrap key, salt = saltW, info = (planbok/v1/kek, ctx))
 *   Cin    = nonce 12 ‖ AES-256-GCM(kEnc, nonce, aad = header, share blob)
 *   result = Cin ‖ HMAC-SHA256(kCommit, header ‖ Cin)
 *
 * GCM alone does not commit: a ciphertext can be made that opens under two keys, and with it a secret can be
 * guessed many at a time (partitioning oracles, Len, Grubbs, Ristenpart 2021). Hence the HMAC, checked first.
 * @module
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { type Bytes, concat } from '#shared/bytes.ts';
import { infoOf, labels } from '#shared/custody/labels.ts';
import { CustodyError } from '#shared/errors.ts';
import { decrypt, encrypt } from '../stores/gcm.ts';
import { SecretMismatch } from './secret-mismatch.ts';

/** What the layer is bound to. */
export interface WrapContext {
  /** The protocol context of the key, 32 bytes. */
  readonly ctx: Bytes;
  /** Random, of this record, 32 bytes. */
  readonly salt: Bytes;
  /** Header of the record, of one length: it stands before the ciphertext in the commitment. */
  readonly header: Bytes;
}

const keyBytes = 32;
const commitBytes = 32;

/** Calls `use` with both keys, and wipes them. @throws {RangeError} if the wrap key does not have 32 bytes */
function withKeys<T>(wrapKey: Bytes, { ctx, salt }: WrapContext, use: (kEnc: Bytes, kCommit: Bytes) => T): T {
  if (wrapKey.length !== keyBytes) throw new RangeError('a wrap key has 32 bytes');
  const keys = new Uint8Array(hkdfSync('sha256', wrapKey, salt, infoOf(labels.kek, ctx), 2 * keyBytes));
  try {
    return use(keys.subarray(0, keyBytes), keys.subarray(keyBytes));
  } finally {
    keys.fill(0);
  }
}

const commitment = (kCommit: Bytes, header: Bytes, inner: Bytes): Bytes =>
  createHmac('sha256', kCommit).update(header).update(inner).digest();

/** @param nonce 12 random bytes */
export const wrapShare = (wrapKey: Bytes, context: WrapContext, blob: Bytes, nonce: Bytes): Bytes =>
  withKeys(wrapKey, context, (kEnc, kCommit) => {
    const inner = encrypt(kEnc, context.header, blob, nonce);
    return concat(inner, commitment(kCommit, context.header, inner));
  });

/**
 * The share blob: the caller wipes it.
 * @throws {SecretMismatch} unless the commitment is to this wrap key
 * @throws {CustodyError} `share_unreadable` if the rest does not open all the same
 */
export const unwrapShare = (wrapKey: Bytes, context: WrapContext, content: Bytes): Bytes =>
  withKeys(wrapKey, context, (kEnc, kCommit) => {
    if (content.length < commitBytes) throw new CustodyError('share_unreadable', 'no commitment');
    const inner = content.subarray(0, -commitBytes);
    if (!timingSafeEqual(content.subarray(-commitBytes), commitment(kCommit, context.header, inner)))
      throw new SecretMismatch('the share is locked with another secret');
    return decrypt(kEnc, context.header, inner);
  });
