/**
 * One good payload of every kind and form, with its wallet: the start of mutations.
 * @module
 */

import { PublicKey } from '@near-js/crypto';
import { actionCreators, createTransaction, encodeTransaction } from '@near-js/transactions';
import { base58, base64 } from '@scure/base';
import { Transaction } from '@scure/btc-signer';
import { AccountRole, address } from '@solana/kit';
import { encodeFunctionData, parseAbi, serializeTransaction } from 'viem/utils';
import { concat, toHex, utf8 } from '#shared/bytes.ts';
import { lockOf } from '#shared/chains/bitcoin-script.ts';
import type { SignPayload, WalletKey } from '#shared/chains/payload.ts';
import { programs } from '#shared/chains/solana-instructions.ts';
import { makeCoin } from './bitcoin.ts';
import { type SingleKey, singleKey } from './single-key.ts';
import { buildSolana } from './solana.ts';

export interface Sample {
  readonly name: string;
  readonly payload: SignPayload;
  readonly wallet: WalletKey;
}

const token = '0x6B175474E89094C44Da98b954EedeAC495271d0F';

function evmSamples({ wallet }: SingleKey): readonly Sample[] {
  const { blockchain } = wallet;
  const fees = { gas: 60_000n, maxFeePerGas: 9n, maxPriorityFeePerGas: 1n, chainId: 1, nonce: 1 };
  const data = encodeFunctionData({
    abi: parseAbi(['function approve(address, uint256)']),
    functionName: 'approve',
    args: [token, 5n],
  });
  const transaction = (fields: object) =>
    serializeTransaction({ ...fees, to: token, ...fields } as Parameters<typeof serializeTransaction>[0]);
  const details = [
    { name: 'token', type: 'address' },
    { name: 'amount', type: 'uint160' },
  ];
  const typedData = {
    domain: { name: 'Permit2', chainId: 1, verifyingContract: token },
    primaryType: 'PermitBatch',
    types: {
      PermitBatch: [
        { name: 'details', type: 'PermitDetails[]' },
        { name: 'spender', type: 'address' },
        { name: 'memo', type: 'string' },
        { name: 'salts', type: 'bytes8[2]' },
      ],
      PermitDetails: details,
    },
    message: {
      details: [{ token, amount: '77' }],
      spender: token,
      memo: 'hi',
      salts: ['0x0011223344556677', '0x0011223344556677'],
    },
  };
  return [
    {
      name: 'evm transfer',
      wallet,
      payload: { kind: 'transaction', blockchain, transaction: transaction({ type: 'eip1559', value: 5n }) },
    },
    {
      name: 'evm approve',
      wallet,
      payload: { kind: 'transaction', blockchain, transaction: transaction({ type: 'eip1559', data }) },
    },
    {
      name: 'evm legacy',
      wallet,
      payload: {
        kind: 'transaction',
        blockchain,
        transaction: transaction({
          type: 'legacy',
          gasPrice: 4n,
          maxFeePerGas: undefined,
          maxPriorityFeePerGas: undefined,
        }),
      },
    },
    { name: 'evm message', wallet, payload: { kind: 'message', blockchain, message: 'hello ✓' } },
    { name: 'evm bytes', wallet, payload: { kind: 'message', blockchain, messageHex: '0x00ff17' } },
    { name: 'evm typed data', wallet, payload: { kind: 'typed_data', blockchain, typedData } },
    { name: 'evm digest', wallet, payload: { kind: 'raw_digest', blockchain, digest: 'ab'.repeat(32) } },
  ];
}

function solanaSamples({ wallet }: SingleKey): readonly Sample[] {
  const { blockchain } = wallet;
  const me = address(wallet.address);
  const other = address(base58.encode(new Uint8Array(32).fill(3)));
  const accounts = [
    { address: me, role: AccountRole.WRITABLE_SIGNER },
    { address: other, role: AccountRole.WRITABLE },
  ];
  const transfer = {
    programAddress: address(programs.system),
    accounts,
    data: concat(Uint8Array.of(2, 0, 0, 0, 9), new Uint8Array(7)),
  };
  const approve = {
    programAddress: address(programs.token),
    accounts: [...accounts, ...accounts],
    data: concat(Uint8Array.of(13, 1, 1), new Uint8Array(7)),
  };
  const memo = { programAddress: address(programs.memo), accounts: [], data: utf8('for tea') };
  const offchain = concat(
    Uint8Array.of(0xff),
    utf8('solana offchain'),
    new Uint8Array(33),
    Uint8Array.of(1, 1),
    wallet.publicKey,
    Uint8Array.of(4, 0),
    utf8('h\u00fc!'),
  );
  const wire = (version: 'legacy' | 0) => buildSolana(me, [transfer, approve, memo], other, version);
  return [
    {
      name: 'solana legacy',
      wallet,
      payload: { kind: 'transaction', blockchain, transaction: wire('legacy') },
    },
    { name: 'solana v0', wallet, payload: { kind: 'transaction', blockchain, transaction: wire(0) } },
    { name: 'solana text', wallet, payload: { kind: 'message', blockchain, message: 'sign in' } },
    { name: 'solana message', wallet, payload: { kind: 'message', blockchain, messageHex: toHex(offchain) } },
  ];
}

function bitcoinSample({ wallet }: SingleKey): Sample {
  const { publicKey, addressType = 'p2wpkh', blockchain } = wallet;
  const { script } = lockOf('bcrt', addressType, publicKey);
  const transaction = new Transaction();
  for (const salt of [0, 1]) {
    const { txid, index, previous } = makeCoin(script, 50_000n, salt);
    transaction.addInput({ txid, index, nonWitnessUtxo: previous });
  }
  transaction.addOutput({ script: lockOf('bcrt', 'p2tr', publicKey).script, amount: 90_000n });
  const psbt = base64.encode(transaction.toPSBT(0));
  return { name: `bitcoin ${addressType}`, wallet, payload: { kind: 'psbt', blockchain, psbt } };
}

function nearSamples({ wallet }: SingleKey): readonly Sample[] {
  const { blockchain } = wallet;
  const key = PublicKey.from(`ed25519:${base58.encode(wallet.publicKey)}`);
  const { transfer, functionCall, addKey, fullAccessKey, functionCallAccessKey } = actionCreators;
  const actions = [
    transfer(5n),
    functionCall('ft_transfer', utf8('{"receiver_id":"bob.near","amount":"1"}'), 3n, 1n),
    addKey(key, fullAccessKey()),
    addKey(key, functionCallAccessKey('game.near', ['play'], 5n)),
  ];
  const bytes = encodeTransaction(
    createTransaction('me.near', key, 'shop.near', 7n, actions, new Uint8Array(32)),
  );
  const nep413 = {
    message: 'sign in',
    recipient: 'shop.near',
    nonce: base64.encode(new Uint8Array(32)),
    callbackUrl: 'https://a',
  };
  return [
    {
      name: 'near transaction',
      wallet,
      payload: { kind: 'transaction', blockchain, transaction: base64.encode(bytes) },
    },
    { name: 'near message', wallet, payload: { kind: 'message', blockchain, nep413 } },
  ];
}

export const samples: readonly Sample[] = [
  ...evmSamples(singleKey('ETH')),
  ...solanaSamples(singleKey('SOL')),
  bitcoinSample(singleKey('BTC-REGTEST', undefined, 'p2wpkh')),
  bitcoinSample(singleKey('BTC-REGTEST', undefined, 'p2tr')),
  ...nearSamples(singleKey('NEAR')),
];
