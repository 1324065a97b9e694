/**
 * Random vector oblivious linear evaluation: from 512 correlations, additive shares c + d = a·χ of the
 * products of the sender's two inputs a with the receiver's random χ = Σ g_j·β_j.
 *
 *   multiplyAsSender  --Ã, η, μ̂-->  multiplyAsReceiver
 *
 * Source: Doerner, Kondi, Lee, shelat, "Threshold ECDSA in Three Rounds", ePrint 2023/765, Protocol 5.2 with
 * ξ = 512, ℓ = 2, ρ = 2. A failed check depends on the receiver's fresh β (`E_VOLE`).
 * @module
 */
import { timingSafeEqual } from 'node:crypto';
import { type Bytes, concat, toHex, u8 } from '../bytes.ts';
import { Abort } from '../errors.ts';
import { type Arithmetic, type Direction, WIDTH, XI } from './arithmetic.ts';
import { hash, xof } from './hash.ts';
import { kernel } from './kernel/kernel.ts';
import type { Layout, RawFields } from './layout.ts';
import { shiftColumns } from './ot-extension.ts';
import type { Scalar } from './secp256k1.ts';
import { tags } from './tags.ts';
import { wipe, wiping } from './wipe.ts';

export const voleLayout = [
  { name: 'A', length: 32 * WIDTH * XI, kind: 'scalars' },
  { name: 'eta', length: 64, kind: 'scalars' },
  { name: 'mu', length: 32, kind: 'hash' },
] as const satisfies Layout;

export type VoleMessage = RawFields<typeof voleLayout>;

export interface VoleContext {
  /** Transcript of the session so far, 32 bytes. */
  readonly tr: Bytes;
  readonly direction: Direction;
  /** Of {@link gadget} for this direction, 16,384 bytes, public. */
  readonly gadget: Bytes;
}

/** Shares for the two inputs. Secret. */
export type VoleShares = readonly [Scalar, Scalar];

const remembered = new Map<string, Bytes>();
const REMEMBERED_MOST = 32;

/**
 * g_0..g_511 of one key epoch and direction: public, so that what was computed once is kept for the next
 * signature. @param sid 32 bytes  @returns 16,384 bytes, not to be written to
 */
export function gadget(sid: Bytes, direction: Direction, arithmetic: Arithmetic = kernel): Bytes {
  const compute = (): Bytes => arithmetic.reduce(xof(tags.voleGadget, [sid, u8(direction)], 48 * XI));
  // The reference computes afresh, so that a test compares two computations.
  if (arithmetic !== kernel) return compute();
  const name = `${toHex(sid)}/${direction}`;
  const known = remembered.get(name);
  if (known !== undefined) return known;
  const g = compute();
  const oldest = remembered.keys().next();
  if (remembered.size >= REMEMBERED_MOST && !oldest.done) remembered.delete(oldest.value);
  remembered.set(name, g);
  return g;
}

/** θ_{0,0} θ_{0,1} θ_{1,0} θ_{1,1} from all of Ã: 128 bytes, public. */
export const theta = ({ tr, direction }: VoleContext, A: Bytes, arithmetic: Arithmetic = kernel): Bytes =>
  arithmetic.reduce(xof(tags.voleTheta, [tr, u8(direction), A], 48 * 4));

const pair = (b: Bytes): VoleShares => [b.slice(0, 32) as Scalar, b.slice(32, 64) as Scalar];
const noBits = new Uint8Array(XI / 8);
const noEta = new Uint8Array(64);

/**
 * @param columns q_j of the extension, 8,192 bytes  @param delta 16 bytes
 * @param a inputs a_0, a_1  @param aHat fresh non-zero â_0, â_1
 * @returns shares c_0, c_1 (secret) and the message
 */
export function multiplyAsSender(
  context: VoleContext,
  columns: Bytes,
  delta: Bytes,
  a: VoleShares,
  aHat: VoleShares,
  arithmetic: Arithmetic = kernel,
): [shares: VoleShares, message: VoleMessage] {
  const padContext = { id: context.tr, direction: context.direction };
  const shifted = shiftColumns(columns, delta);
  const alpha0 = arithmetic.pads(padContext, columns);
  const alpha1 = arithmetic.pads(padContext, shifted);
  const inputs = concat(...a, ...aHat);
  const A = arithmetic.maskRows(alpha0, alpha1, inputs);
  const t = theta(context, A, arithmetic);
  // η_k = â_k + Σ_i θ_{k,i}·a_i
  const etaOf = (k: 0 | 1): Scalar =>
    wiping(({ secret }) => {
      // θ is public: a product of it would give the input away.
      const product = (i: 0 | 1) =>
        secret(arithmetic.mul(t.slice(64 * k + 32 * i, 64 * k + 32 * i + 32) as Scalar, a[i]));
      return arithmetic.add(aHat[k], secret(arithmetic.add(product(0), product(1))));
    });
  const eta = concat(etaOf(0), etaOf(1));
  const folded = arithmetic.foldRows({
    rows: alpha0,
    theta: t,
    gadget: context.gadget,
    beta: noBits,
    eta: noEta,
  });
  const mu = hash(tags.voleMu, context.tr, u8(context.direction), folded.check);
  const zero = new Uint8Array(32) as Scalar;
  const [sum0, sum1] = pair(folded.sums);
  const shares: VoleShares = [arithmetic.sub(zero, sum0), arithmetic.sub(zero, sum1)];
  wipe(shifted, alpha0, alpha1, inputs, folded.check, folded.sums, sum0, sum1);
  return [shares, { A, eta, mu }];
}

/**
 * @param columns t_j of the extension, 8,192 bytes  @param beta 64 bytes
 * @param message whose scalars are known to be below q
 * @returns shares d_0, d_1, secret
 * @throws {Abort} `E_VOLE` if the sender did not use one input for all rows. The caller must lock the key.
 */
export function multiplyAsReceiver(
  context: VoleContext,
  columns: Bytes,
  beta: Bytes,
  { A, eta, mu }: VoleMessage,
  arithmetic: Arithmetic = kernel,
): VoleShares {
  const gamma = arithmetic.pads({ id: context.tr, direction: context.direction }, columns);
  const rows = arithmetic.openRows(gamma, beta, A);
  const folded = arithmetic.foldRows({
    rows,
    theta: theta(context, A, arithmetic),
    gadget: context.gadget,
    beta,
    eta,
  });
  const expected = hash(tags.voleMu, context.tr, u8(context.direction), folded.check);
  const shares = pair(folded.sums);
  wipe(gamma, rows, folded.check, folded.sums);
  if (!timingSafeEqual(expected, mu)) {
    wipe(...shares);
    throw new Abort('E_VOLE', 'the multiplication is inconsistent');
  }
  return shares;
}
