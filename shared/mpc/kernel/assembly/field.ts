// Arithmetic mod q, the order of secp256k1, on little-endian limbs of 32 bits in memory.
//
// No branch and no address depends on a value: loops have fixed counts, choices are masks.
// q = 2^256 - c with c = 0x1_45512319_50B75FC4_402DA173_2FC9BEBF, so 2^256 may be replaced by c.
// `extra` is a public 0 or 1: with 1 everything is mod q - 1, whose c is larger by one.

/** Working memory of this file and of rows.ts, cleared by the host after every call: 4096..8191. */
export const WIDE: usize = 4096; // 18 limbs
const TURN: usize = 4096 + 96; // 18 limbs
export const ONE: usize = 4096 + 192; // 8 limbs
export const TWO: usize = 4096 + 224; // 8 limbs

const C0: u64 = 0x2fc9bebf;
const C1: u64 = 0x402da173;
const C2: u64 = 0x50b75fc4;
const C3: u64 = 0x45512319;
const Q0: u64 = 0xd0364141;
const Q1: u64 = 0xbfd25e8c;
const Q2: u64 = 0xaf48a03b;
const Q3: u64 = 0xbaaedce6;
const Q4: u64 = 0xfffffffe;
const Q5: u64 = 0xffffffff;
const LOW: u64 = 0xffffffff;

/** Big-endian bytes to limbs. */
// @ts-ignore: decorator
@inline
export function read(to: usize, from: usize): void {
  store<u32>(to, bswap<u32>(load<u32>(from, 28)), 0);
  store<u32>(to, bswap<u32>(load<u32>(from, 24)), 4);
  store<u32>(to, bswap<u32>(load<u32>(from, 20)), 8);
  store<u32>(to, bswap<u32>(load<u32>(from, 16)), 12);
  store<u32>(to, bswap<u32>(load<u32>(from, 12)), 16);
  store<u32>(to, bswap<u32>(load<u32>(from, 8)), 20);
  store<u32>(to, bswap<u32>(load<u32>(from, 4)), 24);
  store<u32>(to, bswap<u32>(load<u32>(from, 0)), 28);
}

/** Limbs to big-endian bytes. The conversion is its own inverse. */
// @ts-ignore: decorator
@inline
export function write(to: usize, from: usize): void {
  read(to, from);
}

/** 17 limbs += a·b. The sum must stay below 2^544. */
export function multiplyAdd(sum: usize, a: usize, b: usize): void {
  const a0: u64 = load<u32>(a, 0);
  const a1: u64 = load<u32>(a, 4);
  const a2: u64 = load<u32>(a, 8);
  const a3: u64 = load<u32>(a, 12);
  const a4: u64 = load<u32>(a, 16);
  const a5: u64 = load<u32>(a, 20);
  const a6: u64 = load<u32>(a, 24);
  const a7: u64 = load<u32>(a, 28);
  let over: u64 = 0;
  for (let i: usize = 0; i < 32; i += 4) {
    const f: u64 = load<u32>(b + i);
    const at = sum + i;
    // (2^32 - 1)^2 + 2(2^32 - 1) = 2^64 - 1: nothing overflows.
    let t: u64 = a0 * f + <u64>load<u32>(at, 0);
    store<u32>(at, <u32>t, 0);
    t = a1 * f + <u64>load<u32>(at, 4) + (t >> 32);
    store<u32>(at, <u32>t, 4);
    t = a2 * f + <u64>load<u32>(at, 8) + (t >> 32);
    store<u32>(at, <u32>t, 8);
    t = a3 * f + <u64>load<u32>(at, 12) + (t >> 32);
    store<u32>(at, <u32>t, 12);
    t = a4 * f + <u64>load<u32>(at, 16) + (t >> 32);
    store<u32>(at, <u32>t, 16);
    t = a5 * f + <u64>load<u32>(at, 20) + (t >> 32);
    store<u32>(at, <u32>t, 20);
    t = a6 * f + <u64>load<u32>(at, 24) + (t >> 32);
    store<u32>(at, <u32>t, 24);
    t = a7 * f + <u64>load<u32>(at, 28) + (t >> 32);
    store<u32>(at, <u32>t, 28);
    t = (t >> 32) + <u64>load<u32>(at, 32) + over;
    store<u32>(at, <u32>t, 32);
    over = t >> 32;
  }
  store<u32>(sum, load<u32>(sum, 64) + <u32>over, 64);
}

