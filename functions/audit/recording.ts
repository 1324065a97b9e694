/**
 * What a node records of an operation: that it begins, durable before anything that depends on it leaves; how
 * it ended; and what an actor that is known asked for in vain. Who is not known leaves no record here: that
 * stays in the ordinary log.
 * @module
 */
import type { AuditFacts } from '#shared/audit/record.ts';
import type { AuditPromise } from '#shared/audit/statements.ts';
import { type Bytes, toBase64url, utf8 } from '#shared/bytes.ts';
import type { Attested } from '#shared/crypto/attestation.ts';
import { CustodyError, errorCodes } from '#shared/errors.ts';
import { entry, type Registry } from '#shared/registry/registry.ts';
import type { Actor } from '../authenticate.ts';
import type { Node } from '../node.ts';

/** Who does what to what, under which operation. */
export interface AuditEvent extends Pick<AuditFacts, 'actor' | 'role' | 'action' | 'object' | 'operation'> {
  readonly organization: string;
}

/** An intent that is durable. */
export interface Begun {
  /** Of the record: the `previous` of what ends it. */
  readonly id: string;
  /** What {@link eventId} names. */
  readonly event: string;
  readonly promise: Attested<AuditPromise>;
}

/** What names a record to users. */
export const eventId = ({ event }: Pick<Begun, 'event'>): string => `evt_${event}`;

export const roleOf = (registry: Registry, holder: string): string =>
  entry(registry.members, holder)?.role ?? entry(registry.apiKeys, holder)?.role ?? '';

/** @param operation digest of the operation, 32 bytes */
export const eventOf = (
  actor: Pick<Actor, 'organization' | 'credentialId' | 'credential' | 'registry'>,
  action: string,
  object: string,
  operation: Bytes,
): AuditEvent => ({
  organization: actor.organization,
  actor: actor.credentialId,
  role: roleOf(actor.registry, actor.credential.holder),
  action,
  object,
  operation: toBase64url(operation),
});

const factsOf = ({ actor, role, action, object, operation }: AuditEvent) => ({
  actor,
  role,
  action,
  object,
  operation,
});

const intentOf = (event: AuditEvent): AuditFacts => ({
  ...factsOf(event),
  policy: 'allowed',
  phase: 'intent',
  previous: '',
});

/** @throws {CustodyError} `audit_unavailable`: nothing may begin */
export const begin = ({ audit }: Node, event: AuditEvent): Promise<Begun> =>
  audit.append(event.organization, intentOf(event));

/**
 * Begins what may begin once: the record bears its name, and no other does.
 * @param name letters, digits, `-` and `_`
 * @returns undefined if it began before
 * @throws {CustodyError} `audit_unavailable`: nothing may begin
 */
export const beginOnce = ({ audit }: Node, event: AuditEvent, name: string): Promise<Begun | undefined> =>
  audit.claim(event.organization, name, intentOf(event));

/** It took effect. @returns its event @throws {CustodyError} `audit_unavailable` */
export async function ended({ audit }: Node, event: AuditEvent, previous: string): Promise<string> {
  const receipt = await audit.append(event.organization, {
    ...factsOf(event),
    policy: 'allowed',
    phase: 'outcome',
    previous,
  });
  return receipt.event;
}

/** Failures whose record is written. */
const told = new WeakSet<Error>();
/** Not the actor's doing, or told by a record already. */
const unrecorded: readonly string[] = ['rate_limited', 'idempotency_in_progress', 'audit_unavailable'];

/**
 * It did not take effect: `denied` or, what began or broke, `failed`. Never throws: the actor learns what
 * went wrong, and an intent without an end says enough.
 */
export async function failed(node: Node, event: AuditEvent, error: unknown, previous = ''): Promise<void> {
  const code = error instanceof CustodyError ? error.code : 'internal_error';
  if (previous === '' && unrecorded.includes(code)) return;
  if (error instanceof Error) {
    if (told.has(error)) return;
    told.add(error);
  }
  const denied = previous === '' && error instanceof CustodyError && errorCodes[error.code].status < 500;
  const problems = error instanceof CustodyError ? error.problems : [];
  try {
    await node.audit.append(
      event.organization,
      { ...factsOf(event), policy: code, phase: denied ? 'denied' : 'failed', previous },
      utf8(JSON.stringify({ problems }).slice(0, 4_000)),
    );
  } catch (cause) {
    node.log.warn('a failure is not recorded', { code, cause: cause instanceof Error ? cause.name : '' });
  }
}

/** An operation from its intent to its end. @throws what `run` throws; `audit_unavailable` */
export async function recorded<T>(
  node: Node,
  event: AuditEvent,
  run: (begun: Begun) => Promise<T>,
): Promise<T> {
  const begun = await begin(node, event);
  let result: T;
  try {
    result = await run(begun);
  } catch (error) {
    await failed(node, event, error, begun.id);
    throw error;
  }
  await ended(node, event, begun.id);
  return result;
}
