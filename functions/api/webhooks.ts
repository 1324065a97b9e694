/**
 * Reads of webhooks: endpoints, and what was sent to them.
 * @module
 */
import type { Answer as Reply } from '#shared/wire/routes.ts';
import type { Deliveries } from '../stores/deliveries.ts';
import type { Endpoints } from '../stores/webhooks.ts';
import { deliveryView, webhookView } from '../webhooks/views.ts';

export interface WebhookReads {
  readonly endpoints: Pick<Endpoints, 'get' | 'find' | 'list'>;
  readonly deliveries: Pick<Deliveries, 'list'>;
}

interface PageOf {
  readonly limit: number;
  readonly cursor?: string;
}

export async function webhooks(
  { endpoints }: WebhookReads,
  organization: string,
  page: PageOf,
  nowMs: number,
): Promise<Reply<'listWebhooks'>> {
  const { items, cursor } = await endpoints.list(organization, page);
  return {
    data: items.map((endpoint) => webhookView(endpoint, nowMs)),
    ...(cursor !== undefined && { nextCursor: cursor }),
  };
}

/** @throws {CustodyError} `webhook_not_found` */
export async function deliveriesOf(
  { endpoints, deliveries }: WebhookReads,
  organization: string,
  endpoint: string,
  page: PageOf,
): Promise<Reply<'listDeliveries'>> {
  const { id } = await endpoints.get(organization, endpoint);
  const { items, cursor } = await deliveries.list(id, page);
  return { data: items.map(deliveryView), ...(cursor !== undefined && { nextCursor: cursor }) };
}
