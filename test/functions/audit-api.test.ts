/**
 * What the API shows of both logs: events with filters, proofs that hold, tiles as other tools read them.
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { exchangeCheckpoints } from '../../functions/audit/exchange.ts';
import { openCheckpoint, parseCheckpoint } from '../../shared/audit/checkpoint.ts';
import { leafHash, rootOfLeaves, verifyConsistency } from '../../shared/audit/merkle.ts';
import { logOf, readRecord } from '../../shared/audit/record.ts';
import { openAuditKey } from '../../shared/audit/statements.ts';
import { decodeEntries, entriesPath, hashesOf, tilePath } from '../../shared/audit/tile.ts';
import { equalBytes, fromBase64url, utf8 } from '../../shared/bytes.ts';
import type { NodeName } from '../../shared/crypto/attestation.ts';
import { routes } from '../../shared/wire/routes.ts';
import { askSet, askSignature, askWallets, done, type Household, hello, settle } from '../support/ask.ts';
import { owner, twoNodes, type World } from '../support/two-nodes.ts';

const nodes = ['node1', 'node2'] as const;
let world: World;
let home: Household;
/** `auditEventId` of every answer that changed something. */
const told: Record<string, string> = {};
const began = { ms: 0 };

const fetch = async (path: string, query?: string) => world.fetch(await home.who.get(path, query));
const get = (path: string, query?: string) => done(fetch(path, query));
const exchange = () => exchangeCheckpoints(world.lead.node, world.lead.peer, home.who.organization);
const sign = async (name: string) =>
  done(world.fetch(await askSignature(home.who, home.wallets[name], hello(name))));

/** All pages of a list of events. */
async function events(query: Readonly<Record<string, string>>, limit = '100') {
  const found: any[] = [];
  let pages = 0;
  for (let cursor: string | undefined; ; pages++) {
    const search = new URLSearchParams({ ...query, limit, ...(cursor && { cursor }) });
    search.sort();
    const page = await get('/v1/audit/events', `?${search.toString().replaceAll('+', '%20')}`);
    expect(routes.listAuditEvents.response.safeParse(page).success).toBe(true);
    found.push(...page.data);
    cursor = page.nextCursor;
    if (cursor === undefined) return { found, pages: pages + 1 };
  }
}

beforeAll(async () => {
  world = await twoNodes();
  began.ms = world.clockMs;
  home = await settle(world, owner(world), ['ETH', 'SOL']);
  const set = await done(world.fetch(await askSet(home.who, ['ed25519'])));
  const made = await done(
    world.fetch(await askWallets(home.who, { walletSet: set.id, blockchains: ['SOL'] })),
  );
  Object.assign(told, { createWalletSet: set.auditEventId, createWallets: made.auditEventId });
  world.clockMs += 3_600_000;
  await sign('ETH');
  told['createSignature'] = (await sign('SOL')).auditEventId;
  // What an actor asks for in vain.
  const nowhere = { ...home.wallets['ETH'], id: 'wal_nowhere' };
  await world.fetch(await askSignature(home.who, nowhere, hello('ETH')));
  await exchange();
});

describe('events', () => {
  test('are all there, newest first, whatever the size of a page', async () => {
    const { found } = await events({});
    const indices = found.map(({ index }) => index);
    expect(indices).toEqual([...indices.keys()].reverse());
    expect((await events({}, '3')).found).toEqual(found);
  });

  test('are narrowed by every filter, alone and together', async () => {
    const { found } = await events({});
    const all = found.map((event) => ({ event, record: readRecord(utf8(event.record)) }));
    const [, actor = ''] = home.who.keyId.split('/');
    const wallet = home.wallets['SOL'].id as string;
    const time = (ms: number) => new Date(ms).toISOString();
    const cases: [Record<string, string>, (record: ReturnType<typeof readRecord>) => boolean][] = [
      [{ object: wallet }, (record) => record.object === wallet],
      [{ object: home.set.id }, (record) => record.object === home.set.id],
      [{ action: 'sign' }, (record) => record.action === 'sign'],
      [{ phase: 'denied' }, (record) => record.phase === 'denied'],
      [{ actor }, (record) => record.actor === actor],
      [{ actor: 'key_nobody' }, () => false],
      [{ from: time(began.ms + 1_000) }, ({ time: at }) => Number(at) >= began.ms + 1_000],
      [{ to: time(began.ms + 1_000) }, ({ time: at }) => Number(at) < began.ms + 1_000],
      [
        { object: wallet, action: 'sign', phase: 'outcome' },
        ({ object, phase }) => object === wallet && phase === 'outcome',
      ],
    ];
    for (const [query, keep] of cases) {
      const expected = all.filter(({ record }) => keep(record)).map(({ event }) => event);
      for (const limit of ['1', '100'])
        expect([query, (await events(query, limit)).found]).toEqual([query, expected]);
      if (query['actor'] !== 'key_nobody') expect([query, expected.length]).not.toEqual([query, 0]);
    }
  });

  test('that a filter does not find cost a bounded number of reads, and the answer says where to go on', async () => {
    const { store } = world.lead.node.audit;
    const { entries } = store;
    let reads = 0;
    Object.assign(store, {
      entries: (...args: Parameters<typeof entries>) => {
        reads++;
        return entries(...args);
      },
    });
    try {
      const first = await get('/v1/audit/events', '?actor=key_nobody&limit=1');
      expect([first.data, typeof first.nextCursor, reads]).toEqual([[], 'string', 10]);
    } finally {
      Object.assign(store, { entries });
    }
  });

  test('of a wrong filter are refused', async () => {
    for (const query of ['?phase=maybe', '?from=yesterday', '?wallet=wal_1', '?limit=0', '?cursor=x'])
      expect([query, (await fetch('/v1/audit/events', query)).status]).toEqual([query, 400]);
  });

  test.each(['createWalletSet', 'createWallets', 'createSignature'])(
    'the event that %s names is there',
    async (name) => {
      const id = told[name] as string;
      const reply = await fetch(`/v1/audit/events/${id}`);
      expect([name, reply.status]).toEqual([name, 200]);
      expect(routes.getAuditEvent.response.safeParse(reply.body).success).toBe(true);
      const proof = await get(`/v1/audit/events/${id}/proof`);
      expect([proof.record, proof.cosigned]).toEqual([reply.body.record, true]);
    },
  );

  test('are there as soon as they are durable, and nobody else’s', async () => {
    const { auditEventId } = await sign('SOL');
    const event = await get(`/v1/audit/events/${auditEventId}`);
    expect(event).toMatchObject({ id: auditEventId, state: 'pending' });
    const stranger = owner(world);
    await done(world.fetch(await stranger.found()));
    for (const path of [`/v1/audit/events/${auditEventId}`, `/v1/audit/events/${auditEventId}/proof`]) {
      const reply = await world.fetch(await stranger.get(path));
      expect([reply.status, reply.body.code]).toEqual([404, 'audit_event_not_found']);
    }
    const theirs = await world.fetch(
      await stranger.get('/v1/audit/events', `?object=${home.wallets['SOL'].id}`),
    );
    expect(theirs.body.data).toEqual([]);
    await exchange();
  });
});

