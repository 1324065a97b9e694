/**
 * What a verifier keeps of a log that does not fit into memory: the right edge of the Merkle tree (RFC 6962),
 * and hashes under numbers, 32 bytes and a few more each. Part of the verifier: noble and nothing else.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, join, must } from './formats.ts';

export const leafHash = (data: Bytes): Bytes => sha256(join(Uint8Array.of(0), data));
const nodeHash = (left: Bytes, right: Bytes): Bytes => sha256(join(Uint8Array.of(1), left, right));

/** Roots of complete subtrees from left to right, with their sizes. */
export type Peaks = { readonly size: number; readonly hash: Bytes }[];

export function grow(peaks: Peaks, leaf: Bytes): void {
  let [size, hash] = [1, leaf];
  for (let last = peaks.at(-1); last?.size === size; last = peaks.at(-1)) {
    hash = nodeHash(last.hash, hash);
    size *= 2;
    peaks.pop();
  }
  peaks.push({ size, hash });
}

export const rootOf = (peaks: Peaks): Bytes =>
  peaks.length === 0
    ? sha256(new Uint8Array(0))
    : peaks.map(({ hash }) => hash).reduceRight((right, left) => nodeHash(left, right));

/** A list of numbers that grows; 4 bytes each, 0 where nothing was set. */
export interface Numbers {
  get(at: number): number;
  set(at: number, value: number): void;
}

export function numbers(): Numbers {
  let values = new Uint32Array(1_024);
  return {
    get: (at) => values[at] ?? 0,
    set(at, value) {
      if (at >= values.length) {
        const larger = new Uint32Array(Math.max(2 * values.length, at + 1));
        larger.set(values);
        values = larger;
      }
      values[at] = value;
    },
  };
}

/** Hashes of 32 bytes, numbered from 0 in the order in which they came. */
export interface HashNumbers {
  count(): number;
  /** Undefined if it is not there. */
  find(hash: Bytes): number | undefined;
  /** Its number; a new one if it was not there. */
  add(hash: Bytes): number;
  hash(number: number): Bytes;
}

const words = 8;

/** An open hash table. Its order is seeded, so that nobody can choose hashes that collide in it. */
export function hashNumbers(): HashNumbers {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const keys = numbers();
  let count = 0;
  /** Number + 1, or 0 for a free slot. At most half of them are taken. */
  let slots = new Uint32Array(2_048);

  const wordsOf = (hash: Bytes): Uint32Array => {
    must(hash.length === 4 * words, 'not a hash of 32 bytes');
    return new Uint32Array(hash.slice().buffer);
  };
  const keyOf = (number: number): Uint32Array =>
    Uint32Array.from({ length: words }, (_, i) => keys.get(number * words + i));
  const isAt = (key: Uint32Array, number: number): boolean => {
    for (let i = 0; i < words; i++) if (keys.get(number * words + i) !== key[i]) return false;
    return true;
  };
  /** The slot of this key, or the free one where it would stand. */
  const slotOf = (key: Uint32Array): number => {
    const mask = slots.length - 1;
    let mixed = seed;
    for (let i = 0; i < words; i++) mixed = Math.imul(mixed ^ (key[i] ?? 0), 0x9e3779b1) ^ (mixed >>> 15);
    for (let slot = (mixed ^ (mixed >>> 16)) & mask; ; slot = (slot + 1) & mask) {
      const taken = slots[slot] ?? 0;
      if (taken === 0 || isAt(key, taken - 1)) return slot;
    }
  };
  const widen = () => {
    slots = new Uint32Array(2 * slots.length);
    for (let number = 0; number < count; number++) slots[slotOf(keyOf(number))] = number + 1;
  };

  return {
    count: () => count,
    find(hash) {
      const taken = slots[slotOf(wordsOf(hash))] ?? 0;
      return taken === 0 ? undefined : taken - 1;
    },
    add(hash) {
      const key = wordsOf(hash);
      const slot = slotOf(key);
      const taken = slots[slot] ?? 0;
      if (taken !== 0) return taken - 1;
      for (const [i, word] of key.entries()) keys.set(count * words + i, word);
      slots[slot] = ++count;
      if (2 * count >= slots.length) widen();
      return count - 1;
    },
    hash: (number) => new Uint8Array(keyOf(number).buffer),
  };
}
