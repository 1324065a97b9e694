/**
 * Invitations by mail: the nodes carry them, and decide nothing. What is offered is signed by who invites; who asks
 * is confirmed by the fingerprint that they read out; what makes them a member is a statement of who admits.
 * @module
 */
import { fromBase64url, toBase64url, utf8 } from '../shared/bytes.ts';
import {
  addressCommitment,
  type InvitationTerms,
  invitationIdOf,
  termsBytes,
} from '../shared/registry/invitation-terms.ts';
import type { Role } from '../shared/registry/kinds.ts';
import { entry, holderName, type Registry } from '../shared/registry/registry.ts';
import { assertMayAdd } from '../shared/registry/roles.ts';
import { type Scope, verifyWithCredential } from '../shared/registry/statement.ts';
import type { ShownInvitation } from '../shared/wire/invitations.ts';
import { type Answer, pathOf, routes } from '../shared/wire/routes.ts';
import type { Identities } from './address-proof.ts';
import { locally, PlanbokError } from './errors.ts';
import { exchange } from './http.ts';
import { type JoinRequest, readJoinRequest } from './join-request.ts';
import type { membersOf } from './members.ts';
import type { RegistryClient, Stated } from './registry.ts';
import { assertSigns, change, type Line, pages, read, repeating, type Session } from './session.ts';

export interface NewMailInvitation {
  readonly email: string;
  readonly role: Role;
  /** The most that the invitee's credential may do. */
  readonly scopes: readonly Scope[];
  /** Milliseconds from now, at most 30 days; 7 days if absent. */
  readonly lifeMs?: number;
  /** A line for the mail. */
  readonly message?: string;
}

export interface MailInvitation
  extends Omit<ShownInvitation, 'terms' | 'signature' | 'salt' | 'request' | 'auditEventId'> {
  /** What whoever invited signed. */
  readonly role: Role;
  readonly scopes: readonly Scope[];
  readonly expires: string;
  /** Name, as the organization calls them. */
  readonly invitedBy: string;
  /** Who asks to join, as they say: their fingerprint is compared with what the person reads out. */
  readonly request?: JoinRequest;
  /** Why it must not be believed; nobody is admitted on it. */
  readonly problem?: string;
}

export interface MailAdmission {
  readonly id: string;
  /** As the person who asked read it out. */
  readonly fingerprint: string;
  /** What the organization calls them; what they call themselves if absent. */
  readonly name?: string;
}

const weekMs = 7 * 86_400_000;

const refuse = (message: string): PlanbokError => new PlanbokError('result_invalid', message);

/** The terms, if a member signed them who may invite like this now, and to this address. @throws {PlanbokError} */
function confirmedTerms(shown: ShownInvitation, known: Registry): InvitationTerms {
  const terms = shown.terms as unknown as InvitationTerms;
  const { organization, keyId, role, scopes, address } = terms;
  const [of = '', credentialId = ''] = keyId.split('/');
  const credential = entry(known.credentials, credentialId);
  if (invitationIdOf(terms) !== shown.id) throw refuse('the terms are those of another invitation');
  if (organization !== known.organization || of !== organization)
    throw refuse('the invitation is for another organization');
  if (credential === undefined) throw refuse('whoever invited is no member, or not any more');
  if (!verifyWithCredential(credential, termsBytes(terms), fromBase64url(shown.signature)))
    throw refuse('the terms are not signed by whoever invited');
  locally(() => assertMayAdd(known, credentialId, role, scopes));
  const { email, salt } = shown;
  const open = email === undefined || salt === undefined ? undefined : fromBase64url(salt);
  if (email !== undefined && (open === undefined || addressCommitment(open, email) !== address))
    throw refuse('the invitation was made for another address');
  return terms;
}

