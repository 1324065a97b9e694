/**
 * Reads: what the API function serves from Node 1's tables. It holds no share and reaches no peer.
 * @module
 */
import { readRecord } from '#shared/audit/record.ts';
import { fromBase64url, utf8 } from '#shared/bytes.ts';
import { type Blockchain, blockchains, chainInfo } from '#shared/chains/chains.ts';
import { CustodyError, type ErrorCode } from '#shared/errors.ts';
import { clockToleranceSeconds, maxLifeSeconds } from '#shared/intent/authorisation.ts';
import { derivedId } from '#shared/intent/canonical.ts';
import { holderName, type Registry } from '#shared/registry/registry.ts';
import { publicKeyOf } from '#shared/registry/statement.ts';
import { openapi } from '#shared/wire/openapi.ts';
import { readParams, readQuery } from '#shared/wire/parse.ts';
import { maxWallets } from '#shared/wire/requests.ts';
import { type Answer as Reply, routes } from '#shared/wire/routes.ts';
import { type Actor, authenticate } from '../authenticate.ts';
import { feedOver } from '../events/feed.ts';
import { assertMay, reaches } from '../guard.ts';
import type { Handlers, HttpRequest, RouteHandler } from '../http.ts';
import type { Clock } from '../ports.ts';
import { admitting, type RateLimiter } from '../rate-limit.ts';
import type { Approvals } from '../stores/approvals.ts';
import type { Idempotency } from '../stores/idempotency.ts';
import { firstEpoch, type Ledger } from '../stores/ledger.ts';
import type { RegistryStore } from '../stores/registry.ts';
import type { Resources, SignatureRecord, Wallet } from '../stores/resources.ts';
import { type WalletSetState, walletSetView, walletView } from '../views.ts';
import { webhookView } from '../webhooks/views.ts';
import { getApproval, listApprovals } from './approvals.ts';
import { type AuditReads, auditEvent, auditEvents, auditProof } from './audit.ts';
import { events } from './events.ts';
import { evaluate, policies, preview } from './preview.ts';
import { deliveriesOf, type WebhookReads, webhooks } from './webhooks.ts';

export interface ApiPorts {
  readonly registry: RegistryStore;
  readonly resources: Resources;
  readonly approvals: Approvals;
  readonly ledger: Ledger;
  readonly idempotency: Idempotency;
  readonly limiter: RateLimiter;
  /** Of Node 1. */
  readonly audit: AuditReads;
  readonly webhooks: WebhookReads;
  readonly clock: Clock;
  readonly version: string;
}

/** Whom the guard of the route let in. */
interface Asking extends Actor {
  /** Does the route's rule let it ask about things of this wallet set, or of all? */
  readonly sees: (walletSet: string | undefined) => boolean;
}

/** Items of a page if the request does not say. */
const pageLimit = 20;

