/**
 * Which epoch of a key a node may use, and when it may destroy an old one: the switch-over of a refresh as a
 * pure reducer. One value per key and node; a store keeps it as one item and writes `if revision is as read`.
 *
 *   Node 1   e ACTIVE --prepared--> +e' PREPARED --tested--> e' ACTIVE, e RETIRING --heard--> e gone
 *                                   (or --withdrawn--> e' RETIRING --heard--> e' gone)
 *   Node 2   e ACTIVE --prepared--> +e' PREPARED --activated--> e' ACTIVE, e gone
 *                                   (or --closed--> e' gone)
 *
 * A share is stored before `prepared` is written, and destroyed after the write that no longer holds its epoch.
 * Node 1 writes `prepared` before F3 leaves, and `tested` after F4 and a test signature under e'. Node 2 writes
 * `activated` on Node 1's word that it uses e' (ACTIVATE, or a signing request that is no test), which Node 1
 * gives after `tested`. Hence, of honest nodes and whatever is lost, repeated or late: Node 1's active epoch is
 * always held by Node 2 under the same transcript. What contradicts that is a store that has gone back in time.
 * @module
 */
import { type Bytes, equalBytes } from '../bytes.ts';
import type { Role } from './context.ts';

/** PREPARED: for tests alone. ACTIVE: signs. RETIRING, at Node 1: kept until Node 2 has let go of it. */
export type EpochState = 'PREPARED' | 'ACTIVE' | 'RETIRING';

export interface EpochRecord {
  readonly epoch: number;
  readonly state: EpochState;
  /** What both nodes call this epoch, 32 bytes: conf2 of the run that made it. */
  readonly transcript: Bytes;
}

/** What one node knows of a key's epochs. Public: nodes tell each other all of it. */
export interface KeyEpochs {
  readonly node: Role;
  /** Grows with every change. */
  readonly revision: number;
  readonly activeEpoch: number;
  /** Nothing below is ever used again. Also kept in a second place, which a restored store does not lower. */
  readonly minEpoch: number;
  /** The highest number that was ever given to an attempt here: no number is used twice. */
  readonly lastEpoch: number;
  readonly records: readonly EpochRecord[];
  /** Set for good when the stores contradict each other: this node signs no more with the key. */
  readonly quarantined: boolean;
}

export type EpochEvent =
  /** The share of a new epoch is durable. */
  | { readonly type: 'prepared'; readonly epoch: number; readonly transcript: Bytes }
  /** Node 1: Node 2 has confirmed this epoch, and a test signature under it has verified. */
  | { readonly type: 'tested'; readonly epoch: number }
  /** Node 1 gives up a prepared epoch. */
  | { readonly type: 'withdrawn'; readonly epoch: number }
  /** Node 2: Node 1 uses this epoch. */
  | { readonly type: 'activated'; readonly epoch: number; readonly transcript: Bytes }
  /** Node 2: Node 1 has given up this attempt; a late F3 of it is refused. */
  | { readonly type: 'closed'; readonly epoch: number }
  /** The other node's state, from an authentic envelope: `asked` is the own active epoch when it was asked. */
  | { readonly type: 'heard'; readonly peer: KeyEpochs; readonly asked: number }
  /** What the second place says. */
  | { readonly type: 'remembered'; readonly minEpoch: number };

/** `quarantined`; `stale`: below what is in use; `unknown`: never prepared here; `conflict`: anything else. */
export type Refusal = 'quarantined' | 'stale' | 'unknown' | 'conflict';

/** The next state (the same object: nothing to write), or why there is none. */
export type Step = { readonly to: KeyEpochs } | { readonly refused: Refusal };

/** After key generation. */
export const firstEpochs = (node: Role, epoch: number, transcript: Bytes): KeyEpochs => ({
  node,
  revision: 1,
  activeEpoch: epoch,
  minEpoch: epoch,
  lastEpoch: epoch,
  records: [{ epoch, state: 'ACTIVE', transcript }],
  quarantined: false,
});

/** The number of the next attempt. */
export const nextEpoch = ({ lastEpoch }: KeyEpochs): number => lastEpoch + 1;

/** The record of an epoch, if this node still holds a share of it. */
export const heldEpoch = ({ records }: KeyEpochs, epoch: number): EpochRecord | undefined =>
  records.find((r) => r.epoch === epoch);

const preparedIn = ({ records }: KeyEpochs): EpochRecord | undefined =>
  records.find(({ state }) => state === 'PREPARED');

const sameRun = (a: EpochRecord, b: EpochRecord): boolean => equalBytes(a.transcript, b.transcript);

/**
 * May a session begin under this epoch? An ordinary one under the active epoch alone; a test, whose digest is no
 * payload of any chain, under a prepared one as well.
 */
export function usable(
  keys: KeyEpochs,
  { epoch, transcript }: { readonly epoch: number; readonly transcript: Bytes },
  test: boolean,
): Refusal | null {
  if (keys.quarantined) return 'quarantined';
  if (epoch < keys.minEpoch) return 'stale';
  const record = heldEpoch(keys, epoch);
  if (!record) return 'unknown';
  if (!equalBytes(record.transcript, transcript)) return 'conflict';
  return record.state === 'ACTIVE' || (test && record.state === 'PREPARED') ? null : 'conflict';
}

const changed = (keys: KeyEpochs, change: Partial<KeyEpochs>): Step => ({
  to: { ...keys, ...change, revision: keys.revision + 1 },
});
const quarantine = (keys: KeyEpochs, more: Partial<KeyEpochs> = {}): Step =>
  changed(keys, { ...more, quarantined: true });

