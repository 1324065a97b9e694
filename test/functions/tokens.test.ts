/**
 * Bearer tokens: they read what they were made for and nothing more, change nothing, and end at once.
 */
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { exchangeCheckpoints } from '../../functions/audit/exchange.ts';
import { type Bytes, toBase32, toBase64url } from '../../shared/bytes.ts';
import { tokenOperation } from '../../shared/intent/build.ts';
import { draft } from '../../shared/registry/head.ts';
import type { Content } from '../../shared/registry/kinds.ts';
import { credentialId, type Scope, statementBytes } from '../../shared/registry/statement.ts';
import { bearerIn, formatBearer, parseBearer } from '../../shared/wire/bearer-token.ts';
import { type Route, routes } from '../../shared/wire/routes.ts';
import { askSet, askSignature, askWallets, done, hello, newKey, settle } from '../support/ask.ts';
import {
  eventOf,
  fresh,
  type Owner,
  owner,
  type Person,
  personOf,
  type Reply,
  twoNodes,
  type World,
} from '../support/two-nodes.ts';

const day = 86_400_000;
let world: World;
let alice: Owner;
let set: any;
let wallets: any;
let second: any;
let third: any;

beforeAll(async () => {
  world = await twoNodes();
  alice = owner(world, ['view', 'create_wallet', 'sign', 'sign_raw', 'approve']);
  ({ set, wallets } = await settle(world, alice, ['SOL'], ['ed25519']));
  second = await done(world.fetch(await askSet(alice, ['ed25519'])));
  const made = await done(
    world.fetch(await askWallets(alice, { walletSet: second.id, blockchains: ['SOL'] })),
  );
  third = made.data[0];
});
const inDays = (days: number) => new Date(world.clockMs + days * day).toISOString();

const head = async () => (await world.second.registry.read(alice.organization)).head;

async function ask(who: Person, body: any, key = newKey()) {
  const asked = { name: 'dashboard', walletSets: ['*'], expires: inDays(30), ...body };
  const seen = who.organization === alice.organization ? who.at(await head()) : who;
  return seen.ask('/v1/tokens', asked, tokenOperation(who.organization, key, asked));
}
const create = async (body: any = {}, who: Person = alice) => world.fetch(await ask(who, body));
const token = async (body: any = {}): Promise<any> => (await create(body)).body;

/** A request that shows a token and is not signed, unless `who` signs it. */
async function show(text: string, path: string, more: any = {}): Promise<Reply> {
  const { method = 'GET', query = '?', body, who, sourceIp, scheme = 'Bearer' } = more;
  const bytes = body === undefined ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(body));
  const bare = {
    method,
    path,
    query,
    body: bytes,
    contentDigest: '',
    idempotencyKey: '',
    signatureInput: '',
    signature: '',
  };
  const request = who ?? bare;
  const event = eventOf(request, { Authorization: `${scheme} ${text}` });
  Object.assign(event.requestContext.identity, { sourceIp });
  return world.send(event);
}

async function state(content: Content): Promise<Reply> {
  const registry = await world.second.registry.read(alice.organization);
  const [, actor = ''] = alice.keyId.split('/');
  const statement = draft(registry, actor, content, { nowMs: world.clockMs, nonce: fresh(16) });
  const signature = toBase64url(alice.sign(statementBytes(statement)));
  return world.fetch(await alice.post('/v1/statements', '', { statement, signature }));
}

/** A member with a role; `grants` replaces what the role gives for wallet sets. */
async function member(role: 'owner' | 'admin' | 'member', grants: Record<string, Scope[]> = {}) {
  const seed = fresh(32);
  const publicKey = toBase64url(ed25519.getPublicKey(seed));
  const id = `mem_${toBase32(fresh(16))}`;
  const scopes: Scope[] = ['view', 'create_wallet', 'sign'];
  const credential = { algorithm: 'ed25519', publicKey, scopes } as const;
  expect((await state({ kind: 'member.add', member: id, name: 'M', role, credential })).status).toBe(201);
  for (const [walletSet, list] of Object.entries(grants))
    expect((await state({ kind: 'wallet_set.scopes', holder: id, walletSet, scopes: list })).status).toBe(
      201,
    );
  const sign = (message: Bytes) => ed25519.sign(message, seed);
  return { id, who: personOf(world, alice.organization, credentialId(credential), sign) };
}

