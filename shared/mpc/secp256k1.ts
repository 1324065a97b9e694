/**
 * secp256k1 for the protocols: scalars and points as branded types whose only makers validate.
 *
 * Arithmetic on scalars is the kernel's, which neither branches nor indexes on values. Secret scalars meet
 * points in two ways only: `mulBase` (libsecp256k1's constant-time generator multiplication) and `mulMasked` or
 * `maskedSummands` (two multiplications, each by a uniformly random scalar). The variable-time functions below
 * are named `…Public` and take public values alone, as do `bigFrom` and `scalarFrom`.
 * @module
 */
import { instantiateSecp256k1 } from '@bitauth/libauth';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { type Bytes, equalBytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import type { Random } from './hash.ts';
import { kernel } from './kernel/kernel.ts';
import { wiping } from './wipe.ts';

/** 32 bytes, big-endian, smaller than the group order q. Zero is allowed unless a function says otherwise. */
export type Scalar = Uint8Array & { readonly secp256k1Scalar: true };
/** SEC1 compressed, 33 bytes, on the curve, not the identity. */
export type Point = Uint8Array & { readonly secp256k1Point: true };

const lib = await instantiateSecp256k1();
const NoblePoint = secp256k1.Point;

/** The group order. */
export const q = NoblePoint.Fn.ORDER;

/** The number that these big-endian bytes are. Public: BigInt is not constant time. */
export function bigFrom(b: Bytes): bigint {
  let hex = '0x0';
  for (const x of b) hex += x.toString(16).padStart(2, '0');
  return BigInt(hex);
}

/** 32 bytes big-endian of a public number already reduced mod q. */
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

/** OS2IP(bytes) mod q, of at most 48 bytes. For 48 uniform bytes the bias is below 2^-128. */
export function reduce(b: Bytes): Scalar {
  const wide = new Uint8Array(48);
  wide.set(b, 48 - b.length);
  const reduced = kernel.reduce(wide);
  wide.fill(0);
  return reduced as Scalar;
}
/** A uniform non-zero scalar from 48 uniform bytes: OS2IP mod (q-1), plus 1. */
export const reduceNonZero = (b: Bytes): Scalar => kernel.reduceNonZero(b);
export const randomScalar = (random: Random): Scalar =>
  wiping(({ secret }) => reduceNonZero(secret(random(48))));

const order = scalarFrom(q - 1n);
order[31] = (order[31] as number) + 1;

/** Are all 32-byte values in this buffer below q? In a time that depends on the length alone. */
export function allBelowOrder(values: Bytes): boolean {
  let all = 1;
  for (let at = 0; at < values.length; at += 32) {
    let borrow = 0;
    for (let i = 31; i >= 0; i--)
      borrow = ((values[at + i] as number) - (order[i] as number) - borrow) >>> 31;
    all &= borrow;
  }
  return all === 1;
}

/** @throws {Abort} `E_MSG` unless 32 bytes below q. */
export function decodeScalar(b: Bytes): Scalar {
  if (b.length !== 32 || !allBelowOrder(b)) throw new Abort('E_MSG', 'not a scalar');
  return b as Scalar;
}

/** @throws {Abort} `E_MSG` unless a canonical compressed point on the curve. */
export function decodePoint(b: Bytes): Point {
  if (b.length !== 33 || (b[0] !== 2 && b[0] !== 3) || !lib.validatePublicKey(b))
    throw new Abort('E_MSG', 'not a point');
  return b as Point;
}

export const add = (a: Scalar, b: Scalar): Scalar => kernel.add(a, b);
export const sub = (a: Scalar, b: Scalar): Scalar => kernel.sub(a, b);
export const mul = (a: Scalar, b: Scalar): Scalar => kernel.mul(a, b);
export const negate = (a: Scalar): Scalar => kernel.sub(zero, a);
/** a^-1 by a fixed chain of multiplications; 0 for 0. */
export const inverse = (a: Scalar): Scalar => kernel.inverse(a);
export const isZero = (a: Scalar): boolean => equalBytes(a, zero);

const zero = scalarFrom(0n);

/** x·G in constant time (libsecp256k1 `ecmult_gen`). @throws {RangeError} if x = 0. */
export function mulBase(x: Scalar): Point {
  const P = lib.derivePublicKeyCompressed(x);
  if (typeof P === 'string') throw new RangeError('zero has no public key');
  return P as Point;
}

type Sum = InstanceType<typeof NoblePoint>;

/** A valid point for the additions. libsecp256k1 takes the square root faster than BigInt does. */
function summand(P: Point): Sum {
  const xy = lib.uncompressPublicKey(P);
  if (typeof xy === 'string') throw new RangeError(xy);
  const affine = { x: bigFrom(xy.subarray(1, 33)), y: bigFrom(xy.subarray(33)) };
  return NoblePoint.fromAffine(affine);
}

const sumOf = (points: readonly Point[]): Sum => points.reduce((s, P) => s.add(summand(P)), NoblePoint.ZERO);

/** A sum of public points, or null for the identity. */
export function addPublic(...points: readonly Point[]): Point | null {
  const sum = sumOf(points);
  return sum.is0() ? null : (sum.toBytes(true) as Point);
}

/** Are the two sums the same point, and not the identity? Points are public. */
export function sumsEqualPublic(left: readonly Point[], right: readonly Point[]): boolean {
  const sum = sumOf(left);
  return !sum.is0() && sum.equals(sumOf(right));
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
 * Two points whose sum is x·P for a secret x: `aP` and `(x - a)P` with a fresh uniform a, so that the
 * variable-time multiplication only ever sees uniform scalars. One point if x = a.
 */
export function maskedSummands(x: Scalar, P: Point, random: Random): readonly Point[] {
  return wiping(({ secret }) => {
    const a = secret(randomScalar(random));
    return [mulPublic(a, P), mulPublic(secret(sub(x, a)), P)].filter((A) => A !== null);
  });
}

/** x·P for a secret x, see {@link maskedSummands}; null for the identity (x = 0). */
export const mulMasked = (x: Scalar, P: Point, random: Random): Point | null =>
  addPublic(...maskedSummands(x, P, random));

/** The x coordinate, 32 bytes, and whether y is odd. */
export const xOf = (P: Point): Bytes => P.subarray(1);
export const isOdd = (P: Point): boolean => P[0] === 3;

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
