import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toBase64url, utf8 } from '../../shared/bytes.ts';
import type { SignPayload } from '../../shared/chains/intent.ts';
import { CustodyError } from '../../shared/errors.ts';
import { errorsOf } from '../../shared/wire/errors-of.ts';
import { parseJson } from '../../shared/wire/json.ts';
import { openapi } from '../../shared/wire/openapi.ts';
import { readBody, readParams, readQuery } from '../../shared/wire/parse.ts';
import { problemDocument, problemOf } from '../../shared/wire/problem.ts';
import { type Body, matchRoute, pathOf, programOf, type Route, routes } from '../../shared/wire/routes.ts';

function thrownBy(run: () => unknown): CustodyError {
  try {
    run();
  } catch (e) {
    if (e instanceof CustodyError) return e;
    throw e;
  }
  throw new Error('nothing was thrown');
}
const codeOf = (run: () => unknown): string => thrownBy(run).code;

describe('JSON from outside', () => {
  const parse = (text: string): unknown => parseJson(utf8(text), 10_000);

  test('what is JSON is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const expected: unknown = JSON.parse(text);
        // JSON.parse is the reference, except for what is refused on purpose.
        const refused =
          /__proto__/.test(text) ||
          hasBigNumber(expected) ||
          !text.isWellFormed() ||
          hasLoneSurrogate(expected);
        if (refused) return;
        expect(parse(text)).toEqual(expected);
        expect(parse(JSON.stringify(expected, null, 2))).toEqual(expected);
      }),
    );
  });

  test('what JSON.parse refuses is refused', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', '"', '{', '}', '[', ',', ':', '\\', '0', '-', '\u0001', 'e', ' '),
        (text, at, extra) => {
          const i = at % (text.length + 1);
          const damaged = text.slice(0, i) + extra + text.slice(i + (extra === '' ? 1 : 0));
          let reference = true;
          try {
            JSON.parse(damaged);
          } catch {
            reference = false;
          }
          if (!reference) expect(codeOf(() => parse(damaged))).toBe('json_invalid');
        },
      ),
      { numRuns: 500 },
    );
  });

  test.each([
    ['a member twice', '{"a":1,"a":2}'],
    ['a member twice by an escape', '{"a":1,"\\u0061":2}'],
    ['a member twice, deep inside', '{"x":[{"a":{"b":1,"b":1}}]}'],
    ['__proto__', '{"__proto__":{"a":1}}'],
    ['__proto__ by an escape', '{"\\u005f_proto__":{}}'],
    ['half a surrogate pair', '"\\ud800"'],
    ['half a surrogate pair in a name', '{"\\udc00":1}'],
    ['nothing', ''],
    ['blanks', ' '],
    ['two values', '1 2'],
    ['a comma at the end', '[1,]'],
    ['a comma at the end of an object', '{"a":1,}'],
    ['a comment', '{}//'],
    ['single quotes', "{'a':1}"],
    ['a name without quotes', '{a:1}'],
    ['a leading zero', '01'],
    ['a plus', '+1'],
    ['hex', '0x1'],
    ['NaN', 'NaN'],
    ['an infinite number', '1e999'],
    ['an integer that a double rounds', '9007199254740993'],
    ['an amount in wei', '{"value":1000000000000000000}'],
    ['a control character', '"\n"'],
    ['another blank', '\u00a0{}'],
    ['a byte order mark', '\ufeff{}'],
    ['too many levels', '['.repeat(41) + ']'.repeat(41)],
    ['very many levels', '['.repeat(9_000)],
  ])('%s is refused', (_, text) => {
    expect(codeOf(() => parse(text))).toBe('json_invalid');
  });

  test('forty levels are read', () => {
    expect(JSON.stringify(parse('['.repeat(40) + ']'.repeat(40)))).toBe('['.repeat(40) + ']'.repeat(40));
  });

  test.each([[[0xff]], [[0x22, 0xc0, 0x80, 0x22]], [[0x22, 0xed, 0xa0, 0x80, 0x22]], [[0x22, 0xc3, 0x22]]])(
    'bytes %j are not UTF-8',
    (bytes) => {
      expect(codeOf(() => parseJson(Uint8Array.from(bytes), 100))).toBe('json_invalid');
    },
  );

  test('a body above the cap is refused before it is parsed', () => {
    expect(codeOf(() => parseJson(utf8('x'.repeat(101)), 100))).toBe('body_too_large');
    expect(parseJson(utf8(`"${'x'.repeat(98)}"`), 100)).toBe('x'.repeat(98));
  });

  test('names of Object.prototype are members like any other', () => {
    const value = parse('{"constructor":1,"toString":2,"hasOwnProperty":3}') as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['constructor', 'toString', 'hasOwnProperty']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});

