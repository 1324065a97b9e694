/**
 * What statements about API keys, scopes per wallet set, policies and the Organization Secret do to the
 * registry.
 * @module
 */
import { CustodyError } from '../errors.ts';
import {
  assertAllowed,
  assertUnused,
  credentialsOf,
  type Effects,
  enrol,
  existing,
  misfit,
  retire,
} from './acting.ts';
import { assertChangeApproved } from './policy-change.ts';
import { type ApiKey, entry, type RegisteredCredential, type Registry, type ScopeMap } from './registry.ts';
import { assertMayGive, beyond, classOf, ownerScopes, rightsOfApiKey, rightsOfHolder } from './roles.ts';
import { scopes as allScopes, type PublicKey, type Scope } from './statement.ts';

/** The longest time that an old and a new credential of an API key are both valid. */
const maxOverlapMs = 30 * 86_400_000;
/** Wallet sets that may be named for one holder. */
const mostWalletSets = 200;

/** All scopes that the key has anywhere, in the order of the table: its credentials carry them. */
function scopesOfKey(apiKey: Pick<ApiKey, 'role' | 'scopes'>): readonly Scope[] {
  const given = new Set(Object.values(rightsOfApiKey(apiKey)).flat());
  return allScopes.filter((scope) => given.has(scope));
}

const credentialOfKey = (
  holder: string,
  apiKey: ApiKey,
  { algorithm, publicKey }: PublicKey,
  added: string,
): RegisteredCredential => ({ algorithm, publicKey, scopes: scopesOfKey(apiKey), holder, added });

/** The credentials of the holder, changed. */
function mapCredentials(
  registry: Registry,
  holder: string,
  change: (credential: RegisteredCredential) => RegisteredCredential,
): Registry {
  const changed = credentialsOf(registry, holder).map((id) => [
    id,
    change(registry.credentials[id] as RegisteredCredential),
  ]);
  return { ...registry, credentials: { ...registry.credentials, ...Object.fromEntries(changed) } };
}

/** What is more, by wallet set; wallet sets that are named on either side are named here. */
function additions(after: ScopeMap, before: ScopeMap): ScopeMap {
  const more = beyond(after, before);
  const walletSets = new Set(['*', ...Object.keys(after), ...Object.keys(before)]);
  return Object.fromEntries(
    [...walletSets].map((walletSet) => [
      walletSet,
      more.flatMap(([named, scope]) => (named === walletSet ? [scope] : [])),
    ]),
  );
}

function withScopes(registry: Registry, holder: string, walletSet: string, list: readonly Scope[]): Registry {
  const member = entry(registry.members, holder);
  if (member) {
    const grants = { ...member.grants, [walletSet]: list };
    return { ...registry, members: { ...registry.members, [holder]: { ...member, grants } } };
  }
  const old = existing(registry.apiKeys, holder);
  const apiKey = { ...old, scopes: { ...old.scopes, [walletSet]: list } };
  const after = { ...registry, apiKeys: { ...registry.apiKeys, [holder]: apiKey } };
  return mapCredentials(after, holder, (one) => ({ ...one, scopes: scopesOfKey(apiKey) }));
}

export const keyEffects: Effects<
  | 'api_key.create'
  | 'api_key.rotate'
  | 'api_key.revoke'
  | 'wallet_set.scopes'
  | 'policy.set'
  | 'secret.register'
  | 'secret.rotate'
