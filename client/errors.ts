/**
 * What the client throws: one class, told apart by `code`.
 * @module
 */
import { CustodyError, type ErrorCode, errorCodes } from '../shared/errors.ts';
import type { Answer } from '../shared/wire/routes.ts';
import type { AuditEvidence } from './checkpoint-store.ts';

/** Failures that the client itself finds. The others are the server's, from the one table of codes. */
export const clientCodes = {
  network_error: 'The API cannot be reached',
  response_invalid: 'The answer is not one that this client understands',
  preview_mismatch: 'The server reads the payload differently than this client: nothing was authorised',
  not_confirmed: 'The operation was not confirmed: nothing was authorised',
  proof_invalid: "An address, a receipt or an audit record is not proven by the nodes' pinned identities",
  registry_invalid: "The organization's statements do not hold, or lack one that was seen before",
  audit_log_went_back: 'An audit log is smaller than it was: what was recorded is missing',
  audit_log_rewritten: 'An audit log does not continue what was seen of it before',
  join_request_invalid: 'The request to join does not hold, or is not the one that was read out',
  result_invalid: 'What came back is not what was asked for',
  passkey_failed: 'The passkey was not made, or did not sign',
} as const;
export type ClientCode = keyof typeof clientCodes;

/** A signature that waits for approvals, as the API shows it. */
export type PendingApproval = Answer<'decideApproval'>;

interface Details {
  /** HTTP status; 0 if there was no answer. */
  readonly status?: number;
  readonly retryable?: boolean;
  /** Names the request in the server's logs. */
  readonly requestId?: string | undefined;
  /** How long the server asks to wait. */
  readonly retryAfterMs?: number | undefined;
  /** Ask again with this key, and it is the same operation. */
  readonly idempotencyKey?: string | undefined;
  readonly problems?: readonly { readonly pointer: string; readonly detail: string }[];
  /** Of an audit log that contradicts itself. */
  readonly evidence?: AuditEvidence | undefined;
  readonly approval?: PendingApproval | undefined;
  readonly cause?: unknown;
}

export class PlanbokError extends Error {
  override readonly name = 'PlanbokError';
  readonly code: ErrorCode | ClientCode;
  readonly status: number;
  readonly retryable: boolean;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly idempotencyKey: string | undefined;
  readonly problems: readonly { readonly pointer: string; readonly detail: string }[];
  readonly evidence: AuditEvidence | undefined;
  /** Of `approval_required`: what is kept for those who may approve, if it is. */
  readonly approval: PendingApproval | undefined;
  constructor(code: ErrorCode | ClientCode, message: string, details: Details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = details.status ?? 0;
    this.retryable = details.retryable ?? false;
    this.requestId = details.requestId;
    this.retryAfterMs = details.retryAfterMs;
    this.idempotencyKey = details.idempotencyKey;
    this.problems = details.problems ?? [];
    this.evidence = details.evidence;
    this.approval = details.approval;
  }
}

export const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(errorCodes, code);

/** Runs what the servers run too, and throws what it refuses as this client's error, with the same code. */
export function locally<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof CustodyError)) throw error;
    throw new PlanbokError(error.code, error.message, { problems: error.problems, cause: error });
  }
}
