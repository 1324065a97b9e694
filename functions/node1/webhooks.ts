/**
 * Changes of webhooks. They are effects of Node 1 alone: what an endpoint is told can be read in the feed as well,
 * so there is nothing for Node 2 to agree to. Each is recorded from intent to end, and done once per request.
 * @module
 */
import { toBase64url } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import { derivedId, digestOf } from '#shared/intent/canonical.ts';
import { readBody, readParams } from '#shared/wire/parse.ts';
import { type Answer as Reply, routes } from '#shared/wire/routes.ts';
import { eventId, eventOf, recorded } from '../audit/recording.ts';
import { actions } from '../audit/refusals.ts';
import { type Actor, authenticate } from '../authenticate.ts';
import { indexAt } from '../events/feed.ts';
import { assertMay } from '../guard.ts';
import type { HttpRequest } from '../http.ts';
import type { Delivery } from '../stores/deliveries.ts';
import type { Changes, Endpoint } from '../stores/webhooks.ts';
import { testType } from '../webhooks/message.ts';
import { endpointKey } from '../webhooks/node-webhooks.ts';
import { webhookUrl } from '../webhooks/url.ts';
import { deliveryView, webhookView } from '../webhooks/views.ts';
import { type Answer, type Lead, once } from './lead.ts';

type Change =
  | 'createWebhook'
  | 'updateWebhook'
  | 'deleteWebhook'
  | 'rotateWebhookKey'
  | 'testWebhook'
  | 'redeliverWebhook';

/** Endpoints of an organization, about: the list is not exact. */
const mostEndpoints = 32;
/** What may wait out of turn at one endpoint. */
const mostQueued = 16;
/** A request that changes keys finds older ones here until nothing is signed with them any more. */
const mostKeys = 4;
const defaultOverlapSeconds = 86_400;

interface Asked {
  readonly actor: Actor;
  /** Of the request, 32 bytes. */
  readonly digest: Uint8Array;
}

/** @throws {CustodyError} as `authenticate`; `role_missing`, `rate_limited`, `idempotency_key_required` */
async function asked({ node }: Lead, request: HttpRequest, name: Change): Promise<Asked> {
  const actor = await authenticate(node.registry, request, node.clock());
  node.admit?.(actor, request);
  assertMay(actor, routes[name], undefined, node.clock());
  if (request.idempotencyKey === '')
    throw new CustodyError('idempotency_key_required', 'send an Idempotency-Key header');
  // Before the key is claimed: whoever mends the body sends it with the same key.
  readBody(name, request.body);
  const digest = digestOf({
    type: 'planbok/webhook-request/v1',
    organization: actor.organization,
    idempotencyKey: request.idempotencyKey,
    route: name,
    path: request.path,
    body: request.contentDigest,
  } as { readonly type: string });
  return { actor, digest };
}

/** Runs a change of an endpoint between its records, unless this request made it before. */
async function changing<T>(
  lead: Lead,
  request: HttpRequest,
  name: Exclude<Change, 'createWebhook'>,
  make: (
    asked: Asked & { readonly endpoint: Endpoint; readonly request: string; readonly auditEventId: string },
  ) => Promise<T>,
  made: (endpoint: Endpoint, digest: Uint8Array) => Promise<T>,
): Promise<Answer<T>> {
  const { actor, digest } = await asked(lead, request, name);
  const { organization } = actor;
  const { id } = readParams(name, request.match.params);
  const { endpoints } = lead.webhooks;
  const text = toBase64url(digest);
  return once(
    lead,
    { organization, digest },
    request,
    `${id}/${text}`,
    async () => {
      const endpoint = await endpoints.find(id);
      if (endpoint?.organization !== organization || !endpoint.applied.includes(text)) return undefined;
      // What was deleted since is not there any more, unless that was the request.
      return endpoint.deleted && name !== 'deleteWebhook' ? undefined : made(endpoint, digest);
    },
    async () => {
      const endpoint = await endpoints.get(organization, id);
      const event = eventOf(actor, actions[name], id, new Uint8Array(0));
      return recorded(lead.node, event, (begun) =>
        make({ actor, digest, endpoint, request: text, auditEventId: eventId(begun) }),
      );
    },
  );
}

