/**
 * Signatures that wait for approvals: kept by Node 1, whose word on what they do counts for nothing here. The
 * id of one follows from the operation, so what is kept under an id can be decoded again and compared.
 * @module
 */
import { fromBase64url } from '../shared/bytes.ts';
import { derivedId } from '../shared/intent/canonical.ts';
import type { SignedApproval } from '../shared/policy/approval.ts';
import type { Answer } from '../shared/wire/routes.ts';
import type { NewApproval } from './approvals.ts';
import { type PendingApproval, PlanbokError } from './errors.ts';
import { type Payload, type Prepared, type Proven, prepare } from './prepare.ts';
import { change, pages, read, type Session } from './session.ts';

/** With its payload. */
export type HeldApproval = Answer<'getApproval'>;

/** What is kept, and what it does as decoded here. */
export interface ReadApproval {
  readonly held: HeldApproval;
  readonly prepared: Prepared;
}

export interface ApprovalFilter {
  readonly state?: PendingApproval['state'];
  readonly wallet?: string;
  readonly limit?: number;
}

export type Decision = Pick<NewApproval, 'confirm' | 'lifeSeconds'>;

/** The id under which an operation waits. */
const idOf = ({ operationDigest }: Pick<Prepared, 'operationDigest'>): string =>
  derivedId('apr', fromBase64url(operationDigest), 0);

/** @throws {PlanbokError} `preview_mismatch` if what is kept under the id is not the operation that it names */
export async function readHeld(session: Session, proven: Proven, id: string): Promise<ReadApproval> {
  const held = await read(session, 'getApproval', { params: { id } });
  const { wallet, idempotencyKey } = held;
  const payload = held.payload as Payload;
  const prepared = await prepare(session, proven, { wallet, payload, idempotencyKey });
  if (idOf(prepared) !== id || held.operation !== prepared.operationDigest)
    throw new PlanbokError('preview_mismatch', `what is kept as ${id} is not what it was kept for`);
  return { held, prepared };
}

/** How often a request that waits is looked at again. */
const pollMs = 2_000;

/**
 * Signs; if approvals are missing, again once they are there.
 * @param waitMs how long to wait for them
 * @throws {PlanbokError} what `sign` throws: `approval_required` if the time is over; `result_invalid` if
 * something else waits
 */
export async function onceApproved<T>(
  session: Session,
  prepared: Prepared,
  waitMs: number,
  sign: () => Promise<T>,
): Promise<T> {
  const id = idOf(prepared);
  let waitedMs = 0;
  for (;;) {
    try {
      return await sign();
    } catch (error) {
      if (!(error instanceof PlanbokError) || error.approval === undefined) throw error;
      if (error.approval.id !== id || error.approval.operation !== prepared.operationDigest)
        throw new PlanbokError('result_invalid', 'another operation is kept for approvals', { cause: error });
      if (waitedMs >= waitMs) throw error;
    }
    session.onProgress({ step: 'wait', detail: `for approvals of ${id}` });
    let state: PendingApproval['state'];
    do {
      await session.sleep(pollMs);
      waitedMs += pollMs;
      ({ state } = await read(session, 'getApproval', { params: { id } }));
    } while (state === 'pending_approval' && waitedMs < waitMs);
  }
}

/** @param make signs an approval of what it decodes itself */
export function heldApprovalsOf(
  session: Session,
  proven: Proven,
  make: (approval: NewApproval) => Promise<SignedApproval>,
) {
  async function decide(
    id: string,
    decision: NewApproval['decision'],
    options: Decision,
  ): Promise<PendingApproval> {
    const { held } = await readHeld(session, proven, id);
    const { wallet, idempotencyKey } = held;
    const payload = held.payload as Payload;
    const signed = await make({ wallet, payload, idempotencyKey, decision, ...options });
    return change(session, 'decideApproval', { params: { id }, body: signed });
  }
  return {
    /** Newest first; what they do is as Node 1 says, until {@link get} decodes it here. */
    list: ({ state, wallet, limit }: ApprovalFilter = {}): AsyncGenerator<PendingApproval, void, undefined> =>
      pages(session, 'listApprovals', { state, wallet, limit }),
    /** One, decoded here. @throws {PlanbokError} `preview_mismatch` */
    get: (id: string): Promise<ReadApproval> => readHeld(session, proven, id),
    /** This credential's yes, to what `confirm` sees. @throws {PlanbokError} */
    approve: (id: string, options: Decision): Promise<PendingApproval> => decide(id, 'approve', options),
    /** This credential's no, which ends it. @throws {PlanbokError} */
    reject: (id: string, options: Decision): Promise<PendingApproval> => decide(id, 'reject', options),
    /** By who asked. @throws {PlanbokError} `approver_refused`, `approval_closed` */
    cancel: (id: string): Promise<PendingApproval> => change(session, 'cancelApproval', { params: { id } }),
  };
}
