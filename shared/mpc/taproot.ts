/**
 * Taproot output keys (BIP-341), and what becomes of two additive shares under them: signs for the even-y
 * convention, and the tweak, which Node 2 adds (docs/protocol.md 5.3).
 * @module
 */
import type { Bytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import { taggedHash } from './frost-secp256k1.ts';
import {
  add,
  addPublic,
  decodeScalar,
  isOdd,
  isZero,
  mulBase,
  negate,
  negatePublic,
  type Point,
  type Scalar,
  xOf,
} from './secp256k1.ts';
import { wiping } from './wipe.ts';

export interface OutputKey {
  /** The output key with even y: 02 ‖ x(O). */
  readonly O: Point;
  /** Is y of the internal key odd, and y of O before it was lifted to even? */
  readonly internalOdd: boolean;
  readonly outputOdd: boolean;
  /** The Taproot tweak; 0 without one. */
  readonly t: Scalar;
}

const lift = (P: Point): Point => (isOdd(P) ? negatePublic(P) : P);
/** A copy of x or -x. */
const signed = (negative: boolean, x: Scalar): Scalar => (negative ? negate(x) : (x.slice() as Scalar));

/**
 * O = lift(P) + t·G for a given t, 32 bytes. Apart from the hash, so that tests can reach the invalid cases.
 *
 * @throws {Abort} `E_MSG` if t is not below q, or O is the point at infinity
 */
export function tweakKey(P: Point, tweak: Bytes): OutputKey {
  const t = decodeScalar(tweak);
  const O = isZero(t) ? lift(P) : addPublic(lift(P), mulBase(t));
  if (O === null) throw new Abort('E_MSG', 'the output key is the point at infinity');
  return { O: lift(O), internalOdd: isOdd(P), outputOdd: isOdd(O), t };
}

/**
 * The output key with t = taggedHash("TapTweak", x(P) ‖ merkleRoot).
 *
 * @param merkleRoot 32 bytes; empty for a key without scripts (BIP-86); null for no tweak at all, O = lift(P)
 * @throws {Abort} `E_MSG` as {@link tweakKey}: probability below 2^-127
 */
export function outputKey(P: Point, merkleRoot: Bytes | null): OutputKey {
  if (merkleRoot === null) return tweakKey(P, new Uint8Array(32));
  if (merkleRoot.length !== 0 && merkleRoot.length !== 32) throw new RangeError('bad merkle root');
  return tweakKey(P, taggedHash('TapTweak', xOf(P), merkleRoot));
}

/** Node 1's multiplied share: g_O·g_P·x1. Secret. */
export const tweakShare1 = ({ internalOdd, outputOdd }: OutputKey, x1: Scalar): Scalar =>
  signed(internalOdd !== outputOdd, x1);

/** Node 2's: g_O·(g_P·(x2 + tau) + t). Together with Node 1's it is the private key of O. Secret. */
export const tweakShare2 = ({ internalOdd, outputOdd, t }: OutputKey, x2: Scalar, tau: Scalar): Scalar =>
  wiping(({ secret }) => {
    const internal = secret(signed(internalOdd, secret(add(x2, tau))));
    return signed(outputOdd, secret(add(internal, t)));
  });
