/**
 * Solana: transactions, and messages in the off-chain format only.
 * @module
 */
import { base58, base64 } from '@scure/base';
import type { Bytes } from '../bytes.ts';
import { equalBytes } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import { chainInfo, nativeAsset } from './chains.ts';
import { formatUnits } from './display.ts';
import { verifyEd25519 } from './ed25519-signature.ts';
import type { ChainFamily, Effect, Reading, Signature, Signed, SignPayload, WalletKey } from './intent.ts';
import { dataHash, isBytes, refused } from './intent.ts';
import { instructionEffects, priorityFee } from './solana-instructions.ts';
import { readOffchainMessage } from './solana-message.ts';
import { isZero, parseWire, withSignature } from './solana-transaction.ts';
import { summarise } from './summary.ts';

/** Lamports for each signature. */
const signatureFee = 5000n;

function readTransaction(payload: SignPayload, wallet: WalletKey): Reading {
  const { kind, blockchain, transaction = '' } = payload;
  const chain = chainInfo(blockchain);
  const parsed = parseWire(transaction);
  const place = parsed.signers.indexOf(wallet.address);
  if (place < 0) throw refused('The wallet is not among the signers of this transaction');
  if (!isZero(parsed.signatures[place] ?? new Uint8Array()))
    throw refused('The transaction carries a signature of this wallet already');
  const effects: Effect[] = parsed.instructions.flatMap((i) => instructionEffects(chain, i));
  const payer = parsed.signers[0] ?? '';
  const fee = signatureFee * BigInt(parsed.signers.length) + priorityFee(parsed.instructions);
  effects.push({
    type: 'fee',
    from: payer,
    asset: nativeAsset(chain),
    amount: fee.toString(),
    details: { version: String(parsed.version), lifetime: parsed.lifetime },
  });
  const others = parsed.signers.filter((signer) => signer !== wallet.address);
  if (others.length > 0) effects.push({ type: 'note', details: { otherSigners: others.join(' ') } });
  const acts = summarise(effects, (effect) => describe(effect, nativeAsset(chain)));
  const warnings = effects
    .filter(({ type }) => type === 'warning')
    .map(({ details }) => `. ${details?.['reason'] ?? ''}`);
  const summary = `${acts || 'Do nothing'} on ${chain.name}, for a fee of ${formatUnits(fee, 9)} SOL paid by ${payer}${warnings.join('')}`;
  return {
    intent: { kind, blockchain, summary, effects },
    toSign: [{ path: wallet.path, algorithm: 'eddsa', bytes: parsed.message }],
  };
}

function describe(
  { type, from = '', to = '', asset = '', amount = '', details }: Effect,
  native: string,
): string {
  switch (type) {
    case 'transfer':
      return asset === native
        ? `Send ${formatUnits(BigInt(amount), 9)} SOL from ${from} to ${to}`
        : `Transfer ${amount} of ${asset} from ${from} to ${to}`;
    case 'approve':
      return `Let ${to} spend ${amount} of ${asset} from ${from}`;
    case 'account':
      return `Account ${to}: ${details?.['action'] ?? ''}`;
    default:
      return `Call program ${to}`;
  }
}

function readMessage(payload: SignPayload, wallet: WalletKey): Reading {
  const { kind, blockchain } = payload;
  const { bytes, text, summary, details } = readOffchainMessage(payload, wallet.address);
  return {
    intent: {
      kind,
      blockchain,
      summary: `Sign the message ${summary} on ${chainInfo(blockchain).name}`,
      effects: [
        {
          type: 'message',
          details: { standard: 'Solana off-chain message v0', text, dataHash: dataHash(bytes), ...details },
        },
      ],
    },
    toSign: [{ path: wallet.path, algorithm: 'eddsa', bytes }],
  };
}

function assemble(
  payload: SignPayload,
  wallet: WalletKey,
  decoded: Reading,
  signatures: readonly Signature[],
): Signed {
  const [signature] = signatures;
  const message = decoded.toSign[0]?.bytes ?? new Uint8Array();
  if (signatures.length !== 1 || !isBytes(signature) || !verifyEd25519(signature, message, wallet.publicKey))
    throw new CustodyError('internal', 'The signature does not verify');
  if (payload.kind !== 'transaction') return { signature: base58.encode(signature) };
  return framed(payload, wallet, signature);
}

function framed(payload: SignPayload, wallet: WalletKey, signature: Bytes): Signed {
  const parsed = parseWire(payload.transaction ?? '');
  const first = parsed.signers[0] === wallet.address ? signature : parsed.signatures[0];
  return {
    signature: base58.encode(signature),
    signedTransaction: withSignature(parsed, wallet.address, signature),
    // The fee payer's signature is the id; it is unknown as long as the fee payer has not signed.
    ...(first === undefined || isZero(first) ? {} : { transactionId: base58.encode(first) }),
  };
}

function verify(payload: SignPayload, wallet: WalletKey, decoded: Reading, result: Signed): boolean {
  const message = decoded.toSign[0]?.bytes ?? new Uint8Array();
  const signature = base58.decode(result.signature);
  if (!verifyEd25519(signature, message, wallet.publicKey)) return false;
  if (payload.kind !== 'transaction') return true;
  const expected = framed(payload, wallet, signature);
  if (result.signedTransaction === undefined || result.transactionId !== expected.transactionId) return false;
  return equalBytes(base64.decode(result.signedTransaction), base64.decode(expected.signedTransaction ?? ''));
}

export const solana: ChainFamily = {
  decode(payload, wallet) {
    switch (payload.kind) {
      case 'message':
        return readMessage(payload, wallet);
      case 'transaction':
        return readTransaction(payload, wallet);
      case 'typed_data':
      case 'psbt':
      case 'raw_digest':
        throw new CustodyError(
          'kind_unsupported',
          'A Solana wallet signs transactions and off-chain messages only',
        );
    }
  },
  assemble,
  verify,
};