function hasBigNumber(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(hasBigNumber);
}
function hasLoneSurrogate(value: unknown): boolean {
  if (typeof value === 'string') return !value.isWellFormed();
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([k, v]) => !k.isWellFormed() || hasLoneSurrogate(v));
}

describe('routes', () => {
  test('every route is found by its own path, and the parameters come out', () => {
    for (const [name, route] of Object.entries(routes) as [keyof typeof routes, Route][]) {
      const path = pathOf(name, {
        id: 'wal_1',
        key: 'k',
        delivery: 'whd_1',
        node: 'node1',
        path: 'tile/0/x001/000',
      });
      expect(path).not.toMatch(/[{}]/);
      const found = matchRoute(route.method, path);
      expect(found.name).toBe(name);
      expect(programOf(route.method, path)).toBe(route.program);
    }
  });

  test('no two routes share method and path', () => {
    const all = (Object.values(routes) as Route[]).map(({ method, path }) => `${method} ${path}`);
    expect(new Set(all).size).toBe(all.length);
  });

  test('a fixed segment wins over a parameter', () => {
    expect(matchRoute('POST', '/v1/signatures/preview').name).toBe('previewSignature');
    expect(matchRoute('GET', '/v1/signatures/preview').name).toBe('getSignature');
  });

  test.each([
    ['GET', '/v1/nothing', 'route_not_found'],
    ['GET', '/v1/wallets/', 'route_not_found'],
    ['GET', '/v1/wallets/a/b', 'route_not_found'],
    ['GET', '/wallets', 'route_not_found'],
    ['GET', '', 'route_not_found'],
    ['DELETE', '/v1/wallets', 'method_not_allowed'],
    ['get', '/v1/wallets', 'method_not_allowed'],
    ['GET', '/v1/organizations', 'method_not_allowed'],
  ])('%s %s is %s', (method, path, code) => {
    expect(codeOf(() => matchRoute(method, path))).toBe(code);
  });

  test('what changes something needs an idempotency key and goes to Node 1; reads by GET take no body', () => {
    for (const route of Object.values(routes) as Route[]) {
      const { method, idempotent, program, status, maxBodyBytes } = route;
      expect(method === 'GET' && (idempotent || maxBodyBytes > 0)).toBe(false);
      if (method === 'PATCH' || method === 'DELETE') expect(route.changes).toBe(true);
      if (idempotent) expect([program, status]).toEqual(['node1', method === 'POST' ? 201 : 200]);
    }
  });
});

const authorisation = {
  type: 'planbok/authorisation/v1',
  operation: toBase64url(new Uint8Array(32)),
  nonce: toBase64url(new Uint8Array(16)),
  issued: '1800000000',
  expires: '1800000060',
  keyId: 'key_a',
  registryHead: 'org_a',
};
const body = (value: unknown) => utf8(JSON.stringify(value));
const walletSet = { name: 'Main', custody: 'standard', keyTypes: ['secp256k1', 'ed25519'], authorisation };
const wallets = { walletSet: 'wset_a', blockchains: ['ETH', 'SOL'], authorisation };