/** 17 limbs += 8 limbs & mask. */
export function addMasked(sum: usize, a: usize, mask: u32): void {
  let t: u64 = 0;
  for (let i: usize = 0; i < 32; i += 4) {
    t += <u64>load<u32>(sum + i) + <u64>(load<u32>(a + i) & mask);
    store<u32>(sum + i, <u32>t);
    t >>= 32;
  }
  for (let i: usize = 32; i < 68; i += 4) {
    t += <u64>load<u32>(sum + i);
    store<u32>(sum + i, <u32>t);
    t >>= 32;
  }
}

/** 9 limbs += 8 limbs & mask. */
export function addMaskedNarrow(sum: usize, a: usize, mask: u32): void {
  let t: u64 = <u64>load<u32>(sum, 0) + <u64>(load<u32>(a, 0) & mask);
  store<u32>(sum, <u32>t, 0);
  t = (t >> 32) + <u64>load<u32>(sum, 4) + <u64>(load<u32>(a, 4) & mask);
  store<u32>(sum, <u32>t, 4);
  t = (t >> 32) + <u64>load<u32>(sum, 8) + <u64>(load<u32>(a, 8) & mask);
  store<u32>(sum, <u32>t, 8);
  t = (t >> 32) + <u64>load<u32>(sum, 12) + <u64>(load<u32>(a, 12) & mask);
  store<u32>(sum, <u32>t, 12);
  t = (t >> 32) + <u64>load<u32>(sum, 16) + <u64>(load<u32>(a, 16) & mask);
  store<u32>(sum, <u32>t, 16);
  t = (t >> 32) + <u64>load<u32>(sum, 20) + <u64>(load<u32>(a, 20) & mask);
  store<u32>(sum, <u32>t, 20);
  t = (t >> 32) + <u64>load<u32>(sum, 24) + <u64>(load<u32>(a, 24) & mask);
  store<u32>(sum, <u32>t, 24);
  t = (t >> 32) + <u64>load<u32>(sum, 28) + <u64>(load<u32>(a, 28) & mask);
  store<u32>(sum, <u32>t, 28);
  store<u32>(sum, load<u32>(sum, 32) + <u32>(t >> 32), 32);
}

/** to = (from mod 2^256) + high·c, where high is the `count` limbs of `from` above 2^256: count + 6 limbs or more. */
function foldHigh(to: usize, from: usize, count: usize, extra: u64): void {
  const zero = i64x2.splat(0);
  v128.store(to, v128.load(from, 0), 0);
  v128.store(to, v128.load(from, 16), 16);
  v128.store(to, zero, 32);
  v128.store(to, zero, 48);
  store<u64>(to, 0, 64);
  let over: u64 = 0;
  for (let i: usize = 0; i < count << 2; i += 4) {
    const h: u64 = load<u32>(from + i, 32);
    const at = to + i;
    let t: u64 = h * (C0 + extra) + <u64>load<u32>(at, 0);
    store<u32>(at, <u32>t, 0);
    t = h * C1 + <u64>load<u32>(at, 4) + (t >> 32);
    store<u32>(at, <u32>t, 4);
    t = h * C2 + <u64>load<u32>(at, 8) + (t >> 32);
    store<u32>(at, <u32>t, 8);
    t = h * C3 + <u64>load<u32>(at, 12) + (t >> 32);
    store<u32>(at, <u32>t, 12);
    t = h + <u64>load<u32>(at, 16) + (t >> 32) + over;
    store<u32>(at, <u32>t, 16);
    over = t >> 32;
  }
  // What is left over moves up through all limbs: it may run over the lower eight when count is small.
  for (let i: usize = (count << 2) + 16; i < 72; i += 4) {
    const t: u64 = <u64>load<u32>(to + i) + over;
    store<u32>(to + i, <u32>t);
    over = t >> 32;
  }
}

