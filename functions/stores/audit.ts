/**
 * The items of audit logs in one table: every entry (one record, or a few that were appended together) as an
 * item of its own, written once with one put and never changed but for its index; one head per log, which only
 * a compare-and-swap moves; what was cosigned, and what this node has seen of the logs of the other.
 *
 *   <log>/entry/<name>   {data, timeMs, organization, nonce<i>, payload<i>, from?}
 *                        `list` = <log>/pending, then <log>/entries
 *   <log>/head           {size, from, note, names, namesFrom, edge<level>, full<level>}
 *   <log>/cosigned       {size, note}
 *   <log>/seen           {size, root, note, seenMs, refused?}
 *   <log>/stopped        {reason, stoppedMs}
 *
 * An entry's name is taken once: a record that is named after a protocol session, or after an attempt at an
 * operation, is also the proof that there was none before. Pending entries are found by `list`, oldest first.
 * That list may show an entry too late or too long: the entry's own item says whether it has an index.
 * @module
 */
import type { Opening } from '#shared/audit/record.ts';
import { decodeEntries, type Edge, encodeEntries, tileWidth } from '#shared/audit/tile.ts';
import { type Bytes, equalBytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Item, Table, Value } from '../ports.ts';

/** Records that are appended with one write. All are of one object. */
export interface NewEntry {
  /** Letters, digits, `-` and `_`. */
  readonly name: string;
  /** Whose log it is: names it to what integrates (`audit/stream.ts`). */
  readonly organization: string;
  /** Of the first record. */
  readonly timeMs: number;
  /** Canonical records, 1 to 32. */
  readonly leaves: readonly Bytes[];
  /** By record, what its commitment hides; undefined once erased. */
  readonly openings: readonly (Opening | undefined)[];
}

export interface StoredEntry extends NewEntry {
  /** Index of the first record in the log, the others follow; absent until it is integrated. */
  readonly from?: number;
}

/** Which entry holds some records of a log. */
export interface Placed {
  readonly name: string;
  /** Index of its first record. */
  readonly from: number;
  readonly count: number;
}

/**
 * The head of a log. It names the last batch, which may not have been carried out yet: the records with
 * indices `from` to `size - 1`, and the tiles that became full with them.
 */
export interface Head {
  readonly size: number;
  readonly from: number;
  /** The checkpoint as a note signed by the log. */
  readonly note: Bytes;
  readonly edge: Edge;
  /** By level; of no level above one that is not there. */
  readonly full: readonly Bytes[];
  /** The entries of the last batch and of the tiles that it filled or left partial, in order. */
  readonly entries: readonly Placed[];
}

/** What this node saw last of a log of the other node. */
export interface Seen {
  readonly size: number;
  /** 32 bytes. */
  readonly root: Bytes;
  /** Signed by the log. */
  readonly note: Bytes;
  readonly seenMs: number;
  /** The log forked; it is followed no longer. */
  readonly refused?: boolean;
}

export interface EntryPage {
  readonly entries: readonly StoredEntry[];
  readonly cursor?: string;
}

