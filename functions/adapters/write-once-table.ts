/**
 * Write-once files as items of a table with the hash key `id`: for tests, and where there is no locked bucket.
 * A file has at most 400 KB, as an item of DynamoDB.
 * @module
 */
import type { Bytes } from '#shared/bytes.ts';
import type { WriteOnce } from '../audit/ports.ts';
import type { Table } from '../ports.ts';

export const writeOnceTable = (table: Table): WriteOnce => ({
  put: (name, content) => table.put({ id: `file/${name}`, content }, [[['id', 'absent']]]),
  async get(name) {
    return (await table.get({ id: `file/${name}` }))?.['content'] as Bytes | undefined;
  },
});
