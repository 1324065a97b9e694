/**
 * Approvals: a person's word on one operation, signed by a credential of their own. Whoever decides verifies
 * every approval itself; nobody approves their own request, and one person counts once, whatever number of
 * credentials they have.
 * @module
 */
import { type Bytes, concat, equalBytes, fromBase64url, toBase64url, utf8 } from '../bytes.ts';
import { CustodyError, type ErrorCode } from '../errors.ts';
import { clockToleranceSeconds } from '../intent/authorisation.ts';
import { canonicalBytes } from '../intent/canonical.ts';
import { isSignature, type PublicKey, type Verify, verifyWithCredential } from '../registry/statement.ts';

/** As long as an operation can be retried, seconds. */
export const approvalMaxLifeSeconds = 7 * 24 * 3600;

/** Times are decimal strings of epoch seconds. */
export interface Approval {
  readonly type: 'planbok/approval/v1';
  /** base64url of the operation digest, 32 bytes. */
  readonly operation: string;
  readonly decision: 'approve' | 'reject';
  /** `organization/credential`, as in an authorisation. */
  readonly keyId: string;
  /** The newest registry head that the approver has seen. */
  readonly registryHead: string;
  readonly issued: string;
  readonly expires: string;
  /** base64url of 16 random bytes. */
  readonly nonce: string;
}

export interface SignedApproval {
  readonly approval: Approval;
  /** base64url over {@link approvalBytes}, as of statements. */
  readonly signature: string;
}

export const approvalBytes = (approval: Approval): Bytes =>
  concat(utf8('planbok/approval-signature/v1\0'), canonicalBytes(approval));

const bytesOf = (length: number) => (value: string) => {
  try {
    return fromBase64url(value).length === length;
  } catch {
    return false;
  }
};
const seconds = (value: string): boolean => /^[1-9][0-9]{0,11}$/.test(value);
const members: Readonly<Record<keyof Approval, (value: string) => boolean>> = {
  type: (value) => value === 'planbok/approval/v1',
  operation: bytesOf(32),
  decision: (value) => value === 'approve' || value === 'reject',
  keyId: (value) => /^org_[a-z2-7]{52}\/key_[a-z2-7]{26}$/.test(value),
  registryHead: (value) => value.length > 0 && value.length <= 200 && value.isWellFormed(),
  issued: seconds,
  expires: seconds,
  nonce: bytesOf(16),
};

/** @throws {CustodyError} `request_invalid` with the member that is wrong */
export function parseApproval(json: unknown): SignedApproval {
  const refuse = (pointer: string): never => {
    const problems = [{ pointer, detail: 'is not what an approval has here' }];
    throw new CustodyError('request_invalid', 'this is not a signed approval', { problems });
  };
  const { approval, signature, ...rest } = (json ?? {}) as Record<string, unknown>;
  if (Object.keys(rest).length > 0) return refuse('');
  if (!isSignature(signature)) return refuse('/signature');
  if (typeof approval !== 'object' || approval === null) return refuse('/approval');
  const given = new Map<string, unknown>(Object.entries(approval));
  if (given.size !== Object.keys(members).length) return refuse('/approval');
  for (const [name, holds] of Object.entries(members)) {
    const value = given.get(name);
    if (typeof value !== 'string' || !holds(value)) return refuse(`/approval/${name}`);
  }
  return { approval: Object.fromEntries(given) as unknown as Approval, signature };
}

/** A credential that may approve, and whose it is. */
export interface Approver {
  readonly credential: PublicKey;
  readonly member: string;
}

/** What the one who decides knows by itself. */
export interface ApprovalContext {
  readonly organization: string;
  /** Digest of the operation, 32 bytes. */
  readonly operation: Bytes;
  /** The member who asks for the operation. */
  readonly requester: string;
  /** By credential id; undefined unless it exists now, is not revoked, and may approve here. */
  readonly approver: (credentialId: string) => Approver | undefined;
  /** Is this a head of this organization's registry that was seen here? */
  readonly knowsHead: (head: string) => boolean;
  readonly nowMs: number;
}

/** An approval that was verified. */
export interface Voice {
  readonly credentialId: string;
  readonly member: string;
  readonly decision: 'approve' | 'reject';
}

/**
 * @param verify another strict implementation of the same verification
 * @throws {CustodyError} `credential_unknown`, `signature_invalid`, `authorisation_mismatch` (another
 * operation), `authorisation_expired`, `registry_behind`, `policy_denied` (one's own request)
 */
export function readApproval(
  { approval, signature }: SignedApproval,
  context: ApprovalContext,
  verify: Verify = verifyWithCredential,
): Voice {
  const refuse = (code: ErrorCode, message: string): never => {
    throw new CustodyError(code, message);
  };
  const [organization = '', credentialId = ''] = approval.keyId.split('/');
  const approver = organization === context.organization ? context.approver(credentialId) : undefined;
  if (approver === undefined) return refuse('credential_unknown', 'no such approver');
  if (!verify(approver.credential, approvalBytes(approval), fromBase64url(signature)))
    return refuse('signature_invalid', 'the approval is not signed by its approver');
  if (!equalBytes(fromBase64url(approval.operation), context.operation))
    return refuse('authorisation_mismatch', 'the approval is for another operation');
  const [from, to, now] = [Number(approval.issued), Number(approval.expires), context.nowMs / 1000];
  if (!(to > from && to - from <= approvalMaxLifeSeconds))
    return refuse('authorisation_expired', `an approval lives at most ${approvalMaxLifeSeconds} s`);
  if (!(now >= from - clockToleranceSeconds && now <= to))
    return refuse('authorisation_expired', 'the approval is expired, or not yet valid');
  if (!context.knowsHead(approval.registryHead))
    return refuse('registry_behind', 'the approval names a registry head that is not known here');
  if (approver.member === context.requester)
    return refuse('policy_denied', 'nobody approves their own request');
  return { credentialId, member: approver.member, decision: approval.decision };
}

/** Every approval that verifies, and why the others do not. One that does not verify is as if it were not there. */
export function readApprovals(
  given: readonly SignedApproval[],
  context: ApprovalContext,
  verify?: Verify,
): { readonly voices: readonly Voice[]; readonly refused: readonly CustodyError[] } {
  const voices: Voice[] = [];
  const refused: CustodyError[] = [];
  for (const signed of given) {
    try {
      voices.push(readApproval(signed, context, verify));
    } catch (error) {
      if (!(error instanceof CustodyError)) throw error;
      refused.push(error);
    }
  }
  return { voices, refused };
}

/** An approval as its approver signs it. `nonce` is 16 random bytes. */
export const approvalOf = (
  operation: Bytes,
  decision: Approval['decision'],
  {
    keyId,
    registryHead,
    nonce,
    issued,
    lifeSeconds = approvalMaxLifeSeconds,
  }: {
    readonly keyId: string;
    readonly registryHead: string;
    readonly nonce: Bytes;
    /** Epoch seconds. */
    readonly issued: number;
    readonly lifeSeconds?: number;
  },
): Approval => ({
  type: 'planbok/approval/v1',
  operation: toBase64url(operation),
  decision,
  keyId,
  registryHead,
  issued: String(issued),
  expires: String(issued + lifeSeconds),
  nonce: toBase64url(nonce),
});
