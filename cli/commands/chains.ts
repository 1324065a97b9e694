import { readPublic } from '../../client/planbok.ts';
import type { Command } from '../command.ts';
import { table } from '../text.ts';

export const chains: Command = {
  name: 'chains',
  summary: 'Blockchains, and what can be signed for them',
  async run({ running, io }) {
    const { api } = await running();
    const answer = await readPublic({ url: api, fetch: io.fetch, sleep: io.sleep }, 'listChains');
    const rows = answer.data.map((one) => [
      one.blockchain,
      one.caip2,
      one.keyType,
      one.kinds.join(','),
      one.name,
    ]);
    return { json: answer, text: table(['blockchain', 'CAIP-2', 'key type', 'kinds', 'name'], rows) };
  },
};
