/**
 * Policies: what is in force, as computed here from the organization's statements; putting one in force; and
 * asking what one says of a payload.
 * @module
 */
import { toBase64url } from '../shared/bytes.ts';
import { canonicalBytes } from '../shared/intent/canonical.ts';
import type { SignedApproval } from '../shared/policy/approval.ts';
import { parsePolicy, policyDigest } from '../shared/policy/policy.ts';
import { noPolicy, type Policy } from '../shared/policy/rules.ts';
import type { Content } from '../shared/registry/kinds.ts';
import { entry } from '../shared/registry/registry.ts';
import type { Answer } from '../shared/wire/routes.ts';
import { approvalsFor } from './approvals.ts';
import { locally } from './errors.ts';
import { type PayloadRequest, type Proven, prepare } from './prepare.ts';
import type { Cosigner, RegistryClient, Stated } from './registry.ts';
import { read, type Session } from './session.ts';

export interface ListedPolicy {
  /** `*`: of all that have none of their own. */
  readonly walletSet: string;
  readonly policy: Policy;
  /** base64url of 32 bytes; absent if the document is not one that this version reads. */
  readonly digest?: string;
}

export interface Evaluation extends PayloadRequest {
  /** A draft, instead of the policy in force. */
  readonly policy?: object;
  /** With them, the idempotency key that they are for. */
  readonly approvals?: readonly SignedApproval[];
}

/** What a policy says, and why. */
export type PolicyOutcome = Pick<Answer<'evaluatePolicy'>, 'outcome' | 'reasons'>;

function listed(walletSet: string, text: string): ListedPolicy {
  const document: unknown = JSON.parse(text);
  try {
    const policy = parsePolicy(document);
    return { walletSet, policy, digest: toBase64url(policyDigest(policy)) };
  } catch {
    // Of a later version: both nodes deny everything under it, and it is shown as it is.
    return { walletSet, policy: document as Policy };
  }
}

/**
 * What a change of policy states; `statements.draft` makes it a document for others to sign.
 * @throws {PlanbokError} `request_invalid` with every problem
 */
export const policyStatement = (walletSet: string, policy: object): Content<'policy.set'> => {
  const text = locally(() => new TextDecoder().decode(canonicalBytes({ ...parsePolicy(policy) })));
  return { kind: 'policy.set', walletSet, policy: text };
};

export const policiesOf = (session: Session, registry: RegistryClient, proven: Proven) => ({
  /** Every policy that was put in force, by wallet set. */
  async list(): Promise<readonly ListedPolicy[]> {
    const { policies } = await registry.refresh();
    return Object.entries(policies).map(([walletSet, text]) => listed(walletSet, text));
  },
  /**
   * What governs a wallet set: its own policy, or the one of `*`; undefined if there is neither.
   * @throws {PlanbokError}
   */
  async get(walletSet: string): Promise<ListedPolicy | undefined> {
    const { policies } = await registry.refresh();
    for (const name of [walletSet, '*']) {
      const text = entry(policies, name);
      if (text !== undefined) return listed(name, text);
    }
    return undefined;
  },
  /**
   * @param policy a document of `planbok/policy/v1`; one without rules and permissions is none
   * @param cosigners those who must approve the change, if the policy before it names any
   * @throws {PlanbokError} `request_invalid` with every problem, before anything is sent; `approval_required`
   */
  async set(
    walletSet: string,
    policy: object = noPolicy,
    cosigners: readonly Cosigner[] = [],
  ): Promise<Stated> {
    return registry.state(policyStatement(walletSet, policy), cosigners);
  },
  /**
   * What the policy in force, or a draft, would say if this credential asked for the signature. A forecast of
   * the API: what windows hold is not known there, and both nodes decide by themselves.
   * @throws {PlanbokError}
   */
  async evaluate({ policy, approvals, ...asked }: Evaluation): Promise<Answer<'evaluatePolicy'>> {
    const { wallet, payload, idempotencyKey, operationDigest } = await prepare(session, proven, asked);
    if (policy !== undefined) locally(() => parsePolicy(policy));
    const along = approvalsFor(operationDigest, approvals);
    const body = {
      wallet: wallet.wallet,
      payload,
      idempotencyKey,
      ...(policy && { policy }),
      ...(along && { approvals: along }),
    };
    return read(session, 'evaluatePolicy', { body });
  },
});
