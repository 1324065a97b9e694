/**
 * Shares at rest: a record that was changed, or that stands in another's place, does not open; whoever moves
 * records about gets no signature out of it, and no lock.
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Item } from '../../functions/ports.ts';
import { openShares } from '../../functions/signing.ts';
import type { ActiveKey } from '../../functions/stores/ledger.ts';
import { type Bytes, toBase64url } from '../../shared/bytes.ts';
import { askSet, askSignature, done, type Household, hello, settle } from '../support/ask.ts';
import { hurry } from '../support/hurry.ts';
import { fresh, type Owner, owner, twoNodes, type World } from '../support/two-nodes.ts';

hurry();

let world: World;
let who: Owner;
let home: Household;
/** A second wallet set of the same owner, and one of another organization. */
let others: readonly string[];

beforeAll(async () => {
  world = await twoNodes();
  who = owner(world);
  home = await settle(world, who, ['ETH', 'SOL']);
  const second = await done(world.fetch(await askSet(who, ['secp256k1', 'ed25519'])));
  const stranger = await settle(world, owner(world), ['SOL']);
  others = [second.id, stranger.set.id];
});

const keyOf = async (id: string, node: 'node1' | 'node2') =>
  (await (node === 'node1' ? world.lead.node : world.second).ledger.read(id, 1)) as ActiveKey;
const nameOf = ({ key, attempt }: ActiveKey, epoch = 1) => ({
  key,
  record: `${epoch}/${toBase64url(attempt)}`,
});
const recordOf = async (id: string, node: 'node1' | 'node2') =>
  (await world[node].tables.shares.get(nameOf(await keyOf(id, node)))) as Item;
const sign = async (chain: string) =>
  (await world.fetch(await askSignature(who, home.wallets[chain], hello(chain)))).body;

/** Puts these attributes into a node's record of the wallet set, tries to sign, puts the record back. */
async function withRecord(node: 'node1' | 'node2', change: Item, chain = 'SOL'): Promise<string> {
  const record = await recordOf(home.set.id, node);
  const { key, record: name } = record;
  await world[node].tables.shares.put({ ...record, ...change, key, record: name } as Item);
  const { code } = await sign(chain);
  await world[node].tables.shares.put(record);
  const [one, two] = [await keyOf(home.set.id, 'node1'), await keyOf(home.set.id, 'node2')];
  expect([one.state, two.state]).toEqual(['ACTIVE', 'ACTIVE']);
  return code;
}

describe.each(['node1', 'node2'] as const)('at %s', (node) => {
  test('every part of the record counts', async () => {
    const record = await recordOf(home.set.id, node);
    for (const part of ['sealed', 'wrapped', 'header'] as const) {
      const value = record[part] as Bytes;
      for (const at of [0, 1, 11, 12, 33, value.length >> 1, value.length - 17, value.length - 1]) {
        const changed = value.map((b, i) => (i === at ? b ^ 1 : b));
        expect([part, at, await withRecord(node, { [part]: changed })]).toEqual([
          part,
          at,
          'share_unreadable',
        ]);
      }
      for (const cut of [new Uint8Array(), value.slice(1), value.slice(0, -1)])
        expect([part, await withRecord(node, { [part]: cut })]).toEqual([part, 'share_unreadable']);
    }
  });

  test('a share of another wallet set or organization, with and without its header', async () => {
    for (const other of others) {
      const { sealed, wrapped, header } = await recordOf(other, node);
      expect(await withRecord(node, { sealed, wrapped, header } as Item)).toBe('share_unreadable');
      expect(await withRecord(node, { sealed, wrapped } as Item)).toBe('share_unreadable');
      expect(await withRecord(node, { sealed } as Item)).toBe('share_unreadable');
    }
  });

  test("the other node's share", async () => {
    const peer = node === 'node1' ? 'node2' : 'node1';
    const { sealed, wrapped, header } = await recordOf(home.set.id, peer);
    expect(await withRecord(node, { sealed, wrapped, header } as Item)).toBe('share_unreadable');
  });

  test('no share', async () => {
    const record = await recordOf(home.set.id, node);
    await world[node].tables.shares.delete({ key: record['key'], record: record['record'] } as Item);
    expect((await sign('SOL')).code).toBe('share_unreadable');
    await world[node].tables.shares.put(record);
    expect((await sign('SOL')).state).toBe('completed');
  });

  test('under another epoch, context or attempt', async () => {
    const logic = node === 'node1' ? world.lead.node : world.second;
    const key = await keyOf(home.set.id, node);
    const record = await recordOf(home.set.id, node);
    const types = ['secp256k1', 'ed25519'] as const;
    await world[node].tables.shares.put({ ...record, ...nameOf(key, 2) });
    const attempt = fresh(16);
    await world[node].tables.shares.put({ ...record, ...nameOf({ ...key, attempt }) });
    const refused = { code: 'share_unreadable' };
    await expect(openShares(logic, { ...key, epoch: 2 }, types)).rejects.toMatchObject(refused);
    const account = { ...key.account, ctx: fresh(32) };
    await expect(openShares(logic, { ...key, account }, types)).rejects.toMatchObject(refused);
    const otherRun = { ...key.account, sid: fresh(32) };
    await expect(openShares(logic, { ...key, account: otherRun }, types)).rejects.toMatchObject(refused);
    // The same share under the name of another attempt: its own context, so it opens, and is this key.
    await expect(openShares(logic, { ...key, attempt }, types)).resolves.toBeDefined();
    await expect(openShares(logic, key, types)).resolves.toBeDefined();
  });

  test('the key service of the other account opens nothing', async () => {
    const { wrapped } = await recordOf(home.set.id, node);
    const peer = node === 'node1' ? world.node2 : world.node1;
    const context = {
      'planbok:app': 'planbok',
      'planbok:node': node,
      'planbok:purpose': 'share',
      'planbok:key': home.set.id,
      'planbok:epoch': '1',
    };
    await expect(world[node].keys.decryptDataKey(wrapped as Bytes, context)).resolves.toHaveLength(32);
    await expect(peer.keys.decryptDataKey(wrapped as Bytes, context)).rejects.toMatchObject({
      code: 'share_unreadable',
    });
    for (const change of [
      { 'planbok:node': node === 'node1' ? 'node2' : 'node1' },
      { 'planbok:purpose': 'dkg' },
      { 'planbok:key': others[0] as string },
      { 'planbok:epoch': '2' },
    ])
      await expect(
        world[node].keys.decryptDataKey(wrapped as Bytes, { ...context, ...change }),
      ).rejects.toMatchObject({ code: 'share_unreadable' });
  });
});

test('an ECDSA signature with a broken share at Node 2 between its two messages: one answer, no lock', async () => {
  const record = await recordOf(home.set.id, 'node2');
  world.wire = async (method, envelope, deliver) => {
    const answer = await deliver(envelope);
    if (method === 'Sign1')
      await world.node2.tables.shares.put({
        ...record,
        sealed: (record['sealed'] as Bytes).slice().reverse(),
      });
    return answer;
  };
  expect((await sign('ETH')).code).toBe('protocol_abort');
  await world.node2.tables.shares.put(record);
  world.wire = (_, envelope, deliver) => deliver(envelope);
  expect((await sign('ETH')).state).toBe('completed');
});
