/**
 * The guard of every route, at both nodes: the rule of the route table (shared/wire/routes.ts) held against the
 * rights that the roles table (shared/registry/roles.ts) gives to a credential. Nothing else says who may ask.
 * @module
 */
import { refuse } from '#shared/registry/registry.ts';
import { explain, explainAct, may, walletSetsWith } from '#shared/registry/roles.ts';
import type { Route } from '#shared/wire/route.ts';
import type { Actor } from './authenticate.ts';

type Rule = Pick<Route, 'scope' | 'on' | 'act'>;

/**
 * @param walletSet of the thing that is asked about, on routes `on: 'one'`; undefined while it is not known:
 * then the scope is needed on some wallet set at least
 * @throws {CustodyError} `scope_missing`; `role_missing` on routes that are for some roles
 */
export function assertMay(
  { registry, credentialId }: Actor,
  { scope, on, act }: Rule,
  walletSet: string | undefined,
  nowMs: number,
): void {
  if (scope === 'public') return;
  const closed = act && explainAct(registry, credentialId, act, nowMs);
  if (closed !== undefined) refuse(closed);
  if (on === 'some' || (on === 'one' && walletSet === undefined)) {
    const { all, only } = walletSetsWith(registry, credentialId, scope, nowMs);
    if (all || only.length > 0) return;
  }
  const refusal = explain(registry, credentialId, scope, on === 'one' ? walletSet : undefined, nowMs);
  if (refusal !== undefined) refuse(refusal);
}

/** Does the rule let the actor ask about things of this wallet set, or of all? */
export const reaches = (
  { registry, credentialId }: Actor,
  { scope }: Rule,
  walletSet: string | undefined,
  nowMs: number,
): boolean => scope === 'public' || may(registry, credentialId, scope, walletSet, nowMs);