/** to = 8 limbs below 2^256, less q if they are not below q. */
export function subtractOnce(to: usize, from: usize, extra: u64): void {
  let t: i64 = 0;
  t = <i64>load<u32>(from, 0) - <i64>(Q0 - extra);
  const d0 = <u32>t;
  t = <i64>load<u32>(from, 4) - <i64>Q1 + (t >> 32);
  const d1 = <u32>t;
  t = <i64>load<u32>(from, 8) - <i64>Q2 + (t >> 32);
  const d2 = <u32>t;
  t = <i64>load<u32>(from, 12) - <i64>Q3 + (t >> 32);
  const d3 = <u32>t;
  t = <i64>load<u32>(from, 16) - <i64>Q4 + (t >> 32);
  const d4 = <u32>t;
  t = <i64>load<u32>(from, 20) - <i64>Q5 + (t >> 32);
  const d5 = <u32>t;
  t = <i64>load<u32>(from, 24) - <i64>Q5 + (t >> 32);
  const d6 = <u32>t;
  t = <i64>load<u32>(from, 28) - <i64>Q5 + (t >> 32);
  const d7 = <u32>t;
  // All ones if it was below q.
  const keep = <u32>(t >> 32);
  store<u32>(to, (load<u32>(from, 0) & keep) | (d0 & ~keep), 0);
  store<u32>(to, (load<u32>(from, 4) & keep) | (d1 & ~keep), 4);
  store<u32>(to, (load<u32>(from, 8) & keep) | (d2 & ~keep), 8);
  store<u32>(to, (load<u32>(from, 12) & keep) | (d3 & ~keep), 12);
  store<u32>(to, (load<u32>(from, 16) & keep) | (d4 & ~keep), 16);
  store<u32>(to, (load<u32>(from, 20) & keep) | (d5 & ~keep), 20);
  store<u32>(to, (load<u32>(from, 24) & keep) | (d6 & ~keep), 24);
  store<u32>(to, (load<u32>(from, 28) & keep) | (d7 & ~keep), 28);
}

/** 8 limbs = 17 limbs mod q, for numbers below 2^530. */
export function reduceWide(to: usize, wide: usize, extra: u64): void {
  // 9 high limbs, at most 2^274: the sum is below 2^404. Then 6 limbs, at most 2^148: below 2^278.
  foldHigh(TURN, wide, 9, extra);
  foldHigh(wide, TURN, 6, extra);
  reduceNarrow(to, wide, extra);
}

/** 8 limbs = 9 limbs mod q. */
export function reduceNarrow(to: usize, narrow: usize, extra: u64): void {
  // One high limb: what comes out is below 2^256 + 2^161.
  let high: u64 = load<u32>(narrow, 32);
  let t: u64;
  t = high * (C0 + extra) + <u64>load<u32>(narrow, 0);
  const n0: u64 = t & LOW;
  t = high * C1 + <u64>load<u32>(narrow, 4) + (t >> 32);
  const n1: u64 = t & LOW;
  t = high * C2 + <u64>load<u32>(narrow, 8) + (t >> 32);
  const n2: u64 = t & LOW;
  t = high * C3 + <u64>load<u32>(narrow, 12) + (t >> 32);
  const n3: u64 = t & LOW;
  t = high + <u64>load<u32>(narrow, 16) + (t >> 32);
  const n4: u64 = t & LOW;
  t = <u64>load<u32>(narrow, 20) + (t >> 32);
  const n5: u64 = t & LOW;
  t = <u64>load<u32>(narrow, 24) + (t >> 32);
  const n6: u64 = t & LOW;
  t = <u64>load<u32>(narrow, 28) + (t >> 32);
  const n7: u64 = t & LOW;
  high = t >> 32;
  // Now it is 0 or 1, and 1 only if the rest is small: nothing is carried out of the top.
  t = high * (C0 + extra) + n0;
  store<u32>(narrow, <u32>t, 0);
  t = high * C1 + n1 + (t >> 32);
  store<u32>(narrow, <u32>t, 4);
  t = high * C2 + n2 + (t >> 32);
  store<u32>(narrow, <u32>t, 8);
  t = high * C3 + n3 + (t >> 32);
  store<u32>(narrow, <u32>t, 12);
  t = high + n4 + (t >> 32);
  store<u32>(narrow, <u32>t, 16);
  t = n5 + (t >> 32);
  store<u32>(narrow, <u32>t, 20);
  t = n6 + (t >> 32);
  store<u32>(narrow, <u32>t, 24);
  t = n7 + (t >> 32);
  store<u32>(narrow, <u32>t, 28);
  subtractOnce(to, narrow, extra);
}

