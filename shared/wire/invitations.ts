/**
 * Invitations by mail on the wire: the inviter's signed terms, and what becomes of them.
 * @module
 */
import * as z from 'zod';
import { roles } from '../registry/kinds.ts';
import { actorSignature, base64url, id, listOf, scope, time, title } from './fields.ts';
import { mostJoinRequestCharacters } from './join-request.ts';

/** The longest life of an invitation, as of those that statements make. */
export const maxInvitationMs = 30 * 86_400_000;

const terms = z.strictObject({
  type: z.literal('planbok/invitation-terms/v1'),
  organization: id,
  role: z.enum(roles),
  scopes: z
    .array(scope)
    .max(8)
    .refine((list) => new Set(list).size === list.length, { message: 'must name each once' }),
  address: base64url(32).describe('SHA-256 of a label, `salt` and `email`: the address itself is not signed'),
  expires: time.describe('RFC 3339, UTC: at most 30 days from now'),
  keyId: z.string().max(120).describe('`organization/credential` of who invites'),
  nonce: base64url(16),
});

/** An origin without a path: it becomes part of a command that somebody copies. */
const isOrigin = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const { origin, protocol } = new URL(text);
  return origin === text && (protocol === 'https:' || protocol === 'http:');
};

export const createInvitation = z.strictObject({
  terms,
  signature: actorSignature,
  email: z.email().max(254).describe('Kept until the invitation ends, and then erased'),
  salt: base64url(16),
  api: z
    .string()
    .max(200)
    .refine(isOrigin, { message: 'must be an origin such as https://api.example.com' })
    .describe('Where the invitee finds the API'),
  message: title.optional().describe('A line from who invites'),
});

export const requestToJoin = z.strictObject({
  code: z.string().min(1).max(100).describe('From the mail'),
  request: z
    .string()
    .min(1)
    .max(mostJoinRequestCharacters)
    .describe('Signed by the key that asks, as `planbok members ask` makes it'),
});

export const joinRequested = z.object({ organization: id, expires: time });

export const invitationStates = ['sent', 'requested', 'admitted', 'revoked', 'expired'] as const;

export const invitation = z.object({
  id: id.describe('Follows from the terms'),
  state: z.enum(invitationStates),
  terms: z.looseObject(terms.shape),
  signature: z.string().describe("The inviter's, over the terms"),
  email: z.string().optional().describe('While it is open'),
  salt: z.string().optional(),
  created: time,
  sent: time.describe('The newest mail'),
  resends: z.int(),
  request: z.string().optional().describe('The first request that came with its code'),
  requested: time.optional(),
  contested: z
    .boolean()
    .describe('Another request came with the same code: somebody else may have read the mail'),
  auditEventId: z.string(),
});
export type ShownInvitation = z.infer<typeof invitation>;
export const invitationPage = listOf(invitation);
