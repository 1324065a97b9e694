/**
 * Bearer tokens: for dashboards and scripts that read and sign nothing.
 * @module
 */
import type { ReaderFile } from '../../client/owner.ts';
import { escapeText } from '../../shared/chains/display.ts';
import { type Command, idempotencyOption, integerOf, listOf, required, UsageError } from '../command.ts';
import { collect, limitOption } from '../listing.ts';
import { expiryOf } from '../registry-options.ts';
import { fields, table } from '../text.ts';

const secret = 'Whoever has the token reads with it. It is shown once; only a keyed hash of it is kept.';

const create: Command = {
  name: 'tokens create',
  summary: 'Make a bearer token, which reads and does nothing else',
  options: {
    name: { value: 'NAME', help: 'What uses it', required: true },
    'wallet-set': {
      value: 'WSET',
      help: 'Shows this wallet set; may be given again; all of them if absent',
      multiple: true,
    },
    cidr: { value: 'CIDR', help: 'Addresses that it may be used from; may be given again', multiple: true },
    expires: { value: 'TIME', help: 'Such as 90d or 2030-01-31T00:00:00Z, at most a year', required: true },
    out: {
      value: 'FILE',
      help: 'Put it there, mode 0600, with what is pinned: a file for --credential; printed if absent',
    },
    ...idempotencyOption,
  },
  details: `For Owners and Admins. It shows at most what the member who made it may see. ${secret}`,
  async run(context) {
    const { io, values } = context;
    const name = required(context, 'name');
    const expires = expiryOf(context, 'expires') ?? '';
    const key = values['idempotency-key'];
    const { out } = values;
    if (out !== undefined && (await io.modeOf(out)) !== undefined)
      throw new UsageError(`${out} is there already`);
    const { tokens, organization } = await context.planbok();
    const made = await tokens.create({
      name,
      expires,
      ...(values['wallet-set'] !== undefined && { walletSets: listOf(context, 'wallet-set') }),
      ...(values['cidr'] !== undefined && { cidrs: listOf(context, 'cidr') }),
      ...(key !== undefined && { idempotencyKey: key }),
    });
    const shown = {
      id: made.id,
      name: escapeText(made.name),
      shows: made.walletSets.join(' '),
      expires: made.expires,
    };
    if (out === undefined) return { json: made, text: `${fields(shown)}${made.token}\n` };
    const { token, ...rest } = made;
    const { identities } = (await context.place()).owner;
    const file: ReaderFile = { version: 1, organization, token, identities };
    try {
      await io.createSecret(out, `${JSON.stringify(file, null, 2)}\n`);
    } catch (cause) {
      // Nobody would ever see it.
      await tokens.revoke(made.id);
      throw new UsageError(`${out} cannot be made; the token is revoked again`, { cause });
    }
    return { json: { ...rest, file: out }, text: fields({ ...shown, file: out }) };
  },
};

const list: Command = {
  name: 'tokens list',
  summary: 'Bearer tokens, newest first, without what makes them work',
  options: limitOption,
  async run(context) {
    const limit = integerOf(context, 'limit', 1, 100_000);
    const data = await collect((await context.planbok()).tokens.list(), limit);
    const rows = data.map(
      ({ id, name, walletSets, cidrs = [], expires, lastUsed = 'never', revoked = '' }) => [
        id,
        escapeText(name),
        walletSets.join(' '),
        cidrs.join(' '),
        expires,
        lastUsed,
        revoked,
      ],
    );
    const head = ['id', 'name', 'shows', 'addresses', 'expires', 'last used', 'revoked'];
    return { json: { data }, text: table(head, rows) };
  },
};

const revoke: Command = {
  name: 'tokens revoke',
  summary: 'Revoke a bearer token: the next request with it is refused',
  positionals: ['ID'],
  async run({ planbok, positionals: [id = ''] }) {
    const token = await (await planbok()).tokens.revoke(id);
    return { json: token, text: fields({ id: token.id, revoked: token.revoked }) };
  },
};

export const tokensCommands: readonly Command[] = [create, list, revoke];
