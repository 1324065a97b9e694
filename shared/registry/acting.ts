/**
 * What the effects of all statements stand on: who acts, whether the table allows it, and the state with
 * one entry more or less.
 * @module
 */
import { CustodyError } from '../errors.ts';
import type { Kind, LaterStatement } from './kinds.ts';
import { entry, explainCredential, type RegisteredCredential, type Registry, refuse } from './registry.ts';
import { type ActorClass, administers, allows, classOf, type Target } from './roles.ts';
import { type Cosignature, credentialId, type PublicKey } from './statement.ts';

/** A statement on its way into the registry: its form, place, time, actor and signature were checked. */
export interface Acting {
  readonly registry: Registry;
  /** The newest time of the log, the statement's own included. */
  readonly time: string;
  /** Checks a cosignature over the statement. */
  readonly cosigned: (key: PublicKey, by: string) => boolean;
  readonly cosignatures: readonly Cosignature[];
}

/** The state after a statement of the kind. @throws {CustodyError} if it does not fit */
export type Effect<K extends Kind> = (acting: Acting, statement: LaterStatement<K>) => Registry;
export type Effects<K extends Kind> = { readonly [N in K]: Effect<N> };

export const misfit = (message: string): never => {
  throw new CustodyError('statement_refused', message);
};

/** The credential, if it may state anything at the time of the log. @throws {CustodyError} */
export function stating(registry: Registry, id: string, time: string): RegisteredCredential {
  const refusal = explainCredential(registry, id, Date.parse(time));
  if (refusal) refuse(refusal);
  const credential = registry.credentials[id] as RegisteredCredential;
  // The old key of a rotation is for the requests that are still on their way.
  if (credential.until !== undefined && entry(registry.apiKeys, credential.holder))
    throw new CustodyError('credential_inactive', 'a replaced credential makes no statements');
  return credential;
}

/**
 * The table allows the credential's holder to make such a statement on every one of the targets.
 * @param on classes of the target, of which one must be allowed; `self` is found out from `holder`.
 * @throws {CustodyError} `role_missing`
 */
export function assertAllowed(
  { registry, time }: Pick<Acting, 'registry' | 'time'>,
  actor: string,
  kind: Kind,
  ...on: readonly (Target | { readonly holder: string })[]
): void {
  const credential = stating(registry, actor, time);
  const own: ActorClass = classOf(registry, credential.holder);
  const administering = administers.every((scope) => credential.scopes.includes(scope));
  const fits = (target: Target | { readonly holder: string }): boolean => {
    if (typeof target === 'string') return administering && allows(kind, own, target);
    if (target.holder === credential.holder && allows(kind, own, 'self')) return true;
    return administering && allows(kind, own, classOf(registry, target.holder));
  };
  if (on.every(fits)) return;
  const why = administering ? `the role ${own}` : 'a credential with fewer scopes than it takes';
  throw new CustodyError('role_missing', `${why} does not allow this ${kind}`);
}

/** @throws {CustodyError} `statement_refused` if the id is taken, or was */
export function assertUnused({ registry }: Acting, id: string): void {
  const { members, apiKeys, credentials, invitations, retired } = registry;
  if ([members, apiKeys, credentials, invitations, retired].some((map) => Object.hasOwn(map, id)))
    misfit(`${id} is taken, or was`);
}

/** @throws {CustodyError} `statement_refused` if there is none */
export const existing = <T>(map: Readonly<Record<string, T>>, id: string): T =>
  entry(map, id) ?? misfit(`there is no ${id}`);

export const without = <T>(
  map: Readonly<Record<string, T>>,
  gone: readonly string[],
): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(map).filter(([id]) => !gone.includes(id)));

export const credentialsOf = (registry: Registry, holder: string): readonly string[] =>
  Object.entries(registry.credentials).flatMap(([id, one]) => (one.holder === holder ? [id] : []));

/** Without these credentials, members, keys or invitations, for good. */
export function retire(registry: Registry, ids: readonly string[], time: string): Registry {
  return {
    ...registry,
    members: without(registry.members, ids),
    apiKeys: without(registry.apiKeys, ids),
    credentials: without(registry.credentials, ids),
    invitations: without(registry.invitations, ids),
    retired: { ...registry.retired, ...Object.fromEntries(ids.map((id) => [id, time])) },
  };
}

/** With a credential more. @throws {CustodyError} `statement_refused` if it is registered, or was */
export function enrol(acting: Acting, registry: Registry, credential: RegisteredCredential): Registry {
  const id = credentialId(credential);
  assertUnused(acting, id);
  const credentials = { ...registry.credentials, [id]: credential };
  const member = entry(registry.members, credential.holder);
  if (member === undefined) return { ...registry, credentials };
  const enrolled = [...new Set([...(member.enrolled ?? []), ...credential.scopes])];
  const members = { ...registry.members, [credential.holder]: { ...member, enrolled } };
  return { ...registry, credentials, members };
}
