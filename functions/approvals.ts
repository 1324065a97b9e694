/**
 * A signature that waits for approvals, as the API shows it: by the registry and the policy of now.
 * @module
 */
import { fromBase64url } from '#shared/bytes.ts';
import type { Intent } from '#shared/chains/intent.ts';
import { derivedId } from '#shared/intent/canonical.ts';
import type { Registry } from '#shared/registry/registry.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import { type Asked, type Judgement, judge, quorumsFor } from './policy.ts';
import type { ApprovalRecord } from './stores/approvals.ts';
import type { Resources } from './stores/resources.ts';

export type ApprovalView = Reply<'decideApproval'>;

/** What was asked, with the approvals that were given since. */
export const askedIn = (record: ApprovalRecord, registry: Registry): Asked => ({
  registry,
  requester: record.requester,
  walletSet: record.walletSet,
  digest: fromBase64url(record.operation),
  intent: JSON.parse(record.intent) as Intent,
  approvals: record.decisions.map(({ signed }) => signed),
});

/** The id of the signature that it is about. */
export const signatureOf = ({ operation }: Pick<ApprovalRecord, 'operation'>): string =>
  derivedId('sig', fromBase64url(operation), 0);

function stateOf(
  { state, expiresMs }: ApprovalRecord,
  isSigned: boolean,
  { outcome }: Judgement,
  nowMs: number,
): ApprovalView['state'] {
  if (isSigned) return 'completed';
  if (state !== 'open') return state;
  if (nowMs >= expiresMs) return 'expired';
  return outcome === 'allow' ? 'approved' : 'pending_approval';
}

export async function approvalView(
  resources: Pick<Resources, 'findSignature'>,
  registry: Registry,
  record: ApprovalRecord,
  nowMs: number,
): Promise<ApprovalView> {
  const asked = askedIn(record, registry);
  const judgement = judge(asked, nowMs);
  const { intent } = asked;
  const signature = signatureOf(record);
  const isSigned = (await resources.findSignature(signature)) !== undefined;
  const { id, operation, idempotencyKey, wallet, walletSet, requester, created, expiresMs, closed } = record;
  return {
    id,
    state: stateOf(record, isSigned, judgement, nowMs),
    operation,
    idempotencyKey,
    wallet,
    walletSet,
    kind: intent.kind,
    blockchain: intent.blockchain,
    intent: intent as ApprovalView['intent'],
    requester,
    quorums: quorumsFor(asked, nowMs).map(({ id: rule, required, approvers, have }) => ({
      rule,
      required,
      approvers: [...approvers],
      have: [...have],
    })),
    policy: { outcome: judgement.outcome, reasons: [...judgement.reasons] },
    created,
    expires: new Date(expiresMs).toISOString(),
    ...(closed && { closed }),
    ...(isSigned && { signature }),
  };
}
