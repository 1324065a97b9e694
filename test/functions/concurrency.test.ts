/**
 * The same event twice or fifty times at once, messages that come late or again, and a Node 2 that answers what it
 * likes: one effect, or none.
 */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Random } from '../../functions/ports.ts';
import {
  Dkg1ResponseSchema,
  Dkg2RequestSchema,
  Dkg2ResponseSchema,
  SignSchnorrResponseSchema,
  WalletsResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { type Bytes, toHex, utf8 } from '../../shared/bytes.ts';
import { d3Layout } from '../../shared/mpc/dkg-messages.ts';
import { lastIndex } from '../../shared/mpc/self-test.ts';
import {
  askSet,
  askSignature,
  askWallets,
  done,
  type Household,
  hello,
  newKey,
  settle,
} from '../support/ask.ts';
import { bodies, callNode2, hostileNode2, sessionOf } from '../support/hostile.ts';
import { hurry } from '../support/hurry.ts';
import { nonces } from '../support/nonces.ts';
import { owner, type Reply, twoNodes, type Wire, type World } from '../support/two-nodes.ts';

hurry();

const leaseMs = 30_000;
const honest: Wire = (_, envelope, deliver) => deliver(envelope);
let world: World;
let home: Household;
/** Shares that stand at a node. */
let stored: { node: string; id: string; record: string }[] = [];

beforeAll(async () => {
  world = await twoNodes({
    leaseMs,
    wrap(node, ports) {
      const { shares } = ports.tables;
      const put: typeof shares.put = async (item, when) => {
        stored.push({ node, id: item['key'] as string, record: item['record'] as string });
        return shares.put(item, when);
      };
      const remove: typeof shares.delete = async (name, when) => {
        stored = stored.filter((share) => share.node !== node || share.record !== name['record']);
        return shares.delete(name, when);
      };
      return { ...ports, tables: { ...ports.tables, shares: { ...shares, put, delete: remove } } };
    },
  });
  home = await settle(world, owner(world), ['ETH', 'SOL']);
});

afterEach(() => {
  world.wire = honest;
});

const entries = async (id: string) => [
  await world.lead.node.ledger.read(id, 1),
  await world.second.ledger.read(id, 1),
];
const expectMade = async (id: string) => {
  const [one, two] = await entries(id);
  expect([one?.state, two?.state, one?.attempt]).toEqual(['ACTIVE', 'ACTIVE', two?.attempt]);
  expect(one?.account?.sid).toEqual(two?.account?.sid);
  // What was given up along the way has left no share.
  const shares = stored.filter((share) => share.id === id).map(({ node, record }) => `${node} ${record}`);
  expect(new Set(shares).size).toBe(2);
  const wallets = await done(
    world.fetch(await askWallets(home.who, { walletSet: id, blockchains: ['SOL'] })),
  );
  const signed = await done(world.fetch(await askSignature(home.who, wallets.data[0], hello('SOL'))));
  expect(signed.state).toBe('completed');
};

describe('at once', () => {
  const settled = async (requests: Promise<any>[]) => {
    const replies = await Promise.all(requests.map(async (request) => world.fetch(await request)));
    const bodies = new Set(
      replies.filter(({ status }) => status < 300).map(({ body }) => JSON.stringify(body)),
    );
    const refusals = new Set(replies.filter(({ status }) => status >= 300).map(({ body }) => body.code));
    return { made: replies.filter(({ status }) => status === 201).length, bodies, refusals };
  };

  test('fifty times the very same signed request, and fifty with fresh authorisations: one signature', async () => {
    const request = askSignature(home.who, home.wallets['ETH'], hello('ETH', 'the same event'));
    const same = await settled(Array.from({ length: 50 }, () => request));
    expect([same.made, same.bodies.size, [...same.refusals]]).toEqual([1, 1, ['idempotency_in_progress']]);
    const key = newKey();
    const fresh = await settled(
      Array.from({ length: 50 }, () => askSignature(home.who, home.wallets['SOL'], hello('SOL', 'x'), key)),
    );
    expect([fresh.made, fresh.bodies.size, [...fresh.refusals]]).toEqual([1, 1, ['idempotency_in_progress']]);
  });

  test('twenty times the same wallet set: one', async () => {
    const key = newKey();
    const sets = await settled(Array.from({ length: 20 }, () => askSet(home.who, ['ed25519'], key)));
    expect([sets.made, sets.bodies.size]).toEqual([1, 1]);
  });

  test('twenty signatures by one wallet: all of them, each with its own nonces', async () => {
    for (const chain of ['ETH', 'SOL']) {
      const bodies = await Promise.all(
        Array.from({ length: 20 }, async (_, i) =>
          done(world.fetch(await askSignature(home.who, home.wallets[chain], hello(chain, `${i}`)))),
        ),
      );
      expect(new Set(bodies.map(({ signature }) => signature.slice(0, 66))).size).toBe(20);
    }
  });

  test('twenty requests for wallets: no index twice', async () => {
    const body = { walletSet: home.set.id, blockchains: ['ETH', 'SOL'], count: 3 } as const;
    const made = await Promise.all(
      Array.from({ length: 20 }, async () => done(world.fetch(await askWallets(home.who, body)))),
    );
    const paths = made.flatMap(({ data }) => data.map(({ path }: any) => path));
    expect(paths).toHaveLength(120);
    expect(new Set(paths).size).toBe(120);
  });

  test('one key for two operations: one of them is told so', async () => {
    const key = newKey();
    const asks = ['a', 'b'].map((text) =>
      askSignature(home.who, home.wallets['SOL'], hello('SOL', text), key),
    );
    const { made, refusals } = await settled(asks);
    expect([made, [...refusals]]).toEqual([1, ['idempotency_key_reused']]);
  });
});

/** Something that is waited for: `open` lets everybody through who stands at `passed`. */
function gate(): { readonly passed: Promise<void>; open: () => void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

describe('late', () => {
  /** The first message of this method is kept back. */
  function keepBack(method: string): { deliver: () => Promise<Bytes> } {
    const kept: { deliver: () => Promise<Bytes> } = { deliver: async () => new Uint8Array() };
    let first = true;
    world.wire = async (name, envelope, deliver) => {
      if (name !== method || !first) return deliver(envelope);
      first = false;
      kept.deliver = () => deliver(envelope);
      throw new Error('lost');
    };
    return kept;
  }

  test('D3 that arrives after its attempt was given up: the attempt is dead, the new one lives', async () => {
    const late = keepBack('Dkg2');
    const key = newKey();
    expect((await world.fetch(await askSet(home.who, ['ed25519'], key))).status).toBe(503);
    const made = await done(world.fetch(await askSet(home.who, ['ed25519'], key)));
    const before = await entries(made.id);
    await late.deliver();
    expect(await entries(made.id)).toEqual(before);
    await expectMade(made.id);
  });

  test('D3 that arrives between Status and the new attempt: Status has ended the attempt for good', async () => {
    const late = keepBack('Dkg2');
    const key = newKey();
    expect((await world.fetch(await askSet(home.who, ['ed25519'], key))).status).toBe(503);
    world.wire = async (method, envelope, deliver) => {
      const answer = await deliver(envelope);
      if (method === 'Status') await late.deliver();
      return answer;
    };
    const made = await done(world.fetch(await askSet(home.who, ['ed25519'], key)));
    await expectMade(made.id);
  });

  test('D3 that arrives before Status: the keys are made, and found made', async () => {
    const late = keepBack('Dkg2');
    const key = newKey();
    expect((await world.fetch(await askSet(home.who, ['ed25519'], key))).status).toBe(503);
    await late.deliver();
    const methods: string[] = [];
    world.wire = (method, envelope, deliver) => {
      methods.push(method);
      return deliver(envelope);
    };
    const made = await done(world.fetch(await askSet(home.who, ['ed25519'], key)));
    expect(methods).toEqual(['Status', 'SignSchnorr']);
    await expectMade(made.id);
  });

  test('D1 that arrives while a later attempt is under way ends that one; a third makes the keys', async () => {
    const late = keepBack('Dkg1');
    const key = newKey();
    expect((await world.fetch(await askSet(home.who, ['ed25519'], key))).status).toBe(503);
    world.wire = async (method, envelope, deliver) => {
      if (method === 'Dkg2') await late.deliver();
      return deliver(envelope);
    };
    expect((await world.fetch(await askSet(home.who, ['ed25519'], key))).body.code).toBe('protocol_abort');
    world.wire = honest;
    const made = await done(world.fetch(await askSet(home.who, ['ed25519'], key)));
    await expectMade(made.id);
  });

  test('a first request that wakes up when a second has taken over gives way, and leaves no share', async () => {
    const [asleep, awake] = [gate(), gate()];
    const key = newKey();
    let sleeper: Promise<Reply> | undefined;
    let first = true;
    world.wire = async (method, envelope, deliver) => {
      const answer = method === 'Dkg2' ? undefined : await deliver(envelope);
      if (method === 'Dkg1' && first) {
        first = false;
        asleep.open();
        await awake.passed;
      }
      if (method === 'Dkg2') {
        // The second request is about to send D3: the first one goes on now, as far as it can.
        awake.open();
        expect((await sleeper)?.body.code).toBe('protocol_abort');
      }
      return answer ?? deliver(envelope);
    };
    sleeper = world.fetch(await askSet(home.who, ['ed25519'], key));
    await asleep.passed;
    world.clockMs += leaseMs + 1;
    const made = await done(world.fetch(await askSet(home.who, ['ed25519'], key)));
    await expectMade(made.id);
  });

  test('a first request that ends after a second one has: both are given the one that was stored', async () => {
    for (const [method, ask] of [
      ['SignSchnorr', (key: string) => askSignature(home.who, home.wallets['SOL'], hello('SOL'), key)],
      ['Sign2', (key: string) => askSignature(home.who, home.wallets['ETH'], hello('ETH'), key)],
      [
        'Wallets',
        (key: string) => askWallets(home.who, { walletSet: home.set.id, blockchains: ['SOL'] }, key),
      ],
    ] as const) {
      const [asleep, awake] = [gate(), gate()];
      let first = true;
      world.wire = async (name, envelope, deliver) => {
        const answer = await deliver(envelope);
        if (name === method && first) {
          first = false;
          asleep.open();
          await awake.passed;
        }
        return answer;
      };
      const key = newKey();
      const sleeper = world.fetch(await ask(key));
      await asleep.passed;
      world.clockMs += leaseMs + 1;
      const second = await done(world.fetch(await ask(key)));
      awake.open();
      expect([method, (await sleeper).body]).toEqual([method, second]);
    }
  });

  test('a doubled D3: one share, one answer', async () => {
    world.wire = async (method, envelope, deliver) => {
      const [answer] = await Promise.all([
        deliver(envelope),
        method === 'Dkg2' ? deliver(envelope) : undefined,
      ]);
      return answer;
    };
    const made = await done(world.fetch(await askSet(home.who, ['ed25519'])));
    await expectMade(made.id);
  });

  test('doubled S1 and S3: the second is refused, whichever comes first', async () => {
    for (const method of ['Sign1', 'Sign2', 'SignSchnorr']) {
      world.wire = async (name, envelope, deliver) => {
        const answers =
          name === method
            ? await Promise.all([deliver(envelope), deliver(envelope)])
            : [await deliver(envelope)];
        return answers[0] as Bytes;
      };
      const chain = method === 'SignSchnorr' ? 'SOL' : 'ETH';
      const reply = await world.fetch(await askSignature(home.who, home.wallets[chain], hello(chain)));
      expect([method, [201, 502].includes(reply.status)]).toEqual([method, true]);
      expect((await entries(home.set.id)).map((entry) => entry?.state)).toEqual(['ACTIVE', 'ACTIVE']);
    }
  });
});

describe('a Node 2 that answers what it likes', () => {
  const json = (change: (reply: any) => unknown) =>
    hostileNode2(world, (method, body) => {
      if (method !== 'Wallets') return null;
      const reply = JSON.parse(new TextDecoder().decode(fromBinary(WalletsResponseSchema, body).wallets));
      const changed = change(reply);
      const wallets = utf8(typeof changed === 'string' ? changed : JSON.stringify(changed));
      return toBinary(WalletsResponseSchema, create(WalletsResponseSchema, { wallets }));
    });

  test.each([
    ['not JSON', () => '{'],
    ['null', () => null],
    ['an empty object', () => ({})],
    ['no proofs', ({ allocation }: any) => ({ allocation })],
    ['proofs of nothing', ({ allocation }: any) => ({ allocation, proofs: [{}] })],
    ['fewer proofs', ({ allocation }: any) => ({ allocation, proofs: [] })],
    ['no indices', ({ proofs, allocation }: any) => ({ allocation: { ...allocation, first: {} }, proofs })],
    ['no time', ({ proofs, allocation }: any) => ({ allocation: { first: allocation.first }, proofs })],
    ...[-1, 0.5, 1e300, lastIndex, 2 ** 31, '0', null].map(
      (index) =>
        [
          `index ${index}`,
          ({ allocation, proofs }: any) => ({
            allocation: { ...allocation, first: { '501/0': index } },
            proofs,
          }),
        ] as const,
    ),
    [
      'another index',
      ({ allocation, proofs }: any) => ({ allocation: { ...allocation, first: { '501/0': 9 } }, proofs }),
    ],
    [
      'another address',
      ({ allocation, proofs }: any) => ({
        allocation,
        proofs: [{ ...proofs[0], document: { ...proofs[0].document, address: home.wallets['SOL'].address } }],
      }),
    ],
  ] as const)('wallets: %s', async (_, change) => {
    json(change);
    const key = newKey();
    const ask = () => askWallets(home.who, { walletSet: home.set.id, blockchains: ['SOL'] }, key);
    const before = (await done(world.fetch(await home.who.get('/v1/wallets')))).data[0].id;
    const reply = await world.fetch(await ask());
    expect([reply.status, reply.body.code]).toEqual([502, 'protocol_abort']);
    expect((await done(world.fetch(await home.who.get('/v1/wallets')))).data[0].id).toBe(before);
    world.wire = honest;
    await done(world.fetch(await ask()));
  });

  test('key generation: nothing is listed, and another try makes the keys', async () => {
    const flip = (b: Bytes) => b.map((x, i) => (i === b.length - 1 ? x ^ 1 : x));
    for (const [target, schema, member] of [
      ['Dkg1', Dkg1ResponseSchema, 'd2'],
      ['Dkg2', Dkg2ResponseSchema, 'd4'],
    ] as const) {
      const key = newKey();
      hostileNode2(world, (method, body) => {
        if (method !== target) return null;
        const reply = fromBinary(schema as any, body) as any;
        return toBinary(schema as any, create(schema as any, { [member]: flip(reply[member]) }));
      });
      const before = (await done(world.fetch(await home.who.get('/v1/wallet-sets')))).data.length;
      const reply = await world.fetch(await askSet(home.who, ['ed25519'], key));
      expect([target, reply.status, reply.body.code]).toEqual([target, 502, 'protocol_abort']);
      expect((await done(world.fetch(await home.who.get('/v1/wallet-sets')))).data).toHaveLength(before);
      world.wire = honest;
      await expectMade((await done(world.fetch(await askSet(home.who, ['ed25519'], key)))).id);
    }
  });

  test('a wrong part of a Schnorr signature: nothing is handed out; three of them lock the key at Node 1', async () => {
    const item = await world.node1.tables.keys.get({ key: home.set.id, epoch: '1' });
    hostileNode2(world, (method, body) => {
      if (method !== 'SignSchnorr') return null;
      const { s2 } = fromBinary(SignSchnorrResponseSchema, body);
      const z = s2.map((b, i) => (i === 64 ? b ^ 1 : b));
      return toBinary(SignSchnorrResponseSchema, create(SignSchnorrResponseSchema, { s2: z }));
    });
    for (const code of ['protocol_abort', 'protocol_abort', 'protocol_abort', 'key_quarantined'])
      expect(
        (await world.fetch(await askSignature(home.who, home.wallets['SOL'], hello('SOL')))).body.code,
      ).toBe(code);
    if (item) await world.node1.tables.keys.put(item);
  });
});

test('a Node 1 that sends a wrong D3 learns that it was wrong, and not why', async () => {
  const request = await askSet(home.who, ['ed25519']);
  const session = sessionOf(request);
  expect(await callNode2(world, 'Dkg1', session, bodies.Dkg1(request))).toEqual(expect.any(Uint8Array));
  const d3 = new Uint8Array(d3Layout(['ed25519']).reduce((n, { length }) => n + length, 0)).fill(1);
  const body = toBinary(Dkg2RequestSchema, create(Dkg2RequestSchema, { d3 }));
  await expect(world.lead.peer.call('Dkg2', session, 3, body)).rejects.toMatchObject({
    code: 'protocol_abort',
    message: 'aborted',
  });
  expect(await callNode2(world, 'Dkg2', session, body, 3)).toBe('session_not_found');
});

test('a random source that is stuck at both nodes: no nonce for two messages, nor for two sessions of one', async () => {
  let stuck = false;
  const constant: Random = (n) => new Uint8Array(n).fill(5);
  const other = await twoNodes({
    wrap: (_, ports) => ({ ...ports, random: (n) => (stuck ? constant(n) : ports.random(n)) }),
  });
  const seen = nonces();
  other.wire = seen.wire();
  const { who, wallets } = await settle(other, owner(other), ['ETH', 'SOL']);
  const before = seen.sent.length;
  stuck = true;
  for (const text of ['one', 'two', 'two'])
    for (const chain of ['ETH', 'SOL'])
      await done(other.fetch(await askSignature(who, wallets[chain], hello(chain, text))));
  // What is drawn as it is (n1, n2) repeats; what is secret, or commits to a secret, is hedged and does not.
  const drawn = toHex(constant(32));
  const sets = seen.sent.slice(before).map((all) => new Set(all.filter((nonce) => nonce !== drawn)));
  const all = sets.flatMap((set) => [...set]);
  expect(sets).toHaveLength(3 * (4 + 2));
  expect(new Set(all).size).toBe(all.length);
  expect(all.length).toBeGreaterThan(25);
});
