/**
 * Invitations by mail, after they were sent: who asked with the code, and admitting them.
 * @module
 */
import type { MailInvitation } from '../../client/mail-invitations.ts';
import { escapeText } from '../../shared/chains/display.ts';
import { type Command, integerOf, required } from '../command.ts';
import { collect, limitOption } from '../listing.ts';
import { fields, statedText, table } from '../text.ts';

const contested =
  'another request came with the same code: somebody else may have read the mail; compare the fingerprint, or resend';

/** What must not be overlooked. */
const warningOf = ({ problem, contested: another }: MailInvitation): string | undefined =>
  problem ?? (another ? contested : undefined);

/** One invitation, line by line. */
export const shownInvitation = (one: MailInvitation): string =>
  fields({
    id: one.id,
    state: one.state,
    mail: one.email,
    role: one.role,
    scopes: one.scopes.join(' '),
    expires: one.expires,
    asked: one.request && escapeText(one.request.name),
    fingerprint: one.request?.fingerprint,
    warning: warningOf(one),
  });

const list: Command = {
  name: 'invitations list',
  summary: 'Invitations by mail, newest first, and who asked to join with their codes',
  options: limitOption,
  details: 'A fingerprint here says nothing by itself: compare it with what the person reads out to you.',
  async run(context) {
    const limit = integerOf(context, 'limit', 1, 100_000);
    const data = await collect((await context.planbok()).mailInvitations.list(), limit);
    const rows = data.map((one) => [
      one.id,
      one.state,
      one.email ?? '',
      one.role,
      one.expires,
      escapeText(one.request?.name ?? ''),
      one.request?.fingerprint ?? '',
      warningOf(one) ?? '',
    ]);
    const head = ['id', 'state', 'mail', 'role', 'expires', 'asked', 'fingerprint', 'warning'];
    return { json: { data }, text: table(head, rows) };
  },
};

const resend: Command = {
  name: 'invitations resend',
  summary: 'Send it again with a new code: the old one is void, and what was asked with it forgotten',
  positionals: ['ID'],
  async run({ planbok, positionals: [id = ''] }) {
    const sent = await (await planbok()).mailInvitations.resend(id);
    return { json: sent, text: shownInvitation(sent) };
  },
};

const revoke: Command = {
  name: 'invitations revoke',
  summary: 'Withdraw an invitation by mail, and erase its address',
  positionals: ['ID'],
  async run({ planbok, positionals: [id = ''] }) {
    const ended = await (await planbok()).mailInvitations.revoke(id);
    return { json: ended, text: shownInvitation(ended) };
  },
};

const admit: Command = {
  name: 'invitations admit',
  summary: 'Add whoever asked with the code of a mail, if their fingerprint is the one they read out',
  positionals: ['ID'],
  options: {
    fingerprint: {
      value: 'F',
      help: 'As they read it out; capitals and dashes do not matter',
      required: true,
    },
    name: { value: 'NAME', help: 'What you call them; what they call themselves if absent' },
  },
  details: `Role and scopes are those that whoever invited signed. Take the fingerprint from the person, by phone or face to
face: not from a list, a mail or a chat.`,
  async run(context) {
    const [id = ''] = context.positionals;
    const fingerprint = required(context, 'fingerprint');
    const { name } = context.values;
    const { mailInvitations } = await context.planbok();
    const added = await mailInvitations.admit({ id, fingerprint, ...(name !== undefined && { name }) });
    return { json: added, text: statedText(added, { id: added.id, name: added.name, role: added.role }) };
  },
};

export const mailInvitationCommands: readonly Command[] = [list, resend, revoke, admit];
