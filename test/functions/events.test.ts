/**
 * The pull feed: the audit log as applications see it. Dense, in order, resumable from every place, the same
 * for whoever asks twice, and closed to those who may not see every wallet set.
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { exchangeCheckpoints } from '../../functions/audit/exchange.ts';
import { actions } from '../../functions/audit/refusals.ts';
import { feedOver } from '../../functions/events/feed.ts';
import { leafHash } from '../../shared/audit/merkle.ts';
import { logOf, phases } from '../../shared/audit/record.ts';
import { toBase64url, utf8 } from '../../shared/bytes.ts';
import { catalog, eventTypeOf, eventTypes } from '../../shared/events/catalog.ts';
import { kinds } from '../../shared/registry/kinds.ts';
import { routes } from '../../shared/wire/routes.ts';
import { askSignature, done, type Household, hello, settle } from '../support/ask.ts';
import { owner, ticking, twoNodes, type World } from '../support/two-nodes.ts';

let world: World;
let home: Household;
const integrate = () => exchangeCheckpoints(world.lead.node, world.lead.peer, home.who.organization);
const page = async (query = '?') => {
  const reply = await world.fetch(await home.who.get('/v1/events', query));
  if (reply.status === 200) expect(routes.listEvents.response.safeParse(reply.body).error).toBeUndefined();
  return reply;
};
const types = (body: any) => body.data.map((event: any) => event.type);

beforeAll(async () => {
  world = ticking(await twoNodes());
  home = await settle(world, owner(world), ['ETH', 'SOL']);
  await done(world.fetch(await askSignature(home.who, home.wallets['ETH'], hello('ETH'))));
  const nowhere = { ...home.wallets['ETH'], id: 'wal_nowhere' };
  await world.fetch(await askSignature(home.who, nowhere, hello('ETH')));
  await integrate();
});

test('every action that is recorded has a row, and every row an event for each end', () => {
  const recorded = [...Object.values(actions), 'self_test', ...Object.keys(kinds)];
  expect(Object.keys(catalog).sort()).toEqual(expect.arrayContaining(recorded.sort()));
  for (const action of [...Object.keys(catalog), 'new_action', 'toString'])
    for (const phase of phases) {
      const type = eventTypeOf(action, phase);
      if (phase === 'intent') expect(type).toBeUndefined();
      else expect(eventTypes).toContain(type);
    }
  expect(eventTypeOf('new_action', 'failed')).toBe('other.failed');
  for (const type of eventTypes) expect(type).toMatch(/^[a-z_]+\.[a-z_]+$/);
});

test('what happened comes oldest first, with ids that can be looked up and proved', async () => {
  const { body } = await page('?limit=100');
  expect(types(body)).toEqual([
    'organization.founded',
    'wallet_set.created',
    'wallet_set.tested',
    'wallet_set.tested',
    'wallets.created',
    'signature.completed',
    'signature.denied',
  ]);
  const [completed, denied] = body.data.slice(-2);
  const { id, wallet, auditPromises } = (await world.fetch(await home.who.get('/v1/signatures'))).body
    .data[0];
  expect(completed).toMatchObject({
    object: wallet,
    data: { signature: id, intent: auditPromises.node1.document.record },
  });
  expect(denied).toMatchObject({ object: 'wal_nowhere', data: { reason: 'wallet_not_found' } });
  for (const event of body.data) {
    const proof = await done(world.fetch(await home.who.get(`/v1/audit/events/${event.id}/proof`)));
    expect(event.id).toBe(`evt_${proof.index}_${toBase64url(leafHash(utf8(proof.record)))}`);
    expect(JSON.parse(proof.record)).toMatchObject({
      action: event.data.action,
      time: String(Date.parse(event.created)),
    });
  }
});

test('pages of any size give the same events; the end gives its own cursor until more happens', async () => {
  const whole = (await page('?limit=100')).body;
  for (const limit of [1, 2, 3]) {
    const events: any[] = [];
    let cursor = '';
    for (;;) {
      const { body } = await page(`?${cursor && `cursor=${cursor}&`}limit=${limit}`);
      expect(body.data.length).toBeLessThanOrEqual(limit);
      events.push(...body.data);
      if (body.nextCursor === cursor) break;
      cursor = body.nextCursor;
    }
    expect(events).toEqual(whole.data);
    expect(cursor).toBe(whole.nextCursor);
  }
  for (const [i, event] of whole.data.entries()) {
    const rest = (await page(`?cursor=${event.cursor}&limit=100`)).body.data;
    expect(rest).toEqual(whole.data.slice(i + 1));
  }
  const end = (await page('?cursor=end')).body;
  expect(end).toEqual({ data: [], nextCursor: whole.nextCursor });
  await done(world.fetch(await askSignature(home.who, home.wallets['SOL'], hello('SOL'))));
  expect((await page(`?cursor=${end.nextCursor}`)).body.data).toEqual([]);
  await integrate();
  expect(types((await page(`?cursor=${end.nextCursor}`)).body)).toEqual(['signature.completed']);
});

test('types narrow it, and the cursor passes what they leave out', async () => {
  const { body } = await page('?limit=100&types=signature.completed%2Csignature.denied');
  expect(types(body)).toEqual(['signature.completed', 'signature.denied', 'signature.completed']);
  const none = (await page('?types=member.added')).body;
  expect(none).toEqual({ data: [], nextCursor: body.nextCursor });
});

test('a log of many tiles is read from any index', async () => {
  const other = await twoNodes();
  const who = owner(other);
  await done(other.fetch(await who.found()));
  const { organization } = who;
  const facts = {
    actor: 'a',
    role: 'owner',
    object: 'o',
    operation: '',
    policy: 'allowed',
    previous: '',
    phase: 'outcome',
  } as const;
  for (let i = 0; i < 600; i++) {
    other.clockMs += 1;
    await other.lead.node.audit.append(organization, { ...facts, action: `act_${i}` });
  }
  await exchangeCheckpoints(other.lead.node, other.lead.peer, organization);
  const feed = feedOver(other.lead.node.audit);
  const { entries, size } = await feed.read(organization, 0, 1_000);
  expect(size).toBe(602);
  expect(entries.map(({ index }) => index)).toEqual(Array.from({ length: 602 }, (_, i) => i));
  expect(entries.slice(2).map(({ record }) => record.action)).toEqual(
    Array.from({ length: 600 }, (_, i) => `act_${i}`),
  );
  for (const from of [254, 255, 256, 257, 511, 512, 601])
    expect((await feed.read(organization, from, 3)).entries).toEqual(entries.slice(from, from + 3));
  expect((await feed.read(organization, 602, 3)).entries).toEqual([]);
  // A page of a type that there is nothing of is an empty one, at the end.
  const rare = (await other.fetch(await who.get('/v1/events', '?types=member.added'))).body;
  expect(rare).toEqual((await other.fetch(await who.get('/v1/events', '?cursor=end'))).body);
  expect((await feed.read(organization, 0, 1)).entries[0]?.record.log).toBe(logOf('node1', organization));
});

describe('refused', () => {
  test('what is no cursor, or of a longer log; unknown types', async () => {
    const later = toBase64url(utf8('log/9999'));
    for (const query of [
      'cursor=x',
      `cursor=${toBase64url(utf8('log/-1'))}`,
      `cursor=${toBase64url(utf8('log/1e3'))}`,
      `cursor=${later}`,
      'types=nothing.at_all',
      'types=',
      'limit=101',
    ])
      expect([query, (await page(`?${query}`)).body.code]).toEqual([query, 'request_invalid']);
  });

  test('strangers; another organization sees its own feed only', async () => {
    const stranger = owner(world);
    expect((await world.fetch(await stranger.get('/v1/events'))).status).toBe(401);
    await done(world.fetch(await stranger.found()));
    expect((await world.fetch(await stranger.get('/v1/events'))).body).toMatchObject({ data: [] });
  });
});
