// Two Keccak-f[1600] permutations side by side (FIPS 202), and SHAKE256 of many one-block messages.
//
// Each lane is a 128-bit vector: the low half belongs to the first message, the high half to the second.
// Straight-line code: nothing depends on a value.

/** Working memory of this file: 25 lanes of 16 bytes. Cleared by the host after every call. */
const STATE: usize = 4096 + 1024;

/** Round constants. */
const ROUND: usize = memory.data<u64>([
  0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
  0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
  0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
  0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
  0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
  0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
]);

// @ts-ignore: decorator
@inline
function rotl(a: v128, n: i32): v128 {
  return v128.or(i64x2.shl(a, n), i64x2.shr_u(a, 64 - n));
}

// @ts-ignore: decorator
@inline
function xor5(a: v128, b: v128, c: v128, d: v128, e: v128): v128 {
  return v128.xor(v128.xor(v128.xor(a, b), v128.xor(c, d)), e);
}

/** a ^ (~b & c) */
// @ts-ignore: decorator
@inline
function chi(a: v128, b: v128, c: v128): v128 {
  return v128.xor(a, v128.andnot(c, b));
}

/** Lane x + 5y of the state is a{x}{y}. */
function permute(): void {
  let a00 = v128.load(STATE, 0);
  let a10 = v128.load(STATE, 16);
  let a20 = v128.load(STATE, 32);
  let a30 = v128.load(STATE, 48);
  let a40 = v128.load(STATE, 64);
  let a01 = v128.load(STATE, 80);
  let a11 = v128.load(STATE, 96);
  let a21 = v128.load(STATE, 112);
  let a31 = v128.load(STATE, 128);
  let a41 = v128.load(STATE, 144);
  let a02 = v128.load(STATE, 160);
  let a12 = v128.load(STATE, 176);
  let a22 = v128.load(STATE, 192);
  let a32 = v128.load(STATE, 208);
  let a42 = v128.load(STATE, 224);
  let a03 = v128.load(STATE, 240);
  let a13 = v128.load(STATE, 256);
  let a23 = v128.load(STATE, 272);
  let a33 = v128.load(STATE, 288);
  let a43 = v128.load(STATE, 304);
  let a04 = v128.load(STATE, 320);
  let a14 = v128.load(STATE, 336);
  let a24 = v128.load(STATE, 352);
  let a34 = v128.load(STATE, 368);
  let a44 = v128.load(STATE, 384);
  for (let round: usize = 0; round < 192; round += 8) {
    // theta
    const c0 = xor5(a00, a01, a02, a03, a04);
    const c1 = xor5(a10, a11, a12, a13, a14);
    const c2 = xor5(a20, a21, a22, a23, a24);
    const c3 = xor5(a30, a31, a32, a33, a34);
    const c4 = xor5(a40, a41, a42, a43, a44);
    const d0 = v128.xor(c4, rotl(c1, 1));
    const d1 = v128.xor(c0, rotl(c2, 1));
    const d2 = v128.xor(c1, rotl(c3, 1));
    const d3 = v128.xor(c2, rotl(c4, 1));
    const d4 = v128.xor(c3, rotl(c0, 1));
    // rho and pi
    const b00 = v128.xor(a00, d0);
    const b13 = rotl(v128.xor(a01, d0), 36);
    const b21 = rotl(v128.xor(a02, d0), 3);
    const b34 = rotl(v128.xor(a03, d0), 41);
    const b42 = rotl(v128.xor(a04, d0), 18);
    const b02 = rotl(v128.xor(a10, d1), 1);
    const b10 = rotl(v128.xor(a11, d1), 44);
    const b23 = rotl(v128.xor(a12, d1), 10);
    const b31 = rotl(v128.xor(a13, d1), 45);
    const b44 = rotl(v128.xor(a14, d1), 2);
    const b04 = rotl(v128.xor(a20, d2), 62);
    const b12 = rotl(v128.xor(a21, d2), 6);
    const b20 = rotl(v128.xor(a22, d2), 43);
    const b33 = rotl(v128.xor(a23, d2), 15);
    const b41 = rotl(v128.xor(a24, d2), 61);
    const b01 = rotl(v128.xor(a30, d3), 28);
    const b14 = rotl(v128.xor(a31, d3), 55);
    const b22 = rotl(v128.xor(a32, d3), 25);
    const b30 = rotl(v128.xor(a33, d3), 21);
    const b43 = rotl(v128.xor(a34, d3), 56);
    const b03 = rotl(v128.xor(a40, d4), 27);
    const b11 = rotl(v128.xor(a41, d4), 20);
    const b24 = rotl(v128.xor(a42, d4), 39);
    const b32 = rotl(v128.xor(a43, d4), 8);
    const b40 = rotl(v128.xor(a44, d4), 14);
    // chi and iota
    a00 = v128.xor(chi(b00, b10, b20), v128.load64_splat(ROUND + round));
    a10 = chi(b10, b20, b30);
    a20 = chi(b20, b30, b40);
    a30 = chi(b30, b40, b00);
    a40 = chi(b40, b00, b10);
    a01 = chi(b01, b11, b21);
    a11 = chi(b11, b21, b31);
    a21 = chi(b21, b31, b41);
    a31 = chi(b31, b41, b01);
    a41 = chi(b41, b01, b11);
    a02 = chi(b02, b12, b22);
    a12 = chi(b12, b22, b32);
    a22 = chi(b22, b32, b42);
    a32 = chi(b32, b42, b02);
    a42 = chi(b42, b02, b12);
    a03 = chi(b03, b13, b23);
    a13 = chi(b13, b23, b33);
    a23 = chi(b23, b33, b43);
    a33 = chi(b33, b43, b03);
    a43 = chi(b43, b03, b13);
    a04 = chi(b04, b14, b24);
    a14 = chi(b14, b24, b34);
    a24 = chi(b24, b34, b44);
    a34 = chi(b34, b44, b04);
    a44 = chi(b44, b04, b14);
  }
  v128.store(STATE, a00, 0);
  v128.store(STATE, a10, 16);
  v128.store(STATE, a20, 32);
  v128.store(STATE, a30, 48);
  v128.store(STATE, a40, 64);
  v128.store(STATE, a01, 80);
  v128.store(STATE, a11, 96);
  v128.store(STATE, a21, 112);
  v128.store(STATE, a31, 128);
  v128.store(STATE, a41, 144);
  v128.store(STATE, a02, 160);
  v128.store(STATE, a12, 176);
  v128.store(STATE, a22, 192);
  v128.store(STATE, a32, 208);
  v128.store(STATE, a42, 224);
  v128.store(STATE, a03, 240);
  v128.store(STATE, a13, 256);
  v128.store(STATE, a23, 272);
  v128.store(STATE, a33, 288);
  v128.store(STATE, a43, 304);
  v128.store(STATE, a04, 320);
  v128.store(STATE, a14, 336);
  v128.store(STATE, a24, 352);
  v128.store(STATE, a34, 368);
  v128.store(STATE, a44, 384);
}

