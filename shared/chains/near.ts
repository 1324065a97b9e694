/**
 * NEAR: transactions, and messages under NEP-413.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { base58, base64 } from '@scure/base';
import type { Bytes } from '../bytes.ts';
import { concat, equalBytes, toHex } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import { type ChainInfo, chainInfo, nativeAsset } from './chains.ts';
import { escapeText, formatUnits, quoteText } from './display.ts';
import { verifyEd25519 } from './ed25519-signature.ts';
import type { ChainFamily, Effect, Reading, Signature, Signed, SignPayload, WalletKey } from './intent.ts';
import { dataHash, isBytes, reading, refused, undecodable } from './intent.ts';
import {
  type NearAction,
  type NearPublicKey,
  type NearTransaction,
  nep413Codec,
  nep413Tag,
  transactionCodec,
} from './near-borsh.ts';

/** nearcore's limit for a signed transaction. */
const maxBytes = 1_572_864;
const maxActions = 100;
/** Account ids as nearcore has them, named or implicit. */
const accountId = /^(?=.{2,64}$)(?:[a-z\d]+[-_])*[a-z\d]+(?:\.(?:[a-z\d]+[-_])*[a-z\d]+)*$/;

const keyText = (key: NearPublicKey): string => `${key.__kind}:${base58.encode(Uint8Array.from(key.key))}`;

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

interface Parties {
  readonly chain: ChainInfo;
  readonly from: string;
  readonly to: string;
}

function actionEffects({ chain, from, to }: Parties, action: NearAction): readonly Effect[] {
  const asset = nativeAsset(chain);
  switch (action.__kind) {
    case 'transfer':
      return [{ type: 'transfer', from, to, asset, amount: action.deposit.toString() }];
    case 'functionCall':
      return callEffects({ chain, from, to }, action);
    case 'stake':
      return [
        {
          type: 'stake',
          from,
          asset,
          amount: action.stake.toString(),
          details: { validatorKey: keyText(action.publicKey) },
        },
      ];
    case 'addKey':
      return addKeyEffects({ chain, from, to }, action);
    case 'deleteKey':
      return [{ type: 'key', to, details: { action: 'delete', publicKey: keyText(action.publicKey) } }];
    case 'createAccount':
      return [{ type: 'account', to, details: { action: 'create' } }];
    case 'deleteAccount': {
      if (!accountId.test(action.beneficiaryId)) throw undecodable('The beneficiary is not an account id');
      const details = { action: 'delete', beneficiary: action.beneficiaryId };
      return [
        { type: 'transfer', from: to, to: action.beneficiaryId, asset, amount: 'unlimited', details },
        { type: 'account', to, details },
        {
          type: 'warning',
          details: { reason: `Deletes the account ${to}; all that it has goes to ${action.beneficiaryId}` },
        },
      ];
    }
    case 'deployContract': {
      const code = Uint8Array.from(action.code);
      return [{ type: 'deploy', to, details: { dataHash: dataHash(code), dataBytes: String(code.length) } }];
    }
  }
}

function addKeyEffects({ to, chain }: Parties, action: NearAction & { __kind: 'addKey' }): readonly Effect[] {
  const publicKey = keyText(action.publicKey);
  const { permission } = action;
  if (permission.__kind === 'fullAccess')
    return [
      { type: 'key', to, details: { action: 'add', publicKey, access: 'full' } },
      { type: 'warning', details: { reason: `Gives the key ${publicKey} full access to the account ${to}` } },
    ];
  const { allowance, receiverId, methodNames } = permission;
  return [
    {
      type: 'key',
      to,
      asset: nativeAsset(chain),
      amount: allowance === null ? 'unlimited' : allowance.toString(),
      details: {
        action: 'add',
        publicKey,
        access: `calls of ${escapeText(receiverId)}`,
        methods: methodNames.length === 0 ? 'all' : methodNames.map(escapeText).join(' '),
      },
    },
    { type: 'warning', details: { reason: `Gives the key ${publicKey} access to the account ${to}` } },
  ];
}

/** NEP-141 tokens are read; everything else is a call with the hash of its arguments. */
function callEffects(
  { chain, from, to }: Parties,
  action: NearAction & { __kind: 'functionCall' },
): readonly Effect[] {
  const args = Uint8Array.from(action.args);
  const effects: Effect[] = [];
  const token = tokenTransfer(action.methodName, args);
  if (token !== undefined)
    effects.push({
      type: 'transfer',
      from,
      to: token.to,
      asset: `${chain.caip2}/nep141:${to}`,
      amount: token.amount,
    });
  if (action.deposit > 1n)
    effects.push({
      type: 'transfer',
      from,
      to,
      asset: nativeAsset(chain),
      amount: action.deposit.toString(),
    });
  effects.push({
    type: 'call',
    to,
    details: {
      method: escapeText(action.methodName),
      gas: action.gas.toString(),
      deposit: action.deposit.toString(),
      dataHash: dataHash(args),
      dataBytes: String(args.length),
    },
  });
  return effects;
}

function tokenTransfer(method: string, args: Bytes): { to: string; amount: string } | undefined {
  if (method !== 'ft_transfer' && method !== 'ft_transfer_call') return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(args));
    if (typeof value !== 'object' || value === null) return undefined;
    const { receiver_id: to, amount } = value as { receiver_id?: unknown; amount?: unknown };
    if (typeof to !== 'string' || !accountId.test(to)) return undefined;
    return typeof amount === 'string' && /^[0-9]{1,39}$/.test(amount)
      ? { to, amount: BigInt(amount).toString() }
      : undefined;
  } catch {
    return undefined;
  }
}

function describe(
  { unit, decimals }: ChainInfo,
  { type, to = '', asset = '', amount = '', details }: Effect,
): string {
  switch (type) {
    case 'transfer':
      if (amount === 'unlimited') return `Send everything to ${to}`;
      return asset.includes('/slip44:')
        ? `Send ${formatUnits(BigInt(amount), decimals)} ${unit} to ${to}`
        : `Transfer ${amount} of ${asset} to ${to}`;
    case 'stake':
      return `Stake ${formatUnits(BigInt(amount), decimals)} ${unit}`;
    case 'call':
      return `Call “${details?.['method'] ?? ''}” of ${to}`;
    case 'key':
      return `${details?.['action'] === 'add' ? 'ADD' : 'Delete'} an access key of ${to}`;
    case 'account':
      return `${details?.['action'] === 'delete' ? 'DELETE' : 'Create'} the account ${to}`;
    default:
      return `Deploy a contract to ${to}`;
  }
}

function readTransaction(payload: SignPayload, wallet: WalletKey): Reading {
  const { kind, blockchain } = payload;
  const chain = chainInfo(blockchain);
  const { transaction, bytes } = parseTransaction(payload.transaction ?? '', wallet);
  const { signerId: from, receiverId: to, actions, nonce, blockHash } = transaction;
  const effects = actions.flatMap((action) => [...actionEffects({ chain, from, to }, action)]);
  const acts = effects.filter(({ type }) => type !== 'warning').map((effect) => describe(chain, effect));
  const shown = acts.length > 3 ? [...acts.slice(0, 3), `${acts.length - 3} more`] : acts;
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
    intent: { kind, blockchain, summary: `${shown.join('; ')} from ${from} on ${chain.name}`, effects },
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
