/**
 * The tries of a PIN at Node 2: one item per customer, whatever the number of devices. A try is counted before
 * anything is evaluated, by one conditional write; it is a failure until a proof names it, for Node 2 cannot
 * know better. Five tries, then 1 min, 5 min, 1 h, 24 h and 24 h before each of the next five, then none.
 *
 * A proof forgives the tries up to the one that it names, not those after it: a proof that somebody held back
 * pays for nothing that happened since. Tries that nobody ever proves add up over the life of a key: 50, and no
 * more.
 * @module
 */

import type { Standing } from '#shared/custody/evaluation-answer.ts';
import type { ProvenEvaluation } from '#shared/custody/evaluation-proof.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Item, Table } from '../ports.ts';
import { changing, type Step } from './changing.ts';
import { type Recent, readRecent, remember, writeRecent } from './recent.ts';

const minuteMs = 60_000;
/** Before the first, the second, … try since the last proof. */
export const delaysMs = [0, 0, 0, 0, 0, 1, 5, 60, 24 * 60, 24 * 60].map((minutes) => minutes * minuteMs);
/** Tries since the last proof that lock. */
export const mostTries = delaysMs.length;
/** Tries that were never proven and lock, over the life of a key. */
export const mostUnproven = 50;

interface Try {
  readonly number: number;
  readonly evaluation: string;
  readonly device: string;
}

interface Tries {
  /** Number of the newest try, and of the newest that is proven. */
  readonly made: number;
  readonly proven: number;
  /** When the newest was made. */
  readonly lastMs: number;
  readonly unproven: readonly Try[];
  readonly recent: Recent;
  /** By device: the version of the key with which counting last started over. */
  readonly started: Readonly<Record<string, number>>;
}

/** What became of a try. */
export type Counted = { readonly outcome: 'counted' | 'wait' | 'locked'; readonly standing: Standing };

export interface Attempts {
  /**
   * Counts a try of this customer, or says why there is none. Of any number of concurrent calls as many count
   * as are allowed. A call that throws may have counted.
   * @param device whose signature the request bears; the caller has verified it
   * @throws {CustodyError} `authorisation_replayed` if the evaluation was counted before; `storage_unavailable`
   */
  take(customer: string, device: string, evaluation: string, nowMs: number): Promise<Counted>;
  /** Forgives what the proof pays for. False if there is nothing: proven before, or never counted. */
  prove(proof: ProvenEvaluation): Promise<boolean>;
  /**
   * A new key of this device was confirmed: what was tried against the old one is of no use any more. Once per
   * version: a proof that is sent again buys nothing.
   */
  startOver(proof: ProvenEvaluation): Promise<void>;
}

/** @param table of this node: hash key `counter` */
export function attemptsOver(table: Table): Attempts {
  const change = changing(table, { read, write });
  const keyOf = (customer: string): Item => ({ counter: `pin#${customer}` });
  return {
    take: (customer, device, evaluation, nowMs) =>
      change(keyOf(customer), (tries): Step<Tries, Counted> => {
        if (tries.unproven.some((one) => one.evaluation === evaluation)) throw replayed();
        const recent = remember(tries.recent, evaluation, nowMs);
        if (recent === 'known') throw replayed();
        const standing = standingOf(tries);
        if (standing.remaining === 0) return { result: { outcome: 'locked', standing } };
        if (nowMs < standing.nextMs) return { result: { outcome: 'wait', standing } };
        if ('fullUntilMs' in recent)
          return { result: { outcome: 'wait', standing: { ...standing, nextMs: recent.fullUntilMs } } };
        const number = tries.made + 1;
        const next = {
          ...tries,
          made: number,
          // A clock that went back does not shorten a delay.
          lastMs: Math.max(tries.lastMs, nowMs),
          unproven: [...tries.unproven, { number, evaluation, device }],
          recent,
        };
        return { next, result: { outcome: 'counted', standing: standingOf(next) } };
      }),
    prove: ({ use, customer, device, evaluation }) =>
      change(keyOf(customer), (tries) => {
        const found = tries.unproven.find((one) => one.evaluation === evaluation && one.device === device);
        if (use !== 'pin' || found === undefined) return { result: false };
        const proven = Math.max(tries.proven, found.number);
        const next = { ...tries, proven, unproven: tries.unproven.filter((one) => one !== found) };
        return { next, result: true };
      }),
    startOver: ({ customer, device, version }) =>
      change(keyOf(customer), (tries) => {
        if (version <= (tries.started[device] ?? 0)) return { result: undefined };
        const unproven = tries.unproven.filter((one) => one.device !== device);
        const started = { ...tries.started, [device]: version };
        return { next: { ...tries, proven: tries.made, unproven, started }, result: undefined };
      }),
  };
}

const replayed = (): CustodyError =>
  new CustodyError('authorisation_replayed', 'this evaluation was asked for before');

function standingOf({ made, proven, lastMs, unproven }: Tries): Standing {
  const since = made - proven;
  const remaining = Math.max(0, Math.min(mostTries - since, mostUnproven - unproven.length));
  const delayMs = delaysMs[since] ?? 0;
  return { remaining, nextMs: remaining === 0 || delayMs === 0 ? 0 : lastMs + delayMs };
}

const write = ({ made, proven, lastMs, unproven, recent, started }: Tries): Item => ({
  made,
  proven,
  lastMs,
  unproven: JSON.stringify(unproven.map(({ number, evaluation, device }) => [number, evaluation, device])),
  recent: writeRecent(recent),
  started: JSON.stringify(Object.entries(started)),
});

function read(item: Item | undefined): Tries {
  if (item === undefined) return { made: 0, proven: 0, lastMs: 0, unproven: [], recent: [], started: {} };
  const unproven = JSON.parse(String(item['unproven'])) as [number, string, string][];
  return {
    made: Number(item['made']),
    proven: Number(item['proven']),
    lastMs: Number(item['lastMs']),
    unproven: unproven.map(([number, evaluation, device]) => ({ number, evaluation, device })),
    recent: readRecent(item['recent']),
    started: Object.fromEntries(JSON.parse(String(item['started'])) as [string, number][]),
  };
}
