/**
 * Endpoints and deliveries as the API shows them.
 * @module
 */
import type { Answer as Reply } from '#shared/wire/routes.ts';
import { cursorAt } from '../events/feed.ts';
import type { Delivery } from '../stores/deliveries.ts';
import type { Endpoint } from '../stores/webhooks.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

export function webhookView(endpoint: Endpoint, nowMs: number): Reply<'getWebhook'> {
  const { id, url, name, types, enabled, disabled, position, created, auditEventId } = endpoint;
  const { failures, failingSinceMs, dueMs } = endpoint;
  const keys = endpoint.keys
    .filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs)
    .map(({ publicKey, untilMs, attested }) => ({
      publicKey,
      ...(untilMs !== undefined && { until: iso(untilMs) }),
      attested,
    }));
  return {
    id,
    url,
    name,
    types: [...types],
    enabled,
    ...(!enabled && { disabled: disabled ?? 'by_request' }),
    publicKey: keys[0]?.publicKey ?? '',
    keys,
    cursor: cursorAt(position),
    ...(failingSinceMs !== undefined && {
      failing: { since: iso(failingSinceMs), attempts: failures, nextAttempt: iso(dueMs) },
    }),
    created,
    auditEventId,
  };
}

export function deliveryView(delivery: Delivery): Reply<'listDeliveries'>['data'][number] {
  const { id, event, type, state, attempt, status, failure, durationMs, response } = delivery;
  const { createdMs, nextMs, redeliveryOf } = delivery;
  return {
    id,
    event,
    type,
    state,
    attempt,
    ...(status !== undefined && { status }),
    ...(failure !== undefined && { failure }),
    ...(durationMs !== undefined && { durationMs }),
    ...(response !== undefined && { response }),
    created: iso(createdMs),
    ...(nextMs !== undefined && { nextAttempt: iso(nextMs) }),
    ...(redeliveryOf !== undefined && { redeliveryOf }),
  };
}
