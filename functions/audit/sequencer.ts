/**
 * Integrates pending records into a log, a batch at a time. Any number of sequencers may run: what decides is
 * the compare-and-swap of the head. In this order, after Sunlight:
 *
 *   1  read the head, and carry out the batch that it names; whoever made it may have died before that
 *   2  list pending records, read each one's own item, leave out those that have an index
 *   3  stage the batch: the new head names its records and holds the tiles that become full with them
 *   4  swap the head: the commit point. Lost: start again. Unknown: read and compare
 *   5  carry out: bundle of entries, tiles, checkpoint to write-once files, an index for each record
 *   6  have the other node cosign
 *
 * No record is integrated twice: a batch is staged only after the one before gave each of its records an index,
 * and the swap succeeds only if no other batch came between.
 * @module
 */
import { signCheckpoint } from '#shared/audit/checkpoint.ts';
import type { NoteSigner } from '#shared/audit/note.ts';
import { type AuditRecord, readRecord, recordId } from '#shared/audit/record.ts';
import {
  encodeEntries,
  entriesPath,
  growEdge,
  hashesOf,
  rootOfEdge,
  tilePath,
  tileWidth,
} from '#shared/audit/tile.ts';
import { type Bytes, equalBytes, fromBase64url, toBase64url } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Clock, Log } from '../ports.ts';
import { type AuditStore, fullIndex, type Head, type StoredRecord } from '../stores/audit.ts';
import { keepBounded } from './bounded.ts';
import { requestCosignature } from './cosigning.ts';
import type { WitnessPort, WriteOnce } from './ports.ts';
import { leavesOf, logReader, mapSome } from './proofs.ts';

/** Most records of a batch: at most one tile of a level becomes full. */
export const batchLimit = tileWidth;
/** Pages of the pending list that one pass looks at: the list may still show what is integrated. */
const pagesLimit = 8;

export interface SequencerPorts {
  readonly store: AuditStore;
  readonly files: WriteOnce;
  readonly signer: (log: string) => Promise<NoteSigner>;
  /** Absent where no other node is: nothing is cosigned then. */
  readonly witness?: WitnessPort;
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
  /** Passes until nothing is pending, then has the result cosigned. The number of records integrated. */
  drain(log: string): Promise<number>;
  /** Has the newest checkpoint cosigned now, also if it was before: with a new time. False if it was not. */
  cosign(log: string): Promise<boolean>;
}

export function sequencerOf(ports: SequencerPorts): Sequencer {
  const { store } = ports;
  const reader = logReader(store, ports.files);
  /** By log, the note of the head that this sequencer has carried out. */
  const carriedOut = new Map<string, Bytes>();

  const finish = async (log: string, head: Head, leaves: ReadonlyMap<string, Bytes>): Promise<void> => {
    const done = carriedOut.get(log);
    if (done !== undefined && equalBytes(done, head.note)) return;
    await carryOut(ports, log, head, leaves);
    keepBounded(carriedOut, log, head.note);
  };

  const pass = async (log: string): Promise<Pass> => {
    const stopped = await store.stopped(log);
    if (stopped !== undefined) throw new CustodyError('audit_unavailable', `the log is stopped: ${stopped}`);
    const before = await store.head(log);
    if (before !== undefined) await finish(log, before, new Map());
    const batch = await fresh(ports, log);
    if (batch.length === 0) return { state: 'idle' };
    const after = await stage(ports, log, before, batch);
    if (!(await swap(store, log, before, after))) return { state: 'lost' };
    await finish(log, after, new Map(batch.map(({ id, data }) => [id, data])));
    return { state: 'integrated', count: batch.length, size: after.size };
  };

  const cosign = async (log: string): Promise<boolean> =>
    ports.witness !== undefined && (await requestCosignature(ports, reader, ports.witness, log));

  return {
    pass,
    cosign,
    async drain(log) {
      let total = 0;
      for (;;) {
        const result = await pass(log);
        if (result.state === 'integrated') total += result.count;
        if (result.state === 'idle') break;
      }
      // What an earlier one integrated may have been left without a cosignature.
      const [head, cosigned] = await Promise.all([store.head(log), store.cosigned(log)]);
      if (head !== undefined && cosigned?.size !== head.size) await cosign(log);
      return total;
    },
  };
}