describe('the text of a token', () => {
  test('carries its id and a check, has the form that scanners look for, and says when it was mistyped', () => {
    const secret = fresh(32);
    const id = `tok_${toBase32(fresh(16))}`;
    const text = formatBearer({ id, secret });
    expect(text).toMatch(/^pbk_[a-z2-7]{26}_[A-Za-z0-9_-]{48}$/);
    expect(parseBearer(text)).toEqual({ id, secret });
    for (let i = 0; i < text.length; i++) {
      const other = text[i] === 'a' ? 'b' : 'a';
      expect([i, parseBearer(text.slice(0, i) + other + text.slice(i + 1))]).toEqual([i, undefined]);
    }
    expect([text.slice(0, -1), `${text}a`, ` ${text}`].map(parseBearer)).toEqual(Array(3).fill(undefined));
  });

  test('is found in the header whatever the case of the scheme', () => {
    expect(['Bearer x', 'bearer  x ', 'BEARER x'].map(bearerIn)).toEqual(['x', 'x', 'x']);
    expect(['', 'Basic x', 'Bearerx', 'x Bearer y'].map(bearerIn)).toEqual(Array(4).fill(undefined));
    expect(bearerIn('Bearer')).toBe('');
  });
});

describe('making one', () => {
  test('shows its text once, and stores neither it nor its secret', async () => {
    const request = await ask(alice, {});
    const [first, again] = [await world.fetch(request), await world.fetch(request)];
    expect([first.status, again.status]).toEqual([201, 200]);
    const { token: text, ...rest } = first.body;
    expect(parseBearer(text)?.id).toBe(rest.id);
    expect(again.body).toEqual(rest);
    const stored = JSON.stringify(await world.node1.tables.tokens.get({ id: rest.id }));
    const secret = Buffer.from(parseBearer(text)?.secret ?? []);
    for (const spelling of ['base64', 'base64url', 'hex'] as const)
      expect(stored).not.toContain(secret.toString(spelling));
    const listed = await done(world.fetch(await alice.get('/v1/tokens')));
    const { auditEventId: _, ...shown } = rest;
    expect(listed.data).toContainEqual(shown);
    const became = await done(world.fetch(await alice.get(`/v1/idempotency-keys/${request.idempotencyKey}`)));
    expect(became).toMatchObject({ state: 'completed', resources: [rest.id] });
  });

  test('is for Owners and Admins, within a year, and within what they may see', async () => {
    const [admin, plain] = [await member('admin', { [second.id]: ['sign'] }), await member('member')];
    const code = async (body: any, who?: Person) => (await create(body, who)).body.code;
    expect(await code({}, plain.who)).toBe('role_missing');
    expect(await code({}, owner(world))).toBe('credential_unknown');
    // The admin lost the view of one wallet set: no token of theirs shows it, nor all.
    expect(await code({ walletSets: [second.id] }, admin.who)).toBe('grant_refused');
    expect(await code({}, admin.who)).toBe('grant_refused');
    expect((await create({ walletSets: [set.id] }, admin.who)).status).toBe(201);
    const key = {
      kind: 'api_key.create',
      apiKey: `apk_${toBase32(fresh(16))}`,
      name: 'k',
      role: 'member',
    } as const;
    const seed = fresh(32);
    const credential = { algorithm: 'ed25519', publicKey: toBase64url(ed25519.getPublicKey(seed)) } as const;
    await state({ ...key, credential, scopes: { '*': ['view', 'create_wallet', 'sign'] } });
    const app = personOf(world, alice.organization, credentialId(credential), (m) => ed25519.sign(m, seed));
    expect(await code({}, app)).toBe('role_missing');
    for (const body of [
      { expires: inDays(367) },
      { expires: inDays(-1) },
      { expires: 'tomorrow' },
      { walletSets: [] },
      { walletSets: ['*', set.id] },
      { walletSets: [set.id, set.id] },
      { cidrs: ['10.0.0.1/8'] },
      { name: '' },
    ])
      expect([body, await code(body)]).toEqual([body, 'request_invalid']);
  });

  test('needs an authorisation for exactly this token, and a signature', async () => {
    const asked = { name: 'x', walletSets: [set.id], expires: inDays(1) };
    const operation = tokenOperation(alice.organization, newKey(), asked);
    const wider = await alice.at(await head()).ask('/v1/tokens', { ...asked, walletSets: ['*'] }, operation);
    expect((await world.fetch(wider)).body.code).toBe('authorisation_mismatch');
    const unsigned = { ...wider, signature: '', signatureInput: '' };
    expect((await world.fetch(unsigned)).body.code).toBe('signature_invalid');
  });
});

