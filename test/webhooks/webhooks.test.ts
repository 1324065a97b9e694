/**
 * Webhooks from the API to a real receiver over HTTP: in order, at least once, under the same id, signed as the
 * standard says, for Owners and Admins alone.
 */
import { createPublicKey, verify } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ed25519Key, found, type Planbok, verifyWebhook, type Webhook } from '../../client/index.ts';
import { courierOf } from '../../functions/adapters/courier.ts';
import { exchangeCheckpoints } from '../../functions/audit/exchange.ts';
import { exportPage } from '../../functions/audit/page.ts';
import { actions } from '../../functions/audit/refusals.ts';
import { dispatcherOf } from '../../functions/webhooks/dispatch.ts';
import { keepDispatching } from '../../functions/webhooks/loop.ts';
import { disableAfterMs } from '../../functions/webhooks/retries.ts';
import { toBase64url, utf8 } from '../../shared/bytes.ts';
import { type Route, routes } from '../../shared/wire/routes.ts';
import { exportFiles, verifyFiles } from '../audit/exports.ts';
import { fresh, household } from '../client/world.ts';
import { type Received, type Receiver, receiver, status } from '../support/receiver.ts';
import { ticking } from '../support/two-nodes.ts';

let home: Awaited<ReturnType<typeof household>>;
let ada: Planbok;
let there: Receiver;
beforeEach(async () => {
  home = await household();
  ticking(home.reached.world);
  ada = home.ada;
  there = await receiver();
});
afterEach(() => there.close());

const lead = () => home.reached.world.lead;
const later = (ms: number) => {
  home.reached.world.clockMs += ms;
};
const integrate = () => exchangeCheckpoints(lead().node, lead().peer, home.organization);
const dispatcher = (timeoutMs = 2_000) =>
  dispatcherOf({
    node: lead().node,
    webhooks: lead().webhooks,
    courier: courierOf({ local: true, timeoutMs }),
  });
/** Integrates and sends what is due now. */
async function dispatch(one = dispatcher()): Promise<number> {
  await integrate();
  let attempts = 0;
  for (const id of await one.due()) attempts += await one.serve(id);
  return attempts;
}
/** Something that happens: an event `api_key.created`. */
async function happen(times = 1): Promise<void> {
  const facts = {
    actor: 'key_a',
    role: 'owner',
    object: home.organization,
    operation: '',
    policy: 'allowed',
    previous: '',
  };
  for (let i = 0; i < times; i++)
    await lead().node.audit.append(home.organization, {
      ...facts,
      action: 'api_key.create',
      phase: 'outcome',
    });
}
const ids = (received: readonly Received[]) => received.map(({ id }) => id);
const feed = async (types?: readonly any[]): Promise<string[]> => {
  const found: string[] = [];
  for await (const event of ada.events.iterate(types ? { types } : {})) found.push(event.id);
  return found;
};
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
};
const types = ['api_key.created'] as const;
const subscribe = (more: Partial<Parameters<Planbok['webhooks']['create']>[0]> = {}): Promise<Webhook> =>
  ada.webhooks.create({ url: there.url, types, ...more });

