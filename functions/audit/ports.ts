/**
 * What the audit log needs of the world besides a table.
 * @module
 */

import type { NoteKey } from '#shared/audit/note.ts';
import type { CosignAnswer, CosignRequest } from '#shared/audit/witness.ts';
import type { Bytes } from '#shared/bytes.ts';

/**
 * Files that are written once and never change: a bucket under Object Lock, read-only files. Names are paths
 * of letters, digits, `.`, `_`, `-` between slashes.
 */
export interface WriteOnce {
  /** Durable when it resolves. False if there is a file of this name already, which stays as it is. */
  put(name: string, bytes: Bytes): Promise<boolean>;
  get(name: string): Promise<Bytes | undefined>;
}

/** The other node, which witnesses this node's logs. */
export interface WitnessPort {
  /** @throws {CustodyError} `node_unavailable` */
  ask(log: string, request: CosignRequest): Promise<CosignAnswer>;
  /** The witness key that the other node's identity attested. */
  key(): Promise<Omit<NoteKey, 'type'>>;
}

/** Seals the private keys of logs at rest. */
export interface KeySealer {
  seal(name: string, plaintext: Bytes): Promise<{ readonly wrapped: Bytes; readonly sealed: Bytes }>;
  /** The caller wipes the result. */
  open(name: string, sealed: { readonly wrapped: Bytes; readonly sealed: Bytes }): Promise<Bytes>;
}
