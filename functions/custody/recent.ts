/**
 * The names of evaluations of the last minutes, kept in the item of their counter: a request that was captured
 * is not carried out, and not counted, a second time. A request lives 120 s and a name longer.
 * @module
 */
import { clockToleranceSeconds, maxLifeSeconds } from '#shared/intent/authorisation.ts';
import type { Value } from '../ports.ts';

interface Named {
  readonly evaluation: string;
  readonly untilMs: number;
}

/** Oldest first. */
export type Recent = readonly Named[];

/** A request may come from a clock that is ahead, and to one of ours that was set back. */
const keptMs = 2 * (maxLifeSeconds + clockToleranceSeconds) * 1000;
/** Evaluations within {@link keptMs}: more than a person asks for, and an item stays small. */
export const mostRecent = 60;

/** The names with this one; that it is among them; or until when there is no room. */
export function remember(
  recent: Recent,
  evaluation: string,
  nowMs: number,
): Recent | 'known' | { readonly fullUntilMs: number } {
  if (recent.some((one) => one.evaluation === evaluation)) return 'known';
  const kept = recent.filter(({ untilMs }) => untilMs > nowMs);
  const oldest = kept[0];
  if (oldest !== undefined && kept.length >= mostRecent) return { fullUntilMs: oldest.untilMs };
  return [...kept, { evaluation, untilMs: nowMs + keptMs }];
}

export const writeRecent = (recent: Recent): string =>
  JSON.stringify(recent.map(({ evaluation, untilMs }) => [evaluation, untilMs]));

export const readRecent = (stored: Value | undefined): Recent =>
  (JSON.parse(String(stored)) as [string, number][]).map(([evaluation, untilMs]) => ({
    evaluation,
    untilMs,
  }));
