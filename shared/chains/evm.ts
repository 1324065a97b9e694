/**
 * Ethereum and its kin: messages (EIP-191), typed data (EIP-712), transactions, raw digests.
 * @module
 */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { parseTransaction } from 'viem/utils';
import type { Bytes } from '../bytes.ts';
import { concat, fromHex, toHex, utf8 } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import { type ChainInfo, chainInfo, nativeAsset } from './chains.ts';
import { escapeText, formatUnits, quoteText } from './display.ts';
import { ecdsaVerifies, oneEcdsa, parseRsv, rsvHex } from './ecdsa-signature.ts';
import { checksummed, evmAddress } from './evm-address.ts';
import { callEffects } from './evm-calls.ts';
import { permitEffects } from './evm-permits.ts';
import {
  type EvmTransaction,
  parseUnsigned,
  transactionDigest,
  transactionHash,
  withSignature,
} from './evm-transaction.ts';
import { parseTypedData, type TypedValue } from './evm-typed-data.ts';
import type { ChainFamily, Effect, Reading, Signature, Signed, SignPayload, WalletKey } from './intent.ts';
import { dataHash, undecodable } from './intent.ts';
import { readDigest } from './raw-digest.ts';
import { summarise } from './summary.ts';

const chainIdOf = (chain: ChainInfo): bigint => BigInt(chain.caip2.slice('eip155:'.length));

function mismatch(chain: ChainInfo, chainId: bigint): CustodyError {
  return new CustodyError(
    'chain_id_mismatch',
    `The payload is for chain ${chainId}, the wallet for ${chain.caip2}`,
  );
}

const ecdsa = (wallet: WalletKey, digest: Bytes): Reading['toSign'] => [
  { path: wallet.path, algorithm: 'ecdsa', bytes: digest },
];

/** EIP-191, version 0x45: the prefix keeps any text, whatever it holds, apart from every transaction. */
function readMessage(payload: SignPayload, wallet: WalletKey, chain: ChainInfo): Reading {
  const { kind, blockchain, message, messageHex } = payload;
  let bytes: Bytes;
  if (message !== undefined) bytes = utf8(message);
  else {
    if (!/^(?:0x)?(?:[0-9a-fA-F]{2})*$/.test(messageHex ?? '')) throw undecodable('messageHex is not hex');
    bytes = fromHex((messageHex ?? '').replace(/^0x/, ''));
  }
  const digest = keccak_256(concat(utf8(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes));
  const shown = message === undefined ? `0x${toHex(bytes)}` : escapeText(message);
  const said = message === undefined ? `${bytes.length} bytes` : quoteText(message);
  return {
    intent: {
      kind,
      blockchain,
      summary: `Sign the message ${said} on ${chain.name}`,
      effects: [
        { type: 'message', details: { standard: 'EIP-191', text: shown, dataHash: dataHash(bytes) } },
      ],
    },
    toSign: ecdsa(wallet, digest),
  };
}

/** The values as escaped text, structs and arrays as JSON. */
function showTyped(value: TypedValue): string {
  const plain = JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? v.toString() : v));
  return escapeText(typeof value === 'string' ? value : plain);
}

function readTypedData(payload: SignPayload, wallet: WalletKey, chain: ChainInfo): Reading {
  const { kind, blockchain } = payload;
  const data = parseTypedData(payload.typedData);
  const chainId = data.domain['chainId'];
  if (typeof chainId === 'bigint' && chainId !== chainIdOf(chain)) throw mismatch(chain, chainId);
  const effects: Effect[] = [...permitEffects(chain, wallet.address, data)];
  const domain = Object.entries(data.domain).map(([name, value]) => [`domain.${name}`, showTyped(value)]);
  const members = Object.entries(data.message).map(([name, value]) => [`message.${name}`, showTyped(value)]);
  effects.push({
    type: 'typed_data',
    details: { primaryType: escapeText(data.primaryType), ...Object.fromEntries([...domain, ...members]) },
  });
  if (chainId === undefined)
    effects.push({
      type: 'warning',
      details: { reason: 'The typed data names no chain: it may count on any chain' },
    });
  const spends = effects.find(({ type }) => type === 'permit' || type === 'transfer');
  const name = typeof data.domain['name'] === 'string' ? ` of ${quoteText(data.domain['name'], 60)}` : '';
  const what = `${quoteText(data.primaryType, 60)}${name} on ${chain.name}`;
  const summary =
    spends === undefined
      ? `Sign the typed data ${what}`
      : `Let ${spends.amount ?? ''} of ${spends.asset ?? ''} be taken by ${spends.to ?? ''}: sign ${what}`;
  return { intent: { kind, blockchain, summary, effects }, toSign: ecdsa(wallet, data.digest) };
}

