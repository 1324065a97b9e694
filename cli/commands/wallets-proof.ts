import type { Command } from '../command.ts';

export const walletsProof: Command = {
  name: 'wallets proof',
  summary: "Both nodes' signed word for the address of a wallet, to keep and to check later",
  positionals: ['ID'],
  details: 'Check it with `planbok wallets verify-address ID --file F`, without any network.',
  async run({ positionals: [id = ''], planbok }) {
    const proof = await (await planbok()).wallets.addressProof(id);
    return { json: proof, text: `${JSON.stringify(proof, null, 2)}\n` };
  },
};
