import { beforeAll, describe, expect, test } from '@jest/globals';
import { noPages, type PageOrigins } from '../../functions/cors.ts';
import { routes } from '../../shared/wire/routes.ts';
import { eventOf, type Owner, owner, twoNodes, type World } from '../support/two-nodes.ts';

const named = 'https://wallet.example.com';
const some: PageOrigins = { exact: [named], local: false };
const laptop: PageOrigins = { exact: [], local: true };

const worlds = new Map<PageOrigins, World>();
beforeAll(async () => {
  for (const origins of [some, laptop, noPages]) worlds.set(origins, await twoNodes({ origins }));
});
const worldOf = (origins: PageOrigins) => worlds.get(origins) as World;

const empty = {
  method: 'GET',
  path: '/v1/health',
  query: '?',
  idempotencyKey: '',
  body: new Uint8Array(),
  contentDigest: '',
  signatureInput: '',
  signature: '',
};
const ask = (origins: PageOrigins, origin: string | undefined, path = '/v1/health', method = 'GET') =>
  worldOf(origins).send(eventOf({ ...empty, method, path }, origin === undefined ? {} : { Origin: origin }));
const preflighted = (origins: PageOrigins, origin: string, path = '/v1/wallets', more: object = {}) =>
  worldOf(origins).send(
    eventOf(
      { ...empty, method: 'OPTIONS', path },
      { origin, 'access-control-request-method': 'POST', ...more },
    ),
  );

describe('a page of another origin', () => {
  test('that is named reads answers, and the headers that the SDK needs', async () => {
    const { status, headers } = await ask(some, named);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'access-control-allow-origin': named, vary: 'origin' });
    const exposed = headers['access-control-expose-headers']?.split(', ');
    expect(exposed).toEqual(
      expect.arrayContaining(['date', 'retry-after', 'location', 'x-request-id', 'idempotent-replayed']),
    );
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
  });

  test('learns what went wrong, by whom it asks and without being known', async () => {
    const unsigned = await ask(some, named, '/v1/wallets');
    expect(unsigned).toMatchObject({ status: 401, body: { code: 'signature_invalid' } });
    const unknown = await ask(some, named, '/v1/nowhere');
    expect(unknown.body.code).toBe('route_not_found');
    for (const { headers } of [unsigned, unknown]) expect(headers['access-control-allow-origin']).toBe(named);
  });

  test('asks before it sends, on every route, and is told what it may send', async () => {
    for (const { path, method } of Object.values(routes)) {
      const { status, headers, body } = await preflighted(some, named, path.replace(/\{(\w+)\+?\}/g, 'x'));
      expect([path, status, body]).toEqual([path, 204, undefined]);
      expect(headers['access-control-allow-methods']?.split(', ')).toContain(method);
      expect(headers['access-control-allow-origin']).toBe(named);
    }
    const { headers } = await preflighted(some, named);
    expect(headers).toMatchObject({
      'access-control-allow-methods': 'POST, GET',
      'access-control-allow-headers':
        'authorization, content-type, content-digest, idempotency-key, signature-input, signature',
      'access-control-max-age': '7200',
    });
  });

  test.each([
    'https://evil.example',
    'https://wallet.example.com.evil.example',
    'https://wallet.example.com:8443',
    'http://wallet.example.com',
    'https://WALLET.example.com',
    'http://localhost:3000',
    'null',
    '*',
    '',
  ])('that is not named, %s, learns nothing', async (origin) => {
    const { headers } = await ask(some, origin);
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    const asked = await preflighted(some, origin);
    expect(asked).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
    expect(Object.keys(asked.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  test('of a laptop may call a laptop, from any port', async () => {
    for (const origin of [
      'http://localhost',
      'http://localhost:5173',
      'http://127.0.0.1:8080',
      'http://[::1]:1',
    ]) {
      expect((await ask(laptop, origin)).headers['access-control-allow-origin']).toBe(origin);
      expect((await preflighted(laptop, origin)).status).toBe(204);
    }
    const others = [
      'http://localhost.evil.example',
      'http://localhost:5173/',
      'http://127.0.0.2',
      'https://localhost',
    ];
    for (const origin of [...others, 'http://evil.example', 'null', 'http://localhost@evil.example'])
      expect((await ask(laptop, origin)).headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('is nobody where none is named, and nothing depends on who asks', async () => {
    const { headers } = await ask(noPages, named);
    expect(Object.keys(headers).filter((name) => /^access-control|^vary$/.test(name))).toEqual([]);
    expect((await preflighted(noPages, named)).status).toBe(405);
  });

  test('that asks for a route that does not exist is told so', async () => {
    const asked = await preflighted(some, named, '/v1/nowhere');
    expect(asked).toMatchObject({ status: 404, body: { code: 'route_not_found' } });
    expect(asked.headers['access-control-allow-origin']).toBe(named);
  });

  test('and a program, which names no origin, is served as ever', async () => {
    const { status, headers } = await ask(some, undefined);
    expect([status, headers['access-control-allow-origin']]).toEqual([200, undefined]);
    const plain = await worldOf(some).send(eventOf({ ...empty, method: 'OPTIONS', path: '/v1/wallets' }));
    expect(plain.status).toBe(405);
  });

  test('founds an organization, if it may: the answer of Node 1 says so too', async () => {
    const world = worldOf(some);
    const someone: Owner = owner(world);
    const founded = await world.send(eventOf(await someone.found(), { origin: named }));
    expect(founded.status).toBe(201);
    expect(founded.headers['access-control-allow-origin']).toBe(named);
  });
});
