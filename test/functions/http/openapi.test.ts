/**
 * The API against its own document: valid requests, and requests with exactly one thing wrong, made from
 * `/v1/openapi.json` as it is served, over every operation and every state of authentication. No answer is a
 * 5xx or outside the documented schema, and what is refused changes nothing.
 *
 * A failing case is reproduced by the seed and path that fast-check prints: `SEED=… npm test -- …/openapi`.
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import fc from 'fast-check';
import { utf8 } from '../../../shared/bytes.ts';
import type { ActorRequest } from '../../../shared/intent/http-signature.ts';
import { canonicalQuery } from '../../../shared/wire/query.ts';
import { type Route, type RouteName, routes } from '../../../shared/wire/routes.ts';
import { newKey } from '../../support/ask.ts';
import { hurry } from '../../support/hurry.ts';
import { eventOf, fresh, type Person, type Reply } from '../../support/two-nodes.ts';
import { breakagesOf, type Event, jsonOf, signedAgain } from './breakages.ts';
import { type Document, documentOf, type Operation, operationFor } from './document.ts';
import { type Json, valuesOf } from './generate.ts';
import { addApiKey, type Home, homeOf, newest } from './home.ts';
import { provocations } from './provoke.ts';
import { samples } from './samples.ts';

const slow = process.env['SLOW'] === '1';
const seed = Number(process.env['SEED'] ?? fresh(4).reduce((n, byte) => n * 256 + byte, 0) | 0);
const names = Object.keys(routes) as RouteName[];
const table: Readonly<Record<RouteName, Route>> = routes;
/** Cases per operation, over all states: 100,000 in all in the long run. */
const runs = slow ? Math.ceil(100_000 / names.length) : 20;

hurry();

/** What nobody may write who is refused. Replay records, idempotency keys and audit records are no change. */
const things = ['registry', 'resources', 'keys', 'shares', 'counters'] as const;
let writes: string[] = [];

let home: Home;
let document: Document;
let weak: Person;
/** Codes, and where they were seen. */
const seen = new Set<string>();

beforeAll(async () => {
  home = await homeOf({
    wrap(node, ports) {
      const tables: Record<string, any> = { ...ports.tables };
      for (const name of things) {
        const { put, update, delete: remove, ...reads } = ports.tables[name];
        const noted =
          <A extends unknown[], R>(run: (...args: A) => Promise<R>) =>
          async (...args: A) => {
            const done = await run(...args);
            if (done) writes.push(`${node} ${name}`);
            return done;
          };
        tables[name] = { ...reads, put: noted(put), update: noted(update), delete: noted(remove) };
      }
      return { ...ports, tables: tables as typeof ports.tables };
    },
  });
  document = await documentOf(home.world);
  weak = (await addApiKey(home.world, home.ada, { '*': ['approve'] })).key;
});

const operationOf = (name: RouteName): Operation => {
  const found = document.operations.find(({ id }) => id === name);
  if (found === undefined) throw new RangeError(`${name} is not documented`);
  return found;
};
const okay = ({ status }: Reply) => status < 300;
const codeOf = (reply: Reply): string => (okay(reply) ? 'ok' : reply.body.code);

/** Sends, and holds the answer against the document. */
async function sent(event: Event, wrong: unknown[], label: string): Promise<Reply> {
  writes = [];
  const reply = await home.world.send(event);
  const operation = operationFor(document, event.httpMethod, event.path);
  for (const problem of document.problems(operation, reply)) wrong.push([label, problem, reply.body]);
  if (reply.status >= 500) wrong.push([label, reply.status, reply.body]);
  if (!okay(reply)) {
    seen.add(reply.body.code);
    if (writes.length > 0) wrong.push([label, 'refused, and changed', writes]);
  }
  return reply;
}

/** Rules of the API that JSON Schema has no words for: the document says them in a description. */
const inWordsOnly = [
  /must not make more than 50 wallets in all/,
  /cursor/,
  /must be an origin/,
  /must be a request to join/,
  /must be a CIDR/,
  /must name each wallet set once/,
  /must name each once/,
  /only Bitcoin wallets have an address type/,
  /has exactly one of/,
  /needed with approvals/,
  /what an approval has here/,
  /not two sizes of it/,
  /no such type of event/,
  /must be a path of tlog-tiles/,
  /base64url without padding of a signature/,
];
const inWords = ({ detail, errors = [{ detail }] }: Json): boolean =>
  detail === 'this is not a policy' ||
  errors.every((problem: Json) => inWordsOnly.some((rule) => rule.test(problem.detail)));

