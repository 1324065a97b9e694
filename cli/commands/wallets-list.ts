import { type Command, integerOf } from '../command.ts';
import { collect, limitOption } from '../listing.ts';
import { table, walletHead, walletRow } from '../text.ts';

export const walletsList: Command = {
  name: 'wallets list',
  summary: 'Wallets, newest first',
  options: { 'wallet-set': { value: 'ID', help: 'Only those of this wallet set' }, ...limitOption },
  async run(context) {
    const limit = integerOf(context, 'limit', 1, 100_000);
    const walletSet = context.values['wallet-set'];
    const planbok = await context.planbok();
    const data = await collect(planbok.wallets.list(walletSet === undefined ? {} : { walletSet }), limit);
    return { json: { data }, text: table(walletHead, data.map(walletRow)) };
  },
};
