import type { Command } from '../command.ts';
import { walletText } from '../text.ts';

export const walletsGet: Command = {
  name: 'wallets get',
  summary: 'One wallet',
  positionals: ['ID'],
  async run({ positionals: [id = ''], planbok }) {
    const wallet = await (await planbok()).wallets.get(id);
    return { json: wallet, text: walletText(wallet) };
  },
};
