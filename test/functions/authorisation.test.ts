/**
 * Node 2 takes nobody's word but the actor's. Node 1 is hostile here: it has all of its own keys, seals valid
 * envelopes, and asks past its own checks.
 */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ecdsaRequest, selfTestJob } from '../../functions/signing.ts';
import {
  AuditLogRequestSchema,
  CheckpointRequestSchema,
  Dkg2RequestSchema,
  NodeService,
  SelfTestSchema,
  Sign1RequestSchema,
  Sign1ResponseSchema,
  SignSchnorrRequestSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { fromBase64url, toBase64url, utf8 } from '../../shared/bytes.ts';
import { type ActorRequest, contentDigestOf, signHttpRequest } from '../../shared/intent/http-signature.ts';
import { selfTestLimit } from '../../shared/mpc/self-test.ts';
import { p1Start } from '../../shared/mpc/sign-ecdsa.ts';
import { askSet, askSignature, askWallets, done, hello, newKey, settle, spend } from '../support/ask.ts';
import { beginEcdsa, bodies, callNode2, schnorrS1, sessionOf } from '../support/hostile.ts';
import { hurry } from '../support/hurry.ts';
import { fresh, type Owner, owner, twoNodes, type World } from '../support/two-nodes.ts';

const slow = process.env['SLOW'] === '1';
const answered = expect.any(Uint8Array);

let world: World;
let alice: Owner;
let bob: Owner;
let set: any;
let wallets: Readonly<Record<string, any>>;
let bobs: Readonly<Record<string, any>>;

hurry();

beforeAll(async () => {
  world = await twoNodes();
  alice = owner(world);
  bob = owner(world);
  ({ set, wallets } = await settle(world, alice, ['ETH', 'SOL', 'BTC-REGTEST']));
  ({ wallets: bobs } = await settle(world, bob, ['SOL'], ['ed25519']));
});

/** SOL, one Schnorr session: the shortest way to a signature. */
const ask = (request: ActorRequest, index = 0, session = sessionOf(request, index)) =>
  callNode2(world, 'SignSchnorr', session, bodies.SignSchnorr(request, index));

describe('without an actor', () => {
  const session = fresh(16);

  test('every method of Node 2 is in this list', () => {
    const names = Object.values(NodeService.method).map(({ name }) => name);
    expect([...names].sort()).toEqual(
      [
        'AuditLog',
        'Checkpoint',
        'Dkg1',
        'Dkg2',
        'Sign1',
        'Sign2',
        'SignSchnorr',
        'Statement',
        'Statements',
        'Status',
        'Wallets',
      ].sort(),
    );
  });

  test('methods that need a request refuse a call that has none', async () => {
    for (const method of ['Statement', 'Dkg1', 'Wallets', 'Sign1', 'SignSchnorr'] as const)
      expect([method, await callNode2(world, method, session, bodies[method]())]).toEqual([
        method,
        'signature_invalid',
      ]);
  });

  test('methods that go on need a session that an actor began', async () => {
    const dkg2 = toBinary(Dkg2RequestSchema, create(Dkg2RequestSchema, { d3: fresh(100) }));
    expect(await callNode2(world, 'Dkg2', session, dkg2, 3)).toBe('session_not_found');
    expect(await callNode2(world, 'Sign2', session, bodies.Sign2(fresh(78_164)), 3)).toBe('protocol_abort');
  });

  test('a log that there is not has no page, and a key that Node 1 did not attest has no checkpoint', async () => {
    const page = toBinary(
      AuditLogRequestSchema,
      create(AuditLogRequestSchema, {
        organization: 'org_nobody',
        part: { case: 'page', value: { limit: 1 } },
      }),
    );
    expect(await callNode2(world, 'AuditLog', session, page)).toBe('audit_unavailable');
    for (const logKey of [new Uint8Array(), utf8('{}'), utf8('x')]) {
      const step = { case: 'cosign', value: 'old 0\n\nx\n' } as const;
      const ask = create(CheckpointRequestSchema, { organization: alice.organization, logKey, step });
      const body = toBinary(CheckpointRequestSchema, ask);
      expect(await callNode2(world, 'Checkpoint', session, body)).toBe('request_invalid');
    }
  });

  test('Status says nothing but whether an attempt is active, and changes nothing that is', async () => {
    const before = await world.second.ledger.read(set.id, 1);
    const status = async (key: string, attempt: Uint8Array) => {
      const body = toBinary(StatusRequestSchema, create(StatusRequestSchema, { key, epoch: 1, attempt }));
      const reply = await callNode2(world, 'Status', session, body);
      return fromBinary(StatusResponseSchema, reply as Uint8Array);
    };
    expect(await status('wset_nobody', session)).toMatchObject({ active: false, d4: new Uint8Array() });
    expect(await status(set.id, session)).toMatchObject({ active: false, d4: new Uint8Array() });
    const attempt = before?.attempt as Uint8Array;
    expect(await status(set.id, attempt)).toMatchObject({ active: true, d4: before?.account?.confirmation });
    expect(await world.second.ledger.read(set.id, 1)).toEqual(before);
  });

  test('a self-test signs one fixed digest and nothing else, and only so often', async () => {
    const entry = await world.lead.node.ledger.read(set.id, 1);
    const { account } = entry as any;
    const selfTest = (attempt: number, keyType = 'secp256k1') =>
      ({
        case: 'selfTest',
        value: create(SelfTestSchema, { key: set.id, epoch: 1, keyType, attempt }),
      }) as const;
    const sign1 = async (attempt: number, digest?: Uint8Array) => {
      const job = selfTestJob(account, 'secp256k1', attempt);
      const request = ecdsaRequest(account, { ...job, ...(digest && { bytes: digest }) });
      const [, s1] = p1Start({ sid: account.sid, epoch: 1, hedgeSeed: fresh(32) }, request, fresh);
      const body = create(Sign1RequestSchema, { purpose: selfTest(attempt), index: 0, s1 });
      return callNode2(world, 'Sign1', job.session, toBinary(Sign1RequestSchema, body));
    };
    expect(await sign1(500, fresh(32))).toBe('protocol_abort');
    // The first was made when the key was made, one was spent above; each number once.
    for (let i = 1; i < selfTestLimit; i++) if (i !== 500) expect(await sign1(i)).toEqual(answered);
    for (const i of [0, 7, 500, selfTestLimit, 2 ** 32 - 1])
      expect(await sign1(i)).toBe('attempts_exhausted');
    const absent = toBinary(
      SignSchnorrRequestSchema,
      create(SignSchnorrRequestSchema, { purpose: selfTest(0, 'p256'), index: 0, s1: schnorrS1() }),
    );
    expect(await callNode2(world, 'SignSchnorr', session, absent)).toBe('protocol_abort');
  });

  test('an actor that Node 1 makes up, also in its own registry, is nobody at Node 2', async () => {
    const nobody = owner(world);
    // Node 1 founds it for itself, and gives it Alice's wallet.
    const { statement, signature } = JSON.parse(new TextDecoder().decode((await nobody.found()).body));
    await world.node1.tables.registry.put({
      organization: nobody.organization,
      seq: '0',
      statement: JSON.stringify({ statement, signature }),
    });
    await world.node1.tables.resources.update(
      { id: wallets['SOL'].id },
      { set: { organization: nobody.organization } },
    );
    await world.node1.tables.keys.update(
      { key: set.id, epoch: '1' },
      { set: { organization: nobody.organization } },
    );
    // Nothing of before is in anybody's memory.
    world.restart();
    const request = await askSignature(nobody, { ...wallets['SOL'] }, hello('SOL'));
    const reply = await world.fetch(request);
    await world.node1.tables.resources.update(
      { id: wallets['SOL'].id },
      { set: { organization: alice.organization } },
    );
    await world.node1.tables.keys.update(
      { key: set.id, epoch: '1' },
      { set: { organization: alice.organization } },
    );
    world.restart();
    expect(reply.body.code).toBe('credential_unknown');
  });

  test('a registry that Node 1 changed for a real organization does not matter to Node 2', async () => {
    const before = await world.node1.tables.registry.get({ organization: alice.organization, seq: '0' });
    const { statement } = JSON.parse(before?.['statement'] as string);
    const thief = owner(world);
    const stolen = JSON.parse(new TextDecoder().decode((await thief.found()).body));
    statement.owner = stolen.statement.owner;
    // As the thief's key would sign it, Node 1's verification switched off by hand.
    await world.node1.tables.registry.put({
      organization: alice.organization,
      seq: '0',
      statement: JSON.stringify({ statement, signature: toBase64url(fresh(64)) }),
    });
    const signer = {
      keyId: `${alice.organization}/${thief.keyId.split('/')[1]}`,
      algorithm: 'ed25519' as const,
      sign: async (m: Uint8Array) => thief.sign(m),
    };
    const honest = await askSignature(alice, wallets['SOL'], hello('SOL'));
    const { method, path, query, idempotencyKey, body } = honest;
    const created = Math.floor(world.clockMs / 1000);
    const forged = await signHttpRequest({ method, path, query, idempotencyKey, body }, signer, {
      created,
      expires: created + 60,
      nonce: toBase64url(fresh(16)),
    });
    expect(await ask(forged)).toBe('credential_unknown');
    // Alice's own request still counts at Node 2.
    expect(await ask(honest)).toEqual(answered);
    await world.node1.tables.registry.put(before as any);
  });
});

describe('every byte that the actor signed counts at Node 2', () => {
  const flipChar = (text: string, at: number): string =>
    text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);

  test.each([
    ['SOL', 'SignSchnorr'],
    ['set', 'Dkg1'],
    ['wallets', 'Wallets'],
  ] as const)('%s: changed, dropped and added bytes in every component', async (what, method) => {
    const request =
      what === 'SOL'
        ? await askSignature(alice, wallets['SOL'], hello('SOL', 'pay 1 to Bob'))
        : what === 'set'
          ? await askSet(alice, ['ed25519'])
          : await askWallets(alice, { walletSet: set.id, blockchains: ['SOL'] });
    const session = sessionOf(request);
    const call = (changed: ActorRequest) => callNode2(world, method, session, bodies[method](changed));
    const refused = [
      'signature_invalid',
      'credential_unknown',
      'route_not_found',
      'method_not_allowed',
      'authorisation_expired',
    ];
    const variants: [string, ActorRequest][] = [];
    for (const name of [
      'method',
      'path',
      'query',
      'idempotencyKey',
      'contentDigest',
      'signatureInput',
      'signature',
    ] as const) {
      const text = request[name];
      const step = slow ? 1 : Math.max(1, Math.floor(text.length / 25));
      for (let at = 0; at < text.length; at += step)
        variants.push([`${name} ${at}`, { ...request, [name]: flipChar(text, at) }]);
      variants.push(
        [`${name} empty`, { ...request, [name]: '' }],
        [`${name} longer`, { ...request, [name]: `${text}x` }],
      );
    }
    const step = slow ? 1 : 9;
    for (let at = 0; at < request.body.length; at += step) {
      const body = request.body.map((b, i) => (i === at ? b ^ 1 : b));
      variants.push([`body ${at}`, { ...request, body }]);
      // Node 1 makes the digest fit: the signature covers it.
      variants.push([`body ${at}, digest again`, { ...request, body, contentDigest: contentDigestOf(body) }]);
    }
    const outcomes = [];
    for (const [name, changed] of variants) {
      const outcome = await call(changed);
      if (!refused.includes(outcome as string)) outcomes.push([name, outcome]);
    }
    expect(outcomes).toEqual([]);
    expect(variants.length).toBeGreaterThan(150);
    if (what === 'SOL') expect(await call(request)).toEqual(answered);
  });

  test('members of the payload, each exchanged for another', async () => {
    const request = await askSignature(alice, wallets['SOL'], hello('SOL', 'to Bob'));
    const text = new TextDecoder().decode(request.body);
    for (const [from, to] of [
      ['to Bob', 'to Eve'],
      ['"SOL"', '"ETH"'],
      ['"message"', '"messageHex"'],
      ['planbok/authorisation/v1', 'planbok/authorisation/v2'],
    ] as const) {
      const body = utf8(text.replace(from, to));
      expect(body).not.toEqual(request.body);
      expect(
        await ask({ ...request, body, contentDigest: contentDigestOf(body) }, 0, sessionOf(request)),
      ).toBe('signature_invalid');
    }
  });

  test('the signature of one request does not fit another of the same actor', async () => {
    const [one, two] = [
      await askSignature(alice, wallets['SOL'], hello('SOL', 'one')),
      await askSignature(alice, wallets['SOL'], hello('SOL', 'two')),
    ];
    for (const part of ['signature', 'signatureInput', 'contentDigest', 'idempotencyKey', 'body'] as const)
      expect(await ask({ ...one, [part]: two[part] }, 0, sessionOf(one))).toBe('signature_invalid');
  });
});