describe('reading', () => {
  test('every route that only reads takes it; every other one refuses it, also if it is signed', async () => {
    const { token: text } = await token();
    const params: Record<string, string> = { id: 'none', key: 'none' };
    const all = Object.entries(routes) as [string, Route][];
    expect(all.length).toBeGreaterThan(25);
    for (const [name, route] of all) {
      const path = route.path.replace(/\{(\w+)\+?\}/g, (_, p: string) => params[p] ?? 'none');
      const { method } = route;
      const reply = await show(text, path, { method });
      const mayRead = route.scope === 'public' ? method === 'GET' : !route.changes && route.act === undefined;
      expect([name, reply.body.code === 'bearer_refused']).toEqual([name, !mayRead]);
      if (route.scope === 'public' || !mayRead) continue;
      // What is asked for is not there, or the body is none: it was asked by somebody who may.
      expect([name, [200, 400, 404, 503].includes(reply.status)]).toEqual([name, true]);
    }
    const signed = await askSignature(alice.at(await head()), wallets['SOL'], hello('SOL'));
    expect(await show(text, '', { who: signed })).toMatchObject({
      status: 403,
      body: { code: 'bearer_refused' },
    });
    expect((await world.fetch(signed)).status).toBe(201);
    const read = await alice.get('/v1/wallets');
    expect((await show(text, '', { who: read })).body.code).toBe('request_invalid');
  });

  test('what is outside its wallet sets is answered as if it were not there, and lists leave it out', async () => {
    const { token: text } = await token({ walletSets: [set.id] });
    const get = (path: string, query?: string) => show(text, path, { query });
    expect((await get('/v1/wallet-sets')).body.data.map((s: any) => s.id)).toEqual([set.id]);
    expect((await get('/v1/wallets')).body.data.map((w: any) => w.walletSet)).toEqual([set.id]);
    expect((await get('/v1/wallets', `?walletSet=${second.id}`)).body.data).toEqual([]);
    expect((await get(`/v1/wallet-sets/${set.id}`)).status).toBe(200);
    const strip = ({ status, body }: Reply) => ({
      status,
      code: body.code,
      detail: body.detail.replace(/wal_\S+|wset_\S+/, ''),
    });
    for (const [path, absent] of [
      [`/v1/wallet-sets/${second.id}`, '/v1/wallet-sets/wset_none'],
      [`/v1/wallets/${third.id}`, '/v1/wallets/wal_none'],
    ] as const) {
      const [there, nowhere] = [await get(path), await get(absent)];
      expect(there.status).toBe(404);
      expect(strip(there).code).toBe(strip(nowhere).code);
    }
    // The log tells of all wallet sets.
    expect((await get('/v1/audit/events')).body.code).toBe('scope_missing');
    const preview = (wallet: string) =>
      show(text, '/v1/signatures/preview', {
        method: 'POST',
        body: { wallet, payload: hello('SOL'), idempotencyKey: newKey() },
      });
    expect((await preview(wallets['SOL'].id)).status).toBe(200);
    expect((await preview(third.id)).body.code).toBe('wallet_not_found');
  });

  test('a preview never decodes what only a scope beyond viewing allows', async () => {
    const eth = await settle(
      world,
      owner(world, ['view', 'create_wallet', 'sign', 'sign_raw']),
      ['ETH'],
      ['secp256k1'],
    );
    const asked = { name: 'x', walletSets: ['*'], expires: inDays(1) };
    const made = await world.fetch(
      await eth.who.ask('/v1/tokens', asked, tokenOperation(eth.who.organization, newKey(), asked)),
    );
    const payload = { kind: 'raw_digest', blockchain: 'ETH', digest: '11'.repeat(32) };
    const body = { wallet: eth.wallets['ETH'].id, payload, idempotencyKey: newKey() };
    const reply = await show(made.body.token, '/v1/signatures/preview', { method: 'POST', body });
    expect(reply.body.code).toBe('raw_digest_disabled');
    // A token of one organization shows nothing of another.
    expect((await show(made.body.token, `/v1/wallets/${wallets['SOL'].id}`)).status).toBe(404);
    expect((await show(made.body.token, '/v1/organization')).body.id).toBe(eth.who.organization);
  });

  test('from other addresses than its own it is refused', async () => {
    const { token: text } = await token({ cidrs: ['192.0.2.0/24'] });
    const from = async (sourceIp?: string) =>
      (await show(text, '/v1/wallets', { sourceIp })).body.code ?? 'read';
    expect([await from('192.0.2.7'), await from('198.51.100.7'), await from(undefined)]).toEqual([
      'read',
      'address_refused',
      'address_refused',
    ]);
  });

  test('its last use is noted, once a minute at most', async () => {
    const { token: text, id } = await token();
    const used = async () => (await world.node1.tables.tokens.get({ id }))?.['usedMs'];
    expect(await used()).toBeUndefined();
    const first = world.clockMs;
    for (const after of [0, 59_000]) {
      world.clockMs = first + after;
      await show(text, '/v1/wallets');
      expect(await used()).toBe(first);
    }
    world.clockMs = first + 60_000;
    await show(text, '/v1/wallets');
    expect(await used()).toBe(first + 60_000);
    const { data } = await done(world.fetch(await alice.get('/v1/tokens')));
    const shown = data.find((one: any) => one.id === id).lastUsed;
    expect(Date.parse(shown)).toBe(world.clockMs - (world.clockMs % 60_000));
    // A store that cannot be written to stops nobody who reads.
    const { update } = world.node1.tables.tokens;
    Object.assign(world.node1.tables.tokens, { update: async () => Promise.reject(new Error('down')) });
    world.clockMs += 61_000;
    expect((await show(text, '/v1/wallets')).status).toBe(200);
    Object.assign(world.node1.tables.tokens, { update });
  });

  test('it is counted: who asks too often is told so, and sees how much is left', async () => {
    const busy = await twoNodes({ limits: { credential: 2, organization: 100 } });
    const bob = owner(busy);
    await busy.fetch(await bob.found());
    const asked = { name: 'x', walletSets: ['*'], expires: inDays(1) };
    const made = await busy.fetch(
      await bob.ask('/v1/tokens', asked, tokenOperation(bob.organization, newKey(), asked)),
    );
    const before = world;
    world = busy;
    const replies = [];
    for (let i = 0; i < 3; i++) replies.push(await show(made.body.token, '/v1/wallets'));
    world = before;
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(replies[0]?.headers['ratelimit']).toMatch(/^"credential";r=1;/);
  });
});

