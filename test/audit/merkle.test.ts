import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  appendLeaf,
  consistencyPath,
  emptyFrontier,
  emptyRoot,
  type Frontier,
  hashRanges,
  inclusionPath,
  joinLevel,
  leafHash,
  rootOf,
  rootOfLeaves,
  type Subtree,
  verifyConsistency,
  verifyInclusion,
} from '../../shared/audit/merkle.ts';
import {
  decodeEntries,
  type Edge,
  encodeEntries,
  entriesPath,
  growEdge,
  hashBytes,
  parseTilePath,
  partialWidth,
  rootOfEdge,
  subtreeHash,
  tileOf,
  tilePath,
} from '../../shared/audit/tile.ts';
import { type Bytes, concat, equalBytes, u32be } from '../../shared/bytes.ts';

interface Vectors {
  readonly inclusion: readonly {
    leafIdx: number;
    treeSize: number;
    root: string;
    leafHash: string;
    proof: readonly string[] | null;
    desc: string;
    wantErr: boolean;
    _file: string;
  }[];
  readonly consistency: readonly {
    size1: number;
    size2: number;
    root1: string;
    root2: string;
    proof: readonly string[] | null;
    desc: string;
    wantErr: boolean;
    _file: string;
  }[];
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../vectors/merkle-rfc6962.json', import.meta.url), 'utf8'),
);
const bytes = (s: string): Bytes => new Uint8Array(Buffer.from(s, 'base64'));
const proofOf = (proof: readonly string[] | null) => (proof ?? []).map(bytes);

const leaves = (n: number): Bytes[] => Array.from({ length: n }, (_, i) => leafHash(u32be(i)));
/** RFC 6962, 2.1, word for word. */
function treeHash(hashes: readonly Bytes[]): Bytes {
  if (hashes.length === 0) return emptyRoot;
  if (hashes.length === 1) return hashes[0] as Bytes;
  let k = 1;
  while (2 * k < hashes.length) k *= 2;
  return joinLevel([treeHash(hashes.slice(0, k)), treeHash(hashes.slice(k))]);
}
const at =
  (hashes: readonly Bytes[]) =>
  ({ height, index }: Subtree) =>
    joinLevel(hashes.slice(index * 2 ** height, (index + 1) * 2 ** height));

describe('the tree of RFC 6962', () => {
  test(`all ${vectors.inclusion.length} inclusion vectors`, () => {
    expect(vectors.inclusion).toHaveLength(65);
    const wrong = vectors.inclusion.filter(
      (v) =>
        verifyInclusion(bytes(v.leafHash), v.leafIdx, v.treeSize, proofOf(v.proof), bytes(v.root)) ===
        v.wantErr,
    );
    expect(wrong.map((v) => v._file)).toEqual([]);
  });

  test(`all ${vectors.consistency.length} consistency vectors`, () => {
    expect(vectors.consistency).toHaveLength(57);
    const wrong = vectors.consistency.filter(
      (v) =>
        verifyConsistency(v.size1, v.size2, bytes(v.root1), bytes(v.root2), proofOf(v.proof)) === v.wantErr,
    );
    expect(wrong.map((v) => v._file)).toEqual([]);
  });

  test('every way to the root agrees, and every proof of every small tree holds for itself alone', () => {
    const all = leaves(40);
    const roots = Array.from({ length: 41 }, (_, size) => treeHash(all.slice(0, size)));
    let frontier: Frontier = emptyFrontier;
    for (let size = 0; size <= 40; size++) {
      const root = roots[size] as Bytes;
      expect(rootOf(frontier)).toEqual(root);
      expect(rootOfLeaves(all.slice(0, size))).toEqual(root);
      for (let index = 0; index < size; index++) {
        const proof = hashRanges(inclusionPath(index, size), at(all));
        const leaf = all[index] as Bytes;
        expect(verifyInclusion(leaf, index, size, proof, root)).toBe(true);
        expect(verifyInclusion(leaf, (index + 1) % (size + 1), size, proof, root)).toBe(false);
      }
      for (let from = 1; from <= size; from++) {
        const proof = hashRanges(consistencyPath(from, size), at(all));
        expect(verifyConsistency(from, size, roots[from] as Bytes, root, proof)).toBe(true);
        if (from < size)
          expect(verifyConsistency(from, size, roots[from - 1] as Bytes, root, proof)).toBe(false);
      }
      frontier = appendLeaf(frontier, all[size % 40] as Bytes);
    }
  });

  test('an index or a size that does not exist has no proof', () => {
    for (const [index, size] of [
      [0, 0],
      [1, 1],
      [-1, 2],
      [0.5, 2],
      [2 ** 53, 2 ** 54],
    ] as const)
      expect(() => inclusionPath(index, size)).toThrow(RangeError);
    for (const [from, to] of [
      [0, 1],
      [2, 1],
      [-1, 1],
      [0.5, 1],
    ] as const)
      expect(() => consistencyPath(from, to)).toThrow(RangeError);
  });
});