/** to = q - a for a below q (q for 0). */
export function complement(to: usize, a: usize): void {
  let t: i64 = <i64>Q0 - <i64>load<u32>(a, 0);
  store<u32>(to, <u32>t, 0);
  t = <i64>Q1 - <i64>load<u32>(a, 4) + (t >> 32);
  store<u32>(to, <u32>t, 4);
  t = <i64>Q2 - <i64>load<u32>(a, 8) + (t >> 32);
  store<u32>(to, <u32>t, 8);
  t = <i64>Q3 - <i64>load<u32>(a, 12) + (t >> 32);
  store<u32>(to, <u32>t, 12);
  t = <i64>Q4 - <i64>load<u32>(a, 16) + (t >> 32);
  store<u32>(to, <u32>t, 16);
  t = <i64>Q5 - <i64>load<u32>(a, 20) + (t >> 32);
  store<u32>(to, <u32>t, 20);
  t = <i64>Q5 - <i64>load<u32>(a, 24) + (t >> 32);
  store<u32>(to, <u32>t, 24);
  t = <i64>Q5 - <i64>load<u32>(a, 28) + (t >> 32);
  store<u32>(to, <u32>t, 28);
}

/** 18 limbs of zeros. Single stores: for so few bytes they are faster than memory.fill. */
// @ts-ignore: decorator
@inline
export function clear(at: usize): void {
  const zero = i64x2.splat(0);
  v128.store(at, zero, 0);
  v128.store(at, zero, 16);
  v128.store(at, zero, 32);
  v128.store(at, zero, 48);
  store<u64>(at, 0, 64);
}

/** 32 bytes = a + b. */
export function add(to: usize, a: usize, b: usize): void {
  clear(WIDE);
  read(WIDE, a);
  read(ONE, b);
  addMaskedNarrow(WIDE, ONE, 0xffffffff);
  reduceNarrow(ONE, WIDE, 0);
  write(to, ONE);
}

/** 32 bytes = a - b, for b below q. */
export function sub(to: usize, a: usize, b: usize): void {
  clear(WIDE);
  read(WIDE, a);
  read(TWO, b);
  complement(ONE, TWO);
  addMaskedNarrow(WIDE, ONE, 0xffffffff);
  reduceNarrow(ONE, WIDE, 0);
  write(to, ONE);
}

/** 32 bytes = a·b. */
export function mul(to: usize, a: usize, b: usize): void {
  read(ONE, a);
  read(TWO, b);
  clear(WIDE);
  multiplyAdd(WIDE, ONE, TWO);
  reduceWide(ONE, WIDE, 0);
  write(to, ONE);
}

/** 32 bytes = a^(q-2): the inverse, 0 for 0. The exponent is public. */
export function inverse(to: usize, a: usize): void {
  read(ONE, a);
  memory.copy(TWO, ONE, 32);
  // Below the leading bit of q - 2, from the top.
  for (let i: i32 = 254; i >= 0; i--) {
    clear(WIDE);
    multiplyAdd(WIDE, TWO, TWO);
    reduceWide(TWO, WIDE, 0);
    if (exponentBit(i)) {
      clear(WIDE);
      multiplyAdd(WIDE, TWO, ONE);
      reduceWide(TWO, WIDE, 0);
    }
  }
  write(to, TWO);
}

/** Bit i of q - 2. Public. */
function exponentBit(i: i32): bool {
  let word: u64 = 0xffffffffffffffff;
  if (i < 64) word = 0xbfd25e8cd036413f;
  else if (i < 128) word = 0xbaaedce6af48a03b;
  else if (i < 192) word = 0xfffffffffffffffe;
  return ((word >> <u64>(i & 63)) & 1) != 0;
}

/** Each 48-byte big-endian block mod q (or mod q - 1, plus 1, for extra = 1): 32 bytes each. */
export function reduceBlocks(to: usize, from: usize, count: usize, extra: u64): void {
  for (let n: usize = 0; n < count; n++) {
    clear(WIDE);
    read(WIDE, from + 48 * n + 16);
    for (let i: usize = 0; i < 4; i++)
      store<u32>(WIDE + 32 + 4 * i, bswap<u32>(load<u32>(from + 48 * n + 12 - 4 * i)));
    reduceWide(ONE, WIDE, extra);
    // At most q - 2, so that adding one carries but never overflows.
    let t: u64 = extra;
    for (let i: usize = 0; i < 32; i += 4) {
      t += <u64>load<u32>(ONE + i);
      store<u32>(ONE + i, <u32>t);
      t >>= 32;
    }
    write(to + 32 * n, ONE);
  }
}
