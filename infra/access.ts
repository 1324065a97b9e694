/**
 * Which program may do what with which table: all that it does, and nothing else. What is not here is denied.
 * @module
 */
import type { TableName } from '../functions/tables.ts';

export type ProgramName = 'node1' | 'node2' | 'api';

/** Actions of DynamoDB. `Query` is of the indices only. */
export type TableAction = 'GetItem' | 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'Query';

export type TableAccess = Readonly<Partial<Record<TableName, readonly TableAction[]>>>;

/** What both nodes do with the state of keys and protocols. */
const keeper = {
  registry: ['GetItem', 'PutItem'],
  keys: ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem'],
  resources: ['GetItem', 'PutItem'],
  audit: ['GetItem', 'PutItem', 'Query', 'UpdateItem'],
} as const satisfies TableAccess;

export const access = {
  node1: {
    ...keeper,
    shares: ['GetItem', 'PutItem', 'DeleteItem'],
    sessions: ['PutItem'],
    idempotency: ['GetItem', 'PutItem', 'UpdateItem'],
  },
  node2: {
    ...keeper,
    shares: ['GetItem', 'PutItem'],
    sessions: ['PutItem', 'UpdateItem'],
    operations: ['GetItem', 'PutItem'],
    counters: ['GetItem', 'PutItem', 'UpdateItem'],
  },
  /** Reads, and holds no share: neither the table nor the key. */
  api: {
    registry: ['GetItem'],
    keys: ['GetItem'],
    resources: ['GetItem', 'Query'],
    idempotency: ['GetItem'],
    audit: ['GetItem', 'Query'],
  },
} as const satisfies Record<ProgramName, TableAccess>;
