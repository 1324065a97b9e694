/**
 * A fault at every effect of either node, before it and after it: the process dies, or the call fails. Then the
 * app tries again, as an app does: same operation, same idempotency key, a fresh authorisation, once the lease
 * of whoever died is over. Invariants are named as in docs: I1 no nonce twice, I2 one effect, I3 keys that both
 * nodes have, I10 and I11 that it ends.
 */
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { exchangeCheckpoints } from '../../functions/audit/exchange.ts';
import { fromBase64url, fromHex } from '../../shared/bytes.ts';
import { decodePayload, type SignPayload, verifySigned } from '../../shared/chains/payload.ts';
import { derivedId } from '../../shared/intent/canonical.ts';
import type { ActorRequest } from '../../shared/intent/http-signature.ts';
import {
  askSet,
  askSignature,
  askWallets,
  done,
  type Household,
  hello,
  newKey,
  settle,
  spend,
} from '../support/ask.ts';
import { type Effect, type Fault, faultKinds, faults } from '../support/faults.ts';
import { hurry } from '../support/hurry.ts';
import { nonces } from '../support/nonces.ts';
import { owner, type Reply, twoNodes, type World } from '../support/two-nodes.ts';

const slow = process.env['SLOW'] === '1';

hurry();

const leaseMs = 30_000;
const watch = faults();
const messages = nonces();
let world: World;
let home: Household;

/** Ids that Node 1 has stored for good, by kind. */
const stored: Record<string, string[]> = { walletSet: [], wallet: [], signature: [] };

beforeAll(async () => {
  world = await twoNodes({
    leaseMs,
    wrap(node, ports) {
      const { resources } = ports.tables;
      const put: typeof resources.put = async (item, when) => {
        const done = await resources.put(item, when);
        if (done && node === 'node1') stored[item['kind'] as string]?.push(item['id'] as string);
        return done;
      };
      return watch.wrap(node, { ...ports, tables: { ...ports.tables, resources: { ...resources, put } } });
    },
  });
  world.wire = messages.wire(watch.wire());
  home = await settle(world, owner(world), ['ETH', 'SOL', 'BTC-REGTEST']);
  const body = { walletSet: home.set.id, blockchains: ['BTC-REGTEST'], addressType: 'p2tr' } as const;
  const [p2tr] = (await done(world.fetch(await askWallets(home.who, body)))).data;
  home = { ...home, wallets: { ...home.wallets, P2TR: p2tr } };
});

afterEach(() => {
  watch.begin();
});

/** One operation that an app wants, however often it has to ask. */
interface Wish {
  readonly ask: (key: string) => Promise<ActorRequest>;
  /** Looks at the answer and at both nodes; throws if something is not as it must be. */
  readonly check: (body: any) => Promise<void>;
  /** Ids of all resources of this kind. */
  readonly count: () => number;
  /** How many of them one operation makes. */
  readonly makes: number;
}

type Case = Readonly<Record<number, Fault>>;
const titleOf = (trace: readonly Effect[], plan: Case): string =>
  Object.entries(plan)
    .map(([index, fault]) => {
      const { node, name } = trace[Number(index)] ?? { node: '?', name: '?' };
      return `${fault} ${node} ${name} (${index})`;
    })
    .join(', ');

/** Cold start of both nodes, then one good run: the list of places where something can go wrong. */
async function traceOf({ ask, check }: Wish): Promise<Effect[]> {
  await integrate();
  world.restart();
  watch.begin();
  const reply = await watch.request(async () => world.fetch(await ask(newKey())));
  const trace = [...watch.trace];
  watch.begin();
  await check(reply?.body);
  return trace;
}

/** Nothing of the audit logs is left to do: a request does what it does, and no more. */
async function integrate(): Promise<void> {
  watch.begin();
  await exchangeCheckpoints(world.lead.node, world.lead.peer, home.who.organization);
}

