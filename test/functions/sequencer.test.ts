/**
 * The sequencer as AWS wakes it: by the stream of new items of the audit table.
 */
import { expect, test } from '@jest/globals';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { exchangeCheckpoints, integrateOwn } from '../../functions/audit/exchange.ts';
import { integratingOf } from '../../functions/audit/stream.ts';
import type { Item } from '../../functions/ports.ts';
import { logOf } from '../../shared/audit/record.ts';
import { askSignature, done, hello, settle } from '../support/ask.ts';
import { owner, twoNodes } from '../support/two-nodes.ts';

test('new entries wake the sequencers of both nodes; what fails comes again, and holds up nobody else', async () => {
  const put: Record<'node1' | 'node2', Item[]> = { node1: [], node2: [] };
  const world = await twoNodes({
    wrap(node, ports) {
      const { audit } = ports.tables;
      const noting: typeof audit.put = async (item, when) => {
        const stored = await audit.put(item, when);
        if (stored) put[node].push(item);
        return stored;
      };
      return { ...ports, tables: { ...ports.tables, audit: { ...audit, put: noting } } };
    },
  });
  /** What DynamoDB streams of these items, as far as it is read. */
  const streamed = (items: readonly Item[]): DynamoDBStreamEvent => ({
    Records: items.map((item) => ({
      eventName: 'INSERT',
      dynamodb: {
        NewImage: Object.fromEntries(
          Object.entries(item).flatMap(([name, value]) =>
            typeof value === 'string' ? [[name, { S: value }]] : [],
          ),
        ),
      },
    })),
  });
  const log = { info() {}, warn() {}, alarm() {} };
  const homes = [
    await settle(world, owner(world), ['SOL'], ['ed25519']),
    await settle(world, owner(world), ['SOL'], ['ed25519']),
  ] as const;
  for (const { who, wallets } of homes)
    await done(world.fetch(await askSignature(who, wallets['SOL'], hello('SOL'))));
  const organizations = homes.map(({ who }) => who.organization);
  const heads = (node: 'node1' | 'node2') => {
    const { audit } = node === 'node1' ? world.lead.node : world.second;
    return Promise.all(organizations.map((id) => audit.store.head(logOf(node, id))));
  };

  // Node 2 alone: its log grows, though nobody has cosigned it.
  await integratingOf((organization) => integrateOwn(world.second, organization), log)(streamed(put.node2));
  for (const head of await heads('node2')) expect(head?.size).toBeGreaterThan(0);
  expect(await heads('node1')).toEqual([undefined, undefined]);

  // Node 1, while the first organization cannot be served: the second is, and the batch comes again.
  let broken: string | undefined = organizations[0];
  const node1 = integratingOf(async (organization) => {
    if (organization === broken) throw new Error('broken');
    await exchangeCheckpoints(world.lead.node, world.lead.peer, organization);
  }, log);
  const batch = streamed(put.node1);
  await expect(node1(batch)).rejects.toThrow('not every log');
  const [first, second] = await heads('node1');
  expect([first, second?.size]).toEqual([undefined, expect.any(Number)]);
  broken = undefined;
  await node1(batch);
  await node1(batch);
  for (const [i, head] of (await heads('node1')).entries()) {
    const { audit } = world.lead.node;
    const organization = organizations[i] as string;
    const log1 = logOf('node1', organization);
    expect((await audit.store.pending(log1, { limit: 1 })).entries).toEqual([]);
    expect((await audit.store.cosigned(log1))?.size).toBe(head?.size);
    expect((await world.second.audit.store.cosigned(logOf('node2', organization)))?.size).toBeGreaterThan(0);
  }
});

test('items that are no entries, and batches without any, wake nobody', async () => {
  const asked: string[] = [];
  const handler = integratingOf(async (organization) => void asked.push(organization), {
    info() {},
    warn() {},
    alarm() {},
  });
  await handler({ Records: [] });
  await handler({ Records: [{ dynamodb: { NewImage: { id: { S: 'x/head' } } } }, {}] });
  expect(asked).toEqual([]);
});
