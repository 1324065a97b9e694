/**
 * Policies in force: which one governs a wallet set, and what it says of an operation. Both nodes and the
 * previews run this, each on its own registry and on what it decoded itself; windows are counted at Node 2.
 * @module
 */
import type { Bytes } from '#shared/bytes.ts';
import type { Intent } from '#shared/chains/intent.ts';
import { CustodyError, type Problem } from '#shared/errors.ts';
import { type ApprovalContext, readApprovals, type SignedApproval } from '#shared/policy/approval.ts';
import { type Decision, decide, nothingSpent, quorumsOf, type Spent } from '#shared/policy/decide.ts';
import { parsePolicy } from '#shared/policy/policy.ts';
import { approvedBy } from '#shared/policy/quorum.ts';
import { problemsOf } from '#shared/policy/reasons.ts';
import { type ApprovalsRule, noPolicy, type Policy } from '#shared/policy/rules.ts';
import { spendsOf } from '#shared/policy/spends.ts';
import { reservationsOf } from '#shared/policy/windows.ts';
import { policyText } from '#shared/registry/policy-change.ts';
import { entry, knowsHead, type Registry } from '#shared/registry/registry.ts';
import { may } from '#shared/registry/roles.ts';
import { verifyWithOpenssl } from './authenticate.ts';
import type { AuthorisedSignature } from './intake.ts';
import { recent } from './recent.ts';
import type { Windows } from './stores/windows.ts';

/** An operation that somebody asks for. */
export interface Asked {
  readonly registry: Registry;
  /** The member or API key that asks. */
  readonly requester: string;
  readonly walletSet: string;
  /** Digest of the operation, 32 bytes. */
  readonly digest: Bytes;
  /** What this program decoded itself. */
  readonly intent: Intent;
  readonly approvals: readonly SignedApproval[];
}

/** @param authorised as both nodes read it from the actor's request */
export const askedOf = ({ actor, wallet, digest, decoded, approvals }: AuthorisedSignature): Asked => ({
  registry: actor.registry,
  requester: actor.credential.holder,
  walletSet: wallet.walletSet,
  digest,
  intent: decoded.intent,
  approvals,
});

export interface Judgement extends Decision {
  /** Why approvals that came along do not count. */
  readonly refused: readonly Problem[];
}

const parsed = recent(200, (text: string): Policy => parsePolicy(JSON.parse(text)));

/**
 * The policy of the wallet set; if it has none, the one of `*`; if there is none, {@link noPolicy}.
 * @returns undefined if its text is not one that this version reads
 */
export function policyInForce(registry: Registry, walletSet: string): Policy | undefined {
  const text = policyText(registry, walletSet);
  if (text === undefined) return noPolicy;
  try {
    return parsed(text);
  } catch {
    return undefined;
  }
}

/** Who may approve here, by credential: members only, since an API key is nobody's own word. */
const approverIn =
  (registry: Registry, walletSet: string, atMs: number): ApprovalContext['approver'] =>
  (id) => {
    const credential = entry(registry.credentials, id);
    const isMember = credential !== undefined && entry(registry.members, credential.holder) !== undefined;
    if (!isMember || !may(registry, id, 'approve', walletSet, atMs)) return undefined;
    return { credential, member: credential.holder };
  };

/** What an approval of the operation is held against. */
export const approvalContext = (
  { registry, requester, walletSet, digest }: Omit<Asked, 'intent' | 'approvals'>,
  nowMs: number,
): ApprovalContext => ({
  organization: registry.organization,
  operation: digest,
  requester,
  approver: approverIn(registry, walletSet, nowMs),
  knowsHead: (head) => knowsHead(registry, head),
  nowMs,
});

/**
 * What the policy says.
 * @param policy a draft instead of the one in force
 */
export function judge(
  asked: Asked,
  nowMs: number,
  {
    spentInWindow = nothingSpent,
    policy = policyInForce(asked.registry, asked.walletSet),
  }: {
    readonly spentInWindow?: (rule: string, asset: string, seconds: number) => Spent;
    readonly policy?: Policy | undefined;
  } = {},
): Judgement {
  const { effects, kind, blockchain } = asked.intent;
  if (policy === undefined) {
    // Perhaps of a later version: what it forbids is not known.
    const limit = 'this version cannot read the policy';
    const value = asked.walletSet;
    const reason = { rule: 'default', code: 'not_understood', pointer: '', value, limit } as const;
    return { outcome: 'deny', reasons: [reason], spends: spendsOf(effects), refused: [] };
  }
  const { voices, refused } = readApprovals(
    asked.approvals,
    approvalContext(asked, nowMs),
    verifyWithOpenssl,
  );
  const facts = { effects, kind, blockchain, atMs: nowMs, spentInWindow, approvals: voices };
  return {
    ...decide(policy, facts),
    refused: refused.map(({ code, message }) => ({ pointer: '/approvals', detail: `${code}: ${message}` })),
  };
}

/** A rule that asks for approvals of an operation, and the members whose approval counts now. */
export interface Asking extends ApprovalsRule {
  readonly have: readonly string[];
}

/** Of the policy in force; none if it cannot be read. */
export function quorumsFor(asked: Asked, nowMs: number): readonly Asking[] {
  const policy = policyInForce(asked.registry, asked.walletSet);
  if (policy === undefined) return [];
  const { voices } = readApprovals(asked.approvals, approvalContext(asked, nowMs), verifyWithOpenssl);
  return quorumsOf(policy, asked.intent).map((rule) => ({ ...rule, have: approvedBy(rule, voices) }));
}

/** @throws {CustodyError} `policy_denied`, `approval_required`, with every rule and its values */
export function assertAllowed({ outcome, reasons, refused }: Omit<Judgement, 'spends'>): void {
  if (outcome === 'allow') return;
  const problems = [...problemsOf(reasons), ...refused];
  const first = problems[0]?.detail ?? '';
  if (outcome === 'deny')
    throw new CustodyError('policy_denied', `the policy denies this: ${first}`, { problems });
  throw new CustodyError('approval_required', `the policy asks for approvals: ${first}`, { problems });
}

/**
 * Counts the operation in the windows of its policy, once, before anything of it leaves Node 2. Without
 * window rules nothing is read or written.
 * @throws {CustodyError} `policy_denied` naming the window that is full; `storage_unavailable`
 */
export async function countInWindows(windows: Windows, asked: Asked, nowMs: number): Promise<void> {
  const policy = policyInForce(asked.registry, asked.walletSet);
  // One that cannot be read was denied before.
  const reservations = policy === undefined ? [] : reservationsOf(policy, asked.intent);
  const full = await windows.reserve(asked.walletSet, asked.digest, reservations, nowMs);
  if (full === null) return;
  const spentInWindow = (rule: string): Spent => (rule === full.rule ? full : nothingSpent());
  assertAllowed(judge(asked, nowMs, { spentInWindow }));
  throw new CustodyError('policy_denied', `the window ${full.rule} is full`);
}
