/**
 * Two organizations on two nodes, with somebody of every role and an API key of every scope: who the route
 * tests ask as, and what they ask about.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { exchangeCheckpoints } from '../../../functions/audit/exchange.ts';
import { type Bytes, toBase32, toBase64url } from '../../../shared/bytes.ts';
import type { SignPayload } from '../../../shared/chains/payload.ts';
import { canonicalBytes } from '../../../shared/intent/canonical.ts';
import { draft } from '../../../shared/registry/head.ts';
import type { Content, Role } from '../../../shared/registry/kinds.ts';
import type { Registry, ScopeMap } from '../../../shared/registry/registry.ts';
import { type ActorClass, roleScopes } from '../../../shared/registry/roles.ts';
import {
  credentialId,
  type Scope,
  type SignedStatement,
  scopes,
  statementBytes,
} from '../../../shared/registry/statement.ts';
import { payOnSolana, shop, solAsset } from '../../client/world.ts';
import {
  askInvitation,
  askSet,
  askSignature,
  askToken,
  askWallets,
  done,
  hello,
  newKey,
} from '../../support/ask.ts';
import {
  fresh,
  type Owner,
  owner,
  type Person,
  personOf,
  type Reply,
  twoNodes,
  type World,
  type WorldOptions,
} from '../../support/two-nodes.ts';

/** Things of one organization and wallet set that requests are about. */
export interface Ground {
  readonly organization: string;
  /** Where its log of statements ends. */
  readonly log: Pick<Registry, 'organization' | 'seq' | 'last' | 'time'>;
  readonly walletSet: string;
  readonly wallet: any;
  /** Ids of a signature of the wallet and of its audit record, and the idempotency key it was made with. */
  readonly signature: string;
  readonly event: string;
  readonly key: string;
  /** What waits for approvals of the founder, asked by somebody who is nobody else here. */
  readonly approval: { readonly id: string; readonly operation: string };
  /** Of the organization, and something that waits to be sent to it. */
  readonly webhook: string;
  readonly delivery: string;
  /** Id of a bearer token. */
  readonly token: string;
  /** Id of an invitation by mail. */
  readonly invitation: string;
}

/** Somebody who asks, and what the roles table says that they may do. */
export interface Principal {
  readonly name: string;
  readonly who: Person;
  readonly actorClass: ActorClass;
  /** Scopes of the credential itself; an API key's has them all. */
  readonly credential: readonly Scope[];
  /** Scopes by wallet set, `*` for those that are not named. */
  readonly rights: ScopeMap;
}

export interface Home {
  readonly world: World;
  /** Owner with all scopes. */
  readonly ada: Owner;
  /** The wallet set that API keys are scoped to, and another one of the same organization. */
  readonly own: Ground;
  readonly second: Ground;
  readonly principals: readonly Principal[];
  /** Had every right of an API key once. */
  readonly revoked: Stranger;
  readonly expired: Stranger;
  /** Another organization. */
  readonly mallory: Owner;
  readonly theirs: Ground;
}

export const idOf = (prefix: string): string => `${prefix}_${toBase32(fresh(16))}`;

export interface Stranger extends Person {
  readonly publicKey: string;
}

/** Somebody with a key, who is nobody yet in the organization. */
export function stranger(world: Pick<World, 'clockMs'>, organization: string): Stranger {
  const seed = fresh(32);
  const publicKey = toBase64url(ed25519.getPublicKey(seed));
  const credential = credentialId({ algorithm: 'ed25519', publicKey });
  const person = personOf(world, organization, credential, (message: Bytes) => ed25519.sign(message, seed));
  return { ...person, publicKey } as Stranger;
}

/** A signed statement after the last one of the log. */
export function stated(
  world: World,
  who: Person,
  log: Ground['log'],
  content: Content,
): SignedStatement<{ type: string; kind: string }> {
  const [, actor = ''] = who.keyId.split('/');
  const statement = draft(log, actor, content, { nowMs: world.clockMs, nonce: fresh(16) });
  return { statement, signature: toBase64url(who.sign(statementBytes(statement))) };
}