/** One run with faults, then as many clean ones as an app needs. What went wrong, or nothing. */
async function play(wish: Wish, plan: Case): Promise<string | undefined> {
  const key = newKey();
  const before = wish.count();
  await integrate();
  world.restart();
  watch.begin(plan);
  const first = await watch.request(async () => world.fetch(await wish.ask(key)));
  const fired = watch.fired();
  watch.begin();
  await nothingHalfMade();
  let last: Reply | undefined = first;
  for (let attempt = 0; last === undefined || last.status >= 300; attempt++) {
    if (attempt === 2) return `no end: ${last?.status} ${last?.body.code}`;
    const retryable = last === undefined || last.status === 503 || last.status === 502 || last.status === 409;
    if (!retryable) return `not to be tried again: ${last?.status} ${last?.body.code}`;
    world.clockMs += leaseMs + 1;
    world.restart();
    last = await world.fetch(await wish.ask(key));
  }
  if (fired !== Object.keys(plan).length && Object.keys(plan).length === 1) return 'the fault did not happen';
  await wish.check(last.body);
  // I2: one effect; and what was acknowledged stays.
  const made = wish.count() - before;
  if (made !== wish.makes) return `${made} made`;
  const again = await world.fetch(await wish.ask(key));
  if (JSON.stringify(last.body) !== JSON.stringify(again.body)) return 'another answer the next time';
  if (again.headers['idempotent-replayed'] !== 'true') return 'made a second time';
  return undefined;
}

/** I3: whatever is listed has keys that are active at both nodes, from one run of key generation. */
async function nothingHalfMade(): Promise<void> {
  for (const id of stored['walletSet']?.slice(-2) ?? []) await bothHave(id);
}

async function bothHave(id: string): Promise<void> {
  const [one, two] = await Promise.all(
    [world.lead, { node: world.second }].map(({ node }) => node.ledger.read(id, 1)),
  );
  expect([one?.state, two?.state]).toEqual(['ACTIVE', 'ACTIVE']);
  expect(one?.attempt).toEqual(two?.attempt);
  for (const part of ['sid', 'cc', 'secp256k1', 'ed25519', 'ctx'] as const)
    expect(one?.account?.[part]).toEqual(two?.account?.[part]);
}

const listed = (kind: string) => (): number => new Set(stored[kind]).size;

const signs = (wallet: string, payload: () => SignPayload): Wish => {
  let asked = payload();
  return {
    ask: (key) => {
      asked = payload();
      return askSignature(home.who, home.wallets[wallet], asked, key);
    },
    async check(body) {
      const w = home.wallets[wallet];
      const walletKey = { ...w, publicKey: fromHex(w.publicKey) };
      expect(verifySigned(asked, walletKey, decodePayload(asked, walletKey), body)).toBe(true);
    },
    count: listed('signature'),
    makes: 1,
  };
};

const makesSet = (keyTypes: readonly ('secp256k1' | 'ed25519')[]): Wish => ({
  ask: (key) => askSet(home.who, keyTypes, key),
  async check({ id, publicKeys }) {
    await bothHave(id);
    expect(Object.keys(publicKeys)).toEqual(keyTypes);
  },
  count: listed('walletSet'),
  makes: 1,
});

const makesWallets = (): Wish => ({
  ask: (key) => askWallets(home.who, { walletSet: home.set.id, blockchains: ['ETH', 'SOL'], count: 2 }, key),
  async check({ data }) {
    expect(data).toHaveLength(4);
    for (const { id, address, path } of data) {
      const [one, two] = [
        await world.lead.node.resources.findWallet(id),
        await world.second.resources.findWallet(id),
      ];
      expect([one?.address, two?.address, two?.path]).toEqual([address, address, path]);
    }
  },
  count: listed('wallet'),
  makes: 4,
});

