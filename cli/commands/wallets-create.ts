import type { AddressType, Blockchain } from '../../shared/chains/chains.ts';
import { type Command, idempotencyOption, integerOf, listOf, required, UsageError } from '../command.ts';
import { table, walletHead, walletRow } from '../text.ts';

export const walletsCreate: Command = {
  name: 'wallets create',
  summary: 'Derive wallets of a wallet set, and check the address of each against both nodes',
  options: {
    'wallet-set': { value: 'ID', help: 'Whose keys they are derived from', required: true },
    blockchains: { value: 'NAMES', help: 'Such as ETH,BTC,SOL,NEAR; see planbok chains', required: true },
    'address-type': { value: 'TYPE', help: 'Of Bitcoin wallets: p2wpkh or p2tr; p2wpkh if absent' },
    count: { value: 'N', help: 'Wallets per blockchain, 1 to 50; 1 if absent' },
    name: { value: 'NAME', help: 'What people call them' },
    'ref-id': { value: 'ID', help: 'Your own id for them' },
    ...idempotencyOption,
  },
  async run(context) {
    const { values } = context;
    const walletSet = required(context, 'wallet-set');
    // Whether such a blockchain exists is for the rules of the operation to say, with their own code.
    const blockchains = listOf(context, 'blockchains').map((name) => name.toUpperCase() as Blockchain);
    const addressType = values['address-type'];
    if (addressType !== undefined && addressType !== 'p2wpkh' && addressType !== 'p2tr')
      throw new UsageError('--address-type is p2wpkh or p2tr');
    const optional = {
      addressType: addressType as AddressType | undefined,
      count: integerOf(context, 'count', 1, 50),
      name: values['name'],
      refId: values['ref-id'],
      idempotencyKey: values['idempotency-key'],
    };
    const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
    const planbok = await context.planbok();
    const made = await planbok.wallets.create({ walletSet, blockchains, ...given });
    return { json: made, text: table(walletHead, made.data.map(walletRow)) };
  },
};
