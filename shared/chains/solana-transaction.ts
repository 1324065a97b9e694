/**
 * Solana wire transactions, legacy and version 0: the frame of signatures, and the message read by the
 * libraries of @solana/kit and encoded again; only bytes that come out the same are accepted.
 * @module
 */
import { base58, base64 } from '@scure/base';
import { getCompiledTransactionMessageDecoder, getCompiledTransactionMessageEncoder } from '@solana/kit';
import type { Bytes } from '../bytes.ts';
import { concat, equalBytes } from '../bytes.ts';
import { verifyEd25519 } from './ed25519-signature.ts';
import { reading, refused, undecodable } from './intent.ts';
import type { Instruction } from './solana-instructions.ts';

/** A packet of the network; a larger transaction is never forwarded. */
const maxBytes = 1232;

interface SolanaMessage {
  readonly version: 'legacy' | 0;
  /** Addresses of those who must sign, the fee payer first. */
  readonly signers: readonly string[];
  readonly instructions: readonly Instruction[];
  /** Recent blockhash or durable nonce, base58. */
  readonly lifetime: string;
}

interface SolanaTransaction extends SolanaMessage {
  readonly message: Bytes;
  /** 64 bytes each, in the order of `signers`; zero where not signed yet. */
  readonly signatures: readonly Bytes[];
}

export const isZero = (b: Bytes): boolean => b.every((x) => x === 0);

/** @throws {CustodyError} `payload_undecodable`, `payload_refused` (a version that is not supported) */
function parseMessage(bytes: Bytes): SolanaMessage {
  const first = bytes[0] ?? 0;
  if (first >= 0x80 && first !== 0x80)
    throw refused('Only legacy and version 0 transactions are signed on Solana');
  const [decoded, again] = reading('The transaction message cannot be decoded', () => {
    const value = getCompiledTransactionMessageDecoder().decode(bytes);
    return [value, getCompiledTransactionMessageEncoder().encode(value)] as const;
  });
  if (!equalBytes(Uint8Array.from(again), bytes))
    throw undecodable('The transaction message is not in its canonical encoding');
  if (decoded.version !== 'legacy' && decoded.version !== 0)
    throw refused('Only legacy and version 0 transactions are signed on Solana');
  const { header, staticAccounts } = decoded;
  const { numSignerAccounts, numReadonlySignerAccounts, numReadonlyNonSignerAccounts } = header;
  // The checks of Agave's `sanitize`: a writable fee payer, no overlap, no repeated account.
  if (
    numReadonlySignerAccounts >= numSignerAccounts ||
    numSignerAccounts + numReadonlyNonSignerAccounts > staticAccounts.length ||
    new Set(staticAccounts).size !== staticAccounts.length
  )
    throw undecodable('The transaction message has a bad header or repeats an account');
  const accounts: string[] = [...staticAccounts];
  const tables = decoded.version === 0 ? (decoded.addressTableLookups ?? []) : [];
  for (const { lookupTableAddress, writableIndexes } of tables)
    accounts.push(...writableIndexes.map((i) => `lookup:${lookupTableAddress}#${i}`));
  for (const { lookupTableAddress, readonlyIndexes } of tables)
    accounts.push(...readonlyIndexes.map((i) => `lookup:${lookupTableAddress}#${i}`));
  if (accounts.length > 256) throw undecodable('The transaction names more than 256 accounts');
  const instructions = decoded.instructions.map(({ programAddressIndex, accountIndices = [], data }) => {
    const program = staticAccounts[programAddressIndex];
    const named = accountIndices.map((i) => accounts[i]);
    if (program === undefined || programAddressIndex === 0 || named.includes(undefined))
      throw undecodable('An instruction names an account that is not there');
    return { program, accounts: named as string[], data: Uint8Array.from(data ?? []) };
  });
  return {
    version: decoded.version,
    signers: staticAccounts.slice(0, numSignerAccounts),
    instructions,
    lifetime: decoded.lifetimeToken,
  };
}

/** Frame: number of signatures (one byte: no more than 12 fit a packet), 64 bytes each, message. */
function splitFrame(bytes: Bytes): { signatures: readonly Bytes[]; message: Bytes } {
  const count = bytes[0] ?? 0;
  if (count < 1 || count > 12 || bytes.length <= 1 + 64 * count || bytes.length > maxBytes)
    throw undecodable('Not a Solana wire transaction');
  return {
    signatures: Array.from({ length: count }, (_, i) => bytes.slice(1 + 64 * i, 65 + 64 * i)),
    message: bytes.slice(1 + 64 * count),
  };
}

/**
 * @param text base64 of the wire transaction; signatures that are there already must verify.
 * @throws {CustodyError} `payload_undecodable`, `payload_refused`
 */
export function parseWire(text: string): SolanaTransaction {
  const bytes = reading('The transaction is not base64', () => base64.decode(text));
  const { signatures, message } = splitFrame(bytes);
  const parsed = parseMessage(message);
  if (parsed.signers.length !== signatures.length)
    throw undecodable('The transaction has not one place for each signature');
  for (const [i, signature] of signatures.entries())
    if (!isZero(signature) && !verifyEd25519(signature, message, base58.decode(parsed.signers[i] ?? '')))
      throw undecodable('A signature that the transaction carries does not verify');
  return { ...parsed, message, signatures };
}

/** The wire transaction, base64, with this signature in the place of that signer. */
export function withSignature(transaction: SolanaTransaction, signer: string, signature: Bytes): string {
  const { signatures, signers, message } = transaction;
  const all = signatures.map((old, i) => (signers[i] === signer ? signature : old));
  return base64.encode(concat(Uint8Array.of(all.length), ...all, message));
}

/** Would these bytes mean something to the network: a message, or a wire transaction? */
export function isTransaction(bytes: Bytes): boolean {
  const parses = (parse: () => unknown): boolean => {
    try {
      parse();
      return true;
    } catch {
      return false;
    }
  };
  return (
    parses(() => getCompiledTransactionMessageDecoder().decode(bytes)) ||
    parses(() => getCompiledTransactionMessageDecoder().decode(splitFrame(bytes).message))
  );
}
