import type { Curve } from '../../shared/chains/chains.ts';
import { type Command, idempotencyOption, listOf, required, UsageError } from '../command.ts';
import { walletSetText } from '../text.ts';

const curves: readonly string[] = ['secp256k1', 'ed25519'];

export const walletSetsCreate: Command = {
  name: 'wallet-sets create',
  summary: 'Make the keys of a wallet set: both nodes generate them together',
  options: {
    name: { value: 'NAME', help: 'What people call it', required: true },
    custody: { value: 'MODEL', help: 'standard, the only one yet' },
    'key-types': { value: 'TYPES', help: 'secp256k1 (EVM, Bitcoin), ed25519 (Solana, NEAR); both if absent' },
    ...idempotencyOption,
  },
  async run(context) {
    const { values } = context;
    const keyTypes = values['key-types'] === undefined ? curves : listOf(context, 'key-types');
    const unknown = keyTypes.find((type) => !curves.includes(type));
    if (unknown !== undefined) throw new UsageError(`no such key type: ${unknown}`);
    const idempotencyKey = values['idempotency-key'];
    const name = required(context, 'name');
    const planbok = await context.planbok();
    const made = await planbok.walletSets.create({
      name,
      // Another model is for the nodes' rules to refuse, with their own code.
      custody: (values['custody'] ?? 'standard') as 'standard',
      keyTypes: keyTypes as readonly Curve[],
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    });
    return { json: made, text: walletSetText(made) };
  },
};
