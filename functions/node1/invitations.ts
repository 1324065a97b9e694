/**
 * Invitations by mail: effects of Node 1 alone, because they give nobody anything. Who is invited leaves a request
 * to join with the code of the mail; whoever may add members confirms its fingerprint with the person and states the
 * key, which both nodes verify as every statement. See docs/decisions/014.
 * @module
 */
import { fromBase64url, toBase64url } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import { digestOf } from '#shared/intent/canonical.ts';
import {
  addressCommitment,
  type InvitationTerms,
  invitationIdOf,
  termsBytes,
  termsDigest,
} from '#shared/registry/invitation-terms.ts';
import { entry, type Registry } from '#shared/registry/registry.ts';
import { assertMayAdd } from '#shared/registry/roles.ts';
import { maxInvitationMs } from '#shared/wire/invitations.ts';
import { type JoinRequestDocument, joinRequestDigest, parseJoinRequest } from '#shared/wire/join-request.ts';
import { readBody, readParams } from '#shared/wire/parse.ts';
import { type Body, type Answer as Reply, routes } from '#shared/wire/routes.ts';
import { type AuditEvent, eventId, eventOf, recorded } from '../audit/recording.ts';
import { actions } from '../audit/refusals.ts';
import { type Actor, authenticate, verifyWithOpenssl } from '../authenticate.ts';
import { assertMay } from '../guard.ts';
import type { HttpRequest } from '../http.ts';
import { openRequest } from '../intake.ts';
import { invitationView, isAdmitted, stateOf } from '../invitation-view.ts';
import { invitationMail } from '../mail/invitation.ts';
import type { Mailer } from '../mail/mailer.ts';
import type { Clock } from '../ports.ts';
import { type RateLimiter, rateLimiter } from '../rate-limit.ts';
import { codeBytes, codeOf, type Invitations, type StoredInvitation } from '../stores/invitations.ts';
import { type Answer, type Lead, once } from './lead.ts';

/** What invitations by mail need at Node 1. */
export interface Inviting {
  readonly invitations: Invitations;
  /** Absent: this deployment sends no mail. */
  readonly mailer: Mailer | undefined;
  /** Of whoever asks to join: by address, and all together. */
  readonly limiter: RateLimiter;
}

/** Requests to join per minute: from one address, and in all. */
export const joinRates = { credential: 30, organization: 300 } as const;

/** @param rates {@link joinRates}, but in tests */
export const invitingOf = (
  invitations: Invitations,
  mailer: Mailer | undefined,
  clock: Clock,
  rates: { readonly credential: number; readonly organization: number } = joinRates,
): Inviting => ({ invitations, mailer, limiter: rateLimiter(clock, rates) });

/** Open invitations of an organization, about: the list is not exact. */
const mostOpen = 100;

export async function createInvitation(
  lead: Lead,
  request: HttpRequest,
): Promise<Answer<Reply<'createInvitation'>>> {
  const { node, inviting } = lead;
  const { actor, body } = await openRequest(node, request, 'createInvitation');
  assertMay(actor, routes.createInvitation, undefined, node.clock());
  const terms = body.terms as InvitationTerms;
  assertTerms(actor, body, node.clock());
  const mailer = mailerOf(inviting);
  const { invitations } = inviting;
  const [id, digest] = [invitationIdOf(terms), termsDigest(terms)];
  const { organization } = actor;
  const view = (stored: StoredInvitation) => invitationView(stored, actor.registry, node.clock());
  const find = async () => {
    const known = await invitations.find(id);
    return known?.sentMs === undefined ? undefined : view(known);
  };
  return once(lead, { organization, digest }, request, id, find, async () => {
    await tidy(lead, actor);
    return recorded(node, eventOf(actor, actions.createInvitation, id, digest), async (begun) => {
      const code = node.random(codeBytes);
      const { signature, email, salt, api, message = '' } = body;
      const kept = { id, terms, signature, auditEventId: eventId(begun) };
      const addressee = { email, salt, api, message };
      // Nobody else works under this idempotency key while its lease lasts.
      if (!(await invitations.add(kept, addressee, code)))
        throw new CustodyError('idempotency_in_progress', 'another request was faster');
      try {
        await mailer.send(
          invitationMail({ ...mailOf(actor, terms), ...addressee, to: email, code: codeOf(id, code) }),
        );
      } catch (error) {
        await invitations.forget(id);
        throw error;
      }
      return view(await invitations.sent(id, toBase64url(digest)));
    });
  });
}

export async function resendInvitation(
  lead: Lead,
  request: HttpRequest,
): Promise<Answer<Reply<'resendInvitation'>>> {
  const { node, inviting } = lead;
  const { actor, params } = await openRequest(node, request, 'resendInvitation');
  assertMay(actor, routes.resendInvitation, undefined, node.clock());
  const { organization } = actor;
  const { invitations } = inviting;
  const { id } = params;
  const { terms } = await invitations.get(organization, id);
  // Who sends it again speaks for its terms: a role of their own that has become less is not enough.
  assertMayAdd(actor.registry, actor.credentialId, terms.role, terms.scopes);
  const mailer = mailerOf(inviting);
  const digest = digestOf({
    type: 'planbok/invitation-resend/v1',
    organization,
    idempotencyKey: request.idempotencyKey,
    invitation: id,
  } as { readonly type: string });
  const view = (stored: StoredInvitation) => invitationView(stored, actor.registry, node.clock());
  const find = async () => {
    const known = await invitations.find(id);
    return known?.sentFor.includes(toBase64url(digest)) ? view(known) : undefined;
  };
  return once(lead, { organization, digest }, request, `${id}/${toBase64url(digest)}`, find, () =>
    recorded(node, eventOf(actor, actions.resendInvitation, id, digest), async () => {
      const code = node.random(codeBytes);
      // The old code is void before the new one is on its way.
      const { addressee } = await invitations.renew(organization, id, code);
      if (addressee === undefined) throw new CustodyError('invitation_unusable', 'the invitation is over');
      const to = addressee.email;
      await mailer.send(
        invitationMail({ ...mailOf(actor, terms), ...addressee, to, code: codeOf(id, code) }),
      );
      return view(await invitations.sent(id, toBase64url(digest)));
    }),
  );
}

