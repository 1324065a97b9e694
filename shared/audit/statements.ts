/**
 * What a node says of its logs, each attested by its identity and verifiable offline for ever: the promise that
 * a record will be in the log, and the keys that sign its checkpoints and cosign those of the other node.
 * @module
 */
import { type Bytes, fromBase64url } from '../bytes.ts';
import { type Attested, type NodeName, openAttested, type Said } from '../crypto/attestation.ts';

/** The record is durable, and will be in the log. `issued` is when the node said so. */
export interface AuditPromise extends Said {
  readonly type: 'planbok/audit-promise/v1';
  readonly log: string;
  /** Id of the record: base64url of its leaf hash. */
  readonly record: string;
}

/** A node's Ed25519 key: of one log, for cosigning every log of the other node, or of one webhook endpoint. */
export interface AuditKey extends Said {
  readonly type: 'planbok/audit-key/v1';
  readonly use: 'log' | 'witness' | 'webhook';
  /** The origin of the log or the name of the witness, as in notes; of a webhook, {@link webhookKeyName}. */
  readonly name: string;
  /** base64url, 32 bytes. */
  readonly publicKey: string;
}

/** Name of the n-th key of a webhook endpoint. */
export const webhookKeyName = (endpoint: string, n: number): string => `planbok.node1/${endpoint}/${n}`;

/** Name of a node's witness key. */
export const witnessOf = (node: NodeName): string => `planbok.${node}/witness`;

/** @throws {Error} unless `node`, under this identity, said that `name` is its key for this use. */
export function openAuditKey(
  attested: Attested<AuditKey>,
  expected: Pick<AuditKey, 'node' | 'use' | 'name'>,
  identity: Bytes,
): { readonly name: string; readonly publicKey: Bytes } {
  const document = openAttested(attested, expected.node, identity);
  const { type, use, name } = document;
  if (type !== 'planbok/audit-key/v1' || use !== expected.use || name !== expected.name)
    throw new Error('a key for something else');
  const publicKey = fromBase64url(document.publicKey);
  if (publicKey.length !== 32) throw new Error('not an Ed25519 key');
  return { name, publicKey };
}

/** @throws {Error} unless `node` promised, under this identity, that the record will be in this log. */
export function openPromise(
  attested: Attested<AuditPromise>,
  expected: Pick<AuditPromise, 'node' | 'log' | 'record'>,
  identity: Bytes,
): AuditPromise {
  const document = openAttested(attested, expected.node, identity);
  const { type, log, record } = document;
  if (type !== 'planbok/audit-promise/v1' || log !== expected.log || record !== expected.record)
    throw new Error('a promise of something else');
  return document;
}