export async function createWebhook(
  lead: Lead,
  request: HttpRequest,
): Promise<Answer<Reply<'createWebhook'>>> {
  const { node, webhooks } = lead;
  const { endpoints, local } = webhooks;
  const { actor, digest } = await asked(lead, request, 'createWebhook');
  const { url, name = '', types = [], cursor = 'end' } = readBody('createWebhook', request.body);
  const { organization } = actor;
  const id = derivedId('whk', digest, 0);
  const view = (endpoint: Endpoint) => webhookView(endpoint, node.clock());
  return once(
    lead,
    { organization, digest },
    request,
    id,
    async () => {
      const known = await endpoints.find(id);
      return known && !known.deleted ? view(known) : undefined;
    },
    async () => {
      webhookUrl(url, local);
      const position = await positionOf(lead, organization, cursor);
      if ((await endpoints.list(organization, { limit: mostEndpoints })).items.length >= mostEndpoints)
        throw new CustodyError(
          'webhook_limit_reached',
          `an organization has at most ${mostEndpoints} webhooks`,
        );
      const event = eventOf(actor, actions.createWebhook, id, new Uint8Array(0));
      return recorded(node, event, async (begun) => {
        const endpoint: Endpoint = {
          id,
          organization,
          url,
          name,
          types,
          enabled: true,
          keys: [await endpointKey(webhooks, id, 1)],
          created: new Date(node.clock()).toISOString(),
          auditEventId: eventId(begun),
          position,
          failures: 0,
          dueMs: 0,
          queue: [],
          applied: [toBase64url(digest)],
        };
        return view((await endpoints.add(endpoint)) ? endpoint : await endpoints.get(organization, id));
      });
    },
  );
}

/** The index in the log that deliveries begin with. @throws {CustodyError} `request_invalid` */
async function positionOf({ webhooks }: Lead, organization: string, cursor: string): Promise<number> {
  const size = await webhooks.feed.size(organization);
  const position = cursor === 'end' ? size : indexAt(cursor);
  if (position > size)
    throw new CustodyError('request_invalid', 'the log is not as long as this cursor says');
  return position;
}

export function updateWebhook(lead: Lead, request: HttpRequest): Promise<Answer<Reply<'updateWebhook'>>> {
  const { endpoints, local } = lead.webhooks;
  const view = async (endpoint: Endpoint) => webhookView(endpoint, lead.node.clock());
  return changing(
    lead,
    request,
    'updateWebhook',
    async ({ actor: { organization }, endpoint: { id }, request: digest, auditEventId }) => {
      const { cursor, enabled, ...rest } = readBody('updateWebhook', request.body);
      if (rest.url !== undefined) webhookUrl(rest.url, local);
      const named = Object.entries(rest).filter(([, value]) => value !== undefined);
      const position = cursor === undefined ? undefined : await positionOf(lead, organization, cursor);
      // From another place, or once more: what failed before says nothing of it.
      const fresh = { failures: 0, dueMs: 0, failingSinceMs: undefined };
      const changes: Changes = {
        ...Object.fromEntries(named),
        auditEventId,
        ...(enabled !== undefined && { enabled, disabled: undefined }),
        ...(position !== undefined && { position }),
        ...((enabled === true || position !== undefined) && fresh),
      };
      return view(await endpoints.change(organization, id, digest, () => changes));
    },
    view,
  );
}

export async function deleteWebhook(
  lead: Lead,
  request: HttpRequest,
): Promise<Answer<Reply<'deleteWebhook'>>> {
  const { endpoints, forgetKeys } = lead.webhooks;
  const gone = (id: string, auditEventId: string) => ({ id, deleted: true as const, auditEventId });
  return changing(
    lead,
    request,
    'deleteWebhook',
    async ({ actor: { organization }, endpoint, request: digest, auditEventId }) => {
      await endpoints.remove(organization, endpoint.id, digest, auditEventId);
      await forgetKeys(endpoint.id, newestKey(endpoint));
      return gone(endpoint.id, auditEventId);
    },
    async ({ id, auditEventId }) => gone(id, auditEventId),
  );
}

