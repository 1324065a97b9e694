/**
 * All shares of one node and epoch as one secret byte string, the plaintext of what is stored: the secp256k1
 * record, then the ed25519 record, each behind its 8-byte length; a key that does not exist has length 0.
 * @module
 */
import { type Bytes, lengthPrefixed } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import { type KeyType, keyTypeOrder, type Role } from './context.ts';
import { decodeEdKeyShare, type EdKeyShare, encodeEdKeyShare } from './ed-key-share.ts';
import { decodeKeyShare, type EcdsaKeyShare, encodeKeyShare } from './key-share.ts';
import { wipe } from './wipe.ts';

export interface KeyShares {
  readonly secp256k1?: EcdsaKeyShare;
  readonly ed25519?: EdKeyShare;
}

const none = new Uint8Array(0);

/** Secret: the caller wipes it. */
export function encodeShareBlob({ secp256k1, ed25519 }: KeyShares): Bytes {
  const first = secp256k1 ? encodeKeyShare(secp256k1) : none;
  const second = ed25519 ? encodeEdKeyShare(ed25519) : none;
  const blob = lengthPrefixed(first, second);
  wipe(first, second);
  return blob;
}

/** Copies the two records out. @throws {RangeError} unless the bytes are exactly two length-prefixed fields */
function cutTwo(blob: Bytes): [Bytes, Bytes] {
  const fields: Bytes[] = [];
  let at = 0;
  while (at < blob.length && fields.length < 2) {
    if (blob.length - at < 8) throw new RangeError('no room for a length');
    const n = new DataView(blob.buffer, blob.byteOffset + at, 8).getBigUint64(0);
    at += 8;
    if (n > BigInt(blob.length - at)) throw new RangeError('a length beyond the end');
    fields.push(blob.slice(at, at + Number(n)));
    at += Number(n);
  }
  const [first, second] = fields;
  if (at !== blob.length || !first || !second) throw new RangeError('not two fields');
  return [first, second];
}

/**
 * @param keyTypes records to decode; the others are not copied
 * @throws {CustodyError} `share_unreadable` unless the blob is exactly what {@link encodeShareBlob} makes
 */
export function decodeShareBlob(
  role: Role,
  blob: Bytes,
  keyTypes: readonly KeyType[] = keyTypeOrder,
): KeyShares {
  try {
    const [first, second] = cutTwo(blob);
    if (first.length + second.length === 0) throw new RangeError('no share at all');
    const shares = {
      ...(first.length > 0 && keyTypes.includes('secp256k1') && { secp256k1: decodeKeyShare(role, first) }),
      ...(second.length > 0 && keyTypes.includes('ed25519') && { ed25519: decodeEdKeyShare(role, second) }),
    };
    wipe(first, second);
    return shares;
  } catch (cause) {
    throw new CustodyError('share_unreadable', 'not a share blob of this node', { cause });
  }
}
