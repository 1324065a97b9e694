/**
 * The attack that a key commitment is there for: one AES-256-GCM ciphertext that opens under two keys (Dodis,
 * Grubbs, Ristenpart, Woodage 2018; Len, Grubbs, Ristenpart 2021). The tag is linear in every block of the
 * ciphertext, so one block solves tag(K1) = tag(K2).
 * @module
 */
import { createCipheriv } from 'node:crypto';
import { type Bytes, concat, fromHex, toHex } from '#shared/bytes.ts';

const toInt = (b: Bytes): bigint => BigInt(`0x${toHex(b)}`);
const toBlock = (n: bigint): Bytes => fromHex(n.toString(16).padStart(32, '0'));

/** GF(2^128) with the bit order of GCM: bit 0 is the most significant (NIST SP 800-38D, 6.3). */
function multiply(x: bigint, y: bigint): bigint {
  const reduction = 0xe1n << 120n;
  let [z, v] = [0n, y];
  for (let i = 127n; i >= 0n; i--) {
    if ((x >> i) & 1n) z ^= v;
    v = v & 1n ? (v >> 1n) ^ reduction : v >> 1n;
  }
  return z;
}

const one = 1n << 127n;

/** x^(2^128 - 2). */
function invert(x: bigint): bigint {
  let [result, square] = [one, x];
  for (let i = 0; i < 127; i++) {
    square = multiply(square, square);
    result = multiply(result, square);
  }
  return result;
}

const encryptBlock = (key: Bytes, block: Bytes): bigint =>
  toInt(createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(block));

const padded = (b: Bytes): Bytes => concat(b, new Uint8Array((16 - (b.length % 16)) % 16));

function ghash(h: bigint, blocks: Bytes): bigint {
  let y = 0n;
  for (let i = 0; i < blocks.length; i += 16) y = multiply(y ^ toInt(blocks.subarray(i, i + 16)), h);
  return y;
}

/**
 * `nonce 12 ‖ ciphertext ‖ tag 16` that opens under both keys with this header.
 * @param ciphertext a multiple of 16 bytes; its last block is replaced
 */
export function openingUnderBoth(k1: Bytes, k2: Bytes, nonce: Bytes, aad: Bytes, ciphertext: Bytes): Bytes {
  const lengths = new Uint8Array(16);
  new DataView(lengths.buffer).setUint32(4, aad.length * 8);
  new DataView(lengths.buffer).setUint32(12, ciphertext.length * 8);
  const first = ciphertext.slice(0, -16);
  const parts = (last: Bytes) => concat(padded(aad), first, last, lengths);
  const start = concat(nonce, Uint8Array.of(0, 0, 0, 1));
  const [h1, h2] = [k1, k2].map((k) => encryptBlock(k, new Uint8Array(16))) as [bigint, bigint];
  const tag = (key: Bytes, h: bigint, last: Bytes) => ghash(h, parts(last)) ^ encryptBlock(key, start);
  // The last block is two places before the end of GHASH: it enters as last·h².
  const zero = new Uint8Array(16);
  const difference = tag(k1, h1, zero) ^ tag(k2, h2, zero);
  const last = toBlock(multiply(difference, invert(multiply(h1, h1) ^ multiply(h2, h2))));
  return concat(nonce, first, last, toBlock(tag(k1, h1, last)));
}
