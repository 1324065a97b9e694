/**
 * The items of audit logs in one table: every record as an item of its own, written once with one put and
 * never changed but for its index; one head per log, which only a compare-and-swap moves; what was cosigned,
 * and what this node has seen of the logs of the other.
 *
 *   <log>/record/<id>   {data, timeMs, nonce, payload, index?}   `list` = <log>/pending, then <log>/records
 *   <log>/head          {size, from, note, edge<level>, full<level>}
 *   <log>/cosigned      {size, note}
 *   <log>/seen          {size, root, note, seenMs, refused?}
 *   <log>/stopped       {reason, stoppedMs}
 *
 * Pending records are found by `list`, oldest first. That list may show a record too late or too long: the
 * record's own item says whether it has an index.
 * @module
 */
import { type Edge, tileWidth } from '#shared/audit/tile.ts';
import { type Bytes, equalBytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Item, Table, Value } from '../ports.ts';

export interface StoredRecord {
  /** base64url of the leaf hash. */
  readonly id: string;
  /** The leaf. */
  readonly data: Bytes;
  readonly timeMs: number;
  /** Absent until it is integrated. */
  readonly index?: number;
  /** What the commitment hides; absent once erased. */
  readonly nonce?: Bytes;
  readonly payload?: Bytes;
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

export interface RecordPage {
  readonly records: readonly StoredRecord[];
  readonly cursor?: string;
}

export interface AuditStore {
  /**
   * Durable when it resolves: the one write of a record. The same record again is the same record.
   * @throws {CustodyError} `audit_unavailable`: it may, or may not, be durable.
   */
  add(log: string, record: Required<Omit<StoredRecord, 'index'>>): Promise<void>;
  /** Strongly consistent. */
  find(log: string, id: string): Promise<StoredRecord | undefined>;
  /** Pending records, oldest first; eventually consistent. */
  pending(log: string, page: { readonly limit: number; readonly cursor?: string }): Promise<RecordPage>;
  /** Gives a record its index, once, and lists it under the log and under its object. */
  number(log: string, id: string, index: number, object: string): Promise<void>;
  /** Integrated records, newest first: of the log, or of one object. */
  records(
    log: string,
    object: string | undefined,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<RecordPage>;
  /** Forgets what the commitment of a record hides. */
  erase(log: string, id: string): Promise<void>;
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
  const keyOf = (log: string, id: string): Item => ({ id: `${log}/record/${id}` });
  const pageOf = async (...list: Parameters<Table['list']>): Promise<RecordPage> => {
    const { items, cursor } = await table.list(...list);
    return { records: items.map(recordOf), ...(cursor !== undefined && { cursor }) };
  };
  return {
    async add(log, { id, data, timeMs, nonce, payload }) {
      try {
        const key = keyOf(log, id);
        const listing = { list: `${log}/pending`, listOrder: `${padded(top - timeMs)}/${id}` };
        if (await table.put({ ...key, data, timeMs, nonce, payload, ...listing }, [[['id', 'absent']]]))
          return;
        const stored = await table.get(key);
        if (stored !== undefined && equalBytes(stored['data'] as Bytes, data)) return;
      } catch (cause) {
        throw new CustodyError('audit_unavailable', 'the record was not stored', { cause });
      }
      throw new CustodyError('audit_unavailable', 'another record has this id');
    },
    async find(log, id) {
      const item = await table.get(keyOf(log, id));
      return item && recordOf(item);
    },
    pending: (log, page) => pageOf({ list: `${log}/pending` }, page),
    async number(log, id, index, object) {
      const set = { index, list: `${log}/records`, parent: `${log}/${object}`, listOrder: padded(index) };
      await table.update(keyOf(log, id), { set }, [
        [
          ['data', 'present'],
          ['index', 'absent'],
        ],
      ]);
    },
    records: (log, object, page) =>
      pageOf(object === undefined ? { list: `${log}/records` } : { parent: `${log}/${object}` }, page),
    async erase(log, id) {
      await table.update(keyOf(log, id), { remove: ['nonce', 'payload'] }, [[['data', 'present']]]);
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

function recordOf(item: Item): StoredRecord {
  const { id, data, timeMs, index, nonce, payload } = item as unknown as StoredRecord;
  return {
    id: id.slice(id.lastIndexOf('/') + 1),
    data,
    timeMs,
    ...(index !== undefined && { index }),
    ...(nonce !== undefined && { nonce }),
    ...(payload !== undefined && { payload }),
  };
}

const numbered = (name: string, tiles: readonly Bytes[]): Record<string, Value> =>
  Object.fromEntries(tiles.map((tile, level) => [`${name}${level}`, tile]));

const attributesOf = ({ size, from, note, edge, full }: Head): Item => ({
  size,
  from,
  note,
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
  const { size, from, note } = item as unknown as Head;
  return { size, from, note, edge: tiles('edge'), full: tiles('full') };
}

/** Which tile of its level a tile in `full` is: the last full one. */
export const fullIndex = (level: number, size: number): number =>
  Math.floor(size / tileWidth ** (level + 1)) - 1;
