/**
 * One item, read, changed and written back on condition that nobody wrote meanwhile, until it succeeds.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import type { Item, Table, When } from '../ports.ts';

/** How often a write that lost against another is tried again. */
const attempts = 200;

/** What is to be written, if anything, and what the caller is told once it is. */
export interface Step<S, R> {
  readonly next?: S;
  readonly result: R;
}

export interface Codec<S> {
  read(item: Item | undefined): S;
  /** Without key and `revision`. */
  write(state: S): Item;
}

/**
 * @returns runs `decide` on the state of an item, again whenever another write came first. What `decide`
 * throws is thrown; `storage_unavailable` when the store does not answer: it may have written.
 */
export const changing =
  <S>(table: Table, { read, write }: Codec<S>) =>
  async <R>(key: Item, decide: (state: S) => Step<S, R>): Promise<R> => {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const item = await table.get(key);
      const { next, result } = decide(read(item));
      if (next === undefined) return result;
      const revision = Number(item?.['revision'] ?? 0);
      const when: When = item === undefined ? [[['revision', 'absent']]] : [[['revision', '=', revision]]];
      if (await table.put({ ...key, ...write(next), revision: revision + 1 }, when)) return result;
      // Losers spread out, so that one of them gets through undisturbed.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(4 + 2 * attempt, 100)));
    }
    throw new CustodyError('storage_unavailable', 'too many requests change the same record');
  };
