/**
 * The tables of a node, as data: the adapters create and address them by it, the stacks declare them by it.
 * @module
 */
export interface TableSpec {
  /** Hash key and, if any, range key; both strings. */
  readonly hash: string;
  readonly range?: string;
  /** Has the indices `byList` (hash `list`) and `byParent` (hash `parent`), both with range `listOrder`. */
  readonly listed?: true;
  /** Point-in-time recovery. Off where a restore would bring back a nonce, a claim or a counter. */
  readonly recoverable: boolean;
  /** Items carry `ttl` (epoch seconds) for cleaning up. */
  readonly expiring?: true;
  /** Has a stream of new items, which wakes the sequencer. */
  readonly streamed?: true;
}

export const tables = {
  /** Signed statements of an organization, by sequence number. */
  registry: { hash: 'organization', range: 'seq', recoverable: true },
  /** The ledger: one item per (key, epoch) with state and strikes. */
  keys: { hash: 'key', range: 'epoch', recoverable: false },
  /** Sealed shares, one per (key, epoch, DKG session). */
  shares: { hash: 'key', range: 'record', recoverable: true },
  /** Protocol sessions: replay records and single-use state. */
  sessions: { hash: 'reqId', recoverable: false, expiring: true },
  /** Operations by digest: attempts, and what Node 2 committed for them. */
  operations: { hash: 'digest', recoverable: false },
  /** Idempotency keys of the API, with the stored answer. */
  idempotency: { hash: 'organization', range: 'key', recoverable: false, expiring: true },
  /** Wallet sets, wallets, signatures: what the API lists. */
  resources: { hash: 'id', listed: true, recoverable: true },
  /** Address indices; what was spent in the windows of policies; tries of PINs, and the keys behind them. */
  counters: { hash: 'counter', recoverable: false },
  /** Records, heads and keys of audit logs; what was seen of the other node's. Records of intents are also replay records. */
  audit: { hash: 'id', listed: true, recoverable: false, streamed: true },
  /** Webhook endpoints with their keys and where their deliveries stand; attempts, which expire. */
  webhooks: { hash: 'id', listed: true, recoverable: true, expiring: true },
  /** Bearer tokens, and the sealed secret that they are hashed under. A restore would bring back revoked ones. */
  tokens: { hash: 'id', listed: true, recoverable: false, expiring: true },
  /** Invitations by mail: addresses, and hashes of codes. A restore would bring back what was erased. */
  invitations: { hash: 'id', listed: true, recoverable: false, expiring: true },
} as const satisfies Record<string, TableSpec>;

export type TableName = keyof typeof tables;
