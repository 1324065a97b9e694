import { type Command, integerOf } from '../command.ts';
import { collect, limitOption } from '../listing.ts';
import { table } from '../text.ts';

export const signaturesList: Command = {
  name: 'signatures list',
  summary: 'Signatures, newest first',
  options: { wallet: { value: 'ID', help: 'Only those of this wallet' }, ...limitOption },
  async run(context) {
    const limit = integerOf(context, 'limit', 1, 100_000);
    const { wallet } = context.values;
    const planbok = await context.planbok();
    const data = await collect(planbok.signatures.list(wallet === undefined ? {} : { wallet }), limit);
    const rows = data.map((one) => [one.id, one.state, one.blockchain, one.kind, one.intent.summary]);
    return { json: { data }, text: table(['id', 'state', 'blockchain', 'kind', 'what'], rows) };
  },
};
