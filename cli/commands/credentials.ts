import { escapeText } from '../../shared/chains/display.ts';
import { type Command, UsageError } from '../command.ts';
import { readOwnerFile } from '../place.ts';
import { makeKeyFile, outOption, scopesOf, scopesOption, withNewKey } from '../registry-options.ts';
import { fields, kindText, statedText, table } from '../text.ts';

const list: Command = {
  name: 'credentials list',
  summary: "Credentials of members, from the organization's own statements",
  details: 'A passkey signs in the browser, on the pages that it names; the command line cannot use it.',
  async run({ planbok }) {
    const members = await (await planbok()).members.list();
    const data = members.flatMap(({ id: member, name, credentials }) =>
      credentials.map((one) => ({ ...one, member, name })),
    );
    const rows = data.map((one) => [
      one.id,
      kindText(one),
      one.origins?.join(' ') ?? '',
      one.scopes.join(','),
      escapeText(one.name),
      one.until ?? '',
    ]);
    const head = ['credential', 'kind', 'origins', 'scopes', 'member', 'until'];
    return { json: { data }, text: table(head, rows) };
  },
};

const add: Command = {
  name: 'credentials add',
  summary: 'Make a further key for yourself, or the first one for a member who has none',
  options: {
    member: { value: 'ID', help: 'Whose it is; yours if absent' },
    scopes: scopesOption,
    out: outOption,
  },
  async run(context) {
    const scopes = scopesOf(context);
    const planbok = await context.planbok();
    const { owner } = await context.place();
    const registry = await planbok.registry.refresh();
    const [, own = ''] = owner.keyId.split('/');
    const member = context.values['member'] ?? registry.credentials[own]?.holder ?? '';
    const known = planbok.registry.newest();
    const { result, file, keyId } = await withNewKey(context, { ...owner, known }, (made) =>
      planbok.credentials.add(member, { algorithm: made.algorithm, publicKey: made.publicKey, scopes }),
    );
    const [, id = ''] = keyId.split('/');
    return { json: { ...result, id, member, keyId, file }, text: statedText(result, { id, member, file }) };
  },
};

const make: Command = {
  name: 'credentials make',
  summary: 'Make a key and register it nowhere: for others to state, as when yours is lost',
  options: {
    out: outOption,
    organization: { value: 'ORG', help: 'Whose; with --node1 and --node2 instead of a credential file' },
    node1: { value: 'KEY', help: "Node 1's identity, as credential files have it" },
    node2: { value: 'KEY', help: "Node 2's identity" },
  },
  async run(context) {
    const { io, values, where } = context;
    const { organization, node1, node2 } = values;
    const given = [organization, node1, node2].filter((one) => one !== undefined);
    if (given.length !== 0 && given.length !== 3)
      throw new UsageError('give --organization, --node1 and --node2, or none of them');
    const of =
      organization !== undefined && node1 !== undefined && node2 !== undefined
        ? { organization, identities: { node1, node2 } }
        : await readOwnerFile(io, where);
    const { file, publicKey, keyId } = await makeKeyFile(context, of);
    const [, id = ''] = keyId.split('/');
    const { algorithm, publicKey: text } = publicKey;
    return {
      json: { id, keyId, algorithm, publicKey: text, file },
      text: fields({ credential: id, 'public key': text, algorithm, file }),
    };
  },
};

const revoke: Command = {
  name: 'credentials revoke',
  summary: "Revoke a member's credential, at both nodes at once",
  positionals: ['ID'],
  async run({ planbok, positionals: [id = ''] }) {
    const stated = await (await planbok()).credentials.revoke(id);
    return { json: { ...stated, id }, text: statedText(stated, { revoked: id }) };
  },
};

export const credentialsCommands: readonly Command[] = [list, make, add, revoke];