describe('what does not count is answered alike', () => {
  const refusals = async (texts: string[]) => {
    const replies = await Promise.all(texts.map((text) => show(text, '/v1/wallets')));
    return replies.map(({ status, body: { requestId: _, ...body } }) => ({ status, body }));
  };

  test('unknown, another secret, revoked, expired, of a removed member', async () => {
    const [one, two] = [await token(), await token({ expires: inDays(1) })];
    const gone = await member('admin');
    const { token: orphan } = (await create({}, gone.who)).body;
    expect((await show(orphan, '/v1/wallets')).status).toBe(200);
    await state({ kind: 'member.remove', member: gone.id });
    const revoked = await token();
    await done(world.fetch(await alice.delete(`/v1/tokens/${revoked.id}`, newKey())));
    world.clockMs += 2 * day;
    const answers = await refusals([
      formatBearer({ id: one.id, secret: fresh(32) }),
      formatBearer({ id: `tok_${toBase32(fresh(16))}`, secret: fresh(32) }),
      formatBearer({ id: one.id, secret: parseBearer(two.token)?.secret ?? fresh(32) }),
      // An item of the table that is no token.
      formatBearer({ id: 'secret/1', secret: fresh(32) }),
      revoked.token,
      two.token,
      orphan,
      `${one.token}x`,
      '',
    ]);
    const good = await show(one.token, '/v1/wallets');
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 401, body: { code: 'token_invalid' } });
    expect(good.status).toBe(200);
  });

  test('a stored token whose terms were changed, or which was put there, opens nothing', async () => {
    const { token: text, id } = await token({ walletSets: [set.id] });
    const { tokens } = world.node1.tables;
    const item = (await tokens.get({ id })) ?? {};
    for (const change of [
      { walletSets: '*' },
      { expiresMs: world.clockMs + 9 * day },
      { organization: 'org_x' },
      { cidrs: '::/0' },
    ]) {
      await tokens.put({ ...item, ...change });
      expect([change, (await show(text, '/v1/wallets')).body.code]).toEqual([change, 'token_invalid']);
    }
    await tokens.put(item);
    expect((await show(text, '/v1/wallets')).status).toBe(200);
  });

  test('a member who may see less from now on takes it from their tokens', async () => {
    const admin = await member('admin');
    const { token: text } = (await create({}, admin.who)).body;
    const seen = async () => (await show(text, '/v1/wallet-sets')).body.data.map((s: any) => s.id);
    expect(await seen()).toContain(second.id);
    await state({ kind: 'wallet_set.scopes', holder: admin.id, walletSet: second.id, scopes: ['sign'] });
    expect(await seen()).not.toContain(second.id);
    expect(await seen()).toContain(set.id);
    await state({ kind: 'wallet_set.scopes', holder: admin.id, walletSet: '*', scopes: [] });
    expect((await show(text, '/v1/wallet-sets')).body.code).toBe('scope_missing');
  });
});