function transactionEffects(chain: ChainInfo, wallet: WalletKey, transaction: EvmTransaction): Effect[] {
  const { to, value, data, gas, gasPriceMost } = transaction;
  const effects: Effect[] = [];
  const from = wallet.address;
  if (to === undefined)
    effects.push({
      type: 'deploy',
      from,
      asset: nativeAsset(chain),
      amount: value.toString(),
      details: { dataHash: dataHash(fromHex(data.slice(2))), dataBytes: String((data.length - 2) / 2) },
    });
  else {
    if (value > 0n || data === '0x')
      effects.push({
        type: 'transfer',
        from,
        to: checksummed(to.slice(2)),
        asset: nativeAsset(chain),
        amount: value.toString(),
      });
    if (data !== '0x') effects.push(...callEffects(chain, from, to, data));
  }
  effects.push({
    type: 'fee',
    from,
    asset: nativeAsset(chain),
    amount: (gas * gasPriceMost).toString(),
    details: {
      bound: chain.dataFee === true ? 'most, without the data fee of the rollup' : 'most',
      gas: gas.toString(),
      gasPriceMost: gasPriceMost.toString(),
      nonce: String(transaction.nonce),
      type: transaction.type,
    },
  });
  return effects;
}

function describe(chain: ChainInfo, effect: Effect): string {
  const { type, to = 'nobody', amount = '0', asset = '' } = effect;
  if (type === 'transfer' && asset === nativeAsset(chain))
    return `Send ${formatUnits(BigInt(amount), chain.decimals)} ${chain.unit} to ${to}`;
  if (type === 'transfer') return `Transfer ${amount} of ${asset} from ${effect.from ?? 'nobody'} to ${to}`;
  if (type === 'approve') return `Let ${to} spend ${amount} of ${asset}`;
  if (type === 'deploy') return 'Create a contract';
  return `Call ${effect.details?.['selector'] ?? ''} of ${to}`;
}

function readTransaction(payload: SignPayload, wallet: WalletKey, chain: ChainInfo): Reading {
  const { kind, blockchain } = payload;
  const transaction = parseUnsigned(payload.transaction ?? '');
  if (BigInt(transaction.chainId) !== chainIdOf(chain)) throw mismatch(chain, BigInt(transaction.chainId));
  const effects = transactionEffects(chain, wallet, transaction);
  const acts = summarise(effects, (effect) => describe(chain, effect));
  const fee = formatUnits(transaction.gas * transaction.gasPriceMost, chain.decimals);
  const summary = `${acts} on ${chain.name}, for a fee of at most ${fee} ${chain.unit}${chain.dataFee === true ? ' and the data fee of the rollup' : ''}`;
  return {
    intent: { kind, blockchain, summary, effects },
    toSign: ecdsa(wallet, transactionDigest(transaction)),
  };
}

function assemble(
  payload: SignPayload,
  wallet: WalletKey,
  decoded: Reading,
  signatures: readonly Signature[],
): Signed {
  const signature = oneEcdsa(signatures, decoded.toSign[0]?.bytes ?? new Uint8Array(), wallet.publicKey);
  if (payload.kind !== 'transaction') return { signature: rsvHex(signature) };
  const signedTransaction = withSignature(parseUnsigned(payload.transaction ?? ''), signature);
  return {
    signature: rsvHex(signature),
    signedTransaction,
    transactionId: transactionHash(signedTransaction),
  };
}

/** The signed transaction is read by itself: who sent it, and is it the one that was asked for? */
function verifyTransaction(payload: SignPayload, wallet: WalletKey, result: Signed): boolean {
  const { signedTransaction, transactionId, signature } = result;
  if (signedTransaction === undefined || transactionId !== transactionHash(signedTransaction)) return false;
  const unsigned = parseUnsigned(payload.transaction ?? '');
  const { r, s, v, yParity, ...rest } = parseTransaction(signedTransaction as `0x${string}`);
  if (r === undefined || s === undefined) return false;
  const recoveryId = yParity ?? Number(((v ?? 0n) + 1n) % 2n);
  const bytes = (hex: string): Bytes => fromHex(hex.slice(2).padStart(64, '0'));
  const found = { r: bytes(r), s: bytes(s), recoveryId };
  if (rsvHex(found) !== signature || withSignature(unsigned, found) !== signedTransaction) return false;
  const sender = secp256k1.Signature.fromBytes(concat(found.r, found.s), 'compact')
    .addRecoveryBit(recoveryId)
    .recoverPublicKey(transactionDigest(unsigned))
    .toBytes(true);
  return rest.chainId === unsigned.chainId && evmAddress(sender) === wallet.address;
}

function verify(payload: SignPayload, wallet: WalletKey, decoded: Reading, result: Signed): boolean {
  const digest = decoded.toSign[0]?.bytes;
  const signature = parseRsv(result.signature);
  if (digest === undefined || signature === undefined) return false;
  if (!ecdsaVerifies(signature, digest, wallet.publicKey)) return false;
  return payload.kind !== 'transaction' || verifyTransaction(payload, wallet, result);
}

export const evm: ChainFamily = {
  decode(payload, wallet) {
    const chain = chainInfo(payload.blockchain);
    switch (payload.kind) {
      case 'message':
        return readMessage(payload, wallet, chain);
      case 'typed_data':
        return readTypedData(payload, wallet, chain);
      case 'transaction':
        return readTransaction(payload, wallet, chain);
      case 'raw_digest':
        return readDigest(payload, wallet);
      case 'psbt':
        throw new CustodyError('kind_unsupported', 'A PSBT is signed by Bitcoin wallets only');
    }
  },
  assemble,
  verify,
};
