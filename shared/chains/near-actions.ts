/**
 * Actions of NEAR transactions as effects.
 * @module
 */
import { base58 } from '@scure/base';
import type { Bytes } from '../bytes.ts';
import { type ChainInfo, nativeAsset } from './chains.ts';
import { escapeText, formatUnits } from './display.ts';
import { dataHash, type Effect, undecodable } from './intent.ts';
import type { NearAction, NearPublicKey } from './near-borsh.ts';

/** Account ids as nearcore has them, named or implicit. */
export const accountId = /^(?=.{2,64}$)(?:[a-z\d]+[-_])*[a-z\d]+(?:\.(?:[a-z\d]+[-_])*[a-z\d]+)*$/;

const keyText = (key: NearPublicKey): string => `${key.__kind}:${base58.encode(Uint8Array.from(key.key))}`;

/** Who signs, and whose account the actions are done to. */
interface Parties {
  readonly chain: ChainInfo;
  readonly from: string;
  readonly to: string;
}

/** @throws {CustodyError} `payload_undecodable` */
export function actionEffects({ chain, from, to }: Parties, action: NearAction): readonly Effect[] {
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

/** Half a sentence for the summary. */
export function describe(
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