export interface AuditStore {
  /**
   * Durable when it resolves: the one write of an entry. False if another entry has its name; the same entry
   * again is the same entry.
   * @throws {CustodyError} `audit_unavailable`: it may, or may not, be durable.
   */
  add(log: string, entry: NewEntry): Promise<boolean>;
  /** Strongly consistent. */
  find(log: string, name: string): Promise<StoredEntry | undefined>;
  /** Pending entries, oldest first; eventually consistent. */
  pending(log: string, page: { readonly limit: number; readonly cursor?: string }): Promise<EntryPage>;
  /** Gives an entry its index, once, and lists it under the log and under its object. */
  number(log: string, name: string, from: number, object: string): Promise<void>;
  /** Integrated entries, newest first: of the log, or of one object. */
  entries(
    log: string,
    object: string | undefined,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<EntryPage>;
  /** Forgets what the commitment of the i-th record of an entry hides. */
  erase(log: string, name: string, i: number): Promise<void>;
  head(log: string): Promise<Head | undefined>;
  /** Moves the head if it still is `before`. An error means that it may have moved. */
  advance(log: string, before: Head | undefined, after: Head): Promise<boolean>;
  /** The newest checkpoint that the other node cosigned. */
  cosigned(log: string): Promise<{ readonly size: number; readonly note: Bytes } | undefined>;
  /** Keeps a cosigned checkpoint unless a larger one is kept. */
  keepCosigned(log: string, size: number, note: Bytes): Promise<void>;
  seen(log: string): Promise<Seen | undefined>;
  /** Replaces what was seen if it still is `before`. */
  see(log: string, before: Seen | undefined, after: Seen): Promise<boolean>;
  /** Why nothing may be appended any more; undefined if all is well. */
  stopped(log: string): Promise<string | undefined>;
  stop(log: string, reason: string, nowMs: number): Promise<void>;
}

/** Above every time and every index, so that the newest-first order of lists becomes oldest first. */
const top = 10 ** 15;
const padded = (n: number): string => String(n).padStart(15, '0');

export function auditOver(table: Table): AuditStore {
  const keyOf = (log: string, name: string): Item => ({ id: `${log}/entry/${name}` });
  const pageOf = async (...list: Parameters<Table['list']>): Promise<EntryPage> => {
    const { items, cursor } = await table.list(...list);
    return { entries: items.map(entryOf), ...(cursor !== undefined && { cursor }) };
  };
  return {
    async add(log, entry) {
      const { name, timeMs } = entry;
      try {
        const key = keyOf(log, name);
        const listing = { list: `${log}/pending`, listOrder: `${padded(top - timeMs)}/${name}` };
        if (await table.put({ ...key, ...contentOf(entry), ...listing }, [[['id', 'absent']]])) return true;
        const stored = await table.get(key);
        return stored !== undefined && equalBytes(stored['data'] as Bytes, encodeEntries(entry.leaves));
      } catch (cause) {
        throw new CustodyError('audit_unavailable', 'the record was not stored', { cause });
      }
    },
    async find(log, name) {
      const item = await table.get(keyOf(log, name));
      return item && entryOf(item);
    },
    pending: (log, page) => pageOf({ list: `${log}/pending` }, page),
    async number(log, name, from, object) {
      const set = { from, list: `${log}/entries`, parent: `${log}/${object}`, listOrder: padded(from) };
      await table.update(keyOf(log, name), { set }, [
        [
          ['data', 'present'],
          ['from', 'absent'],
        ],
      ]);
    },
    entries: (log, object, page) =>
      pageOf(object === undefined ? { list: `${log}/entries` } : { parent: `${log}/${object}` }, page),
    async erase(log, name, i) {
      await table.update(keyOf(log, name), { remove: [`nonce${i}`, `payload${i}`] }, [[['data', 'present']]]);
    },
    async head(log) {
      const item = await table.get({ id: `${log}/head` });
      return item && headOf(item);
    },
    advance: (log, before, after) =>
      table.put({ id: `${log}/head`, ...attributesOf(after) }, [
        before === undefined
          ? [['id', 'absent']]
          : [
              ['size', '=', before.size],
              ['note', '=', before.note],
            ],
      ]),
    async cosigned(log) {
      const item = await table.get({ id: `${log}/cosigned` });
      return item && { size: item['size'] as number, note: item['note'] as Bytes };
    },
    async keepCosigned(log, size, note) {
      await table.put({ id: `${log}/cosigned`, size, note }, [[['id', 'absent']], [['size', '<=', size]]]);
    },
    async seen(log) {
      const item = await table.get({ id: `${log}/seen` });
      if (item === undefined) return undefined;
      const { id: _, ...seen } = item;
      return seen as unknown as Seen;
    },
    see: (log, before, after) =>
      table.put({ id: `${log}/seen`, ...after } as Item, [
        before === undefined
          ? [['id', 'absent']]
          : [
              ['note', '=', before.note],
              ['refused', before.refused ? 'present' : 'absent'],
            ],
      ]),
    async stopped(log) {
      return (await table.get({ id: `${log}/stopped` }))?.['reason'] as string | undefined;
    },
    async stop(log, reason, stoppedMs) {
      await table.put({ id: `${log}/stopped`, reason, stoppedMs }, [[['id', 'absent']]]);
    },
  };
}

const contentOf = ({ timeMs, organization, leaves, openings }: NewEntry): Item => ({
  data: encodeEntries(leaves),
  timeMs,
  organization,
  ...Object.fromEntries(
    openings.flatMap((opening, i) =>
      opening === undefined
        ? []
        : [
            [`nonce${i}`, opening.nonce],
            [`payload${i}`, opening.payload],
          ],
    ),
  ),
});

function entryOf(item: Item): StoredEntry {
  const id = item['id'] as string;
  const leaves = decodeEntries(item['data'] as Bytes);
  return {
    name: id.slice(id.lastIndexOf('/') + 1),
    organization: item['organization'] as string,
    timeMs: item['timeMs'] as number,
    leaves,
    openings: leaves.map((_, i) => {
      const [nonce, payload] = [item[`nonce${i}`], item[`payload${i}`]];
      return nonce === undefined ? undefined : { nonce: nonce as Bytes, payload: payload as Bytes };
    }),
    ...(item['from'] !== undefined && { from: item['from'] as number }),
  };
}

const numbered = (name: string, tiles: readonly Bytes[]): Record<string, Value> =>
  Object.fromEntries(tiles.map((tile, level) => [`${name}${level}`, tile]));

const attributesOf = ({ size, from, note, edge, full, entries }: Head): Item => ({
  size,
  from,
  note,
  names: entries.map(({ name, count }) => `${name}:${count}`).join(' '),
  namesFrom: entries[0]?.from ?? size,
  ...numbered('edge', edge),
  ...numbered('full', full),
});

function headOf(item: Item): Head {
  const tiles = (name: string): Bytes[] => {
    const found: Bytes[] = [];
    for (let level = 0; item[`${name}${level}`] !== undefined; level++)
      found.push(item[`${name}${level}`] as Bytes);
    return found;
  };
  let at = item['namesFrom'] as number;
  const entries = (item['names'] as string).split(' ').map((placed) => {
    const [name = '', count] = placed.split(':');
    const from = at;
    at += Number(count);
    return { name, from, count: Number(count) };
  });
  const { size, from, note } = item as unknown as Head;
  return { size, from, note, edge: tiles('edge'), full: tiles('full'), entries };
}

/** Which tile of its level a tile in `full` is: the last full one. */
export const fullIndex = (level: number, size: number): number =>
  Math.floor(size / tileWidth ** (level + 1)) - 1;
