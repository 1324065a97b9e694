/**
 * Reads: what the API function serves from Node 1's tables. It holds no share and reaches no peer.
 * @module
 */
import { toBase64url, toHex } from '#shared/bytes.ts';
import { type Blockchain, blockchains, chainInfo } from '#shared/chains/chains.ts';
import { decodePayload } from '#shared/chains/payload.ts';
import { CustodyError } from '#shared/errors.ts';
import { clockToleranceSeconds, maxLifeSeconds } from '#shared/intent/authorisation.ts';
import { signatureOperation } from '#shared/intent/build.ts';
import { operationDigest } from '#shared/intent/operation.ts';
import { holderName } from '#shared/registry/registry.ts';
import { openapi } from '#shared/wire/openapi.ts';
import { readBody, readParams, readQuery } from '#shared/wire/parse.ts';
import { maxWallets } from '#shared/wire/requests.ts';
import { type Answer as Reply, type RouteName, routes } from '#shared/wire/routes.ts';
import { type Actor, authenticate, requireScope } from '../authenticate.ts';
import type { Handlers, HttpRequest, RouteHandler } from '../http.ts';
import type { Clock } from '../ports.ts';
import type { RateLimiter } from '../rate-limit.ts';
import type { Idempotency } from '../stores/idempotency.ts';
import { firstEpoch, type Ledger } from '../stores/ledger.ts';
import type { RegistryStore } from '../stores/registry.ts';
import type { Resources } from '../stores/resources.ts';
import { type WalletSetState, walletSetView, walletView } from '../views.ts';
import { walletKeyOf } from '../wallet-key.ts';

export interface ApiPorts {
  readonly registry: RegistryStore;
  readonly resources: Resources;
  readonly ledger: Ledger;
  readonly idempotency: Idempotency;
  readonly limiter: RateLimiter;
  readonly clock: Clock;
  readonly version: string;
}

/** Items of a page if the request does not say. */
const pageLimit = 20;

