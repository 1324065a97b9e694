/**
 * The two groups of keys behind one interface, for what is the same in both: proofs of knowledge and key
 * generation. Scalars and points are their encodings; secrets meet points in `mulBase` alone.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import * as ed from './ed25519.ts';
import type { Random } from './hash.ts';
import * as secp from './secp256k1.ts';

export interface Group<S extends Bytes, P extends Bytes> {
  /** 48 uniform bytes to a scalar; the bias is below 2^-128. */
  reduce(wide: Bytes): S;
  /** A uniform non-zero scalar. */
  randomScalar(random: Random): S;
  /** a + b, a·b, -a modulo the order. */
  add(a: S, b: S): S;
  mul(a: S, b: S): S;
  negate(a: S): S;
  isZero(a: S): boolean;
  /** x·G in constant time. @throws {RangeError} if x = 0 */
  mulBase(x: S): P;
  /** n·P for public n and P; null for the identity. */
  mulPublic(n: S, P: P): P | null;
  /** A sum of public points; null for the identity. */
  addPublic(...points: readonly P[]): P | null;
}

export const secp256k1Group: Group<secp.Scalar, secp.Point> = {
  reduce: secp.reduce,
  randomScalar: secp.randomScalar,
  add: secp.add,
  mul: secp.mul,
  negate: secp.negate,
  isZero: secp.isZero,
  mulBase: secp.mulBase,
  mulPublic: secp.mulPublic,
  addPublic: secp.addPublic,
};

/** Everything little-endian, as in RFC 8032: also the 48 bytes that are reduced. */
function reduce48(wide: Bytes): ed.EdScalar {
  const padded = new Uint8Array(64);
  padded.set(wide);
  const s = ed.reduceWide(padded);
  padded.fill(0);
  return s;
}

const zero = new Uint8Array(32) as ed.EdScalar;

export const ed25519Group: Group<ed.EdScalar, ed.EdPoint> = {
  reduce: reduce48,
  randomScalar: ed.randomScalar,
  add: ed.add,
  mul: ed.mul,
  negate: (a) => ed.sub(zero, a),
  isZero: ed.isZero,
  mulBase: ed.mulBase,
  mulPublic: ed.mulPoint,
  addPublic: (first, ...others) => (first === undefined ? null : ed.addPoints(first, ...others)),
};
