import { readPublic } from '../../client/planbok.ts';
import type { Command } from '../command.ts';
import { fields } from '../text.ts';

export const health: Command = {
  name: 'health',
  summary: 'Does the API answer',
  async run({ running, io }) {
    const { api } = await running();
    const answer = await readPublic({ url: api, fetch: io.fetch, sleep: io.sleep }, 'getHealth');
    return { json: { api, ...answer }, text: fields({ api, ...answer }) };
  },
};
