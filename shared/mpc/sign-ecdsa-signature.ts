/**
 * The last step of an ECDSA signature: two fragments become (r, s), which leaves only if it verifies.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import {
  add,
  bigFrom,
  inverse,
  isHigh,
  isOdd,
  isZero,
  mul,
  negate,
  type Point,
  q,
  type Scalar,
  verifiesAndRecovers,
  xOf,
} from './secp256k1.ts';
import type { EcdsaRequest } from './sign-ecdsa-messages.ts';

export interface EcdsaSignature {
  readonly r: Scalar;
  /** At most (q-1)/2. */
  readonly s: Scalar;
  /** Bit 0: y(R) is odd; bit 1: x(R) ≥ q. Of the R that belongs to this s. */
  readonly recoveryId: number;
}

interface Fragment {
  readonly u: Scalar;
  readonly w: Scalar;
}

/**
 * s = (w1 + w2)/(u1 + u2), made low.
 * @throws {Abort} `E_SIG` if it is not a signature of the digest under Q'
 */
export function assemble(parts: {
  readonly R: Point;
  readonly r: Scalar;
  readonly fragments: readonly [Fragment, Fragment];
  readonly request: EcdsaRequest;
}): EcdsaSignature {
  const { R, r, fragments, request } = parts;
  const [own, peer] = fragments;
  const u = add(own.u, peer.u);
  if (isZero(u)) throw new Abort('E_SIG', 'the fragments cancel out');
  const high = mul(add(own.w, peer.w), inverse(u));
  if (isZero(high)) throw new Abort('E_SIG', 's is zero');
  const flipped = isHigh(high);
  const s = flipped ? negate(high) : high;
  const parity = Number(isOdd(R) !== flipped);
  const recoveryId = parity | (bigFrom(xOf(R)) >= q ? 2 : 0);
  if (!verifiesAndRecovers(request.Q, request.digest, r, s, recoveryId))
    throw new Abort('E_SIG', 'the signature does not verify');
  return { r, s, recoveryId };
}

/** r ‖ s, 64 bytes. */
export function compactSignature({ r, s }: EcdsaSignature): Bytes {
  const out = new Uint8Array(64);
  out.set(r);
  out.set(s, 32);
  return out;
}
