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
import { feedOver } from '../events/feed.ts';
import { assertRight, reaches } from '../guard.ts';
import type { Handlers, HttpRequest, RouteHandler } from '../http.ts';
import { invitationView } from '../invitation-view.ts';
import type { Clock, Log } from '../ports.ts';
import { admitting, type RateLimiter } from '../rate-limit.ts';
import { type Reader, readerOf } from '../reader.ts';
import type { Approvals } from '../stores/approvals.ts';
import type { Idempotency } from '../stores/idempotency.ts';
import type { Invitations } from '../stores/invitations.ts';
import { firstEpoch, type Ledger } from '../stores/ledger.ts';
import type { RegistryStore } from '../stores/registry.ts';
import type { Resources, SignatureRecord, Wallet } from '../stores/resources.ts';
import type { Tokens } from '../stores/tokens.ts';
import { tokenView, type WalletSetState, walletSetView, walletView } from '../views.ts';
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
  readonly invitations: Pick<Invitations, 'find' | 'get' | 'list'>;
  readonly tokens: Pick<Tokens, 'check' | 'used' | 'find' | 'list'>;
  /** Of Node 1. */
  readonly audit: AuditReads;
  readonly webhooks: WebhookReads;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
}

/** Whom the guard of the route let in. */
interface Asking extends Reader {
  /** Does the route's rule let it ask about things of this wallet set, or of all? */
  readonly sees: (walletSet: string | undefined) => boolean;
}

/** Items of a page if the request does not say. */
const pageLimit = 20;

