/**
 * The reference implementation of the bulk arithmetic: BigInt and OpenSSL, formula by formula. Not constant
 * time and not used by a node; tests hold the kernel against it.
 * @module
 */
import { type Bytes, concat, u8, u16be } from '../bytes.ts';
import { type Arithmetic, LAMBDA_C, ROW_BITS, ROW_BYTES, WIDTH, XI } from './arithmetic.ts';
import { xof } from './hash.ts';
import { bigFrom, q, type Scalar, scalarFrom } from './secp256k1.ts';
import { tags } from './tags.ts';

const modQ = (n: bigint): bigint => ((n % q) + q) % q;
const scalar = (n: bigint): Scalar => scalarFrom(modQ(n));
const bit = (b: Bytes, j: number): number => ((b[j >> 3] as number) >> (j & 7)) & 1;
const block = (b: Bytes, i: number, length: number): Bytes => b.subarray(i * length, (i + 1) * length);
const number = (b: Bytes, i: number): bigint => bigFrom(block(b, i, 32));
const blocks = (b: Bytes, length: number): Bytes[] =>
  Array.from({ length: b.length / length }, (_, i) => block(b, i, length));

/** a^(q-2), the inverse for a ≠ 0. */
function power(a: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let base = a, e = exponent; e > 0n; e >>= 1n, base = (base * base) % q)
    if (e & 1n) result = (result * base) % q;
  return result;
}

export const reference: Arithmetic = {
  add: (a, b) => scalar(bigFrom(a) + bigFrom(b)),
  sub: (a, b) => scalar(bigFrom(a) - bigFrom(b)),
  mul: (a, b) => scalar(bigFrom(a) * bigFrom(b)),
  inverse: (a) => scalar(power(bigFrom(a), q - 2n)),
  reduce: (wide) => concat(...blocks(wide, 48).map((b) => scalar(bigFrom(b)))),
  reduceNonZero: (wide) => scalarFrom((bigFrom(wide) % (q - 1n)) + 1n),

  generatorRows: ({ id, direction }, seeds, bits) =>
    concat(
      ...blocks(seeds, 32).map((seed, i) =>
        xof(tags.otePrg, [seed, id, u8(direction), u16be(i), u8(bit(bits, i))], ROW_BYTES),
      ),
    ),

  pads: ({ id, direction }, columns) =>
    concat(
      ...blocks(columns, 16).map((column, j) =>
        xof(tags.otePad, [id, u8(direction), u16be(j), column], 32 * WIDTH),
      ),
    ),

  transpose(rows) {
    const columns = new Uint8Array(rows.length);
    for (let j = 0; j < ROW_BITS; j++)
      for (let i = 0; i < LAMBDA_C; i++) {
        const at = 16 * j + (i >> 3);
        columns[at] = (columns[at] as number) | (bit(block(rows, i, ROW_BYTES), j) << (i & 7));
      }
    return columns;
  },

  combine(matrix, columns) {
    const out = columns.slice(16 * XI);
    for (let b = 0; b < LAMBDA_C; b++)
      for (let j = 0; j < XI; j++)
        if (bit(matrix, XI * b + j))
          for (let i = 0; i < 16; i++)
            out[16 * b + i] = (out[16 * b + i] as number) ^ (columns[16 * j + i] as number);
    return out;
  },

  sumSelected(gadget, beta) {
    let sum = 0n;
    for (let j = 0; j < XI; j++) sum += BigInt(bit(beta, j)) * number(gadget, j);
    return scalar(sum);
  },

  maskRows: (alpha0, alpha1, a) =>
    concat(
      ...blocks(alpha0, 32).map((_, n) =>
        scalar(number(alpha0, n) - number(alpha1, n) + number(a, n % WIDTH)),
      ),
    ),

  openRows: (gamma, beta, masked) =>
    concat(
      ...blocks(gamma, 32).map((_, n) =>
        scalar(number(gamma, n) + BigInt(bit(beta, Math.floor(n / WIDTH))) * number(masked, n)),
      ),
    ),

  foldRows({ rows, theta, gadget, beta, eta }) {
    const sums = [0n, 0n];
    const check: Bytes[] = [];
    for (let j = 0; j < XI; j++) {
      const v = [0, 1, 2, 3].map((i) => number(rows, WIDTH * j + i)) as [bigint, bigint, bigint, bigint];
      for (const k of [0, 1] as const) {
        const theta0 = number(theta, 2 * k);
        const theta1 = number(theta, 2 * k + 1);
        check.push(
          scalar(v[(2 + k) as 2 | 3] + theta0 * v[0] + theta1 * v[1] - BigInt(bit(beta, j)) * number(eta, k)),
        );
        sums[k] = (sums[k] as bigint) + number(gadget, j) * v[k];
      }
    }
    return { check: concat(...check), sums: concat(...sums.map(scalar)) };
  },
};
