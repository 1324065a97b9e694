/**
 * The one wrapper of the API's Lambda functions: an API Gateway proxy event becomes a signed request and its
 * route; what the use case yields or throws becomes JSON or a problem document.
 * @module
 */
import middy from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { utf8 } from '#shared/bytes.ts';
import { CustodyError, errorCodes } from '#shared/errors.ts';
import { type ActorRequest, signatureClaim } from '#shared/intent/http-signature.ts';
import { bearerIn, parseBearer } from '#shared/wire/bearer-token.ts';
import { readParams, readQuery } from '#shared/wire/parse.ts';
import { problemMediaType, problemOf } from '#shared/wire/problem.ts';
import { canonicalQuery } from '#shared/wire/query.ts';
import { takesBearer } from '#shared/wire/route.ts';
import { type Match, matchRoute, type Program, type RouteName } from '#shared/wire/routes.ts';
import { corsHeaders, type PageOrigins, preflight } from './cors.ts';
import type { Log } from './ports.ts';
import { RateLimited, type RateLimiter } from './rate-limit.ts';

export interface HttpRequest extends ActorRequest {
  /** As the gateway saw it. */
  readonly sourceIp: string;
  readonly match: Match;
  /** The header of that name, or empty. Secret. */
  readonly authorization: string;
}

export interface HttpAnswer {
  readonly body: unknown;
  /** The answer of an earlier request with the same idempotency key. */
  readonly replayed?: boolean;
  /** Of a body of bytes, which goes out as it is; absent: the body becomes JSON. */
  readonly mediaType?: string;
  /** Nothing is done yet: the path of what the body shows, to look at again. */
  readonly pendingAt?: string;
}

export type RouteHandler = (request: HttpRequest) => Promise<HttpAnswer>;

/** What the functions of one program serve: a route without a handler does not compile. */
export type Handlers<P extends Program> = Readonly<
  Record<Extract<RouteName, keyof ProgramRoutes<P>>, RouteHandler>
>;
type ProgramRoutes<P extends Program> = {
  readonly [N in RouteName as typeof import('#shared/wire/routes.ts').routes[N]['program'] extends P
    ? N
    : never]: true;
};

export type LambdaHandler = (event: APIGatewayProxyEvent, context: Context) => Promise<APIGatewayProxyResult>;

export function http(
  handlers: Readonly<Partial<Record<RouteName, RouteHandler>>>,
  {
    log,
    limiter,
    origins,
  }: { readonly log: Log; readonly limiter: RateLimiter; readonly origins: PageOrigins },
): LambdaHandler {
  const answer = (
    event: APIGatewayProxyEvent,
    status: number,
    mediaType: string,
    body: unknown,
    more = {},
  ) => ({
    statusCode: status,
    headers: {
      'content-type': mediaType,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': requestIdOf(event),
      ...limitHeaders(event, limiter),
      ...corsHeaders(event, origins),
      ...more,
    },
    ...(body instanceof Uint8Array
      ? { body: Buffer.from(body).toString('base64'), isBase64Encoded: true }
      : { body: JSON.stringify(body) }),
  });
  return middy<APIGatewayProxyEvent, APIGatewayProxyResult>()
    .onError((request) => {
      const { event, error } = request;
      const problem = problemOf(error, { instance: event.path, requestId: requestIdOf(event) });
      if (problem.status >= 500) log.warn('request failed', failureOf(event, error, problem.code));
      const wait = error instanceof RateLimited ? { 'retry-after': String(error.retryAfterSeconds) } : {};
      const busy = problem.code === 'idempotency_in_progress' ? { 'retry-after': '1' } : {};
      request.response = answer(event, problem.status, problemMediaType, problem, { ...wait, ...busy });
    })
    .handler(async (event) => {
      const asked = preflight(event, origins);
      if (asked !== undefined) return asked;
      const match = matchRoute(event.httpMethod, event.path);
      const handler = handlers[match.name];
      if (handler === undefined) throw new CustodyError('route_not_found', 'served by another program');
      const authorization = header(event, 'authorization');
      refuseBearer(match, authorization);
      const request = actorRequest(event, match);
      // Here for all routes, those that have no parameters too; a body is read once it is known whose it is.
      readParams(match.name, match.params);
      readQuery(match.name, request.query);
      const sourceIp = sourceIpOf(event);
      // Whoever need not say who they are is counted by where they come from.
      if (match.route.scope === 'public' && event.httpMethod !== 'GET')
        limiter.take({ keyId: `address ${sourceIp}`, organization: `from ${sourceIp}` });
      const {
        body,
        replayed,
        pendingAt,
        mediaType = 'application/json',
      } = await handler({
        ...request,
        match,
        authorization,
        sourceIp,
      });
      if (pendingAt !== undefined)
        return answer(event, 202, 'application/json', body, { location: pendingAt });
      const more = replayed ? { 'idempotent-replayed': 'true' } : {};
      return answer(event, replayed ? 200 : match.route.status, mediaType, body, more);
    }) as unknown as LambdaHandler;
}

