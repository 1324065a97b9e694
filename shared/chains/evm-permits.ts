/**
 * Typed data that lets somebody else take tokens: ERC-2612 Permit, DAI's Permit, Permit2 (allowance and
 * transfer, single, batch, with witness), ERC-3009. Recognised by shape, not by name: whatever has a spender
 * spends, even if its amounts cannot be read.
 * @module
 */
import type { ChainInfo } from './chains.ts';
import { escapeText } from './display.ts';
import { checksummed } from './evm-address.ts';
import { amountText, tokenAsset } from './evm-calls.ts';
import type { TypedData, TypedStruct, TypedValue } from './evm-typed-data.ts';
import type { Effect } from './intent.ts';

const isStruct = (v: TypedValue | undefined): v is TypedStruct => typeof v === 'object' && !Array.isArray(v);
const isAddress = (v: TypedValue | undefined): v is string =>
  typeof v === 'string' && /^0x[0-9a-f]{40}$/.test(v);
const address = (v: string): string => checksummed(v.slice(2));

/** Permit2 keeps allowances in 160 bits. */
const maxUint160 = 2n ** 160n - 1n;

function deadlineOf(...structs: readonly TypedStruct[]): Record<string, string> {
  const out: Record<string, string> = {};
  for (const struct of structs)
    for (const name of ['deadline', 'expiry', 'expiration', 'sigDeadline', 'validBefore']) {
      const value = struct[name];
      if (typeof value === 'bigint') out[name] = value.toString();
    }
  return out;
}

/** One {token, amount} of Permit2. */
function permitted(
  chain: ChainInfo,
  from: string,
  to: string,
  message: TypedStruct,
  item: TypedValue,
): Effect {
  const struct = isStruct(item) ? item : {};
  const { token, amount } = struct;
  return {
    type: 'permit',
    from,
    to,
    asset: isAddress(token) ? tokenAsset(chain, 'erc20', token) : 'unknown',
    amount: typeof amount === 'bigint' ? amountText(amount, maxUint160) : 'unlimited',
    details: deadlineOf(message, struct),
  };
}

/** The struct and all structs inside it. */
function allStructs(value: TypedValue): readonly TypedStruct[] {
  if (Array.isArray(value)) return value.flatMap(allStructs);
  return isStruct(value) ? [value, ...Object.values(value).flatMap(allStructs)] : [];
}

/** Permit and its kin: a struct that names a spender. */
function spenderEffects(
  chain: ChainInfo,
  wallet: string,
  asset: string,
  struct: TypedStruct,
): readonly Effect[] {
  const { spender, value, allowed } = struct;
  const owner = struct['owner'] ?? struct['holder'];
  const from = isAddress(owner) ? address(owner) : wallet;
  const to = isAddress(spender) ? address(spender) : 'unknown';
  const inner = struct['details'] ?? struct['permitted'];
  const items: readonly TypedValue[] = Array.isArray(inner) ? inner : inner === undefined ? [] : [inner];
  if (items.length > 0) return items.map((item) => permitted(chain, from, to, struct, item));
  // An empty batch, or amounts in a form that is not known, still name a spender: never shown as harmless.
  let amount = 'unlimited';
  if (typeof value === 'bigint') amount = amountText(value);
  else if (typeof struct['amount'] === 'bigint') amount = amountText(struct['amount']);
  else if (allowed === false) amount = '0';
  return [{ type: 'permit', from, to, asset, amount, details: deadlineOf(struct) }];
}

/** ERC-3009: a transfer that somebody else may submit. */
function authorised(asset: string, method: string, struct: TypedStruct): readonly Effect[] {
  const { from, to, value } = struct;
  if (!isAddress(from) || !isAddress(to) || typeof value !== 'bigint' || !('validBefore' in struct))
    return [];
  const details = { method: escapeText(method), ...deadlineOf(struct) };
  return [
    { type: 'transfer', from: address(from), to: address(to), asset, amount: value.toString(), details },
  ];
}

/** @returns the spending effects; empty if nothing in the data looks like a permission to spend. */
export function permitEffects(chain: ChainInfo, wallet: string, data: TypedData): readonly Effect[] {
  const { message, domain, primaryType } = data;
  const contract = domain['verifyingContract'];
  const asset = isAddress(contract) ? tokenAsset(chain, 'erc20', contract) : 'unknown';
  const structs = allStructs(message);
  const spending = structs.filter((struct) => 'spender' in struct);
  if (spending.length === 0 && /permit/i.test(primaryType)) spending.push(message);
  return [
    ...structs.flatMap((struct) => authorised(asset, primaryType, struct)),
    ...spending.flatMap((struct) => spenderEffects(chain, wallet, asset, struct)),
  ];
}
