/**
 * What is to be signed, from text on the command line or from a file.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { base64 } from '@scure/base';
import { parseUnits, type SerializeTransactionFn, serializeTransaction } from 'viem/utils';
import type { Payload } from '../client/prepare.ts';
import { fromHex, toHex, utf8 } from '../shared/bytes.ts';
import { type Blockchain, chainInfo } from '../shared/chains/chains.ts';
import type { Nep413, SignKind } from '../shared/chains/intent.ts';
import { type Json, parseJson } from '../shared/wire/json.ts';
import { UsageError } from './command.ts';

export interface Source {
  readonly message?: string | undefined;
  readonly file?: Uint8Array | undefined;
  /** NEAR messages (NEP-413): whom it is for; a nonce is made. */
  readonly recipient?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** The formats, as the help shows them. */
export const formats = `
What --file may hold ("-" is standard input):
  message      the text itself; bytes that are not UTF-8 are signed as bytes (EVM)
               NEAR: JSON {"message", "recipient", "nonce": base64 of 32 bytes, "callbackUrl"?}
  typed_data   JSON {"domain", "types", "primaryType", "message"}, as for eth_signTypedData_v4
  transaction  EVM: the unsigned transaction as 0x hex, or JSON {"to", "value", "data", "nonce", "gas",
               "maxFeePerGas", "maxPriorityFeePerGas"} (or "gasPrice"); numbers in wei, as decimal strings
               Solana: the wire format, base64 or binary, the wallet's signature all zero
               NEAR: the borsh serialisation, base64 or binary
  psbt         BIP-174: base64, hex or binary
  raw_digest   32 bytes: hex or binary
`;

const printable = new TextDecoder('utf-8', { fatal: true });
const textOf = (file: Uint8Array): string | undefined => {
  try {
    return printable.decode(file);
  } catch {
    return undefined;
  }
};
const json = (file: Uint8Array): Json => parseJson(file, 1_048_576);
const isBase64 = (text: string): boolean => /^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text);

/** Binary as base64; text that is base64 already, without its white space. */
function base64Of(file: Uint8Array): string {
  const text = textOf(file);
  return text !== undefined && isBase64(text) ? text.replace(/\s+/g, '') : base64.encode(file);
}

function hexOf(file: Uint8Array): string {
  const text = textOf(file)?.trim();
  return text !== undefined && /^(?:0x)?[0-9a-fA-F]+$/.test(text) ? text : toHex(file);
}

/** @throws {UsageError} if there is not exactly one source, or it cannot be of this kind */
export function payloadOf(kind: SignKind, blockchain: Blockchain, source: Source): Payload {
  const { message, file, recipient } = source;
  if ((message === undefined) === (file === undefined))
    throw new UsageError('give either --message TEXT or --file F');
  const { family } = chainInfo(blockchain);
  if (message !== undefined && kind !== 'message')
    throw new UsageError(`--message is for messages; a ${kind} needs --file`);
  const bytes = file ?? new Uint8Array();
  switch (kind) {
    case 'message': {
      if (family === 'near') return { kind, nep413: nep413Of(source, bytes) };
      if (recipient !== undefined) throw new UsageError('--recipient is for messages on NEAR');
      const text = message ?? textOf(bytes);
      return text === undefined ? { kind, messageHex: `0x${toHex(bytes)}` } : { kind, message: text };
    }
    case 'typed_data': {
      const typedData = json(bytes);
      if (typeof typedData !== 'object' || typedData === null)
        throw new UsageError('typed data is a JSON object');
      return { kind, typedData };
    }
    case 'transaction':
      if (family !== 'evm') return { kind, transaction: base64Of(bytes) };
      return { kind, transaction: evmTransactionOf(bytes, blockchain) };
    case 'psbt': {
      const text = textOf(bytes)?.trim() ?? '';
      const hex = /^70736274ff(?:[0-9a-f]{2})+$/i.test(text);
      return { kind, psbt: hex ? base64.encode(fromHex(text)) : base64Of(bytes) };
    }
    case 'raw_digest':
      return { kind, digest: hexOf(bytes) };
  }
}

function nep413Of({ message, recipient, idempotencyKey }: Source, file: Uint8Array): Nep413 {
  if (message === undefined) return json(file) as unknown as Nep413;
  if (recipient === undefined) throw new UsageError('a message on NEAR needs --recipient');
  // The nonce is part of what is signed: a repeated call must come to the same one.
  const nonce =
    idempotencyKey === undefined
      ? crypto.getRandomValues(new Uint8Array(32))
      : sha256(utf8(`planbok/nep413-nonce/v1:${idempotencyKey}`));
  return { message, recipient, nonce: base64.encode(nonce) };
}

const quantities = ['value', 'gas', 'gasPrice', 'maxFeePerGas', 'maxPriorityFeePerGas'] as const;
const members = new Set<string>(['to', 'data', 'nonce', 'chainId', 'accessList', 'type', ...quantities]);

function quantity(name: string, value: Json): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === 'string' && /^(?:0|[1-9][0-9]*|0x[0-9a-fA-F]+)$/.test(value)) return BigInt(value);
  // A decimal point would be somebody's ether: 1 ether is 1000000000000000000.
  throw new UsageError(`${name} is a whole number of wei, such as "${parseUnits('1', 18)}"`);
}

/** Unsigned, 0x hex. A JSON request is serialised here; nodes and client decode it again and show it. */
function evmTransactionOf(file: Uint8Array, blockchain: Blockchain): string {
  const text = textOf(file)?.trim() ?? '';
  if (!text.startsWith('{')) return text.startsWith('0x') ? text : `0x${hexOf(file)}`;
  const request = json(file) as Readonly<Record<string, Json>>;
  const unknown = Object.keys(request).filter((name) => !members.has(name));
  if (unknown.length > 0) throw new UsageError(`the transaction has unknown members: ${unknown.join(', ')}`);
  for (const name of ['nonce', 'gas'])
    if (request[name] === undefined) throw new UsageError(`the transaction has no ${name}`);
  if (request['gasPrice'] === undefined && request['maxFeePerGas'] === undefined)
    throw new UsageError('the transaction has neither maxFeePerGas nor gasPrice');
  const amounts = quantities.flatMap((name) =>
    request[name] === undefined ? [] : [[name, quantity(name, request[name])] as const],
  );
  const own = Number(chainInfo(blockchain).caip2.slice('eip155:'.length));
  const chainId = request['chainId'] === undefined ? own : Number(quantity('chainId', request['chainId']));
  const { to, data, accessList, type } = request;
  const transaction = {
    ...Object.fromEntries(amounts),
    chainId,
    nonce: Number(quantity('nonce', request['nonce'] ?? 0)),
    ...(to === undefined ? {} : { to }),
    ...(data === undefined ? {} : { data }),
    ...(accessList === undefined ? {} : { accessList }),
    ...(type === undefined ? {} : { type }),
  };
  try {
    return serializeTransaction(transaction as Parameters<SerializeTransactionFn>[0]);
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : '';
    throw new UsageError(`the transaction cannot be serialised: ${why}`, { cause });
  }
}
