/**
 * What Node 2 committed for an operation, by its digest: once, and for good.
 * @module
 */
import { type Bytes, toBase64url } from '#shared/bytes.ts';
import type { Table } from '../ports.ts';

export interface Operations {
  /** What was committed for this operation, canonical JSON. */
  committed(digest: Bytes): Promise<string | undefined>;
  /** Commits a result, once and for good. Resolves to what stands committed, this one or an earlier one. */
  commit(digest: Bytes, result: string): Promise<string>;
}

export function operationsOver(table: Table): Operations {
  const keyOf = (digest: Bytes) => ({ digest: toBase64url(digest) });
  const committed = async (digest: Bytes) =>
    (await table.get(keyOf(digest)))?.['result'] as string | undefined;
  return {
    committed,
    async commit(digest, result) {
      const first = await table.put({ ...keyOf(digest), result }, [[['digest', 'absent']]]);
      return first ? result : ((await committed(digest)) as string);
    },
  };
}
