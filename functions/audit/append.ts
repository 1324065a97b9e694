/**
 * Appends to a log: a record is durable before this resolves, and the node's word that it will be in the log
 * comes back. Nothing is begun while the log cannot be relied on.
 * @module
 */
import {
  type AuditFacts,
  commitmentOf,
  logOf,
  nonceBytes,
  recordBytes,
  recordId,
  recordOf,
} from '#shared/audit/record.ts';
import type { AuditPromise } from '#shared/audit/statements.ts';
import type { Bytes } from '#shared/bytes.ts';
import type { Attested } from '#shared/crypto/attestation.ts';
import { CustodyError } from '#shared/errors.ts';
import type { NodeIdentity, Voice } from '../channel/identity.ts';
import type { Clock, Random } from '../ports.ts';
import type { AuditStore } from '../stores/audit.ts';
import { keepBounded } from './bounded.ts';
import { entryOf, type Made, togetherIn } from './grouping.ts';

/** A record that waits longer than this stops everything that would begin, milliseconds. */
export const lagLimitMs = 10_000;
/** How long a good answer of {@link Auditor.ready} is believed. */
const readyForMs = 1_000;
/** How many of the oldest pending entries are looked at: the list may still show integrated ones. */
const oldestLimit = 8;

export interface Receipt {
  /** Id of the record, the `previous` of what ends it: base64url of the leaf hash. */
  readonly id: string;
  /** Where the record is found: the name of its entry and, above 0, `.` and its place there. */
  readonly event: string;
  /** Of the promise, too. */
  readonly timeMs: number;
  readonly promise: Attested<AuditPromise>;
}

export interface Auditor {
  /**
   * One put, or a share of one: records of the same object that wait while one is on its way go together in the
   * next. An intent also needs the log to be {@link ready}. What is appended twice is two events.
   * @param payload what is personal or long: only a commitment to it stands in the log.
   * @throws {CustodyError} `audit_unavailable`: it may be durable, and nothing that depends on it may happen
   */
  append(organization: string, facts: AuditFacts, payload?: Bytes): Promise<Receipt>;
  /**
   * One put under a name that can be taken once. Undefined if it was taken before: nothing is appended.
   * @throws {CustodyError} `audit_unavailable`, as for `append`; the name may be taken
   */
  claim(organization: string, name: string, facts: AuditFacts): Promise<Receipt | undefined>;
  /**
   * May something begin that must be recorded?
   * @throws {CustodyError} `audit_unavailable` if the oldest pending record waits for more than 10 s, if the
   * log is stopped, or if the other node's log of this organization, which this node witnesses, was refused
   */
  ready(organization: string): Promise<void>;
}

export interface AuditorPorts {
  readonly store: AuditStore;
  readonly identity: NodeIdentity;
  readonly clock: Clock;
  readonly random: Random;
}

export function auditorOf({ store, identity, clock, random }: AuditorPorts): Auditor {
  const { node } = identity;
  const peer = node === 'node1' ? 'node2' : 'node1';
  const believed = new Map<string, { readonly untilMs: number; readonly check: Promise<void> }>();
  const ready = (organization: string): Promise<void> => {
    const known = believed.get(organization);
    if (known !== undefined && clock() < known.untilMs) return known.check;
    const check = checkReady(store, clock, logOf(node, organization), logOf(peer, organization));
    const mine = { untilMs: clock() + readyForMs, check };
    keepBounded(believed, organization, mine);
    // A bad answer is not remembered: what it says may pass.
    check.catch(() => {
      if (believed.get(organization) === mine) believed.delete(organization);
    });
    return check;
  };
  const make = (organization: string, facts: AuditFacts, payload: Bytes = new Uint8Array(0)): Made => {
    const log = logOf(node, organization);
    const opening = { nonce: random(nonceBytes), payload };
    const timeMs = clock();
    const leaf = recordBytes(recordOf(log, timeMs, facts, commitmentOf(opening.nonce, payload)));
    return { id: recordId(leaf), organization, log, timeMs, leaf, opening };
  };
  const receiptOf = (voice: Voice, { id, log, timeMs }: Made, event: string): Receipt => {
    const issued = String(clock());
    const said = { type: 'planbok/audit-promise/v1', node, issued, log, record: id } as const;
    return { id, event, timeMs, promise: voice.attest<AuditPromise>(said) };
  };
  const together = togetherIn(store);
  return {
    ready,
    async append(organization, facts, payload) {
      const made = make(organization, facts, payload);
      const [event, voice] = await Promise.all([
        together(facts.object, made),
        identity.voice(),
        facts.phase === 'intent' ? ready(organization) : undefined,
      ]);
      return receiptOf(voice, made, event);
    },
    async claim(organization, name, facts) {
      const made = make(organization, facts);
      const [first, voice] = await Promise.all([
        store.add(made.log, entryOf(name, [made])),
        identity.voice(),
        facts.phase === 'intent' ? ready(organization) : undefined,
      ]);
      return first ? receiptOf(voice, made, name) : undefined;
    },
  };
}

async function checkReady(store: AuditStore, clock: Clock, log: string, watched: string): Promise<void> {
  const refuse = (why: string, cause?: unknown) => new CustodyError('audit_unavailable', why, { cause });
  try {
    const [stopped, seen, waiting] = await Promise.all([
      store.stopped(log),
      store.seen(watched),
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
  const { entries } = await store.pending(log, { limit: oldestLimit });
  for (const { name } of entries) {
    const entry = await store.find(log, name);
    if (entry !== undefined && entry.from === undefined) return entry.timeMs;
  }
  return undefined;
}
