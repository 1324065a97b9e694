/**
 * The OpenAPI document as a stranger reads it: fetched from the API, its schemas compiled by a validator that
 * knows nothing of this code. Requests are made from it, and answers held against it.
 * @module
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { ActorRequest } from '../../../shared/intent/http-signature.ts';
import type { Reply, World } from '../../support/two-nodes.ts';

export type Schema = Readonly<Record<string, any>>;

export interface Operation {
  readonly id: string;
  readonly method: string;
  /** With `{name}`. */
  readonly path: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: 'path' | 'query' | 'header';
    readonly required: boolean;
    readonly schema: Schema;
  }[];
  readonly body?: Schema;
  /** Names of the schemes that it needs. */
  readonly security: readonly string[];
  /** Codes by status, of refusals. */
  readonly codes: ReadonlyMap<number, readonly string[]>;
}

export interface Document {
  readonly json: Schema;
  readonly operations: readonly Operation[];
  /** Every code that the document knows. */
  readonly codes: readonly string[];
  /** What is wrong with an answer; empty if it is as documented. `operation` undefined: there is no such path. */
  problems(operation: Operation | undefined, reply: Reply): readonly string[];
}

const bare = (path: string): ActorRequest => ({
  method: 'GET',
  path,
  query: '?',
  body: new Uint8Array(),
  contentDigest: '',
  idempotencyKey: '',
  signatureInput: '',
  signature: '',
});

/** Headers that say nothing of an operation. */
const everywhere = ['content-type', 'cache-control', 'x-content-type-options'];
/** Nothing of the inside: no stack, no source, no key. */
const inside = /\bat .+:\d+:\d+|node_modules|\.ts\b|BEGIN [A-Z ]*PRIVATE|TypeError|RangeError/;

export async function documentOf(world: World): Promise<Document> {
  const { body: json } = await world.fetch(bare('/v1/openapi.json'));
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (formats as unknown as (on: Ajv2020) => void)(ajv);
  ajv.addSchema(json, 'document');
  const escaped = (part: string) => part.replaceAll('~', '~0').replaceAll('/', '~1');
  const validate = (pointer: readonly string[], value: unknown): readonly string[] => {
    const $ref = `document#/${pointer.map((part) => encodeURIComponent(escaped(part))).join('/')}`;
    const check = ajv.getSchema($ref) ?? ajv.compile({ $id: `for ${$ref}`, $ref });
    return check(value) ? [] : (check.errors ?? []).map((e) => `${e.instancePath} ${e.message}`);
  };
  const operations = Object.entries<Schema>(json.paths).flatMap(([path, methods]) =>
    Object.entries<any>(methods).map(
      ([
        method,
        { operationId, parameters, requestBody, security = json.security, responses },
      ]): Operation => ({
        id: operationId,
        method: method.toUpperCase(),
        path,
        parameters,
        ...(requestBody && { body: requestBody.content['application/json'].schema }),
        security: security.flatMap((all: object) => Object.keys(all)),
        codes: new Map(
          Object.entries<any>(responses).flatMap(([status, { content }]): [number, string[]][] => {
            const refusal = content['application/problem+json'];
            return refusal ? [[Number(status), refusal.schema.properties.code.enum]] : [];
          }),
        ),
      }),
    ),
  );

  function problems(operation: Operation | undefined, { status, headers, body }: Reply): readonly string[] {
    const found: string[] = [];
    const text = JSON.stringify(body);
    if (inside.test(text)) found.push(`shows its inside: ${text}`);
    const mediaType = headers['content-type'] ?? '';
    if (operation === undefined) {
      if (mediaType !== 'application/problem+json') found.push(`media type ${mediaType}`);
      return [...found, ...validate(['components', 'schemas', 'Problem'], body)];
    }
    const at = ['paths', operation.path, operation.method.toLowerCase(), 'responses', String(status)];
    const answer = at.reduce<any>((node, part) => node?.[part], json);
    if (answer === undefined) return [...found, `status ${status} (${body.code}) is not documented`];
    if (answer.content[mediaType] === undefined)
      return [...found, `media type ${mediaType} is not documented`];
    // Bytes are no JSON: of those, the media type is all there is.
    if (mediaType.endsWith('json')) found.push(...validate([...at, 'content', mediaType, 'schema'], body));
    const documented = new Map(
      Object.entries<Schema>(answer.headers ?? {}).map(([k, v]) => [k.toLowerCase(), v]),
    );
    for (const [name, value] of Object.entries(headers)) {
      if (everywhere.includes(name)) continue;
      const { $ref } = documented.get(name) ?? {};
      if ($ref === undefined) found.push(`header ${name} is not documented`);
      else found.push(...validate([...$ref.slice(2).split('/'), 'schema'], value).map((e) => `${name}${e}`));
    }
    return found;
  }

  return { json, operations, codes: json.components.schemas.Problem.properties.code.enum, problems };
}

/** Which operation of the document a request is for. */
export const operationFor = (document: Document, method: string, path: string): Operation | undefined =>
  document.operations
    .filter((operation) => operation.method === method)
    .filter((operation) => {
      const [want, have] = [operation.path.split('/'), path.split('/')];
      const rest = operation.path === '/v1/tlog/{node}/{path}';
      if (rest ? have.length < want.length : have.length !== want.length) return false;
      return want.every((part, i) => (part.startsWith('{') ? have[i] !== '' : part === have[i]));
    })
    .sort((a, b) => a.path.split('{').length - b.path.split('{').length)[0];
