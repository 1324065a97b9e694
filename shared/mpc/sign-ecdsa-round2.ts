/**
 * Steps 7 to 9 of the signing protocol, the same for both nodes: round 2, its check, the fragments.
 *
 * Source: Doerner, Kondi, Lee, shelat, ePrint 2023/765, Protocol 3.6. Departures: docs/protocol.md.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import { type Arithmetic, type Direction, XI } from './arithmetic.ts';
import { type Random, xof } from './hash.ts';
import { kernel } from './kernel/kernel.ts';
import type { EcdsaKeyShare } from './key-share.ts';
import type { Fields, RawFields } from './layout.ts';
import {
  add,
  addPublic,
  isZero,
  maskedSummands,
  mul,
  mulBase,
  type Point,
  reduce,
  type Scalar,
  sub,
  sumsEqualPublic,
  xOf,
} from './secp256k1.ts';
import type { round2Layout } from './sign-ecdsa-messages.ts';
import { tags } from './tags.ts';
import { gadget, multiplyAsReceiver, multiplyAsSender, type VoleContext, type VoleShares } from './vole.ts';
import { wiping } from './wipe.ts';

export type Round2 = Fields<typeof round2Layout>;

/** ζ: shifts the two shares of the key against each other, by another amount in every session. Secret. */
export const zeroShift = (zseed: Bytes, ssid: Bytes): Scalar => {
  const wide = xof(tags.signZero, [zseed, ssid], 48);
  const zeta = reduce(wide);
  wide.fill(0);
  return zeta;
};

/** Bits x_0..x_511 of the receiver's 640. */
export const betaOf = (x: Bytes): Bytes => x.slice(0, XI / 8);

export const voleContext = (
  sid: Bytes,
  tr: Bytes,
  direction: Direction,
  arithmetic: Arithmetic,
): VoleContext => ({
  tr,
  direction,
  gadget: gadget(sid, direction, arithmetic),
});

/** The receiver's random factor χ = Σ g_j·β_j. Secret. */
export const chiOf = (sid: Bytes, direction: Direction, beta: Bytes, arithmetic: Arithmetic): Scalar =>
  arithmetic.sumSelected(gadget(sid, direction, arithmetic), beta);

/** The secrets a node puts into round 2. */
export interface Round2Secrets {
  readonly r: Scalar;
  readonly sk: Scalar;
  readonly phi: Scalar;
  readonly chi: Scalar;
  /** Fresh non-zero scalars that hide the inputs in the check of the multiplication. */
  readonly aHat: VoleShares;
}

/**
 * Round 2 of one node: multiplies (r, sk) with the peer's χ, and says what its inputs were.
 * @param columns q_j of the extension in the peer's direction
 * @returns the shares (c^u, c^v), secret, and the message
 */
export function round2(
  context: VoleContext,
  columns: Bytes,
  delta: Bytes,
  { r, sk, phi, chi, aHat }: Round2Secrets,
  opening: { readonly R: Point; readonly rho: Bytes; readonly pk: Point },
  arithmetic: Arithmetic = kernel,
): [shares: VoleShares, message: RawFields<typeof round2Layout>] {
  const [c, vole] = multiplyAsSender(context, columns, delta, [r, sk], aHat, arithmetic);
  return [c, { ...opening, GammaU: mulBase(c[0]), GammaV: mulBase(c[1]), psi: sub(phi, chi), ...vole }];
}

/**
 * The first half of the check of the peer's round 2: public values only.
 * @param opens does the peer's commitment open to R and ρ?
 * @returns R = R1 + R2 and r = x(R) mod q
 * @throws {Abort} `E_COM`, `E_PK`, or `E_MSG` if R is the identity or r is 0
 */
export function checkOpening(
  opens: boolean,
  peer: Pick<Round2, 'R' | 'pk'>,
  own: { readonly R: Point; readonly pk: Point },
  Q: Point,
): { readonly R: Point; readonly r: Scalar } {
  // The commitment comes first: it is what keeps either node from choosing R after it has seen the other's.
  if (!opens) throw new Abort('E_COM', 'the nonce is not the one committed to');
  if (!sumsEqualPublic([peer.pk, own.pk], [Q]))
    throw new Abort('E_PK', 'the key shares do not add up to the key');
  const R = addPublic(peer.R, own.R);
  if (R === null) throw new Abort('E_MSG', 'the nonces cancel out');
  const r = reduce(xOf(R));
  if (isZero(r)) throw new Abort('E_MSG', 'r is zero');
  return { R, r };
}

/** Γ and d·G, or Γ alone for d = 0. */
const shifted = (Gamma: Point, d: Scalar): readonly Point[] => (isZero(d) ? [Gamma] : [Gamma, mulBase(d)]);

/**
 * The second half: the peer multiplied the discrete logarithms of R_j and pk_j, and nothing else.
 * @param chi own χ, secret  @param columns t_j of the own extension, secret
 * @returns the shares (d^u, d^v), secret
 * @throws {Abort} `E_VOLE`, `E_GAMMA`. The caller must lock the key.
 */
export function checkProducts(
  context: VoleContext,
  columns: Bytes,
  beta: Bytes,
  chi: Scalar,
  peer: Round2,
  random: Random,
  arithmetic: Arithmetic = kernel,
): VoleShares {
  const d = multiplyAsReceiver(context, columns, beta, peer, arithmetic);
  // χ·R_j = d^u·G + Γ^u_j and χ·pk_j = d^v·G + Γ^v_j. An identity counts as unequal: it means that the
  // peer multiplied with 0. Both are always computed, and there is one verdict.
  const holds = [
    sumsEqualPublic(maskedSummands(chi, peer.R, random), shifted(peer.GammaU, d[0])),
    sumsEqualPublic(maskedSummands(chi, peer.pk, random), shifted(peer.GammaV, d[1])),
  ];
  if (holds.includes(false)) throw new Abort('E_GAMMA', 'the multiplication had other inputs than declared');
  return d;
}

/** The secrets and public values that a node's fragment is made from. */
export interface FragmentParts {
  readonly r: Scalar;
  readonly sk: Scalar;
  readonly phi: Scalar;
  readonly c: VoleShares;
  readonly d: VoleShares;
  /** The peer's ψ. */
  readonly psi: Scalar;
  /** x(R) mod q. */
  readonly rx: Scalar;
  /** The digest mod q. */
  readonly m: Scalar;
}

/** u = r(φ + ψ) + c^u + d^u; v = sk(φ + ψ) + c^v + d^v; w = m·φ + r_x·v. */
export function fragment({ r, sk, phi, c, d, psi, rx, m }: FragmentParts): {
  readonly u: Scalar;
  readonly w: Scalar;
} {
  return wiping(({ secret }) => {
    const phiSum = secret(add(phi, psi));
    const product = (a: Scalar, i: 0 | 1) => add(secret(mul(a, phiSum)), secret(add(c[i], d[i])));
    const v = secret(product(sk, 1));
    return { u: product(r, 0), w: add(secret(mul(m, phi)), secret(mul(rx, v))) };
  });
}

/** sk of each node: x1 + ζ at Node 1, x2 + τ - ζ at Node 2. Secret. */
export const shiftedShare1 = (share: EcdsaKeyShare, ssid: Bytes): Scalar =>
  wiping(({ secret }) => add(share.x, secret(zeroShift(share.zseed, ssid))));
export const shiftedShare2 = (share: EcdsaKeyShare, tau: Scalar, ssid: Bytes): Scalar =>
  wiping(({ secret }) => sub(secret(add(share.x, tau)), secret(zeroShift(share.zseed, ssid))));
