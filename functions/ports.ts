/**
 * What a node needs from the world, each with the consistency its callers rely on. A node is logic over
 * these; AWS appears only in `adapters/`.
 * @module
 */
import type { Bytes } from '#shared/bytes.ts';

/** Epoch milliseconds. Security expiry compares this with a stored time; it is never a TTL alone. */
export type Clock = () => number;

export type { Random } from '#shared/mpc/hash.ts';

export type Value = string | number | boolean | Bytes;
/** A flat item: attribute names to strings, safe integers, booleans and byte strings. */
export type Item = Readonly<Record<string, Value>>;

/** One comparison of an attribute of the stored item. A comparison with an absent attribute is false. */
export type Clause =
  | readonly [attribute: string, op: 'absent' | 'present']
  | readonly [attribute: string, op: '=' | '<>' | '<' | '<=' | '>' | '>=', value: Value];

/** Holds if every clause of at least one of the lists holds: an OR of ANDs. */
export type When = readonly (readonly Clause[])[];

export interface Change {
  readonly set?: Item;
  /** Adds to a number; an absent one counts as 0. */
  readonly add?: Readonly<Record<string, number>>;
  readonly remove?: readonly string[];
}

export interface Page {
  readonly items: readonly Item[];
  /** Opaque; absent on the last page. */
  readonly cursor?: string;
}

/**
 * A table with a hash key and, for some, a range key. **Every call that writes is one atomic, conditional
 * write of one item**: of any number of concurrent writers with the same condition exactly one wins.
 * Reads are strongly consistent, `list` is not: never decide from a list, read the item.
 *
 * A call that throws (`storage_unavailable`) may have written. Callers treat that as "unknown", never as
 * "did not happen".
 */
export interface Table {
  get(key: Item): Promise<Item | undefined>;
  /** Writes the whole item if `when` holds of what is stored now; says whether it did. */
  put(item: Item, when?: When): Promise<boolean>;
  /**
   * Changes one item if `when` holds (it is created if absent, unless `when` forbids). Resolves to the item
   * as it was before and as it is after, or to null if the condition failed.
   */
  update(
    key: Item,
    change: Change,
    when?: When,
  ): Promise<{ readonly before: Item; readonly after: Item } | null>;
  delete(key: Item, when?: When): Promise<boolean>;
  /**
   * Items whose attribute `list` (index `byList`) or `parent` (index `byParent`) has this value, in
   * descending order of `listOrder`, that is, newest first. Eventually consistent.
   */
  list(
    by: { readonly list: string } | { readonly parent: string },
    options: { readonly limit: number; readonly cursor?: string },
  ): Promise<Page>;
}

/** The tables of one node. Names and keys: `tables.ts`. */
export interface Tables {
  readonly registry: Table;
  readonly keys: Table;
  readonly shares: Table;
  readonly sessions: Table;
  readonly operations: Table;
  readonly idempotency: Table;
  readonly resources: Table;
  readonly counters: Table;
  readonly audit: Table;
  readonly webhooks: Table;
  readonly tokens: Table;
  readonly invitations: Table;
}

/** Bound to every data key by KMS and written to CloudTrail in clear: ids only. */
export type EncryptionContext = Readonly<Record<string, string>>;

/** Data keys of one KMS key. Every call is one KMS request. @throws {CustodyError} `storage_unavailable` */
export interface DataKeys {
  /** A fresh 32-byte data key, and the same wrapped under the KMS key with this context. */
  generateDataKey(context: EncryptionContext): Promise<{ readonly key: Bytes; readonly wrapped: Bytes }>;
  /** @throws {CustodyError} `share_unreadable` if the context, the key or the ciphertext is another one. */
  decryptDataKey(wrapped: Bytes, context: EncryptionContext): Promise<Bytes>;
}

/** The node's keys in KMS: data keys are those of the share key. */
export interface KeyService extends DataKeys {
  /** ECDSA P-256 with SHA-256 over `message` by the node's identity key; DER. */
  signIdentity(message: Bytes): Promise<Bytes>;
  /** The identity key as DER SubjectPublicKeyInfo. */
  identity(): Promise<Bytes>;
}

/**
 * Node 1's key for what clients seal to it: P-256, for key agreement alone; the private half never leaves KMS.
 * @throws {CustodyError} `storage_unavailable`
 */
export interface EncryptionKey {
  /** DER SubjectPublicKeyInfo, 91 bytes. */
  publicKey(): Promise<Bytes>;
  /**
   * ECDH with another key (SubjectPublicKeyInfo of a point on P-256): the raw x-coordinate, 32 bytes with its
   * leading zeros. One KMS request. The caller wipes it.
   */
  deriveSharedSecret(spki: Bytes): Promise<Bytes>;
}

/**
 * Carries one sealed envelope to the peer and brings its answer. At most once: a transport never repeats a
 * request by itself. @throws {CustodyError} `node_unavailable`
 */
export interface Transport {
  send(method: string, envelope: Bytes): Promise<Bytes>;
  /** SHA-256 of the SubjectPublicKeyInfo of our TLS client key, 32 bytes: envelopes name it. */
  tlsKeyHash(): Promise<Bytes>;
}

/** Structured log: ids and codes only; never a body, a state or a share. */
export interface Log {
  info(message: string, fields?: Readonly<Record<string, string | number>>): void;
  warn(message: string, fields?: Readonly<Record<string, string | number>>): void;
  /** Rings the alarm: a peer misbehaved, or a key was locked. */
  alarm(message: string, fields?: Readonly<Record<string, string | number>>): void;
}
