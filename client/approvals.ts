/**
 * Approvals: this credential's word on an operation that somebody else asks for. Whoever approves decodes the
 * payload here, sees what it does, and signs the digest of the operation that was computed here.
 * @module
 */
import { fromBase64url, toBase64url } from '../shared/bytes.ts';
import type { Intent } from '../shared/chains/payload.ts';
import {
  type Approval,
  approvalBytes,
  approvalMaxLifeSeconds,
  approvalOf,
  parseApproval,
  type SignedApproval,
} from '../shared/policy/approval.ts';
import { entry } from '../shared/registry/registry.ts';
import { may } from '../shared/registry/roles.ts';
import { locally, PlanbokError } from './errors.ts';
import { heldApprovalsOf } from './held-approvals.ts';
import { type PayloadRequest, type Proven, prepare } from './prepare.ts';
import type { RegistryClient } from './registry.ts';
import type { Session } from './session.ts';

export interface NewApproval extends PayloadRequest {
  /** The one that the signature is asked for with: it is part of the operation. */
  readonly idempotencyKey: string;
  readonly decision: Approval['decision'];
  /** Sees what the payload does, as decoded here. Anything but true, and nothing is signed. */
  readonly confirm: (intent: Intent, operationDigest: string) => boolean | Promise<boolean>;
  /** How long it is good for, 1 to 604,800 (7 days); 7 days if absent. */
  readonly lifeSeconds?: number;
}

export function approvalsOf(session: Session, registry: RegistryClient, proven: Proven) {
  /**
   * A document for whoever asks for the signature: it goes along as one of `approvals`.
   * @throws {PlanbokError} `not_confirmed`; `scope_missing` if this credential's word would not count
   */
  async function make({ decision, confirm, lifeSeconds, ...asked }: NewApproval): Promise<SignedApproval> {
    const life = lifeSeconds ?? approvalMaxLifeSeconds;
    if (!(Number.isInteger(life) && life >= 1 && life <= approvalMaxLifeSeconds))
      throw new PlanbokError('request_invalid', `an approval lives 1 to ${approvalMaxLifeSeconds} s`);
    const { intent, operationDigest, wallet } = await prepare(session, proven, asked);
    const known = await registry.refresh();
    const { keyId } = session.signer;
    const [, own = ''] = keyId.split('/');
    const credential = entry(known.credentials, own);
    const isMember = credential !== undefined && entry(known.members, credential.holder) !== undefined;
    if (!isMember || !may(known, own, 'approve', wallet.walletSet, session.now()))
      throw new PlanbokError(
        'scope_missing',
        `a member's credential with the scope approve on ${wallet.walletSet} is needed`,
      );
    session.onProgress({ step: 'confirm', detail: intent.summary });
    if ((await confirm(intent, operationDigest)) !== true)
      throw new PlanbokError('not_confirmed', 'the operation was not confirmed: no approval was signed');
    const approval = approvalOf(fromBase64url(operationDigest), decision, {
      keyId,
      registryHead: known.head,
      nonce: session.random(16),
      issued: Math.floor(session.now() / 1000),
      lifeSeconds: life,
    });
    return { approval, signature: toBase64url(await session.signer.sign(approvalBytes(approval))) };
  }
  return { make, ...heldApprovalsOf(session, proven, make) };
}

/**
 * Approvals as they go along with a request: of the right form, and for this operation. Whether they count,
 * both nodes say.
 * @throws {PlanbokError} `request_invalid`, `authorisation_mismatch`
 */
export function approvalsFor(
  operationDigest: string,
  given: readonly unknown[] | undefined,
): readonly SignedApproval[] | undefined {
  return given?.map((one) => {
    const signed = locally(() => parseApproval(one));
    if (signed.approval.operation !== operationDigest)
      throw new PlanbokError(
        'authorisation_mismatch',
        `the approval of ${signed.approval.keyId} is for another operation: wallet, payload and idempotency key must be the ones that were approved`,
      );
    return signed;
  });
}
