/**
 * Events, as the feed lists them and as webhooks carry them.
 * @module
 */
import * as z from 'zod';
import { type EventType, eventTypes } from '../events/catalog.ts';
import { page, time } from './fields.ts';

const names: readonly string[] = eventTypes;
const known = (text: string): boolean => names.includes(text);

export const eventType = z
  .string()
  .max(60)
  .refine(known, 'no such type of event')
  .meta({ enum: [...names] }) as unknown as z.ZodType<EventType, string>; // refine does not narrow

/** Types between commas. */
const typeList = z
  .string()
  .max(2_000)
  .transform((text) => text.split(','))
  .pipe(z.array(eventType).min(1).max(names.length))
  .describe('Only events of these types, between commas; all if absent');

export const event = z.object({
  id: z.string().describe('As in `GET /v1/audit/events/{id}/proof`; the same however often it is delivered'),
  type: z.string().describe('New types come by addition'),
  created: time,
  object: z.string().describe('Id of what it happened to'),
  data: z
    .record(z.string(), z.string())
    .describe('What the audit record holds: action, phase, actor, role, reason, operation; ids to look up'),
  cursor: z.string().optional().describe('Resumes the feed after this event; of a test there is none'),
});

export const eventsQuery = z.strictObject({
  limit: page.limit,
  cursor: z
    .string()
    .max(100)
    .optional()
    .describe(
      '`nextCursor` of the answer before, or `end`: what comes from now on; absent: from the first on',
    ),
  types: typeList.optional(),
});

export const eventPage = z.object({
  data: z.array(event),
  nextCursor: z.string().describe('Always there. The one that was sent: there is nothing new yet'),
});
export type FeedEvent = z.infer<typeof event>;