export function apiRoutes(ports: ApiPorts): Handlers<'api'> {
  const { registry, resources, clock, limiter, version, audit, tokens, invitations } = ports;
  const admit = admitting(limiter);
  const feed = feedOver(audit);
  const document = made(() => openapi(version));

  /** A route of a reader with the route's scope. */
  const of =
    (run: (reader: Asking, request: HttpRequest) => Promise<unknown>): RouteHandler =>
    async (request) => {
      const { route } = request.match;
      const reader = await readerOf({ ...ports, admit }, request);
      // Whoever sees nothing at all sees no list either; single things are asked about one by one.
      assertRight(reader.rights, route, undefined);
      const sees = (walletSet: string | undefined) => reaches(reader.rights, route, walletSet);
      return { body: await run({ ...reader, sees }, request) };
    };
  /** What a reader may not see is answered as what does not exist. */
  const seen = <T>(reader: Asking, walletSet: string, absent: ErrorCode, thing: T): T => {
    if (!reader.sees(walletSet)) throw new CustodyError(absent, 'no such thing');
    return thing;
  };
  const ownWallet = async (reader: Asking, id: string): Promise<Wallet> => {
    const wallet = await resources.wallet(reader.organization, id);
    return seen(reader, wallet.walletSet, 'wallet_not_found', wallet);
  };
  /** The log says what happened to every wallet set: who may not see them all sees what was done to their own. */
  const seesObject = async (reader: Asking, object: string): Promise<boolean> => {
    if (reader.sees(undefined)) return true;
    const wallet = await resources.findWallet(object);
    const set = await resources.findWalletSet(wallet?.walletSet ?? object);
    return set?.organization === reader.organization && reader.sees(set.id);
  };
  const ownEvent = async (reader: Asking, id: string) => {
    const event = await auditEvent(audit, reader.organization, id);
    if (await seesObject(reader, readRecord(utf8(event.record)).object)) return event;
    throw new CustodyError('audit_event_not_found', 'no such thing');
  };
  const seesSignature = async (reader: Asking, { wallet }: SignatureRecord): Promise<boolean> => {
    const found = await resources.findWallet(wallet);
    return found !== undefined && reader.sees(found.walletSet);
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
    listTokens: of(async ({ organization }, request) => {
      const query = readQuery('listTokens', request.query);
      return shown(await tokens.list(organization, page(query)), tokenView);
    }),
    listInvitations: of(async ({ organization, registry: known }, request) => {
      const query = readQuery('listInvitations', request.query);
      return shown(await invitations.list(organization, page(query)), (one) =>
        invitationView(one, known, clock()),
      );
    }),
    getInvitation: of(async ({ organization, registry: known }, { match }) => {
      const { id } = readParams('getInvitation', match.params);
      return invitationView(await invitations.get(organization, id), known, clock());
    }),
    listWalletSets: of(async (reader, request) => {
      const query = readQuery('listWalletSets', request.query);
      const listed = await resources.list('walletSet', reader.organization, undefined, page(query));
      const found = seenOnes(listed, ({ id }) => reader.sees(id));
      const states = await Promise.all(found.items.map(({ id }) => stateOf(ports, id)));
      return shown(found, (set) => walletSetView(set, states[found.items.indexOf(set)] ?? 'quarantined'));
    }),
    getWalletSet: of(async (reader, { match }) => {
      const { id } = readParams('getWalletSet', match.params);
      const own = await resources.walletSet(reader.organization, id);
      const set = seen(reader, id, 'wallet_set_not_found', own);
      return walletSetView(set, await stateOf(ports, id));
    }),
    listWallets: of(async (reader, request) => {
      const query = readQuery('listWallets', request.query);
      const listed = await resources.list('wallet', reader.organization, query.walletSet, page(query));
      return shown(
        seenOnes(listed, ({ walletSet }) => reader.sees(walletSet)),
        walletView,
      );
    }),
    getWallet: of(async (reader, { match }) =>
      walletView(await ownWallet(reader, readParams('getWallet', match.params).id)),
    ),
    getAddressProof: of(async (reader, { match }) => {
      const { id } = readParams('getAddressProof', match.params);
      const { proofs } = await ownWallet(reader, id);
      if (proofs === undefined) throw new CustodyError('wallet_not_found', 'the wallet has no proof');
      return JSON.parse(proofs);
    }),
    previewSignature: of(async (reader, request) =>
      preview(ports, reader, request, (id) => ownWallet(reader, id)),
    ),
    evaluatePolicy: of(async (reader, request) =>
      evaluate(ports, reader, request, (id) => ownWallet(reader, id)),
    ),
    listPolicies: of(async (reader) => policies(reader, reader.sees)),
    listSignatures: of(async (reader, request) => {
      const query = readQuery('listSignatures', request.query);
      const listed = await resources.list('signature', reader.organization, query.wallet, page(query));
      const visible = await Promise.all(listed.items.map((item) => seesSignature(reader, item)));
      const found = { ...listed, items: listed.items.filter((_, i) => visible[i]) };
      return shown(found, ({ answer }) => JSON.parse(answer));
    }),
    getSignature: of(async (reader, { match }) => {
      const { id } = readParams('getSignature', match.params);
      const record = await resources.signature(reader.organization, id);
      if (!(await seesSignature(reader, record)))
        throw new CustodyError('signature_not_found', 'no such thing');
      return JSON.parse(record.answer);
    }),
    listApprovals: of(async (reader, request) => {
      const query = readQuery('listApprovals', request.query);
      return listApprovals(ports, reader.registry, query, page(query), reader.sees);
    }),
    getApproval: of(async (reader, { match }) => {
      const { id } = readParams('getApproval', match.params);
      return getApproval(ports, reader.registry, id, reader.sees);
    }),
    listAuditEvents: of(async (reader, request) => {
      const { limit, cursor, ...filter } = readQuery('listAuditEvents', request.query);
      if (filter.object === undefined || !(await seesObject(reader, filter.object)))
        assertRight(reader.rights, { ...request.match.route, on: 'every' }, undefined);
      return auditEvents(audit, reader.organization, filter, page({ limit, cursor }));
    }),
    getAuditEvent: of((reader, { match }) => ownEvent(reader, readParams('getAuditEvent', match.params).id)),
    getAuditProof: of(async (reader, { match }) => {
      const { id } = await ownEvent(reader, readParams('getAuditProof', match.params).id);
      return auditProof(audit, reader.organization, id);
    }),
    listEvents: of(({ organization }, { query }) =>
      events(feed, organization, readQuery('listEvents', query)),
    ),
    listWebhooks: of((reader, { query }) =>
      webhooks(ports.webhooks, reader.organization, page(readQuery('listWebhooks', query)), clock()),
    ),
    getWebhook: of(async ({ organization }, { match }) => {
      const { id } = readParams('getWebhook', match.params);
      return webhookView(await ports.webhooks.endpoints.get(organization, id), clock());
    }),
    listDeliveries: of(({ organization }, { match, query }) => {
      const { id } = readParams('listDeliveries', match.params);
      return deliveriesOf(ports.webhooks, organization, id, page(readQuery('listDeliveries', query)));
    }),
    getIdempotencyKey: of((reader, { match }) =>
      whatBecame(ports, reader, readParams('getIdempotencyKey', match.params).key),
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
    getOpenapi: open(() => document()),
  };
}

/** Made when it is first asked for. */
function made<T>(make: () => T): () => T {
  let known: T | undefined;
  return () => {
    known ??= make();
    return known;
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
async function whatBecame(ports: ApiPorts, { organization }: Reader, key: string) {
  const { idempotency, resources, approvals, webhooks: hooks } = ports;
  const record = await idempotency.find(organization, key);
  if (record === undefined) throw new CustodyError('idempotency_key_not_found', 'this key was never used');
  const { id, operation, created } = record;
  const made =
    (await resources.findWalletSet(id)) ??
    (await resources.findWallet(id)) ??
    (await resources.findSignature(id)) ??
    (await changedWebhook(hooks, id)) ??
    (await doneToToken(ports, id, operation)) ??
    (await sentInvitation(ports, id));
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

/** The token, if the operation on it was carried out: the making names its id, another one is its revocation. */
async function doneToToken({ tokens }: ApiPorts, id: string, operation: string) {
  const token = await tokens.find(id);
  const making = derivedId('tok', fromBase64url(operation), 0) === id;
  return making || token?.revokedMs !== undefined ? token : undefined;
}

/** A mail that a request asked for: the first one is named by the invitation, later ones also by the request. */
async function sentInvitation({ invitations }: ApiPorts, resource: string): Promise<unknown> {
  const [id = '', request] = resource.split('/');
  const invitation = await invitations.find(id);
  if (invitation?.sentMs === undefined) return undefined;
  return request === undefined || invitation.sentFor.includes(request) ? invitation : undefined;
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
