/**
 * Which pages of other origins may call the API (CORS, Fetch standard, section 3.3): those that are configured,
 * and no others. It is no way to authenticate: requests carry their own signatures, and never cookies.
 * @module
 */
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { isLocalPage } from '#shared/wire/origins.ts';
import { methodsOf } from '#shared/wire/routes.ts';

export interface PageOrigins {
  readonly exact: readonly string[];
  /** Pages of this machine, on any port. */
  readonly local: boolean;
}

/** Nobody but programs and pages of the API's own origin. */
export const noPages: PageOrigins = { exact: [], local: false };

const ours = 'authorization, content-type, content-digest, idempotency-key, signature-input, signature';
/** What a page may read besides the body; the SDK reads the first two. */
const exposed = 'date, retry-after, location, x-request-id, idempotent-replayed, ratelimit, ratelimit-policy';
/** The longest that browsers keep it. */
const maxAgeSeconds = 7_200;

type Headers = Readonly<Record<string, string>>;

const headerOf = ({ headers }: APIGatewayProxyEvent, name: string): string =>
  Object.entries(headers ?? {}).find(([key]) => key.toLowerCase() === name)?.[1] ?? '';

/** The origin of the page that asks, if it may. */
function allowedOrigin(event: APIGatewayProxyEvent, { exact, local }: PageOrigins): string | undefined {
  const origin = headerOf(event, 'origin');
  return exact.includes(origin) || (local && isLocalPage(origin)) ? origin : undefined;
}

/** Of every answer, errors too: without them the page does not learn what went wrong. */
export function corsHeaders(event: APIGatewayProxyEvent, origins: PageOrigins): Headers {
  if (origins.exact.length === 0 && !origins.local) return {};
  const origin = allowedOrigin(event, origins);
  return {
    vary: 'origin',
    ...(origin !== undefined && {
      'access-control-allow-origin': origin,
      'access-control-expose-headers': exposed,
    }),
  };
}

/**
 * The answer to a browser that asks before it sends; undefined if this is no such question, or of a page
 * that may not.
 * @throws {CustodyError} `route_not_found`
 */
export function preflight(
  event: APIGatewayProxyEvent,
  origins: PageOrigins,
): APIGatewayProxyResult | undefined {
  if (event.httpMethod !== 'OPTIONS' || headerOf(event, 'access-control-request-method') === '')
    return undefined;
  if (allowedOrigin(event, origins) === undefined) return undefined;
  const headers = {
    ...corsHeaders(event, origins),
    'access-control-allow-methods': methodsOf(event.path).join(', '),
    'access-control-allow-headers': ours,
    'access-control-max-age': String(maxAgeSeconds),
  };
  return { statusCode: 204, headers, body: '' };
}
