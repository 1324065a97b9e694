/**
 * How many of those who may have approved. A person counts once; one who has said no is not counted for a
 * yes that they said as well.
 * @module
 */
import type { Voice } from './approval.ts';
import type { Finding } from './reasons.ts';
import { limits, type Quorum } from './rules.ts';

export type Tally = 'reached' | 'missing' | 'rejected';

type Named = Pick<Quorum, 'approvers'>;

const names = (id: string, { credentialId, member }: Voice): boolean => id === credentialId || id === member;

/** Is it one of those who are asked? */
export const isNamed = ({ approvers }: Named, voice: Voice): boolean =>
  approvers.some((id) => names(id, voice));

const membersWho = (quorum: Named, voices: readonly Voice[], decision: Voice['decision']): Set<string> =>
  new Set(
    voices
      .filter((voice) => voice.decision === decision && isNamed(quorum, voice))
      .map(({ member }) => member),
  );

/** Members whose yes counts. @param voices verified: `readApprovals` leaves out the requester */
export function approvedBy(quorum: Named, voices: readonly Voice[]): readonly string[] {
  const no = membersWho(quorum, voices, 'reject');
  return [...membersWho(quorum, voices, 'approve')].filter((member) => !no.has(member));
}

/**
 * `rejected` once so many have said no that `required` cannot be reached any more.
 * @param voices verified: `readApprovals` leaves out the requester
 */
export function tally(
  quorum: Quorum,
  voices: readonly Voice[],
): { readonly outcome: Tally; readonly approved: number } {
  const { required, approvers } = quorum;
  const approved = approvedBy(quorum, voices).length;
  if (approved >= Number(required)) return { outcome: 'reached', approved };
  const no = membersWho(quorum, voices, 'reject');
  const lost = approvers.filter((id) => voices.some((voice) => no.has(voice.member) && names(id, voice)));
  const outcome = approvers.length - lost.length < Number(required) ? 'rejected' : 'missing';
  return { outcome, approved };
}

/** Nothing, if enough of them approve; otherwise how many have. */
export function judgeQuorum(quorum: Quorum, voices: readonly Voice[]): readonly Finding[] {
  const { outcome, approved } = tally(quorum, voices);
  if (outcome === 'reached') return [];
  const code = outcome === 'missing' ? 'approvals_missing' : 'approvals_rejected';
  const limit = `${quorum.required} of ${quorum.approvers.length} approvers`;
  return [{ code, pointer: '', value: String(approved), limit }];
}

/** The quorum, if it is one that can be reached by its number. */
export function quorumOf(value: unknown): Quorum | undefined {
  const { required, approvers } = (value ?? {}) as {
    readonly required?: unknown;
    readonly approvers?: unknown;
  };
  const isNumber = typeof required === 'string' && /^[1-9][0-9]?$/.test(required);
  if (!isNumber || !Array.isArray(approvers) || approvers.length > limits.approvers) return undefined;
  const isList = approvers.every((one) => typeof one === 'string');
  return isList && Number(required) <= approvers.length ? { required, approvers } : undefined;
}