/** The number of the newest key. */
const newestKey = ({ keys }: Endpoint): number => Number(keys[0]?.name.split('/').at(-1) ?? 0);

export function rotateWebhookKey(
  lead: Lead,
  request: HttpRequest,
): Promise<Answer<Reply<'rotateWebhookKey'>>> {
  const { endpoints } = lead.webhooks;
  const view = async (endpoint: Endpoint) => webhookView(endpoint, lead.node.clock());
  return changing(
    lead,
    request,
    'rotateWebhookKey',
    async ({ actor: { organization }, endpoint, request: digest, auditEventId }) => {
      const { overlapSeconds = defaultOverlapSeconds } = readBody('rotateWebhookKey', request.body);
      const newest = newestKey(endpoint);
      const key = await endpointKey(lead.webhooks, endpoint.id, newest + 1);
      const nowMs = lead.node.clock();
      const untilMs = nowMs + overlapSeconds * 1_000;
      const changed = await endpoints.change(organization, endpoint.id, digest, (before) => {
        if (newestKey(before) !== newest)
          throw new CustodyError('storage_unavailable', 'another request made a key meanwhile');
        const { keys } = before;
        const older = keys.map((one) => ({ ...one, untilMs: Math.min(one.untilMs ?? untilMs, untilMs) }));
        return {
          auditEventId,
          keys: [key, ...older.filter((one) => one.untilMs > nowMs)].slice(0, mostKeys),
        };
      });
      return view(changed);
    },
    view,
  );
}

export const testWebhook = (lead: Lead, request: HttpRequest): Promise<Answer<Reply<'testWebhook'>>> =>
  outOfTurn(lead, request, 'testWebhook', async (id) => {
    const event = id.replace('whd_', 'evt_test_');
    return { event, type: testType, index: -1, testMs: lead.node.clock() };
  });

export const redeliverWebhook = (
  lead: Lead,
  request: HttpRequest,
): Promise<Answer<Reply<'redeliverWebhook'>>> =>
  outOfTurn(lead, request, 'redeliverWebhook', async () => {
    const { id, delivery } = readParams('redeliverWebhook', request.match.params);
    const { event, type, index, testMs } = await lead.webhooks.deliveries.get(id, delivery);
    return { event, type, index, ...(testMs !== undefined && { testMs }), redeliveryOf: delivery };
  });

/** What is to be sent. */
type Asking = Pick<Delivery, 'event' | 'type' | 'index' | 'testMs' | 'redeliveryOf'>;

/** Queues a delivery; the dispatcher makes one attempt at it. */
function outOfTurn(
  lead: Lead,
  request: HttpRequest,
  name: 'testWebhook' | 'redeliverWebhook',
  what: (id: string) => Promise<Asking>,
): Promise<Answer<Reply<'testWebhook'>>> {
  const { endpoints, deliveries } = lead.webhooks;
  return changing(
    lead,
    request,
    name,
    async ({ actor: { organization }, endpoint, digest, request: text, auditEventId }) => {
      const id = derivedId('whd', digest, 0);
      const createdMs = lead.node.clock();
      const delivery: Delivery = {
        ...(await what(id)),
        id,
        endpoint: endpoint.id,
        state: 'pending',
        attempt: 0,
        createdMs,
      };
      await deliveries.add(delivery);
      await endpoints.change(organization, endpoint.id, text, ({ queue }) => {
        if (queue.length >= mostQueued)
          throw new CustodyError('webhook_limit_reached', 'too many deliveries wait already');
        return { queue: [...queue, id], auditEventId };
      });
      return { ...deliveryView(delivery), auditEventId };
    },
    async ({ auditEventId }, digest) => {
      const delivery = await deliveries.find(derivedId('whd', digest, 0));
      if (delivery === undefined) throw new CustodyError('delivery_not_found', 'no such delivery');
      return { ...deliveryView(delivery), auditEventId };
    },
  );
}
