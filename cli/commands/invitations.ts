/**
 * Invitations: the invitee makes a key of their own, which never leaves their machine.
 * @module
 */
import { readInvitation } from '../../client/invitations.ts';
import { join as joinOrganization } from '../../client/planbok.ts';
import { type Command, type Context, required, UsageError } from '../command.ts';
import { lifeOf, outOption, roleOf, scopesOf, scopesOption, withNewKey } from '../registry-options.ts';
import { statedText } from '../text.ts';
import { shownInvitation } from './mail-invitations.ts';

const secret = 'Whoever has the token can use it, once. It goes to the invitee, on a way that you trust.';

const invite: Command = {
  name: 'members invite',
  summary: 'Invite somebody: by mail, or with a token that you hand over',
  options: {
    role: { value: 'ROLE', help: 'owner, admin or member', required: true },
    scopes: scopesOption,
    expires: { value: 'TIME', help: 'How long it may be accepted, such as 12h or 30d; 7d if absent' },
    mail: {
      value: 'ADDRESS',
      help: 'Send a mail with a code, which gives no rights; prints a token if absent',
    },
    message: { value: 'TEXT', help: 'With --mail: a line for the invitee' },
  },
  details: `By mail the invitee asks to join with planbok join, and reads a fingerprint out to you: planbok invitations
admit. Without --mail it prints a token. ${secret}`,
  async run(context) {
    const [role, scopes, lifeMs] = [roleOf(context), scopesOf(context), lifeOf(context, 'expires')];
    const { mail: email, message } = context.values;
    if (email !== undefined) {
      const life = lifeMs === undefined ? {} : { lifeMs };
      const { mailInvitations } = await context.planbok();
      const said = message === undefined ? {} : { message };
      const sent = await mailInvitations.invite({ email, role, scopes, ...life, ...said });
      return { json: sent, text: shownInvitation(sent) };
    }
    if (message !== undefined) throw new UsageError('--message goes with --mail');
    const { invitations } = await context.planbok();
    const invited = await invitations.invite({ role, scopes, ...(lifeMs !== undefined && { lifeMs }) });
    const { id, token, expires } = invited;
    return { json: { ...invited, role }, text: `${statedText(invited, { id, role, expires })}\n${token}\n` };
  },
};

const uninvite: Command = {
  name: 'members uninvite',
  summary: 'Withdraw an invitation',
  positionals: ['ID'],
  async run({ planbok, positionals: [id = ''] }) {
    const stated = await (await planbok()).invitations.revoke(id);
    return { json: { ...stated, id }, text: statedText(stated, { withdrawn: id }) };
  },
};

/** As an argument others on the machine can see it. */
const tokenFrom = async ({ io, positionals: [given = ''] }: Context): Promise<string> =>
  given === '-' ? new TextDecoder().decode(await io.readStdin()) : given;

const renew: Command = {
  name: 'members renew-invitation',
  summary: 'The same invitation after other statements: it holds for the log as it stands',
  positionals: ['TOKEN'],
  details: `TOKEN may be "-": it is read from standard input then. ${secret}`,
  async run(context) {
    const token = await (await context.planbok()).invitations.renew(await tokenFrom(context));
    return { json: { token }, text: `${token}\n` };
  },
};

const join: Command = {
  name: 'members join',
  summary: 'Accept an invitation: makes your key, and a credential file for --credential',
  positionals: ['TOKEN'],
  options: { name: { value: 'NAME', help: 'Who you are', required: true }, out: outOption },
  details:
    'TOKEN may be "-": it is read from standard input then. The API is the one that the token names,\nunless --api or PLANBOK_API names another.',
  async run(context) {
    const { io, where } = context;
    const name = required(context, 'name');
    const invitation = readInvitation(await tokenFrom(context));
    const { organization, identities, at } = invitation;
    const known = { head: at.last, seq: at.seq };
    const { fetch, sleep } = io;
    const connection = { fetch, sleep, ...(where.api !== undefined && { url: where.api }) };
    const { result, file, keyId } = await withNewKey(
      context,
      { organization, identities, known },
      ({ key }) => joinOrganization(connection, invitation, name, key),
    );
    const { member } = result;
    return { json: { ...result, file }, text: statedText(result, { organization, member, keyId, file }) };
  },
};

export const invitationCommands: readonly Command[] = [invite, uninvite, renew, join];
