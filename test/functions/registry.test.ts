import { beforeEach, describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { type Bytes, toBase32, toBase64url } from '../../shared/bytes.ts';
import { openAttested } from '../../shared/crypto/attestation.ts';
import { draft } from '../../shared/registry/head.ts';
import type { Content } from '../../shared/registry/kinds.ts';
import { credentialId, statementBytes } from '../../shared/registry/statement.ts';
import { askSet, askSignature, askWallets, done, hello, settle } from '../support/ask.ts';
import {
  eventOf,
  fresh,
  type Owner,
  owner,
  type Person,
  personOf,
  twoNodes,
  type World,
} from '../support/two-nodes.ts';

interface Stranger extends Person {
  readonly publicKey: string;
}

let world: World;
let alice: Owner;
let set: any;
let wallets: any;

const idOf = (prefix: string) => `${prefix}_${toBase32(fresh(16))}`;

/** Somebody with a key, who is nobody yet. */
function stranger(): Stranger {
  const seed = fresh(32);
  const publicKey = toBase64url(ed25519.getPublicKey(seed));
  const credential = credentialId({ algorithm: 'ed25519', publicKey });
  const sign = (message: Bytes) => ed25519.sign(message, seed);
  return { ...personOf(world, alice.organization, credential, sign), publicKey } as Stranger;
}

const state = (who: Person, content: Content) => stateAt(who, content);

/** A statement on the newest head that Node 2 has. */
async function stateAt(who: Person, content: Content, registryOf = world.second) {
  const registry = await registryOf.registry.read(alice.organization);
  const [, actor = ''] = who.keyId.split('/');
  const statement = draft(registry, actor, content, { nowMs: world.clockMs, nonce: fresh(16) });
  const signature = toBase64url(who.sign(statementBytes(statement)));
  return world.fetch(await who.post('/v1/statements', '', { statement, signature }));
}

async function newApiKey(scopes: any, more: object = {}) {
  const key = stranger();
  const apiKey = idOf('apk');
  const credential = { algorithm: 'ed25519', publicKey: key.publicKey } as const;
  const content = {
    kind: 'api_key.create',
    apiKey,
    name: 'app',
    role: 'member',
    credential,
    scopes,
    ...more,
  };
  return { key, apiKey, reply: await state(alice, content as Content) };
}

const signs = async (who: Person, wallet = wallets['SOL']) =>
  (await world.fetch(await askSignature(who, wallet, hello(wallet.blockchain)))).body;

beforeEach(async () => {
  world = await twoNodes();
  alice = owner(world, ['view', 'create_wallet', 'sign', 'sign_raw', 'approve']);
  ({ set, wallets } = await settle(world, alice, ['SOL'], ['ed25519']));
});

describe('API keys', () => {
  test('a key signs with the wallet set of its scopes, on both nodes, and with no other', async () => {
    const { key, reply } = await newApiKey({ [set.id]: ['view', 'sign'] });
    expect(reply.status).toBe(201);
    const identity2 = await world.node2.keys.identity();
    expect(openAttested(reply.body.receipt, 'node2', identity2)).toMatchObject({
      head: reply.body.head,
      seq: '1',
    });
    const head = reply.body.head;
    const keyed = key.at(head);
    expect(await signs(keyed)).toMatchObject({ state: 'completed' });

    const newer = alice.at(head);
    const second = await done(world.fetch(await askSet(newer, ['ed25519'])));
    const made = await done(
      world.fetch(await askWallets(newer, { walletSet: second.id, blockchains: ['SOL'] })),
    );
    expect(await signs(keyed, made.data[0])).toMatchObject({ code: 'scope_missing' });
    const seen = await world.fetch(await keyed.get('/v1/wallet-sets'));
    expect(seen.body.data.map((s: any) => s.id)).toEqual([set.id]);
    expect((await world.fetch(await keyed.get(`/v1/wallet-sets/${second.id}`))).status).toBe(404);
  });

  test('revoked, it is refused by both nodes at once, whatever head it names', async () => {
    const { key, apiKey, reply } = await newApiKey({ [set.id]: ['view', 'sign'] });
    expect((await state(alice.at(reply.body.head), { kind: 'api_key.revoke', apiKey })).status).toBe(201);
    for (const head of [alice.organization, reply.body.head])
      expect(await signs(key.at(head))).toMatchObject({ code: 'credential_inactive' });
  });

  test('rotated, the old key works until the overlap ends; expired, it does not', async () => {
    const expires = new Date(world.clockMs + 3_600_000).toISOString();
    const { key, apiKey, reply } = await newApiKey({ [set.id]: ['view', 'sign'] }, { expires });
    const next = stranger();
    const credential = { algorithm: 'ed25519', publicKey: next.publicKey } as const;
    const overlapUntil = new Date(world.clockMs + 60_000).toISOString();
    const rotated = await state(alice.at(reply.body.head), {
      kind: 'api_key.rotate',
      apiKey,
      credential,
      overlapUntil,
    });
    const { head } = rotated.body;
    expect(await signs(key.at(head))).toMatchObject({ state: 'completed' });
    expect(await signs(next.at(head))).toMatchObject({ state: 'completed' });
    world.clockMs += 61_000;
    expect(await signs(key.at(head))).toMatchObject({ code: 'credential_inactive' });
    expect(await signs(next.at(head))).toMatchObject({ state: 'completed' });
    world.clockMs += 3_600_000;
    expect(await signs(next.at(head))).toMatchObject({ code: 'credential_inactive' });
  });

  test('it works from its addresses only', async () => {
    const { key, reply } = await newApiKey({ [set.id]: ['view'] }, { cidrs: ['10.1.0.0/16'] });
    const ask = async (sourceIp: string) => {
      const event = eventOf(await key.at(reply.body.head).get('/v1/wallets'));
      Object.assign(event.requestContext.identity, { sourceIp });
      return (await world.send(event)).status;
    };
    expect([await ask('10.1.2.3'), await ask('10.2.2.3')]).toEqual([200, 403]);
  });
});

describe('members', () => {
  test('nobody gives what is not theirs, and only an Owner makes Owners', async () => {
    const admin = stranger();
    const credential = {
      algorithm: 'ed25519',
      publicKey: admin.publicKey,
      scopes: ['view', 'create_wallet', 'sign'],
    } as const;
    const added = await state(alice, {
      kind: 'member.add',
      member: idOf('mem'),
      name: 'Admin',
      role: 'admin',
      credential,
    });
    expect(added.status).toBe(201);
    const asAdmin = admin.at(added.body.head);
    const owners = { kind: 'member.add', member: idOf('mem'), name: 'More', role: 'owner' } as const;
    expect((await state(asAdmin, owners)).body.code).toBe('role_missing');
    const raw = stranger();
    const apiKey = {
      kind: 'api_key.create',
      apiKey: idOf('apk'),
      name: 'raw',
      role: 'member',
      credential: { algorithm: 'ed25519', publicKey: raw.publicKey },
      scopes: { [set.id]: ['sign_raw'] },
    } as const;
    expect((await state(asAdmin, apiKey)).body.code).toBe('grant_refused');
    expect(await signs(asAdmin)).toMatchObject({ state: 'completed' });
    const seen = await world.fetch(await asAdmin.get('/v1/members'));
    expect(seen.body.data.map((m: any) => m.role).sort()).toEqual(['admin', 'owner']);
  });
});

describe('the two logs', () => {
  test('of two statements at once one is taken, and the other is told', async () => {
    const replies = await Promise.all([newApiKey({ '*': ['view'] }), newApiKey({ '*': ['view'] })]);
    expect(replies.map(({ reply }) => reply.body.code ?? 'taken').sort()).toEqual([
      'statement_conflict',
      'taken',
    ]);
  });

  test('a repeated statement is the same statement', async () => {
    const registry = await world.second.registry.read(alice.organization);
    const [, actor = ''] = alice.keyId.split('/');
    const content = { kind: 'member.add', member: idOf('mem'), name: 'Bob', role: 'member' } as const;
    const statement = draft(registry, actor, content, { nowMs: world.clockMs, nonce: fresh(16) });
    const signature = toBase64url(alice.sign(statementBytes(statement)));
    const send = async () => world.fetch(await alice.post('/v1/statements', '', { statement, signature }));
    const [first, again] = [await send(), await send()];
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body.head).toBe(first.body.head);
  });

  test('a Node 1 that missed a statement fetches it when an actor names it', async () => {
    const { wire } = world;
    // Node 2 commits, and its answer is lost: Node 1 knows nothing of it.
    world.wire = async (method, envelope, deliver) => {
      await deliver(envelope);
      throw new Error(`${method} was lost`);
    };
    const { reply } = await newApiKey({ '*': ['view'] });
    expect(reply.status).toBe(503);
    world.wire = wire;
    const { head } = await world.second.registry.read(alice.organization);
    expect((await world.lead.node.registry.read(alice.organization)).seq).toBe('0');
    expect(await signs(alice.at(head))).toMatchObject({ state: 'completed' });
    expect((await world.lead.node.registry.read(alice.organization)).head).toBe(head);
  });

  test('a revocation that Node 1 withholds is noticed at Node 2', async () => {
    const { key, apiKey, reply } = await newApiKey({ [set.id]: ['view', 'sign'] });
    const { put } = world.node1.tables.registry;
    // A Node 1 that pretends to store it.
    Object.assign(world.node1.tables.registry, { put: async () => true });
    await state(alice.at(reply.body.head), { kind: 'api_key.revoke', apiKey });
    Object.assign(world.node1.tables.registry, { put });
    world.restart();
    expect(await signs(key.at(reply.body.head))).toMatchObject({ code: 'credential_inactive' });
  });

  test('whoever has the statements computes the registry that both nodes have', async () => {
    await newApiKey({ '*': ['view'] });
    const { body } = await world.fetch(await alice.get('/v1/statements', '?from=0&limit=100'));
    expect(body.data.map((s: any) => s.statement.kind)).toEqual(['organization.found', 'api_key.create']);
    const at = async (node: typeof world.second) => node.registry.read(alice.organization);
    expect(await at(world.second)).toEqual(await at(world.lead.node));
    expect(body.head).toBe((await at(world.second)).head);
  });
});

