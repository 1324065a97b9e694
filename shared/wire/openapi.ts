/**
 * The OpenAPI 3.1 document, made from the route table and the table of codes.
 * @module
 */
import * as z from 'zod';
import { type ErrorCode, errorCodes } from '../errors.ts';
import { acts } from '../registry/roles.ts';
import { errorsOf, routingErrors } from './errors-of.ts';
import { problemDocument, problemMediaType } from './problem.ts';
import { takesBearer } from './route.ts';
import { type Route, type RouteName, routes } from './routes.ts';

type Schema = Record<string, unknown>;

/** Requests are described as they are sent, answers as they come. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Schema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    target: 'draft-2020-12',
    override({ jsonSchema }) {
      // Answers grow by addition.
      if (io === 'output' && jsonSchema.additionalProperties === false)
        delete jsonSchema.additionalProperties;
    },
  });
  return rest;
}

const json = (schema: Schema, ...mediaTypes: readonly string[]) => ({
  content: Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema }])),
});

function parameters(schema: z.ZodType, where: 'path' | 'query'): Schema[] {
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, Schema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...member }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: member,
  }));
}

const header = (name: string, description: string, schema: Schema = {}): Schema => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: { type: 'string', ...schema },
});

/** As `shared/intent/http-signature.ts` reads it, in a pattern without look-ahead. */
const idempotencyKey = header('Idempotency-Key', 'Names the operation for 7 days; not `.` and not `..`', {
  pattern: '^[A-Za-z0-9._~:-]{1,128}$',
});
const contentDigest = header('Content-Digest', 'RFC 9530, sha-256 of the body', {
  pattern: '^sha-256=:[A-Za-z0-9+/]{43}=:$',
});

/** Headers of every answer, and of those where a credential is limited. */
const text = (description: string): Schema => ({ description, schema: { type: 'string' } });
const answerHeaders = {
  'X-Request-Id': { $ref: '#/components/headers/RequestId' },
} as const;
const limitHeaders = {
  RateLimit: { $ref: '#/components/headers/RateLimit' },
  'RateLimit-Policy': { $ref: '#/components/headers/RateLimitPolicy' },
} as const;

const headersOf = ({ scope }: Route) => ({ ...answerHeaders, ...(scope !== 'public' && limitHeaders) });

/** Refusals by status: which codes there are, and what they mean. */
function refusals(route: Route): Record<string, Schema> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(route)) {
    const { status } = errorCodes[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const entries = [...byStatus].map(([status, codes]): [string, Schema] => {
    const schema = {
      allOf: [{ $ref: '#/components/schemas/Problem' }],
      properties: { code: { enum: codes }, status: { const: status } },
    };
    const wait = { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } };
    const headers = {
      ...headersOf(route),
      ...(codes.some((code) => code === 'rate_limited' || code === 'idempotency_in_progress') && wait),
    };
    const description = codes.map((code) => `\`${code}\`: ${errorCodes[code].title}.`).join(' ');
    return [String(status), { description, headers, ...json(schema, problemMediaType) }];
  });
  return Object.fromEntries(entries);
}

const bySignature = { signature: [], signatureInput: [] };

/** What a credential needs, in words; the signature itself is a security scheme. */
function securityOf(route: Route): Schema {
  const { scope, on, signed, act } = route;
  if (!signed) return { security: [] };
  if (scope === 'public')
    return { description: 'Signed by the key that the statement names as the first Owner.' };
  const where = {
    every: 'on every wallet set',
    some: 'on some wallet set',
    one: 'on its wallet set',
    none: '',
  };
  const whose = act === undefined ? '' : `; for the roles ${acts[act].join(', ')}`;
  return {
    description: `Needs the scope \`${scope}\` ${where[on]}${whose}.`,
    ...(takesBearer(route) && { security: [bySignature, { bearerToken: [] }] }),
  };
}

