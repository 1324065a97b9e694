import { escapeText } from '../../shared/chains/display.ts';
import type { Command } from '../command.ts';
import { fields, kindText, table } from '../text.ts';

export const orgShow: Command = {
  name: 'org show',
  summary: 'The organization, and who may act for it',
  async run({ planbok }) {
    const { organizations, registry } = await planbok();
    const { name, created, credentials, id } = await organizations.get();
    // As computed here: what the API says of the head is not needed.
    const { head, seq } = await registry.refresh();
    const organization = { id, name, head, seq, credentials, created };
    const rows = credentials.map((one) => [
      one.id,
      kindText(one),
      one.scopes.join(','),
      escapeText(one.member),
    ]);
    const text = `${fields({ id, name: escapeText(name), 'registry head': head, statements: seq, created })}\n`;
    return { json: organization, text: text + table(['credential', 'kind', 'scopes', 'member'], rows) };
  },
};
