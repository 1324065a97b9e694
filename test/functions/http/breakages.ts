/**
 * A request that would be answered well, with exactly one thing wrong: in what the document says of the
 * operation (parameters, headers, body), or in what this API says of every request (signature, HTTP, JSON).
 * @module
 */
import { utf8 } from '../../../shared/bytes.ts';
import type { ErrorCode } from '../../../shared/errors.ts';
import {
  type ActorRequest,
  contentDigestOf,
  signatureClaim,
  signHttpRequest,
  type UnsignedRequest,
} from '../../../shared/intent/http-signature.ts';
import { canonicalQuery } from '../../../shared/wire/query.ts';
import { eventOf, type Person } from '../../support/two-nodes.ts';
import type { Operation } from './document.ts';
import { type Json, violationsOf } from './generate.ts';

export type Event = ReturnType<typeof eventOf>;

export interface Breakage {
  readonly name: string;
  readonly event: () => Promise<Event>;
  /** What it may be refused with; undefined: it does no harm, and is answered as ever or as repeated. */
  readonly codes?: readonly ErrorCode[];
}

/** The same asker signs a changed request at the same time, with the same nonce: its authorisation stays true. */
export async function signedAgain(
  who: Person,
  request: ActorRequest,
  changes: Partial<UnsignedRequest>,
  times: { readonly created?: number; readonly expires?: number } = {},
): Promise<ActorRequest> {
  const { created, expires, nonce } = signatureClaim(request);
  const { method, path, query, idempotencyKey, body } = { ...request, ...changes };
  const signer = {
    keyId: who.keyId,
    algorithm: 'ed25519',
    sign: async (m: Uint8Array) => who.sign(m),
  } as const;
  return signHttpRequest({ method, path, query, idempotencyKey, body }, signer, {
    created,
    expires,
    nonce,
    ...times,
  });
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
export const jsonOf = ({ body }: ActorRequest): Json => JSON.parse(textOf(body));

const bodyRefusals: readonly ErrorCode[] = [
  'request_invalid',
  'custody_unsupported',
  'blockchain_unsupported',
  'kind_unsupported',
  // A statement's own form is its reducer's to say.
  'statement_refused',
];

/** @param max the most bytes that the API says the route takes */
export function breakagesOf(
  operation: Operation,
  who: Person,
  request: ActorRequest,
  { max, idempotent }: { readonly max: number; readonly idempotent: boolean },
): readonly Breakage[] {
  const signed = operation.security.length > 0;
  const sent = (changed: ActorRequest, more?: Record<string, string>) => async () => eventOf(changed, more);
  const again =
    (changes: Partial<UnsignedRequest>, times = {}) =>
    async () =>
      eventOf(signed ? await signedAgain(who, request, changes, times) : { ...request, ...changes });
  const on = (event: () => Promise<Event>, change: (event: any) => void) => async () => {
    const made = await event();
    change(made);
    return made;
  };
  const found: Breakage[] = [
    ...ofQuery(operation, request, again),
    ...ofPath(operation, request),
    ...ofHttp(request, sent, on),
  ];
  const token = { authorization: `Bearer pbk_${'a'.repeat(43)}` };
  if (signed || request.method !== 'GET')
    found.push(
      {
        name: 'a bearer token of nobody beside the signature',
        event: sent(request, token),
        codes: ['bearer_refused', 'request_invalid'],
      },
      {
        name: 'a bearer token of nobody instead of a signature',
        event: sent({ ...request, signature: '', signatureInput: '' }, token),
        codes: ['bearer_refused', 'token_invalid'],
      },
    );
  if (operation.body) found.push(...ofBody(operation, request, again, on, sent, max));
  if (signed) found.push(...ofSignature(request, again, sent));
  if (idempotent)
    found.push(
      {
        name: 'no Idempotency-Key',
        event: again({ idempotencyKey: '' }),
        codes: ['idempotency_key_required'],
      },
      {
        name: 'an Idempotency-Key of other characters',
        event: sent({ ...request, idempotencyKey: 'a b' }),
        codes: ['signature_invalid'],
      },
      { name: 'the same request again', event: sent(request) },
    );
  // What does no harm comes last: it uses the idempotency key up.
  return [...found.filter(({ codes }) => codes), ...found.filter(({ codes }) => !codes)];
}

type Again = (changes: Partial<UnsignedRequest>, times?: object) => () => Promise<Event>;
type On = (event: () => Promise<Event>, change: (event: any) => void) => () => Promise<Event>;
type Sent = (changed: ActorRequest, more?: Record<string, string>) => () => Promise<Event>;

function ofQuery(operation: Operation, request: ActorRequest, again: Again): Breakage[] {
  const pairs = [...new URLSearchParams(request.query)];
  const codes: readonly ErrorCode[] = ['request_invalid'];
  const withPair = (name: string, value: string) =>
    again({ query: canonicalQuery([...pairs.filter(([known]) => known !== name), [name, value]]) });
  const found: Breakage[] = [{ name: 'an unknown query parameter', event: withPair('surprise', '1'), codes }];
  for (const { name, in: where, required, schema } of operation.parameters) {
    if (where !== 'query') continue;
    const value = pairs.find(([known]) => known === name)?.[1] ?? '1';
    // Whatever stands in a query is text.
    for (const violation of violationsOf(schema, value))
      if (typeof violation.value === 'string')
        found.push({ name: `query ${name}${violation.name}`, event: withPair(name, violation.value), codes });
    if (required)
      found.push({
        name: `query lacks ${name}`,
        event: again({ query: canonicalQuery(pairs.filter(([known]) => known !== name)) }),
        codes,
      });
    if (name === 'cursor') found.push({ name: 'a cursor that is none', event: withPair(name, 'x'), codes });
  }
  return found;
}

function ofPath(operation: Operation, request: ActorRequest): Breakage[] {
  const parameter = operation.parameters.find(({ in: where }) => where === 'path');
  const at = operation.path.split('/').findIndex((part) => part.startsWith('{'));
  const path = (segment: string) => request.path.split('/').with(at, segment).join('/');
  const moved = (to: string) => async () => eventOf({ ...request, path: to });
  const nowhere: readonly ErrorCode[] = ['route_not_found', 'method_not_allowed'];
  const found: Breakage[] = [
    {
      name: 'a path that goes on',
      event: moved(`${request.path}/x/y/z`),
      codes: [...nowhere, 'signature_invalid', 'request_invalid'],
    },
    {
      name: 'another method',
      event: async () => eventOf({ ...request, method: 'TRACE' }),
      codes: ['method_not_allowed'],
    },
  ];
  if (parameter === undefined) return found;
  for (const segment of ['x'.repeat(200), '%00', '..', 'a b', '__proto__', 'constructor'])
    found.push({
      name: `path parameter ${segment.slice(0, 20)}`,
      event: moved(path(segment)),
      codes: ['request_invalid', 'signature_invalid', ...nowhere],
    });
  found.push({
    name: 'an empty path parameter',
    event: moved(path('')),
    codes: [...nowhere, 'request_invalid', 'signature_invalid'],
  });
  return found;
}

function ofHttp(request: ActorRequest, sent: Sent, on: On): Breakage[] {
  const codes: readonly ErrorCode[] = ['request_invalid'];
  const found: Breakage[] = [
    {
      name: 'a header twice',
      event: on(sent(request), ({ multiValueHeaders }) => {
        multiValueHeaders.signature = ['a', 'b'];
      }),
      codes,
    },
    {
      name: 'a query parameter twice',
      event: on(sent(request), (event) => {
        event.multiValueQueryStringParameters = { limit: ['1', '2'] };
      }),
      codes,
    },
    // Neither is covered by the signature, and neither is believed.
    {
      name: 'another Host',
      event: sent(request, { host: 'elsewhere.example', 'x-forwarded-host': 'a.example' }),
    },
  ];
  if (request.method === 'GET')
    found.push({
      name: 'a read with a body',
      event: sent({ ...request, body: utf8('{}') }),
      codes: ['body_too_large'],
    });
  return found;
}

function ofBody(
  operation: Operation,
  request: ActorRequest,
  again: Again,
  on: On,
  sent: Sent,
  max: number,
): Breakage[] {
  const text = textOf(request.body);
  const raw = (name: string, body: Uint8Array, codes: readonly ErrorCode[]): Breakage => ({
    name,
    event: again({ body }),
    codes,
  });
  const [first = 'x'] = Object.keys(jsonOf(request));
  const rest = text === '{}' ? '}' : `,${text.slice(1)}`;
  const found = [
    raw('no JSON', utf8(text.slice(0, -1)), ['json_invalid']),
    raw('two values', utf8(`${text}{}`), ['json_invalid']),
    raw('no body', new Uint8Array(), ['json_invalid']),
    raw('a member twice', utf8(`{"${first}":1,"${first}":1${rest}`), ['json_invalid']),
    raw('__proto__', utf8(`{"__proto__":{}${rest}`), ['json_invalid']),
    raw('__proto__, escaped', utf8(`{"__pr\\u006fto__":{}${rest}`), ['json_invalid']),
    raw('constructor', utf8(`{"constructor":{}${rest}`), ['request_invalid']),
    raw('half of a surrogate pair', utf8(`{"\\ud800":1${rest}`), ['json_invalid']),
    raw('a number no double holds', utf8(`{"x":9007199254740993${rest}`), ['json_invalid']),
    raw('50 levels', utf8(`{"x":${'['.repeat(50)}${']'.repeat(50)}${rest}`), ['json_invalid']),
    raw('no UTF-8', Uint8Array.of(...request.body.subarray(0, -1), 0xff, 0x7d), ['json_invalid']),
    raw('a byte order mark', Uint8Array.of(0xef, 0xbb, 0xbf, ...request.body), ['json_invalid']),
    raw('too many bytes', utf8(`{"${first}":"${'x'.repeat(max)}"}`), ['body_too_large']),
    ...['text/plain', 'application/x-www-form-urlencoded', '', 'application/jsonx'].map(
      (type): Breakage => ({
        name: `content type ${type}`,
        event: sent(request, { 'content-type': type }),
        codes: ['media_type_unsupported'],
      }),
    ),
    {
      name: 'not base64 as it says',
      event: on(sent(request), (event) => {
        event.body = '[]';
        event.isBase64Encoded = false;
      }),
      codes: ['signature_invalid', 'request_invalid', 'json_invalid'] as const,
    },
  ];
  const violations = violationsOf(operation.body ?? {}, jsonOf(request)).map(({ name, value }) =>
    raw(`body ${name}`, utf8(JSON.stringify(value)), bodyRefusals),
  );
  return [...found, ...violations];
}

function ofSignature(request: ActorRequest, again: Again, sent: Sent): Breakage[] {
  const { signatureInput: input, signature } = request;
  const codes: readonly ErrorCode[] = ['signature_invalid'];
  const changed = (name: string, changes: Partial<ActorRequest>): Breakage => ({
    name,
    event: sent({ ...request, ...changes }),
    codes,
  });
  const { created } = signatureClaim(request);
  const found = [
    changed('no signature', { signature: '' }),
    changed('no Signature-Input', { signatureInput: '' }),
    changed('a component less', { signatureInput: input.replace(' "@query"', '') }),
    changed('a component more', { signatureInput: input.replace('("@method"', '("@authority" "@method"') }),
    changed('components in another order', {
      signatureInput: input.replace('"@method" "@path"', '"@path" "@method"'),
    }),
    changed('another alg', { signatureInput: input.replace('alg="ed25519"', 'alg="ecdsa-p256-sha256"') }),
    changed('an unknown alg', { signatureInput: input.replace('alg="ed25519"', 'alg="none"') }),
    changed('another label', {
      signatureInput: input.replace('planbok=', 'sig1='),
      signature: signature.replace('planbok=', 'sig1='),
    }),
    changed('a second label', { signatureInput: `${input}, other=()` }),
    changed('parameters in another order', {
      signatureInput: input.replace(/;created=(\d+);expires=(\d+)/, ';expires=$2;created=$1'),
    }),
    changed('no nonce', { signatureInput: input.replace(/;nonce="[^"]*"/, '') }),
    changed('no key id', { signatureInput: input.replace(/;keyid="[^"]*"/, '') }),
    changed('a key id that is a path', { signatureInput: input.replace(/;keyid="[^"]*"/, ';keyid="../x"') }),
    changed('one bit of the signature', {
      signature: signature.replace(/:(.)/, (_, c) => `:${c === 'A' ? 'B' : 'A'}`),
    }),
    changed('a signature that is text', { signature: 'planbok="x"' }),
    {
      name: 'a life of an hour',
      event: again({}, { created, expires: created + 3_600 }),
      codes,
    },
    {
      name: 'expired',
      event: again({}, { created: created - 100, expires: created - 40 }),
      codes: ['authorisation_expired'] as const,
    },
    {
      name: 'not yet valid',
      event: again({}, { created: created + 40, expires: created + 100 }),
      codes: ['authorisation_expired'] as const,
    },
  ];
  if (request.body.length > 0)
    found.push(changed('another body', { body: utf8(`${textOf(request.body)} `) }));
  if (request.contentDigest !== '')
    found.push(
      changed('another content digest', { contentDigest: contentDigestOf(utf8('x')) }),
      changed('no content digest', { contentDigest: '' }),
      changed('a content digest by another algorithm', {
        contentDigest: request.contentDigest.replace('sha-256', 'sha-512'),
      }),
      changed('two content digests', { contentDigest: `${request.contentDigest}, sha-256=:AA==:` }),
    );
  return found;
}