describe('tiles', () => {
  test('paths are those of the specification, and only those are read', () => {
    expect(tilePath(0, 1234067)).toBe('tile/0/x001/x234/067');
    expect(tilePath(1, 0, 17)).toBe('tile/1/000.p/17');
    expect(entriesPath(273, 112)).toBe('tile/entries/273.p/112');
    expect(parseTilePath('tile/0/x001/x234/067')).toEqual({ level: 0, n: 1234067, width: 256 });
    expect(parseTilePath('tile/entries/273.p/112')).toEqual({ level: 'entries', n: 273, width: 112 });
    const no = ['tile/0/x000/001', 'tile/00/001', 'tile/64/001', 'tile/0/001.p/0', 'tile/0/001.p/256'];
    for (const path of [...no, 'tile/0/001.p/012', 'tile/0/1', 'tile/0/../001', 'tile/-1/000', ''])
      expect(parseTilePath(path)).toBeUndefined();
    fc.assert(
      fc.property(
        fc.nat(63),
        fc.nat({ max: 2 ** 31 - 1 }),
        fc.integer({ min: 1, max: 256 }),
        (level, n, width) => {
          expect(parseTilePath(tilePath(level, n, width))).toEqual({ level, n, width });
        },
      ),
    );
  });

  test('a log of 70,000 entries has the tiles that the specification counts', () => {
    const all = leaves(70_000);
    let edge: Edge = [];
    let size = 0;
    const full = new Map<string, Bytes>();
    for (let from = 0; from < all.length; from += 199) {
      const grown = growEdge(edge, size, all.slice(from, from + 199));
      for (const { level, n, tile } of grown.full) full.set(tilePath(level, n), tile);
      edge = grown.edge;
      size = grown.size;
    }
    const widths = edge.map((tile) => tile.length / hashBytes);
    expect([size, full.size, widths]).toEqual([70_000, 273 + 1, [112, 17, 1]]);
    expect(widths).toEqual([0, 1, 2].map((level) => partialWidth(level, size)));
    const root = rootOfLeaves(all);
    expect(rootOfEdge(edge)).toEqual(root);
    // Proofs from tiles.
    const fromTiles = (subtree: Subtree) => {
      const { level, n } = tileOf(subtree);
      return subtreeHash(subtree, full.get(tilePath(level, n)) ?? (edge[level] as Bytes));
    };
    for (const index of [0, 1, 255, 256, 65_535, 65_536, 69_999]) {
      const proof = hashRanges(inclusionPath(index, size), fromTiles);
      expect(verifyInclusion(all[index] as Bytes, index, size, proof, root)).toBe(true);
    }
    for (const from of [1, 2, 255, 256, 257, 65_536, 65_537, 69_999]) {
      const proof = hashRanges(consistencyPath(from, size), fromTiles);
      expect(verifyConsistency(from, size, rootOfLeaves(all.slice(0, from)), root, proof)).toBe(true);
    }
  });

  test('bundles of entries are read back as they were, and never beyond their end', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 20 }), (entries) => {
        const bundle = encodeEntries(entries);
        const back = decodeEntries(bundle);
        expect(
          back.length === entries.length && back.every((e, i) => equalBytes(e, entries[i] as Bytes)),
        ).toBe(true);
        if (bundle.length > 0) expect(() => decodeEntries(bundle.subarray(0, -1))).toThrow(RangeError);
      }),
    );
    expect(() => decodeEntries(concat(u32be(0), Uint8Array.of(0)))).toThrow(RangeError);
    expect(() => encodeEntries([new Uint8Array(65_536)])).toThrow(RangeError);
  });
});
