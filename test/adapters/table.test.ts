import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { dynamoClient, dynamoTables } from '../../functions/adapters/dynamo.ts';
import { memoryTables } from '../../functions/adapters/memory.ts';
import type { Item, Tables } from '../../functions/ports.ts';
import { createTables } from '../../local/tables.ts';
import { startTestAccount, testCredential } from '../support/local-aws.ts';

interface Store {
  readonly tables: Tables;
  close(): Promise<void>;
}

const stores: Record<string, () => Promise<Store>> = {
  memory: async () => ({ tables: memoryTables(), close: async () => {} }),
  'DynamoDB on dynalite': async () => {
    const account = await startTestAccount();
    const client = dynamoClient(account.options);
    await createTables(client, 'test-');
    return {
      tables: dynamoTables(client, 'test-'),
      async close() {
        client.destroy();
        await account.close();
      },
    };
  },
};
const endpoint = process.env['AWS_ENDPOINT_URL'];
if (endpoint)
  stores[endpoint] = async () => {
    const credentials = testCredential('000000000001');
    const client = dynamoClient({ region: 'us-east-1', endpoint, credentials, timeoutMs: 10_000 });
    const prefix = `test-${Date.now()}-`;
    await createTables(client, prefix);
    return { tables: dynamoTables(client, prefix), close: async () => client.destroy() };
  };

let serial = 0;
/** A key that no other test uses. */
const fresh = () => `k${serial++}`;

