import type { WalletSet } from '../../client/wallet-sets.ts';
import { escapeText } from '../../shared/chains/display.ts';
import { type Command, integerOf } from '../command.ts';
import { collect, limitOption } from '../listing.ts';
import { table } from '../text.ts';

export const walletSetsList: Command = {
  name: 'wallet-sets list',
  summary: 'Wallet sets, newest first',
  options: limitOption,
  async run(context) {
    const limit = integerOf(context, 'limit', 1, 100_000);
    const planbok = await context.planbok();
    const data = await collect<WalletSet>(planbok.walletSets.list(), limit);
    const rows = data.map((set) => [set.id, set.state, set.keyTypes.join(','), escapeText(set.name)]);
    return { json: { data }, text: table(['id', 'state', 'key types', 'name'], rows) };
  },
};