export const registryAt2 = (world: World, organization: string): Promise<Registry> =>
  world.second.registry.read(organization);

/** The same person, having seen Node 2's newest head. */
export const upToDate = async <P extends Person>(world: World, who: P): Promise<P> =>
  who.at((await registryAt2(world, who.organization)).head);

export async function say(world: World, who: Person, content: Content): Promise<Reply> {
  const log = await registryAt2(world, who.organization);
  return world.fetch(await who.post('/v1/statements', '', stated(world, who, log, content)));
}

export async function addApiKey(
  world: World,
  by: Person,
  scopesOf: ScopeMap,
  more: { readonly role?: 'member' | 'read'; readonly expires?: string; readonly cidrs?: string[] } = {},
): Promise<{ readonly key: Stranger; readonly apiKey: string }> {
  const key = stranger(world, by.organization);
  const apiKey = idOf('apk');
  const credential = { algorithm: 'ed25519', publicKey: key.publicKey } as const;
  const content = {
    kind: 'api_key.create',
    apiKey,
    name: 'key',
    role: 'member',
    credential,
    ...more,
  } as const;
  await done(say(world, by, { ...content, scopes: scopesOf }));
  return { key, apiKey };
}

async function addMember(world: World, by: Person, role: Role, given: readonly Scope[]): Promise<Person> {
  const key = stranger(world, by.organization);
  const credential = { algorithm: 'ed25519', publicKey: key.publicKey, scopes: given } as const;
  await done(say(world, by, { kind: 'member.add', member: idOf('mem'), name: 'x', role, credential }));
  return key;
}

/** What a policy of every ground asks approvals for: a transfer. Messages need none. */
export const transfer = (wallet: any): SignPayload => ({
  kind: 'transaction',
  blockchain: 'SOL',
  transaction: payOnSolana(wallet.address, shop, 5, fresh(1)[0] ?? 0),
});

async function groundOf(world: World, by: Owner): Promise<Ground> {
  const who = await upToDate(world, by);
  const set = await done(world.fetch(await askSet(who, ['ed25519'])));
  const made = await done(
    world.fetch(await askWallets(who, { walletSet: set.id, blockchains: ['SOL'], count: 2 })),
  );
  const [wallet] = made.data;
  const key = newKey();
  const signed = await done(world.fetch(await askSignature(who, wallet, hello('SOL'), key)));
  const token = await done(world.fetch(await askToken(world, who, set.id)));
  const held = await heldOf(world, who, wallet);
  const webhook = await done(
    world.fetch(await who.post('/v1/webhooks', newKey(), { url: 'https://example.com/' })),
  );
  const tested = await who.post(`/v1/webhooks/${webhook.id}/test`, newKey(), new Uint8Array());
  const delivery = await done(world.fetch(tested));
  const invited = await done(world.fetch(await askInvitation(world, who)));
  await exchangeCheckpoints(world.lead.node, world.lead.peer, who.organization);
  return {
    webhook: webhook.id,
    delivery: delivery.id,
    organization: who.organization,
    log: await registryAt2(world, who.organization),
    walletSet: set.id,
    wallet,
    signature: signed.id,
    event: signed.auditEventId,
    key,
    approval: { id: held.id, operation: held.operation },
    token: token.id,
    invitation: invited.id,
  };
}

/** Transfers from now on need the founder's approval; an API key asks for one. */
async function heldOf(world: World, founder: Owner, wallet: any) {
  const { members } = await registryAt2(world, founder.organization);
  const approvers = Object.keys(members).slice(0, 1);
  const policy = {
    type: 'planbok/policy/v1',
    rules: [{ id: 'transfers', kind: 'approvals', required: '1', approvers, asset: solAsset, above: '0' }],
    allow: [{ allow: 'message' }],
  };
  const text = new TextDecoder().decode(canonicalBytes(policy));
  await done(say(world, founder, { kind: 'policy.set', walletSet: wallet.walletSet, policy: text }));
  const { key } = await addApiKey(world, founder, { [wallet.walletSet]: ['view', 'sign'] });
  return done(world.fetch(await askSignature(await upToDate(world, key), wallet, transfer(wallet))));
}

