import { beforeAll, describe, expect, test } from '@jest/globals';
import { fromHex, toBase64url, utf8 } from '../../shared/bytes.ts';
import { decodePayload, type SignPayload } from '../../shared/chains/payload.ts';
import { openAttested } from '../../shared/crypto/attestation.ts';
import { errorCodes } from '../../shared/errors.ts';
import { signatureOperation, walletSetOperation, walletsOperation } from '../../shared/intent/build.ts';
import type { ActorRequest } from '../../shared/intent/http-signature.ts';
import { routes } from '../../shared/wire/routes.ts';
import { eventOf, fresh, type Owner, owner, twoNodes, type World } from '../support/two-nodes.ts';

const key = () => toBase64url(fresh(9));
const both = { name: 'Treasury', custody: 'standard', keyTypes: ['secp256k1', 'ed25519'] } as const;

const createSet = async (world: World, who: Owner, body: any = both, idempotencyKey = key()) =>
  world.fetch(
    await who.ask('/v1/wallet-sets', body, walletSetOperation(who.organization, idempotencyKey, body)),
  );
const createWallets = async (world: World, who: Owner, body: any, idempotencyKey = key()) =>
  world.fetch(await who.ask('/v1/wallets', body, walletsOperation(who.organization, idempotencyKey, body)));
const sign = async (world: World, who: Owner, w: any, payload: SignPayload, idempotencyKey = key()) => {
  const decoded = decodePayload(payload, { ...w, publicKey: fromHex(w.publicKey) });
  const operation = signatureOperation(who.organization, idempotencyKey, w, payload, decoded);
  return world.fetch(await who.ask(`/v1/wallets/${w.id}/signatures`, { payload }, operation));
};
const hello = (blockchain: any): SignPayload => ({ kind: 'message', blockchain, message: 'hello' });

