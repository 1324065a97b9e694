/**
 * ristretto255 (RFC 9496) on libsodium, for the base oblivious transfers. Encodings are canonical and never
 * the identity; secret scalars meet points only in libsodium's constant-time multiplications.
 * @module
 */
import sodium from 'libsodium-wrappers-sumo';
import type { Bytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import type { Random } from './hash.ts';

await sodium.ready;

/** 32 bytes, canonical, not the identity. */
export type RistrettoPoint = Uint8Array & { readonly ristretto255Point: true };
/** 32 bytes, little-endian, below the group order. */
export type RistrettoScalar = Uint8Array & { readonly ristretto255Scalar: true };

/** A uniform non-zero scalar from 64 bytes. */
export function randomScalar(random: Random): RistrettoScalar {
  const t = sodium.crypto_core_ristretto255_scalar_reduce(random(64));
  // Probability 2^-252; broken randomness shall not become a known exponent.
  if (sodium.is_zero(t)) throw new RangeError('randomness is broken');
  return t as RistrettoScalar;
}

/** The one-way map of RFC 9496, 4.3.4: 64 uniform bytes to a point with unknown discrete logarithm. */
export const fromHash = (wide: Bytes): RistrettoPoint =>
  sodium.crypto_core_ristretto255_from_hash(wide) as RistrettoPoint;

/** @throws {Abort} `E_MSG` unless 32 bytes, canonical, and not the identity. */
export function decodePoint(b: Bytes): RistrettoPoint {
  if (b.length !== 32 || sodium.is_zero(b) || !sodium.crypto_core_ristretto255_is_valid_point(b))
    throw new Abort('E_MSG', 'not a ristretto255 point');
  return b as RistrettoPoint;
}

export const mulBase = (t: RistrettoScalar): RistrettoPoint =>
  sodium.crypto_scalarmult_ristretto255_base(t) as RistrettoPoint;

/** t·P in constant time. P may be a sum of points. @throws {Abort} `E_MSG` if P is the identity. */
export function mulPoint(t: RistrettoScalar, P: Bytes): RistrettoPoint {
  // An honest P is the identity with probability 2^-252: a peer has made it so.
  if (sodium.is_zero(P)) throw new Abort('E_MSG', 'a sum of ristretto255 points is the identity');
  return sodium.crypto_scalarmult_ristretto255(t, P) as RistrettoPoint;
}

/** Sums and differences may be the identity (32 zero bytes), hence plain bytes. */
export const add = (P: RistrettoPoint, Q: RistrettoPoint): Bytes => sodium.crypto_core_ristretto255_add(P, Q);
export const sub = (P: RistrettoPoint, Q: RistrettoPoint): Bytes => sodium.crypto_core_ristretto255_sub(P, Q);