describe('revoking', () => {
  test('holds from the next request on, in other processes too, once and for all', async () => {
    const { token: text, id } = await token();
    expect((await show(text, '/v1/wallets')).status).toBe(200);
    const key = newKey();
    const first = await world.fetch(await alice.delete(`/v1/tokens/${id}`, key));
    expect(first.status).toBe(200);
    expect((await show(text, '/v1/wallets')).body.code).toBe('token_invalid');
    world.restart();
    expect((await show(text, '/v1/wallets')).body.code).toBe('token_invalid');
    world.clockMs += 5_000;
    for (const again of [key, newKey()]) {
      const reply = await world.fetch(await alice.delete(`/v1/tokens/${id}`, again));
      expect([reply.status, reply.body.revoked]).toEqual([200, first.body.revoked]);
    }
    const became = await done(world.fetch(await alice.get(`/v1/idempotency-keys/${key}`)));
    expect(became).toMatchObject({ state: 'completed', resources: [id] });
  });

  test("is for Owners and Admins of its organization; another's token is not there", async () => {
    const { id } = await token();
    const mallory = owner(world);
    await world.fetch(await mallory.found());
    const plain = await member('member');
    const code = async (who: Person, what = id) =>
      (await world.fetch(await who.delete(`/v1/tokens/${what}`, newKey()))).body.code;
    expect(await code(mallory)).toBe('token_not_found');
    expect(await code(alice, 'tok_none')).toBe('token_not_found');
    // Not even the item that is no token.
    expect(await code(alice, 'secret:1')).toBe('token_not_found');
    expect(await code(plain.who)).toBe('role_missing');
    expect((await world.fetch(await mallory.get('/v1/tokens'))).body.data).toEqual([]);
    expect((await world.fetch(await plain.who.get('/v1/tokens'))).body.code).toBe('role_missing');
  });
});