describe('a log', () => {
  const newest = async (node: NodeName) => {
    const { [node]: shown } = await get('/v1/audit/checkpoints/latest');
    const expected = { node, use: 'log', name: logOf(node, home.who.organization) } as const;
    const key = openAuditKey(shown.keys.log, expected, world.identities[node]);
    return openCheckpoint(utf8(shown.checkpoint), key);
  };

  test.each(nodes)('of %s is proven to have only grown', async (node) => {
    const before = await newest(node);
    await sign('SOL');
    await exchange();
    const after = await newest(node);
    expect(after.size).toBeGreaterThan(before.size);
    const query = (from: number, to: number) => `?from=${from}&log=${node}&to=${to}`;
    const { proof } = await get('/v1/audit/consistency-proof', query(before.size, after.size));
    const hashes = proof.map(fromBase64url);
    expect(verifyConsistency(before.size, after.size, before.root, after.root, hashes)).toBe(true);
    expect((await get('/v1/audit/consistency-proof', query(after.size, after.size))).proof).toEqual([]);
    for (const [from, to] of [
      [after.size, before.size],
      [1, after.size + 1],
      [0, 1],
    ] as const) {
      const reply = await fetch('/v1/audit/consistency-proof', query(from, to));
      expect([from, to, reply.body.code]).toEqual([from, to, 'request_invalid']);
    }
  });

  test.each(nodes)('of %s is there as other tools read it: checkpoint, tiles, entries', async (node) => {
    const at = async (path: string) => fetch(`/v1/tlog/${node}/${path}`);
    const checkpoint = await at('checkpoint');
    expect(checkpoint.headers['content-type']).toBe('text/plain; charset=utf-8');
    const text = new TextDecoder().decode(checkpoint.body);
    const { origin, size, root } = parseCheckpoint(text.slice(0, text.indexOf('\n\n') + 1));
    expect(origin).toBe(logOf(node, home.who.organization));
    const tile = await at(tilePath(0, 0, size));
    expect(tile.headers['content-type']).toBe('application/octet-stream');
    const hashes = hashesOf(tile.body);
    expect(equalBytes(rootOfLeaves(hashes), root)).toBe(true);
    const entries = decodeEntries((await at(entriesPath(0, size))).body);
    expect(entries.map(leafHash)).toEqual(hashes.map((hash) => Uint8Array.from(hash)));
    for (const path of [tilePath(0, 0), tilePath(0, 0, size + 1), tilePath(1, 0, 1), entriesPath(1, 1)])
      expect([path, (await at(path)).body.code]).toEqual([path, 'audit_resource_not_found']);
    for (const path of ['tile/0/0', 'tile/0/000.p/0', 'tile/64/000.p/1', 'checkpoints', 'tile'])
      expect([path, (await at(path)).body.code]).toEqual([path, 'request_invalid']);
    expect((await fetch(`/v1/tlog/node3/checkpoint`)).body.code).toBe('request_invalid');
  });

  test('that nobody has cosigned yet has no checkpoint', async () => {
    const young = owner(world);
    await done(world.fetch(await young.found()));
    const reply = await world.fetch(await young.get('/v1/audit/checkpoints/latest'));
    expect([reply.status, reply.body]).toEqual([200, {}]);
    const tlog = await world.fetch(await young.get('/v1/tlog/node1/checkpoint'));
    expect(tlog.body.code).toBe('audit_resource_not_found');
  });
});
