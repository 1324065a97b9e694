/**
 * The mail that invites somebody: a code and a command, nothing that works by being opened. Names are others' words:
 * shown with what could hide in them spelled out.
 * @module
 */
import { escapeText } from '#shared/chains/display.ts';
import type { InvitationTerms } from '#shared/registry/invitation-terms.ts';
import type { Mail } from './mailer.ts';

export interface InvitationMail {
  readonly to: string;
  readonly terms: Pick<InvitationTerms, 'organization' | 'role' | 'expires'>;
  /** What the organization and the inviter are called. */
  readonly organizationName: string;
  readonly inviter: string;
  readonly api: string;
  readonly message: string;
  readonly code: string;
}

export function invitationMail(given: InvitationMail): Mail {
  const { to, terms, api, code } = given;
  const [organization, inviter, message] = [given.organizationName, given.inviter, given.message].map(
    escapeText,
  );
  const { organization: id, role, expires } = terms;
  const text = `${inviter} invites you to join ${organization}, to become: ${role}.
${message === '' ? '' : `\n  "${message}"\n`}
Run this, with your own name:

  planbok join ${code} --organization ${id} --api ${api} --name "Your name" --out planbok-credential.json

It makes a key on your machine, sends its public half, and shows a fingerprint. Read the fingerprint out to
${inviter}, by phone or face to face: only that makes you a member.

  API           ${api}
  Organization  ${id}
  Code          ${code}
  Until         ${expires}

The code gives nobody any rights. If you do not know who invites you, do nothing.
`;
  return { to, subject: `${inviter} invites you to join ${organization}`, text };
}
