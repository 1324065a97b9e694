/**
 * Integrates pending records into a log, a batch at a time. Any number of sequencers may run: what decides is
 * the compare-and-swap of the head. In this order, after Sunlight:
 *
 *   1  read the head, and carry out the batch that it names; whoever made it may have died before that
 *   2  list pending entries, read each one's own item, leave out those that have an index
 *   3  stage the batch: the new head names its entries and holds the tiles that become full with them
 *   4  swap the head: the commit point. Lost: start again. Unknown: read and compare
 *   5  carry out: bundle of entries, tiles, checkpoint to write-once files, an index for each entry
 *   6  have the other node cosign
 *
 * No record is integrated twice: a batch is staged only after the one before gave each of its records an index,
 * and the swap succeeds only if no other batch came between.
 * @module
 */
import { signCheckpoint } from '#shared/audit/checkpoint.ts';
import { leafHash } from '#shared/audit/merkle.ts';
import type { NoteSigner } from '#shared/audit/note.ts';
import { type AuditRecord, readRecord } from '#shared/audit/record.ts';
import { encodeEntries, entriesPath, growEdge, rootOfEdge, tilePath, tileWidth } from '#shared/audit/tile.ts';
import { type Bytes, equalBytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Clock, Log } from '../ports.ts';
import { type AuditStore, fullIndex, type Head, type StoredEntry } from '../stores/audit.ts';
import { keepBounded } from './bounded.ts';
import { requestCosignature } from './cosigning.ts';
import type { WitnessPort, WriteOnce } from './ports.ts';
import { type LogReader, logReader, mapSome } from './proofs.ts';

/** Most records of a batch: at most one tile of a level becomes full. */
export const batchLimit = tileWidth;
/** Pages of the pending list that one pass looks at: the list may still show what is integrated. */
const pagesLimit = 8;

export interface SequencerPorts {
  readonly store: AuditStore;
  readonly files: WriteOnce;
  readonly signer: (log: string) => Promise<NoteSigner>;
  readonly clock: Clock;
  readonly log: Log;
}

/** `lost`: another sequencer moved the head first. */
export type Pass =
  | { readonly state: 'integrated'; readonly count: number; readonly size: number }
  | { readonly state: 'idle' | 'lost' };

export interface Sequencer {
  /** One batch, at most. @throws {CustodyError} `audit_unavailable`, `storage_unavailable`; a later pass goes on */
  pass(log: string): Promise<Pass>;
  /**
   * Passes until nothing is pending, then has the result cosigned if a witness is at hand. The number of records
   * integrated.
   */
  drain(log: string, witness?: WitnessPort): Promise<number>;
  /** Has the newest checkpoint cosigned now, also if it was before: with a new time. False if it was not. */
  cosign(log: string, witness: WitnessPort): Promise<boolean>;
}

export function sequencerOf(ports: SequencerPorts): Sequencer {
  const { store } = ports;
  const reader = logReader(store, ports.files);
  /** By log, the note of the head that this sequencer has carried out, and the leaves of its partial tile. */
  const carriedOut = new Map<string, { readonly note: Bytes; readonly tail: Leaves }>();

  const finish = async (log: string, head: Head, batch: readonly Bytes[]): Promise<void> => {
    const done = carriedOut.get(log);
    if (done !== undefined && equalBytes(done.note, head.note)) return;
    const tail = await carryOut(ports, reader, log, head, joined(done?.tail, head.from, batch));
    keepBounded(carriedOut, log, { note: head.note, tail });
  };

  const pass = async (log: string): Promise<Pass> => {
    const stopped = await store.stopped(log);
    if (stopped !== undefined) throw new CustodyError('audit_unavailable', `the log is stopped: ${stopped}`);
    const before = await store.head(log);
    if (before !== undefined) await finish(log, before, []);
    const batch = await fresh(ports, log);
    if (batch.length === 0) return { state: 'idle' };
    const after = await stage(ports, log, before, batch);
    if (!(await swap(store, log, before, after))) return { state: 'lost' };
    await finish(
      log,
      after,
      batch.flatMap(({ leaves }) => leaves),
    );
    return { state: 'integrated', count: after.size - after.from, size: after.size };
  };

  const cosign = (log: string, witness: WitnessPort): Promise<boolean> =>
    requestCosignature(ports, reader, witness, log);

  return {
    pass,
    cosign,
    async drain(log, witness) {
      let total = 0;
      for (;;) {
        const result = await pass(log);
        if (result.state === 'integrated') total += result.count;
        if (result.state === 'idle') break;
      }
      if (witness === undefined) return total;
      // What an earlier one integrated may have been left without a cosignature.
      const [head, cosigned] = await Promise.all([store.head(log), store.cosigned(log)]);
      if (head !== undefined && cosigned?.size !== head.size) await cosign(log, witness);
      return total;
    },
  };
}

