/**
 * Which event a record of Node 1's audit log is to an application: one table, by the record's action and by how
 * it ended. An intent is no event yet; what ends it is one. An action without a row is an event all the same.
 * @module
 */
import type { Phase } from '../audit/record.ts';
import type { Kind } from '../registry/kinds.ts';
import { entry } from '../registry/registry.ts';

/** How something ended. */
export const ends = ['outcome', 'denied', 'failed'] as const satisfies readonly Phase[];
type End = (typeof ends)[number];
type Row<T extends string = string> = Readonly<Record<End, T>>;

const row = <const T extends string, const D extends string>(thing: T, done: D) =>
  ({ outcome: `${thing}.${done}`, denied: `${thing}.denied`, failed: `${thing}.failed` }) as const;
/** A statement is named by what it changes; one that came to nothing is named `statement` alone. */
const stated = <const N extends string>(name: N) =>
  ({ outcome: name, denied: 'statement.denied', failed: 'statement.failed' }) as const;

const statements = {
  'member.add': stated('member.added'),
  'member.remove': stated('member.removed'),
  'member.role': stated('member.role_changed'),
  'credential.add': stated('credential.added'),
  'credential.revoke': stated('credential.revoked'),
  'invitation.create': stated('invitation.created'),
  'invitation.revoke': stated('invitation.revoked'),
  'invitation.accept': stated('invitation.accepted'),
  'api_key.create': stated('api_key.created'),
  'api_key.rotate': stated('api_key.rotated'),
  'api_key.revoke': stated('api_key.revoked'),
  'wallet_set.scopes': stated('wallet_set.scopes_changed'),
  'policy.set': stated('policy.changed'),
  'ownership.transfer': stated('ownership.transferred'),
  'secret.register': stated('secret.registered'),
  'secret.rotate': stated('secret.rotated'),
  'recovery.credential': stated('recovery.announced'),
} as const satisfies Readonly<Record<Kind, Row>>;

/** By the action of the record. */
export const catalog = {
  found: row('organization', 'founded'),
  create_wallet_set: row('wallet_set', 'created'),
  self_test: {
    outcome: 'wallet_set.tested',
    denied: 'wallet_set.test_failed',
    failed: 'wallet_set.test_failed',
  },
  create_wallets: row('wallets', 'created'),
  sign: row('signature', 'completed'),
  'approval.request': row('approval', 'requested'),
  'approval.approve': row('approval', 'approved'),
  'approval.reject': row('approval', 'rejected'),
  'approval.cancel': row('approval', 'cancelled'),
  // Refused before it was known to be either.
  'approval.decide': row('approval', 'decided'),
  create_token: row('token', 'created'),
  revoke_token: row('token', 'revoked'),
  'mail_invitation.create': row('mail_invitation', 'sent'),
  'mail_invitation.resend': row('mail_invitation', 'resent'),
  'mail_invitation.request': row('mail_invitation', 'requested'),
  'mail_invitation.end': row('mail_invitation', 'ended'),
  ...statements,
  create_webhook: row('webhook', 'created'),
  update_webhook: row('webhook', 'updated'),
  delete_webhook: row('webhook', 'deleted'),
  rotate_webhook_key: row('webhook', 'key_rotated'),
  test_webhook: row('webhook', 'tested'),
  redeliver_webhook: row('webhook', 'redelivered'),
  /** By Node 1 itself, when a receiver is gone or failed for too long. */
  disable_webhook: row('webhook', 'disabled'),
} as const satisfies Readonly<Record<string, Row>>;

/** Of actions that have no row. */
export const unnamed = row('other', 'completed');

export type EventType = (typeof catalog)[keyof typeof catalog][End] | (typeof unnamed)[End];

const rows: readonly Row<EventType>[] = [...Object.values(catalog), unnamed];
/** Every type once, in the order of the table. */
export const eventTypes: readonly EventType[] = [
  ...new Set(rows.flatMap((names) => ends.map((end) => names[end]))),
];

/** Undefined for an intent. */
export function eventTypeOf(action: string, phase: Phase): EventType | undefined {
  const names: Row<EventType> = entry<Row<EventType>>(catalog, action) ?? unnamed;
  return phase === 'intent' ? undefined : names[phase];
}
