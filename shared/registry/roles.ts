/**
 * Who may do what: one table as data, and the questions that are asked of it. Guards of routes, both nodes'
 * checks, the documentation and the tests read this table and no other.
 *
 * What somebody may do with a wallet set = the scopes of their credential, as far as their role, or what was
 * granted to them instead for that wallet set, goes. A right that nothing gives does not exist.
 * @module
 */
import { CustodyError } from '../errors.ts';
import { type Kind, type Role, roles } from './kinds.ts';
import {
  type ApiKey,
  entry,
  explainCredential,
  type Member,
  type Refusal,
  type Registry,
  type ScopeMap,
} from './registry.ts';
import { type Scope, scopes } from './statement.ts';

/** Who states something. */
export const actorClasses = [...roles, 'api_key', 'invitation'] as const;
export type ActorClass = (typeof actorClasses)[number];
/** On whom: somebody of a role, an API key, oneself, or the organization as a whole. */
export type Target = Role | 'api_key' | 'self' | 'organization';
export const targets: readonly Target[] = [...roles, 'api_key', 'self', 'organization'];

type Row = Readonly<Partial<Record<ActorClass, readonly Target[]>>>;

const anyMember: readonly Target[] = roles;
const owners: Row = { owner: ['organization'] };

/** What is not named is refused. A statement about somebody's new role needs the old and the new one. */
export const statementTable: Readonly<Record<Kind, Row>> = {
  'member.add': { owner: anyMember, admin: ['member'] },
  'member.remove': { owner: anyMember, admin: ['member'] },
  'member.role': { owner: anyMember },
  // For others only the first one: afterwards it would be acting in their name.
  'credential.add': { owner: [...anyMember, 'self'], admin: ['member', 'self'], member: ['self'] },
  'credential.revoke': { owner: [...anyMember, 'self'], admin: ['member', 'self'], member: ['self'] },
  'invitation.create': { owner: anyMember, admin: ['member'] },
  'invitation.revoke': { owner: anyMember, admin: ['member'] },
  'invitation.accept': { invitation: ['self'] },
  'api_key.create': { owner: ['api_key'], admin: ['api_key'] },
  'api_key.rotate': { owner: ['api_key'], admin: ['api_key'], api_key: ['self'] },
  'api_key.revoke': { owner: ['api_key'], admin: ['api_key'], api_key: ['self'] },
  'wallet_set.scopes': { owner: ['admin', 'member', 'api_key'], admin: ['member', 'api_key'] },
  'policy.set': owners,
  'ownership.transfer': { owner: ['admin', 'member'] },
  'secret.register': owners,
  'secret.rotate': owners,
  'recovery.credential': { owner: anyMember, admin: anyMember },
};

/** Scopes that a role gives everywhere, unless something else was granted. API keys have what they were given. */
export const roleScopes: Readonly<Record<Role, readonly Scope[]>> = {
  owner: scopes,
  admin: ['view', 'create_wallet', 'sign'],
  member: ['view'],
};

/** Only Owners give or take these. Anybody but a reader may be given them. */
export const ownerScopes: readonly Scope[] = ['sign_raw', 'approve'];

/** A credential with less than these is for use, not for administration: it states things of its holder only. */
export const administers: readonly Scope[] = ['view', 'create_wallet', 'sign'];

/** Acts beside statements and scopes, and whose they are. */
export const acts = {
  export: ['owner'],
  webhooks: ['owner', 'admin'],
  /** Tokens for reading: making them, listing them, revoking them. */
  tokens: ['owner', 'admin'],
  /** Invitations by mail: sending, listing, ending them. Whom they may invite, the table of statements says. */
  invitations: ['owner', 'admin'],
} as const satisfies Readonly<Record<string, readonly Role[]>>;
export type Act = keyof typeof acts;

/**
 * Members other than the one concerned who must sign a recovery, the actor among them, and after how many
 * hours it takes effect. Until then it can be revoked. An Owner is recovered with another Owner's word; the
 * only one by Admins, after longer.
 */
export const recoveryRule = {
  signers: 2,
  hours: 48,
  hoursWithoutOwner: 168,
} as const;

/** The role of a member, or what the holder is. */
export const classOf = ({ members }: Registry, holder: string): Role | 'api_key' =>
  entry(members, holder)?.role ?? 'api_key';

/** May a class of actor make the statement on such a target? */
export const allows = (kind: Kind, actor: ActorClass, target: Target): boolean =>
  statementTable[kind][actor]?.includes(target) ?? false;

const within = (some: readonly Scope[], all: readonly Scope[]): Scope[] =>
  some.filter((scope) => all.includes(scope));

/** What a wallet set of the map gives. */
export const scopesIn = (map: ScopeMap, walletSet: string): readonly Scope[] =>
  entry(map, walletSet) ?? entry(map, '*') ?? [];

/** The map with every list cut down to these scopes. */
export const narrowed = (map: ScopeMap, to: readonly Scope[]): ScopeMap =>
  Object.fromEntries(Object.entries(map).map(([walletSet, list]) => [walletSet, within(list, to)]));

