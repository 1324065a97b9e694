/**
 * Reads a log: tiles, bundles of entries, and the proofs that are made from tiles.
 * @module
 */
import {
  consistencyPath,
  hashRanges,
  inclusionPath,
  type Range,
  type Subtree,
  subtreesOf,
} from '#shared/audit/merkle.ts';
import {
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
import { type Bytes, toBase64url } from '#shared/bytes.ts';
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
  const within = (size: number, head: Head) => {
    if (size > head.size) throw new RangeError('the log is not that large');
  };
  return {
    tile,
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
      if (level === 'entries' && width === tileWidth) {
        const bundle = await files.get(`${log}/${entriesPath(n)}`);
        if (bundle !== undefined) return bundle;
      }
      const content = (await tile(log, head, hashLevel, n)).subarray(0, width * hashBytes);
      if (level !== 'entries') return content;
      return encodeEntries(await leavesOf(store, log, hashesOf(content)));
    },
  };
}

/** The leaves with these hashes. @throws {CustodyError} `audit_unavailable` if one is not stored */
export async function leavesOf(
  store: AuditStore,
  log: string,
  hashes: readonly Bytes[],
): Promise<readonly Bytes[]> {
  return mapSome(hashes, async (hash) => {
    const record = await store.find(log, toBase64url(hash));
    if (record === undefined)
      throw new CustodyError('audit_unavailable', `record ${toBase64url(hash)} is not there`);
    return record.data;
  });
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