export function apiRoutes(ports: ApiPorts): Handlers<'api'> {
  const { registry, resources, clock, limiter, version } = ports;

  /** A route of an authenticated actor with the route's scope. */
  const of =
    (name: RouteName, run: (actor: Actor, request: HttpRequest) => Promise<unknown>): RouteHandler =>
    async (request) => {
      const actor = await authenticate(registry, request, clock());
      limiter.take(actor);
      const { scope } = routes[name];
      if (scope !== 'public') requireScope(actor, scope);
      return { body: await run(actor, request) };
    };
  const open =
    (run: () => unknown): RouteHandler =>
    async () => ({ body: run() });
  const page = (query: { readonly limit?: number | undefined; readonly cursor?: string | undefined }) => ({
    limit: query.limit ?? pageLimit,
    ...(query.cursor !== undefined && { cursor: query.cursor }),
  });
  const shown = <T, V>(
    { items, cursor }: { readonly items: readonly T[]; readonly cursor?: string },
    view: (item: T) => V,
  ) => ({
    data: items.map(view),
    ...(cursor !== undefined && { nextCursor: cursor }),
  });

  return {
    getOrganization: of('getOrganization', async ({ registry: known, organization }) => ({
      id: organization,
      name: known.name,
      head: known.head,
      credentials: Object.entries(known.credentials).map(
        ([id, { algorithm, publicKey, scopes, holder }]) => ({
          id,
          algorithm,
          publicKey,
          scopes,
          member: holderName(known, holder),
        }),
      ),
      created: known.created,
    })),
    listWalletSets: of('listWalletSets', async ({ organization }, request) => {
      const query = readQuery('listWalletSets', request.query);
      const found = await resources.list('walletSet', organization, undefined, page(query));
      const states = await Promise.all(found.items.map(({ id }) => stateOf(ports, id)));
      return shown(found, (set) => walletSetView(set, states[found.items.indexOf(set)] ?? 'quarantined'));
    }),
    getWalletSet: of('getWalletSet', async ({ organization }, { match }) => {
      const { id } = readParams('getWalletSet', match.params);
      const set = await resources.walletSet(organization, id);
      return walletSetView(set, await stateOf(ports, id));
    }),
    listWallets: of('listWallets', async ({ organization }, request) => {
      const query = readQuery('listWallets', request.query);
      return shown(await resources.list('wallet', organization, query.walletSet, page(query)), walletView);
    }),
    getWallet: of('getWallet', async ({ organization }, { match }) =>
      walletView(await resources.wallet(organization, readParams('getWallet', match.params).id)),
    ),
    getAddressProof: of('getAddressProof', async ({ organization }, { match }) => {
      const { id } = readParams('getAddressProof', match.params);
      const { proofs } = await resources.wallet(organization, id);
      if (proofs === undefined) throw new CustodyError('wallet_not_found', 'the wallet has no proof');
      return JSON.parse(proofs);
    }),
    previewSignature: of('previewSignature', (actor, request) => preview(ports, actor, request)),
    listSignatures: of('listSignatures', async ({ organization }, request) => {
      const query = readQuery('listSignatures', request.query);
      const found = await resources.list('signature', organization, query.wallet, page(query));
      return shown(found, ({ answer }) => JSON.parse(answer));
    }),
    getSignature: of('getSignature', async ({ organization }, { match }) => {
      const { id } = readParams('getSignature', match.params);
      return JSON.parse((await resources.signature(organization, id)).answer);
    }),
    getIdempotencyKey: of('getIdempotencyKey', (actor, { match }) =>
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

/** What Node 1 knows of the keys: a lock at Node 2 shows when Node 2 refuses to sign. */
async function stateOf({ ledger }: ApiPorts, walletSet: string): Promise<WalletSetState> {
  const entry = await ledger.read(walletSet, firstEpoch);
  return entry?.state === 'ACTIVE' ? 'active' : 'quarantined';
}

/** Decodes as both nodes will, and says what an actor would authorise. Nothing is stored. */
async function preview(
  { resources, ledger }: ApiPorts,
  { organization, credential }: Actor,
  request: HttpRequest,
): Promise<Reply<'previewSignature'>> {
  const { wallet: id, payload, idempotencyKey } = readBody('previewSignature', request.body);
  const wallet = await resources.wallet(organization, id);
  const account = (await ledger.read(wallet.walletSet, firstEpoch))?.account;
  if (account === undefined) throw new CustodyError('wallet_set_not_found', 'no keys');
  const allowRawDigest = credential.scopes.includes('sign_raw');
  const decoded = decodePayload(payload, walletKeyOf(account, wallet), { allowRawDigest });
  const operation = signatureOperation(organization, idempotencyKey, wallet, payload, decoded);
  return {
    operation: operation as Reply<'previewSignature'>['operation'],
    operationDigest: toBase64url(operationDigest(operation)),
    intent: decoded.intent as Reply<'previewSignature'>['intent'],
    toSign: decoded.toSign.map(({ path, algorithm, bytes, merkleRoot }) => ({
      path,
      algorithm,
      bytes: toHex(bytes),
      ...(merkleRoot && { merkleRoot: toHex(merkleRoot) }),
    })),
  };
}

/** @throws {CustodyError} `idempotency_key_not_found` */
async function whatBecame({ idempotency, resources }: ApiPorts, { organization }: Actor, key: string) {
  const record = await idempotency.find(organization, key);
  if (record === undefined) throw new CustodyError('idempotency_key_not_found', 'this key was never used');
  const { id, operation, created } = record;
  const made =
    (await resources.findWalletSet(id)) ??
    (await resources.findWallet(id)) ??
    (await resources.findSignature(id));
  if (made !== undefined) return { key, operation, state: 'completed', resources: [id], created };
  return { key, operation, state: record.state, resources: [], created };
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
