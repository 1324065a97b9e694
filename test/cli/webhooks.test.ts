import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { processIo } from '../../cli/io.ts';
import { run } from '../../cli/main.ts';
import { ownerFile, verifyWebhook } from '../../client/index.ts';
import { courierOf } from '../../functions/adapters/courier.ts';
import { dispatcherOf } from '../../functions/webhooks/dispatch.ts';
import { household, url } from '../client/world.ts';
import { type Receiver, receiver } from '../support/receiver.ts';

let home: Awaited<ReturnType<typeof household>>;
let data: string;
let there: Receiver;
beforeAll(async () => {
  [home, there] = [await household(), await receiver()];
  data = await mkdtemp(join(tmpdir(), 'planbok-webhooks-'));
  const file = JSON.stringify(ownerFile(home.organization, home.seed, home.connection.identities));
  await writeFile(join(data, 'owner.json'), file, { mode: 0o600 });
});
afterAll(async () => {
  await there.close();
  await rm(data, { recursive: true, force: true });
});

async function cli(line: string) {
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
  const args = line.split(' ');
  return {
    code: await run(args, io),
    out,
    err,
    json: args.includes('--json') && out !== '' ? JSON.parse(out) : {},
  };
}
async function good(line: string) {
  const ran = await cli(`${line} --json`);
  expect([ran.code, ran.err]).toEqual([0, '']);
  return ran.json;
}
const dispatch = async () => {
  const { node, webhooks } = home.reached.world.lead;
  const { due, serve } = dispatcherOf({ node, webhooks, courier: courierOf({ local: true }) });
  for (const id of await due()) await serve(id);
};

test('a webhook from its making to its end', async () => {
  const made = await good(`webhooks create --url ${there.url} --name shop --types signature.completed`);
  expect(made).toMatchObject({ url: there.url, name: 'shop', types: ['signature.completed'], enabled: true });
  const { id, publicKey } = made;
  const tested = await good(`webhooks test ${id}`);
  await dispatch();
  const [received] = there.received;
  const { event } = verifyWebhook(received?.headers ?? {}, received?.body ?? '', publicKey);
  expect([event.id, event.type]).toEqual([tested.event, 'webhook.test']);
  const [delivery] = (await good(`webhooks deliveries ${id}`)).data;
  expect(delivery).toMatchObject({ id: tested.id, state: 'delivered', status: 204 });
  expect((await good(`webhooks redeliver ${id} ${delivery.id}`)).event).toBe(tested.event);
  expect((await good(`webhooks rotate ${id} --overlap 2h`)).keys).toHaveLength(2);
  expect((await good(`webhooks update ${id} --disable --name other`)).disabled).toBe('by_request');
  expect((await cli(`webhooks show ${id}`)).out).toMatch(/state +off: by_request\n/);
  expect((await good(`webhooks update ${id} --enable`)).enabled).toBe(true);
  expect((await cli('webhooks list')).out).toContain(there.url);
  expect((await good(`webhooks delete ${id}`)).deleted).toBe(true);
  expect((await good('webhooks list')).data).toEqual([]);
});

test('what is wrong with the line, and with the URL', async () => {
  for (const line of [
    'webhooks create',
    'webhooks update whk_1',
    'webhooks update whk_1 --enable --disable',
    `webhooks create --url ${there.url} --types nothing`,
  ])
    expect([line, (await cli(line)).code]).toEqual([line, 2]);
  expect((await cli('webhooks create --url https://10.0.0.1/')).code).toBe(8);
  expect((await cli('webhooks show whk_none')).code).toBe(6);
});
