/**
 * A wallet as an account of viem: `walletClient({ account: await viemAccount(planbok, 'wal_…'), … })`.
 *
 * Transactions are never broadcast from here: viem sends them. A repeated request cannot spend twice,
 * because the transaction that is signed has its nonce already.
 * @module
 */
import {
  bytesToHex,
  getTypesForEIP712Domain,
  type Hex,
  type LocalAccount,
  type SerializeTransactionFn,
  type SignableMessage,
  serializeTransaction,
  stringify,
  type TransactionSerializable,
  type TypedDataDefinition,
} from 'viem';
import { toAccount } from 'viem/accounts';
import { chainInfo } from '../shared/chains/chains.ts';
import { PlanbokError } from './errors.ts';
import type { Planbok } from './planbok.ts';
import type { Payload } from './prepare.ts';
import type { SignRequest } from './signatures.ts';

/** As `eth_signTypedData_v4` has it: what viem would hash, with its bigints as decimal strings. */
export function typedDataJson(definition: object): object {
  const { domain = {}, types, primaryType, message } = definition as TypedDataDefinition;
  const EIP712Domain = types?.['EIP712Domain'] ?? getTypesForEIP712Domain({ domain: domain ?? {} });
  const members = EIP712Domain.map(({ name }) => [name, (domain as Record<string, unknown>)[name]]);
  const whole = {
    domain: Object.fromEntries(members),
    types: { ...types, EIP712Domain },
    primaryType,
    message,
  };
  return JSON.parse(stringify(whole)) as object;
}

/**
 * @param wallet id of a wallet on an EVM chain.
 * @param options given to every signature: `confirm`, `preview`.
 * @throws {PlanbokError} also if the wallet is not on an EVM chain
 */
export async function viemAccount(
  planbok: Planbok,
  wallet: string,
  options: Pick<SignRequest, 'confirm' | 'preview'> = {},
): Promise<LocalAccount<'custom'>> {
  const { address, blockchain } = await planbok.wallets.proven(wallet);
  if (chainInfo(blockchain).family !== 'evm')
    throw new PlanbokError('kind_unsupported', `${blockchain} is not an EVM chain`);
  const sign = (payload: Payload) => planbok.signatures.create({ ...options, wallet, payload });
  return toAccount({
    address: address as Hex,
    async signMessage({ message }: { message: SignableMessage }): Promise<Hex> {
      const raw = typeof message === 'string' ? undefined : message.raw;
      const payload: Payload =
        typeof message === 'string'
          ? { kind: 'message', message }
          : { kind: 'message', messageHex: raw instanceof Uint8Array ? bytesToHex(raw) : (raw ?? '0x') };
      return (await sign(payload)).signature as Hex;
    },
    async signTransaction(
      transaction: TransactionSerializable,
      { serializer = serializeTransaction }: { serializer?: SerializeTransactionFn } = {},
    ): Promise<Hex> {
      const unsigned = await serializer(transaction);
      const { signedTransaction } = await sign({ kind: 'transaction', transaction: unsigned });
      if (signedTransaction === undefined)
        throw new PlanbokError('result_invalid', 'no signed transaction came back');
      return signedTransaction as Hex;
    },
    async signTypedData(definition: object): Promise<Hex> {
      const typedData = typedDataJson(definition);
      return (await sign({ kind: 'typed_data', typedData })).signature as Hex;
    },
  } as Parameters<typeof toAccount>[0]) as LocalAccount<'custom'>;
}
