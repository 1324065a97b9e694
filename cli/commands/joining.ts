/**
 * Asking to join, and admitting whoever asked: no secret travels.
 * @module
 */
import { joinRequest } from '../../client/join-request.ts';
import { readPublic } from '../../client/planbok.ts';
import { type Command, required } from '../command.ts';
import { outOption, roleOf, scopesOf, scopesOption, withNewKey } from '../registry-options.ts';
import { fields, statedText } from '../text.ts';

const readOut =
  'Read the fingerprint out to whoever may add members, on a way where they know your voice or face.';

const ask: Command = {
  name: 'members ask',
  summary: 'Ask to join: makes your key, a credential file for --credential, and a request that is no secret',
  positionals: ['ORGANIZATION'],
  options: { name: { value: 'NAME', help: 'Who you are', required: true }, out: outOption },
  details: readOut,
  async run(context) {
    const { io, running, positionals } = context;
    const [organization = ''] = positionals;
    const name = required(context, 'name');
    const { api: url } = await running();
    const { nodes } = await readPublic({ url, fetch: io.fetch, sleep: io.sleep }, 'getAttestations');
    const of = (node: string) => nodes.find((one) => one.node === node)?.identity ?? '';
    // Not believed: the fingerprint covers them, and the other side knows the true ones.
    const identities = { node1: of('node1'), node2: of('node2') };
    const made = await withNewKey(context, { organization, identities }, async ({ key }) => {
      const random = crypto.getRandomValues(new Uint8Array(16));
      const request = await joinRequest({ organization, identities, name }, key, random);
      return { ...request, head: organization, seq: '0' };
    });
    const { fingerprint, text } = made.result;
    const { file, keyId } = made;
    return {
      json: { organization, name, keyId, file, fingerprint, request: text },
      text: `${fields({ fingerprint, file, credential: keyId })}${readOut} The request:\n${text}\n`,
    };
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

export const joiningCommands: readonly Command[] = [ask, admit];