/** Every effect of a good run and every kind of fault, or a part of them that is spread evenly. */
async function sweep(wish: Wish, part = 1): Promise<void> {
  const trace = await traceOf(wish);
  const cases: Case[] = trace.flatMap((_, index) => faultKinds.map((fault) => ({ [index]: fault })));
  const chosen = slow ? cases : cases.filter((_, i) => i % part === 0);
  const wrong: string[] = [];
  for (const plan of chosen) {
    const verdict = await play(wish, plan);
    if (verdict !== undefined) wrong.push(`${titleOf(trace, plan)}: ${verdict}`);
  }
  expect(wrong).toEqual([]);
  expect(trace.length).toBeGreaterThan(10);
}

describe('a fault at every step', () => {
  test('of an ed25519 signature', () => sweep(signs('SOL', () => hello('SOL'))), 300_000);
  test(
    'of an ECDSA signature',
    () =>
      sweep(
        signs('ETH', () => hello('ETH')),
        3,
      ),
    600_000,
  );
  test(
    'of a Taproot signature',
    () =>
      sweep(
        signs('P2TR', () => spend(home.wallets['P2TR'], 1)),
        5,
      ),
    600_000,
  );
  test(
    'of a payment with three inputs',
    () =>
      sweep(
        signs('BTC-REGTEST', () => spend(home.wallets['BTC-REGTEST'], 3)),
        17,
      ),
    900_000,
  );
  test('of making wallets', () => sweep(makesWallets(), 3), 300_000);
  test('of making an ed25519 wallet set', () => sweep(makesSet(['ed25519'])), 300_000);
  test(
    'of making a wallet set with both keys',
    () => sweep(makesSet(['secp256k1', 'ed25519']), 17),
    3_600_000,
  );
});

test('a fault at every step of founding: the organization is there after the next try, at both nodes', async () => {
  world.restart();
  watch.begin();
  await done(world.fetch(await owner(world).found()));
  const steps = watch.trace.length;
  expect(steps).toBeGreaterThan(4);
  for (let i = 0; i < steps; i++)
    for (const fault of faultKinds) {
      const who = owner(world);
      world.restart();
      watch.begin({ [i]: fault });
      const request = await who.found();
      await watch.request(() => world.fetch(request));
      expect([i, fault, watch.fired()]).toEqual([i, fault, 1]);
      watch.begin();
      world.restart();
      await done(world.fetch(request));
      for (const { registry } of [world.lead.node, world.second])
        expect(await registry.read(who.organization)).toMatchObject({ organization: who.organization });
    }
});

test('two faults, one in the first try and one in the second', async () => {
  const wish = makesSet(['ed25519']);
  const trace = await traceOf(wish);
  const wrong: string[] = [];
  const step = slow ? 1 : 7;
  for (let i = 0; i < trace.length; i += step)
    for (let j = i % 3; j < trace.length; j += step) {
      const [one, two] = [faultKinds[(i + j) % 4] as Fault, faultKinds[(i + 2 * j + 1) % 4] as Fault];
      const key = newKey();
      for (const plan of [{ [i]: one }, { [j]: two }]) {
        world.restart();
        watch.begin(plan);
        await watch.request(async () => world.fetch(await wish.ask(key)));
        world.clockMs += leaseMs + 1;
      }
      watch.begin();
      await nothingHalfMade();
      let last: Reply | undefined;
      for (let attempt = 0; attempt < 2 && (last === undefined || last.status >= 300); attempt++) {
        world.restart();
        last = await world.fetch(await wish.ask(key));
        world.clockMs += leaseMs + 1;
      }
      const title = titleOf(trace, { [i]: one });
      if (last === undefined || last.status >= 300)
        wrong.push(`${title}, then ${titleOf(trace, { [j]: two })}: ${last?.status} ${last?.body.code}`);
      else await wish.check(last.body);
    }
  expect(wrong).toEqual([]);
}, 3_600_000);