describe.each(Object.entries(stores))('a table in %s', (_, open) => {
  let store: Store;
  beforeAll(async () => {
    store = await open();
  });
  afterAll(() => store.close());

  test('keeps an item exactly, and forgets it when it is deleted', async () => {
    const { shares } = store.tables;
    const key = { key: fresh(), record: '1' };
    const item = {
      ...key,
      text: 'å “∑” 𝔹',
      empty: '',
      n: Number.MAX_SAFE_INTEGER,
      negative: -7,
      zero: 0,
      yes: true,
      no: false,
      bytes: Uint8Array.of(0, 1, 255),
      none: new Uint8Array(),
    };
    expect(await shares.get(key)).toBeUndefined();
    expect(await shares.put(item)).toBe(true);
    expect(await shares.get(key)).toEqual(item);
    expect((await shares.get(key))?.['bytes']).not.toBeInstanceOf(Buffer);
    expect(await shares.delete(key, [[['n', '<', 0]]])).toBe(false);
    expect(await shares.delete(key)).toBe(true);
    expect(await shares.get(key)).toBeUndefined();
  });

  test('a put replaces the whole item', async () => {
    const { counters } = store.tables;
    const counter = fresh();
    await counters.put({ counter, a: 1, b: 2 });
    await counters.put({ counter, a: 3 });
    expect(await counters.get({ counter })).toEqual({ counter, a: 3 });
  });

  test('a caller that changes bytes it gave or got does not change what is stored', async () => {
    const { counters } = store.tables;
    const counter = fresh();
    const bytes = Uint8Array.of(1, 2, 3);
    await counters.put({ counter, bytes });
    bytes.fill(9);
    const got = (await counters.get({ counter }))?.['bytes'] as Uint8Array;
    expect(got).toEqual(Uint8Array.of(1, 2, 3));
    got.fill(9);
    expect(await counters.get({ counter })).toEqual({ counter, bytes: Uint8Array.of(1, 2, 3) });
  });

  test('an update sets, adds and removes, and tells the item before and after', async () => {
    const { counters } = store.tables;
    const counter = fresh();
    const created = await counters.update({ counter }, { add: { n: 5 }, set: { a: 'x', b: true } });
    expect(created).toEqual({ before: {}, after: { counter, n: 5, a: 'x', b: true } });
    const second = await counters.update(
      { counter },
      { add: { n: -2, m: 1 }, set: { a: Uint8Array.of(1) }, remove: ['b', 'never'] },
    );
    const after = { counter, n: 3, m: 1, a: Uint8Array.of(1) };
    expect(second).toEqual({ before: { counter, n: 5, a: 'x', b: true }, after });
    expect(await counters.get({ counter })).toEqual(after);
  });

  test('an update whose condition fails changes nothing and creates nothing', async () => {
    const { counters } = store.tables;
    const counter = fresh();
    expect(await counters.update({ counter }, { add: { n: 1 } }, [[['n', 'present']]])).toBeNull();
    expect(await counters.get({ counter })).toBeUndefined();
  });

  test.each<[string, Item, boolean]>([
    ['absent', {}, true],
    ['absent', { v: 1 }, false],
    ['present', {}, false],
    ['present', { v: false }, true],
    ['= 5', { v: 5 }, true],
    ['= 5', { v: 6 }, false],
    ['= 5', { v: '5' }, false],
    ['= 5', {}, false],
    ['<> 5', { v: 6 }, true],
    ['<> 5', { v: '5' }, true],
    ['<> 5', { v: 5 }, false],
    ['<> 5', {}, false],
    ['< 5', { v: 4 }, true],
    ['< 5', { v: 5 }, false],
    ['< 5', { v: '4' }, false],
    ['< 5', {}, false],
    ['<= 5', { v: 5 }, true],
    ['> 5', { v: 10 }, true],
    ['> 5', {}, false],
    ['>= 5', { v: 5 }, true],
    ['>= 5', { v: 4 }, false],
  ])('condition v %s of %j: %s', async (text, stored, expected) => {
    const { counters } = store.tables;
    const counter = fresh();
    await counters.put({ counter, other: 1, ...stored });
    const [op = '', n] = text.split(' ');
    const clause = n === undefined ? ['v', op] : ['v', op, Number(n)];
    const result = await counters.put({ counter, won: true }, [[clause as never]]);
    expect(result).toBe(expected);
  });

  test('strings order by their bytes, and bytes and booleans compare', async () => {
    const { counters } = store.tables;
    const counter = fresh();
    await counters.put({ counter, s: 'é', b: Uint8Array.of(1, 2), t: true });
    const holds = async (clause: unknown) =>
      (await counters.update({ counter }, { set: { x: 1 } }, [[clause as never]])) !== null;
    expect(await holds(['s', '>', 'z'])).toBe(true);
    expect(await holds(['s', '>', 'é'])).toBe(false);
    expect(await holds(['s', '<', 'éa'])).toBe(true);
    expect(await holds(['b', '=', Uint8Array.of(1, 2)])).toBe(true);
    expect(await holds(['b', '=', Uint8Array.of(1, 3)])).toBe(false);
    expect(await holds(['b', '<', Uint8Array.of(1, 2, 0)])).toBe(true);
    expect(await holds(['t', '=', true])).toBe(true);
    expect(await holds(['t', '<>', true])).toBe(false);
  });

  test('lists of clauses are alternatives; no list at all never holds, an empty one always', async () => {
    const { counters } = store.tables;
    const counter = fresh();
    await counters.put({ counter, a: 1, b: 2 });
    const holds = async (when: unknown) =>
      (await counters.update({ counter }, { set: { x: 1 } }, when as never)) !== null;
    expect(
      await holds([
        [
          ['a', '=', 1],
          ['b', '=', 2],
        ],
      ]),
    ).toBe(true);
    expect(
      await holds([
        [
          ['a', '=', 1],
          ['b', '=', 3],
        ],
      ]),
    ).toBe(false);
    expect(await holds([[['a', '=', 9]], [['b', '=', 2]]])).toBe(true);
    expect(
      await holds([
        [
          ['a', '=', 9],
          ['b', '=', 2],
        ],
        [
          ['a', '=', 1],
          ['b', '=', 9],
        ],
      ]),
    ).toBe(false);
    expect(await holds([])).toBe(false);
    expect(await holds([[]])).toBe(true);
    expect(await counters.put({ counter }, [])).toBe(false);
    expect(await counters.delete({ counter }, [])).toBe(false);
  });

  test('attribute names that are words of the expression language are just names', async () => {
    const { counters } = store.tables;
    const counter = fresh();
    await counters.update({ counter }, { set: { state: 'a', 'x-y.z': 1, values: 2 } });
    expect(
      await counters.put({ counter, name: 'b' }, [
        [
          ['state', '=', 'a'],
          ['x-y.z', '=', 1],
        ],
      ]),
    ).toBe(true);
  });

  test('of fifty concurrent claims exactly one wins', async () => {
    const { sessions } = store.tables;
    const reqId = fresh();
    const claims = await Promise.all(
      Array.from({ length: 50 }, (_, i) => sessions.put({ reqId, by: i }, [[['reqId', 'absent']]])),
    );
    expect(claims.filter(Boolean)).toHaveLength(1);
    expect(await sessions.get({ reqId })).toEqual({ reqId, by: claims.indexOf(true) });
  });

  test('of twenty concurrent takers of a state exactly one gets it', async () => {
    const { sessions } = store.tables;
    const reqId = fresh();
    await sessions.put({ reqId, state: 'open', secret: Uint8Array.of(7) });
    const takes = await Promise.all(
      Array.from({ length: 20 }, () =>
        sessions.update({ reqId }, { set: { state: 'used' }, remove: ['secret'] }, [
          [['state', '=', 'open']],
        ]),
      ),
    );
    expect(takes.filter((take) => take?.before['secret'] !== undefined)).toHaveLength(1);
    expect(takes.filter((take) => take === null)).toHaveLength(19);
  });

  test('concurrent additions all count, and each sees its own number', async () => {
    const { counters } = store.tables;
    const counter = fresh();
    const results = await Promise.all(
      Array.from({ length: 25 }, () => counters.update({ counter }, { add: { n: 1 } })),
    );
    expect(new Set(results.map((result) => result?.after['n'])).size).toBe(25);
    expect(await counters.get({ counter })).toEqual({ counter, n: 25 });
  });

  test('lists newest first, page by page, each item once, by list and by parent', async () => {
    const { resources } = store.tables;
    const list = fresh();
    const parent = fresh();
    const item = (i: number) => ({
      id: `${list}-${i}`,
      list,
      parent,
      listOrder: `2026-${String(i).padStart(3, '0')}`,
    });
    for (const i of [3, 1, 7, 5, 2, 6, 4]) await resources.put(item(i));
    await resources.put({ id: fresh(), list: 'another', listOrder: '2026-009' });
    await resources.put({ id: fresh(), parent });
    for (const by of [{ list }, { parent }]) {
      const seen: Item[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await resources.list(by, { limit: 3, ...(cursor && { cursor }) });
        seen.push(...page.items);
        cursor = page.cursor;
        pages++;
      } while (cursor !== undefined && pages < 10);
      expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1].map(item));
      expect(pages).toBe(3);
    }
    const exact = await resources.list({ list }, { limit: 7 });
    expect(exact.items).toHaveLength(7);
    expect(exact.cursor).toBeUndefined();
    expect(await resources.list({ list: fresh() }, { limit: 5 })).toEqual({ items: [] });
  });

  test('items of equal order are each listed once', async () => {
    const { resources } = store.tables;
    const list = fresh();
    for (const i of [1, 2, 3, 4, 5]) await resources.put({ id: `${list}-${i}`, list, listOrder: 'same' });
    const first = await resources.list({ list }, { limit: 2 });
    const rest = await resources.list({ list }, { limit: 9, cursor: first.cursor as string });
    const ids = [...first.items, ...rest.items].map((item) => item['id']);
    expect(ids).toHaveLength(5);
    expect(new Set(ids).size).toBe(5);
  });

  test('a cursor of another list, and what is no cursor, are refused', async () => {
    const { resources } = store.tables;
    const [mine, theirs] = [fresh(), fresh()];
    for (const list of [mine, theirs])
      for (const i of [1, 2]) await resources.put({ id: fresh(), list, parent: mine, listOrder: String(i) });
    const { cursor } = await resources.list({ list: theirs }, { limit: 1 });
    const bad = [
      cursor as string,
      '',
      'x',
      'AAAA',
      btoa('{"list":1}').replaceAll('=', ''),
      btoa('[]').replaceAll('=', ''),
    ];
    for (const one of bad)
      await expect(resources.list({ list: mine }, { limit: 1, cursor: one })).rejects.toMatchObject({
        code: 'request_invalid',
      });
    const own = (await resources.list({ list: mine }, { limit: 1 })).cursor as string;
    await expect(resources.list({ parent: mine }, { limit: 1, cursor: own })).rejects.toMatchObject({
      code: 'request_invalid',
    });
  });

  test('what no item may be is a bug of the caller, and nothing is written', async () => {
    const { registry, counters } = store.tables;
    await expect(registry.put({ organization: 'o' })).rejects.toThrow(TypeError);
    await expect(registry.get({ organization: 'o', seq: '1', more: 1 })).rejects.toThrow(TypeError);
    await expect(counters.put({ counter: '' })).rejects.toThrow(TypeError);
    await expect(counters.put({ counter: fresh(), n: 0.5 })).rejects.toThrow(TypeError);
    await expect(counters.put({ counter: fresh(), n: 2 ** 53 })).rejects.toThrow(TypeError);
    await expect(counters.update({ counter: 'c' }, { set: { counter: 'd' } })).rejects.toThrow(TypeError);
    await expect(counters.update({ counter: 'c' }, { set: { a: 1 }, remove: ['a'] })).rejects.toThrow(
      TypeError,
    );
    await expect(counters.update({ counter: 'c' }, {})).rejects.toThrow(TypeError);
    await expect(counters.list({ list: 'l' }, { limit: 1 })).rejects.toThrow(TypeError);
  });
});

test('a table that does not answer is storage_unavailable, with the cause behind it', async () => {
  const account = await startTestAccount();
  await account.close();
  const { counters } = dynamoTables(dynamoClient({ ...account.options, timeoutMs: 500 }), 'test-');
  await expect(counters.get({ counter: 'c' })).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(counters.put({ counter: 'c' })).rejects.toMatchObject({
    code: 'storage_unavailable',
    cause: expect.any(Error),
  });
});