/** Two messages of 136 bytes, before they are put side by side. */
const FIRST: usize = 4096 + 1536;
const SECOND: usize = FIRST + 136;

/**
 * SHAKE256 of `count` messages that are one padded block of 136 bytes each and differ in three places:
 * a 2-byte big-endian row number, a secret field, and (if `bitAt` is not 0) a byte that is 0 or 1.
 * @param count even  @param length bytes of output per message, a multiple of 8, at most 136
 * @param fieldLength a multiple of 8
 */
export function shakeRows(
  to: usize,
  block: usize,
  count: usize,
  length: usize,
  numberAt: usize,
  fields: usize,
  fieldAt: usize,
  fieldLength: usize,
  bitAt: usize,
  bits: usize,
): void {
  memory.copy(FIRST, block, 136);
  memory.copy(SECOND, block, 136);
  for (let row: usize = 0; row < count; row++) {
    const at = row & 1 ? SECOND : FIRST;
    store<u16>(at + numberAt, bswap<u16>(<u16>row));
    for (let i: usize = 0; i < fieldLength; i += 8)
      store<u64>(at + fieldAt + i, load<u64>(fields + row * fieldLength + i));
    if (bitAt) store<u8>(at + bitAt, (load<u8>(bits + (row >> 3)) >> <u8>(row & 7)) & 1);
    if (!(row & 1)) continue;

    for (let lane: usize = 0; lane < 17; lane++)
      v128.store(
        STATE + 16 * lane,
        i64x2.replace_lane(v128.load64_splat(FIRST + 8 * lane), 1, load<u64>(SECOND + 8 * lane)),
      );
    for (let lane: usize = 17; lane < 25; lane++) v128.store(STATE + 16 * lane, i64x2.splat(0));
    permute();
    const out = to + (row - 1) * length;
    for (let i: usize = 0; i < length; i += 8) {
      store<u64>(out + i, load<u64>(STATE + 2 * i));
      store<u64>(out + length + i, load<u64>(STATE + 2 * i, 8));
    }
  }
}
