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

/** @returns the spending effects; empty if nothing in the data looks like a permission to spend. */
export function permitEffects(chain: ChainInfo, wallet: string, data: TypedData): readonly Effect[] {
  const { message, domain, primaryType } = data;
  const contract = domain['verifyingContract'];
  const asset = isAddress(contract) ? tokenAsset(chain, 'erc20', contract) : 'unknown';
  const { spender, value, allowed } = message;
  const owner = message['owner'] ?? message['holder'];
  const from = isAddress(owner) ? address(owner) : wallet;

  if (
    isAddress(message['from']) &&
    isAddress(message['to']) &&
    typeof value === 'bigint' &&
    'validBefore' in message
  )
    return [
      {
        type: 'transfer',
        from: address(message['from']),
        to: address(message['to']),
        asset,
        amount: value.toString(),
        details: { method: escapeText(primaryType), ...deadlineOf(message) },
      },
    ];

  const inner = message['details'] ?? message['permitted'];
  if (spender === undefined && !/permit/i.test(primaryType)) return [];
  const to = isAddress(spender) ? address(spender) : 'unknown';
  if (inner !== undefined) {
    const items: readonly TypedValue[] = Array.isArray(inner) ? inner : [inner];
    // An empty batch still names a spender: shown, so that the signature never looks harmless.
    if (items.length > 0) return items.map((item) => permitted(chain, from, to, message, item));
  }
  let amount = 'unlimited';
  if (typeof value === 'bigint') amount = amountText(value);
  else if (typeof message['amount'] === 'bigint') amount = amountText(message['amount']);
  else if (allowed === false) amount = '0';
  return [{ type: 'permit', from, to, asset, amount, details: deadlineOf(message) }];
}