/** By the text of the standard, with OpenSSL and no code of ours. */
function holds({ headers, body }: Received, publicKey: string): boolean {
  const raw = Buffer.from(publicKey.slice('whpk_'.length), 'base64');
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
    format: 'jwk',
  });
  const content = Buffer.concat([
    Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`),
    body,
  ]);
  return String(headers['webhook-signature'])
    .split(' ')
    .map((one) => one.split(','))
    .some(
      ([version, signature]) =>
        version === 'v1a' && verify(null, content, key, Buffer.from(signature ?? '', 'base64')),
    );
}

describe('deliveries', () => {
  test('come in the order of the feed, of the types that were asked for, from the time of asking', async () => {
    await happen();
    await integrate();
    const webhook = await subscribe();
    expect(await dispatch()).toBe(0);
    await happen(3);
    expect(await dispatch()).toBe(3);
    expect(ids(there.received)).toEqual((await feed(types)).slice(1));
    const listed: unknown[] = [];
    for await (const event of ada.events.iterate({ types })) listed.push(event);
    expect(there.received.map(({ event }) => event)).toEqual(listed.slice(1));
    for (const one of there.received) {
      expect(one.headers).toMatchObject({
        'content-type': 'application/json',
        'user-agent': 'planbok-webhooks/1',
      });
      expect(holds(one, webhook.publicKey)).toBe(true);
      const { id, event } = verifyWebhook(
        one.headers,
        one.body,
        webhook.publicKey,
        home.reached.world.clockMs,
      );
      expect([id, event.type]).toEqual([one.id, 'api_key.created']);
    }
    expect(await dispatch()).toBe(0);
    const attempts = await all(ada.webhooks.deliveries(webhook.id));
    expect(attempts.map(({ event }) => event)).toEqual(ids(there.received).reverse());
    for (const one of attempts) expect(one).toMatchObject({ state: 'delivered', attempt: 1, status: 204 });
  });

  test('from the first event on, if a cursor says so; every type, if none is named', async () => {
    await happen(2);
    await integrate();
    const first = (await ada.events.list({ limit: 1 })).data[0];
    await ada.webhooks.create({ url: there.url, cursor: first?.cursor ?? '' });
    await dispatch();
    await dispatch();
    expect(ids(there.received)).toEqual((await feed()).slice(1));
    expect(there.received.at(-1)?.event.type).toBe('webhook.created');
  });

  test('that fail are tried again on schedule, under the same id, and nothing overtakes them', async () => {
    const webhook = await subscribe();
    await happen(3);
    there.answer = (one, n, response) => status(n < 3 ? 500 : 200)(one, n, response);
    expect(await dispatch()).toBe(1);
    expect(await dispatch()).toBe(0);
    later(5_500);
    expect(await dispatch()).toBe(1);
    later(200_000);
    expect(await dispatch()).toBe(0);
    const failing = (await ada.webhooks.get(webhook.id)).failing;
    expect(failing?.attempts).toBe(2);
    later(130_000);
    expect(await dispatch()).toBe(1);
    later(2_000_000);
    expect(await dispatch()).toBe(3);
    const [first, second, third] = await feed(types);
    expect(ids(there.received)).toEqual([first, first, first, first, second, third]);
    const bodies = there.received.slice(0, 4).map(({ body }) => new TextDecoder().decode(body));
    expect(new Set(bodies).size).toBe(1);
    const times = there.received.slice(0, 4).map(({ headers }) => Number(headers['webhook-timestamp']));
    expect(new Set(times).size).toBe(4);
    const attempts = (await all(ada.webhooks.deliveries(webhook.id))).reverse();
    expect(attempts.map(({ attempt, state, status: code }) => [attempt, state, code])).toEqual([
      [1, 'failed', 500],
      [2, 'failed', 500],
      [3, 'failed', 500],
      [4, 'delivered', 200],
      [1, 'delivered', 200],
      [1, 'delivered', 200],
    ]);
    expect(attempts[0]).toMatchObject({ failure: 'status', response: 'noted·' });
    const waits = attempts
      .slice(0, 3)
      .map(({ created, nextAttempt = '' }) => Date.parse(nextAttempt) - Date.parse(created));
    for (const [i, ms] of [5_000, 300_000, 1_800_000].entries()) {
      expect(waits[i]).toBeGreaterThanOrEqual(ms);
      expect(waits[i]).toBeLessThan(ms * 1.1 + 100);
    }
    expect((await ada.webhooks.get(webhook.id)).failing).toBeUndefined();
  });

  test('a receiver that asks for time gets it; one that is silent times out; a redirect is a failure', async () => {
    const webhook = await subscribe();
    await happen();
    there.answer = status(503, { 'retry-after': '600' });
    await dispatch();
    later(590_000);
    expect(await dispatch()).toBe(0);
    there.answer = () => new Promise(() => undefined);
    later(11_000);
    expect(await dispatch(dispatcher(100))).toBe(1);
    there.answer = status(302, { location: `${there.url}/elsewhere` });
    later(400_000);
    await dispatch();
    const attempts = await all(ada.webhooks.deliveries(webhook.id));
    expect(attempts.map(({ failure, status: code }) => [failure, code])).toEqual([
      ['redirect_refused', 302],
      ['timeout', undefined],
      ['status', 503],
    ]);
  });

  test('410 switches the webhook off, which is an event; switched on again it goes on where it stopped', async () => {
    const webhook = await subscribe();
    await happen(2);
    there.answer = status(410);
    expect(await dispatch()).toBe(1);
    later(1e9);
    expect(await dispatch()).toBe(0);
    expect(await ada.webhooks.get(webhook.id)).toMatchObject({ enabled: false, disabled: 'gone' });
    const { data } = await ada.events.list({ types: ['webhook.disabled'] });
    expect(data).toMatchObject([{ object: webhook.id, data: { reason: 'gone', actor: 'node1' } }]);
    there.answer = status(200);
    expect(await ada.webhooks.update(webhook.id, { enabled: true })).toMatchObject({ enabled: true });
    expect(await dispatch()).toBe(2);
    expect(ids(there.received).slice(1)).toEqual(await feed(types));
  });

  test('a receiver that fails for five days is sent nothing more, and nothing is lost', async () => {
    const webhook = await subscribe();
    await happen(2);
    there.answer = status(500);
    let attempts = 0;
    const begun = home.reached.world.clockMs;
    for (;;) {
      attempts += await dispatch();
      const { enabled, failing } = await ada.webhooks.get(webhook.id);
      if (!enabled) break;
      later(Date.parse(failing?.nextAttempt ?? '') - home.reached.world.clockMs);
    }
    const days = (home.reached.world.clockMs - begun) / 86_400_000;
    expect([days >= disableAfterMs / 86_400_000, days < 6.5]).toEqual([true, true]);
    expect(attempts).toBeGreaterThanOrEqual(10);
    expect(new Set(ids(there.received)).size).toBe(1);
    expect(await ada.webhooks.get(webhook.id)).toMatchObject({ disabled: 'failing' });
    there.answer = status(200);
    await ada.webhooks.update(webhook.id, { enabled: true });
    expect(await dispatch()).toBe(2);
  });

  test('attempts are listed for a week', async () => {
    const webhook = await subscribe();
    await happen();
    await dispatch();
    later(7 * 86_400_000 - 60_000);
    expect(await all(ada.webhooks.deliveries(webhook.id))).toHaveLength(1);
    later(120_000);
    expect(await all(ada.webhooks.deliveries(webhook.id))).toHaveLength(0);
  });
});

describe('out of turn', () => {
  test('a test is sent once, also to a webhook that is off; a redelivery has the same id and body', async () => {
    const webhook = await subscribe();
    await ada.webhooks.update(webhook.id, { enabled: false });
    const asked = await ada.webhooks.test(webhook.id, { idempotencyKey: 'once' });
    expect(asked).toMatchObject({ state: 'pending', type: 'webhook.test', attempt: 0 });
    expect((await ada.webhooks.test(webhook.id, { idempotencyKey: 'once' })).id).toBe(asked.id);
    there.answer = status(500);
    expect(await dispatch()).toBe(1);
    later(1e8);
    expect(await dispatch()).toBe(0);
    const [tested] = there.received;
    expect(tested?.event).toMatchObject({ id: asked.event, type: 'webhook.test', object: webhook.id });
    const now = Number(tested?.headers['webhook-timestamp']) * 1_000;
    expect(verifyWebhook(tested?.headers ?? {}, tested?.body ?? '', webhook.publicKey, now).id).toBe(
      asked.event,
    );
    const [attempt] = await all(ada.webhooks.deliveries(webhook.id));
    expect(attempt).toMatchObject({ id: asked.id, state: 'failed', attempt: 1, status: 500 });

    there.answer = status(200);
    await ada.webhooks.update(webhook.id, { enabled: true });
    await happen(2);
    await dispatch();
    const [newest, delivered] = await all(ada.webhooks.deliveries(webhook.id));
    for (const again of [delivered, newest, attempt]) {
      const queued = await ada.webhooks.redeliver(webhook.id, again?.id ?? '');
      expect(queued).toMatchObject({ event: again?.event, redeliveryOf: again?.id });
    }
    const before = there.received.length;
    expect(await dispatch()).toBe(3);
    const originals = new Map(there.received.slice(0, before).map((one) => [one.id, one.body]));
    const resent = there.received.slice(before);
    expect(ids(resent)).toEqual([delivered, newest, attempt].map((one) => one?.event));
    for (const one of resent) expect(one.body).toEqual(originals.get(one.id));
  });

  test('only so much waits, and only what this webhook was sent', async () => {
    const [one, other] = [await subscribe(), await subscribe({ types: [] })];
    await happen();
    await dispatch();
    const [delivery] = await all(ada.webhooks.deliveries(one.id));
    await expect(ada.webhooks.redeliver(other.id, delivery?.id ?? '')).rejects.toMatchObject({
      code: 'delivery_not_found',
    });
    await expect(ada.webhooks.redeliver(one.id, 'whd_none')).rejects.toMatchObject({
      code: 'delivery_not_found',
    });
    for (let i = 0; i < 16; i++) await ada.webhooks.test(one.id);
    await expect(ada.webhooks.test(one.id)).rejects.toMatchObject({ code: 'webhook_limit_reached' });
    expect(await dispatcher().serve(one.id)).toBe(16);
  });
});

describe('several dispatchers, and those that die', () => {
  test('many at a time deliver everything in order and once, while their leases last', async () => {
    await subscribe();
    await happen(12);
    await integrate();
    const many = Array.from({ length: 4 }, () => dispatcher());
    const rounds = async (one: (typeof many)[number]) => {
      let n = 0;
      for (let i = 0; i < 6; i++) for (const id of await one.due()) n += await one.serve(id);
      return n;
    };
    const attempts = await Promise.all(many.map(rounds));
    expect(attempts.reduce((a, b) => a + b, 0)).toBe(12);
    expect(ids(there.received)).toEqual(await feed(types));
  });

  test('one that is slower than its lease: the other sends the same id, and nothing is skipped', async () => {
    const { id } = await subscribe();
    await happen(3);
    await integrate();
    const second = dispatcher();
    let stolen: Promise<number> | undefined;
    there.answer = async (_, n) => {
      if (n > 0) return;
      later(61_000);
      stolen = second.serve(id);
      await stolen;
    };
    expect(await dispatcher().serve(id)).toBe(1);
    expect(await stolen).toBe(3);
    const [first, ...rest] = await feed(types);
    expect(ids(there.received)).toEqual([first, first, ...rest]);
    expect(await dispatcher().serve(id)).toBe(0);
  });

  test('one that dies after the answer, at any write: the event comes again under its id, none is lost', async () => {
    for (const method of ['put', 'update'] as const)
      for (const nth of [1, 2, 3, 4]) {
        there.received.length = 0;
        const { id } = await subscribe();
        await happen(3);
        await integrate();
        const table = home.reached.world.node1.tables.webhooks;
        const original = table[method];
        let calls = 0;
        (table as any)[method] = async (...args: [any, any, any]) => {
          if (++calls === nth) throw new Error('died');
          return (original as any)(...args);
        };
        // The lease, too: nothing is given back by who is dead.
        await dispatcher()
          .serve(id)
          .catch(() => 0);
        (table as any)[method] = original;
        later(61_000);
        while ((await dispatcher().serve(id)) > 0);
        const wanted = (await feed(types)).slice(-3);
        const got = ids(there.received);
        expect([method, nth, [...new Set(got)]]).toEqual([method, nth, wanted]);
        expect(got.length).toBeLessThanOrEqual(4);
        await ada.webhooks.delete(id);
      }
  });

  test('a change of the cursor while something is sent stands', async () => {
    const webhook = await subscribe();
    await happen(3);
    await integrate();
    const [first] = (await ada.events.list({ types })).data;
    there.answer = async (_, n) => {
      if (n === 2) await ada.webhooks.update(webhook.id, { cursor: first?.cursor ?? '' });
    };
    await dispatcher().serve(webhook.id);
    await dispatcher().serve(webhook.id);
    const [one, two, three] = await feed(types);
    expect(ids(there.received)).toEqual([one, two, three, two, three]);
  });
});

test('a slow receiver holds up nobody else; what happens is sent within two seconds', async () => {
  const slow = await receiver();
  slow.answer = () => new Promise(() => undefined);
  await ada.webhooks.create({ url: slow.url, types });
  await subscribe();
  const stop = keepDispatching(dispatcher(3_000), lead().node.log);
  await happen();
  const begun = performance.now();
  await integrate();
  while (there.received.length === 0 && performance.now() - begun < 5_000)
    await new Promise((next) => setTimeout(next, 10));
  expect(performance.now() - begun).toBeLessThan(2_000);
  await slow.close();
  await stop();
});

describe('keys', () => {
  test('while one replaces another both sign; then the new one alone', async () => {
    const webhook = await subscribe();
    const rotated = await ada.webhooks.rotate(webhook.id, { overlapSeconds: 3_600, idempotencyKey: 'turn' });
    expect(await ada.webhooks.rotate(webhook.id, { overlapSeconds: 3_600, idempotencyKey: 'turn' })).toEqual(
      rotated,
    );
    const [fresh_, old] = rotated.keys;
    expect([old?.publicKey, fresh_?.publicKey, rotated.keys.length]).toEqual([
      webhook.publicKey,
      rotated.publicKey,
      2,
    ]);
    const sent = async () => {
      await happen();
      await dispatch();
      const one = there.received.at(-1) as Received;
      const now = home.reached.world.clockMs;
      verifyWebhook(one.headers, one.body, [webhook.publicKey, rotated.publicKey], now);
      return [
        holds(one, webhook.publicKey),
        holds(one, rotated.publicKey),
        String(one.headers['webhook-signature']).split(' ').length,
      ];
    };
    expect(await sent()).toEqual([true, true, 2]);
    later(3_600_000);
    expect(await sent()).toEqual([false, true, 1]);
    expect((await ada.webhooks.get(webhook.id)).keys).toHaveLength(1);
    const again = await ada.webhooks.rotate(webhook.id, { overlapSeconds: 0 });
    expect(again.keys.map(({ publicKey }) => publicKey)).toEqual([again.publicKey]);
  });

  test('are believed on the word of Node 1 alone, each for its own webhook', async () => {
    const [one, other] = [await subscribe(), await subscribe()];
    const swapped = (answer: any) => ({ ...answer, publicKey: other.publicKey, keys: other.keys });
    const forged = (answer: any) => ({ ...answer, publicKey: other.publicKey });
    for (const lie of [swapped, forged]) {
      home.reached.meddle = async (_, __, pass) => {
        const answer = await (await pass()).json();
        return new Response(JSON.stringify(lie(answer)));
      };
      await expect(ada.webhooks.get(one.id)).rejects.toMatchObject({ code: 'proof_invalid' });
    }
  });

  test('the private halves are in no item in clear, and go with the webhook', async () => {
    const { webhooks } = home.reached.world.node1.tables;
    const { id } = await subscribe();
    await ada.webhooks.rotate(id);
    const items = () =>
      Promise.all([1, 2].map((n) => webhooks.get({ id: `planbok.node1/${id}/${n}/key/webhook` })));
    for (const item of await items())
      expect(Object.keys(item ?? {}).sort()).toEqual(['attested', 'id', 'sealed', 'wrapped']);
    await ada.webhooks.delete(id);
    expect(await items()).toEqual([undefined, undefined]);
  });
});

describe('who may', () => {
  const mutating = (Object.entries(routes) as [keyof typeof routes, Route][]).filter(
    ([, { act }]) => act === 'webhooks',
  );

  test('Owners and Admins; for others every route is closed, and what is not theirs is not there', async () => {
    const { id } = await subscribe();
    const other = await household();
    const keyed = async (role: 'admin' | 'member') => {
      const key = ed25519Key(fresh(32));
      const credential = {
        algorithm: key.algorithm,
        publicKey: toBase64url(key.publicKey),
        scopes: ['view', 'create_wallet', 'sign'],
      } as const;
      await ada.members.add({ name: role, role, credential });
      return home.clientOf(key);
    };
    const api = ed25519Key(fresh(32));
    const publicKey = { algorithm: api.algorithm, publicKey: toBase64url(api.publicKey) };
    await ada.apiKeys.create({
      name: 'k',
      role: 'member',
      scopes: { '*': ['view', 'create_wallet', 'sign'] },
      publicKey,
    });
    const calls = (who: Planbok) => ({
      createWebhook: () => who.webhooks.create({ url: there.url }),
      listWebhooks: () => who.webhooks.list().next(),
      getWebhook: () => who.webhooks.get(id),
      updateWebhook: () => who.webhooks.update(id, { name: 'x' }),
      rotateWebhookKey: () => who.webhooks.rotate(id),
      testWebhook: () => who.webhooks.test(id),
      listDeliveries: () => who.webhooks.deliveries(id).next(),
      redeliverWebhook: () => who.webhooks.redeliver(id, 'whd_none'),
      deleteWebhook: () => who.webhooks.delete(id),
    });
    const outcomes = async (who: Planbok) =>
      Object.fromEntries(
        await Promise.all(
          Object.entries(calls(who)).map(
            async ([name, call]) =>
              [
                name,
                await call().then(
                  () => 'done',
                  ({ code }) => code,
                ),
              ] as const,
          ),
        ),
      );
    expect(Object.keys(calls(ada)).sort()).toEqual(mutating.map(([name]) => name).sort());
    for (const who of [await keyed('member'), home.clientOf(api)])
      expect(new Set(Object.values(await outcomes(who)))).toEqual(new Set(['role_missing']));
    expect(await outcomes(home.clientOf(ed25519Key(fresh(32))))).toMatchObject({
      listWebhooks: 'credential_unknown',
      deleteWebhook: 'credential_unknown',
    });
    const stranger = await outcomes(other.clientOf());
    for (const [name, code] of Object.entries(stranger))
      expect([name, code]).toEqual([
        name,
        name === 'createWebhook' || name === 'listWebhooks' ? 'done' : code,
      ]);
    expect((await ada.webhooks.get(id)).enabled).toBe(true);
    const admin = await keyed('admin');
    expect(await all(admin.webhooks.list())).toHaveLength(1);
    await admin.webhooks.delete(id);
  });

  test('another organization finds none of it', async () => {
    const { id } = await subscribe();
    const other = home.clientOf();
    const key = ed25519Key(fresh(32));
    const made = await found(home.connection, { name: 'Other', owner: { name: 'Eve', credential: key } });
    const eve = home.clientOf(key, { organization: made.id });
    expect(await all(eve.webhooks.list())).toEqual([]);
    for (const call of [
      () => eve.webhooks.get(id),
      () => eve.webhooks.update(id, { name: 'x' }),
      () => eve.webhooks.rotate(id),
      () => eve.webhooks.test(id),
      () => eve.webhooks.deliveries(id).next(),
      () => eve.webhooks.redeliver(id, 'whd_x'),
      () => eve.webhooks.delete(id),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'webhook_not_found' });
    expect((await other.webhooks.get(id)).name).toBe('');
  });

  test('every change is recorded from intent to outcome, every refusal too; both logs still verify', async () => {
    const { id } = await subscribe();
    await ada.webhooks.update(id, { name: 'n' });
    await ada.webhooks.rotate(id);
    const { id: delivery } = await ada.webhooks.test(id);
    await dispatch();
    await ada.webhooks.redeliver(id, delivery);
    await ada.webhooks.delete(id);
    await expect(ada.webhooks.test(id)).rejects.toMatchObject({ code: 'webhook_not_found' });
    await expect(ada.webhooks.delete(id)).rejects.toMatchObject({ code: 'webhook_not_found' });
    await integrate();
    const { entries } = await lead().webhooks.feed.read(home.organization, 0, 1_000);
    const said = entries.map(({ record }) => `${record.action} ${record.phase}`);
    for (const [name, { method }] of mutating) {
      if (method === 'GET') continue;
      const action = (actions as Record<string, string>)[name];
      for (const phase of ['intent', 'outcome']) expect(said).toContain(`${action} ${phase}`);
    }
    for (const action of ['test_webhook', 'delete_webhook']) expect(said).toContain(`${action} denied`);
    for (const { record } of entries)
      if (record.action.endsWith('_webhook')) expect([record.object, record.operation]).toEqual([id, '']);
    // What only Node 1 does is no effect that Node 2 would have to know.
    const exported = async (node: Parameters<typeof exportPage>[0]) => {
      const page = await exportPage(node, home.organization, 0, 256);
      return { keys: page.keys, checkpoint: utf8(page.checkpoint), records: page.records.map(utf8) };
    };
    const { identities, second } = home.reached.world;
    const files = exportFiles({ node1: await exported(lead().node), node2: await exported(second) });
    expect(await verifyFiles(files, { organization: home.organization, identities })).toMatchObject({
      ok: true,
      findings: [],
    });
  });
});

describe('requests', () => {
  test('a repeated one is the same change, and says so; the key is for nothing else', async () => {
    const key = { idempotencyKey: 'a' };
    const made = await subscribe(key);
    expect(await subscribe(key)).toEqual(made);
    expect(await all(ada.webhooks.list())).toHaveLength(1);
    await expect(subscribe({ ...key, name: 'other' })).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
    expect(await ada.lookUp('a')).toMatchObject({ state: 'completed', resources: [made.id] });
    await ada.webhooks.update(made.id, { name: 'first', idempotencyKey: 'b' });
    await ada.webhooks.update(made.id, { name: 'second' });
    later(60_000);
    // Sent again after its lease, it does not undo what came after.
    expect((await ada.webhooks.update(made.id, { name: 'first', idempotencyKey: 'b' })).name).toBe('second');
    expect(await ada.lookUp('b')).toMatchObject({ state: 'completed' });
    const gone = await ada.webhooks.delete(made.id, { idempotencyKey: 'c' });
    expect(await ada.webhooks.delete(made.id, { idempotencyKey: 'c' })).toEqual(gone);
    expect(await all(ada.webhooks.list())).toEqual([]);
    await expect(ada.webhooks.get(made.id)).rejects.toMatchObject({ code: 'webhook_not_found' });
    await happen();
    expect(await dispatch()).toBe(0);
  });

  test('changes at a time are all made', async () => {
    const { id } = await subscribe();
    await Promise.all([
      ada.webhooks.update(id, { name: 'n' }),
      ada.webhooks.update(id, { types: [] }),
      ada.webhooks.test(id),
      ada.webhooks.test(id),
    ]);
    expect(await ada.webhooks.get(id)).toMatchObject({ name: 'n', types: [] });
    expect(await dispatch()).toBeGreaterThanOrEqual(2);
    expect(there.received.filter(({ event }) => event.type === 'webhook.test')).toHaveLength(2);
  });

  test('what no webhook can have is refused with its own code', async () => {
    const { id } = await subscribe();
    for (const url of [
      'https://10.0.0.1/',
      'http://example.com/',
      'https://example.com:22/',
      'https://u:p@example.com/',
    ]) {
      await expect(subscribe({ url })).rejects.toMatchObject({ code: 'webhook_url_refused' });
      await expect(ada.webhooks.update(id, { url })).rejects.toMatchObject({ code: 'webhook_url_refused' });
    }
    const bad: any[] = [
      { types: ['no.such'] },
      { types: [...types, ...types] },
      { cursor: 'x' },
      { name: 'x'.repeat(101) },
      { extra: 1 },
    ];
    for (const one of bad) await expect(subscribe(one)).rejects.toMatchObject({ code: 'request_invalid' });
    await expect(ada.webhooks.update(id, {})).rejects.toMatchObject({ code: 'request_invalid' });
    await expect(ada.webhooks.rotate(id, { overlapSeconds: 8 * 86_400 })).rejects.toMatchObject({
      code: 'request_invalid',
    });
    for (let i = 1; i < 32; i++) await subscribe();
    await expect(subscribe()).rejects.toMatchObject({ code: 'webhook_limit_reached' });
  });
});
