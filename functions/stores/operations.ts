/**
 * Operations at Node 2, by digest: how many protocol sessions they were given, and what was committed.
 * @module
 */
import { type Bytes, toBase64url } from '#shared/bytes.ts';
import type { Clock, Table } from '../ports.ts';

/** Fresh protocol sessions that one digest of one operation may use. */
export const sessionsPerDigest = 3;
const keptSeconds = 7 * 24 * 3600;

export interface Operations {
  /** Counts one session for digest `index`; false if `limit` of them were given before. */
  admit(digest: Bytes, index: number, limit?: number): Promise<boolean>;
  /** What was committed for this operation, canonical JSON. */
  committed(digest: Bytes): Promise<string | undefined>;
  /** Commits a result, once and for good. Resolves to what stands committed, this one or an earlier one. */
  commit(digest: Bytes, result: string): Promise<string>;
}

export function operationsOver(table: Table, clock: Clock): Operations {
  const keyOf = (digest: Bytes) => ({ digest: toBase64url(digest) });
  const ttl = () => Math.floor(clock() / 1000) + keptSeconds;
  return {
    async admit(digest, index, limit = sessionsPerDigest) {
      const counter = `sessions${index}`;
      const change = { add: { [counter]: 1 }, set: { ttl: ttl() } };
      return (
        (await table.update(keyOf(digest), change, [[[counter, 'absent']], [[counter, '<', limit]]])) !== null
      );
    },
    async committed(digest) {
      return (await table.get(keyOf(digest)))?.['result'] as string | undefined;
    },
    async commit(digest, result) {
      // Kept for ever: what was committed once must be found by the last of all retries.
      const change = { set: { result }, remove: ['ttl'] };
      const stored = await table.update(keyOf(digest), change, [[['result', 'absent']]]);
      return stored === null ? ((await table.get(keyOf(digest)))?.['result'] as string) : result;
    },
  };
}
