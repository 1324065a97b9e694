import type { Command } from '../command.ts';
import { walletSetText } from '../text.ts';

export const walletSetsGet: Command = {
  name: 'wallet-sets get',
  summary: 'One wallet set',
  positionals: ['ID'],
  async run({ positionals: [id = ''], planbok }) {
    const set = await (await planbok()).walletSets.get(id);
    return { json: set, text: walletSetText(set) };
  },
};
