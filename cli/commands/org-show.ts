import { escapeText } from '../../shared/chains/display.ts';
import type { Command } from '../command.ts';
import { fields, table } from '../text.ts';

export const orgShow: Command = {
  name: 'org show',
  summary: 'The organization, and who may act for it',
  async run({ planbok }) {
    const organization = await (await planbok()).organizations.get();
    const { id, name, head, created, credentials } = organization;
    const rows = credentials.map((one) => [
      one.id,
      one.algorithm,
      one.scopes.join(','),
      escapeText(one.member),
    ]);
    const text = `${fields({ id, name: escapeText(name), 'registry head': head, created })}\n`;
    return { json: organization, text: text + table(['credential', 'algorithm', 'scopes', 'member'], rows) };
  },
};
