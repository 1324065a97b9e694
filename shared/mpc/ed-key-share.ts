/**
 * The ed25519 record of one node: its additive share of the key. Both nodes have the same shape.
 * @module
 */
import { type Bytes, equalBytes, u8, u32be } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import type { Role } from './context.ts';
import { addPoints, type EdPoint, type EdScalar, isZero, mulBase } from './ed25519.ts';
import { decodeMessage, encodeMessage, field } from './message.ts';

export interface EdKeyShare {
  readonly role: Role;
  /** Id of the key generation or refresh that made this share, 32 bytes. */
  readonly sid: Bytes;
  readonly epoch: number;
  /** The key: A = A1 + A2. */
  readonly A: EdPoint;
  readonly A1: EdPoint;
  readonly A2: EdPoint;
  /** Chain code, 32 bytes; the same as the secp256k1 key's of the same run. */
  readonly cc: Bytes;
  /** Secret: this node's additive share, x·B = A_role. A scalar mod L, neither clamped nor a seed. */
  readonly x: EdScalar;
  /** Secret: seed of hedged nonces for when the share itself is not at hand, 32 bytes. */
  readonly hedgeSeed: Bytes;
}

const layout = [
  field('role', 1, 'bytes'),
  field('x', 32, 'ed25519 scalar'),
  field('hedgeSeed', 32, 'bytes'),
  field('sid', 32, 'bytes'),
  field('epoch', 4, 'bytes'),
  field('A', 32, 'ed25519 point'),
  field('A1', 32, 'ed25519 point'),
  field('A2', 32, 'ed25519 point'),
  field('cc', 32, 'bytes'),
] as const;

/** The record as bytes, 229. Secret: the caller wipes it. */
export const encodeEdKeyShare = (share: EdKeyShare): Bytes =>
  encodeMessage(layout, { ...share, role: u8(share.role), epoch: u32be(share.epoch) });

/** @throws {CustodyError} `share_unreadable` unless it is a consistent record of this role: A = A1 + A2, x·B = A_role. */
export function decodeEdKeyShare(role: Role, bytes: Bytes): EdKeyShare {
  try {
    const fields = decodeMessage(layout, bytes);
    const { x, A, A1, A2, epoch } = fields;
    const sum = addPoints(A1, A2);
    if (sum === null || !equalBytes(sum, A)) throw new RangeError('A is not A1 + A2');
    if (fields.role[0] !== role) throw new RangeError('a record of the other node');
    if (isZero(x) || !equalBytes(mulBase(x), role === 1 ? A1 : A2)) throw new RangeError('x is not of A');
    return { ...fields, role, epoch: new DataView(epoch.buffer).getUint32(0) };
  } catch (cause) {
    throw new CustodyError('share_unreadable', 'not an ed25519 record of this node', { cause });
  }
}