export function apiRoutes(ports: ApiPorts): Handlers<'api'> {
  const { registry, resources, clock, limiter, version, audit } = ports;
  const admit = admitting(limiter);
  const feed = feedOver(audit);

  /** A route of an authenticated actor with the route's scope. */
  const of =
    (run: (actor: Asking, request: HttpRequest) => Promise<unknown>): RouteHandler =>
    async (request) => {
      const { route } = request.match;
      const actor = await authenticate(registry, request, clock());
      admit(actor, request);
      // Whoever sees nothing at all sees no list either; single things are asked about one by one.
      assertMay(actor, route, undefined, clock());
      const sees = (walletSet: string | undefined) => reaches(actor, route, walletSet, clock());
      return { body: await run({ ...actor, sees }, request) };
    };
  /** What an actor may not see is answered as what does not exist. */
  const seen = <T>(actor: Asking, walletSet: string, absent: ErrorCode, thing: T): T => {
    if (!actor.sees(walletSet)) throw new CustodyError(absent, 'no such thing');
    return thing;
  };
  const ownWallet = async (actor: Asking, id: string): Promise<Wallet> => {
    const wallet = await resources.wallet(actor.organization, id);
    return seen(actor, wallet.walletSet, 'wallet_not_found', wallet);
  };
  /** The log says what happened to every wallet set: who may not see them all sees what was done to their own. */
  const seesObject = async (actor: Asking, object: string): Promise<boolean> => {
    if (actor.sees(undefined)) return true;
    const wallet = await resources.findWallet(object);
    const set = await resources.findWalletSet(wallet?.walletSet ?? object);
    return set?.organization === actor.organization && actor.sees(set.id);
  };
  const ownEvent = async (actor: Asking, id: string) => {
    const event = await auditEvent(audit, actor.organization, id);
    if (await seesObject(actor, readRecord(utf8(event.record)).object)) return event;
    throw new CustodyError('audit_event_not_found', 'no such thing');
  };
  const seesSignature = async (actor: Asking, { wallet }: SignatureRecord): Promise<boolean> => {
    const found = await resources.findWallet(wallet);
    return found !== undefined && actor.sees(found.walletSet);
  };
  const seenOnes = <T>(found: Found<T>, keep: (item: T) => boolean): Found<T> => ({
    ...found,
    items: found.items.filter(keep),
  });
  const open =
    (run: () => unknown): RouteHandler =>
    async () => ({ body: run() });
  const page = (query: { readonly limit?: number | undefined; readonly cursor?: string | undefined }) => ({
    limit: query.limit ?? pageLimit,
    ...(query.cursor !== undefined && { cursor: query.cursor }),
  });
  const shown = <T, V>({ items, cursor }: Found<T>, view: (item: T) => V) => ({
    data: items.map(view),
    ...(cursor !== undefined && { nextCursor: cursor }),
  });

  return {
    getOrganization: of(async ({ registry: known, organization }) => ({
      id: organization,
      name: known.name,
      head: known.head,
      credentials: Object.entries(known.credentials).map(([id, credential]) => ({
        id,
        ...publicKeyOf(credential),
        scopes: credential.scopes,
        member: holderName(known, credential.holder),
      })),
      created: known.created,
    })),
    listStatements: of(async ({ organization, registry: known }, request) => {
      const { from = 0, limit = pageLimit } = readQuery('listStatements', request.query);
      const data = await registry.log(organization, from, limit);
      return { data, head: known.head, seq: known.seq };
    }),
    listMembers: of(async ({ registry: known }) => ({
      data: Object.entries(known.members).map(([id, { name, role, grants, added }]) => {
        return { id, name, role, grants, added, credentials: credentialsOf(known, id) };
      }),
    })),
    listApiKeys: of(async ({ registry: known }) => ({
      data: Object.entries(known.apiKeys).map(([id, key]) => ({
        id,
        ...key,
        credentials: credentialsOf(known, id),
      })),
    })),
    listWalletSets: of(async (actor, request) => {
      const query = readQuery('listWalletSets', request.query);
      const listed = await resources.list('walletSet', actor.organization, undefined, page(query));
      const found = seenOnes(listed, ({ id }) => actor.sees(id));
      const states = await Promise.all(found.items.map(({ id }) => stateOf(ports, id)));
      return shown(found, (set) => walletSetView(set, states[found.items.indexOf(set)] ?? 'quarantined'));
    }),
    getWalletSet: of(async (actor, { match }) => {
      const { id } = readParams('getWalletSet', match.params);
      const own = await resources.walletSet(actor.organization, id);
      const set = seen(actor, id, 'wallet_set_not_found', own);
      return walletSetView(set, await stateOf(ports, id));
    }),
    listWallets: of(async (actor, request) => {
      const query = readQuery('listWallets', request.query);
      const listed = await resources.list('wallet', actor.organization, query.walletSet, page(query));
      return shown(
        seenOnes(listed, ({ walletSet }) => actor.sees(walletSet)),
        walletView,
      );
    }),
    getWallet: of(async (actor, { match }) =>
      walletView(await ownWallet(actor, readParams('getWallet', match.params).id)),
    ),
    getAddressProof: of(async (actor, { match }) => {
      const { id } = readParams('getAddressProof', match.params);
      const { proofs } = await ownWallet(actor, id);
      if (proofs === undefined) throw new CustodyError('wallet_not_found', 'the wallet has no proof');
      return JSON.parse(proofs);
    }),
    previewSignature: of(async (actor, request) =>
      preview(ports, actor, request, (id) => ownWallet(actor, id)),
    ),
    evaluatePolicy: of(async (actor, request) =>
      evaluate(ports, actor, request, (id) => ownWallet(actor, id)),
    ),
    listPolicies: of(async (actor) => policies(actor, actor.sees)),
    listSignatures: of(async (actor, request) => {
      const query = readQuery('listSignatures', request.query);
      const listed = await resources.list('signature', actor.organization, query.wallet, page(query));
      const visible = await Promise.all(listed.items.map((item) => seesSignature(actor, item)));
      const found = { ...listed, items: listed.items.filter((_, i) => visible[i]) };
      return shown(found, ({ answer }) => JSON.parse(answer));
    }),
    getSignature: of(async (actor, { match }) => {
      const { id } = readParams('getSignature', match.params);
      const record = await resources.signature(actor.organization, id);
      if (!(await seesSignature(actor, record)))
        throw new CustodyError('signature_not_found', 'no such thing');
      return JSON.parse(record.answer);
    }),
    listApprovals: of(async (actor, request) => {
      const query = readQuery('listApprovals', request.query);
      return listApprovals(ports, actor.registry, query, page(query), actor.sees);
    }),
    getApproval: of(async (actor, { match }) => {
      const { id } = readParams('getApproval', match.params);
      return getApproval(ports, actor.registry, id, actor.sees);
    }),
    listAuditEvents: of(async (actor, request) => {
      const { limit, cursor, ...filter } = readQuery('listAuditEvents', request.query);
      if (filter.object === undefined || !(await seesObject(actor, filter.object)))
        assertMay(actor, { ...request.match.route, on: 'every' }, undefined, clock());
      return auditEvents(audit, actor.organization, filter, page({ limit, cursor }));
    }),
    getAuditEvent: of((actor, { match }) => ownEvent(actor, readParams('getAuditEvent', match.params).id)),
    getAuditProof: of(async (actor, { match }) => {
      const { id } = await ownEvent(actor, readParams('getAuditProof', match.params).id);
      return auditProof(audit, actor.organization, id);
    }),
    listEvents: of(({ organization }, { query }) =>
      events(feed, organization, readQuery('listEvents', query)),
    ),
    listWebhooks: of((actor, { query }) =>
      webhooks(ports.webhooks, actor.organization, page(readQuery('listWebhooks', query)), clock()),
    ),
    getWebhook: of(async ({ organization }, { match }) => {
      const { id } = readParams('getWebhook', match.params);
      return webhookView(await ports.webhooks.endpoints.get(organization, id), clock());
    }),
    listDeliveries: of(({ organization }, { match, query }) => {
      const { id } = readParams('listDeliveries', match.params);
      return deliveriesOf(ports.webhooks, organization, id, page(readQuery('listDeliveries', query)));
    }),
    getIdempotencyKey: of((actor, { match }) =>
      whatBecame(ports, actor, readParams('getIdempotencyKey', match.params).key),
    ),
    listChains: open(() => ({ data: (Object.keys(blockchains) as Blockchain[]).map(chainView) })),
    getLimits: open(() => ({
      maxBodyBytes: Object.fromEntries(
        Object.entries(routes).flatMap(([name, { maxBodyBytes }]) =>
          maxBodyBytes > 0 ? [[name, maxBodyBytes]] : [],
        ),
      ),
      walletsPerRequest: maxWallets,
      pageLimit: 100,
      authorisationSeconds: maxLifeSeconds,
      clockToleranceSeconds,
      requestsPerMinute: limiter.limits,
    })),
    getHealth: open(() => ({ status: 'ok', version, time: new Date(clock()).toISOString() })),
    getOpenapi: open(() => openapi(version)),
  };
}