describe('an authorisation is for one operation, now, once', () => {
  test('for another operation', async () => {
    const lie = { operation: toBase64url(fresh(32)) };
    expect(await ask(await askSignature(alice, wallets['SOL'], hello('SOL'), newKey(), { lie }))).toBe(
      'authorisation_mismatch',
    );
    // A true authorisation, for another message.
    const other = JSON.parse(
      new TextDecoder().decode((await askSignature(alice, wallets['SOL'], hello('SOL', 'other'))).body),
    ).authorisation;
    expect(
      await ask(
        await askSignature(alice, wallets['SOL'], hello('SOL'), newKey(), {
          lie: { operation: other.operation },
        }),
      ),
    ).toBe('authorisation_mismatch');
  });

  test('for another wallet, kind of call or wallet set than the path and body say', async () => {
    const request = await askSignature(alice, wallets['SOL'], hello('SOL'));
    expect(await callNode2(world, 'Wallets', sessionOf(request), bodies.Wallets(request))).toBe(
      'route_not_found',
    );
    expect(await callNode2(world, 'Dkg1', sessionOf(request), bodies.Dkg1(request))).toBe('route_not_found');
    expect(await callNode2(world, 'Statement', sessionOf(request), bodies.Statement(request))).toBe(
      'route_not_found',
    );
    const make = await askWallets(alice, { walletSet: set.id, blockchains: ['SOL'] });
    expect(await ask(make)).toBe('route_not_found');
  });

  test('other words than the signature around it', async () => {
    for (const lie of [
      { nonce: toBase64url(fresh(16)) },
      { issued: String(Math.floor(world.clockMs / 1000) - 1) },
      { expires: String(Math.floor(world.clockMs / 1000) + 61) },
      { keyId: bob.keyId },
      { keyId: `${alice.organization}/${bob.keyId.split('/')[1]}` },
    ])
      expect([
        lie,
        await ask(await askSignature(alice, wallets['SOL'], hello('SOL'), newKey(), { lie })),
      ]).toEqual([lie, 'authorisation_mismatch']);
  });

  test('expired, not yet valid, or too long', async () => {
    const at = async (nowMs: number, life?: number) =>
      ask(
        await askSignature(alice, wallets['SOL'], hello('SOL'), newKey(), {
          nowMs,
          ...(life === undefined ? {} : { life }),
        }),
      );
    expect(await at(world.clockMs - 62_000)).toBe('authorisation_expired');
    expect(await at(world.clockMs - 59_000)).toEqual(answered);
    expect(await at(world.clockMs + 32_000)).toBe('authorisation_expired');
    expect(await at(world.clockMs + 29_000)).toEqual(answered);
    expect(await at(world.clockMs, 120)).toEqual(answered);
    expect(await at(world.clockMs, 121)).toBe('signature_invalid');
    expect(await at(world.clockMs, 0)).toBe('signature_invalid');
    // Captured, kept and sent later.
    const kept = await askSignature(alice, wallets['SOL'], hello('SOL'));
    world.clockMs += 61_000;
    expect(await ask(kept)).toBe('authorisation_expired');
  });

  test('another registry head', async () => {
    const lie = { registryHead: bob.organization };
    expect(await ask(await askSignature(alice, wallets['SOL'], hello('SOL'), newKey(), { lie }))).toBe(
      'registry_behind',
    );
  });

  test('once: a replay is refused, and so is another session', async () => {
    const request = await askSignature(alice, wallets['SOL'], hello('SOL'));
    expect(await ask(request)).toEqual(answered);
    expect(await ask(request)).toBe('protocol_abort');
    expect(await ask(request, 0, fresh(16))).toBe('protocol_abort');
    expect(await ask(request, 1, sessionOf(request, 0))).toBe('protocol_abort');
    const eth = await askSignature(alice, wallets['ETH'], hello('ETH'));
    const { S1 } = await beginEcdsa(world, eth);
    const sign1 = (session = sessionOf(eth)) => callNode2(world, 'Sign1', session, bodies.Sign1(eth, 0, S1));
    expect(await sign1(fresh(16))).toBe('protocol_abort');
    expect(await sign1()).toEqual(answered);
    expect(await sign1()).toBe('protocol_abort');
    const make = await askSet(alice, ['ed25519']);
    const dkg1 = (session = sessionOf(make)) => callNode2(world, 'Dkg1', session, bodies.Dkg1(make));
    expect(await dkg1(fresh(16))).toBe('authorisation_mismatch');
    expect(await dkg1()).toEqual(answered);
    expect(await dkg1()).toBe('authorisation_replayed');
    const more = await askWallets(alice, { walletSet: set.id, blockchains: ['SOL'] });
    expect(await callNode2(world, 'Wallets', fresh(16), bodies.Wallets(more))).toBe('authorisation_mismatch');
  });

  test('an index that the operation does not have', async () => {
    const request = await askSignature(alice, wallets['SOL'], hello('SOL'));
    for (const index of [1, 2, 63, 64, 0xffffffff]) expect(await ask(request, index)).toBe('protocol_abort');
    expect(await ask(request)).toEqual(answered);
    const two = await askSignature(alice, wallets['BTC-REGTEST'], spend(wallets['BTC-REGTEST'], 2));
    const { S1 } = await beginEcdsa(world, two, 1);
    expect(await callNode2(world, 'Sign1', sessionOf(two, 2), bodies.Sign1(two, 2, S1))).toBe(
      'protocol_abort',
    );
    expect(await callNode2(world, 'Sign1', sessionOf(two, 0), bodies.Sign1(two, 0, S1))).toBe(
      'protocol_abort',
    );
    expect(await callNode2(world, 'Sign1', sessionOf(two, 1), bodies.Sign1(two, 1, S1))).toEqual(answered);
  });

  test('an ECDSA job is no Schnorr job, nor the other way round', async () => {
    const eth = await askSignature(alice, wallets['ETH'], hello('ETH'));
    expect(await ask(eth)).toBe('protocol_abort');
    const sol = await askSignature(alice, wallets['SOL'], hello('SOL'));
    expect(await callNode2(world, 'Sign1', sessionOf(sol), bodies.Sign1(sol))).toBe('protocol_abort');
  });

  test('three protocol sessions for one digest, then never again', async () => {
    const key = newKey();
    const again = () => askSignature(alice, wallets['SOL'], hello('SOL'), key);
    for (let i = 0; i < 3; i++) expect(await ask(await again())).toEqual(answered);
    expect(await ask(await again())).toBe('attempts_exhausted');
    world.clockMs += 60_000;
    expect(await ask(await again())).toBe('attempts_exhausted');
    expect((await world.fetch(await again())).body.code).toBe('attempts_exhausted');
    // Another operation is not held back by it.
    expect(await ask(await askSignature(alice, wallets['SOL'], hello('SOL')))).toEqual(answered);
  });
});

