/**
 * Which program may do what with which table: all that it does, and nothing else. What is not here is denied.
 * @module
 */
import type { TableName } from '../functions/tables.ts';

export type ProgramName = 'node1' | 'node2' | 'api' | 'sequencer';

/** Actions of DynamoDB. `Query` is of the indices only. */
export type TableAction = 'GetItem' | 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'Query';

export type TableAccess = Readonly<Partial<Record<TableName, readonly TableAction[]>>>;

const logKeeper = ['GetItem', 'PutItem', 'Query', 'UpdateItem'] as const;

/** What both nodes do with the state of keys and protocols. */
const keeper = {
  registry: ['GetItem', 'PutItem'],
  keys: ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem'],
  resources: ['GetItem', 'PutItem'],
  audit: logKeeper,
} as const satisfies TableAccess;

export const access = {
  node1: {
    ...keeper,
    shares: ['GetItem', 'PutItem', 'DeleteItem'],
    sessions: ['PutItem'],
    idempotency: ['GetItem', 'PutItem', 'UpdateItem'],
    webhooks: ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query'],
    tokens: ['GetItem', 'PutItem', 'UpdateItem'],
    invitations: ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query'],
  },
  node2: {
    ...keeper,
    shares: ['GetItem', 'PutItem'],
    sessions: ['PutItem', 'UpdateItem'],
    operations: ['GetItem', 'PutItem'],
    counters: ['GetItem', 'PutItem', 'UpdateItem'],
  },
  /** One at each node: integrates the audit logs, and sees nothing else. */
  sequencer: { audit: logKeeper },
  /** Reads, and holds no share: neither the table nor the key. It notes when a token was used. */
  api: {
    registry: ['GetItem'],
    keys: ['GetItem'],
    resources: ['GetItem', 'Query'],
    idempotency: ['GetItem'],
    audit: ['GetItem', 'Query'],
    webhooks: ['GetItem', 'Query'],
    tokens: ['GetItem', 'Query', 'UpdateItem'],
    invitations: ['GetItem', 'Query'],
  },
} as const satisfies Record<ProgramName, TableAccess>;
