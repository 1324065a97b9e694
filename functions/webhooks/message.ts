/**
 * What is sent to an endpoint: an event as the feed has it, signed by the endpoint's keys. It is made anew for
 * every attempt, from the log: the same bytes under the same id, with the time of the attempt.
 * @module
 */
import { type Bytes, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import { webhookHeaders, webhookSignature, webhookSignedBytes } from '#shared/webhooks/signature.ts';
import type { FeedEvent } from '#shared/wire/events.ts';
import { eventOf } from '../events/feed.ts';
import type { Delivery } from '../stores/deliveries.ts';
import type { Endpoint } from '../stores/webhooks.ts';
import type { NodeWebhooks } from './node-webhooks.ts';

export interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes;
}

/** The event of a delivery, from the log; a test's from the delivery. @throws {CustodyError} `delivery_not_found` */
export async function eventOfDelivery(
  { feed }: NodeWebhooks,
  { id, organization }: Endpoint,
  delivery: Delivery,
): Promise<FeedEvent> {
  if (delivery.testMs !== undefined) return testEvent(id, delivery.event, delivery.testMs);
  const { entries } = await feed.read(organization, delivery.index, 1);
  const event = entries[0] && eventOf(entries[0]);
  if (event?.id !== delivery.event) throw new CustodyError('delivery_not_found', 'the log has no such event');
  return event;
}

export const testType = 'webhook.test';
const testEvent = (endpoint: string, id: string, atMs: number): FeedEvent => ({
  id,
  type: testType,
  created: new Date(atMs).toISOString(),
  object: endpoint,
  data: { action: 'test_webhook' },
});

/** Signed by the newest key, and by those that it replaces until their time is over. */
export async function messageOf(
  { keys }: NodeWebhooks,
  endpoint: Endpoint,
  event: FeedEvent,
  nowMs: number,
): Promise<Message> {
  const body = utf8(JSON.stringify(event));
  const timestamp = Math.floor(nowMs / 1_000);
  const signing = endpoint.keys.filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs);
  const bytes = webhookSignedBytes(event.id, timestamp, body);
  const signatures = await Promise.all(
    signing.map(async ({ name }) => webhookSignature((await keys.key('webhook', name)).signer.sign(bytes))),
  );
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'planbok-webhooks/1',
      [webhookHeaders.id]: event.id,
      [webhookHeaders.timestamp]: String(timestamp),
      [webhookHeaders.signature]: signatures.join(' '),
    },
  };
}