/** Up to a batch of pending records, oldest first, each as its own item says. */
async function fresh({ store, log: alarms }: SequencerPorts, log: string): Promise<readonly StoredRecord[]> {
  const found = new Map<string, StoredRecord>();
  let cursor: string | undefined;
  for (let page = 0; page < pagesLimit && found.size < batchLimit; page++) {
    const listed = await store.pending(log, { limit: batchLimit, ...(cursor !== undefined && { cursor }) });
    const stored = await mapSome(listed.records, ({ id }) => store.find(log, id));
    for (const record of stored)
      if (record !== undefined && record.index === undefined && found.size < batchLimit)
        found.set(record.id, record);
    cursor = listed.cursor;
    if (cursor === undefined) break;
  }
  const batch = [...found.values()].map((record) => ({ record, read: readChecked(alarms, log, record) }));
  // Within one millisecond what begins stands before what ends.
  const late = ({ phase }: AuditRecord): number => (phase === 'intent' ? 0 : 1);
  return batch
    .sort(
      (a, b) =>
        a.record.timeMs - b.record.timeMs ||
        late(a.read) - late(b.read) ||
        (a.record.id < b.record.id ? -1 : 1),
    )
    .map(({ record }) => record);
}

/** @throws {CustodyError} `audit_unavailable` if the item is not what was appended */
function readChecked(alarms: Log, log: string, { id, data }: StoredRecord): AuditRecord {
  try {
    const record = readRecord(data);
    if (recordId(data) === id && record.log === log) return record;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  alarms.alarm('audit record altered', { log, record: id });
  throw new CustodyError('audit_unavailable', `record ${id} was altered`);
}

async function stage(
  { signer }: SequencerPorts,
  log: string,
  before: Head | undefined,
  batch: readonly StoredRecord[],
): Promise<Head> {
  const from = before?.size ?? 0;
  const { size, edge, full } = growEdge(
    before?.edge ?? [],
    from,
    batch.map(({ id }) => fromBase64url(id)),
  );
  const note = signCheckpoint({ origin: log, size, root: rootOfEdge(edge) }, await signer(log));
  return { size, from, note, edge, full: full.map(({ tile }) => tile) };
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

/** The hashes of the leaves `from` to `size - 1`: they lie in the last full tile and in the edge. */
function batchHashes({ size, from, edge, full }: Head): readonly Bytes[] {
  const tail = [...hashesOf(full[0] ?? new Uint8Array(0)), ...hashesOf(edge[0] ?? new Uint8Array(0))];
  return tail.slice(tail.length - (size - from));
}

/** Everything that follows from a head. Done again, it changes nothing. */
async function carryOut(
  ports: SequencerPorts,
  log: string,
  head: Head,
  leaves: ReadonlyMap<string, Bytes>,
): Promise<void> {
  const { store } = ports;
  const entries = head.full[0];
  if (entries !== undefined) {
    const data = await mapSome(hashesOf(entries), async (hash) => {
      const known = leaves.get(toBase64url(hash));
      return known ?? ((await leavesOf(store, log, [hash]))[0] as Bytes);
    });
    await keep(ports, `${log}/${entriesPath(fullIndex(0, head.size))}`, encodeEntries(data));
  }
  for (const [level, tile] of head.full.entries())
    await keep(ports, `${log}/${tilePath(level, fullIndex(level, head.size))}`, tile);
  await keep(ports, `${log}/checkpoint/${head.size}`, head.note);
  await mapSome(
    batchHashes(head).map((hash, i) => ({ hash, index: head.from + i })),
    async ({ hash, index }) => {
      const id = toBase64url(hash);
      const data = leaves.get(id) ?? ((await leavesOf(store, log, [hash]))[0] as Bytes);
      await store.number(log, id, index, readRecord(data).object);
    },
  );
}

/** Writes a file once. @throws {CustodyError} `audit_unavailable` if it was written otherwise */
async function keep({ files, log: alarms }: SequencerPorts, name: string, bytes: Bytes): Promise<void> {
  if (await files.put(name, bytes)) return;
  const there = await files.get(name);
  if (there !== undefined && equalBytes(there, bytes)) return;
  alarms.alarm('audit file differs', { name });
  throw new CustodyError('audit_unavailable', `${name} was written before, otherwise`);
}
