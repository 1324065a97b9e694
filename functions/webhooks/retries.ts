/**
 * When a message that failed is sent again: the schedule that Standard Webhooks suggests, then once a day. Nothing
 * is skipped; who fails for five days is sent nothing more until somebody begins again.
 * @module
 */
import type { Random } from '../ports.ts';
import type { Attempt } from './ports.ts';

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
/** After the first, second, … failed attempt. */
export const delaysMs: readonly number[] = [
  5 * secondMs,
  5 * minuteMs,
  30 * minuteMs,
  2 * hourMs,
  5 * hourMs,
  10 * hourMs,
  14 * hourMs,
  20 * hourMs,
  24 * hourMs,
];
const longestMs = 24 * hourMs;

/** An endpoint that has failed for as long as this is disabled, milliseconds. */
export const disableAfterMs = 5 * 24 * hourMs;

/**
 * @param failures attempts at this message so far, all failed: 1 or more
 * @returns milliseconds to wait: up to a tenth more than the schedule says, so that what failed together does not
 * come back together; longer if the receiver asked for it, but no longer than a day
 */
export function delayAfter(failures: number, { retryAfterMs = 0 }: Attempt, random: Random): number {
  const delay = delaysMs[failures - 1] ?? longestMs;
  const jitter = ((random(1)[0] ?? 0) / 256) * (delay / 10);
  return Math.max(Math.round(delay + jitter), Math.min(retryAfterMs, longestMs));
}