describe('statements are sent without a credential', () => {
  test('what Node 1 would not take never reaches Node 2', async () => {
    let asked = 0;
    const { wire } = world;
    world.wire = (method, envelope, deliver) => {
      asked++;
      return wire(method, envelope, deliver);
    };
    const nobody = stranger();
    const content = { kind: 'member.add', member: idOf('mem'), name: 'Eve', role: 'owner' } as const;
    expect((await state(nobody, content)).body.code).toBe('credential_unknown');
    const registry = await world.second.registry.read(alice.organization);
    const [, actor = ''] = alice.keyId.split('/');
    const forged = draft(registry, actor, content, { nowMs: world.clockMs, nonce: fresh(16) });
    const signature = toBase64url(nobody.sign(statementBytes(forged)));
    const reply = await world.fetch(
      await nobody.post('/v1/statements', '', { statement: forged, signature }),
    );
    expect(reply.body.code).toBe('signature_invalid');
    expect(asked).toBe(0);
  });

  test('and are limited by where they come from', async () => {
    world = await twoNodes({ limits: { credential: 2, organization: 2 } });
    const statuses = [];
    for (let i = 0; i < 4; i++) {
      const body = { statement: { kind: 'nonsense' }, signature: '' };
      const event = eventOf(await alice.post('/v1/statements', '', body));
      Object.assign(event.requestContext.identity, { sourceIp: '198.51.100.7' });
      statuses.push((await world.send(event)).status);
    }
    expect(statuses).toEqual([400, 400, 429, 429]);
  });
});
