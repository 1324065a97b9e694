/**
 * The Merkle tree of RFC 6962, section 2.1, over SHA-256: hashes of leaves and nodes, the root, the right edge
 * that lets a tree grow in O(log n), inclusion and consistency proofs. Sizes and indices are safe integers.
 *
 * A proof is a list of hashes of *ranges* of leaves. Every range is a row of complete subtrees, so a proof can
 * be made from leaves in memory or from tiles in a store alike: {@link inclusionPath} and
 * {@link consistencyPath} say which ranges, {@link subtreesOf} which subtrees, {@link foldRight} joins them.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, equalBytes } from '../bytes.ts';

/** SHA-256 of nothing: the root of a tree without leaves. */
export const emptyRoot: Bytes = sha256(new Uint8Array(0));

/** SHA-256(0x00 ‖ data), 32 bytes. */
export function leafHash(data: Bytes): Bytes {
  const input = new Uint8Array(1 + data.length);
  input.set(data, 1);
  return sha256(input);
}

/** SHA-256(0x01 ‖ left ‖ right), 32 bytes. */
export function nodeHash(left: Bytes, right: Bytes): Bytes {
  const input = new Uint8Array(65);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 33);
  return sha256(input);
}

/** Leaves `start` to `end - 1`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The complete subtree over leaves `index * 2^height` to `(index + 1) * 2^height - 1`. */
export interface Subtree {
  readonly height: number;
  readonly index: number;
}

/**
 * The complete subtrees of a range that a tree has as a node or as its right edge: `start` is a multiple of
 * the largest power of two that is not above the length. Left to right, each smaller than the one before.
 */
export function subtreesOf({ start, end }: Range): readonly Subtree[] {
  const found: Subtree[] = [];
  let at = start;
  while (at < end) {
    let [height, width] = [0, 1];
    while (2 * width <= end - at) [height, width] = [height + 1, 2 * width];
    found.push({ height, index: at / width });
    at += width;
  }
  return found;
}

/** The hash over subtrees from left to right, as a tree joins them; {@link emptyRoot} of none. */
export function foldRight(hashes: readonly Bytes[]): Bytes {
  let joined: Bytes | undefined;
  for (let i = hashes.length - 1; i >= 0; i--) {
    const left = hashes[i] as Bytes;
    joined = joined === undefined ? left : nodeHash(left, joined);
  }
  return joined ?? emptyRoot;
}

/** The root of a complete subtree from the 2^k hashes of one level under it. */
export function joinLevel(hashes: readonly Bytes[]): Bytes {
  let level = hashes;
  while (level.length > 1) {
    const above: Bytes[] = [];
    for (let i = 0; i < level.length; i += 2) above.push(nodeHash(level[i] as Bytes, level[i + 1] as Bytes));
    level = above;
  }
  return level[0] as Bytes;
}

/** A tree that only grows: its size and the roots of its complete subtrees from left to right. */
export interface Frontier {
  readonly size: number;
  readonly peaks: readonly Bytes[];
}

export const emptyFrontier: Frontier = { size: 0, peaks: [] };

/** The tree with one leaf more: O(log n) hashes at worst, one on average. */
export function appendLeaf({ size, peaks }: Frontier, hash: Bytes): Frontier {
  const grown = [...peaks];
  let joined = hash;
  // One peak falls away for each trailing one bit of the size.
  for (let n = size; n % 2 === 1; n = (n - 1) / 2) joined = nodeHash(grown.pop() as Bytes, joined);
  grown.push(joined);
  return { size: size + 1, peaks: grown };
}

export const rootOf = ({ peaks }: Frontier): Bytes => foldRight(peaks);

/** The root over the hashes of all leaves. */
export const rootOfLeaves = (hashes: readonly Bytes[]): Bytes =>
  rootOf(hashes.reduce(appendLeaf, emptyFrontier));

/** The largest power of two below `n`, for `n > 1`. */
function split(n: number): number {
  let k = 1;
  while (2 * k < n) k *= 2;
  return k;
}

/**
 * The ranges whose hashes prove that leaf `index` is in the tree of `size` leaves, nearest to the leaf first.
 * @throws {RangeError} unless `index < size`.
 */
export function inclusionPath(index: number, size: number): readonly Range[] {
  if (!(Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size))
    throw new RangeError('no such leaf');
  const path: Range[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + split(end - start);
    if (index < middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
    }
  }
  return path.reverse();
}

/**
 * The ranges whose hashes prove that the tree of `from` leaves is the beginning of the tree of `to` leaves;
 * none if the sizes are equal.
 * @throws {RangeError} unless `0 < from <= to`.
 */
export function consistencyPath(from: number, to: number): readonly Range[] {
  if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && from > 0 && from <= to))
    throw new RangeError('no such sizes');
  if (from === to) return [];
  const path: Range[] = [];
  let [start, end] = [0, to];
  let whole = true;
  while (from !== end) {
    const middle = start + split(end - start);
    if (from <= middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
      whole = false;
    }
  }
  // The verifier knows the old root; only a part of the old tree must be told to it.
  if (!whole) path.push({ start, end });
  return path.reverse();
}

/** The hashes of ranges, from a function that knows the hashes of complete subtrees. */
export const hashRanges = (ranges: readonly Range[], hashAt: (subtree: Subtree) => Bytes): readonly Bytes[] =>
  ranges.map((range) => foldRight(subtreesOf(range).map(hashAt)));

const half = (n: number): number => Math.floor(n / 2);
const wellFormed = (...hashes: readonly Bytes[]): boolean => hashes.every((hash) => hash.length === 32);
const natural = (...numbers: readonly number[]): boolean =>
  numbers.every((n) => Number.isSafeInteger(n) && n >= 0);

/** Is the leaf with this hash at `index` of the tree? RFC 9162, section 2.1.3.2. */
export function verifyInclusion(
  hash: Bytes,
  index: number,
  size: number,
  proof: readonly Bytes[],
  root: Bytes,
): boolean {
  if (!natural(index, size) || index >= size || !wellFormed(hash, root, ...proof)) return false;
  let [fn, sn, r] = [index, size - 1, hash];
  for (const p of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else r = nodeHash(r, p);
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equalBytes(r, root);
}

/**
 * Is the tree (`from`, `fromRoot`) the beginning of the tree (`to`, `toRoot`)? RFC 9162, section 2.1.4.2.
 * Nothing is proven about an empty tree: that is false, and a caller who has seen nothing does not ask.
 */
export function verifyConsistency(
  from: number,
  to: number,
  fromRoot: Bytes,
  toRoot: Bytes,
  proof: readonly Bytes[],
): boolean {
  if (!natural(from, to) || from === 0 || from > to) return false;
  if (from === to) return proof.length === 0 && equalBytes(fromRoot, toRoot);
  if (!wellFormed(fromRoot, toRoot, ...proof)) return false;
  let [fn, sn] = [from - 1, to - 1];
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  // When the old tree is a complete subtree of the new one, its root is where the proof begins.
  const path = fn === 0 ? [fromRoot, ...proof] : proof;
  const first = path[0];
  if (first === undefined) return false;
  let [fr, sr] = [first, first];
  for (const c of path.slice(1)) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      [fr, sr] = [nodeHash(c, fr), nodeHash(c, sr)];
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else sr = nodeHash(sr, c);
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equalBytes(fr, fromRoot) && equalBytes(sr, toRoot);
}
