/**
 * The decision: pure, the same at the client, at Node 1 and at Node 2, each on what it decoded itself. It
 * depends on the set of effects only, not on their order.
 * @module
 */
import { type Blockchain, chainInfo } from '../chains/chains.ts';
import type { Effect, SignKind } from '../chains/intent.ts';
import type { Voice } from './approval.ts';
import { assetKey, sameAddress } from './names.ts';
import { judgeQuorum } from './quorum.ts';
import type { Finding, Reason, ReasonCode } from './reasons.ts';
import {
  type ApprovalsRule,
  type DestinationsRule,
  days,
  type HoursRule,
  isNoPolicy,
  type Policy,
  type Rule,
  type WindowRule,
} from './rules.ts';
import { type Amount, add, exceeds, type Spend, spendsOf, spentOf } from './spends.ts';
import { lacksOf } from './understood.ts';
import { ownShare } from './windows.ts';

/** What was counted in a window before, without this operation. */
export interface Spent {
  readonly amount: bigint;
  readonly count: number;
}

export interface Facts {
  readonly effects: readonly Effect[];
  readonly kind: SignKind;
  readonly blockchain: Blockchain;
  /** By the clock of whoever decides. */
  readonly atMs: number;
  /** Known at Node 2 alone; elsewhere nothing is spent, and the answer is a forecast. */
  readonly spentInWindow: (rule: string, asset: string, seconds: number) => Spent;
  /** Verified for this very operation by `readApprovals`. */
  readonly approvals: readonly Voice[];
}

export interface Decision {
  readonly outcome: 'allow' | 'deny' | 'needs_approval';
  /** Why not: every denial, or every approval that is missing. Empty if it is allowed. */
  readonly reasons: readonly Reason[];
  readonly spends: readonly Spend[];
}

export const nothingSpent = (): Spent => ({ amount: 0n, count: 0 });

const finding = (
  code: ReasonCode,
  pointer: string,
  value: Amount | string | number,
  limit: string,
): Finding => ({
  code,
  pointer,
  value: String(value),
  limit,
});

export function decide(policy: Policy, facts: Facts): Decision {
  const spends = spendsOf(facts.effects);
  if (isNoPolicy(policy)) return { outcome: 'allow', reasons: [], spends };
  const reasons = [
    ...policy.rules.flatMap((rule) => judge(rule, facts).map((found) => ({ rule: rule.id, ...found }))),
    ...notUnderstood(policy, facts),
  ];
  const denials = reasons.filter(({ code }) => code !== 'approvals_missing');
  if (denials.length > 0) return { outcome: 'deny', reasons: denials, spends };
  return { outcome: reasons.length > 0 ? 'needs_approval' : 'allow', reasons, spends };
}

/** The rules that ask for approvals of what the facts describe, fulfilled or not. */
export const quorumsOf = (
  { rules }: Pick<Policy, 'rules'>,
  { effects, blockchain }: Pick<Facts, 'effects' | 'blockchain'>,
): readonly ApprovalsRule[] =>
  rules.filter(
    (rule): rule is ApprovalsRule =>
      rule.kind === 'approvals' && needsApproval(rule, effects, chainInfo(blockchain).caip2),
  );

function judge(rule: Rule, facts: Facts): readonly Finding[] {
  const { effects, blockchain, kind } = facts;
  const { caip2 } = chainInfo(blockchain);
  switch (rule.kind) {
    case 'blockchains':
      return rule.blockchains.includes(blockchain)
        ? []
        : [finding('blockchain_not_allowed', '/blockchain', blockchain, rule.blockchains.join(' '))];
    case 'kinds':
      return rule.kinds.includes(kind)
        ? []
        : [finding('kind_not_allowed', '/payloadKind', kind, rule.kinds.join(' '))];
    case 'assets': {
      const keys = rule.assets.map(assetKey);
      return spendsOf(effects)
        .filter(({ asset }) => !keys.includes(assetKey(asset)))
        .map(({ asset }) => finding('asset_not_allowed', '/effects', asset, `${keys.length} assets`));
    }
    case 'destinations':
      return judgeDestinations(rule, facts);
    case 'amount': {
      const spent = spentOf(effects, rule.asset, caip2);
      if (spent === undefined || !exceeds(spent, BigInt(rule.max))) return [];
      return [finding('amount_exceeded', '/effects', spent, rule.max)];
    }
    case 'window':
      return judgeWindow(rule, facts);
    case 'approvals':
      return needsApproval(rule, effects, caip2) ? judgeQuorum(rule, facts.approvals) : [];
    case 'hours':
      return judgeHours(rule, facts.atMs);
  }
}

