/**
 * ed25519 for the protocols, on libsodium alone: scalars are 32 bytes little-endian below L, points are
 * canonical, in the prime-order subgroup and not the identity. No BigInt touches a secret.
 * @module
 */
import sodium from 'libsodium-wrappers-sumo';
import type { Bytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import type { Random } from './hash.ts';

await sodium.ready;

/** 32 bytes, little-endian, below the group order L. */
export type EdScalar = Uint8Array & { readonly ed25519Scalar: true };
/** 32 bytes, canonical, prime order, not the identity. */
export type EdPoint = Uint8Array & { readonly ed25519Point: true };

/** L = 2^252 + 27742317777372353535851937790883648493, little-endian. */
const orderBytes = Uint8Array.from(
  'edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010'.match(/../g) as string[],
  (h) => Number.parseInt(h, 16),
);

/** 64 uniform bytes mod L. */
export const reduceWide = (b: Bytes): EdScalar => sodium.crypto_core_ed25519_scalar_reduce(b) as EdScalar;
export const isZero = (a: EdScalar): boolean => sodium.is_zero(a);

/** A uniform non-zero scalar. */
export function randomScalar(random: Random): EdScalar {
  const wide = random(64);
  const x = reduceWide(wide);
  wide.fill(0);
  // Probability 2^-252; a caller with broken randomness gets an error, not a zero key.
  if (isZero(x)) throw new RangeError('randomness is broken');
  return x;
}

/** @throws {Abort} `E_MSG` unless 32 bytes below L. */
export function decodeScalar(b: Bytes): EdScalar {
  if (b.length !== 32 || sodium.compare(b, orderBytes) >= 0) throw new Abort('E_MSG', 'not a scalar mod L');
  return b as EdScalar;
}

const identity = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0));

/** @throws {Abort} `E_MSG` on a non-canonical, off-curve, small-order or mixed-order point, or the identity. */
export function decodePoint(b: Bytes): EdPoint {
  if (b.length !== 32 || !sodium.crypto_core_ed25519_is_valid_point(b))
    throw new Abort('E_MSG', 'not a point');
  return b as EdPoint;
}

export const add = (a: EdScalar, b: EdScalar): EdScalar =>
  sodium.crypto_core_ed25519_scalar_add(a, b) as EdScalar;
export const sub = (a: EdScalar, b: EdScalar): EdScalar =>
  sodium.crypto_core_ed25519_scalar_sub(a, b) as EdScalar;
export const mul = (a: EdScalar, b: EdScalar): EdScalar =>
  sodium.crypto_core_ed25519_scalar_mul(a, b) as EdScalar;

/** x·B in constant time. @throws {RangeError} if x = 0. */
export function mulBase(x: EdScalar): EdPoint {
  if (isZero(x)) throw new RangeError('zero has no public key');
  return sodium.crypto_scalarmult_ed25519_base_noclamp(x) as EdPoint;
}

/** x·P; null for the identity. */
export function mulPoint(x: EdScalar, P: EdPoint): EdPoint | null {
  return isZero(x) ? null : (sodium.crypto_scalarmult_ed25519_noclamp(x, P) as EdPoint);
}

/** A sum of points, or null for the identity. */
export function addPoints(first: EdPoint, ...others: readonly EdPoint[]): EdPoint | null {
  const sum = others.reduce<Uint8Array>((s, P) => sodium.crypto_core_ed25519_add(s, P), first);
  return sodium.compare(sum, identity) === 0 ? null : (sum as EdPoint);
}

/**
 * x·P for 32 bytes from a peer. libsodium's multiplication itself refuses what {@link decodePoint} refuses, so
 * a point that is received only to be multiplied is checked once, not twice. null for x = 0.
 *
 * @throws {Abort} `E_MSG`
 */
export function mulReceived(x: EdScalar, P: Bytes): EdPoint | null {
  if (P.length !== 32) throw new Abort('E_MSG', 'not a point');
  if (isZero(x)) {
    decodePoint(P);
    return null;
  }
  try {
    return sodium.crypto_scalarmult_ed25519_noclamp(x, P) as EdPoint;
  } catch {
    throw new Abort('E_MSG', 'not a point');
  }
}
