import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { processIo } from '../../cli/io.ts';
import { run } from '../../cli/main.ts';
import { type EventLoop, ed25519Key, ownerFile, type PlanbokEvent } from '../../client/index.ts';
import { exchangeCheckpoints } from '../../functions/audit/exchange.ts';
import { toBase64url } from '../../shared/bytes.ts';
import { ticking } from '../support/two-nodes.ts';
import { fresh, household, url } from './world.ts';

let home: Awaited<ReturnType<typeof household>>;
let data: string;
const integrate = () => {
  const { node, peer } = home.reached.world.lead;
  return exchangeCheckpoints(node, peer, home.organization);
};
const all = async (loop: EventLoop = {}): Promise<PlanbokEvent[]> => {
  const found: PlanbokEvent[] = [];
  for await (const event of home.ada.events.iterate(loop)) found.push(event);
  return found;
};

beforeAll(async () => {
  home = await household();
  ticking(home.reached.world);
  data = await mkdtemp(join(tmpdir(), 'planbok-events-'));
  const { organization, seed, connection } = home;
  const file = JSON.stringify(ownerFile(organization, seed, connection.identities));
  await writeFile(join(data, 'owner.json'), file, { mode: 0o600 });
  await home.ada.walletSets.create({ name: 'Main', keyTypes: ['ed25519'] });
  await integrate();
});
afterAll(() => rm(data, { recursive: true, force: true }));

test('the client iterates over every page, resumes after an event, and narrows by type', async () => {
  const events = await all({ limit: 1 });
  expect(events.map(({ type }) => type)).toEqual([
    'organization.founded',
    'wallet_set.created',
    'wallet_set.tested',
  ]);
  const cursor = events[0]?.cursor ?? '';
  expect(await all({ cursor })).toEqual(events.slice(1));
  expect(await all({ types: ['wallet_set.tested'] })).toEqual(events.slice(2));
  expect(await all({ cursor: 'end' })).toEqual([]);
});

test('it follows what happens next, until it is told to stop', async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  let naps = 0;
  const ada = home.clientOf(undefined, {
    sleep: async () => {
      naps++;
      if (naps === 2) {
        await home.ada.walletSets.create({ name: 'Second', keyTypes: ['ed25519'] });
        await integrate();
      }
      if (naps === 5) stop.abort();
    },
  });
  for await (const { type } of ada.events.iterate({ cursor: 'end', follow: true, signal: stop.signal }))
    seen.push(type);
  expect(seen).toEqual(['wallet_set.created', 'wallet_set.tested']);
});

test('whoever sees some wallet sets only does not see the feed', async () => {
  const key = ed25519Key(fresh(32));
  const publicKey = { algorithm: key.algorithm, publicKey: toBase64url(key.publicKey) };
  const [set] = await all({ types: ['wallet_set.created'] });
  const scopes = { [String(set?.object)]: ['view'] } as const;
  await home.ada.apiKeys.create({ name: 'app', role: 'member', scopes, publicKey });
  await expect(home.clientOf(key).events.list()).rejects.toMatchObject({ code: 'scope_missing' });
});

async function cli(...args: string[]) {
  let [out, err] = ['', ''];
  const io = {
    ...processIo,
    env: { PLANBOK_DATA: data, PLANBOK_API: url },
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    fetch: home.reached.fetch,
    sleep: async () => {},
  };
  return { code: await run(args, io), out, err };
}

test('planbok events prints them, with the cursor to go on from', async () => {
  const listed = await cli('events', '--limit', '2', '--json');
  expect([listed.code, listed.err]).toEqual([0, '']);
  const { data: events, cursor } = JSON.parse(listed.out);
  expect(events.map(({ type }: PlanbokEvent) => type)).toEqual([
    'organization.founded',
    'wallet_set.created',
  ]);
  const rest = await cli('events', '--cursor', cursor, '--types', 'wallet_set.tested');
  expect(rest.out).toMatch(/^time +type +object +actor +reason\n.+ wallet_set\.tested .+\n/);
  const followed = await cli('events', '--follow', '--limit', '2', '--json');
  expect(
    followed.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(events);
  const { nextCursor } = await home.ada.events.list({ cursor: 'end' });
  const none = JSON.parse((await cli('events', '--cursor', 'end', '--json')).out);
  expect(none).toEqual({ data: [], cursor: nextCursor });
  expect((await cli('events', '--types', 'nothing')).code).toBe(2);
});
