/**
 * One exchange with the API: a signed request out, a validated answer or a {@link PlanbokError} back.
 * @module
 */
import * as z from 'zod';
import { errorCodes } from '../shared/errors.ts';
import type { ActorRequest, UnsignedRequest } from '../shared/intent/http-signature.ts';
import { signatureHeaders } from '../shared/intent/http-signature.ts';
import { problemsOf, type Reason } from '../shared/policy/reasons.ts';
import { problemDocument } from '../shared/wire/problem.ts';
import { type Answer, type Route, type RouteName, routes } from '../shared/wire/routes.ts';
import { isErrorCode, type PendingApproval, PlanbokError } from './errors.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface Wire {
  /** Base URL without a path. */
  readonly url: string;
  readonly fetch: Fetch;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** How long one attempt may take. */
  readonly timeoutMs: number;
}

/** @param retryAfter seconds or an HTTP date (RFC 9110, 10.2.3). */
export function parseRetryAfter(retryAfter: string | null, nowMs: number): number | undefined {
  if (retryAfter === null) return undefined;
  const ms = /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - nowMs;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/**
 * @param request signed, or unsigned for a public route or with a token.
 * @throws {PlanbokError} `network_error` if no answer came: it may have happened all the same.
 */
export async function exchange<N extends RouteName>(
  wire: Wire,
  name: N,
  request: UnsignedRequest | ActorRequest,
  token?: string,
): Promise<Answer<N>> {
  const { method, path, query, body } = request;
  const url = `${wire.url}${path}${query === '?' ? '' : query}`;
  const headers: Record<string, string> = {
    accept: 'application/json, application/problem+json',
    ...(body.length > 0 ? { 'content-type': 'application/json' } : {}),
    ...('signature' in request ? signatureHeaders(request) : {}),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const init: RequestInit = {
    method,
    headers,
    // Never with cookies, never from a cache, never to another place.
    credentials: 'omit',
    cache: 'no-store',
    redirect: 'error',
    signal: AbortSignal.timeout(wire.timeoutMs),
    ...(body.length > 0 ? { body: Uint8Array.from(body) } : {}),
  };
  let response: Response;
  let text: string;
  try {
    response = await wire.fetch(url, init);
    text = await response.text();
  } catch (cause) {
    throw new PlanbokError('network_error', `no answer from ${wire.url}`, { retryable: true, cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (!response.ok) throw failure(wire, response, value);
  const { response: done, pending }: Route = routes[name];
  const { status } = response;
  if (status === 202 && pending) throw waiting(parsed(pending, name, status, value) as PendingApproval);
  return parsed(done, name, status, value) as Answer<N>;
}

/** @throws {PlanbokError} `response_invalid` */
function parsed(schema: z.ZodType, name: RouteName, status: number, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new PlanbokError('response_invalid', `${name}: ${z.prettifyError(result.error)}`, { status });
}

/** The same error as if it had been refused, and what is kept instead. */
function waiting(approval: PendingApproval): PlanbokError {
  const { id, policy } = approval;
  const problems = problemsOf(policy.reasons as readonly Reason[]);
  const message = `it waits for approvals as ${id}: ${problems[0]?.detail ?? approval.state}`;
  return new PlanbokError('approval_required', message, { status: 202, problems, approval });
}

function failure(wire: Wire, response: Response, value: unknown): PlanbokError {
  const { status, headers } = response;
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'), wire.now());
  const problem = problemDocument.safeParse(value);
  if (!problem.success || !isErrorCode(problem.data.code)) {
    // A gateway in between has its own words: its status is all that can be understood.
    const code =
      status === 429
        ? 'rate_limited'
        : status >= 502 && status <= 504
          ? 'node_unavailable'
          : 'response_invalid';
    const retryable = code !== 'response_invalid';
    return new PlanbokError(code, `HTTP ${status} from ${wire.url}`, { status, retryable, retryAfterMs });
  }
  const { code, detail, requestId, errors } = problem.data;
  return new PlanbokError(code, code === 'authorisation_expired' ? detail + skew(wire, headers) : detail, {
    status,
    retryable: errorCodes[code].retryable,
    requestId,
    retryAfterMs,
    problems: errors ?? [],
  });
}

/** Says so if the clocks explain an expired authorisation. */
function skew(wire: Wire, headers: Headers): string {
  const seconds = Math.round((wire.now() - Date.parse(headers.get('date') ?? '')) / 1000);
  if (!(Math.abs(seconds) > 20)) return '';
  return ` (this clock is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} the server's)`;
}