export const rightsOfMember = ({ role, grants }: Pick<Member, 'role' | 'grants'>): ScopeMap => ({
  '*': roleScopes[role],
  ...grants,
});
export const rightsOfApiKey = ({ role, scopes: given }: Pick<ApiKey, 'role' | 'scopes'>): ScopeMap =>
  role === 'read' ? narrowed(given, ['view']) : given;

/** Everything that the holder may do, whatever the credential. */
export function rightsOfHolder(registry: Registry, holder: string): ScopeMap {
  const member = entry(registry.members, holder);
  if (member) return rightsOfMember(member);
  const apiKey = entry(registry.apiKeys, holder);
  return apiKey ? rightsOfApiKey(apiKey) : {};
}

/** Everything that the credential may do, were it valid now. */
export function rightsOf(registry: Registry, credential: string): ScopeMap {
  const registered = entry(registry.credentials, credential);
  return registered ? narrowed(rightsOfHolder(registry, registered.holder), registered.scopes) : {};
}

/** What `after` gives beyond `before`: wallet set and scope, the first that is found. */
export function beyond(after: ScopeMap, before: ScopeMap): readonly [walletSet: string, scope: Scope][] {
  const walletSets = [...new Set(['*', ...Object.keys(after), ...Object.keys(before)])];
  return walletSets.flatMap((walletSet) =>
    scopesIn(after, walletSet)
      .filter((scope) => !scopesIn(before, walletSet).includes(scope))
      .map((scope): [string, Scope] => [walletSet, scope]),
  );
}

/**
 * Nobody gives what they do not have, and only Owners give what is theirs to give.
 * @param given everything that somebody may do afterwards because of the statement
 * @throws {CustodyError} `grant_refused`
 */
export function assertMayGive(registry: Registry, actor: string, given: ScopeMap): void {
  const [more] = beyond(given, rightsOf(registry, actor));
  if (more) throw new CustodyError('grant_refused', `the credential has no ${more[1]} on ${more[0]} to give`);
  const holder = entry(registry.credentials, actor)?.holder ?? '';
  const theirs = Object.values(given).flatMap((list) => within(list, ownerScopes))[0];
  if (theirs && classOf(registry, holder) !== 'owner')
    throw new CustodyError('grant_refused', `only an Owner gives ${theirs}`);
}

/**
 * What `member.add` asks of its actor, for who invites somebody to it.
 * @throws {CustodyError} `role_missing`, `grant_refused`
 */
export function assertMayAdd(registry: Registry, actor: string, role: Role, given: readonly Scope[]): void {
  const own = classOf(registry, entry(registry.credentials, actor)?.holder ?? '');
  if (!allows('member.add', own, role))
    throw new CustodyError('role_missing', `the role ${own} adds nobody as ${role}`);
  assertMayGive(registry, actor, narrowed(rightsOfMember({ role, grants: {} }), given));
}

/**
 * Why a credential may not do something now; undefined if it may.
 * @param walletSet undefined: what concerns the organization, or all wallet sets
 */
export function explain(
  registry: Registry,
  credential: string,
  scope: Scope,
  walletSet: string | undefined,
  atMs: number,
): Refusal | undefined {
  const inactive = explainCredential(registry, credential, atMs);
  if (inactive) return inactive;
  if (scopesIn(rightsOf(registry, credential), walletSet ?? '*').includes(scope)) return undefined;
  const where = walletSet === undefined ? '' : ` on ${walletSet}`;
  return { code: 'scope_missing', message: `the credential has no scope ${scope}${where}` };
}

export const may = (
  registry: Registry,
  credential: string,
  scope: Scope,
  walletSet: string | undefined,
  atMs: number,
): boolean => explain(registry, credential, scope, walletSet, atMs) === undefined;

/** The wallet sets where a credential has the scope: all but some, or some. For lists. */
export function walletSetsWith(
  registry: Registry,
  credential: string,
  scope: Scope,
  atMs: number,
): { readonly all: boolean; readonly except: readonly string[]; readonly only: readonly string[] } {
  if (explainCredential(registry, credential, atMs)) return { all: false, except: [], only: [] };
  const rights = rightsOf(registry, credential);
  const named = Object.keys(rights).filter((walletSet) => walletSet !== '*');
  const only = named.filter((walletSet) => rights[walletSet]?.includes(scope));
  return {
    all: scopesIn(rights, '*').includes(scope),
    except: named.filter((walletSet) => !only.includes(walletSet)),
    only,
  };
}

/** Why a credential may not do something that is its role's alone. */
export function explainAct(
  registry: Registry,
  credential: string,
  act: Act,
  atMs: number,
): Refusal | undefined {
  const inactive = explainCredential(registry, credential, atMs);
  if (inactive) return inactive;
  const { holder, scopes: own } = registry.credentials[credential] ?? { holder: '', scopes: [] };
  const role = classOf(registry, holder);
  if (
    (acts[act] as readonly string[]).includes(role) &&
    within(administers, own).length === administers.length
  )
    return undefined;
  return { code: 'role_missing', message: `${act}: for the roles ${acts[act].join(', ')}` };
}
