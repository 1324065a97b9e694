/**
 * Off-chain messages of Solana, version 0: `\xff` `solana offchain`, version, application domain, format,
 * signers, length, text. The first byte keeps them apart from every transaction.
 *
 * Source: Solana Off-Chain Message Signing proposal (Anza), the codec of @solana/kit.
 * @module
 */
import {
  address,
  getOffchainMessageV0Decoder,
  getOffchainMessageV0Encoder,
  OffchainMessageContentFormat,
  offchainMessageApplicationDomain,
  offchainMessageContentRestrictedAsciiOf1232BytesMax,
  offchainMessageContentUtf8Of1232BytesMax,
  offchainMessageContentUtf8Of65535BytesMax,
} from '@solana/kit';
import type { Bytes } from '../bytes.ts';
import { concat, equalBytes, fromHex, utf8 } from '../bytes.ts';
import { escapeText, quoteText } from './display.ts';
import type { SignPayload } from './intent.ts';
import { reading, refused, undecodable } from './intent.ts';
import { isTransaction } from './solana-transaction.ts';

const signingDomain = concat(Uint8Array.of(0xff), utf8('solana offchain'));
/** "Not bound to an application". */
const noApplication = offchainMessageApplicationDomain('11111111111111111111111111111111');

/** Preamble with one signer: 16 + 1 + 32 + 1 + 1 + 32 + 2. */
const preambleBytes = 85;
const packetBytes = 1232;

interface OffchainMessage {
  /** What is signed: the whole serialised message. */
  readonly bytes: Bytes;
  /** Escaped. */
  readonly text: string;
  readonly summary: string;
  readonly details: Readonly<Record<string, string>>;
}

function content(text: string) {
  const length = utf8(text).length;
  if (length + preambleBytes > packetBytes) return offchainMessageContentUtf8Of65535BytesMax(text);
  if (/^[\x20-\x7e]+$/.test(text)) return offchainMessageContentRestrictedAsciiOf1232BytesMax(text);
  return offchainMessageContentUtf8Of1232BytesMax(text);
}

/** The message that `text` makes for one signer and no application. */
function build(text: string, signer: string): Bytes {
  return reading('The text cannot be an off-chain message (1 to 65,450 bytes)', () =>
    Uint8Array.from(
      getOffchainMessageV0Encoder().encode({
        version: 0,
        applicationDomain: noApplication,
        requiredSignatories: [{ address: address(signer) }],
        content: content(text),
      } as Parameters<ReturnType<typeof getOffchainMessageV0Encoder>['encode']>[0]),
    ),
  );
}

/** @throws {CustodyError} `payload_undecodable`, `payload_refused` */
export function readOffchainMessage(payload: SignPayload, wallet: string): OffchainMessage {
  let bytes: Bytes;
  if (payload.message !== undefined) bytes = build(payload.message, wallet);
  else {
    if (!/^(?:0x)?(?:[0-9a-fA-F]{2})+$/.test(payload.messageHex ?? ''))
      throw undecodable('messageHex is not hex');
    bytes = fromHex((payload.messageHex ?? '').replace(/^0x/, ''));
  }
  if (isTransaction(bytes))
    throw refused('These bytes are a transaction: it is signed as a transaction, never as a message');
  if (!equalBytes(bytes.slice(0, 16), signingDomain))
    throw undecodable('Only messages in the off-chain format are signed');
  const [message, again] = reading('The off-chain message cannot be decoded', () => {
    const value = getOffchainMessageV0Decoder().decode(bytes);
    return [value, getOffchainMessageV0Encoder().encode(value)] as const;
  });
  if (!equalBytes(Uint8Array.from(again), bytes))
    throw undecodable('The off-chain message is not in its canonical encoding');
  const signers: readonly string[] = message.requiredSignatories.map((signer) => signer.address);
  if (!signers.includes(wallet)) throw refused('The wallet is not among the signers of this message');
  const { applicationDomain } = message;
  const { format, text } = message.content;
  return {
    bytes,
    text: escapeText(text),
    summary: quoteText(text),
    details: {
      format: format === OffchainMessageContentFormat.RESTRICTED_ASCII_1232_BYTES_MAX ? 'ascii' : 'utf8',
      ...(applicationDomain === noApplication ? {} : { applicationDomain }),
      ...(signers.length > 1 ? { signers: signers.join(' ') } : {}),
    },
  };
}
