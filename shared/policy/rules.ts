/**
 * The policy of a wallet set, as a document: what of that which roles and scopes allow is still too much.
 * Leaves are strings, so its canonical JSON is the same everywhere.
 *
 * `rules` only ever take away: an operation must pass every one of them. `allow` gives back what no rule can
 * judge: once there is a policy, effects that nobody can bound (calls, typed data, messages, raw digests,
 * warnings, accounts that are not spelled out) are denied unless a permission names them. A policy with
 * neither rules nor permissions is no policy.
 * @module
 */
import type { Blockchain } from '../chains/chains.ts';
import type { SignKind } from '../chains/intent.ts';

interface Named {
  /** Unique in the policy: 1 to 40 of a-z, 0-9, `-`, `_`. Window counters belong to it: a new id starts at zero. */
  readonly id: string;
}

/** The wallet's blockchain is one of these. */
export interface BlockchainsRule extends Named {
  readonly kind: 'blockchains';
  readonly blockchains: readonly Blockchain[];
}

/** The payload is of one of these kinds. */
export interface KindsRule extends Named {
  readonly kind: 'kinds';
  readonly kinds: readonly SignKind[];
}

/**
 * Only these assets are spent. CAIP-19 without a token id. An EVM contract is one asset whatever standard the
 * name gives it, because the calls of the standards cannot be told apart.
 */
export interface AssetsRule extends Named {
  readonly kind: 'assets';
  readonly assets: readonly string[];
}

export interface Destination {
  readonly blockchain: Blockchain;
  /** EVM in any case (a mixed case must have the right checksum), others exact; Bitcoin also `script:` and hex. */
  readonly address: string;
}

/**
 * Whatever is sent, approved or permitted goes to one of these. On Solana the destination of a token is a
 * token account, not its owner.
 */
export interface DestinationsRule extends Named {
  readonly kind: 'destinations';
  readonly destinations: readonly Destination[];
}

/**
 * One operation spends at most `max` smallest units of the asset, in all of its effects together. Approvals,
 * permits and stakes spend, and so does the most that the fee may be: a fee can be paid to an accomplice.
 */
export interface AmountRule extends Named {
  readonly kind: 'amount';
  readonly asset: string;
  readonly max: string;
}

/**
 * In any `seconds` together, at most `amount` smallest units of the asset, in at most `count` operations that
 * spend it. The asset `*` has a count only, of all operations. Counted at Node 2, once per operation.
 */
export interface WindowRule extends Named {
  readonly kind: 'window';
  readonly asset: string;
  /** 60 to 31,622,400 (366 days). */
  readonly seconds: string;
  readonly amount?: string;
  readonly count?: string;
}

/** So many of these people, each with a credential of their own. */
export interface Quorum {
  /** Decimal, 1 to the number of approvers. */
  readonly required: string;
  /** Ids of members (with whatever credential they have) or of single credentials. */
  readonly approvers: readonly string[];
}

/** An operation that spends more than `above` of the asset needs approvals; without an asset, every operation. */
export interface ApprovalsRule extends Named, Quorum {
  readonly kind: 'approvals';
  readonly asset?: string;
  readonly above?: string;
}

export const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof days)[number];

/** `from` is inside, `to` is not; `HH:MM` in UTC, `to` up to `24:00`, later than `from`. */
export interface Period {
  readonly days: readonly Day[];
  readonly from: string;
  readonly to: string;
}

/** Signed within one of these periods. */
export interface HoursRule extends Named {
  readonly kind: 'hours';
  readonly periods: readonly Period[];
}

export type Rule =
  | BlockchainsRule
  | KindsRule
  | AssetsRule
  | DestinationsRule
  | AmountRule
  | WindowRule
  | ApprovalsRule
  | HoursRule;

/**
 * | permission | lets pass |
 * |---|---|
 * | `message` | messages; some contracts take a signed message for an order |
 * | `permit` | permits and ERC-3009 in their standard shapes; they count as spending |
 * | `deploy`, `raw_digest`, `warning` | the effects of that name |
 * | `account` | accounts closed, deleted, or given to a program |
 * | `key` | access keys added or deleted (NEAR) |
 * | `unknown_asset` | spending of a token that the payload does not name; it counts as every token of the chain |
 * | `unresolved_account` | Solana accounts that come from lookup tables |
 */
export const plainPermissions = [
  'message',
  'permit',
  'deploy',
  'raw_digest',
  'warning',
  'account',
  'key',
  'unknown_asset',
  'unresolved_account',
] as const;
export type PlainPermission = (typeof plainPermissions)[number];

/** Calls of a contract or program that are not read as effects. */
export interface CallPermission {
  readonly allow: 'call';
  readonly blockchain: Blockchain;
  readonly contract: string;
  /** EVM selectors (`0x` and 8 hex digits), NEAR method names; any method if absent, and always on Solana. */
  readonly methods?: readonly string[];
}

/** Typed data for one contract (the domain's `verifyingContract`), of one primary type; any, if absent. */
export interface TypedDataPermission {
  readonly allow: 'typed_data';
  readonly blockchain: Blockchain;
  readonly contract?: string;
  readonly primaryType?: string;
}

export type Permission = { readonly allow: PlainPermission } | CallPermission | TypedDataPermission;

export interface Policy {
  readonly type: 'planbok/policy/v1';
  readonly rules: readonly Rule[];
  readonly allow: readonly Permission[];
  /** Who must approve a change of this policy, beside the Owner who makes it. */
  readonly changes?: Quorum;
}

/** Everything that roles and scopes allow. */
export const noPolicy: Policy = { type: 'planbok/policy/v1', rules: [], allow: [] };

export const isNoPolicy = ({ rules, allow }: Policy): boolean => rules.length === 0 && allow.length === 0;

export const windowsOf = ({ rules }: Policy): readonly WindowRule[] =>
  rules.filter((rule) => rule.kind === 'window');

/** Most entries of each list, so that deciding and storing stay small. */
export const limits = { rules: 64, windows: 16, allow: 256, list: 500, approvers: 50 } as const;
