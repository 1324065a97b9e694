/**
 * The bulk arithmetic of the oblivious-transfer extension and the multiplication, as an interface with two
 * implementations that give the same bytes: `arithmetic-reference.ts` (BigInt and OpenSSL, to be read) and
 * `kernel/kernel.ts` (WebAssembly, which is what runs: it neither branches nor indexes on secrets).
 *
 * Scalars are 32 bytes big-endian mod q. Rows of scalars are stored one after the other. Bits are packed, LSB
 * first. Sizes in bytes stand behind the parameters.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import type { Scalar } from './secp256k1.ts';

/** Base transfers per direction, and bits of Δ. */
export const LAMBDA_C = 128;
/** Bits of β: one row of the multiplication each. */
export const XI = 512;
/** Bits of an extended row: ξ and as many masking bits as the check has rows. */
export const ROW_BITS = XI + 128;
export const ROW_BYTES = ROW_BITS / 8;
/** Scalars in a row of the multiplication: ℓ = 2 inputs and ρ = 2 checks. */
export const WIDTH = 4;

/** Which node is the receiver of the transfers: Node 1 in direction 1, Node 2 in direction 2. */
export type Direction = 1 | 2;

/** Arithmetic mod q on secret scalars. */
export interface ScalarField {
  add(a: Scalar, b: Scalar): Scalar;
  sub(a: Scalar, b: Scalar): Scalar;
  mul(a: Scalar, b: Scalar): Scalar;
  /** a^-1; 0 for 0. */
  inverse(a: Scalar): Scalar;
  /** OS2IP mod q of each 48-byte big-endian block: n·48 -> n·32. */
  reduce(wide: Bytes): Bytes;
  /** OS2IP mod (q - 1), plus 1, of one 48-byte big-endian block. */
  reduceNonZero(wide: Bytes): Scalar;
}

/** What the rows of one session and direction are hashed with. */
export interface RowContext {
  /** `ssid` for the generator rows, `tr` for the pads. 32 bytes. */
  readonly id: Bytes;
  readonly direction: Direction;
}

export interface Arithmetic extends ScalarField {
  /**
   * Row i = XOF(ote/prg; seed_i, id, I1(dir), I2(i), I1(bit_i), 80).
   * @param seeds n·32  @param bits n bits  @returns n·80
   */
  generatorRows(context: RowContext, seeds: Bytes, bits: Bytes): Bytes;
  /**
   * Pad j = XOF(ote/pad; id, I1(dir), I2(j), column_j, 128).
   * @param columns n·16  @returns n·128: rows of four numbers below 2^256, not yet reduced
   */
  pads(context: RowContext, columns: Bytes): Bytes;
  /** 128 rows of 640 bits to 640 columns of 128 bits: bit i of column j is bit j of row i. 10,240 -> 10,240. */
  transpose(rows: Bytes): Bytes;
  /**
   * The check of SoftSpoken with matrix [R'|I]: output b = ⊕_{j<512} R'_{bj}·column_j ⊕ column_{512+b}.
   * @param matrix public, 128 rows of 64 bytes  @param columns 640·16  @returns 128·16
   */
  combine(matrix: Bytes, columns: Bytes): Bytes;
  /** Σ_j β_j·g_j. @param gadget 512·32  @param beta 64 */
  sumSelected(gadget: Bytes, beta: Bytes): Scalar;
  /** Row j: α^0_j - α^1_j + a. @param alpha0 512·128  @param alpha1 512·128  @param a 128  @returns 512·128 */
  maskRows(alpha0: Bytes, alpha1: Bytes, a: Bytes): Bytes;
  /** Row j: γ_j + β_j·Ã_j. @param gamma 512·128  @param beta 64  @param masked Ã, 512·128  @returns 512·128 */
  openRows(gamma: Bytes, beta: Bytes, masked: Bytes): Bytes;
  /**
   * Both uses of rows v_j = (v_{j,0}..v_{j,3}):
   * check_{j,k} = v_{j,2+k} + Σ_{i<2} θ_{k,i}·v_{j,i} - β_j·η_k, and sums_i = Σ_j g_j·v_{j,i}.
   */
  foldRows(fold: Fold): Folded;
}

export interface Fold {
  /** 512·128; numbers below 2^256 are taken mod q. */
  readonly rows: Bytes;
  /** θ_{0,0} θ_{0,1} θ_{1,0} θ_{1,1}: 128. */
  readonly theta: Bytes;
  /** 512·32. */
  readonly gadget: Bytes;
  /** 64 bytes of bits; zeros at the sender. */
  readonly beta: Bytes;
  /** η_0 η_1: 64; zeros at the sender. */
  readonly eta: Bytes;
}

export interface Folded {
  /** 512·64: the two values of row 0, of row 1, ... */
  readonly check: Bytes;
  /** sums_0 ‖ sums_1: 64. */
  readonly sums: Bytes;
}
