/**
 * What a node asks of a change of policy besides the Owner's signature: that the document is a policy, and
 * that those whom the policy before it names have signed the same statement.
 * @module
 */
import { fromBase64url } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Voice } from '#shared/policy/approval.ts';
import { decideChange } from '#shared/policy/decide.ts';
import { parsePolicy } from '#shared/policy/policy.ts';
import type { SignedLater } from '#shared/registry/reduce.ts';
import { entry, type Registry } from '#shared/registry/registry.ts';
import { statementBytes } from '#shared/registry/statement.ts';
import { verifyWithOpenssl } from './authenticate.ts';
import { approverIn, assertAllowed, policyInForce } from './policy.ts';

/** @throws {CustodyError} `statement_refused` with every problem of the document */
export function assertPolicy({ statement }: SignedLater): void {
  if (statement.kind !== 'policy.set') return;
  try {
    parsePolicy(JSON.parse(statement.policy));
  } catch (error) {
    if (!(error instanceof CustodyError)) throw error;
    const problems = error.problems.map(({ pointer, detail }) => ({
      pointer: `/statement/policy${pointer}`,
      detail,
    }));
    throw new CustodyError('statement_refused', error.message, { problems });
  }
}

/**
 * The quorum of the policy that is replaced. It depends on the log alone, so both nodes come to the same.
 * @param atMs time of the statement
 * @throws {CustodyError} `approval_required`
 */
export function assertChangeApproved(before: Registry, signed: SignedLater, atMs: number): void {
  const { statement } = signed;
  if (statement.kind !== 'policy.set') return;
  const current = policyInForce(before, statement.walletSet);
  // One that cannot be read names nobody; it denies everything until an Owner replaces it.
  if (current === undefined) return;
  assertAllowed({ ...decideChange(current, voicesOf(before, signed, atMs)), refused: [] });
}

/** The cosignatures of members who may approve there, and did not make the statement themselves. */
function voicesOf(before: Registry, { statement, cosignatures = [] }: SignedLater, atMs: number): Voice[] {
  if (statement.kind !== 'policy.set') return [];
  const approver = approverIn(before, statement.walletSet, atMs);
  const maker = entry(before.credentials, statement.actor)?.holder;
  const message = statementBytes(statement);
  return cosignatures.flatMap(({ by, signature }) => {
    const found = approver(by);
    if (found === undefined || found.member === maker) return [];
    if (!verifyWithOpenssl(found.credential, message, fromBase64url(signature))) return [];
    return [{ credentialId: by, member: found.member, decision: 'approve' as const }];
  });
}
