/**
 * A change of a policy that guards itself: those whom the policy before it names sign the same statement. It
 * depends on the log alone, so whoever replays the log comes to the same.
 * @module
 */
import { CustodyError } from '../errors.ts';
import type { Voice } from '../policy/approval.ts';
import { isNamed, judgeQuorum, quorumOf } from '../policy/quorum.ts';
import { problemsOf } from '../policy/reasons.ts';
import type { Quorum } from '../policy/rules.ts';
import type { Acting } from './acting.ts';
import { entry, type Registry } from './registry.ts';
import { may } from './roles.ts';

/** The text of the policy that governs a wallet set: its own, or that of `*`. */
export const policyText = ({ policies }: Pick<Registry, 'policies'>, walletSet: string): string | undefined =>
  entry(policies, walletSet) ?? entry(policies, '*');

/**
 * Who must cosign a change of what governs the wallet set; undefined: nobody. Read by itself: a version that
 * cannot read some rule of the policy asks for the same people as one that can.
 */
export function changeQuorum(registry: Pick<Registry, 'policies'>, walletSet: string): Quorum | undefined {
  const text = policyText(registry, walletSet);
  if (text === undefined) return undefined;
  const { type, changes } = (JSON.parse(text) ?? {}) as {
    readonly type?: unknown;
    readonly changes?: unknown;
  };
  return type === 'planbok/policy/v1' ? quorumOf(changes) : undefined;
}

/** The word of a credential for the actor's change, if it is that of somebody else who may approve there. */
function voiceOf(
  { registry, time }: Pick<Acting, 'registry' | 'time'>,
  actor: string,
  walletSet: string,
  by: string,
) {
  const credential = entry(registry.credentials, by);
  const isOther =
    credential !== undefined &&
    entry(registry.members, credential.holder) !== undefined &&
    credential.holder !== entry(registry.credentials, actor)?.holder;
  if (!isOther || !may(registry, by, 'approve', walletSet, Date.parse(time))) return undefined;
  return { credential, voice: { credentialId: by, member: credential.holder, decision: 'approve' } as const };
}

/** Would the credential's cosignature count? For whoever is asked for it. */
export function countsForChange(registry: Registry, actor: string, walletSet: string, by: string): boolean {
  const quorum = changeQuorum(registry, walletSet);
  const found = voiceOf({ registry, time: registry.time }, actor, walletSet, by);
  return quorum !== undefined && found !== undefined && isNamed(quorum, found.voice);
}

/** @throws {CustodyError} `approval_required` */
export function assertChangeApproved(acting: Acting, actor: string, walletSet: string): void {
  const quorum = changeQuorum(acting.registry, walletSet);
  if (quorum === undefined) return;
  const voices = acting.cosignatures.flatMap(({ by }): Voice[] => {
    const found = voiceOf(acting, actor, walletSet, by);
    return found !== undefined && acting.cosigned(found.credential, by) ? [found.voice] : [];
  });
  const reasons = judgeQuorum(quorum, voices).map((found) => ({ rule: 'changes', ...found }));
  const problems = problemsOf(reasons);
  const [first] = problems;
  if (first === undefined) return;
  throw new CustodyError('approval_required', `the policy asks for approvals: ${first.detail}`, { problems });
}