describe('bodies and queries', () => {
  test('what is right comes out as it went in', () => {
    expect(readBody('createWalletSet', body(walletSet))).toEqual(walletSet);
    expect(readBody('createWallets', body(wallets))).toEqual(wallets);
    const payload: SignPayload = { kind: 'typed_data', blockchain: 'ETH', typedData: { a: { b: [1, 'x'] } } };
    const parsed: Body<'createSignature'> = readBody('createSignature', body({ payload, authorisation }));
    expect(parsed).toEqual({ payload, authorisation });
    // The wire's payload is what the decoders take.
    const same: SignPayload = parsed.payload;
    expect(same).toEqual(payload);
  });

  test.each([
    [
      'another custody model',
      'createWalletSet',
      { ...walletSet, custody: 'trustless' },
      'custody_unsupported',
    ],
    [
      'a blockchain that does not exist',
      'createWallets',
      { ...wallets, blockchains: ['ETH', 'DOGE'] },
      'blockchain_unsupported',
    ],
    [
      'a kind that does not exist',
      'createSignature',
      { payload: { kind: 'x', blockchain: 'ETH' }, authorisation },
      'kind_unsupported',
    ],
    ['two faults', 'createWalletSet', { ...walletSet, custody: 'trustless', name: '' }, 'request_invalid'],
    ['an unknown member', 'createWalletSet', { ...walletSet, x: 1 }, 'request_invalid'],
    [
      'an unknown member of the authorisation',
      'createWalletSet',
      { ...walletSet, authorisation: { ...authorisation, x: '1' } },
      'request_invalid',
    ],
    ['a missing member', 'createWalletSet', { ...walletSet, name: undefined }, 'request_invalid'],
    ['an empty name', 'createWalletSet', { ...walletSet, name: '' }, 'request_invalid'],
    ['a line break in a name', 'createWalletSet', { ...walletSet, name: 'a\nb' }, 'request_invalid'],
    [
      'a key type twice',
      'createWalletSet',
      { ...walletSet, keyTypes: ['ed25519', 'ed25519'] },
      'request_invalid',
    ],
    ['no key type', 'createWalletSet', { ...walletSet, keyTypes: [] }, 'request_invalid'],
    ['a number for a string', 'createWalletSet', { ...walletSet, name: 5 }, 'request_invalid'],
    ['no blockchain', 'createWallets', { ...wallets, blockchains: [] }, 'request_invalid'],
    ['a blockchain twice', 'createWallets', { ...wallets, blockchains: ['ETH', 'ETH'] }, 'request_invalid'],
    ['too many wallets', 'createWallets', { ...wallets, count: 26 }, 'request_invalid'],
    ['a count of zero', 'createWallets', { ...wallets, count: 0 }, 'request_invalid'],
    ['a fractional count', 'createWallets', { ...wallets, count: 1.5 }, 'request_invalid'],
    [
      'a short digest',
      'createWallets',
      { ...wallets, authorisation: { ...authorisation, operation: 'AAAA' } },
      'request_invalid',
    ],
    [
      'a nonce that is not canonical',
      'createWallets',
      { ...wallets, authorisation: { ...authorisation, nonce: 'AAAAAAAAAAAAAAAAAAAAAB' } },
      'request_invalid',
    ],
    ['null', 'createWallets', null, 'request_invalid'],
    ['an array', 'createWallets', [], 'request_invalid'],
  ] as const)('%s: %s refuses', (_, route, value, code) => {
    expect(codeOf(() => readBody(route, body(value)))).toBe(code);
  });

  test('a fault is named by its pointer', () => {
    const error = thrownBy(() =>
      readBody('createWallets', body({ ...wallets, blockchains: ['ETH', 'DOGE'] })),
    );
    expect(error.problems.map(({ pointer }) => pointer)).toEqual(['/blockchains/1']);
  });

  test('bodies larger than the route takes are refused, and bodies on routes that take none', () => {
    expect(codeOf(() => readBody('createWalletSet', body({ ...walletSet, name: 'x'.repeat(20_000) })))).toBe(
      'body_too_large',
    );
    expect(codeOf(() => readBody('getWallet', utf8('{}')))).toBe('request_invalid');
    expect(readBody('getWallet', new Uint8Array())).toBeUndefined();
  });

  test('queries', () => {
    expect(readQuery('listWallets', '?walletSet=wset_a&limit=5')).toEqual({ walletSet: 'wset_a', limit: 5 });
    expect(readQuery('listWallets', '?')).toEqual({});
    for (const bad of ['?limit=0', '?limit=101', '?limit=x', '?limit=1&limit=2', '?other=1', '?limit='])
      expect(codeOf(() => readQuery('listWallets', bad))).toBe('request_invalid');
    expect(readParams('getWallet', { id: 'wal_a' })).toEqual({ id: 'wal_a' });
    expect(codeOf(() => readParams('getWallet', { id: 'x'.repeat(81) }))).toBe('request_invalid');
  });
});

