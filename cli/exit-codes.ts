/**
 * Exit codes, from the table of errors: what a script must tell apart.
 * @module
 */
import type { ClientCode } from '../client/errors.ts';
import { type ErrorCode, errorCodes } from '../shared/errors.ts';

/** Meaning of each exit code, as the help shows it. */
export const exitCodes = {
  0: 'done',
  1: 'a fault in this program, or a check of doctor that failed',
  2: 'the command line is wrong',
  3: 'the request is not valid (HTTP 400, 413, 415)',
  4: 'the credential is not accepted (401)',
  5: 'not allowed (403)',
  6: 'not found (404, 405)',
  7: 'in conflict with what exists, or locked (409, 423)',
  8: 'the payload or the key is refused (422)',
  9: 'too many requests (429)',
  10: 'the API or a node cannot be reached, or fails (5xx)',
  11: 'an answer was not believed: a proof, a preview or a result does not hold',
  12: 'a policy denies it',
  13: 'a policy asks for approvals that are missing',
  14: 'an audit log does not hold: broken, put back or rewritten',
} as const;
/** Of an export that does not hold. */
export const auditBroken = 14;
export type ExitCode = keyof typeof exitCodes;

const byStatus: Readonly<Record<number, ExitCode>> = {
  400: 3,
  413: 3,
  415: 3,
  401: 4,
  403: 5,
  404: 6,
  405: 6,
  409: 7,
  423: 7,
  422: 8,
  429: 9,
};

const byClientCode: Readonly<Record<ClientCode, ExitCode>> = {
  network_error: 10,
  response_invalid: 11,
  preview_mismatch: 11,
  not_confirmed: 5,
  proof_invalid: 11,
  registry_invalid: 11,
  audit_log_went_back: auditBroken,
  audit_log_rewritten: auditBroken,
  join_request_invalid: 11,
  result_invalid: 11,
  passkey_failed: 4,
};

/** What a policy says, of a dry run or of the real thing. */
export const outcomeExit = { allow: 0, deny: 12, needs_approval: 13 } as const;

const byCode: Partial<Record<ErrorCode, ExitCode>> = {
  policy_denied: outcomeExit.deny,
  approval_required: outcomeExit.needs_approval,
};

export function exitCodeOf(code: ErrorCode | ClientCode): ExitCode {
  if (code in byClientCode) return byClientCode[code as ClientCode];
  const { status } = errorCodes[code as ErrorCode];
  return byCode[code as ErrorCode] ?? byStatus[status] ?? 10;
}
