/**
 * What a policy does not understand: effects whose harm no rule can bound. They are denied unless a
 * permission names them, and so is every type of effect that this program has not heard of.
 * @module
 */
import type { Blockchain } from '../chains/chains.ts';
import type { Effect } from '../chains/intent.ts';
import { sameAddress } from './names.ts';
import type { CallPermission, Permission, PlainPermission, TypedDataPermission } from './rules.ts';

/** What is missing for an effect to pass. */
export interface Lack {
  readonly permission: PlainPermission | 'call' | 'typed_data' | 'none';
  readonly value: string;
}

const permissionFor: Partial<Record<Effect['type'], PlainPermission>> = {
  message: 'message',
  permit: 'permit',
  deploy: 'deploy',
  raw_digest: 'raw_digest',
  warning: 'warning',
  key: 'key',
};
/** Bounded by the rules on amounts and destinations, or without an effect of their own. */
const understood: readonly string[] = ['transfer', 'approve', 'stake', 'fee', 'input', 'change', 'note'];
/** Costs the rent that the chain sets; the coins beside it are a transfer. */
const harmlessActions: readonly string[] = ['create', 'create token account'];

/** Members of the message in the standard shapes (ERC-2612, DAI, Permit2 without witness, ERC-3009), sorted. */
const permit2 = ['deadline', 'nonce', 'permitted', 'spender'];
const allowance2 = ['details', 'sigDeadline', 'spender'];
const erc3009 = ['from', 'nonce', 'to', 'validAfter', 'validBefore', 'value'];
const standardShapes: Readonly<Record<string, readonly (readonly string[])[]>> = {
  Permit: [
    ['deadline', 'nonce', 'owner', 'spender', 'value'],
    ['allowed', 'expiry', 'holder', 'nonce', 'spender'],
  ],
  PermitSingle: [allowance2],
  PermitBatch: [allowance2],
  PermitTransferFrom: [permit2],
  PermitBatchTransferFrom: [permit2],
  TransferWithAuthorization: [erc3009],
  ReceiveWithAuthorization: [erc3009],
};

/** Typed data that say nothing but what the permit or transfer beside them says. */
function isStandardPermit({ details = {} }: Effect): boolean {
  const members = Object.keys(details)
    .filter((name) => name.startsWith('message.'))
    .map((name) => name.slice('message.'.length))
    .sort();
  const type = details['primaryType'] ?? '';
  const shapes = Object.hasOwn(standardShapes, type) ? (standardShapes[type] ?? []) : [];
  return shapes.some((shape) => JSON.stringify(shape) === JSON.stringify(members));
}

const callAllowed = (
  permission: CallPermission,
  blockchain: Blockchain,
  { to = '', details }: Effect,
): boolean => {
  if (permission.blockchain !== blockchain || !sameAddress(blockchain, permission.contract, to)) return false;
  if (permission.methods === undefined) return true;
  const { selector, method } = details ?? {};
  return permission.methods.some((name) =>
    selector === undefined ? name === method : name.toLowerCase() === selector.toLowerCase(),
  );
};

const typedDataAllowed = (
  { blockchain: chain, contract, primaryType }: TypedDataPermission,
  blockchain: Blockchain,
  { details = {} }: Effect,
): boolean =>
  chain === blockchain &&
  (contract === undefined || sameAddress(blockchain, contract, details['domain.verifyingContract'] ?? '')) &&
  (primaryType === undefined || primaryType === details['primaryType']);

/** @returns what the effect lacks; empty if it passes. */
export function lacksOf(
  allow: readonly Permission[],
  blockchain: Blockchain,
  effect: Effect,
  spendsToo: boolean,
): readonly Lack[] {
  const has = (name: PlainPermission): boolean => allow.some((permission) => permission.allow === name);
  const need = (name: PlainPermission, value: string): readonly Lack[] =>
    has(name) ? [] : [{ permission: name, value }];
  const { type, to = '', asset, details } = effect;
  const lacks: Lack[] = [];
  const plain = permissionFor[type];
  if (plain !== undefined) lacks.push(...need(plain, details?.['reason'] ?? to));
  else if (type === 'account') {
    const action = details?.['action'] ?? '';
    if (!harmlessActions.includes(action)) lacks.push(...need('account', `${action} ${to}`));
  } else if (type === 'call') {
    if (!allow.some((p) => p.allow === 'call' && callAllowed(p, blockchain, effect)))
      lacks.push({
        permission: 'call',
        value: `${to} ${details?.['selector'] ?? details?.['method'] ?? ''}`.trim(),
      });
  } else if (type === 'typed_data') {
    const covered = has('permit') && spendsToo && isStandardPermit(effect);
    if (!covered && !allow.some((p) => p.allow === 'typed_data' && typedDataAllowed(p, blockchain, effect)))
      lacks.push({
        permission: 'typed_data',
        value: `${details?.['primaryType'] ?? ''} ${details?.['domain.verifyingContract'] ?? ''}`.trim(),
      });
  } else if (!understood.includes(type)) lacks.push({ permission: 'none', value: type });
  if (asset === 'unknown' || (asset === undefined && effect.amount !== undefined))
    lacks.push(...need('unknown_asset', asset ?? ''));
  if (details?.['unresolved'] !== undefined || [effect.from, to].some((a) => a?.startsWith('lookup:')))
    lacks.push(...need('unresolved_account', details?.['unresolved'] ?? to));
  return lacks;
}