describe('scopes, at Node 2', () => {
  const raw = { kind: 'raw_digest', blockchain: 'ETH', digest: '11'.repeat(32) } as const;

  test('view sees and does not sign; create_wallet makes and does not sign', async () => {
    const viewer = owner(world, ['view']);
    await done(world.fetch(await viewer.found()));
    const make = await askSet(viewer, ['ed25519']);
    expect(await callNode2(world, 'Dkg1', sessionOf(make), bodies.Dkg1(make))).toBe('scope_missing');
    const maker = owner(world, ['view', 'create_wallet']);
    const { wallets: made } = await settle(world, maker, ['SOL'], ['ed25519']);
    const request = await askSignature(maker, made['SOL'], hello('SOL'));
    expect(await ask(request)).toBe('scope_missing');
    expect((await world.fetch(await askSignature(maker, made['SOL'], hello('SOL')))).status).toBe(403);
    const signer = owner(world, ['sign']);
    await done(world.fetch(await signer.found()));
    const more = await askSet(signer, ['ed25519']);
    expect(await callNode2(world, 'Dkg1', sessionOf(more), bodies.Dkg1(more))).toBe('scope_missing');
    expect((await world.fetch(await signer.get('/v1/wallet-sets'))).body.code).toBe('scope_missing');
  });

  test('a raw digest needs sign_raw at Node 2, whatever Node 1 lets pass', async () => {
    const request = await askSignature(alice, wallets['ETH'], raw, newKey(), { raw: true });
    expect(await callNode2(world, 'Sign1', sessionOf(request), bodies.Sign1(request))).toBe(
      'raw_digest_disabled',
    );
    expect((await world.fetch(request)).body.code).toBe('raw_digest_disabled');
    const trusted = owner(world, ['view', 'create_wallet', 'sign', 'sign_raw']);
    const { wallets: made } = await settle(world, trusted, ['ETH'], ['secp256k1']);
    const body = await done(
      world.fetch(await askSignature(trusted, made['ETH'], raw, newKey(), { raw: true })),
    );
    expect(body.state).toBe('completed');
  });
});