> = {
  'api_key.create': (acting, statement) => {
    const { registry, time } = acting;
    const { kind, actor, apiKey: id, name, role, credential, scopes, cidrs, expires } = statement;
    assertAllowed(acting, actor, kind, 'api_key');
    assertUnused(acting, id);
    if (expires !== undefined && expires <= time) misfit('the API key would be expired');
    const apiKey: ApiKey = {
      name,
      role,
      scopes,
      added: time,
      ...(cidrs !== undefined && { cidrs }),
      ...(expires !== undefined && { expires }),
    };
    // What its role hides is given all the same: a statement says what it gives.
    assertMayGive(registry, actor, scopes);
    const after = { ...registry, apiKeys: { ...registry.apiKeys, [id]: apiKey } };
    return enrol(acting, after, credentialOfKey(id, apiKey, credential, time));
  },

  'api_key.rotate': (acting, { kind, actor, apiKey: id, credential, overlapUntil }) => {
    const { registry, time } = acting;
    const apiKey = existing(registry.apiKeys, id);
    assertAllowed(acting, actor, kind, { holder: id });
    // Whoever rotates another's key may keep the new one.
    if (registry.credentials[actor]?.holder !== id) assertMayGive(registry, actor, apiKey.scopes);
    if (overlapUntil < time || Date.parse(overlapUntil) > Date.parse(time) + maxOverlapMs)
      misfit('the overlap lasts at most 30 days, and not into the past');
    const sooner = (until: string | undefined) =>
      until !== undefined && until < overlapUntil ? until : overlapUntil;
    const over = credentialsOf(registry, id).filter((old) => {
      const { until } = registry.credentials[old] as RegisteredCredential;
      return until !== undefined && until <= time;
    });
    const kept = retire(registry, over, time);
    const after = mapCredentials(kept, id, (one) => ({ ...one, until: sooner(one.until) }));
    return enrol(acting, after, credentialOfKey(id, apiKey, credential, time));
  },

  'api_key.revoke': (acting, { kind, actor, apiKey }) => {
    const { registry, time } = acting;
    existing(registry.apiKeys, apiKey);
    assertAllowed(acting, actor, kind, { holder: apiKey });
    return retire(registry, [apiKey, ...credentialsOf(registry, apiKey)], time);
  },

  'wallet_set.scopes': (acting, { kind, actor, holder, walletSet, scopes }) => {
    const { registry } = acting;
    if (!entry(registry.members, holder)) existing(registry.apiKeys, holder);
    assertAllowed(acting, actor, kind, { holder });
    const after = withScopes(registry, holder, walletSet, scopes);
    const [now, then] = [rightsOfHolder(registry, holder), rightsOfHolder(after, holder)];
    assertMayGive(registry, actor, additions(then, now));
    const taken = beyond(now, then).find(([, scope]) => ownerScopes.includes(scope));
    if (taken && classOf(registry, registry.credentials[actor]?.holder ?? '') !== 'owner')
      throw new CustodyError('grant_refused', `only an Owner takes ${taken[1]}`);
    if (Object.keys(then).length > mostWalletSets) misfit(`at most ${mostWalletSets} wallet sets a holder`);
    return after;
  },

  'policy.set': (acting, { kind, actor, walletSet, policy }) => {
    const { registry } = acting;
    assertAllowed(acting, actor, kind, 'organization');
    assertChangeApproved(acting, actor, walletSet);
    return { ...registry, policies: { ...registry.policies, [walletSet]: policy } };
  },

  'secret.register': (acting, { kind, actor, entityKey, version }) => {
    const { registry, cosigned } = acting;
    assertAllowed(acting, actor, kind, 'organization');
    if (registry.secret) misfit('there is an Organization Secret: rotate it');
    if (!cosigned({ algorithm: 'ed25519', publicKey: entityKey }, 'entity'))
      throw new CustodyError('cosignatures_missing', 'the new entity key must sign as entity');
    return { ...registry, secret: { entityKey, version } };
  },

  'secret.rotate': (acting, { kind, actor, entityKey, version }) => {
    const { registry, cosigned } = acting;
    assertAllowed(acting, actor, kind, 'organization');
    const old = registry.secret ?? misfit('there is no Organization Secret: register one');
    if (Number(version) !== Number(old.version) + 1) misfit(`the next version is ${Number(old.version) + 1}`);
    if (entityKey === old.entityKey) misfit('the entity key is the old one');
    const both =
      cosigned({ algorithm: 'ed25519', publicKey: entityKey }, 'entity') &&
      cosigned({ algorithm: 'ed25519', publicKey: old.entityKey }, 'previous_entity');
    if (!both)
      throw new CustodyError('cosignatures_missing', 'the old and the new entity key must both sign');
    return { ...registry, secret: { entityKey, version } };
  },
};