test('keys that have not signed once show nobody an address, although their id is known', async () => {
  const key = newKey();
  const request = await askSet(home.who, ['ed25519'], key);
  world.restart();
  // Node 1 dies when the keys are active at both nodes and the self-test is about to begin.
  watch.begin((effect) =>
    effect.node === 'node1' && effect.name === 'keys.update' ? 'crash after' : undefined,
  );
  expect(await watch.request(() => world.fetch(request))).toBeUndefined();
  watch.begin();
  const { authorisation } = JSON.parse(new TextDecoder().decode(request.body));
  const id = derivedId('wset', fromBase64url(authorisation.operation), 0);
  await bothHave(id);
  const early = await world.fetch(await askWallets(home.who, { walletSet: id, blockchains: ['SOL'] }));
  expect(early.body.code).toBe('wallet_set_not_found');
  expect((await world.fetch(await home.who.get(`/v1/wallet-sets/${id}`))).status).toBe(404);
  world.clockMs += leaseMs + 1;
  const made = await done(world.fetch(await askSet(home.who, ['ed25519'], key)));
  expect(made.id).toBe(id);
  await done(world.fetch(await askWallets(home.who, { walletSet: id, blockchains: ['SOL'] })));
});

test('a request that is still running keeps the next one with its key away; a failed one does not', async () => {
  const key = newKey();
  const ask = () => askSignature(home.who, home.wallets['SOL'], hello('SOL'), key);
  let meanwhile: Reply | undefined;
  const inner = world.wire;
  world.wire = async (method, envelope, deliver) => {
    meanwhile ??= await world.fetch(await ask());
    return inner(method, envelope, deliver);
  };
  await done(world.fetch(await ask()));
  expect(meanwhile?.body.code).toBe('idempotency_in_progress');
  world.wire = async () => {
    throw new Error('down');
  };
  const second = newKey();
  const again = () => askSignature(home.who, home.wallets['SOL'], hello('SOL'), second);
  const failed = await again();
  expect((await world.fetch(failed)).body.code).toBe('node_unavailable');
  world.wire = inner;
  // The operation may be tried again, the authorisation may not.
  expect((await world.fetch(failed)).body.code).toBe('authorisation_replayed');
  await done(world.fetch(await again()));
});

test('with either node down every operation with a key fails, and nothing is changed', async () => {
  const asks: Readonly<Record<string, () => Promise<ActorRequest>>> = {
    set: () => askSet(home.who, ['secp256k1', 'ed25519']),
    wallets: () => askWallets(home.who, { walletSet: home.set.id, blockchains: ['ETH', 'SOL'] }),
    ecdsa: () => askSignature(home.who, home.wallets['ETH'], hello('ETH')),
    eddsa: () => askSignature(home.who, home.wallets['SOL'], hello('SOL')),
    bip340: () => askSignature(home.who, home.wallets['P2TR'], spend(home.wallets['P2TR'], 1)),
    founding: () => owner(world).found(),
  };
  const count = () => Object.values(stored).map((ids) => ids.length);
  const before = count();
  for (const [what, ask] of Object.entries(asks))
    for (const down of ['node2', 'kms1', 'kms2'] as const) {
      watch.begin((effect) =>
        (down === 'node2' && effect.kind === 'message') ||
        (down === 'kms1' && effect.kind === 'kms' && effect.node === 'node1') ||
        (down === 'kms2' && effect.kind === 'kms' && effect.node === 'node2')
          ? 'fail before'
          : undefined,
      );
      world.restart();
      const { status, body } = await world.fetch(await ask());
      expect([what, down, status]).toEqual([what, down, 503]);
      expect(['node_unavailable', 'storage_unavailable']).toContain(body.code);
    }
  watch.begin();
  expect(count()).toEqual(before);
  for (const ask of Object.values(asks)) await done(world.fetch(await ask()));
});

// Last: it looks at all that the tests above have sent.
test('I1: no nonce, commitment or session id ever stood in two messages', () => {
  expect(messages.seen()).toBeGreaterThan(1_000);
  expect(messages.repeated()).toEqual([]);
});
