/**
 * Bearer tokens on the wire: what is asked for, and what is shown.
 * @module
 */
import * as z from 'zod';
import { isCidr } from '../registry/cidr.ts';
import { id, listOf, time, title } from './fields.ts';
import { authorisation } from './requests.ts';

/** The longest life of a token. */
export const maxTokenMs = 366 * 86_400_000;

const once = (list: readonly string[]): boolean => new Set(list).size === list.length;
const walletSets = z
  .array(z.string().regex(/^(?:\*|wset_[a-z2-7]{26})$/))
  .min(1)
  .max(50)
  .refine((list) => once(list) && (list.length === 1 || !list.includes('*')), {
    message: 'must name each wallet set once, or `*` alone',
  })
  .describe('Whose wallets and signatures it shows; `*`: all');
const cidrs = z
  .array(z.string().refine(isCidr, { message: 'must be a CIDR' }))
  .min(1)
  .max(50)
  .refine(once, { message: 'must name each once' })
  .describe('Addresses that it may be used from; any if absent');

export const createToken = z.strictObject({
  name: title.min(1),
  walletSets,
  cidrs: cidrs.optional(),
  expires: time.describe('RFC 3339, UTC: at most a year from now'),
  authorisation,
});

export const token = z.object({
  id,
  name: z.string(),
  walletSets: z.array(z.string()),
  cidrs: z.array(z.string()).optional(),
  expires: time,
  created: time,
  createdBy: id.describe('The member who made it: it shows at most what this member may see'),
  lastUsed: time.optional().describe('To the minute'),
  revoked: time.optional(),
});
export type ShownToken = z.infer<typeof token>;

export const tokenCreated = token.extend({
  token: z.string().optional().describe('Secret, shown once: absent when the request is repeated'),
  auditEventId: z.string(),
});
export const tokenPage = listOf(token);
