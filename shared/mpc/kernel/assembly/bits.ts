// Bit matrices of the oblivious-transfer extension. Addresses depend on positions and on the public check
// matrix alone.

/** Working memory of this file: 16 entries of 16 bytes. Cleared by the host after every call. */
const TABLE: usize = 4096 + 2048;

/** 128 rows of 80 bytes to 640 columns of 16 bytes: bit i of column j is bit j of row i. */
export function transpose(to: usize, from: usize): void {
  for (let c: usize = 0; c < 80; c++)
    for (let r: usize = 0; r < 16; r++) {
      const at = from + 640 * r + c;
      let x: u64 = <u64>load<u8>(at);
      x |= <u64>load<u8>(at, 80) << 8;
      x |= <u64>load<u8>(at, 160) << 16;
      x |= <u64>load<u8>(at, 240) << 24;
      x |= <u64>load<u8>(at, 320) << 32;
      x |= <u64>load<u8>(at, 400) << 40;
      x |= <u64>load<u8>(at, 480) << 48;
      x |= <u64>load<u8>(at, 560) << 56;
      // An 8 x 8 block by swapping ever larger halves (Warren, Hacker's Delight, section 7-3).
      let t: u64 = (x ^ (x >> 7)) & 0x00aa00aa00aa00aa;
      x ^= t ^ (t << 7);
      t = (x ^ (x >> 14)) & 0x0000cccc0000cccc;
      x ^= t ^ (t << 14);
      t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0;
      x ^= t ^ (t << 28);
      const out = to + 128 * c + r;
      store<u8>(out, <u8>x, 0);
      store<u8>(out, <u8>(x >> 8), 16);
      store<u8>(out, <u8>(x >> 16), 32);
      store<u8>(out, <u8>(x >> 24), 48);
      store<u8>(out, <u8>(x >> 32), 64);
      store<u8>(out, <u8>(x >> 40), 80);
      store<u8>(out, <u8>(x >> 48), 96);
      store<u8>(out, <u8>(x >> 56), 112);
    }
}

/**
 * Output b = column 512 + b, plus the columns j < 512 whose bit is set in row b of the public matrix
 * (128 rows of 64 bytes). Four columns at a time, through a table of their 16 sums.
 */
export function combine(to: usize, matrix: usize, columns: usize): void {
  memory.copy(to, columns + 512 * 16, 128 * 16);
  for (let group: usize = 0; group < 128; group++) {
    v128.store(TABLE, i64x2.splat(0));
    for (let k: usize = 0; k < 4; k++) {
      const column = v128.load(columns + 64 * group + 16 * k);
      const half: usize = 16 << k;
      for (let at: usize = 0; at < half; at += 16)
        v128.store(TABLE + half + at, v128.xor(v128.load(TABLE + at), column));
    }
    const shift: u32 = <u32>((group & 1) << 2);
    for (let b: usize = 0; b < 128; b++) {
      const nibble = (<usize>load<u8>(matrix + 64 * b + (group >> 1)) >> shift) & 15;
      const at = to + 16 * b;
      v128.store(at, v128.xor(v128.load(at), v128.load(TABLE + 16 * nibble)));
    }
  }
}
