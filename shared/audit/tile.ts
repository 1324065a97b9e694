/**
 * A log as tiles (C2SP tlog-tiles): 256 consecutive hashes of one level are a tile, each hash of a level being
 * the root over a full tile of the level below; 256 entries are a bundle. What is full never changes again.
 * What is not yet full is the log's edge: for each level the hashes of its last, partial tile.
 * @module
 */
import { type Bytes, concat, u16be } from '../bytes.ts';
import { foldRight, joinLevel, type Subtree, subtreesOf } from './merkle.ts';

/** Levels of the tree in one level of tiles, and hashes in a full tile. */
export const tileHeight = 8;
export const tileWidth = 256;
export const hashBytes = 32;

/** Index as path elements of three digits, all but the last behind an x: 1234067 is `x001/x234/067`. */
function indexPath(n: number): string {
  const groups = String(n)
    .padStart(Math.ceil(String(n).length / 3) * 3, '0')
    .match(/.{3}/g) as string[];
  return groups.map((digits, i) => (i === groups.length - 1 ? digits : `x${digits}`)).join('/');
}

const suffix = (width: number): string => (width === tileWidth ? '' : `.p/${width}`);

/** `tile/<level>/<n>`, with `.p/<width>` if it is partial. */
export const tilePath = (level: number, n: number, width = tileWidth): string =>
  `tile/${level}/${indexPath(n)}${suffix(width)}`;

/** `tile/entries/<n>`, with `.p/<width>` if it is partial. */
export const entriesPath = (n: number, width = tileWidth): string =>
  `tile/entries/${indexPath(n)}${suffix(width)}`;

export interface TileName {
  /** `entries`, or the level 0 to 63. */
  readonly level: number | 'entries';
  readonly n: number;
  /** 1 to 256. */
  readonly width: number;
}

/** What a path names; undefined unless it is written as {@link tilePath} or {@link entriesPath} write it. */
export function parseTilePath(path: string): TileName | undefined {
  const match = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/){0,4}\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path);
  if (match === null) return undefined;
  const level = match[1] === 'entries' ? 'entries' : Number(match[1]);
  const n = Number((match[2] as string).replace(/[x/]/g, ''));
  const width = match[3] === undefined ? tileWidth : Number(match[3]);
  const written = level === 'entries' ? entriesPath(n, width) : tilePath(level, n, width);
  return written === path && width >= 1 && (level === 'entries' || level <= 63)
    ? { level, n, width }
    : undefined;
}

/** How many hashes the last, partial tile of a level has in a log of this size: 0 to 255. */
export const partialWidth = (level: number, size: number): number =>
  Math.floor(size / tileWidth ** level) % tileWidth;

/** Entries behind their lengths of 2 bytes. @throws {RangeError} on an entry above 65,535 bytes. */
export const encodeEntries = (entries: readonly Bytes[]): Bytes =>
  concat(
    ...entries.flatMap((entry) => {
      if (entry.length > 0xffff) throw new RangeError('an entry has at most 65,535 bytes');
      return [u16be(entry.length), entry];
    }),
  );

/** @throws {RangeError} if the bundle ends within an entry. */
export function decodeEntries(bundle: Bytes): readonly Bytes[] {
  const entries: Bytes[] = [];
  for (let at = 0; at < bundle.length; ) {
    const length = ((bundle[at] as number) << 8) | (bundle[at + 1] ?? 0);
    const end = at + 2 + length;
    if (end > bundle.length) throw new RangeError('the bundle ends within an entry');
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

/** The hashes of a tile. @throws {RangeError} unless it holds whole hashes, at most 256. */
export function hashesOf(tile: Bytes): readonly Bytes[] {
  if (tile.length % hashBytes !== 0 || tile.length > tileWidth * hashBytes)
    throw new RangeError('not a tile');
  return Array.from({ length: tile.length / hashBytes }, (_, i) =>
    tile.subarray(i * hashBytes, (i + 1) * hashBytes),
  );
}

/** By level, the concatenated hashes of the last, partial tile; empty where the last tile is full. */
export type Edge = readonly Bytes[];

export interface FullTile {
  readonly level: number;
  readonly n: number;
  readonly tile: Bytes;
}

/** A log that grew: its new edge, and the tiles that became full. */
export interface Grown {
  readonly size: number;
  readonly edge: Edge;
  readonly full: readonly FullTile[];
}

/** Adds leaf hashes at the end. */
export function growEdge(edge: Edge, size: number, leaves: readonly Bytes[]): Grown {
  const levels = edge.map((tile) => [...hashesOf(tile)]);
  const full: FullTile[] = [];
  let at = size;
  for (const leaf of leaves) {
    at++;
    let hash = leaf;
    for (let level = 0; ; level++) {
      levels[level] ??= [];
      const hashes = levels[level] as Bytes[];
      hashes.push(hash);
      if (hashes.length < tileWidth) break;
      full.push({ level, n: at / tileWidth ** (level + 1) - 1, tile: concat(...hashes) });
      hash = joinLevel(hashes);
      levels[level] = [];
    }
  }
  return { size: at, edge: levels.map((hashes) => concat(...hashes)), full };
}

/** The root of the log with this edge. */
export function rootOfEdge(edge: Edge): Bytes {
  const peaks = edge.map((tile) => {
    const hashes = hashesOf(tile);
    return subtreesOf({ start: 0, end: hashes.length }).map(({ height, index }) =>
      joinLevel(hashes.slice(index * 2 ** height, (index + 1) * 2 ** height)),
    );
  });
  return foldRight(peaks.reverse().flat());
}

/** Which hashes of which tile a complete subtree is the root over. */
export function tileOf({ height, index }: Subtree) {
  const level = Math.floor(height / tileHeight);
  const count = 2 ** (height % tileHeight);
  const first = index * count;
  return { level, n: Math.floor(first / tileWidth), offset: first % tileWidth, count };
}

/**
 * The root of a complete subtree, from the tile that {@link tileOf} names.
 * @throws {RangeError} if the tile does not reach that far.
 */
export function subtreeHash(subtree: Subtree, tile: Bytes): Bytes {
  const { offset, count } = tileOf(subtree);
  const hashes = hashesOf(tile).slice(offset, offset + count);
  if (hashes.length !== count) throw new RangeError('the tile is too short');
  return joinLevel(hashes);
}
