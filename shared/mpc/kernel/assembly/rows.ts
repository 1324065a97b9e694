// The multiplications of a session: sums and products over the 512 rows of the oblivious transfers, mod q.
//
// As in field.ts, no branch and no address depends on a value.
import {
  addMasked,
  addMaskedNarrow,
  clear,
  complement,
  multiplyAdd,
  ONE,
  read,
  reduceNarrow,
  reduceWide,
  subtractOnce,
  TWO,
  WIDE,
  write,
} from './field';

/** Working memory of this file, behind that of field.ts. */
const THREE: usize = 4096 + 256; // 8 limbs
const SUMS: usize = 4096 + 320; // 2 x 24 limbs
const FACTORS: usize = 4096 + 512; // up to 8 x 8 limbs

/** All ones if bit j is set, else zero. */
// @ts-ignore: decorator
@inline
function maskOf(bits: usize, j: usize): u32 {
  return 0 - ((<u32>load<u8>(bits + (j >> 3)) >> <u32>(j & 7)) & 1);
}

/** 32 bytes = the sum of the 512 numbers whose bit is set. */
export function sumSelected(to: usize, numbers: usize, bits: usize): void {
  clear(WIDE);
  for (let j: usize = 0; j < 512; j++) {
    read(ONE, numbers + 32 * j);
    addMaskedNarrow(WIDE, ONE, maskOf(bits, j));
  }
  // Below 2^265.
  reduceNarrow(ONE, WIDE, 0);
  write(to, ONE);
}

/** 512 rows of 4: alpha0 - alpha1 + inputs. */
export function maskRows(to: usize, alpha0: usize, alpha1: usize, inputs: usize): void {
  for (let i: usize = 0; i < 4; i++) read(FACTORS + 32 * i, inputs + 32 * i);
  for (let n: usize = 0; n < 2048; n++) {
    clear(WIDE);
    read(WIDE, alpha0 + 32 * n);
    read(ONE, alpha1 + 32 * n);
    subtractOnce(TWO, ONE, 0);
    complement(ONE, TWO);
    addMaskedNarrow(WIDE, ONE, 0xffffffff);
    addMaskedNarrow(WIDE, FACTORS + 32 * (n & 3), 0xffffffff);
    reduceNarrow(ONE, WIDE, 0);
    write(to + 32 * n, ONE);
  }
}

/** 512 rows of 4: gamma + bit·masked. */
export function openRows(to: usize, gamma: usize, bits: usize, masked: usize): void {
  for (let n: usize = 0; n < 2048; n++) {
    clear(WIDE);
    read(WIDE, gamma + 32 * n);
    read(ONE, masked + 32 * n);
    addMaskedNarrow(WIDE, ONE, maskOf(bits, n >> 2));
    reduceNarrow(ONE, WIDE, 0);
    write(to + 32 * n, ONE);
  }
}

/**
 * For 512 rows v: check = v_{2+k} + theta_{k,0}·v_0 + theta_{k,1}·v_1 - bit·eta_k (k = 0, 1), and
 * sums_i = sum of gadget·v_i (i = 0, 1).
 */
export function foldRows(
  check: usize,
  sums: usize,
  rows: usize,
  theta: usize,
  gadget: usize,
  bits: usize,
  eta: usize,
): void {
  for (let i: usize = 0; i < 4; i++) read(FACTORS + 32 * i, theta + 32 * i);
  for (let k: usize = 0; k < 2; k++) {
    read(ONE, eta + 32 * k);
    complement(FACTORS + 128 + 32 * k, ONE);
    clear(SUMS + 96 * k);
  }
  for (let j: usize = 0; j < 512; j++) {
    const row = rows + 128 * j;
    const mask = maskOf(bits, j);
    read(ONE, row);
    read(TWO, row + 32);
    read(THREE, gadget + 32 * j);
    // 512 products below 2^512 each: below 2^521.
    multiplyAdd(SUMS, THREE, ONE);
    multiplyAdd(SUMS + 96, THREE, TWO);
    for (let k: usize = 0; k < 2; k++) {
      clear(WIDE);
      read(WIDE, row + 64 + 32 * k);
      multiplyAdd(WIDE, FACTORS + 64 * k, ONE);
      multiplyAdd(WIDE, FACTORS + 64 * k + 32, TWO);
      addMasked(WIDE, FACTORS + 128 + 32 * k, mask);
      reduceWide(THREE, WIDE, 0);
      write(check + 64 * j + 32 * k, THREE);
    }
  }
  for (let i: usize = 0; i < 2; i++) {
    reduceWide(ONE, SUMS + 96 * i, 0);
    write(sums + 32 * i, ONE);
  }
}