/** By whom, and how well signed. */
const states = ['owner', 'weak', 'stranger', 'revoked', 'expired', 'unsigned', 'forged', 'stale'] as const;
type State = (typeof states)[number];

const personIn = (state: State): Person =>
  ({ weak, stranger: home.mallory, revoked: home.revoked, expired: home.expired })[state as string] ??
  home.ada;

/** What becomes of a good request in this state. */
function inState(state: State, event: Event): Event {
  const change = (headers: Record<string, string>): Event => ({
    ...event,
    headers: headers as Event['headers'],
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, [v]])),
  });
  const { signature: _, 'signature-input': input, ...rest } = event.headers as Record<string, string>;
  if (state === 'unsigned') return change(rest);
  if (state === 'forged' && input)
    return change({ ...rest, 'signature-input': input, signature: `planbok=:${'A'.repeat(86)}==:` });
  return event;
}

const ask = async (name: RouteName, who: Person = home.ada): Promise<ActorRequest> =>
  samples[name].ask(who, await newest(home.world, home.own), home.world);

test('the document is valid OpenAPI 3.1, by somebody else’s reading, and has every operation', async () => {
  const { valid, errors } = await new Validator().validate(document.json);
  expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
  expect(document.operations.map(({ id }) => id).sort()).toEqual([...names].sort());
  const ids = new Set(document.operations.map(({ id }) => id));
  expect(ids.size).toBe(document.operations.length);
  const schemes = Object.keys(document.json['components'].securitySchemes);
  for (const { id, method, path, parameters, security, body } of document.operations) {
    const { signed, maxBodyBytes, status } = table[id as RouteName];
    expect([id, security.length > 0]).toEqual([id, signed]);
    for (const scheme of security) expect(schemes).toContain(scheme);
    expect([id, body !== undefined]).toEqual([id, maxBodyBytes > 0]);
    const inPath = parameters.filter((p) => p.in === 'path').map((p) => `{${p.name}}`);
    expect(inPath).toEqual(path.match(/\{\w+\}/g) ?? []);
    expect(new Set(parameters.map((p) => `${p.in} ${p.name}`)).size).toBe(parameters.length);
    const { responses } = document.json['paths'][path][method.toLowerCase()];
    expect(responses[status]?.content).toBeDefined();
  }
});

describe.each(names)('%s', (name) => {
  test('is answered as documented in every state of authentication', async () => {
    const wrong: unknown[] = [];
    const { signed, scope } = table[name];
    for (const state of states) {
      const event = inState(state, eventOf(await ask(name, personIn(state))));
      if (state === 'stale') home.world.clockMs += 61_000;
      const reply = await sent(event, wrong, state);
      if (state === 'owner' && reply.status !== table[name].status)
        wrong.push([state, reply.status, reply.body]);
      const kept = ['revoked', 'expired', 'weak'].includes(state) && scope === 'public';
      if (signed && !kept && state !== 'owner' && state !== 'stranger' && okay(reply))
        wrong.push([state, reply.status]);
    }
    expect(wrong).toEqual([]);
  });

  test('with exactly one thing wrong, is refused as documented, and nothing changes', async () => {
    const wrong: unknown[] = [];
    const operation = operationOf(name);
    const { maxBodyBytes: max, idempotent } = table[name];
    const request = await ask(name);
    const all = breakagesOf(operation, home.ada, request, { max, idempotent });
    for (const { name: label, event, codes } of all) {
      // Whoever states something signs the statement, not the request: a member of the request is all the harm.
      const reply = await sent(await event(), wrong, label);
      if (codes && !codes.includes(reply.body.code)) wrong.push([label, codeOf(reply), codes]);
      if (codes === undefined && !okay(reply)) wrong.push([label, codeOf(reply), 'ok']);
    }
    expect(all.length).toBeGreaterThan(4);
    expect(wrong).toEqual([]);
  });

  test(`made from the document at random (seed ${seed})`, async () => {
    const operation = operationOf(name);
    const { maxBodyBytes: max, idempotent, signed } = table[name];
    const cases: fc.Arbitrary<Case> = fc.record({
      state: fc.constantFrom(...states),
      what: fc.constantFrom('generated', 'broken'),
      pick: fc.nat(),
      query: parametersOf(operation, 'query'),
      path: parametersOf(operation, 'path'),
      known: fc.boolean(),
      body: operation.body ? valuesOf(operation.body) : fc.constant(undefined),
    });
    const run = async ({ state, what, pick, query, path, known, body }: Case) => {
      const wrong: unknown[] = [];
      const who = personIn(state);
      const base = await ask(name, who);
      if (what === 'broken') {
        const all = breakagesOf(operation, who, base, { max, idempotent });
        const chosen = all[pick % all.length];
        if (chosen === undefined) return;
        const reply = await sent(inState(state, await chosen.event()), wrong, chosen.name);
        if (chosen.codes && okay(reply) && (signed || !['unsigned', 'forged'].includes(state)))
          wrong.push([chosen.name, 'answered']);
      } else {
        const request = await generated(operation, who, base, { query, path, known, body });
        const reply = await sent(inState(state, eventOf(request)), wrong, 'generated');
        // What the document allows is what the API reads, but for what a schema cannot say.
        if (['json_invalid', 'request_invalid'].includes(codeOf(reply)) && !inWords(reply.body))
          wrong.push(['documented, and not valid', reply.body, JSON.stringify(body)]);
      }
      expect(wrong).toEqual([]);
    };
    await fc.assert(fc.asyncProperty(cases, run), { seed, numRuns: runs, endOnFailure: true });
  });
});

