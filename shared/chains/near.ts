/**
 * NEAR: transactions, and messages under NEP-413.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { base58, base64 } from '@scure/base';
import type { Bytes } from '../bytes.ts';
import { concat, equalBytes, toHex } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import { chainInfo, nativeAsset } from './chains.ts';
import { escapeText, quoteText } from './display.ts';
import { verifyEd25519 } from './ed25519-signature.ts';
import type { ChainFamily, Reading, Signature, Signed, SignPayload, WalletKey } from './intent.ts';
import { isBytes, reading, refused, undecodable } from './intent.ts';
import { accountId, actionEffects, describe } from './near-actions.ts';
import { type NearTransaction, nep413Codec, nep413Tag, transactionCodec } from './near-borsh.ts';
import { summarise } from './summary.ts';

/** nearcore's limit for a signed transaction. */
const maxBytes = 1_572_864;
const maxActions = 100;
function parseTransaction(text: string, wallet: WalletKey): { transaction: NearTransaction; bytes: Bytes } {
  const bytes = reading('The transaction is not base64', () => base64.decode(text));
  if (bytes.length > maxBytes) throw undecodable('The transaction is larger than 1.5 MiB');
  const [transaction, again] = reading(
    'Not a NEAR transaction of the supported actions (delegate and global contract actions are not signed)',
    () => {
      const value = transactionCodec.decode(bytes);
      return [value, transactionCodec.encode(value)] as const;
    },
  );
  if (!equalBytes(Uint8Array.from(again), bytes))
    throw undecodable('The transaction is not in its canonical encoding');
  const { publicKey, signerId, receiverId, actions } = transaction;
  if (!accountId.test(signerId) || !accountId.test(receiverId))
    throw undecodable('The signer or the receiver is not an account id');
  if (actions.length === 0 || actions.length > maxActions)
    throw undecodable(`A transaction has 1 to ${maxActions} actions`);
  if (publicKey.__kind !== 'ed25519' || !equalBytes(Uint8Array.from(publicKey.key), wallet.publicKey))
    throw refused('The transaction is for another key than that of the wallet');
  return { transaction, bytes };
}

function readTransaction(payload: SignPayload, wallet: WalletKey): Reading {
  const { kind, blockchain } = payload;
  const chain = chainInfo(blockchain);
  const { transaction, bytes } = parseTransaction(payload.transaction ?? '', wallet);
  const { signerId: from, receiverId: to, actions, nonce, blockHash } = transaction;
  const effects = actions.flatMap((action) => [...actionEffects({ chain, from, to }, action)]);
  const acts = summarise(effects, (effect) => describe(chain, effect));
  const gas = actions.reduce((n, a) => (a.__kind === 'functionCall' ? n + a.gas : n), 0n);
  effects.push({
    type: 'fee',
    from,
    asset: nativeAsset(chain),
    details: {
      attachedGas: gas.toString(),
      nonce: nonce.toString(),
      blockHash: base58.encode(Uint8Array.from(blockHash)),
    },
  });
  return {
    intent: { kind, blockchain, summary: `${acts} from ${from} on ${chain.name}`, effects },
    toSign: [{ path: wallet.path, algorithm: 'eddsa', bytes: sha256(bytes) }],
  };
}

function readMessage(payload: SignPayload, wallet: WalletKey): Reading {
  const { kind, blockchain, nep413 } = payload;
  if (nep413 === undefined)
    throw undecodable('A NEAR message is signed under NEP-413 only: give nep413 {message, recipient, nonce}');
  const { message, recipient, nonce, callbackUrl, ...rest } = nep413;
  if (Object.keys(rest).length > 0 || [message, recipient, nonce].some((s) => typeof s !== 'string'))
    throw undecodable('nep413 is not {message, recipient, nonce, callbackUrl?}');
  if (callbackUrl !== undefined && typeof callbackUrl !== 'string')
    throw undecodable('callbackUrl is not text');
  // The codec drops zero characters; with one inside, the text signed would not be the text shown.
  if (`${message}${recipient}${callbackUrl ?? ''}`.includes('\0'))
    throw undecodable('Zero characters are not signed');
  const nonceBytes = reading('The nonce is not base64', () => base64.decode(nonce));
  if (nonceBytes.length !== 32) throw undecodable('The nonce is not 32 bytes');
  const bytes = Uint8Array.from(
    nep413Codec.encode({
      tag: nep413Tag,
      message,
      nonce: nonceBytes,
      recipient,
      callbackUrl: callbackUrl ?? null,
    }),
  );
  return {
    intent: {
      kind,
      blockchain,
      summary: `Sign the message ${quoteText(message)} for ${quoteText(recipient, 64)} on ${chainInfo(blockchain).name}`,
      effects: [
        {
          type: 'message',
          to: escapeText(recipient),
          details: {
            standard: 'NEP-413',
            text: escapeText(message),
            nonce: toHex(nonceBytes),
            ...(callbackUrl === undefined ? {} : { callbackUrl: escapeText(callbackUrl) }),
          },
        },
      ],
    },
    toSign: [{ path: wallet.path, algorithm: 'eddsa', bytes: sha256(bytes) }],
  };
}

/** SignedTransaction: the transaction, the key type of the signature (0 ed25519), the signature. */
function framed(payload: SignPayload, signature: Bytes): Signed {
  if (payload.kind === 'message') return { signature: base64.encode(signature) };
  const bytes = base64.decode(payload.transaction ?? '');
  return {
    signature: `ed25519:${base58.encode(signature)}`,
    signedTransaction: base64.encode(concat(bytes, Uint8Array.of(0), signature)),
    transactionId: base58.encode(sha256(bytes)),
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
  return framed(payload, signature);
}

function verify(payload: SignPayload, wallet: WalletKey, decoded: Reading, result: Signed): boolean {
  const signature =
    payload.kind === 'message'
      ? base64.decode(result.signature)
      : base58.decode(result.signature.replace(/^ed25519:/, ''));
  const message = decoded.toSign[0]?.bytes ?? new Uint8Array();
  if (!verifyEd25519(signature, message, wallet.publicKey)) return false;
  const expected = framed(payload, signature);
  return (
    result.signature === expected.signature &&
    result.signedTransaction === expected.signedTransaction &&
    result.transactionId === expected.transactionId
  );
}

export const near: ChainFamily = {
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
          'A NEAR wallet signs transactions and NEP-413 messages only',
        );
    }
  },
  assemble,
  verify,
};