describe('the API', () => {
  let world: World;
  let alice: Owner;
  let mallory: Owner;
  let set: any;
  let eth: any;

  beforeAll(async () => {
    world = await twoNodes();
    alice = owner(world);
    mallory = owner(world);
    await world.fetch(await alice.found());
    await world.fetch(await mallory.found());
    set = (await createSet(world, alice)).body;
    eth = (await createWallets(world, alice, { walletSet: set.id, blockchains: ['ETH'] })).body.data[0];
  });

  test('founding again with the same statement changes nothing, and the receipt is signed by Node 2', async () => {
    const first = await world.fetch(await alice.found());
    expect(first.status).toBe(201);
    const identity2 = await world.node2.keys.identity();
    expect(openAttested(first.body.receipt, 'node2', identity2)).toMatchObject({
      organization: alice.organization,
      head: alice.organization,
    });
  });

  test('a repeated request is the same operation: same answer, nothing made twice', async () => {
    const idempotencyKey = key();
    const first = await createSet(world, alice, both, idempotencyKey);
    const again = await createSet(world, alice, both, idempotencyKey);
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(again.body).toEqual(first.body);

    const wallets = { walletSet: first.body.id, blockchains: ['ETH', 'SOL'], count: 2 };
    const walletKey = key();
    const made = await createWallets(world, alice, wallets, walletKey);
    expect((await createWallets(world, alice, wallets, walletKey)).body.data).toEqual(made.body.data);
    expect(made.body.data.map((w: any) => w.path)).toEqual([
      'm/44/0/0',
      'm/501/0/0',
      'm/44/0/1',
      'm/501/0/1',
    ]);

    const signKey = key();
    const signed = await sign(world, alice, made.body.data[0], hello('ETH'), signKey);
    const replay = await sign(world, alice, made.body.data[0], hello('ETH'), signKey);
    expect(replay.body).toEqual(signed.body);
    expect(replay.headers['idempotent-replayed']).toBe('true');
  });

  test('the same key for another operation is refused, and nothing is made', async () => {
    const idempotencyKey = key();
    await createSet(world, alice, both, idempotencyKey);
    const other = await createSet(world, alice, { ...both, name: 'Other' }, idempotencyKey);
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  });

  test('of many identical requests at once one works, the others are told so or get its answer', async () => {
    const idempotencyKey = key();
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => sign(world, alice, eth, hello('ETH'), idempotencyKey)),
    );
    const signatures = new Set(replies.flatMap((r) => (r.body.signature ? [r.body.signature] : [])));
    expect(signatures.size).toBe(1);
    for (const { status, body } of replies)
      expect(status < 300 ? '' : body.code).toMatch(/^$|^idempotency_in_progress$/);
  });

  test('an idempotency key tells what became of it', async () => {
    const idempotencyKey = key();
    const made = await createSet(world, alice, both, idempotencyKey);
    const look = await world.fetch(await alice.get(`/v1/idempotency-keys/${idempotencyKey}`));
    expect(look.body).toMatchObject({ state: 'completed', resources: [made.body.id] });
    const never = await world.fetch(await alice.get('/v1/idempotency-keys/never'));
    expect(never).toMatchObject({ status: 404, body: { code: 'idempotency_key_not_found' } });
  });

  test('lists are pages, newest first, complete and without repetition', async () => {
    const own = (await createSet(world, alice)).body;
    const made: string[] = [];
    for (let i = 0; i < 5; i++) {
      world.clockMs += 10;
      const reply = await createWallets(world, alice, { walletSet: own.id, blockchains: ['ETH'] });
      made.unshift(reply.body.data[0].id);
    }
    const seen: string[] = [];
    let cursor = '';
    do {
      const query = `?${cursor && `cursor=${encodeURIComponent(cursor)}&`}limit=2&walletSet=${own.id}`;
      const page = await world.fetch(await alice.get('/v1/wallets', query));
      expect(page.body.data.length).toBeLessThanOrEqual(2);
      seen.push(...page.body.data.map((w: any) => w.id));
      cursor = page.body.nextCursor ?? '';
    } while (cursor !== '');
    expect(seen).toEqual(made);
  });

  test("another organization's things are answered exactly as if they did not exist", async () => {
    const absent = (id: string) => id.replace(/.$/, (c) => (c === 'a' ? 'b' : 'a'));
    for (const [path, id] of [
      ['/v1/wallet-sets/', set.id],
      ['/v1/wallets/', eth.id],
    ]) {
      const theirs = await world.fetch(await mallory.get(`${path}${id}`));
      const nobodys = await world.fetch(await mallory.get(`${path}${absent(id)}`));
      expect(theirs.status).toBe(404);
      const strip = ({ body }: any) => ({ code: body.code, title: body.title, status: body.status });
      expect(strip(theirs)).toEqual(strip(nobodys));
    }
    expect((await world.fetch(await mallory.get('/v1/wallets', `?walletSet=${set.id}`))).body.data).toEqual(
      [],
    );
    expect((await sign(world, mallory, eth, hello('ETH'))).body.code).toBe('wallet_not_found');
    const stolen = await createWallets(world, mallory, { walletSet: set.id, blockchains: ['ETH'] });
    expect(stolen.body.code).toBe('wallet_set_not_found');
  });

  test('preview says what an actor would authorise; signing then does exactly that', async () => {
    const payload = hello('ETH');
    const idempotencyKey = key();
    const request = { wallet: eth.id, payload, idempotencyKey };
    const preview = await world.fetch(await alice.post('/v1/signatures/preview', '', request));
    expect(preview.status).toBe(200);
    const decoded = decodePayload(payload, { ...eth, publicKey: fromHex(eth.publicKey) });
    const operation = signatureOperation(alice.organization, idempotencyKey, eth, payload, decoded);
    expect(preview.body.operation).toEqual(JSON.parse(JSON.stringify(operation)));
  });

  test('public routes answer without a signature', async () => {
    const bare = (path: string): ActorRequest => ({
      method: 'GET',
      path,
      query: '?',
      body: new Uint8Array(),
      contentDigest: '',
      idempotencyKey: '',
      signatureInput: '',
      signature: '',
    });
    for (const name of ['getHealth', 'listChains', 'getLimits', 'getOpenapi', 'getAttestations'] as const) {
      const reply = await world.fetch(bare(routes[name].path));
      expect(reply.status).toBe(200);
      expect(routes[name].response.safeParse(reply.body).success).toBe(true);
    }
    expect((await world.fetch(bare('/v1/wallets'))).body.code).toBe('signature_invalid');
    expect((await world.fetch(bare('/v1/nowhere'))).body.code).toBe('route_not_found');
    expect((await world.fetch({ ...bare('/v1/health'), method: 'POST' })).body.code).toBe(
      'method_not_allowed',
    );
  });

  test('what the route does not take has a stable code, is never a 5xx, and changes nothing', async () => {
    const operation = walletSetOperation(alice.organization, key(), both);
    const ask = (body: object) => alice.ask('/v1/wallet-sets', body, operation);
    const cases: [string, Promise<any>][] = [
      ['request_invalid', ask({ ...both, surprise: true })],
      ['request_invalid', ask({ ...both, keyTypes: [] })],
      ['custody_unsupported', ask({ ...both, custody: 'trustless' })],
      ['json_invalid', alice.post('/v1/wallet-sets', key(), utf8('{"a":1,"a":2}'))],
      ['json_invalid', alice.post('/v1/wallet-sets', key(), utf8('{'))],
      ['body_too_large', alice.post('/v1/wallet-sets', key(), utf8(`{"name":"${'x'.repeat(20_000)}"}`))],
      ['idempotency_key_required', alice.post('/v1/wallet-sets', '', both)],
    ];
    for (const [code, request] of cases) {
      const reply = await world.fetch(await request);
      expect([code, reply.body.code]).toEqual([code, code]);
      expect(reply.status).toBe((errorCodes as any)[code].status);
      expect(reply.headers['content-type']).toBe('application/problem+json');
    }
    const signs: [string, SignPayload][] = [
      ['kind_unsupported', { kind: 'psbt', blockchain: 'ETH', psbt: 'cHNidP8=' }],
      ['chain_id_mismatch', { kind: 'message', blockchain: 'SOL', message: 'x' }],
      ['payload_undecodable', { kind: 'transaction', blockchain: 'ETH', transaction: '0x1234' }],
      ['raw_digest_disabled', { kind: 'raw_digest', blockchain: 'ETH', digest: '11'.repeat(32) }],
    ];
    for (const [code, payload] of signs) {
      const idempotencyKey = key();
      const decoded = decodePayload(hello('ETH'), { ...eth, publicKey: fromHex(eth.publicKey) });
      const op = signatureOperation(alice.organization, idempotencyKey, eth, hello('ETH'), decoded);
      const reply = await world.fetch(await alice.ask(`/v1/wallets/${eth.id}/signatures`, { payload }, op));
      expect([code, reply.body.code]).toEqual([code, code]);
      expect(reply.status).toBeLessThan(500);
    }
    const list = await world.fetch(await alice.get('/v1/wallet-sets', '?limit=100'));
    expect(list.body.data.some((s: any) => s.id === operation.idempotencyKey)).toBe(false);
  });

  test('every answer fits its schema', async () => {
    const at = (path: string, query?: string) => alice.get(path, query).then((r) => world.fetch(r));
    const signed = (await sign(world, alice, eth, hello('ETH'))).body;
    const answers = {
      getOrganization: at('/v1/organization'),
      listWalletSets: at('/v1/wallet-sets'),
      getWalletSet: at(`/v1/wallet-sets/${set.id}`),
      listWallets: at('/v1/wallets'),
      getWallet: at(`/v1/wallets/${eth.id}`),
      getAddressProof: at(`/v1/wallets/${eth.id}/address-proof`),
      listSignatures: at('/v1/signatures', `?wallet=${eth.id}`),
      getSignature: at(`/v1/signatures/${signed.id}`),
    };
    for (const [name, answer] of Object.entries(answers)) {
      const { status, body } = await answer;
      expect([name, status]).toEqual([name, 200]);
      const { error } = (routes as any)[name].response.safeParse(body);
      expect([name, error?.issues]).toEqual([name, undefined]);
    }
  });

  test('a duplicated header is refused', async () => {
    const event = eventOf(await alice.get('/v1/organization'));
    event.multiValueHeaders['signature'] = ['a', 'b'];
    expect((await world.send(event)).body.code).toBe('request_invalid');
  });
});

test('who asks too often is told when to come back', async () => {
  const world = await twoNodes({ limits: { credential: 3, organization: 100 } });
  const alice = owner(world);
  await world.fetch(await alice.found());
  const replies = [];
  for (let i = 0; i < 4; i++) replies.push(await world.fetch(await alice.get('/v1/organization')));
  expect(replies.map((r) => r.status)).toEqual([200, 200, 200, 429]);
  const [first, , , last] = replies;
  expect(first?.headers['ratelimit']).toMatch(/^"credential";r=2;t=\d+$/);
  expect(first?.headers['ratelimit-policy']).toContain('"credential";q=3;w=60');
  expect(last?.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  world.clockMs += Number(last?.headers['retry-after']) * 1000;
  expect((await world.fetch(await alice.get('/v1/organization'))).status).toBe(200);
});