/** A page of a list. */
interface Found<T> {
  readonly items: readonly T[];
  readonly cursor?: string;
}

const credentialsOf = (known: Registry, holder: string) =>
  Object.entries(known.credentials)
    .filter(([, credential]) => credential.holder === holder)
    .map(([id, credential]) => ({ id, ...credential }));

/** What Node 1 knows of the keys: a lock at Node 2 shows when Node 2 refuses to sign. */
async function stateOf({ ledger }: ApiPorts, walletSet: string): Promise<WalletSetState> {
  const entry = await ledger.read(walletSet, firstEpoch);
  return entry?.state === 'ACTIVE' ? 'active' : 'quarantined';
}

/** @throws {CustodyError} `idempotency_key_not_found` */
async function whatBecame(
  { idempotency, resources, approvals, webhooks: hooks }: ApiPorts,
  { organization }: Actor,
  key: string,
) {
  const record = await idempotency.find(organization, key);
  if (record === undefined) throw new CustodyError('idempotency_key_not_found', 'this key was never used');
  const { id, operation, created } = record;
  const made =
    (await resources.findWalletSet(id)) ??
    (await resources.findWallet(id)) ??
    (await resources.findSignature(id)) ??
    (await changedWebhook(hooks, id));
  if (made !== undefined) return { key, operation, state: 'completed', resources: [id], created };
  const held = derivedId('apr', fromBase64url(operation), 0);
  if ((await approvals.find(held)) !== undefined && record.state !== 'in_progress')
    return { key, operation, state: 'pending_approval', resources: [held], created };
  return { key, operation, state: record.state, resources: [], created };
}

/** What a request did to a webhook is named by both: `endpoint`, or `endpoint/request`. */
async function changedWebhook({ endpoints }: WebhookReads, resource: string): Promise<unknown> {
  const [id = '', request] = resource.split('/');
  const endpoint = await endpoints.find(id);
  return request === undefined || endpoint?.applied.includes(request) ? endpoint : undefined;
}

const kindsOf = {
  evm: ['message', 'typed_data', 'transaction', 'raw_digest'],
  bitcoin: ['psbt', 'raw_digest'],
  solana: ['message', 'transaction'],
  near: ['message', 'transaction'],
} as const;

function chainView(blockchain: Blockchain): Reply<'listChains'>['data'][number] {
  const { name, family, caip2, curve, unit, decimals, testnet } = chainInfo(blockchain);
  return {
    blockchain,
    name,
    family,
    caip2,
    keyType: curve,
    unit,
    decimals,
    testnet,
    kinds: [...kindsOf[family]],
  };
}