/** Repeated, it says how it ended first. */
export async function endInvitation(
  lead: Lead,
  request: HttpRequest,
): Promise<Answer<Reply<'endInvitation'>>> {
  const { node, inviting } = lead;
  const actor = await authenticate(node.registry, request, node.clock());
  node.admit?.(actor, request);
  assertMay(actor, routes.endInvitation, undefined, node.clock());
  const { organization, registry } = actor;
  const { id } = readParams('endInvitation', request.match.params);
  const { invitations } = inviting;
  const known = await invitations.get(organization, id);
  const view = (stored: StoredInvitation) => invitationView(stored, registry, node.clock());
  if (known.ended !== undefined) return { body: view(known), replayed: false };
  const event = eventOf(actor, actions.endInvitation, id, new Uint8Array(0));
  const ended = isAdmitted(known, registry) ? 'admitted' : 'revoked';
  const body = await recorded(node, event, async () => view(await invitations.end(organization, id, ended)));
  return { body, replayed: false };
}

/** By anybody with the code. What it leaves is looked at by whoever invited; nothing else comes of it. */
export async function requestToJoin(
  lead: Lead,
  request: HttpRequest,
): Promise<Answer<Reply<'requestToJoin'>>> {
  const { node, inviting } = lead;
  const { invitations, limiter } = inviting;
  limiter.take({ keyId: `address ${request.sourceIp}`, organization: 'everybody who asks to join' });
  const { code, request: text } = readBody('requestToJoin', request.body);
  const asked = joinRequestIn(text);
  const { id, organization, terms, request: standing } = await invitations.opened(code);
  if (asked.organization !== organization)
    throw invalidAt('/request', 'must be for the organization of the invitation');
  // Nobody is known to have asked: the code is the invitation's word.
  const operation = toBase64url(joinRequestDigest(asked));
  const event: AuditEvent = {
    organization,
    actor: id,
    role: 'invitation',
    action: actions.requestToJoin,
    object: id,
    operation,
  };
  // The same again is no event.
  if (standing === text) await invitations.ask(id, code, text);
  else await recorded(node, event, () => invitations.ask(id, code, text));
  return { body: { organization, expires: terms.expires }, replayed: false };
}

const invalidAt = (pointer: string, detail: string): CustodyError =>
  new CustodyError('request_invalid', `${pointer} ${detail}`, { problems: [{ pointer, detail }] });

/** @throws {CustodyError} `request_invalid` */
function joinRequestIn(text: string): JoinRequestDocument {
  try {
    return parseJoinRequest(text);
  } catch {
    throw invalidAt('/request', 'must be a request to join, signed by the key that it names');
  }
}

/** @throws {CustodyError} `mail_unsupported` */
function mailerOf({ mailer }: Inviting): Mailer {
  if (mailer !== undefined) return mailer;
  throw new CustodyError('mail_unsupported', 'this deployment sends no mail: use `planbok members ask`');
}

/** @throws {CustodyError} `request_invalid`, `authorisation_mismatch`, `role_missing`, `grant_refused` */
function assertTerms(
  actor: Actor,
  { terms, signature, email, salt }: Body<'createInvitation'>,
  nowMs: number,
) {
  const { registry, credential, credentialId, organization, keyId } = actor;
  const signed = terms as InvitationTerms;
  if (signed.organization !== organization || signed.keyId !== keyId)
    throw new CustodyError('authorisation_mismatch', 'the terms are for another organization or credential');
  if (!verifyWithOpenssl(credential, termsBytes(signed), fromBase64url(signature)))
    throw new CustodyError('authorisation_mismatch', 'the terms are not signed by who sends them');
  if (addressCommitment(fromBase64url(salt), email) !== signed.address)
    throw invalidAt('/terms/address', 'must be the commitment to this address');
  const ms = Date.parse(signed.expires);
  if (!(ms > nowMs && ms <= nowMs + maxInvitationMs))
    throw invalidAt('/terms/expires', 'must lie ahead, by 30 days at most');
  assertMayAdd(registry, credentialId, signed.role, signed.scopes);
}

/** What the mail says of who invites; of a resend, who sends it again. */
const mailOf = ({ registry, credential }: Actor, terms: InvitationTerms) => ({
  terms,
  organizationName: registry.name,
  inviter: nameOf(registry, credential.holder),
});

const nameOf = ({ members }: Registry, holder: string): string => entry(members, holder)?.name ?? holder;

/**
 * Erases the addresses of what ran out: expired items wait days for their table to drop them.
 * @throws {CustodyError} `invitation_limit_reached`
 */
async function tidy({ node, inviting }: Lead, { organization, registry }: Actor): Promise<void> {
  const { invitations } = inviting;
  const { items } = await invitations.list(organization, { limit: 2 * mostOpen });
  const states = items.map((item) => ({ item, state: stateOf(item, registry, node.clock()) }));
  for (const { item, state } of states)
    if (item.ended === undefined && (state === 'expired' || state === 'admitted'))
      await invitations.end(organization, item.id, state);
  if (states.filter(({ state }) => state === 'sent' || state === 'requested').length >= mostOpen)
    throw new CustodyError('invitation_limit_reached', `an organization has at most ${mostOpen} at a time`);
}
