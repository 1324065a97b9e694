/**
 * Signatures that wait for approvals, to whoever sees their wallet set.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import type { Registry } from '#shared/registry/registry.ts';
import type { Query, Answer as Reply } from '#shared/wire/routes.ts';
import { approvalView } from '../approvals.ts';
import type { Clock } from '../ports.ts';
import type { ApprovalRecord, Approvals } from '../stores/approvals.ts';
import type { Resources } from '../stores/resources.ts';

interface ApprovalPorts {
  readonly approvals: Approvals;
  readonly resources: Resources;
  readonly clock: Clock;
}

/** A page of them; those of other states are left out, so that a page may be short. */
export async function listApprovals(
  { approvals, resources, clock }: ApprovalPorts,
  registry: Registry,
  { wallet, state }: Pick<Query<'listApprovals'>, 'wallet' | 'state'>,
  page: { readonly limit: number; readonly cursor?: string },
  sees: (walletSet: string) => boolean,
): Promise<Reply<'listApprovals'>> {
  const { items, cursor } = await approvals.list(registry.organization, wallet, page);
  const own = items.filter(
    ({ organization, walletSet }) => organization === registry.organization && sees(walletSet),
  );
  const views = await Promise.all(own.map((one) => approvalView(resources, registry, one, clock())));
  return {
    data: views.filter((view) => state === undefined || view.state === state),
    ...(cursor !== undefined && { nextCursor: cursor }),
  };
}

/** @throws {CustodyError} `approval_not_found` */
export async function getApproval(
  { approvals, resources, clock }: ApprovalPorts,
  registry: Registry,
  id: string,
  sees: (walletSet: string) => boolean,
): Promise<Reply<'getApproval'>> {
  const record: ApprovalRecord | undefined = await approvals.find(id);
  if (record?.organization !== registry.organization || !sees(record.walletSet))
    throw new CustodyError('approval_not_found', 'no such thing');
  const view = await approvalView(resources, registry, record, clock());
  return { ...view, payload: JSON.parse(record.payload) };
}
