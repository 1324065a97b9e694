/**
 * What effects spend. Nothing is left out because it is probably harmless: a transfer of somebody else's
 * tokens, an approval, a permit and the highest possible fee all count.
 * @module
 */
import type { Effect } from '../chains/intent.ts';
import { assetKey, isNative, isNft } from './names.ts';

/** Smallest units; `unlimited` is more than every limit. */
export type Amount = bigint | 'unlimited';

export interface Spend {
  /** As the effect names it, or `unknown`. */
  readonly asset: string;
  readonly amount: Amount;
}

interface Spending extends Spend {
  /** The amount may be the id of an NFT: the call is the same on both standards. */
  readonly ambiguous: boolean;
}

const spenders: readonly Effect['type'][] = ['transfer', 'approve', 'permit', 'stake'];
/** What stays where it is, or is the other side of what is counted. */
const still: readonly Effect['type'][] = ['input', 'change'];

export function amountOf(text: string | undefined): Amount {
  return text !== undefined && /^[0-9]{1,100}$/.test(text) ? BigInt(text) : 'unlimited';
}

export const add = (a: Amount, b: Amount): Amount =>
  a === 'unlimited' || b === 'unlimited' ? 'unlimited' : a + b;
export const exceeds = (a: Amount, most: bigint): boolean => a === 'unlimited' || a > most;

/**
 * Everything with an amount spends it. A fee without one (NEAR, where the protocol sets the price of gas)
 * cannot be raised by the payload and counts as nothing.
 */
function spendingOf(effect: Effect): readonly Spending[] {
  const { type, asset = 'unknown', amount, details } = effect;
  if (still.includes(type) || (amount === undefined && !spenders.includes(type))) return [];
  return [{ asset, amount: amountOf(amount), ambiguous: details?.['standard'] === 'erc20 or erc721' }];
}

/** Per asset, in the order of their names. */
export function spendsOf(effects: readonly Effect[]): readonly Spend[] {
  const sums = new Map<string, Amount>();
  for (const { asset, amount } of effects.flatMap(spendingOf))
    sums.set(asset, add(sums.get(asset) ?? 0n, amount));
  return [...sums].map(([asset, amount]) => ({ asset, amount })).sort((a, b) => (a.asset < b.asset ? -1 : 1));
}

/**
 * What is spent of one asset; undefined if nothing. A token that the payload does not name may be any token
 * of its chain, and counts as each.
 * @param caip2 the chain of the effects
 */
export function spentOf(effects: readonly Effect[], asset: string, caip2: string): Amount | undefined {
  const key = assetKey(asset);
  const mayBeUnknown = !isNative(asset) && asset.startsWith(`${caip2}/`);
  let sum: Amount | undefined;
  for (const spending of effects.flatMap(spendingOf)) {
    if (spending.asset === 'unknown' ? !mayBeUnknown : assetKey(spending.asset) !== key) continue;
    const amount = spending.ambiguous && isNft(asset) ? 1n : spending.amount;
    sum = add(sum ?? 0n, amount);
  }
  return sum;
}