describe('tenants', () => {
  const absent = (id: string) => `${id.slice(0, -1)}${id.endsWith('a') ? 'b' : 'a'}`;

  test("another organization's wallet, set or signature answers exactly as one that does not exist", async () => {
    const theirs = bobs['SOL'];
    const signature = (await done(world.fetch(await askSignature(bob, theirs, hello('SOL'))))).id;
    const same = async (path: (id: string) => Promise<ActorRequest>, id: string) => {
      const replies = [];
      for (const one of [id, absent(id)]) {
        const { status, body } = await world.fetch(await path(one));
        const { instance, requestId, ...rest } = body;
        replies.push({ status, body: JSON.stringify(rest).replaceAll(one, 'ID') });
      }
      expect(replies[0]).toEqual(replies[1]);
      return JSON.parse(replies[0]?.body ?? '');
    };
    for (const path of ['/v1/wallets/ID', '/v1/wallets/ID/address-proof'])
      expect((await same((id) => alice.get(path.replace('ID', id)), theirs.id)).code).toBe(
        'wallet_not_found',
      );
    expect((await same((id) => alice.get(`/v1/signatures/${id}`), signature)).code).toBe(
      'signature_not_found',
    );
    expect((await same((id) => alice.get(`/v1/wallet-sets/${id}`), theirs.walletSet)).code).toBe(
      'wallet_set_not_found',
    );
    await same((id) => alice.get('/v1/wallets', `?limit=1&walletSet=${id}`), theirs.walletSet);
    await same((id) => alice.get('/v1/signatures', `?limit=1&wallet=${id}`), theirs.id);
    const sign = (id: string) => askSignature(alice, { ...theirs, id }, hello('SOL'));
    expect((await same(sign, theirs.id)).code).toBe('wallet_not_found');
    const make = (id: string) => askWallets(alice, { walletSet: id, blockchains: ['SOL'] });
    expect((await same(make, theirs.walletSet)).code).toBe('wallet_set_not_found');
    const preview = (id: string) =>
      alice.post('/v1/signatures/preview', '', {
        wallet: id,
        payload: hello('SOL'),
        idempotencyKey: newKey(),
      });
    expect((await same(preview, theirs.id)).code).toBe('wallet_not_found');
    // The same of Node 2, past Node 1's checks.
    for (const id of [theirs.id, absent(theirs.id)])
      expect(await ask(await sign(id))).toBe('wallet_not_found');
    for (const id of [theirs.walletSet, absent(theirs.walletSet)]) {
      const request = await make(id);
      expect(await callNode2(world, 'Wallets', sessionOf(request), bodies.Wallets(request))).toBe(
        'wallet_set_not_found',
      );
    }
  });

  test("a list of somebody else's parent shows nothing, not even that there is more", async () => {
    for (let i = 0; i < 3; i++) {
      await done(
        world.fetch(await askWallets(bob, { walletSet: bobs['SOL'].walletSet, blockchains: ['SOL'] })),
      );
      await done(world.fetch(await askSignature(bob, bobs['SOL'], hello('SOL'))));
    }
    for (const [path, query] of [
      ['/v1/wallets', `?limit=1&walletSet=${bobs['SOL'].walletSet}`],
      ['/v1/signatures', `?limit=1&wallet=${bobs['SOL'].id}`],
    ] as const) {
      expect(await done(world.fetch(await alice.get(path, query)))).toEqual({ data: [] });
      const own = await done(world.fetch(await bob.get(path, query)));
      expect(own).toMatchObject({ data: [{}], nextCursor: expect.any(String) });
      // A cursor of Bob's list opens nothing of it to Alice.
      const [name] = query.slice(1).split('&');
      for (const more of [
        `?cursor=${own.nextCursor}&${name}`,
        `?cursor=${own.nextCursor}&${query.slice(1)}`,
      ]) {
        const { body } = await world.fetch(await alice.get(path, more));
        expect(JSON.stringify(body)).not.toContain(bobs['SOL'].walletSet);
        expect(body.data ?? []).toEqual([]);
      }
    }
  });

  test('an idempotency key of another organization was never used', async () => {
    const key = newKey();
    await done(world.fetch(await askSignature(bob, bobs['SOL'], hello('SOL'), key)));
    expect((await world.fetch(await bob.get(`/v1/idempotency-keys/${key}`))).status).toBe(200);
    expect((await world.fetch(await alice.get(`/v1/idempotency-keys/${key}`))).body.code).toBe(
      'idempotency_key_not_found',
    );
  });
});

