/**
 * The tries of security questions at Node 2, one item per customer: five, and one more every 24 hours. It never
 * locks for good, for then a stranger could take the last way back from somebody; and nothing refills it but
 * time.
 * @module
 */
import type { Standing } from '#shared/custody/evaluation-answer.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Item, Table } from '../ports.ts';
import type { Counted } from './attempts.ts';
import { changing, type Step } from './changing.ts';
import { type Recent, readRecent, remember, writeRecent } from './recent.ts';

export const mostAnswerTries = 5;
export const refillMs = 24 * 3_600_000;

interface Bucket {
  /** When all tries are there again, if none is made until then. */
  readonly fullMs: number;
  readonly recent: Recent;
}

export interface AnswerAttempts {
  /** As `take` of {@link Attempts}; never `locked`. @throws {CustodyError} likewise */
  take(customer: string, evaluation: string, nowMs: number): Promise<Counted>;
}

/** @param table of this node: hash key `counter` */
export function answerAttemptsOver(table: Table): AnswerAttempts {
  const change = changing<Bucket>(table, {
    read: (item) => ({ fullMs: Number(item?.['fullMs'] ?? 0), recent: readRecent(item?.['recent'] ?? '[]') }),
    write: ({ fullMs, recent }): Item => ({ fullMs, recent: writeRecent(recent) }),
  });
  return {
    take: (customer, evaluation, nowMs) =>
      change({ counter: `answers#${customer}` }, (bucket): Step<Bucket, Counted> => {
        const recent = remember(bucket.recent, evaluation, nowMs);
        if (recent === 'known')
          throw new CustodyError('authorisation_replayed', 'this evaluation was asked for before');
        const standing = standingOf(bucket.fullMs, nowMs);
        if (standing.remaining === 0 || 'fullUntilMs' in recent)
          return { result: { outcome: 'wait', standing } };
        const fullMs = Math.max(bucket.fullMs, nowMs) + refillMs;
        return {
          next: { fullMs, recent },
          result: { outcome: 'counted', standing: standingOf(fullMs, nowMs) },
        };
      }),
  };
}

function standingOf(fullMs: number, nowMs: number): Standing {
  const missing = Math.ceil(Math.max(0, fullMs - nowMs) / refillMs);
  const remaining = Math.max(0, mostAnswerTries - missing);
  return { remaining, nextMs: remaining > 0 ? 0 : fullMs - (mostAnswerTries - 1) * refillMs };
}
