import type { Command } from '../command.ts';
import { signatureText } from '../text.ts';

export const signaturesGet: Command = {
  name: 'signatures get',
  summary: 'One signature',
  positionals: ['ID'],
  async run({ positionals: [id = ''], planbok }) {
    const signature = await (await planbok()).signatures.get(id);
    return { json: signature, text: signatureText(signature) };
  },
};