describe('founding', () => {
  const token = 'let me in';
  let closed: World;
  beforeEach(async () => {
    const { createHash } = await import('node:crypto');
    closed = await twoNodes({ invitation: createHash('sha256').update(token).digest('hex') });
  });
  const statementOf = (request: ActorRequest) => JSON.parse(new TextDecoder().decode(request.body));
  const found = (request: ActorRequest) =>
    callNode2(closed, 'Statement', fresh(16), bodies.Statement(request));
  const registryOf = (organization: string) => closed.node2.tables.registry.get({ organization, seq: '0' });

  test('needs the invitation at both nodes', async () => {
    const who = owner(closed);
    for (const wrong of [undefined, 'let me on', 'let me in ', '']) {
      expect(await found(await who.found(wrong))).toBe('invitation_invalid');
      expect((await closed.fetch(await who.found(wrong))).body.code).toBe('invitation_invalid');
    }
    expect(await registryOf(who.organization)).toBeUndefined();
    expect((await closed.fetch(await who.found(token))).status).toBe(201);
    expect(await registryOf(who.organization)).toBeDefined();
  });

  test('a statement signed by another key, or changed, founds nothing', async () => {
    const [who, thief] = [owner(closed), owner(closed)];
    const { statement, signature } = statementOf(await who.found(token));
    const theirs = statementOf(await thief.found(token));
    const post = (body: object) => who.post('/v1/organizations', newKey(), { invitation: token, ...body });
    const bad: [string, object][] = [
      ['signature of another statement', { statement, signature: theirs.signature }],
      ['another name', { statement: { ...statement, name: 'Other' }, signature }],
      ['another nonce', { statement: { ...statement, nonce: toBase64url(fresh(16)) }, signature }],
      ['another time', { statement: { ...statement, created: '2020-01-01T00:00:00.000Z' }, signature }],
      ['another owner', { statement: { ...statement, owner: theirs.statement.owner }, signature }],
      [
        'more scopes',
        {
          statement: {
            ...statement,
            owner: {
              ...statement.owner,
              credential: { ...statement.owner.credential, scopes: ['view', 'sign', 'sign_raw'] },
            },
          },
          signature,
        },
      ],
      [
        'a bit of the signature',
        { statement, signature: toBase64url(fromBase64url(signature).map((b, i) => (i === 9 ? b ^ 4 : b))) },
      ],
      // Signed as it should be, sent by somebody else.
      ['sent by another key', { statement: theirs.statement, signature: theirs.signature }],
    ];
    for (const [name, body] of bad) {
      const outcome = await found(await post(body));
      expect([name, ['signature_invalid', 'credential_unknown'].includes(outcome as string)]).toEqual([
        name,
        true,
      ]);
    }
    expect(await registryOf(who.organization)).toBeUndefined();
    expect(await registryOf(thief.organization)).toBeUndefined();
  });

  test('an id belongs to the keys of its statement for ever', async () => {
    const who = owner(closed);
    await done(closed.fetch(await who.found(token)));
    const before = await registryOf(who.organization);
    // The same founder again, with another statement: another id.
    const again = owner(closed);
    await done(closed.fetch(await again.found(token)));
    expect(again.organization).not.toBe(who.organization);
    // The very same statement again changes nothing.
    expect((await closed.fetch(await who.found(token))).status).toBeLessThan(300);
    expect(await registryOf(who.organization)).toEqual(before);
    const request = await again.get('/v1/organization');
    const other = {
      ...request,
      signatureInput: request.signatureInput.replace(again.organization, who.organization),
    };
    expect((await closed.fetch(other)).body.code).toBe('credential_unknown');
  });

  test('an old or future founding request is refused', async () => {
    const who = owner(closed);
    const request = await who.found(token);
    closed.clockMs += 61_000;
    expect(await found(request)).toBe('authorisation_expired');
    closed.clockMs -= 61_000 + 32_000;
    expect(await found(request)).toBe('authorisation_expired');
  });
});

test('what Node 1 answers is not what Node 2 decides: a signed 1st session, then Node 1 asks for another digest', async () => {
  const eth = await askSignature(alice, wallets['ETH'], hello('ETH', 'a'));
  const other = await askSignature(alice, wallets['ETH'], hello('ETH', 'b'));
  const { S1 } = await beginEcdsa(world, other);
  // S1 binds the other digest: Node 2 computes its own and ends the session.
  expect(await callNode2(world, 'Sign1', sessionOf(eth), bodies.Sign1(eth, 0, S1))).toBe('protocol_abort');
  expect((await world.second.ledger.read(set.id, 1))?.state).toBe('ACTIVE');
  const reply = await callNode2(world, 'Sign1', sessionOf(other), bodies.Sign1(other, 0, S1));
  expect(fromBinary(Sign1ResponseSchema, reply as Uint8Array).s2.length).toBe(12_400);
});