interface Case extends Made {
  readonly state: State;
  readonly what: 'generated' | 'broken';
  readonly pick: number;
}

/** Parameters of a place: the required ones, and some of the others. */
const parametersOf = (
  operation: Operation,
  where: 'path' | 'query',
): fc.Arbitrary<Record<string, string>> => {
  const own = operation.parameters.filter((parameter) => parameter.in === where);
  const known = Object.fromEntries(own.map(({ name, schema }) => [name, valuesOf(schema)]));
  const requiredKeys = own.filter(({ required }) => required).map(({ name }) => name);
  return fc.record(known, { requiredKeys }) as fc.Arbitrary<Record<string, string>>;
};

interface Made {
  readonly query: Record<string, string>;
  readonly path: Record<string, string>;
  /** Ids of things that there are, instead of made up ones, and an authorisation that is its signature's. */
  readonly known: boolean;
  readonly body: Json;
}

/** A request of the operation with these parts, signed; path segments that cannot be signed stay as they were. */
async function generated(
  operation: Operation,
  who: Person,
  base: ActorRequest,
  made: Made,
): Promise<ActorRequest> {
  const safe = Object.values(made.path).every((part) => /^[A-Za-z0-9_~:-]+$/.test(part));
  const path =
    made.known || !safe
      ? base.path
      : operation.path.replace(/\{(\w+)\}/g, (_, name) => made.path[name] ?? '');
  const query = canonicalQuery(Object.entries(made.query));
  const body =
    made.body === undefined
      ? base.body
      : utf8(JSON.stringify(made.known ? await withTruth(made.body, base) : made.body));
  const changes = { path, query, body, ...(base.idempotencyKey !== '' && { idempotencyKey: newKey() }) };
  return operation.security.length > 0 ? signedAgain(who, base, changes) : { ...base, ...changes };
}

async function withTruth(body: Json, base: ActorRequest): Promise<Json> {
  const { authorisation } = jsonOf(base);
  const { wallet, walletSet } = home.own;
  return {
    ...body,
    ...(body.wallet !== undefined && { wallet: wallet.id }),
    ...(body.walletSet !== undefined && { walletSet }),
    ...(body.authorisation && {
      authorisation: { ...authorisation, operation: body.authorisation.operation },
    }),
  };
}

describe('every code that the document knows', () => {
  test('is seen: above, or by what provokes it', async () => {
    const wrong: unknown[] = [];
    for (const [code, provoke] of Object.entries(provocations)) {
      const codes: string[] = [];
      const send = async (request: ActorRequest, world = home.world) => {
        const reply = await world.fetch(request);
        codes.push(codeOf(reply));
        const operation = operationFor(document, request.method, request.path);
        for (const problem of document.problems(operation, reply)) wrong.push([code, problem, reply.body]);
        return reply;
      };
      await provoke(home, send);
      if (!codes.includes(code)) wrong.push([code, codes]);
      seen.add(code);
    }
    expect(wrong).toEqual([]);
    const unseen = document.codes.filter((code) => !seen.has(code));
    expect(unseen).toEqual([]);
    expect([...seen].filter((code) => !document.codes.includes(code))).toEqual([]);
  });
});