export const mailInvitationsOf = (
  session: Session,
  registry: RegistryClient,
  members: ReturnType<typeof membersOf>,
  identities: Identities,
) => {
  const { organization, random, now } = session;
  const readable = (shown: ShownInvitation, known: Registry): MailInvitation => {
    const { terms: _, signature: __, salt: ___, request, auditEventId: ____, ...rest } = shown;
    const { role, scopes, expires, keyId } = shown.terms;
    const holder = entry(known.credentials, keyId.split('/')[1] ?? '')?.holder ?? '';
    const own = { ...rest, role, scopes, expires, invitedBy: holderName(known, holder) };
    try {
      confirmedTerms(shown, known);
      if (request === undefined) return own;
      return { ...own, request: readJoinRequest(request, organization, identities) };
    } catch (error) {
      return { ...own, problem: error instanceof Error ? error.message : 'unreadable' };
    }
  };
  const get = async (id: string) => {
    const [shown, known] = await Promise.all([
      read(session, 'getInvitation', { params: { id } }),
      registry.refresh(),
    ]);
    if (shown.id !== id) throw refuse('the answer is another invitation');
    return { shown, known };
  };
  return {
    /** The mail holds a code that gives nobody any rights: with it the invitee asks to join. @throws {PlanbokError} */
    async invite({
      email,
      role,
      scopes,
      lifeMs = weekMs,
      message,
    }: NewMailInvitation): Promise<MailInvitation> {
      assertSigns(session);
      const salt = random(16);
      const terms: InvitationTerms = {
        type: 'planbok/invitation-terms/v1',
        organization,
        role,
        scopes: [...scopes],
        address: addressCommitment(salt, email),
        expires: new Date(now() + lifeMs).toISOString(),
        keyId: session.signer.keyId,
        nonce: toBase64url(random(16)),
      };
      const signature = toBase64url(await session.signer.sign(termsBytes(terms)));
      const api = session.url;
      const body = { terms, signature, email, salt: toBase64url(salt), api, ...(message && { message }) };
      const shown = await change(session, 'createInvitation', { body });
      if (shown.id !== invitationIdOf(terms)) throw refuse('the answer is for another invitation');
      return readable(shown, await registry.refresh());
    },
    /** Newest first, also those that ended; each as it was checked here. */
    async *list(): AsyncGenerator<MailInvitation, void, undefined> {
      const known = await registry.refresh();
      for await (const shown of pages(session, 'listInvitations', {})) yield readable(shown, known);
    },
    async get(id: string): Promise<MailInvitation> {
      const { shown, known } = await get(id);
      return readable(shown, known);
    },
    /** A new code; the one before is void, and what was asked with it forgotten. */
    async resend(id: string): Promise<MailInvitation> {
      const shown = await change(session, 'resendInvitation', { params: { id } });
      return readable(shown, await registry.refresh());
    },
    /** Ends it, and erases the address. */
    async revoke(id: string): Promise<MailInvitation> {
      const shown = await change(session, 'endInvitation', { params: { id } });
      return readable(shown, await registry.refresh());
    },
    /**
     * Adds whoever asked with the code, as what the terms say: the key of the request whose fingerprint was read out.
     * @throws {PlanbokError} `invitation_unusable` if nobody asked or it is over, `join_request_invalid` if the
     * fingerprint is another request's, `result_invalid` if the terms do not hold; nothing was stated then
     */
    async admit({
      id,
      fingerprint,
      name,
    }: MailAdmission): Promise<Stated & { readonly id: string; readonly name: string; readonly role: Role }> {
      const { shown, known } = await get(id);
      const { role, scopes, expires } = confirmedTerms(shown, known);
      if (shown.request === undefined || Date.parse(expires) <= now())
        throw new PlanbokError(
          'invitation_unusable',
          shown.state === 'sent' ? 'nobody asked to join with its code yet' : `it is ${shown.state}`,
        );
      // Who it went to is part of what whoever admits believes.
      if (shown.email === undefined) throw refuse('the answer does not say whom it was sent to');
      const asked = { request: shown.request, fingerprint, role, scopes };
      const added = await members.admit({ ...asked, ...(name !== undefined && { name }) });
      // The registry says that it was; this only erases the address sooner.
      await change(session, 'endInvitation', { params: { id } }).catch(() => undefined);
      return { ...added, role };
    },
  };
};

/**
 * Leaves a request to join with the code of a mail: by anybody. It gives no rights.
 * @param request as {@link JoinRequest} has it
 * @throws {PlanbokError} `invitation_code_invalid`; `invitation_unusable` if another request came first
 */
export async function leaveRequest(
  line: Line,
  code: string,
  request: string,
): Promise<Answer<'requestToJoin'>> {
  const { method } = routes.requestToJoin;
  const body = utf8(JSON.stringify({ code, request }));
  const unsigned = { method, path: pathOf('requestToJoin'), query: '?', idempotencyKey: '', body };
  return repeating(line, () => exchange(line, 'requestToJoin', unsigned));
}
