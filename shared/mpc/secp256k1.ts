/**
 * secp256k1 for the protocols: scalars and points as branded types whose only makers validate.
 *
 * Secret scalars meet points in two ways only: `mulBase` (libsecp256k1's constant-time generator
 * multiplication) and `mulMasked` (two multiplications, each by a uniformly random scalar). The variable-time
 * functions below are named `…Public` and take public values alone.
 * @module
 */
import { instantiateSecp256k1 } from '@bitauth/libauth';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { type Bytes, equalBytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import type { Random } from './hash.ts';

/** 32 bytes, big-endian, smaller than the group order q. Zero is allowed unless a function says otherwise. */
export type Scalar = Uint8Array & { readonly secp256k1Scalar: true };
/** SEC1 compressed, 33 bytes, on the curve, not the identity. */
export type Point = Uint8Array & { readonly secp256k1Point: true };

const lib = await instantiateSecp256k1();
const NoblePoint = secp256k1.Point;

/** The group order. */
export const q = NoblePoint.Fn.ORDER;

export function bigFrom(b: Bytes): bigint {
  let hex = '0x0';
  for (const x of b) hex += x.toString(16).padStart(2, '0');
  return BigInt(hex);
}

/** 32 bytes big-endian of a number already reduced mod q. */
export function scalarFrom(n: bigint): Scalar {
  if (n < 0n || n >= q) throw new RangeError('not reduced mod q');
  const out = new Uint8Array(32);
  let rest = n;
  for (let i = 31; i >= 0; i--) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return out as Scalar;
}

const modQ = (n: bigint): bigint => {
  const r = n % q;
  return r < 0n ? r + q : r;
};

/** OS2IP(bytes) mod q. For 48 uniform bytes the bias is below 2^-128. */
export const reduce = (b: Bytes): Scalar => scalarFrom(modQ(bigFrom(b)));
/** A uniform non-zero scalar from 48 uniform bytes: OS2IP mod (q-1), plus 1. */
export const reduceNonZero = (b: Bytes): Scalar => scalarFrom((bigFrom(b) % (q - 1n)) + 1n);
export const randomScalar = (random: Random): Scalar => reduceNonZero(random(48));

/** @throws {Abort} `E_MSG` unless 32 bytes below q. */
export function decodeScalar(b: Bytes): Scalar {
  if (b.length !== 32 || bigFrom(b) >= q) throw new Abort('E_MSG', 'not a scalar');
  return b as Scalar;
}

/** @throws {Abort} `E_MSG` unless a canonical compressed point on the curve. */
export function decodePoint(b: Bytes): Point {
  if (b.length !== 33 || (b[0] !== 2 && b[0] !== 3)) throw new Abort('E_MSG', 'not a point');
  try {
    NoblePoint.fromBytes(b).assertValidity();
  } catch {
    throw new Abort('E_MSG', 'not a point');
  }
  return b as Point;
}

export const add = (a: Scalar, b: Scalar): Scalar => scalarFrom(modQ(bigFrom(a) + bigFrom(b)));
export const sub = (a: Scalar, b: Scalar): Scalar => scalarFrom(modQ(bigFrom(a) - bigFrom(b)));
export const mul = (a: Scalar, b: Scalar): Scalar => scalarFrom(modQ(bigFrom(a) * bigFrom(b)));
export const negate = (a: Scalar): Scalar => scalarFrom(modQ(-bigFrom(a)));
export const isZero = (a: Scalar): boolean => a.every((x) => x === 0);

/** x·G in constant time (libsecp256k1 `ecmult_gen`). @throws {RangeError} if x = 0. */
export function mulBase(x: Scalar): Point {
  const P = lib.derivePublicKeyCompressed(x);
  if (typeof P === 'string') throw new RangeError('zero has no public key');
  return P as Point;
}

/** A sum of public points, or null for the identity. */
export function addPublic(...points: readonly Point[]): Point | null {
  const sum = points.reduce((s, P) => s.add(NoblePoint.fromBytes(P)), NoblePoint.ZERO);
  return sum.is0() ? null : (sum.toBytes(true) as Point);
}

export const negatePublic = (P: Point): Point => {
  const out = P.slice();
  out[0] = (out[0] as number) ^ 1;
  return out as Point;
};

/** n·P for public n and P, in variable time; null for the identity. */
export function mulPublic(n: Scalar, P: Point): Point | null {
  if (isZero(n)) return null;
  const R = lib.mulTweakPublicKeyCompressed(P, n);
  if (typeof R === 'string') throw new RangeError(R);
  return R as Point;
}

/**
 * x·P for a secret x: `aP + (x - a)P` with a fresh uniform a, so that the variable-time multiplication
 * only ever sees uniform scalars. null for the identity (x = 0).
 */
export function mulMasked(x: Scalar, P: Point, random: Random): Point | null {
  const a = randomScalar(random);
  const A = mulPublic(a, P) as Point;
  const B = mulPublic(sub(x, a), P);
  return B === null ? A : addPublic(A, B);
}

/** The x coordinate, 32 bytes, and whether y is odd. */
export const xOf = (P: Point): Bytes => P.subarray(1);
export const isOdd = (P: Point): boolean => P[0] === 3;

/** a^-1, by inverting a·mask: the variable-time inversion sees a uniform value. a and mask are not zero. */
export function inverse(a: Scalar, mask: Scalar): Scalar {
  const masked = scalarFrom(NoblePoint.Fn.inv(bigFrom(mul(a, mask))));
  return mul(masked, mask);
}

/** Is the s of a signature above (q-1)/2? Public. */
export const isHigh = (s: Scalar): boolean => bigFrom(s) > q >> 1n;

/**
 * Does libsecp256k1 accept (r, s) with low s on the digest under Q, and recover just Q from it?
 * @param digest 32 bytes  @param recoveryId 0 to 3
 */
export function verifiesAndRecovers(
  Q: Point,
  digest: Bytes,
  r: Scalar,
  s: Scalar,
  recoveryId: number,
): boolean {
  const signature = new Uint8Array(64);
  signature.set(r);
  signature.set(s, 32);
  if (!lib.verifySignatureCompactLowS(signature, Q, digest)) return false;
  const recovered = lib.recoverPublicKeyCompressed(signature, recoveryId as 0 | 1 | 2 | 3, digest);
  return typeof recovered !== 'string' && equalBytes(recovered, Q);
}
