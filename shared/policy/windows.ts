/**
 * Window rules: what an operation adds to the counters of its wallet set.
 * @module
 */
import { type Blockchain, chainInfo } from '../chains/chains.ts';
import type { Effect } from '../chains/intent.ts';
import { type Policy, type WindowRule, windowsOf } from './rules.ts';
import { type Amount, spentOf } from './spends.ts';

/** As far as it concerns windows. */
interface Spender {
  readonly effects: readonly Effect[];
  readonly blockchain: Blockchain;
}

/** What the operation itself adds to a window; undefined if the window does not concern it. */
export function ownShare(
  { asset, amount }: WindowRule,
  { effects, blockchain }: Spender,
): Amount | undefined {
  if (asset === '*') return 0n;
  const spent = spentOf(effects, asset, chainInfo(blockchain).caip2);
  // A window with a count only has no use for the amount.
  return spent === undefined || amount !== undefined ? spent : 0n;
}

/** One counter of one rule, and what an operation adds to it. Amounts in smallest units. */
export interface Reservation {
  readonly rule: string;
  readonly asset: string;
  readonly seconds: number;
  readonly amount: bigint;
  readonly maxAmount?: bigint;
  readonly maxCount?: number;
}

/** What Node 2 counts before it releases its share of an operation that `decide` allowed. */
export function reservationsOf(policy: Policy, operation: Spender): readonly Reservation[] {
  return windowsOf(policy).flatMap((rule) => {
    const amount = ownShare(rule, operation);
    if (amount === undefined) return [];
    // Nothing unlimited passes `decide`; were it asked for, no counter could take it.
    if (amount === 'unlimited') throw new RangeError(`window ${rule.id}: the amount has no limit`);
    return [
      {
        rule: rule.id,
        asset: rule.asset,
        seconds: Number(rule.seconds),
        amount,
        ...(rule.amount === undefined ? {} : { maxAmount: BigInt(rule.amount) }),
        ...(rule.count === undefined ? {} : { maxCount: Number(rule.count) }),
      },
    ];
  });
}
