/**
 * The OpenAPI 3.1 document, made from the route table and the table of codes.
 * @module
 */
import * as z from 'zod';
import { errorCodes } from '../errors.ts';
import { acts } from '../registry/roles.ts';
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

const json = (schema: Schema, mediaType = 'application/json') => ({ content: { [mediaType]: { schema } } });

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

const header = (name: string, description: string): Schema => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: { type: 'string' },
});

const signed = { httpMessageSignature: [] };

function securityOf(route: Route): Schema {
  const { scope, act } = route;
  if (scope === 'public') return { security: [] };
  const role = act === undefined ? '' : `, and a role out of: ${acts[act].join(', ')}`;
  return {
    description: `Needs the scope \`${scope}\`${role}.`,
    ...(takesBearer(route) && { security: [signed, { bearerToken: [] }] }),
  };
}

function operation(name: RouteName, route: Route): Schema {
  const { status, summary, scope, idempotent, maxBodyBytes, mediaType } = route;
  const headers = [
    ...(idempotent
      ? [header('Idempotency-Key', 'Names the operation for 7 days: 1 to 128 of A-Z a-z 0-9 . _ ~ : -')]
      : []),
    ...((maxBodyBytes > 0 || route.method !== 'GET') && scope !== 'public'
      ? [header('Content-Digest', 'RFC 9530, sha-256 of the body')]
      : []),
  ];
  return {
    operationId: name,
    summary,
    ...securityOf(route),
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query'), ...headers],
    ...(maxBodyBytes > 0 ? { requestBody: { required: true, ...json(schemaOf(route.body, 'input')) } } : {}),
    responses: {
      [status]: { description: 'Done', ...json(schemaOf(route.response, 'output'), mediaType) },
      ...(route.pending && {
        202: { description: 'It waits for approvals', ...json(schemaOf(route.pending, 'output')) },
      }),
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

const codeTable = (): string =>
  [
    '| code | status | retryable | meaning |',
    '|---|---|---|---|',
    ...Object.entries(errorCodes).map(
      ([code, { status, title, retryable }]) =>
        `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${title} |`,
    ),
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
  const code = { type: 'string', enum: Object.keys(errorCodes) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Planbok',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description: `Two nodes in two accounts make keys and sign together.\n\n## Errors\n\n${codeTable()}`,
    },
    ...(server === undefined ? {} : { servers: [{ url: server }] }),
    security: [signed],
    paths,
    components: {
      securitySchemes: {
        httpMessageSignature: {
          type: 'apiKey',
          in: 'header',
          name: 'Signature',
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
      schemas: { Problem: { ...problem, properties: { ...(problem['properties'] as Schema), code } } },
      responses: {
        Problem: {
          description: 'RFC 9457; codes in the table above',
          ...json({ $ref: '#/components/schemas/Problem' }, problemMediaType),
        },
      },
    },
  };
}
