/**
 * Reads a log: tiles, bundles of entries, and the proofs that are made from tiles.
 * @module
 */
import {
  consistencyPath,
  hashRanges,
  inclusionPath,
  leafHash,
  type Range,
  type Subtree,
  subtreesOf,
} from '#shared/audit/merkle.ts';
import {
  decodeEntries,
  encodeEntries,
  entriesPath,
  hashBytes,
  hashesOf,
  subtreeHash,
  type TileName,
  tileOf,
  tilePath,
  tileWidth,
} from '#shared/audit/tile.ts';
import { type Bytes, equalBytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import { type AuditStore, fullIndex, type Head } from '../stores/audit.ts';
import type { WriteOnce } from './ports.ts';

export interface LogReader {
  /** The hash of a tile of a log with this head. @throws {CustodyError} `audit_unavailable` if it is lost */
  tile(log: string, head: Head, level: number, n: number): Promise<Bytes>;
  /** The hashes that prove leaf `index` in the tree of `size`. @throws {RangeError} if there is no such leaf */
  inclusion(log: string, head: Head, index: number, size: number): Promise<readonly Bytes[]>;
  /** @throws {RangeError} unless `0 < from <= to <= head.size` */
  consistency(log: string, head: Head, from: number, to: number): Promise<readonly Bytes[]>;
  /** The leaves `from` to `to - 1`, as they were hashed. @throws {CustodyError} `audit_unavailable` if one is lost or altered */
  leaves(log: string, head: Head, from: number, to: number): Promise<readonly Bytes[]>;
  /** What tlog-tiles serves under this name; undefined beyond the head. */
  resource(log: string, head: Head, name: TileName): Promise<Bytes | undefined>;
}

export function logReader(store: AuditStore, files: WriteOnce): LogReader {
  const lost = (name: string) => new CustodyError('audit_unavailable', `${name} is not there`);
  const tile = async (log: string, head: Head, level: number, n: number): Promise<Bytes> => {
    const last = fullIndex(level, head.size);
    if (n > last) return head.edge[level] ?? new Uint8Array(0);
    // The last full tile may not have been written yet; while the head names it, it is there.
    const named = n === last ? head.full[level] : undefined;
    const found = named ?? (await files.get(`${log}/${tilePath(level, n)}`));
    if (found?.length !== tileWidth * hashBytes) throw lost(tilePath(level, n));
    return found;
  };
  const hashes = async (log: string, head: Head, ranges: readonly Range[]): Promise<readonly Bytes[]> => {
    const at = ({ level, n }: { readonly level: number; readonly n: number }) => `${level}/${n}`;
    const wanted = new Map(
      ranges.flatMap(subtreesOf).map((subtree) => [at(tileOf(subtree)), tileOf(subtree)]),
    );
    const tiles = new Map(
      await Promise.all(
        [...wanted].map(async ([key, { level, n }]) => [key, await tile(log, head, level, n)] as const),
      ),
    );
    return hashRanges(ranges, (subtree: Subtree) =>
      subtreeHash(subtree, tiles.get(at(tileOf(subtree))) ?? new Uint8Array(0)),
    );
  };
  const leaves = async (log: string, head: Head, from: number, to: number): Promise<readonly Bytes[]> => {
    const found: Bytes[] = [];
    for (let n = Math.floor(from / tileWidth); n * tileWidth < to; n++) {
      const [start, end] = [Math.max(from, n * tileWidth), Math.min(to, (n + 1) * tileWidth)];
      const bundle =
        (n + 1) * tileWidth <= head.size ? await files.get(`${log}/${entriesPath(n)}`) : undefined;
      const some =
        bundle === undefined
          ? await placedLeaves(store, log, head, start, end)
          : decodeEntries(bundle).slice(start - n * tileWidth, end - n * tileWidth);
      const expected = hashesOf(await tile(log, head, 0, n)).slice(start - n * tileWidth);
      for (const [i, leaf] of some.entries())
        if (!equalBytes(leafHash(leaf), expected[i] ?? new Uint8Array(0))) throw lost(`record ${start + i}`);
      if (some.length !== end - start) throw lost(entriesPath(n));
      found.push(...some);
    }
    return found;
  };
  const within = (size: number, head: Head) => {
    if (size > head.size) throw new RangeError('the log is not that large');
  };
  return {
    tile,
    leaves,
    async inclusion(log, head, index, size) {
      within(size, head);
      return hashes(log, head, inclusionPath(index, size));
    },
    async consistency(log, head, from, to) {
      within(to, head);
      return hashes(log, head, consistencyPath(from, to));
    },
    async resource(log, head, { level, n, width }) {
      const hashLevel = level === 'entries' ? 0 : level;
      if (n * tileWidth + width > Math.floor(head.size / tileWidth ** hashLevel)) return undefined;
      if (level === 'entries')
        return encodeEntries(await leaves(log, head, n * tileWidth, n * tileWidth + width));
      return (await tile(log, head, hashLevel, n)).subarray(0, width * hashBytes);
    },
  };
}

/** Leaves of entries that the head names. */
async function placedLeaves(
  store: AuditStore,
  log: string,
  head: Head,
  start: number,
  end: number,
): Promise<readonly Bytes[]> {
  const wanted = head.entries.filter(({ from, count }) => from < end && from + count > start);
  const found = await mapSome(wanted, async ({ name, from }) => {
    const entry = await store.find(log, name);
    return (entry?.leaves ?? []).slice(Math.max(0, start - from), Math.max(0, end - from));
  });
  return found.flat();
}

/** How many requests to a store run at a time. */
const width = 32;

/** Maps in order, some at a time. */
export async function mapSome<A, B>(values: readonly A[], map: (value: A) => Promise<B>): Promise<B[]> {
  const results: B[] = [];
  for (let from = 0; from < values.length; from += width)
    results.push(...(await Promise.all(values.slice(from, from + width).map(map))));
  return results;
}
