/**
 * Appends to a log: a record is durable before this resolves, and the node's word that it will be in the log
 * comes back. Nothing is begun while the log cannot be relied on.
 * @module
 */
import {
  type AuditFacts,
  commitmentOf,
  nonceBytes,
  recordBytes,
  recordId,
  recordOf,
} from '#shared/audit/record.ts';
import type { AuditPromise } from '#shared/audit/statements.ts';
import type { Bytes } from '#shared/bytes.ts';
import type { Attested } from '#shared/crypto/attestation.ts';
import { CustodyError } from '#shared/errors.ts';
import type { NodeIdentity } from '../channel/identity.ts';
import type { Clock, Random } from '../ports.ts';
import type { AuditStore } from '../stores/audit.ts';
import { keepBounded } from './bounded.ts';

/** A record that waits longer than this stops everything that would begin, milliseconds. */
export const lagLimitMs = 10_000;
/** How long a good answer of {@link Auditor.ready} is believed. */
const readyForMs = 1_000;
/** How many of the oldest pending records are looked at: the list may still show integrated ones. */
const oldestLimit = 8;

export interface Receipt {
  /** Id of the record: names the event, and is the `previous` of what ends it. */
  readonly id: string;
  /** Of the promise, too. */
  readonly timeMs: number;
  readonly promise: Attested<AuditPromise>;
}

export interface Auditor {
  /**
   * One put. An intent also needs the log to be {@link ready}. What is appended twice is two events.
   * @param payload what is personal or long: only a commitment to it stands in the log.
   * @throws {CustodyError} `audit_unavailable`: it may be durable, and nothing that depends on it may happen
   */
  append(log: string, facts: AuditFacts, payload?: Bytes): Promise<Receipt>;
  /**
   * May something begin that must be recorded?
   * @param watched the log of the other node that this node witnesses for the same organization.
   * @throws {CustodyError} `audit_unavailable` if the oldest pending record waits for more than 10 s, if the
   * log is stopped, or if the watched one was refused
   */
  ready(log: string, watched?: string): Promise<void>;
}

export interface AuditorPorts {
  readonly store: AuditStore;
  readonly identity: NodeIdentity;
  readonly clock: Clock;
  readonly random: Random;
  /** The log of the other node that belongs to this one. */
  readonly watchedBy?: (log: string) => string | undefined;
}

export function auditorOf({ store, identity, clock, random, watchedBy }: AuditorPorts): Auditor {
  const believed = new Map<string, { readonly untilMs: number; readonly check: Promise<void> }>();
  const ready = (log: string, watched = watchedBy?.(log)): Promise<void> => {
    const name = `${log} ${watched}`;
    const known = believed.get(name);
    if (known !== undefined && clock() < known.untilMs) return known.check;
    const check = checkReady(store, clock, log, watched);
    const mine = { untilMs: clock() + readyForMs, check };
    keepBounded(believed, name, mine);
    // A bad answer is not remembered: what it says may pass.
    check.catch(() => {
      if (believed.get(name) === mine) believed.delete(name);
    });
    return check;
  };
  return {
    ready,
    async append(log, facts, payload = new Uint8Array(0)) {
      const nonce = random(nonceBytes);
      const timeMs = clock();
      const data = recordBytes(recordOf(log, timeMs, facts, commitmentOf(nonce, payload)));
      const id = recordId(data);
      const [voice] = await Promise.all([
        identity.voice(),
        store.add(log, { id, data, timeMs, nonce, payload }),
        facts.phase === 'intent' ? ready(log) : undefined,
      ]);
      const promise = voice.attest<AuditPromise>({
        type: 'planbok/audit-promise/v1',
        node: identity.node,
        issued: String(clock()),
        log,
        record: id,
      });
      return { id, timeMs, promise };
    },
  };
}

async function checkReady(
  store: AuditStore,
  clock: Clock,
  log: string,
  watched: string | undefined,
): Promise<void> {
  const refuse = (why: string, cause?: unknown) => new CustodyError('audit_unavailable', why, { cause });
  try {
    const [stopped, seen, waiting] = await Promise.all([
      store.stopped(log),
      watched === undefined ? undefined : store.seen(watched),
      oldestPendingMs(store, log),
    ]);
    if (stopped !== undefined) throw refuse(`the log is stopped: ${stopped}`);
    if (seen?.refused) throw refuse('the log of the other node has forked');
    if (waiting !== undefined && clock() - waiting > lagLimitMs)
      throw refuse('integration is more than 10 s behind');
  } catch (error) {
    if (error instanceof CustodyError && error.code === 'audit_unavailable') throw error;
    throw refuse('the log cannot be read', error);
  }
}

/** When the oldest record that is still pending was made; undefined if none is known. */
export async function oldestPendingMs(store: AuditStore, log: string): Promise<number | undefined> {
  const { records } = await store.pending(log, { limit: oldestLimit });
  for (const { id } of records) {
    const record = await store.find(log, id);
    if (record !== undefined && record.index === undefined) return record.timeMs;
  }
  return undefined;
}