/** Where value may go, by any of its names; undefined if the effect moves nothing. */
function destinationsOf({ type, to, details }: Effect): readonly string[] | undefined {
  if (type === 'transfer' || type === 'approve' || type === 'permit') return [to ?? 'unknown'];
  if (type === 'stake') return ['unknown'];
  if (type !== 'account') return undefined;
  const { lamportsTo, action, owner } = details ?? {};
  if (lamportsTo !== undefined) return [lamportsTo];
  // The rent of a new token account stays with whoever owns it.
  return action === 'create token account' ? [owner ?? 'unknown', to ?? 'unknown'] : undefined;
}

function judgeDestinations(
  { destinations }: DestinationsRule,
  { effects, blockchain }: Facts,
): readonly Finding[] {
  const allowed = destinations.filter((destination) => destination.blockchain === blockchain);
  const isAllowed = (name: string): boolean =>
    allowed.some(({ address }) => sameAddress(blockchain, address, name));
  return effects.flatMap((effect, i) => {
    const names = destinationsOf(effect);
    if (names === undefined || names.some(isAllowed)) return [];
    const limit = `${allowed.length} destinations on ${blockchain}`;
    return [finding('destination_not_allowed', `/effects/${i}/to`, names[0] ?? 'unknown', limit)];
  });
}

function judgeWindow(rule: WindowRule, facts: Facts): readonly Finding[] {
  const own = ownShare(rule, facts);
  if (own === undefined) return [];
  const before = facts.spentInWindow(rule.id, rule.asset, Number(rule.seconds));
  const found: Finding[] = [];
  const total = add(before.amount, own);
  if (rule.amount !== undefined && exceeds(total, BigInt(rule.amount)))
    found.push(finding('window_amount_exceeded', '/effects', total, `${rule.amount} in ${rule.seconds} s`));
  if (rule.count !== undefined && before.count + 1 > Number(rule.count))
    found.push(finding('window_count_exceeded', '', before.count + 1, `${rule.count} in ${rule.seconds} s`));
  return found;
}

function needsApproval({ asset, above }: ApprovalsRule, effects: readonly Effect[], caip2: string): boolean {
  if (asset === undefined) return true;
  const spent = spentOf(effects, asset, caip2);
  return spent !== undefined && exceeds(spent, BigInt(above ?? '0'));
}

const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;
const minutesOf = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));

function judgeHours({ periods }: HoursRule, atMs: number): readonly Finding[] {
  // The epoch began on a Thursday.
  const day = days[(Math.floor(atMs / dayMs) + 3) % 7];
  const minute = Math.floor((atMs % dayMs) / minuteMs);
  const inside = periods.some(
    (period) =>
      day !== undefined &&
      period.days.includes(day) &&
      minute >= minutesOf(period.from) &&
      minute < minutesOf(period.to),
  );
  if (inside) return [];
  const two = (n: number): string => String(n).padStart(2, '0');
  const limit = periods.map(({ days: on, from, to }) => `${on.join(',')} ${from}-${to}`).join('; ');
  return [
    finding('outside_hours', '', `${day} ${two(Math.floor(minute / 60))}:${two(minute % 60)} UTC`, limit),
  ];
}

function notUnderstood({ allow }: Policy, { effects, blockchain, kind }: Facts): readonly Reason[] {
  const spendsToo = effects.some(({ type }) => type === 'permit' || type === 'transfer');
  return effects.flatMap((effect, i) =>
    lacksOf(allow, blockchain, effect, kind === 'typed_data' && spendsToo).map(({ permission, value }) => ({
      rule: 'default',
      code: 'not_understood' as const,
      pointer: `/effects/${i}`,
      value: `${effect.type}: ${value}`,
      limit: permission === 'none' ? 'no permission covers this' : `needs the permission ${permission}`,
    })),
  );
}
