/**
 * The secp256k1 record of one node: its additive share of the key, and the keys of both oblivious-transfer
 * directions (docs/protocol.md). Both nodes have the same shape.
 * @module
 */
import { type Bytes, u32be } from '../bytes.ts';
import { encode, type Fields, type Layout, lengthOf, split, validate } from './layout.ts';
import type { Point, Scalar } from './secp256k1.ts';

export interface EcdsaKeyShare {
  readonly role: 1 | 2;
  /** Id of the key generation or refresh that made this share, 32 bytes. */
  readonly sid: Bytes;
  readonly epoch: number;
  /** The key: Q = X1 + X2. */
  readonly Q: Point;
  readonly X1: Point;
  readonly X2: Point;
  /** BIP-32 chain code, 32 bytes. */
  readonly cc: Bytes;
  /** Secret: this node's additive share, x·G = X_role. */
  readonly x: Scalar;
  /** Secret: both seeds of each of the 128 base transfers in the own receiver direction, K^0 ‖ K^1, 8,192 bytes. */
  readonly K: Bytes;
  /** Secret: the 128 choice bits of the own sender direction, LSB first, 16 bytes. */
  readonly delta: Bytes;
  /** Secret: the 128 chosen seeds of the own sender direction, 4,096 bytes. */
  readonly Kd: Bytes;
  /** Secret, the same at both nodes: seed of the shifts that add up to zero, 32 bytes. */
  readonly zseed: Bytes;
  /** Secret: seed of the hedged nonces, 32 bytes. */
  readonly hedgeSeed: Bytes;
}

const secretLayout = [
  { name: 'x', length: 32, kind: 'scalar' },
  { name: 'K', length: 8192, kind: 'nonce' },
  { name: 'delta', length: 16, kind: 'bits' },
  { name: 'Kd', length: 4096, kind: 'nonce' },
  { name: 'zseed', length: 32, kind: 'nonce' },
  { name: 'hedgeSeed', length: 32, kind: 'nonce' },
] as const satisfies Layout;

const layout = [
  ...secretLayout,
  { name: 'sid', length: 32, kind: 'hash' },
  { name: 'epoch', length: 4, kind: 'nonce' },
  { name: 'Q', length: 33, kind: 'point' },
  { name: 'X1', length: 33, kind: 'point' },
  { name: 'X2', length: 33, kind: 'point' },
  { name: 'cc', length: 32, kind: 'hash' },
] as const satisfies Layout;

/** Length of the secret part, which stands first: 12,400 bytes. */
export const secretLength = lengthOf(secretLayout);
/** Length of the whole record: 12,567 bytes. */
export const keyShareLength = lengthOf(layout);

/** The record as bytes. Secret: the caller wipes it. */
export const encodeKeyShare = (share: EcdsaKeyShare): Bytes =>
  encode(layout, { ...share, epoch: u32be(share.epoch) });

/** @throws {Abort} `E_MSG` on a wrong length, a scalar not below q, or a point that is not one. */
export function decodeKeyShare(role: 1 | 2, bytes: Bytes): EcdsaKeyShare {
  // A copy: wiping the share must not depend on what the caller does with its buffer, nor the other way round.
  const fields: Fields<typeof layout> = validate(layout, split(layout, bytes.slice()));
  const { epoch } = fields;
  return {
    ...fields,
    role,
    epoch: new DataView(epoch.buffer, epoch.byteOffset, 4).getUint32(0),
  };
}
