/**
 * Asking to join, and admitting whoever asked: no secret travels.
 * @module
 */
import { joinRequest } from '../../client/join-request.ts';
import { askToJoin, type Connection as Reach, readPublic } from '../../client/planbok.ts';
import { type Command, type Context, required } from '../command.ts';
import { outOption, roleOf, scopesOf, scopesOption, withNewKey } from '../registry-options.ts';
import { fields, statedText } from '../text.ts';

type Connection = Omit<Reach, 'identities'>;

const readOut =
  'Read the fingerprint out to whoever may add members, on a way where they know your voice or face.';

const ask: Command = {
  name: 'members ask',
  summary: 'Ask to join: makes your key, a credential file for --credential, and a request that is no secret',
  positionals: ['ORGANIZATION'],
  options: { name: { value: 'NAME', help: 'Who you are', required: true }, out: outOption },
  details: readOut,
  async run(context) {
    const [organization = ''] = context.positionals;
    const made = await asking(context, organization, async () => {});
    const { fingerprint, request } = made;
    return {
      json: made,
      text: `${fields({ fingerprint, file: made.file, credential: made.keyId })}${readOut} The request:\n${request}\n`,
    };
  },
};

/** Makes a key, its file and the request, and does something with the request before they count. */
async function asking(
  context: Context,
  organization: string,
  send: (connection: Connection, request: string) => Promise<unknown>,
) {
  const { io, running } = context;
  const name = required(context, 'name');
  const { api: url } = await running();
  const connection = { url, fetch: io.fetch, sleep: io.sleep };
  const { nodes } = await readPublic(connection, 'getAttestations');
  const of = (node: string) => nodes.find((one) => one.node === node)?.identity ?? '';
  // Not believed: the fingerprint covers them, and the other side knows the true ones.
  const identities = { node1: of('node1'), node2: of('node2') };
  const made = await withNewKey(context, { organization, identities }, async ({ key }) => {
    const random = crypto.getRandomValues(new Uint8Array(16));
    const request = await joinRequest({ organization, identities, name }, key, random);
    await send(connection, request.text);
    return { ...request, head: organization, seq: '0' };
  });
  const { fingerprint, text: request } = made.result;
  const { file, keyId } = made;
  return { organization, name, keyId, file, fingerprint, request };
}

const join: Command = {
  name: 'join',
  summary: 'Ask to join with the code of a mail: makes your key, and a credential file for --credential',
  positionals: ['CODE'],
  options: {
    organization: { value: 'ORG', help: 'From the mail', required: true },
    name: { value: 'NAME', help: 'Who you are', required: true },
    out: outOption,
  },
  details: `The code gives nobody any rights. ${readOut}\nThe API is the one in the mail: name it with --api.`,
  async run(context) {
    const [code = ''] = context.positionals;
    const organization = required(context, 'organization');
    const asked = await asking(context, organization, (connection, request) =>
      askToJoin(connection, code, request),
    );
    const { fingerprint, file, keyId } = asked;
    return { json: asked, text: `${fields({ fingerprint, file, credential: keyId })}${readOut}\n` };
  },
};

const admit: Command = {
  name: 'members admit',
  summary: 'Add whoever asked to join: the key of their request, if its fingerprint is the one they read out',
  positionals: ['REQUEST'],
  options: {
    fingerprint: {
      value: 'F',
      help: 'As they read it out; capitals and dashes do not matter',
      required: true,
    },
    role: { value: 'ROLE', help: 'owner, admin or member', required: true },
    name: { value: 'NAME', help: 'What you call them; what they call themselves if absent' },
    scopes: scopesOption,
  },
  details: 'Take the fingerprint from the person, not from where the request came from.',
  async run(context) {
    const [request = ''] = context.positionals;
    const [role, scopes] = [roleOf(context), scopesOf(context)];
    const fingerprint = required(context, 'fingerprint');
    const { name } = context.values;
    const { members } = await context.planbok();
    const asked = { request, fingerprint, role, scopes, ...(name !== undefined && { name }) };
    const added = await members.admit(asked);
    return { json: { ...added, role }, text: statedText(added, { id: added.id, name: added.name, role }) };
  },
};

export const joiningCommands: readonly Command[] = [ask, admit, join];
