/**
 * Signing: decode here, compare with what the server reads, authorise, and believe nothing that comes back
 * before it verifies here.
 * @module
 */
import { toBase64url, toHex } from '../shared/bytes.ts';
import { type Intent, verifySigned } from '../shared/chains/payload.ts';
import { type CreateSignature, operationDigest } from '../shared/intent/operation.ts';
import type { SignedApproval } from '../shared/policy/approval.ts';
import type { Answer } from '../shared/wire/routes.ts';
import type { Identities } from './address-proof.ts';
import { approvalsFor } from './approvals.ts';
import { checkPromise } from './audit.ts';
import { PlanbokError } from './errors.ts';
import { onceApproved, readHeld } from './held-approvals.ts';
import type { PolicyOutcome } from './policies.ts';
import { type PayloadRequest, type Prepared, type Proven, prepare } from './prepare.ts';
import { carryOut, pages, read, type Session } from './session.ts';

export type Signature = Answer<'getSignature'>;

export interface SignRequest extends PayloadRequest {
  /** Sees what the payload does, as decoded here. Anything but true, and nothing is authorised. */
  readonly confirm?: (intent: Intent) => boolean | Promise<boolean>;
  /** False saves a round trip: the nodes decode and compare all the same, and refuse what differs. */
  readonly preview?: boolean;
  /** Of others, for this very operation: with them, the idempotency key that they are for. */
  readonly approvals?: readonly SignedApproval[];
  /**
   * How long it is kept for approvals that are missing, 0 to 604,800 (7 days); 0: it is refused. If absent, 7
   * days, or 0 if `approvals` are given.
   */
  readonly holdSeconds?: number;
  /** How long to wait for them here; not at all if absent. */
  readonly waitMs?: number;
}

/** What would be signed, as decoded here and confirmed by the server. */
export interface Preview extends Omit<Prepared, 'payload' | 'decoded'> {
  /** A forecast of the API, as if nothing had been counted in windows: both nodes decide by themselves. */
  readonly policy: PolicyOutcome | undefined;
}

export function signaturesOf(session: Session, identities: Identities, proven: Proven) {
  async function compare(
    prepared: Prepared,
    approvals: readonly SignedApproval[] | undefined,
  ): Promise<PolicyOutcome | undefined> {
    const { wallet, payload, idempotencyKey } = prepared;
    session.onProgress({ step: 'preview' });
    const theirs = await read(session, 'previewSignature', {
      body: { wallet: wallet.wallet, payload, idempotencyKey, ...(approvals && { approvals }) },
    });
    const same =
      theirs.operationDigest === prepared.operationDigest &&
      toBase64url(operationDigest(theirs.operation as CreateSignature)) === prepared.operationDigest &&
      theirs.intent.summary === prepared.intent.summary &&
      theirs.toSign.length === prepared.toSign.length &&
      prepared.toSign.every(({ bytes }, i) => theirs.toSign[i]?.bytes === toHex(bytes));
    if (!same) {
      const said = `here: ${prepared.intent.summary}; there: ${theirs.intent.summary}`;
      throw new PlanbokError('preview_mismatch', `the server reads the payload differently. ${said}`);
    }
    return theirs.policy;
  }

  async function confirmed({ intent }: Prepared, { confirm }: Pick<SignRequest, 'confirm'>): Promise<void> {
    if (confirm === undefined) return;
    session.onProgress({ step: 'confirm', detail: intent.summary });
    if ((await confirm(intent)) !== true)
      throw new PlanbokError('not_confirmed', 'the operation was not confirmed');
  }

  /** Signed by both nodes, and verified here. */
  function signed(
    prepared: Prepared,
    { holdSeconds, waitMs = 0 }: Pick<SignRequest, 'holdSeconds' | 'waitMs'>,
    approvals: readonly SignedApproval[] | undefined,
  ): Promise<Signature> {
    const { wallet, payload, decoded, operation, idempotencyKey } = prepared;
    const body = {
      payload,
      ...(approvals && { approvals }),
      ...(holdSeconds !== undefined && { holdSeconds }),
    };
    return onceApproved(session, prepared, waitMs, async () => {
      session.onProgress({ step: 'sign', detail: decoded.intent.summary });
      const made = await carryOut(session, 'createSignature', operation, body, { id: wallet.wallet });
      session.onProgress({ step: 'verify' });
      const result = {
        signature: made.signature,
        ...(made.signedTransaction !== undefined && { signedTransaction: made.signedTransaction }),
        ...(made.transactionId !== undefined && { transactionId: made.transactionId }),
      };
      if (made.wallet !== wallet.wallet || !verifySigned(payload, wallet.key, decoded, result))
        throw new PlanbokError('result_invalid', 'what came back is not a signature for this payload', {
          idempotencyKey,
        });
      const { auditPromises } = made;
      checkPromise(auditPromises.node1, 'node1', session.organization, identities);
      checkPromise(auditPromises.node2, 'node2', session.organization, identities);
      return made;
    });
  }

  return {
    /** Decodes here and at the server, and compares. @throws {PlanbokError} `preview_mismatch` */
    async preview(request: SignRequest): Promise<Preview> {
      const prepared = await prepare(session, proven, request);
      const policy = await compare(prepared, approvalsFor(prepared.operationDigest, request.approvals));
      const { payload: _, decoded: __, ...preview } = prepared;
      return { ...preview, policy };
    },
    /**
     * @throws {PlanbokError} `not_confirmed`, `preview_mismatch`; `policy_denied` and `approval_required`,
     * whose `problems` name every rule with value and limit; `result_invalid` if what came back is not a
     * signature of this wallet for this payload; `proof_invalid` if the nodes do not promise their audit records
     */
    async create(request: SignRequest): Promise<Signature> {
      const prepared = await prepare(session, proven, request);
      const approvals = approvalsFor(prepared.operationDigest, request.approvals);
      if (request.preview !== false) await compare(prepared, approvals);
      await confirmed(prepared, request);
      return signed(prepared, request, approvals);
    },
    /**
     * Goes on with what waits for approvals, under its id: what is kept must be the operation that the id names.
     * @param options.confirm sees what the payload does, as decoded here
     * @throws {PlanbokError} as {@link create}; `approval_required` if approvals are missing still
     */
    async continue(id: string, options: Pick<SignRequest, 'confirm' | 'waitMs'> = {}): Promise<Signature> {
      const { prepared } = await readHeld(session, proven, id);
      await confirmed(prepared, options);
      return signed(prepared, options, undefined);
    },
    get: (id: string): Promise<Signature> => read(session, 'getSignature', { params: { id } }),
    /** All, newest first; pages are fetched as they are asked for. */
    list: (
      options: { readonly wallet?: string; readonly limit?: number } = {},
    ): AsyncGenerator<Signature, void, undefined> =>
      pages(session, 'listSignatures', { wallet: options.wallet, limit: options.limit }),
  };
}