/** Ids of the same form that never were. */
export function absentOf(ground: Ground): Ground {
  const other = (id: string) => id.replace(/.$/, (c) => (c === 'a' ? 'b' : 'a'));
  return {
    organization: other(ground.organization),
    log: { ...ground.log, organization: other(ground.organization) },
    walletSet: other(ground.walletSet),
    wallet: { ...ground.wallet, id: other(ground.wallet.id), walletSet: other(ground.walletSet) },
    signature: other(ground.signature),
    event: other(ground.event),
    key: other(ground.key),
    approval: { ...ground.approval, id: other(ground.approval.id) },
    webhook: other(ground.webhook),
    delivery: other(ground.delivery),
    token: other(ground.token),
    invitation: other(ground.invitation),
  };
}

/** The same things, with the log as long as it is now; what never was stays as it was made up. */
export const newest = async (world: World, ground: Ground): Promise<Ground> => ({
  ...ground,
  log: await registryAt2(world, ground.organization).catch(() => ground.log),
});

const within = (some: readonly Scope[], all: readonly Scope[]) => some.filter((scope) => all.includes(scope));

export async function homeOf(options: WorldOptions = {}): Promise<Home> {
  const world = await twoNodes(options);
  const [ada, mallory] = [owner(world, scopes), owner(world, scopes)];
  for (const founder of [ada, mallory]) await done(world.fetch(await founder.found()));
  const [own, second, theirs] = [
    await groundOf(world, ada),
    await groundOf(world, ada),
    await groundOf(world, mallory),
  ];
  const memberOf = async (role: Role, given: readonly Scope[]): Promise<Principal> => ({
    name: `${role}, credential ${given.join(' ')}`,
    who: await addMember(world, ada, role, given),
    actorClass: role,
    credential: given,
    rights: { '*': within(roleScopes[role], given) },
  });
  const keyOf = async (rights: ScopeMap, role: 'member' | 'read' = 'member'): Promise<Principal> => ({
    name: `API key, ${role}, ${Object.entries(rights).map(([at, list]) => `${at}:${list.join(' ')}`)}`,
    who: (await addApiKey(world, ada, rights, { role })).key,
    actorClass: 'api_key',
    credential: scopes,
    rights: role === 'read' ? narrowed(rights) : rights,
  });
  const narrowed = (rights: ScopeMap): ScopeMap =>
    Object.fromEntries(Object.entries(rights).map(([at, list]) => [at, within(list, ['view'])]));
  const everything: Principal = {
    name: 'founder',
    who: ada,
    actorClass: 'owner',
    credential: scopes,
    rights: { '*': scopes },
  };
  const principals = [
    everything,
    await memberOf('owner', ['view']),
    await memberOf('admin', scopes),
    await memberOf('admin', ['view', 'sign']),
    await memberOf('member', scopes),
    await keyOf({ '*': ['view', 'create_wallet', 'sign'] }, 'read'),
  ];
  for (const scope of scopes)
    principals.push(await keyOf({ '*': [scope] }), await keyOf({ [own.walletSet]: [scope] }));

  const { key: revoked, apiKey } = await addApiKey(world, ada, { '*': scopes });
  await done(say(world, ada, { kind: 'api_key.revoke', apiKey }));
  const expires = new Date(world.clockMs + 60_000).toISOString();
  const { key: expired } = await addApiKey(world, ada, { '*': scopes }, { expires });
  // A clock that runs by itself comes to that time by itself.
  if (!options.realClock) world.clockMs += 61_000;
  return { world, ada, own, second, principals, revoked, expired, mallory, theirs };
}
