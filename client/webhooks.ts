/**
 * Webhooks: where events are sent, and what came of it. The key of an endpoint is believed on the word of Node 1's
 * pinned identity alone.
 * @module
 */
import { openAuditKey } from '../shared/audit/statements.ts';
import { fromBase64url } from '../shared/bytes.ts';
import type { EventType } from '../shared/events/catalog.ts';
import { webhookPublicKey } from '../shared/webhooks/signature.ts';
import type { Answer } from '../shared/wire/routes.ts';
import type { Identities } from './address-proof.ts';
import { PlanbokError } from './errors.ts';
import { change, pages, read, type Session } from './session.ts';

export type Webhook = Answer<'getWebhook'>;
export type WebhookDelivery = Answer<'listDeliveries'>['data'][number];

interface Repeatable {
  /** Made if absent; a repeated call with the same key is the same change. */
  readonly idempotencyKey?: string;
}

export interface NewWebhook extends Repeatable {
  readonly url: string;
  readonly name?: string;
  /** All if absent or empty. */
  readonly types?: readonly EventType[];
  /** Of an event: deliveries begin after it; from now on if absent. */
  readonly cursor?: string;
}

export interface WebhookChanges extends Partial<NewWebhook> {
  readonly enabled?: boolean;
}

export function webhooksOf(session: Session, identities: Identities) {
  const node1 = fromBase64url(identities.node1);
  /** @throws {PlanbokError} `proof_invalid` unless Node 1 says that every key is this endpoint's */
  const checked = (webhook: Webhook): Webhook => {
    for (const { publicKey, attested } of webhook.keys) {
      const { name } = attested.document;
      try {
        const held = openAuditKey(attested, { node: 'node1', use: 'webhook', name }, node1);
        const ours = name.startsWith(`planbok.node1/${webhook.id}/`);
        if (ours && webhookPublicKey(held.publicKey) === publicKey) continue;
      } catch (cause) {
        throw new PlanbokError('proof_invalid', "the webhook's key is not Node 1's", { cause });
      }
      throw new PlanbokError('proof_invalid', 'the key is of another webhook');
    }
    if (webhook.keys[0]?.publicKey !== webhook.publicKey)
      throw new PlanbokError('proof_invalid', 'the webhook has another key than it says');
    return webhook;
  };
  const key = ({ idempotencyKey }: Repeatable) => (idempotencyKey === undefined ? {} : { idempotencyKey });

  return {
    /** `publicKey` of the answer is what {@link verifyWebhook} needs. @throws {PlanbokError} */
    async create({ idempotencyKey, ...body }: NewWebhook): Promise<Webhook> {
      const asked = { body, ...(idempotencyKey !== undefined && { idempotencyKey }) };
      return checked(await change(session, 'createWebhook', asked));
    },
    async get(id: string): Promise<Webhook> {
      return checked(await read(session, 'getWebhook', { params: { id } }));
    },
    /** All, newest first. */
    async *list(options: { readonly limit?: number } = {}): AsyncGenerator<Webhook, void, undefined> {
      for await (const webhook of pages(session, 'listWebhooks', { limit: options.limit }))
        yield checked(webhook);
    },
    /** `enabled: true` begins again where a webhook that failed for too long stopped. @throws {PlanbokError} */
    async update(id: string, { idempotencyKey, ...body }: WebhookChanges): Promise<Webhook> {
      const asked = { params: { id }, body, ...(idempotencyKey !== undefined && { idempotencyKey }) };
      return checked(await change(session, 'updateWebhook', asked));
    },
    /** The old key signs beside the new one for so long; a day if absent. @throws {PlanbokError} */
    async rotate(
      id: string,
      { overlapSeconds, ...more }: Repeatable & { readonly overlapSeconds?: number } = {},
    ): Promise<Webhook> {
      const body = overlapSeconds === undefined ? {} : { overlapSeconds };
      return checked(await change(session, 'rotateWebhookKey', { params: { id }, body, ...key(more) }));
    },
    delete: (id: string, more: Repeatable = {}): Promise<Answer<'deleteWebhook'>> =>
      change(session, 'deleteWebhook', { params: { id }, ...key(more) }),
    /** Has an event `webhook.test` sent, once. @throws {PlanbokError} */
    test: (id: string, more: Repeatable = {}): Promise<Answer<'testWebhook'>> =>
      change(session, 'testWebhook', { params: { id }, ...key(more) }),
    /** Attempts of the last seven days, newest first. */
    deliveries: (
      id: string,
      options: { readonly limit?: number } = {},
    ): AsyncGenerator<WebhookDelivery, void, undefined> =>
      pages(session, 'listDeliveries', { limit: options.limit }, { id }),
    /** Sends an event once more, out of turn, under the same id. @throws {PlanbokError} */
    redeliver: (id: string, delivery: string, more: Repeatable = {}): Promise<Answer<'redeliverWebhook'>> =>
      change(session, 'redeliverWebhook', { params: { id, delivery }, ...key(more) }),
  };
}