describe('the log of Node 1', () => {
  let before: number;
  const events = async () => {
    // What is not integrated yet is in no list.
    await exchangeCheckpoints(world.lead.node, world.lead.peer, alice.organization);
    const { data } = await done(world.fetch(await alice.get('/v1/audit/events', '?limit=100')));
    return data
      .map(({ record }: any) => JSON.parse(record))
      .filter(({ action }: any) => /token/.test(action));
  };
  beforeEach(async () => {
    world.clockMs += 1_000;
    before = world.clockMs;
  });
  const since = async () =>
    (await events())
      .filter(({ time }: any) => Number(time) >= before)
      .map(({ action, phase, object, policy }: any) => [action, phase, object, policy])
      .sort();

  test('says who made and revoked which token, and what was refused; Node 2 has no part in it', async () => {
    const asked: string[] = [];
    const { wire } = world;
    world.wire = (method, envelope, deliver) => {
      asked.push(method);
      return wire(method, envelope, deliver);
    };
    const { id } = await token();
    await done(world.fetch(await alice.delete(`/v1/tokens/${id}`, newKey())));
    expect(asked).toEqual([]);
    world.wire = wire;
    expect(await since()).toEqual([
      ['create_token', 'intent', id, 'allowed'],
      ['create_token', 'outcome', id, 'allowed'],
      ['revoke_token', 'intent', id, 'allowed'],
      ['revoke_token', 'outcome', id, 'allowed'],
    ]);
    before = ++world.clockMs;
    await create({ expires: inDays(999) });
    await world.fetch(await alice.delete('/v1/tokens/tok_none', newKey()));
    expect((await since()).map(([action, phase, , policy]: string[]) => [action, phase, policy])).toEqual([
      ['create_token', 'denied', 'request_invalid'],
      ['revoke_token', 'denied', 'token_not_found'],
    ]);
  });

  test('and without it no token is made or revoked, while reading goes on', async () => {
    const { token: text, id } = await token();
    const { audit } = world.node1.tables;
    const { put } = audit;
    Object.assign(audit, { put: async () => Promise.reject(new Error('down')) });
    const made = await create();
    const revoked = await world.fetch(await alice.delete(`/v1/tokens/${id}`, newKey()));
    Object.assign(audit, { put });
    expect([made.body.code, revoked.body.code]).toEqual(['audit_unavailable', 'audit_unavailable']);
    expect((await show(text, '/v1/wallets')).status).toBe(200);
  });
});

test('no log line and no answer but the first holds the text or the secret of a token', async () => {
  const { token: text } = await token();
  const said: string[] = [];
  const at = world.told.length;
  const { get } = world.node1.tables.tokens;
  said.push(JSON.stringify(await show(text, '/v1/wallets')));
  said.push(JSON.stringify(await show(text, '/v1/wallets', { query: `?access_token=${text}` })));
  said.push(JSON.stringify(await show(text, '/v1/tokens', { method: 'POST' })));
  said.push(JSON.stringify(await show(text, '/v1/nowhere')));
  Object.assign(world.node1.tables.tokens, { get: async () => Promise.reject(new Error('down')) });
  const broken = await show(text, '/v1/wallets');
  Object.assign(world.node1.tables.tokens, { get });
  expect(broken.status).toBe(500);
  said.push(JSON.stringify(broken), JSON.stringify(world.told.slice(at)));
  expect(world.told.length).toBeGreaterThan(at);
  const secret = Buffer.from(parseBearer(text)?.secret ?? []);
  for (const spelling of [
    text,
    text.slice(31),
    secret.toString('hex'),
    secret.toString('base64').slice(0, -2),
  ])
    for (const line of said) expect(line).not.toContain(spelling);
});