const without = ({ records }: KeyEpochs, epoch: number): readonly EpochRecord[] =>
  records.filter((r) => r.epoch !== epoch);
const withState = ({ records }: KeyEpochs, epoch: number, state: EpochState): readonly EpochRecord[] =>
  records.map((r) => (r.epoch === epoch ? { ...r, state } : r));

function prepared(keys: KeyEpochs, epoch: number, transcript: Bytes): Step {
  const held = heldEpoch(keys, epoch);
  if (held?.state === 'PREPARED' && equalBytes(held.transcript, transcript)) return { to: keys };
  if (epoch <= keys.lastEpoch) return { refused: 'stale' };
  if (preparedIn(keys)) return { refused: 'conflict' };
  const record: EpochRecord = { epoch, state: 'PREPARED', transcript };
  return changed(keys, { lastEpoch: epoch, records: [...keys.records, record] });
}

/** The prepared epoch becomes the active one. Node 1 keeps what was active until Node 2 has let go of it. */
function switchTo(keys: KeyEpochs, record: EpochRecord): Step {
  const { epoch } = record;
  const active: EpochRecord = { ...record, state: 'ACTIVE' };
  const rest = without(keys, epoch);
  const old = keys.node === 1 ? rest.map((r): EpochRecord => ({ ...r, state: 'RETIRING' })) : [];
  return changed(keys, { activeEpoch: epoch, minEpoch: epoch, records: [...old, active] });
}

function tested(keys: KeyEpochs, epoch: number): Step {
  if (keys.node !== 1) return { refused: 'conflict' };
  if (epoch === keys.activeEpoch) return { to: keys };
  const record = heldEpoch(keys, epoch);
  if (record?.state !== 'PREPARED') return { refused: epoch < keys.minEpoch ? 'stale' : 'unknown' };
  return switchTo(keys, record);
}

function withdrawn(keys: KeyEpochs, epoch: number): Step {
  if (keys.node !== 1) return { refused: 'conflict' };
  const record = heldEpoch(keys, epoch);
  if (record?.state === 'PREPARED') return changed(keys, { records: withState(keys, epoch, 'RETIRING') });
  return record?.state === 'ACTIVE' ? { refused: 'conflict' } : { to: keys };
}

function activated(keys: KeyEpochs, epoch: number, transcript: Bytes): Step {
  if (keys.node !== 2) return { refused: 'conflict' };
  if (epoch < keys.minEpoch) return { refused: 'stale' };
  const record = heldEpoch(keys, epoch);
  // Honest Node 1 uses what it has prepared here before: this store, or that one, has gone back in time.
  if (!record || !equalBytes(record.transcript, transcript)) return quarantine(keys);
  return record.state === 'ACTIVE' ? { to: keys } : switchTo(keys, record);
}

function closed(keys: KeyEpochs, epoch: number): Step {
  if (keys.node !== 2) return { refused: 'conflict' };
  if (heldEpoch(keys, epoch)?.state === 'ACTIVE') return { refused: 'conflict' };
  const lastEpoch = Math.max(keys.lastEpoch, epoch);
  if (lastEpoch === keys.lastEpoch && !heldEpoch(keys, epoch)) return { to: keys };
  return changed(keys, { lastEpoch, records: without(keys, epoch) });
}

/** Can both states have come about without one of the stores going back in time? */
function contradicts(keys: KeyEpochs, peer: KeyEpochs, asked: number): boolean {
  if (keys.records.some((r) => peer.records.some((p) => p.epoch === r.epoch && !sameRun(p, r)))) return true;
  if (keys.node === 2) return peer.activeEpoch > keys.activeEpoch && !heldEpoch(keys, peer.activeEpoch);
  const ownIsBack = peer.activeEpoch > keys.activeEpoch || peer.lastEpoch > keys.lastEpoch;
  return ownIsBack || (peer.activeEpoch < asked && !heldEpoch(peer, asked));
}

function heard(keys: KeyEpochs, peer: KeyEpochs, asked: number): Step {
  if (peer.node === keys.node) return { refused: 'conflict' };
  if (contradicts(keys, peer, asked)) return quarantine(keys);
  if (keys.node === 2 || peer.quarantined) return { to: keys };
  // Node 2 has let go of it, and cannot come to hold it any more.
  const gone = ({ state, epoch }: EpochRecord): boolean =>
    state === 'RETIRING' && epoch <= peer.lastEpoch && !heldEpoch(peer, epoch);
  const records = keys.records.filter((r) => !gone(r));
  return records.length === keys.records.length ? { to: keys } : changed(keys, { records });
}

function remembered(keys: KeyEpochs, minEpoch: number): Step {
  return minEpoch > keys.minEpoch ? quarantine(keys, { minEpoch }) : { to: keys };
}

/** What an event makes of a node's state. Each is safe to apply again. */
export function step(keys: KeyEpochs, event: EpochEvent): Step {
  // The second place is listened to always: the lowest epoch in use never goes down.
  if (keys.quarantined && event.type !== 'remembered') return { refused: 'quarantined' };
  switch (event.type) {
    case 'prepared':
      return prepared(keys, event.epoch, event.transcript);
    case 'tested':
      return tested(keys, event.epoch);
    case 'withdrawn':
      return withdrawn(keys, event.epoch);
    case 'activated':
      return activated(keys, event.epoch, event.transcript);
    case 'closed':
      return closed(keys, event.epoch);
    case 'heard':
      return heard(keys, event.peer, event.asked);
    case 'remembered':
      return remembered(keys, event.minEpoch);
  }
}
