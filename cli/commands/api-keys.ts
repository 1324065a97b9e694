/**
 * API keys: credentials for programs, with scopes per wallet set.
 * @module
 */
import { escapeText } from '../../shared/chains/display.ts';
import type { ScopeMap } from '../../shared/registry/registry.ts';
import { type Command, listOf, required, UsageError } from '../command.ts';
import { expiryOf, lifeOf, outOption, scopeMapOf, withNewKey } from '../registry-options.ts';
import { scopesText, statedText, table } from '../text.ts';

const list: Command = {
  name: 'api-keys list',
  summary: "API keys, from the organization's own statements",
  async run({ planbok }) {
    const data = await (await planbok()).apiKeys.list();
    const rows = data.map(({ id, name, role, scopes, cidrs = [], expires = 'never', credentials }) => [
      id,
      escapeText(name),
      role,
      scopesText(scopes),
      cidrs.join(' '),
      expires,
      credentials.map((one) => one.id).join(' '),
    ]);
    const head = ['id', 'name', 'role', 'scopes', 'addresses', 'expires', 'credentials'];
    return { json: { data }, text: table(head, rows) };
  },
};

/** Whoever uses a wallet set has to see it: a client checks addresses before it signs. */
const seeing = (map: ScopeMap): ScopeMap =>
  Object.fromEntries(
    Object.entries(map).map(([walletSet, scopes]) => [walletSet, [...new Set(['view' as const, ...scopes])]]),
  );

const create: Command = {
  name: 'api-keys create',
  summary: 'Make an API key: its credential file is for --credential',
  options: {
    name: { value: 'NAME', help: 'What uses it', required: true },
    role: { value: 'ROLE', help: 'member, or read: a reader whatever its scopes; member if absent' },
    scope: {
      value: 'WSET:SCOPE',
      help: "What it may do with a wallet set, '*:SCOPE' with all others; may be given again",
      required: true,
      multiple: true,
    },
    exact: { help: 'Without view, which is given beside other scopes: an app cannot check addresses then' },
    cidr: { value: 'CIDR', help: 'Addresses that it may be used from; may be given again', multiple: true },
    expires: { value: 'TIME', help: 'Such as 90d or 2030-01-31T00:00:00Z; never if absent' },
    out: outOption,
  },
  details: 'Scopes: view, create_wallet, sign, sign_raw, approve. Nobody gives a scope that they lack.',
  async run(context) {
    const { values } = context;
    const [name, role = 'member'] = [required(context, 'name'), values['role']];
    if (role !== 'member' && role !== 'read') throw new UsageError('--role is member or read');
    const asked = scopeMapOf(context);
    const scopes = values['exact'] === undefined ? seeing(asked) : asked;
    const expires = expiryOf(context, 'expires');
    const cidrs = values['cidr'] === undefined ? undefined : listOf(context, 'cidr');
    const planbok = await context.planbok();
    const { owner } = await context.place();
    const limits = { ...(cidrs && { cidrs }), ...(expires !== undefined && { expires }) };
    const { result, file, keyId } = await withNewKey(context, owner, ({ algorithm, publicKey }) =>
      planbok.apiKeys.create({ name, role, scopes, publicKey: { algorithm, publicKey }, ...limits }),
    );
    const { id } = result;
    const shown = { id, name, role, scopes: scopesText(scopes), credential: keyId, file };
    return {
      json: { ...result, name, role, scopes, ...limits, keyId, file },
      text: statedText(result, shown),
    };
  },
};

const rotate: Command = {
  name: 'api-keys rotate',
  summary: 'Make a new key for an API key; the old one is valid a while longer',
  positionals: ['ID'],
  options: {
    overlap: { value: 'TIME', help: 'How long the old key stays valid, at most 30d; 24h if absent' },
    out: outOption,
  },
  async run(context) {
    const [id = ''] = context.positionals;
    const overlapMs = lifeOf(context, 'overlap') ?? 86_400_000;
    const overlapUntil = new Date(Date.now() + overlapMs).toISOString();
    const planbok = await context.planbok();
    const { owner } = await context.place();
    const { result, file, keyId } = await withNewKey(context, owner, ({ algorithm, publicKey }) =>
      planbok.apiKeys.rotate(id, { algorithm, publicKey }, overlapUntil),
    );
    const shown = { id, credential: keyId, file, 'old key until': overlapUntil };
    return { json: { ...result, id, keyId, file, overlapUntil }, text: statedText(result, shown) };
  },
};

const revoke: Command = {
  name: 'api-keys revoke',
  summary: 'Revoke an API key, at both nodes at once',
  positionals: ['ID'],
  async run({ planbok, positionals: [id = ''] }) {
    const stated = await (await planbok()).apiKeys.revoke(id);
    return { json: { ...stated, id }, text: statedText(stated, { revoked: id }) };
  },
};

export const apiKeysCommands: readonly Command[] = [list, create, rotate, revoke];
