/**
 * Members of the organization.
 * @module
 */
import { recoveryOf } from '../../client/members.ts';
import { escapeText } from '../../shared/chains/display.ts';
import { recoveryRule } from '../../shared/registry/roles.ts';
import { passkeyAlgorithm, plainAlgorithms } from '../../shared/registry/statement.ts';
import { type Command, type Context, required, UsageError } from '../command.ts';
import { drafted } from '../draft-files.ts';
import { roleOf, scopesOf, scopesOption, withNewKey } from '../registry-options.ts';
import { kindText, scopesText, statedText, table } from '../text.ts';

const list: Command = {
  name: 'members list',
  summary: "Members, their roles and credentials, from the organization's own statements",
  async run({ planbok }) {
    const data = await (await planbok()).members.list();
    const rows = data.map(({ id, name, role, grants, credentials }) => [
      id,
      escapeText(name),
      role,
      scopesText(grants),
      credentials.map((one) => (one.rpId === undefined ? one.id : `${one.id} (${kindText(one)})`)).join(' '),
    ]);
    return { json: { data }, text: table(['id', 'name', 'role', 'granted', 'credentials'], rows) };
  },
};

/** A key that the member has made: only its public half is needed. */
function givenKey({ values }: Context) {
  const { 'public-key': publicKey, algorithm = 'ed25519' } = values;
  if (publicKey === undefined) return undefined;
  if (algorithm === passkeyAlgorithm)
    throw new UsageError('a passkey is made in a browser: invite the member, who accepts with it there');
  const plain = plainAlgorithms.find((name) => name === algorithm);
  if (plain === undefined) throw new UsageError(`--algorithm is ${plainAlgorithms.join(' or ')}`);
  return { algorithm: plain, publicKey };
}

const add: Command = {
  name: 'members add',
  summary: 'Add a member; better invite them, so that they make their own key',
  options: {
    name: { value: 'NAME', help: 'Who it is', required: true },
    role: { value: 'ROLE', help: 'owner, admin or member', required: true },
    'public-key': { value: 'KEY', help: 'base64url of the public key that they made' },
    algorithm: { value: 'A', help: 'ed25519 or ecdsa-p256-sha256; ed25519 if absent' },
    out: { value: 'FILE', help: 'Make the key here, and put it into this file, mode 0600' },
    scopes: scopesOption,
  },
  async run(context) {
    const [name, role, scopes] = [required(context, 'name'), roleOf(context), scopesOf(context)];
    const key = givenKey(context);
    if (key !== undefined && context.values['out'] !== undefined)
      throw new UsageError('--out is for a key that is made here, --public-key for one that exists');
    const { members } = await context.planbok();
    if (context.values['out'] === undefined) {
      const added = await members.add({ name, role, ...(key && { credential: { ...key, scopes } }) });
      return { json: { ...added, name, role }, text: statedText(added, { id: added.id }) };
    }
    const { owner } = await context.place();
    const { result, file, keyId } = await withNewKey(context, owner, ({ algorithm, publicKey }) =>
      members.add({ name, role, credential: { algorithm, publicKey, scopes } }),
    );
    return {
      json: { ...result, name, role, keyId, file },
      text: statedText(result, { id: result.id, file }),
    };
  },
};

const remove: Command = {
  name: 'members remove',
  summary: 'Remove a member, with all of their credentials',
  positionals: ['ID'],
  async run({ planbok, positionals: [id = ''] }) {
    const stated = await (await planbok()).members.remove(id);
    return { json: { ...stated, id }, text: statedText(stated, { removed: id }) };
  },
};

const role: Command = {
  name: 'members role',
  summary: 'Give a member another role; what was granted per wallet set is cleared',
  positionals: ['ID', 'ROLE'],
  async run(context) {
    const [id = '', wanted] = context.positionals;
    const next = roleOf({ ...context, values: { ...context.values, role: wanted } });
    const stated = await (await context.planbok()).members.setRole(id, next);
    return { json: { ...stated, id, role: next }, text: statedText(stated, { id, role: next }) };
  },
};

const recover: Command = {
  name: 'members recover',
  summary: 'A new credential for a member who lost theirs, for another Owner or Admin to sign too',
  positionals: ['ID'],
  options: {
    'public-key': {
      value: 'KEY',
      help: 'What planbok credentials make prints at the member',
      required: true,
    },
    algorithm: { value: 'A', help: 'ed25519 or ecdsa-p256-sha256; ed25519 if absent' },
    scopes: scopesOption,
    out: { value: 'FILE', help: 'The statement, for planbok cosign and planbok submit', required: true },
  },
  details: `Two members other than the one concerned sign, an Owner among them for an Owner or Admin. The new credential is in
force after ${recoveryRule.hours} hours, ${recoveryRule.hoursWithoutOwner} if no Owner signed; the ones before end then. Until then planbok credentials revoke ends it.`,
  async run(context) {
    const [id = ''] = context.positionals;
    const [out, scopes, key] = [required(context, 'out'), scopesOf(context), givenKey(context)];
    if (key === undefined) throw new UsageError('--public-key is missing');
    const { statements } = await context.planbok();
    return drafted(context, out, await statements.draft(recoveryOf(id, { ...key, scopes })));
  },
};

export const membersCommands: readonly Command[] = [list, add, remove, role, recover];
