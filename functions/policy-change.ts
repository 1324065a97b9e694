/**
 * What a node asks of a change of policy when it takes it in, and no more when it replays one: that the document
 * is a policy as this version knows it.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import { parsePolicy } from '#shared/policy/policy.ts';
import type { SignedLater } from '#shared/registry/reduce.ts';

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
