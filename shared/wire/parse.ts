/**
 * Parts of a request, validated by its route. What is wrong is named by an RFC 6901 pointer.
 * @module
 */
import type * as z from 'zod';
import type { Bytes } from '../bytes.ts';
import { CustodyError, type ErrorCode, errorCodes } from '../errors.ts';
import { parseJson } from './json.ts';
import { type Body, type Params, type Query, type RouteName, routes } from './routes.ts';

const pointer = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** A code that the schema gives to this issue, if any. */
function codeOf(issue: z.core.$ZodIssue): ErrorCode | undefined {
  const params = issue.code === 'custom' ? issue.params : undefined;
  const code: unknown = params?.['code'];
  return typeof code === 'string' && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : undefined;
}

function check<S extends z.ZodType>(schema: S, value: unknown, what: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { issues } = result.error;
  const problems = issues.slice(0, 20).map((issue) => ({
    // An unknown member is named in the message: its object is what the pointer finds.
    pointer: pointer(issue.path),
    detail: issue.message,
  }));
  // Only if nothing else is wrong does one issue's own code say it all.
  const codes = new Set(issues.map(codeOf));
  const [own] = codes;
  const [first] = problems;
  const where = first?.pointer ? ` at ${first.pointer}` : '';
  throw new CustodyError(
    codes.size === 1 && own ? own : 'request_invalid',
    `${what}${where}: ${first?.detail ?? 'not valid'}`,
    { problems },
  );
}

/** @throws {CustodyError} `request_invalid` */
export const readParams = <N extends RouteName>(
  name: N,
  params: Readonly<Record<string, string>>,
): Params<N> => check(routes[name].params, params, 'path') as Params<N>;

/**
 * @param query with or without its leading `?`.
 * @throws {CustodyError} `request_invalid`, also if a name stands twice.
 */
export function readQuery<N extends RouteName>(name: N, query: string): Query<N> {
  const pairs = [...new URLSearchParams(query)];
  if (new Set(pairs.map(([key]) => key)).size !== pairs.length)
    throw new CustodyError('request_invalid', 'a query parameter stands twice');
  return check(routes[name].query, Object.fromEntries(pairs), 'query') as Query<N>;
}

/** @throws {CustodyError} `request_invalid`, `json_invalid`, `body_too_large`, or what the field says of itself. */
export function readBody<N extends RouteName>(name: N, body: Bytes): Body<N> {
  const { maxBodyBytes, body: schema } = routes[name];
  if (maxBodyBytes === 0) {
    if (body.length > 0) throw new CustodyError('request_invalid', 'this route takes no body');
    return undefined as Body<N>;
  }
  return check(schema, parseJson(body, maxBodyBytes), 'body') as Body<N>;
}
