/**
 * Counters of policy windows at Node 2: one item per wallet set, read, changed and written back on condition
 * that nobody else wrote meanwhile. All windows of an operation are counted in one write or none is, before
 * Node 2 releases anything.
 *
 * A counter is a list of what was spent and when. The newest {@link namedOperations} entries name their
 * operation, so a retry finds itself and is not counted again; older ones are added up in steps of a
 * {@link steps}th of the window, at the later end of the step: a window is never shorter than its rule says.
 * @module
 */
import { type Bytes, toBase64url } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Spent } from '#shared/policy/decide.ts';
import type { Reservation } from '#shared/policy/windows.ts';
import type { Item, Table, When } from '../ports.ts';

/** Entries of a counter that name their operation. A retry that comes later than these counts once more. */
export const namedOperations = 100;
/** Most sums of older entries. */
export const steps = 32;
/** How often a write that lost against another is tried again. */
const attempts = 200;

interface Entry {
  readonly atMs: number;
  readonly amount: bigint;
  readonly count: number;
  /** base64url of the first 16 bytes of the operation digest. */
  readonly operation?: string;
}

interface Counter {
  readonly windowMs: number;
  /** Oldest first. */
  readonly entries: readonly Entry[];
}

/** Counters by {@link counterName}. */
type Counters = ReadonlyMap<string, Counter>;

/** Which counter has no room, and what stands in it. */
export interface WindowFull extends Spent {
  readonly rule: string;
  readonly asset: string;
}

export interface Windows {
  /**
   * What is counted at `atMs`, without this operation: the `spentInWindow` of `decide`. `reserve` decides
   * again. A window that was made longer begins with what the shorter one still held.
   */
  spent(
    walletSet: string,
    operation: Bytes,
    atMs: number,
  ): Promise<(rule: string, asset: string, seconds: number) => Spent>;
  /**
   * Counts the operation in all of these windows, unless one of them has no room. Resolves to null when it
   * is counted, by this call or an earlier one. A call that throws may have counted; calling again is safe.
   * @throws {CustodyError} `storage_unavailable`
   */
  reserve(
    walletSet: string,
    operation: Bytes,
    reservations: readonly Reservation[],
    atMs: number,
  ): Promise<WindowFull | null>;
}

/** @param pause waits so many milliseconds before another attempt. */
export function windowsOver(
  table: Table,
  pause: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
): Windows {
  const keyOf = (walletSet: string): Item => ({ counter: `windows#${walletSet}` });
  return {
    async spent(walletSet, operation, atMs) {
      const counters = read(await table.get(keyOf(walletSet)));
      const own = nameOf(operation);
      return (rule, asset, seconds) => {
        const entries = counters.get(counterName(rule, asset))?.entries ?? [];
        return sum(without(alive({ windowMs: seconds * 1000, entries }, atMs), own));
      };
    },
    async reserve(walletSet, operation, reservations, atMs) {
      if (reservations.length === 0) return null;
      for (let attempt = 0; attempt < attempts; attempt++) {
        const item = await table.get(keyOf(walletSet));
        const next = countIn(read(item), nameOf(operation), reservations, atMs);
        if (!('counters' in next)) return next.full;
        const version = Number(item?.['version'] ?? 0);
        const when: When = item === undefined ? [[['counter', 'absent']]] : [[['version', '=', version]]];
        const written = { ...keyOf(walletSet), version: version + 1, counters: write(next.counters) };
        if (await table.put(written, when)) return null;
        // Losers spread out, so that one of them gets through undisturbed.
        await pause(Math.random() * Math.min(4 + 2 * attempt, 100));
      }
      throw new CustodyError('storage_unavailable', 'too many operations count in the same windows');
    },
  };
}

const counterName = (rule: string, asset: string): string => JSON.stringify([rule, asset]);
const nameOf = (operation: Bytes): string => toBase64url(operation.subarray(0, 16));

/** Entries that are still inside the window. An entry of the future (another clock) is. */
const alive = ({ entries, windowMs }: Counter, atMs: number): readonly Entry[] =>
  entries.filter((entry) => entry.atMs + windowMs > atMs);
const without = (entries: readonly Entry[], operation: string): readonly Entry[] =>
  entries.filter((entry) => entry.operation !== operation);
const sum = (entries: readonly Entry[]): Spent => ({
  amount: entries.reduce((total, { amount }) => total + amount, 0n),
  count: entries.reduce((total, { count }) => total + count, 0),
});

/** The counters with this operation in them; what is full; or neither, if it is counted everywhere already. */
function countIn(
  before: Counters,
  operation: string,
  reservations: readonly Reservation[],
  atMs: number,
): { readonly counters: Counters } | { readonly full: WindowFull | null } {
  const counters = new Map<string, Counter>();
  for (const [name, counter] of before) {
    const entries = alive(counter, atMs);
    if (entries.length > 0) counters.set(name, { ...counter, entries });
  }
  let changed = false;
  for (const { rule, asset, seconds, amount, maxAmount, maxCount } of reservations) {
    const windowMs = seconds * 1000;
    const name = counterName(rule, asset);
    const entries = alive({ windowMs, entries: counters.get(name)?.entries ?? [] }, atMs);
    if (entries.some((entry) => entry.operation === operation)) continue;
    const there = sum(entries);
    const full =
      (maxAmount !== undefined && there.amount + amount > maxAmount) ||
      (maxCount !== undefined && there.count + 1 > maxCount);
    if (full) return { full: { rule, asset, ...there } };
    const all = [...entries, { atMs, amount, count: 1, operation }];
    counters.set(name, { windowMs, entries: compacted(all, windowMs) });
    changed = true;
  }
  return changed ? { counters } : { full: null };
}

/** The newest as they are; those before them summed up by step, each at the step's end. */
function compacted(entries: readonly Entry[], windowMs: number): readonly Entry[] {
  const ordered = [...entries].sort((a, b) => a.atMs - b.atMs);
  const named = ordered.filter(({ operation }) => operation !== undefined).slice(-namedOperations);
  const kept = new Set(named);
  const stepMs = Math.ceil(windowMs / steps);
  const sums = new Map<number, Entry>();
  for (const entry of ordered) {
    if (kept.has(entry)) continue;
    const atMs = Math.ceil(entry.atMs / stepMs) * stepMs;
    const { amount, count } = sum([entry, ...(sums.has(atMs) ? [sums.get(atMs) as Entry] : [])]);
    sums.set(atMs, { atMs, amount, count });
  }
  return [...sums.values(), ...named];
}

/** JSON of [name, windowMs, [[atMs, amount, count, operation?], …]] for each counter. */
const write = (counters: Counters): string =>
  JSON.stringify(
    [...counters].map(([name, { windowMs, entries }]) => [
      name,
      windowMs,
      entries.map(({ atMs, amount, count, operation }) =>
        operation === undefined
          ? [atMs, amount.toString(), count]
          : [atMs, amount.toString(), count, operation],
      ),
    ]),
  );

function read(item: Item | undefined): Counters {
  if (item === undefined) return new Map();
  type Stored = [string, number, [number, string, number, string?][]][];
  const stored = JSON.parse(String(item['counters'])) as Stored;
  return new Map(
    stored.map(([name, windowMs, entries]) => [
      name,
      {
        windowMs,
        entries: entries.map(([atMs, amount, count, operation]) => ({
          atMs,
          amount: BigInt(amount),
          count,
          ...(operation === undefined ? {} : { operation }),
        })),
      },
    ]),
  );
}