describe('errors on the wire', () => {
  const request = { instance: '/v1/wallets', requestId: 'req_1' };

  test('a problem carries the row of the table, and the faults', () => {
    const error = new CustodyError('request_invalid', 'no', { problems: [{ pointer: '/a', detail: 'b' }] });
    const problem = problemOf(error, request);
    expect(problemDocument.parse(problem)).toEqual(problem);
    expect(problem).toMatchObject({ status: 400, code: 'request_invalid', retryable: false, detail: 'no' });
    expect(problem.errors).toEqual([{ pointer: '/a', detail: 'b' }]);
  });

  test('what is not expected says nothing of itself', () => {
    for (const thrown of [
      new Error('secret'),
      'secret',
      new CustodyError('internal', 'secret'),
      new CustodyError('protocol_abort', 'secret'),
    ])
      expect(JSON.stringify(problemOf(thrown, request))).not.toContain('secret');
    expect(problemOf(new Error('x'), request)).toMatchObject({ status: 500, code: 'internal' });
  });
});

test('the OpenAPI document has every route, every code that it may answer with, and no reference into nothing', () => {
  const document = openapi('1.2.3', 'http://127.0.0.1:1') as {
    openapi: string;
    paths: Record<
      string,
      Record<string, { operationId: string; parameters: { name: string; in: string }[] }>
    >;
    components: Record<string, Record<string, unknown>>;
  };
  const text = JSON.stringify(document);
  expect(document.openapi).toBe('3.1.0');
  for (const [name, { method, path: template }] of Object.entries(routes)) {
    const path = template.replace('+}', '}');
    const operation = document.paths[path]?.[method.toLowerCase()];
    expect(operation?.operationId).toBe(name);
    const inPath = operation?.parameters.filter((p) => p.in === 'path').map((p) => p.name);
    expect(inPath).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]));
  }
  // Those that some answer may have: what only the nodes tell each other is nobody else's.
  for (const code of Object.values(routes).flatMap(errorsOf)) expect(text).toContain(`"${code}"`);
  for (const [, reference] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    let at: unknown = document;
    for (const part of (reference ?? '').split('/')) at = (at as Record<string, unknown>)[part];
    expect(at).toBeDefined();
  }
});

test('answers may have members that this version does not know, and signed documents keep them', () => {
  const signed = { signed: 'AA', signature: 'AA' };
  const document = {
    type: 'planbok/head-receipt/v1',
    node: 'node2',
    issued: '1',
    organization: 'o',
    head: 'h',
  };
  const answer = {
    id: 'o',
    name: 'n',
    head: 'h',
    receipt: {
      document: { ...document, added: 'x' },
      delegation: signed,
      signature: toBase64url(new Uint8Array(64)),
    },
    created: '2026-01-01T00:00:00Z',
    auditEventId: 'e',
  };
  expect(routes.createOrganization.response.parse({ ...answer, added: 1 })).toEqual(answer);
  expect(JSON.stringify(openapi('1'))).not.toContain('"additionalProperties":false},"delegation"');
});