/** A token only reads, whatever else the request carries. What anybody may read asks nobody. */
function refuseBearer({ route }: Match, authorization: string): void {
  const open = route.scope === 'public' && route.method === 'GET';
  if (bearerIn(authorization) !== undefined && !open && !takesBearer(route))
    throw new CustodyError('bearer_refused', errorCodes.bearer_refused.title);
}

const sourceIpOf = (event: APIGatewayProxyEvent): string => event.requestContext.identity.sourceIp ?? '';

const requestIdOf = (event: APIGatewayProxyEvent): string => event.requestContext.requestId;

/** The class and message of what this system does not expect stay in the log; never a body. */
function failureOf(event: APIGatewayProxyEvent, error: unknown, code: string) {
  const known = error instanceof CustodyError;
  const cause = known ? error.cause : error;
  return {
    code,
    route: event.path,
    requestId: requestIdOf(event),
    error: error instanceof Error ? error.name : 'unknown',
    detail: error instanceof Error ? error.message : '',
    cause: cause instanceof Error ? cause.message : '',
    stack: !known && error instanceof Error ? String(error.stack) : '',
  };
}

/** Whoever asks may see the state of the key id that it names. */
function limitHeaders(event: APIGatewayProxyEvent, limiter: RateLimiter): Record<string, string> {
  try {
    const match = matchRoute(event.httpMethod, event.path);
    if (match.route.scope === 'public') return {};
    const bearer = bearerIn(header(event, 'authorization'));
    if (bearer !== undefined) return limiter.headers(parseBearer(bearer)?.id ?? '');
    return limiter.headers(signatureClaim(actorRequest(event, match)).keyId);
  } catch {
    return {};
  }
}

/** @throws {CustodyError} `body_too_large`, `media_type_unsupported`, `request_invalid` */
function actorRequest(event: APIGatewayProxyEvent, { route }: Match): ActorRequest {
  const body = bodyOf(event, route.maxBodyBytes);
  if (body.length > 0 && !/^application\/json\s*(;|$)/i.test(header(event, 'content-type')))
    throw new CustodyError('media_type_unsupported', errorCodes.media_type_unsupported.title);
  return {
    method: event.httpMethod,
    path: event.path,
    query: queryOf(event),
    contentDigest: header(event, 'content-digest'),
    idempotencyKey: header(event, 'idempotency-key'),
    signatureInput: header(event, 'signature-input'),
    signature: header(event, 'signature'),
    body,
  };
}

function bodyOf({ body, isBase64Encoded }: APIGatewayProxyEvent, max: number): Uint8Array {
  const text = body ?? '';
  const length = isBase64Encoded ? Math.floor((text.length * 3) / 4) - 2 : text.length;
  if (length > max) throw new CustodyError('body_too_large', `this route takes at most ${max} bytes`);
  return isBase64Encoded ? new Uint8Array(Buffer.from(text, 'base64')) : utf8(text);
}

/** A header that is there once, or empty. @throws {CustodyError} `request_invalid` if it stands twice */
function header(event: APIGatewayProxyEvent, name: string): string {
  const values = Object.entries(event.multiValueHeaders ?? {})
    .filter(([key]) => key.toLowerCase() === name)
    .flatMap(([, all]) => all ?? []);
  if (values.length > 1) throw new CustodyError('request_invalid', `the header ${name} stands twice`);
  return values[0] ?? '';
}

function queryOf({ multiValueQueryStringParameters }: APIGatewayProxyEvent): string {
  const named = Object.entries(multiValueQueryStringParameters ?? {});
  return canonicalQuery(named.flatMap(([name, values]) => (values ?? []).map((v) => [name, v] as const)));
}
