/**
 * Unsigned Ethereum transactions: legacy with EIP-155, EIP-2930, EIP-1559. Decoded by viem and encoded again;
 * only bytes that come out the same are accepted, so there is one reading of them.
 * @module
 */

import { keccak_256 } from '@noble/hashes/sha3.js';
import type { Hex } from 'viem';
import { parseTransaction, type SerializeTransactionFn, serializeTransaction } from 'viem/utils';
import type { Bytes } from '../bytes.ts';
import { fromHex, toHex } from '../bytes.ts';
import type { EcdsaSignature } from './intent.ts';
import { reading, refused, undecodable } from './intent.ts';

/** geth's limit for one transaction. */
const maxBytes = 128 * 1024;

/** What the supported types have in common. Absent members of the serialised form are zero or empty. */
export interface EvmTransaction {
  readonly type: 'legacy' | 'eip2930' | 'eip1559';
  readonly chainId: number;
  readonly nonce: number;
  readonly gas: bigint;
  /** Most that one unit of gas may cost, tip included. */
  readonly gasPriceMost: bigint;
  /** Absent: a contract is created. */
  readonly to: Hex | undefined;
  readonly value: bigint;
  readonly data: Hex;
  /** The unsigned transaction as it came, lower-case. */
  readonly serialized: Hex;
  readonly parsed: Parameters<SerializeTransactionFn>[0];
}

const refusedTypes: Readonly<Record<string, string>> = {
  '03': 'Blob transactions (EIP-4844) are not signed: their sidecars cannot be checked here',
  '04': 'Set-code transactions (EIP-7702) are not signed: they hand the account to a contract',
};

/**
 * @param hex `0x` and the unsigned serialised transaction.
 * @throws {CustodyError} `payload_undecodable`, `payload_refused`
 */
export function parseUnsigned(hex: string): EvmTransaction {
  if (!/^0x(?:[0-9a-fA-F]{2})+$/.test(hex)) throw undecodable('The transaction is not 0x and hex bytes');
  if (hex.length > 2 + 2 * maxBytes) throw undecodable('The transaction is larger than 128 KiB');
  const serialized = hex.toLowerCase() as Hex;
  const first = serialized.slice(2, 4);
  const reason = refusedTypes[first];
  if (reason !== undefined) throw refused(reason);
  if (first !== '01' && first !== '02' && Number.parseInt(first, 16) < 0xc0)
    throw undecodable('Not a legacy, EIP-2930 or EIP-1559 transaction');
  const parsed = reading('The transaction cannot be decoded', () => parseTransaction(serialized));
  if ('r' in parsed && parsed.r !== undefined) throw refused('The transaction is signed already');
  const { type, chainId, nonce = 0, gas = 0n, value = 0n, to, data = '0x' } = parsed;
  if (type !== 'legacy' && type !== 'eip2930' && type !== 'eip1559')
    throw undecodable('Not a legacy, EIP-2930 or EIP-1559 transaction');
  if (chainId === undefined || chainId === 0)
    throw refused('A legacy transaction without a chain id (EIP-155) could be replayed on any chain');
  const transaction = { ...parsed, type } as Parameters<SerializeTransactionFn>[0];
  const again = reading('The transaction cannot be encoded again', () => serializeTransaction(transaction));
  if (again !== serialized) throw undecodable('The transaction is not in its canonical encoding');
  const gasPriceMost = (type === 'eip1559' ? parsed.maxFeePerGas : parsed.gasPrice) ?? 0n;
  if (!Number.isSafeInteger(nonce) || gas >= 1n << 64n || value >= 1n << 256n || gasPriceMost >= 1n << 256n)
    throw undecodable('A number in the transaction is out of range');
  return {
    type,
    chainId,
    nonce,
    gas,
    gasPriceMost,
    to: to ?? undefined,
    value,
    data,
    serialized,
    parsed: transaction,
  };
}

/** The digest to sign: Keccak-256 of the unsigned transaction. */
export const transactionDigest = (transaction: EvmTransaction): Bytes =>
  keccak_256(fromHex(transaction.serialized.slice(2)));

/** The signed serialised transaction. */
export const withSignature = (transaction: EvmTransaction, { r, s, recoveryId }: EcdsaSignature): Hex =>
  serializeTransaction(transaction.parsed, {
    r: `0x${toHex(r)}`,
    s: `0x${toHex(s)}`,
    v: BigInt(27 + recoveryId),
    yParity: recoveryId,
  });

/** Keccak-256 of the signed transaction. */
export const transactionHash = (signed: string): Hex => `0x${toHex(keccak_256(fromHex(signed.slice(2))))}`;