/** Up to a batch of pending entries, oldest first, each as its own item says. */
async function fresh({ store, log: alarms }: SequencerPorts, log: string): Promise<readonly StoredEntry[]> {
  const found = new Map<string, StoredEntry>();
  let room = batchLimit;
  let cursor: string | undefined;
  for (let page = 0; page < pagesLimit && room > 0; page++) {
    const listed = await store.pending(log, { limit: batchLimit, ...(cursor !== undefined && { cursor }) });
    for (const entry of await mapSome(listed.entries, ({ name }) => store.find(log, name))) {
      if (entry === undefined || entry.from !== undefined || found.has(entry.name)) continue;
      // The first that has no room waits with all that come after it.
      if (entry.leaves.length > room) room = 0;
      if (room === 0) break;
      found.set(entry.name, entry);
      room -= entry.leaves.length;
    }
    cursor = listed.cursor;
    if (cursor === undefined) break;
  }
  const batch = [...found.values()].map((entry) => ({ entry, first: readChecked(alarms, log, entry) }));
  // Within one millisecond what begins stands before what ends.
  const late = ({ phase }: AuditRecord): number => (phase === 'intent' ? 0 : 1);
  return batch
    .sort(
      (a, b) =>
        a.entry.timeMs - b.entry.timeMs ||
        late(a.first) - late(b.first) ||
        (a.entry.name < b.entry.name ? -1 : 1),
    )
    .map(({ entry }) => entry);
}

/** @returns the first record. @throws {CustodyError} `audit_unavailable` if one is not of this log */
function readChecked(alarms: Log, log: string, { name, leaves }: StoredEntry): AuditRecord {
  try {
    const [first, ...others] = leaves.map(readRecord);
    if (first !== undefined && [first, ...others].every((record) => record.log === log)) return first;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  alarms.alarm('audit record altered', { log, entry: name });
  throw new CustodyError('audit_unavailable', `entry ${name} was altered`);
}

async function stage(
  { signer }: SequencerPorts,
  log: string,
  before: Head | undefined,
  batch: readonly StoredEntry[],
): Promise<Head> {
  const from = before?.size ?? 0;
  const { size, edge, full } = growEdge(
    before?.edge ?? [],
    from,
    batch.flatMap(({ leaves }) => leaves).map(leafHash),
  );
  const tileFrom = Math.floor(from / tileWidth) * tileWidth;
  const entries = (before?.entries ?? []).filter((placed) => placed.from + placed.count > tileFrom);
  let at = from;
  for (const { name, leaves } of batch) {
    entries.push({ name, from: at, count: leaves.length });
    at += leaves.length;
  }
  const note = signCheckpoint({ origin: log, size, root: rootOfEdge(edge) }, await signer(log));
  return { size, from, note, edge, full: full.map(({ tile }) => tile), entries };
}

/** Did the head move to `after`, and not to another one? */
async function swap(store: AuditStore, log: string, before: Head | undefined, after: Head): Promise<boolean> {
  try {
    return await store.advance(log, before, after);
  } catch (error) {
    // It may have moved. If it has not, it must not be tried again with another batch here: a write that is
    // still under way could win. The next pass reads the head first.
    const now = await store.head(log);
    if (now !== undefined && equalBytes(now.note, after.note)) return true;
    throw error;
  }
}

/** Leaves of a log from an index on. */
interface Leaves {
  readonly from: number;
  readonly leaves: readonly Bytes[];
}

/** Both in one, if the batch follows what is there. */
const joined = (tail: Leaves | undefined, from: number, batch: readonly Bytes[]): Leaves =>
  tail !== undefined && tail.from + tail.leaves.length === from
    ? { from: tail.from, leaves: [...tail.leaves, ...batch] }
    : { from, leaves: batch };

/** Everything that follows from a head. Done again, it changes nothing. @returns the leaves of its partial tile */
async function carryOut(
  ports: SequencerPorts,
  reader: LogReader,
  log: string,
  head: Head,
  known: Leaves,
): Promise<Leaves> {
  const { size, full, entries, note } = head;
  const start = entries[0]?.from ?? size;
  const complete = known.from <= start && known.from + known.leaves.length === size;
  const { from, leaves } = complete
    ? known
    : { from: start, leaves: await reader.leaves(log, head, start, size) };
  const between = (a: number, b: number): readonly Bytes[] => leaves.slice(a - from, b - from);
  if (full.length > 0) {
    const n = fullIndex(0, size);
    const bundle = encodeEntries(between(n * tileWidth, (n + 1) * tileWidth));
    await keep(ports, `${log}/${entriesPath(n)}`, bundle);
  }
  for (const [level, tile] of full.entries())
    await keep(ports, `${log}/${tilePath(level, fullIndex(level, size))}`, tile);
  await keep(ports, `${log}/checkpoint/${size}`, note);
  const batch = entries.filter((placed) => placed.from >= head.from);
  await mapSome(batch, async (placed) => {
    const [first] = between(placed.from, placed.from + 1);
    if (first !== undefined)
      await ports.store.number(log, placed.name, placed.from, readRecord(first).object);
  });
  const tailFrom = Math.floor(size / tileWidth) * tileWidth;
  return { from: tailFrom, leaves: between(tailFrom, size) };
}

/** Writes a file once. @throws {CustodyError} `audit_unavailable` if it was written otherwise */
async function keep({ files, log: alarms }: SequencerPorts, name: string, bytes: Bytes): Promise<void> {
  if (await files.put(name, bytes)) return;
  const there = await files.get(name);
  if (there !== undefined && equalBytes(there, bytes)) return;
  alarms.alarm('audit file differs', { name });
  throw new CustodyError('audit_unavailable', `${name} was written before, otherwise`);
}
