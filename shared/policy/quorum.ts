/**
 * How many of those who may have approved. A person counts once; one who has said no is not counted for a
 * yes that they said as well.
 * @module
 */
import type { Voice } from './approval.ts';
import type { Quorum } from './rules.ts';

export type Tally = 'reached' | 'missing' | 'rejected';

/**
 * `rejected` once so many have said no that `required` cannot be reached any more.
 * @param voices verified: `readApprovals` leaves out the requester
 */
export function tally(
  { required, approvers }: Quorum,
  voices: readonly Voice[],
): { readonly outcome: Tally; readonly approved: number } {
  const names = (id: string, { credentialId, member }: Voice): boolean =>
    id === credentialId || id === member;
  const counted = voices.filter((voice) => approvers.some((id) => names(id, voice)));
  const members = (decision: Voice['decision']) =>
    new Set(counted.filter((voice) => voice.decision === decision).map(({ member }) => member));
  const no = members('reject');
  const approved = [...members('approve')].filter((member) => !no.has(member)).length;
  const lost = approvers.filter((id) =>
    counted.some((voice) => no.has(voice.member) && names(id, voice)),
  ).length;
  if (approved >= Number(required)) return { outcome: 'reached', approved };
  const outcome = approvers.length - lost < Number(required) ? 'rejected' : 'missing';
  return { outcome, approved };
}
