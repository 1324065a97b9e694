/**
 * The guard of every route, at both nodes: the rule of the route table (shared/wire/routes.ts) held against the
 * rights that the roles table (shared/registry/roles.ts) gives to a credential. Nothing else says who may ask.
 * @module
 */
import { type Refusal, refuse } from '#shared/registry/registry.ts';
import { type Act, explain, explainAct, walletSetsWith } from '#shared/registry/roles.ts';
import type { Scope } from '#shared/registry/statement.ts';
import type { Route } from '#shared/wire/route.ts';
import type { Actor } from './authenticate.ts';

type Rule = Pick<Route, 'scope' | 'on' | 'act'>;

/** What somebody may do now, and why not. */
export interface Rights {
  /** @param walletSet undefined: what concerns the organization, or all wallet sets */
  readonly explain: (scope: Scope, walletSet: string | undefined) => Refusal | undefined;
  /** Have they the scope on some wallet set at least? */
  readonly somewhere: (scope: Scope) => boolean;
  readonly explainAct: (act: Act) => Refusal | undefined;
}

export const rightsNow = ({ registry, credentialId }: Actor, nowMs: number): Rights => ({
  explain: (scope, walletSet) => explain(registry, credentialId, scope, walletSet, nowMs),
  somewhere: (scope) => {
    const { all, only } = walletSetsWith(registry, credentialId, scope, nowMs);
    return all || only.length > 0;
  },
  explainAct: (act) => explainAct(registry, credentialId, act, nowMs),
});

/**
 * @param walletSet of the thing that is asked about, on routes `on: 'one'`; undefined while it is not known:
 * then the scope is needed on some wallet set at least
 * @throws {CustodyError} `scope_missing`, `role_missing`
 */
export function assertRight(rights: Rights, { scope, on, act }: Rule, walletSet: string | undefined): void {
  if (scope === 'public') return;
  const missing = act === undefined ? undefined : rights.explainAct(act);
  if (missing !== undefined) refuse(missing);
  if ((on === 'some' || (on === 'one' && walletSet === undefined)) && rights.somewhere(scope)) return;
  const refusal = rights.explain(scope, on === 'one' ? walletSet : undefined);
  if (refusal !== undefined) refuse(refusal);
}

/** @throws {CustodyError} as {@link assertRight} */
export const assertMay = (actor: Actor, rule: Rule, walletSet: string | undefined, nowMs: number): void =>
  assertRight(rightsNow(actor, nowMs), rule, walletSet);

/** Does the rule let somebody ask about things of this wallet set, or of all? */
export const reaches = (rights: Rights, { scope }: Rule, walletSet: string | undefined): boolean =>
  scope === 'public' || rights.explain(scope, walletSet) === undefined;
