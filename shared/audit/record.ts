/**
 * One record of an audit log: who did what to what, when, and what became of it. Its canonical bytes are a
 * leaf of the log; its id is the leaf's hash. Records hold ids, digests and one commitment, never personal
 * data: what a commitment hides lies outside the log and can be erased without breaking it.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, equalBytes, toBase32, toBase64url, utf8 } from '../bytes.ts';
import type { NodeName } from '../crypto/attestation.ts';
import { canonicalBytes } from '../intent/canonical.ts';
import { leafHash } from './merkle.ts';

/**
 * `intent`: durable before anything that depends on it leaves the node. `outcome`: it took effect. `denied`:
 * refused before any effect. `failed`: an intent that ended without an effect.
 */
export const phases = ['intent', 'outcome', 'denied', 'failed'] as const;
export type Phase = (typeof phases)[number];

/** What the caller knows of an event. Every member is a string; what does not apply is empty. */
export interface AuditFacts {
  /** Credential or node that acts. */
  readonly actor: string;
  /** The actor's role, or the node's name. */
  readonly role: string;
  /** What is done, such as `sign` or `change_role`. */
  readonly action: string;
  /** Id of what it is done to. */
  readonly object: string;
  /** base64url of the operation's digest: by it the logs of both nodes are joined. */
  readonly operation: string;
  /** Outcome of the policy: `allowed`, or the rule that denied. */
  readonly policy: string;
  readonly phase: Phase;
  /** Id of the intent that this is the end of; empty if one record, written before the effect, is all. */
  readonly previous: string;
}

export interface AuditRecord extends AuditFacts {
  /** The version of the format is in the type. */
  readonly type: 'planbok/audit-record/v1';
  /** Origin of the log. */
  readonly log: string;
  /** Decimal epoch milliseconds, by the clock of the node. */
  readonly time: string;
  /** base64url of {@link commitmentOf}. */
  readonly commitment: string;
}

const members = [
  'action',
  'actor',
  'commitment',
  'log',
  'object',
  'operation',
  'phase',
  'policy',
  'previous',
  'role',
  'time',
  'type',
] as const satisfies readonly (keyof AuditRecord)[];

/** The most bytes of a record: a bundle of 256 then fits into one item of a table. */
export const maxRecordBytes = 1_200;
/** Bytes of the salt of a commitment. */
export const nonceBytes = 32;

/** What a commitment hides. */
export interface Opening {
  /** {@link nonceBytes} random bytes. */
  readonly nonce: Bytes;
  readonly payload: Bytes;
}

/**
 * SHA-256(nonce ‖ payload). With 32 random bytes of nonce it says nothing of the payload once the nonce is
 * erased. Every record has one, also over an empty payload: no two records are the same.
 * @throws {RangeError} on a nonce of another length.
 */
export function commitmentOf(nonce: Bytes, payload: Bytes): Bytes {
  if (nonce.length !== nonceBytes) throw new RangeError('a nonce has 32 bytes');
  return sha256(concat(nonce, payload));
}

/**
 * The origin of an organization's log at a node. Opaque to who does not know the organization's id, and the
 * same to everyone who does.
 */
export const logOf = (node: NodeName, organization: string): string =>
  `planbok.${node}/${toBase32(sha256(utf8(`planbok/audit-log/v1\0${node}\0${organization}`)).subarray(0, 20))}`;

/** The record of facts at a time, under a commitment. */
export const recordOf = (log: string, timeMs: number, facts: AuditFacts, commitment: Bytes): AuditRecord => ({
  type: 'planbok/audit-record/v1',
  log,
  time: String(timeMs),
  actor: facts.actor,
  role: facts.role,
  action: facts.action,
  object: facts.object,
  operation: facts.operation,
  policy: facts.policy,
  phase: facts.phase,
  previous: facts.previous,
  commitment: toBase64url(commitment),
});

/**
 * The leaf of a record: canonical JSON in UTF-8.
 * @throws {RangeError} above {@link maxRecordBytes}. @throws {TypeError} on a member that is not a string.
 */
export function recordBytes(record: AuditRecord): Bytes {
  const bytes = canonicalBytes(record);
  if (bytes.length > maxRecordBytes) throw new RangeError(`a record has at most ${maxRecordBytes} bytes`);
  return bytes;
}

/** base64url of the hash of the leaf. */
export const recordId = (bytes: Bytes): string => toBase64url(leafHash(bytes));

/** @throws {TypeError} unless these are the canonical bytes of a record. */
export function readRecord(bytes: Bytes): AuditRecord {
  const refuse = (cause?: unknown) => new TypeError('not an audit record', { cause });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refuse(cause);
  }
  if (typeof value !== 'object' || value === null) throw refuse();
  const record = value as AuditRecord;
  const ok =
    Object.keys(record).sort().join() === members.join() &&
    record.type === 'planbok/audit-record/v1' &&
    phases.includes(record.phase) &&
    /^(0|[1-9]\d{0,14})$/.test(record.time) &&
    equalBytes(recordBytes(record), bytes);
  if (!ok) throw refuse();
  return record;
}