function operation(name: RouteName, route: Route): Schema {
  const { status, summary, signed, idempotent, maxBodyBytes, mediaTypes } = route;
  const headers = [
    ...(idempotent ? [idempotencyKey] : []),
    ...((maxBodyBytes > 0 || route.method !== 'GET') && signed ? [contentDigest] : []),
  ];
  const done = {
    headers: headersOf(route),
    ...json(schemaOf(route.response, 'output'), ...(mediaTypes ?? ['application/json'])),
  };
  const replayed = {
    description: 'The answer of an earlier request with this Idempotency-Key',
    ...done,
    headers: { ...done.headers, 'Idempotent-Replayed': { $ref: '#/components/headers/IdempotentReplayed' } },
  };
  return {
    operationId: name,
    summary,
    ...securityOf(route),
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query'), ...headers],
    ...(maxBodyBytes > 0
      ? { requestBody: { required: true, ...json(schemaOf(route.body, 'input'), 'application/json') } }
      : {}),
    responses: {
      [status]: { description: 'Done', ...done },
      ...(idempotent && { 200: replayed }),
      ...(route.pending && {
        202: {
          description: 'It waits for approvals',
          headers: { ...headersOf(route), Location: { $ref: '#/components/headers/Location' } },
          ...json(schemaOf(route.pending, 'output'), 'application/json'),
        },
      }),
      ...refusals(route),
    },
  };
}

/** Every code that some answer may have. */
const answered = (): readonly ErrorCode[] => {
  const some = new Set<ErrorCode>(routingErrors);
  for (const route of Object.values(routes)) for (const code of errorsOf(route)) some.add(code);
  return (Object.keys(errorCodes) as ErrorCode[]).filter((code) => some.has(code));
};

const codeTable = (): string =>
  [
    '| code | status | retryable | meaning |',
    '|---|---|---|---|',
    ...answered().map((code) => {
      const { status, title, retryable } = errorCodes[code];
      return `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${title} |`;
    }),
  ].join('\n');

/** @param server base URL without a path. */
export function openapi(version: string, server?: string): Schema {
  const paths: Record<string, Schema> = {};
  for (const [name, route] of Object.entries(routes) as [RouteName, Route][]) {
    // The document has no word for a parameter of several segments.
    const path = route.path.replace('+}', '}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route) };
  }
  const problem = schemaOf(problemDocument, 'output');
  const code = { type: 'string', enum: answered() };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Planbok',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description: `Two nodes in two accounts make keys and sign together.\n\n## Errors\n\n${codeTable()}`,
    },
    ...(server === undefined ? {} : { servers: [{ url: server }] }),
    security: [bySignature],
    paths,
    components: {
      securitySchemes: {
        signature: {
          type: 'apiKey',
          in: 'header',
          name: 'Signature',
          description:
            'RFC 9421: `planbok=:…:`, 64 bytes, Ed25519 or ECDSA P-256 (r‖s). Always with Signature-Input.',
        },
        signatureInput: {
          type: 'apiKey',
          in: 'header',
          name: 'Signature-Input',
          description:
            'RFC 9421. One label, `planbok`; components `@method @path @query`, then `content-digest` if there is a body and `idempotency-key` if there is a key; parameters `created expires nonce keyid alg`, in this order; at most 120 s between created and expires.',
        },
        bearerToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'pbk_…',
          description:
            'Of `POST /v1/tokens`, on routes that only read. Anything else that carries one is refused with `bearer_refused`, signed or not.',
        },
      },
      headers: {
        RequestId: text('Names the request in the logs'),
        RateLimit: text('What is left to the credential that the request names'),
        RateLimitPolicy: text('Requests per minute, of a credential and of an organization'),
        Location: text('Path of what to ask about'),
        RetryAfter: { description: 'Seconds', schema: { type: 'string', pattern: '^[1-9][0-9]*$' } },
        IdempotentReplayed: { description: 'Nothing was done again', schema: { const: 'true' } },
      },
      schemas: { Problem: { ...problem, properties: { ...(problem['properties'] as Schema), code } } },
    },
  };
}
