/**
 * Errors on the wire: RFC 9457 problem documents, made from the one table of codes.
 * @module
 */
import * as z from 'zod';
import { CustodyError, type ErrorCode, errorCodes } from '../errors.ts';

export const problemMediaType = 'application/problem+json';

export const problemDocument = z.object({
  type: z.string().describe('Where the code is explained'),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('What was wrong this time'),
  instance: z.string().describe('The path that was asked'),
  code: z.string().describe('Stable'),
  retryable: z.boolean().describe('May the same request, with a fresh authorisation, succeed unchanged?'),
  requestId: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
});
export type ProblemDocument = z.infer<typeof problemDocument>;

/** Codes whose message may say something of our insides: their title is all that leaves. */
const silent: ReadonlySet<ErrorCode> = new Set(['internal', 'share_unreadable', 'protocol_abort']);

/** What is thrown, as the caller may see it. Anything but a {@link CustodyError} is a bare `internal`. */
export function problemOf(
  thrown: unknown,
  request: { instance: string; requestId: string },
): ProblemDocument {
  const code = thrown instanceof CustodyError ? thrown.code : 'internal';
  const { status, title, retryable } = errorCodes[code];
  const detail = thrown instanceof CustodyError && !silent.has(code) ? thrown.message : title;
  const problems = thrown instanceof CustodyError ? thrown.problems : [];
  return {
    type: `urn:planbok:error:${code}`,
    title,
    status,
    detail,
    instance: request.instance,
    code,
    retryable,
    requestId: request.requestId,
    ...(problems.length > 0 ? { errors: problems.map((p) => ({ ...p })) } : {}),
  };
}
