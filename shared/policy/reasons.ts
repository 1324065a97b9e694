/**
 * Why a policy does not let something pass, rule by rule.
 * @module
 */
import type { Problem } from '../errors.ts';

export type ReasonCode =
  | 'blockchain_not_allowed'
  | 'kind_not_allowed'
  | 'asset_not_allowed'
  | 'destination_not_allowed'
  | 'amount_exceeded'
  | 'window_amount_exceeded'
  | 'window_count_exceeded'
  | 'outside_hours'
  | 'approvals_missing'
  | 'approvals_rejected'
  | 'not_understood';

export interface Reason {
  /** The id of the rule; `default` for what the policy does not understand. */
  readonly rule: string;
  /** RFC 6901, into the operation. */
  readonly pointer: string;
  readonly value: string;
  readonly limit: string;
  readonly code: ReasonCode;
}

/** What is found, before it is known which rule asked. */
export type Finding = Omit<Reason, 'rule'>;

/** The reasons as members of `errors[]`. */
export const problemsOf = (reasons: readonly Reason[]): readonly Problem[] =>
  reasons.map(({ rule, pointer, value, limit, code }) => ({
    pointer,
    detail: `${code}: rule ${rule}: ${value} (limit: ${limit})`,
  }));
