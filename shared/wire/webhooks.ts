/**
 * Webhooks: what the API takes and says of endpoints and deliveries.
 * @module
 */
import * as z from 'zod';
import { attested } from './attested.ts';
import { auditKey } from './audit.ts';
import { eventType } from './events.ts';
import { id, listOf, page, time, title } from './fields.ts';

/** What the nodes find wrong with it beyond its form has the code `webhook_url_refused`. */
const url = z
  .string()
  .min(1)
  .max(2_000)
  .describe('https, port 443 or 8443, a public address; no user, no fragment');
const types = z
  .array(eventType)
  .max(64)
  .refine((list) => new Set(list).size === list.length, 'must not name a type twice')
  .meta({ uniqueItems: true })
  .describe('Only events of these types; empty: all');
const cursor = z
  .string()
  .max(100)
  .describe('Of an event: deliveries go on after it; `end`: with what comes from now on');
const overlapSeconds = z
  .int()
  .min(0)
  .max(7 * 86_400)
  .describe('How long the old key signs beside the new one; a day if absent');

export const createWebhook = z.strictObject({
  url,
  name: title.optional(),
  types: types.optional(),
  cursor: cursor.optional(),
});
export const updateWebhook = z
  .strictObject({
    url: url.optional(),
    name: title.optional(),
    types: types.optional(),
    enabled: z.boolean().optional().describe('true also begins again what was disabled after failures'),
    cursor: cursor.optional(),
  })
  .refine((changes) => Object.keys(changes).length > 0, 'must change something');
export const rotateWebhookKey = z.strictObject({ overlapSeconds: overlapSeconds.optional() });

export const webhookKey = z.object({
  publicKey: z.string().describe('`whpk_` and base64 of 32 bytes'),
  until: time.optional().describe('Signs beside the newer key until then'),
  attested: attested(auditKey).describe("Node 1's identity says that the key is this endpoint's"),
});

export const webhook = z.object({
  id,
  url: z.string(),
  name: z.string(),
  types: z.array(z.string()).describe('Empty: all'),
  enabled: z.boolean(),
  disabled: z
    .enum(['by_request', 'gone', 'failing'])
    .optional()
    .describe('Why: asked for; the receiver said 410; it failed for 5 days'),
  publicKey: z.string().describe('The newest one'),
  keys: z.array(webhookKey).describe('The newest first'),
  cursor: z.string().describe('Everything before it was delivered, or not asked for'),
  failing: z
    .object({ since: time, attempts: z.int(), nextAttempt: time })
    .optional()
    .describe('Of the message that is next'),
  created: time,
  auditEventId: z.string().describe('Of the last change'),
});

export const delivery = z.object({
  id,
  event: z.string().describe('Id of the event, in `webhook-id`: the same in every attempt'),
  type: z.string(),
  state: z.enum(['pending', 'delivered', 'failed']),
  attempt: z.int().describe('1 for the first; 0: not yet'),
  status: z.int().optional().describe('HTTP status'),
  failure: z.string().optional().describe('Why there is no status, or why it is none of success'),
  durationMs: z.int().optional(),
  response: z.string().optional().describe('Its first bytes'),
  created: time,
  nextAttempt: time.optional(),
  redeliveryOf: id.optional(),
});

export const webhookDeleted = z.object({ id, deleted: z.literal(true), auditEventId: z.string() });
export const deliveryQueued = delivery.extend({ auditEventId: z.string() });
export const webhookPage = listOf(webhook);
export const deliveryPage = listOf(delivery);
export const listQuery = z.strictObject(page);
export const byId = z.strictObject({ id });
export const byDelivery = z.strictObject({ id, delivery: id });
