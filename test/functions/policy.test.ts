import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';
import { AccountRole, address } from '@solana/kit';
import canonicalize from 'canonicalize';
import { type Bytes, concat, fromHex, toBase32, toBase64url } from '../../shared/bytes.ts';
import { decodePayload, type SignPayload } from '../../shared/chains/payload.ts';
import { programs } from '../../shared/chains/solana-instructions.ts';
import { signatureOperation } from '../../shared/intent/build.ts';
import { operationDigest } from '../../shared/intent/operation.ts';
import { type Approval, approvalBytes, approvalOf } from '../../shared/policy/approval.ts';
import { noPolicy, type Permission, type Policy, type Rule } from '../../shared/policy/rules.ts';
import { draft } from '../../shared/registry/head.ts';
import type { Content } from '../../shared/registry/kinds.ts';
import { reduce, type SignedLater } from '../../shared/registry/reduce.ts';
import { headOf } from '../../shared/registry/registry.ts';
import { credentialId, statementBytes, statementHash } from '../../shared/registry/statement.ts';
import { askSet, askWallets, done, newKey, settle, spend } from '../support/ask.ts';
import { buildSolana } from '../support/engines/solana.ts';
import { bodies, callNode2, sessionOf } from '../support/hostile.ts';
import {
  fresh,
  type Owner,
  owner,
  type Person,
  personOf,
  twoNodes,
  type World,
} from '../support/two-nodes.ts';

interface Member extends Person {
  readonly member: string;
}

let world: World;
let alice: Owner & Member;
let bob: Member;
let carol: Member;
let set: any;
let sol: any;
let eth: any;
let btc: any;
/** A wallet of another wallet set. */
let other: any;
/** The registry's head when the test began. */
let newest: string;

const scopes = ['view', 'create_wallet', 'sign', 'sign_raw', 'approve'] as const;
const canonical = canonicalize as unknown as (json: unknown) => string;
const idOf = (prefix: string) => `${prefix}_${toBase32(fresh(16))}`;
const shop = base58.encode(new Uint8Array(32).fill(3));
const thief = base58.encode(new Uint8Array(32).fill(4));
const solAsset = 'solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/slip44:501';

/** Sends lamports; `salt` makes it another transaction. */
function pay(wallet: any, to: string, lamports: number, salt = 0): SignPayload {
  const me = address(wallet.address);
  const amount = new DataView(new ArrayBuffer(8));
  amount.setBigUint64(0, BigInt(lamports), true);
  const transfer = {
    programAddress: address(programs.system),
    accounts: [
      { address: me, role: AccountRole.WRITABLE_SIGNER },
      { address: address(to), role: AccountRole.WRITABLE },
    ],
    data: concat(Uint8Array.of(2, 0, 0, 0), new Uint8Array(amount.buffer)),
  };
  const blockhash = address(base58.encode(new Uint8Array(32).fill(100 + salt)));
  return {
    kind: 'transaction',
    blockchain: 'SOL',
    transaction: buildSolana(me, [transfer], blockhash, 'legacy'),
  };
}

interface Asking {
  readonly who?: Person;
  readonly key?: string;
  readonly approvals?: readonly object[];
}

function operationOf(wallet: any, payload: SignPayload, key: string) {
  const walletKey = { ...wallet, publicKey: fromHex(wallet.publicKey) };
  const decoded = decodePayload(payload, walletKey, { allowRawDigest: true });
  return signatureOperation(alice.organization, key, wallet, payload, decoded);
}

const ask = (wallet: any, payload: SignPayload, { who = alice, key = newKey(), approvals }: Asking = {}) =>
  who.ask(
    `/v1/wallets/${wallet.id}/signatures`,
    // What is missing is refused: test/functions/approvals.test.ts has what is kept for approvals.
    { payload, approvals, holdSeconds: 0 },
    operationOf(wallet, payload, key),
  );
const sign = async (wallet: any, payload: SignPayload, asking: Asking = {}) =>
  world.fetch(await ask(wallet, payload, asking));
/** A Node 1 that checks nothing: what Node 2 says to the request itself. */
async function signAtNode2(wallet: any, payload: SignPayload, asking: Asking = {}) {
  const request = await ask(wallet, payload, asking);
  const answer = await callNode2(world, 'SignSchnorr', sessionOf(request), bodies.SignSchnorr(request));
  return typeof answer === 'string' ? answer : 'signed';
}
const evaluate = async (body: object, who: Person = alice) =>
  world.fetch(await who.post('/v1/policies/evaluate', '', body));

async function state(who: Person, content: Content, cosigners: readonly Person[] = []) {
  const registry = await world.second.registry.read(alice.organization);
  const [, actor = ''] = who.keyId.split('/');
  const statement = draft(registry, actor, content, { nowMs: world.clockMs, nonce: fresh(16) });
  const message = statementBytes(statement);
  const cosignatures = cosigners.map((one) => ({
    by: one.keyId.split('/')[1],
    signature: toBase64url(one.sign(message)),
  }));
  const signature = toBase64url(who.sign(message));
  const body = { statement, signature, ...(cosigners.length > 0 && { cosignatures }) };
  return world.fetch(await who.post('/v1/statements', '', body));
}
const setText = (text: string, walletSet = set.id, cosigners: readonly Person[] = []) =>
  state(alice, { kind: 'policy.set', walletSet, policy: text }, cosigners);
const policyOf = (rules: readonly Rule[], allow: readonly Permission[] = [], more: Partial<Policy> = {}) => ({
  ...noPolicy,
  rules,
  allow,
  ...more,
});
async function inForce(policy: Policy, walletSet = set.id, cosigners: readonly Person[] = []) {
  const { status, body } = await setText(canonical(policy), walletSet, cosigners);
  if (status !== 201) throw new Error(JSON.stringify(body));
}

const keyPair = () => {
  const seed = fresh(32);
  const publicKey = toBase64url(ed25519.getPublicKey(seed));
  const credential = { algorithm: 'ed25519', publicKey, scopes } as const;
  const sign = (message: Bytes) => ed25519.sign(message, seed);
  return { credential, person: personOf(world, alice.organization, credentialId(credential), sign) };
};

async function newOwner(name: string): Promise<Member> {
  const { credential, person } = keyPair();
  const member = idOf('mem');
  const reply = await state(alice, { kind: 'member.add', member, name, role: 'owner', credential });
  return { ...person.at(reply.body.head), member } as Member;
}

function approve(
  who: Person,
  wallet: any,
  payload: SignPayload,
  key: string,
  change: Partial<Approval> = {},
) {
  const approval = {
    ...approvalOf(operationDigest(operationOf(wallet, payload, key)), 'approve', {
      keyId: who.keyId,
      registryHead: newest,
      nonce: fresh(16),
      issued: Math.floor(world.clockMs / 1000),
    }),
    ...change,
  };
  return { approval, signature: toBase64url(who.sign(approvalBytes(approval))) };
}

beforeAll(async () => {
  world = await twoNodes();
  const founder = owner(world, scopes);
  const home = await settle(world, founder, ['SOL', 'ETH', 'BTC-REGTEST']);
  set = home.set;
  [sol, eth, btc] = [home.wallets['SOL'], home.wallets['ETH'], home.wallets['BTC-REGTEST']];
  const second = await done(world.fetch(await askSet(founder, ['ed25519'])));
  const made = await done(
    world.fetch(await askWallets(founder, { walletSet: second.id, blockchains: ['SOL'] })),
  );
  other = made.data[0];
  const registry = await world.second.registry.read(founder.organization);
  const [, credential = ''] = founder.keyId.split('/');
  alice = { ...founder, member: registry.credentials[credential]?.holder ?? '' } as Owner & Member;
  bob = await newOwner('Bob');
  carol = await newOwner('Carol');
});

beforeEach(async () => {
  // More than any window before it.
  world.clockMs += 7_200_000;
  await inForce(noPolicy, set.id, [bob]);
  newest = (await world.second.registry.read(alice.organization)).head;
  alice = alice.at(newest);
});

const shopOnly: Rule = {
  id: 'shops',
  kind: 'destinations',
  destinations: [{ blockchain: 'SOL', address: shop }],
};

describe('rules', () => {
  test('destinations: denied at Node 1, and at Node 2 when Node 1 does not look', async () => {
    await inForce(policyOf([shopOnly]));
    const { wire } = world;
    world.wire = async () => {
      throw new Error('Node 2 is asked');
    };
    const { status, body } = await sign(sol, pay(sol, thief, 5));
    world.wire = wire;
    expect([status, body.code]).toEqual([403, 'policy_denied']);
    expect(body.errors).toHaveLength(1);
    expect(body.errors[0].detail).toMatch(/^destination_not_allowed: rule shops: /);
    expect(body.errors[0].detail).toContain(thief);
    expect(await signAtNode2(sol, pay(sol, thief, 5))).toBe('policy_denied');

    expect(await signAtNode2(sol, pay(sol, shop, 5))).toBe('signed');
    expect((await sign(sol, pay(sol, shop, 5))).body).toMatchObject({ state: 'completed' });
  });

  test('an amount, named with its limit', async () => {
    const spent = (await evaluate({ wallet: sol.id, payload: pay(sol, shop, 1000) })).body.spends;
    expect(spent).toHaveLength(1);
    const { asset, amount } = spent[0];
    await inForce(policyOf([{ id: 'small', kind: 'amount', asset, max: amount }]));
    expect((await sign(sol, pay(sol, shop, 1000))).status).toBe(201);
    const { body } = await sign(sol, pay(sol, shop, 1001));
    expect(body.code).toBe('policy_denied');
    const more = (BigInt(amount) + 1n).toString();
    expect(body.errors[0].detail).toBe(`amount_exceeded: rule small: ${more} (limit: ${amount})`);
    expect(await signAtNode2(sol, pay(sol, shop, 1001))).toBe('policy_denied');
  });

  test('what was signed stays signed under a later policy', async () => {
    const [key, payload] = [newKey(), pay(sol, thief, 5)];
    const first = await sign(sol, payload, { key });
    await inForce(policyOf([shopOnly]));
    const again = await sign(sol, payload, { key });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body).toEqual(first.body);
    expect((await sign(sol, payload)).body.code).toBe('policy_denied');
  });

  test('what cannot be bounded is denied once there is a policy: permits, digests, messages', async () => {
    const kinds = ['message', 'typed_data', 'transaction', 'raw_digest'] as const;
    const token = '0x6B175474E89094C44Da98b954EedeAC495271d0F';
    const permit: SignPayload = {
      kind: 'typed_data',
      blockchain: 'ETH',
      typedData: {
        domain: { name: 'Dai', version: '1', chainId: 1, verifyingContract: token },
        primaryType: 'Permit',
        types: {
          Permit: [
            { name: 'owner', type: 'address' },
            { name: 'spender', type: 'address' },
            { name: 'value', type: 'uint256' },
            { name: 'nonce', type: 'uint256' },
            { name: 'deadline', type: 'uint256' },
          ],
        },
        message: { owner: eth.address, spender: token, value: '7', nonce: '0', deadline: '1900000000' },
      },
    };
    const digest: SignPayload = { kind: 'raw_digest', blockchain: 'ETH', digest: 'ab'.repeat(32) };
    const message: SignPayload = { kind: 'message', blockchain: 'ETH', message: 'hello' };
    const any: Rule = { id: 'any', kind: 'kinds', kinds };
    for (const payload of [permit, digest, message]) {
      await inForce(policyOf([any]));
      const { body } = await sign(eth, payload);
      expect([payload.kind, body.code]).toEqual([payload.kind, 'policy_denied']);
      expect(body.errors.map((e: any) => e.detail).join()).toContain('not_understood: rule default');
      const request = await ask(eth, payload);
      const asked = bodies.Sign1(request);
      expect(await callNode2(world, 'Sign1', sessionOf(request), asked)).toBe('policy_denied');
    }
    await inForce(policyOf([any], [{ allow: 'permit' }, { allow: 'raw_digest' }, { allow: 'message' }]));
    for (const payload of [permit, digest, message])
      expect((await sign(eth, payload)).body).toMatchObject({ state: 'completed' });
  });

  test('what cannot be decoded is refused by both', async () => {
    await inForce(policyOf([shopOnly]));
    const good = pay(sol, shop, 5);
    const bad = { ...good, transaction: 'AAAA' };
    const key = newKey();
    const path = `/v1/wallets/${sol.id}/signatures`;
    const send = () => alice.ask(path, { payload: bad }, operationOf(sol, good, key));
    expect((await world.fetch(await send())).body.code).toBe('payload_undecodable');
    const request = await send();
    const asked = bodies.SignSchnorr(request);
    expect(await callNode2(world, 'SignSchnorr', sessionOf(request), asked)).toBe('payload_undecodable');
  });

  test('the policy of one wallet set does not touch another; `*` is for those without their own', async () => {
    await inForce(policyOf([shopOnly]));
    expect((await sign(sol, pay(sol, thief, 5))).body.code).toBe('policy_denied');
    expect((await sign(other, pay(other, thief, 5))).status).toBe(201);
    await inForce(policyOf([shopOnly]), '*');
    expect((await sign(other, pay(other, thief, 5))).body.code).toBe('policy_denied');
    expect(await signAtNode2(other, pay(other, thief, 5))).toBe('policy_denied');
    await inForce(noPolicy);
    expect((await sign(sol, pay(sol, thief, 5))).status).toBe(201);
    await inForce(noPolicy, '*');
    expect((await sign(other, pay(other, thief, 5))).status).toBe(201);
  });
});

describe('windows', () => {
  test('of twenty operations at once exactly those that fit are signed', async () => {
    const { amount } = (await evaluate({ wallet: sol.id, payload: pay(sol, shop, 1000) })).body.spends[0];
    const limit = (BigInt(amount) * 5n + 1n).toString();
    await inForce(
      policyOf([{ id: 'hourly', kind: 'window', asset: solAsset, seconds: '3600', amount: limit }]),
    );
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => sign(sol, pay(sol, shop, 1000, i))));
    expect(all.filter(({ status }) => status === 201)).toHaveLength(5);
    const denied = all.filter(({ status }) => status !== 201);
    const total = (BigInt(amount) * 6n).toString();
    for (const { body } of denied) {
      expect(body.code).toBe('policy_denied');
      // Found at Node 2, told by Node 1.
      expect(body.errors.map((e: any) => e.detail)).toEqual([
        `window_amount_exceeded: rule hourly: ${total} (limit: ${limit} in 3600 s)`,
      ]);
    }
    expect(await signAtNode2(sol, pay(sol, shop, 1000, 21))).toBe('policy_denied');
    expect((await sign(other, pay(other, shop, 1000))).status).toBe(201);
    world.clockMs += 3_601_000;
    expect((await sign(sol, pay(sol, shop, 1000, 22))).status).toBe(201);
  });

  test('a retry is counted once, also when the first answer was lost', async () => {
    await inForce(policyOf([{ id: 'one', kind: 'window', asset: '*', seconds: '3600', count: '1' }]));
    const [key, payload] = [newKey(), pay(sol, shop, 7)];
    const { wire } = world;
    world.wire = async (_, envelope, deliver) => {
      await deliver(envelope);
      throw new Error('lost');
    };
    expect((await sign(sol, payload, { key })).status).toBe(503);
    world.wire = wire;
    expect((await sign(sol, payload, { key })).status).toBe(201);
    expect((await sign(sol, payload, { key })).status).toBe(200);
    const { body } = await sign(sol, payload);
    expect(body.errors[0].detail).toBe('window_count_exceeded: rule one: 2 (limit: 1 in 3600 s)');
  });

  test('an operation with several digests is counted once, and denied at every one of them', async () => {
    await inForce(
      policyOf(
        [{ id: 'one', kind: 'window', asset: '*', seconds: '3600', count: '1' }],
        [{ allow: 'warning' }],
      ),
    );
    // What the test spends is little against its fee, which is a warning.
    expect((await sign(btc, spend(btc, 3))).body).toMatchObject({ state: 'completed' });
    const request = await ask(btc, spend(btc, 3, 10));
    for (const index of [0, 1, 2]) {
      const asked = bodies.Sign1(request, index);
      const said = await callNode2(world, 'Sign1', sessionOf(request, index), asked);
      expect([index, said]).toEqual([index, 'policy_denied']);
    }
  });

  test('they cost one write at Node 2 for each operation, and none without a window', async () => {
    const written: string[] = [];
    const watched = Object.entries(world.node2.tables).flatMap(([name, table]: [string, any]) =>
      (['put', 'update', 'delete'] as const).map((method) => {
        const original = table[method];
        table[method] = (...args: unknown[]) => {
          written.push(`${name}.${method}`);
          return original.apply(table, args);
        };
        return () => {
          table[method] = original;
        };
      }),
    );
    await inForce(policyOf([shopOnly]));
    written.length = 0;
    expect((await sign(sol, pay(sol, shop, 5))).status).toBe(201);
    expect(written.sort()).toEqual(['audit.put', 'audit.put', 'sessions.put']);
    const windows = ['60', '600', '3600'].map(
      (seconds): Rule => ({ id: `w${seconds}`, kind: 'window', asset: '*', seconds, count: '9' }),
    );
    await inForce(policyOf(windows));
    written.length = 0;
    expect((await sign(sol, pay(sol, shop, 5))).status).toBe(201);
    expect(written.sort()).toEqual(['audit.put', 'audit.put', 'counters.put', 'sessions.put']);
    for (const restore of watched) restore();
  });
});

describe('approvals', () => {
  const payload = () => pay(sol, shop, 50);
  const needed = (required: string, approvers: readonly string[]) =>
    inForce(policyOf([{ id: 'two', kind: 'approvals', required, approvers }]));
  const codeOf = async (asking: Asking) => (await sign(sol, payload(), asking)).body.code ?? 'signed';

  test('m of n: missing ones are named, enough are signed with, at both nodes', async () => {
    await needed('2', [bob.member, carol.member, alice.member]);
    const key = newKey();
    const [by, and] = [approve(bob, sol, payload(), key), approve(carol, sol, payload(), key)];
    const without = await sign(sol, payload(), { key });
    expect([without.status, without.body.code]).toEqual([403, 'approval_required']);
    expect(without.body.errors[0].detail).toBe('approvals_missing: rule two: 0 (limit: 2 of 3 approvers)');
    expect(await signAtNode2(sol, payload(), { key })).toBe('approval_required');
    const one = await sign(sol, payload(), { key, approvals: [by] });
    expect(one.body.errors[0].detail).toContain(': 1 (limit: 2 of 3 approvers)');
    expect(await signAtNode2(sol, payload(), { key, approvals: [by] })).toBe('approval_required');
    expect(await signAtNode2(sol, payload(), { key, approvals: [by, and] })).toBe('signed');
    expect(await codeOf({ key, approvals: [by, and] })).toBe('signed');
  });

  test("one's own, the same person's twice, and other operations' do not count", async () => {
    await needed('2', [bob.member, carol.member, alice.member]);
    const key = newKey();
    const by = approve(bob, sol, payload(), key);
    const own = approve(alice, sol, payload(), key);
    const { body } = await sign(sol, payload(), { key, approvals: [by, own] });
    expect(body.code).toBe('approval_required');
    expect(body.errors.map((e: any) => e.detail)).toContain(
      'policy_denied: nobody approves their own request',
    );
    expect(await signAtNode2(sol, payload(), { key, approvals: [by, own] })).toBe('approval_required');

    const { credential, person } = keyPair();
    const added = await state(bob, { kind: 'credential.add', member: bob.member, credential });
    expect(added.status).toBe(201);
    const twice = approve(person, sol, payload(), key);
    expect(await codeOf({ key, approvals: [by, twice] })).toBe('approval_required');
    expect(await signAtNode2(sol, payload(), { key, approvals: [by, twice] })).toBe('approval_required');

    const elsewhere = approve(carol, sol, payload(), newKey());
    expect(await codeOf({ key, approvals: [by, elsewhere] })).toBe('approval_required');
    expect(await signAtNode2(sol, payload(), { key, approvals: [by, elsewhere] })).toBe('approval_required');

    const forged = { ...approve(carol, sol, payload(), key), signature: by.signature };
    expect(await codeOf({ key, approvals: [by, forged] })).toBe('approval_required');
    expect(await codeOf({ key, approvals: [by, approve(carol, sol, payload(), key)] })).toBe('signed');
  });

  test('an approver who lost the scope, or was never to be asked, does not count', async () => {
    await needed('1', [bob.member]);
    const key = newKey();
    expect(await codeOf({ key, approvals: [approve(carol, sol, payload(), key)] })).toBe('approval_required');
    const dave = await newOwner('Dave');
    await needed('1', [dave.member]);
    const by = approve(dave, sol, payload(), key);
    const [, credential = ''] = dave.keyId.split('/');
    expect((await state(alice, { kind: 'credential.revoke', credential })).status).toBe(201);
    expect(await codeOf({ key, approvals: [by] })).toBe('approval_required');
    expect(await signAtNode2(sol, payload(), { key, approvals: [by] })).toBe('approval_required');
  });

  test('neither an API key nor a member without the scope approves, though the policy names them', async () => {
    const [erin, app] = [keyPair(), keyPair()];
    const member = idOf('mem');
    const credential = { ...erin.credential, scopes: ['view'] } as const;
    const content = { kind: 'member.add', member, name: 'Erin', role: 'member', credential } as const;
    expect((await state(alice, content)).status).toBe(201);
    const { algorithm, publicKey } = app.credential;
    const made = await state(alice, {
      kind: 'api_key.create',
      apiKey: idOf('apk'),
      name: 'app',
      role: 'member',
      credential: { algorithm, publicKey },
      scopes: { [set.id]: ['view', 'approve'] },
    });
    expect(made.status).toBe(201);
    const [, appKey = ''] = app.person.keyId.split('/');
    await needed('1', [member, appKey]);
    const key = newKey();
    const approvals = [erin, app].map(({ person }) => approve(person, sol, payload(), key));
    expect(await codeOf({ key, approvals })).toBe('approval_required');
    expect(await signAtNode2(sol, payload(), { key, approvals })).toBe('approval_required');
  });

  test('who rejects takes the place of one who would approve', async () => {
    await needed('2', [bob.member, carol.member]);
    const key = newKey();
    const no = approve(carol, sol, payload(), key, { decision: 'reject' });
    const { body } = await sign(sol, payload(), { key, approvals: [approve(bob, sol, payload(), key), no] });
    expect(body.code).toBe('policy_denied');
    expect(body.errors[0].detail).toContain('approvals_rejected: rule two');
  });

  test('what is not an approval is a fault of the request', async () => {
    const good = approve(bob, sol, payload(), newKey());
    for (const approvals of [
      [{ ...good, more: 1 }],
      [{ ...good, approval: { ...good.approval, keyId: 'bob' } }],
      Array.from({ length: 17 }, () => good),
    ])
      expect(await codeOf({ approvals })).toBe('request_invalid');
  });
});

describe('dry runs', () => {
  test('preview and evaluate say what happens', async () => {
    await inForce(
      policyOf([
        shopOnly,
        {
          id: 'ok',
          kind: 'approvals',
          required: '1',
          approvers: [bob.member],
          asset: solAsset,
          above: '9000',
        },
      ]),
    );
    const key = newKey();
    const cases = [pay(sol, shop, 5), pay(sol, thief, 5), pay(sol, shop, 50_000)];
    const outcomes: string[] = [];
    for (const payload of cases) {
      const body = { wallet: sol.id, payload, idempotencyKey: key };
      const dry = (await evaluate(body)).body;
      const preview = (await world.fetch(await alice.post('/v1/signatures/preview', '', body))).body;
      const { outcome, reasons } = dry;
      expect(preview.policy).toEqual({ outcome, reasons });
      const real = (await sign(sol, payload)).body;
      const said = reasons.map((r: any) => `${r.code}: rule ${r.rule}: ${r.value} (limit: ${r.limit})`);
      expect((real.errors ?? []).map((e: any) => e.detail)).toEqual(said);
      outcomes.push(`${outcome} ${real.code ?? 'signed'}`);
    }
    expect(outcomes).toEqual(['allow signed', 'deny policy_denied', 'needs_approval approval_required']);
    const [, , large = pay(sol, shop, 1)] = cases;
    const approvals = [approve(bob, sol, large, key)];
    const approved = { wallet: sol.id, payload: large, idempotencyKey: key, approvals };
    expect((await evaluate(approved)).body.outcome).toBe('allow');
    expect((await evaluate({ ...approved, idempotencyKey: undefined })).body.code).toBe('request_invalid');
    expect((await sign(sol, large, { key, approvals })).status).toBe(201);
  });

  test('a draft is judged, or told what is wrong with it', async () => {
    const body = { wallet: sol.id, payload: pay(sol, thief, 5) };
    expect((await evaluate(body)).body.outcome).toBe('allow');
    const denied = await evaluate({ ...body, policy: policyOf([shopOnly]) });
    expect(denied.body).toMatchObject({ outcome: 'deny', reasons: [{ rule: 'shops', value: thief }] });
    const wrong = await evaluate({ ...body, policy: { ...noPolicy, rules: [{ id: 'x', kind: 'magic' }] } });
    expect(wrong).toMatchObject({ status: 400, body: { code: 'request_invalid' } });
    expect(wrong.body.errors[0].pointer).toBe('/policy/rules/0/kind');
  });

  test('policies in force are listed with their digest, to whoever sees the wallet set', async () => {
    await inForce(policyOf([shopOnly]));
    const { body } = await world.fetch(await alice.get('/v1/policies'));
    const listed = body.data.find((p: any) => p.walletSet === set.id);
    expect(listed.policy).toEqual(policyOf([shopOnly]));
    expect(listed.digest).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const { credential, person } = keyPair();
    const { algorithm, publicKey } = credential;
    const made = await state(alice, {
      kind: 'api_key.create',
      apiKey: idOf('apk'),
      name: 'elsewhere',
      role: 'member',
      credential: { algorithm, publicKey },
      scopes: { [other.walletSet]: ['view'] },
    });
    const keyed = person.at(made.body.head);
    const seen = (await world.fetch(await keyed.get('/v1/policies'))).body.data;
    expect(seen.map((p: any) => p.walletSet)).not.toContain(set.id);
    const reply = await evaluate({ wallet: sol.id, payload: pay(sol, shop, 5) }, keyed);
    expect([reply.status, reply.body.code]).toEqual([404, 'wallet_not_found']);
  });
});

describe('changes', () => {
  test('what is not a policy is refused by Node 2, with every problem', async () => {
    const { seq } = await world.second.registry.read(alice.organization);
    const { status, body } = await setText(canonical({ ...noPolicy, rules: [{ id: 'x', kind: 'magic' }] }));
    expect([status, body.code]).toEqual([422, 'statement_refused']);
    expect(body.errors[0].pointer).toBe('/statement/policy/rules/0/kind');
    expect((await world.second.registry.read(alice.organization)).seq).toBe(seq);
  });

  test('a policy may ask for approvals of its own change: cosignatures of those it names', async () => {
    const guarded = policyOf([shopOnly], [], {
      changes: { required: '1', approvers: [bob.member, alice.member] },
    });
    await inForce(guarded);
    const open = canonical(noPolicy);
    const alone = await setText(open);
    expect([alone.status, alone.body.code]).toEqual([403, 'approval_required']);
    expect(alone.body.errors[0].detail).toBe('approvals_missing: rule changes: 0 (limit: 1 of 2 approvers)');
    for (const wrong of [alice, carol])
      expect((await setText(open, set.id, [wrong])).body.code).toBe('approval_required');
    const forged = { ...bob, sign: (message: Bytes) => carol.sign(message) } as Member;
    expect((await setText(open, set.id, [forged])).body.code).toBe('approval_required');
    expect((await sign(sol, pay(sol, thief, 5))).body.code).toBe('policy_denied');
    expect((await setText(open, set.id, [bob])).status).toBe(201);
    expect((await sign(sol, pay(sol, thief, 5))).status).toBe(201);
  });

  test('a Node 1 that missed the change takes it over with its cosignatures', async () => {
    await inForce(policyOf([shopOnly], [], { changes: { required: '1', approvers: [bob.member] } }));
    const { wire } = world;
    world.wire = async (method, envelope, deliver) => {
      await deliver(envelope);
      throw new Error(`${method} was lost`);
    };
    expect((await setText(canonical(noPolicy), set.id, [bob])).status).toBe(503);
    world.wire = wire;
    const { head } = await world.second.registry.read(alice.organization);
    expect((await sign(sol, pay(sol, thief, 5), { who: alice.at(head) })).status).toBe(201);
  });

  test('a Node 2 that commits a change without its approvals is not followed', async () => {
    await inForce(policyOf([shopOnly], [], { changes: { required: '1', approvers: [bob.member] } }));
    const before = await world.second.registry.read(alice.organization);
    const [, actor = ''] = alice.keyId.split('/');
    const content = { kind: 'policy.set', walletSet: set.id, policy: canonical(noPolicy) } as const;
    const statement = draft(before, actor, content, { nowMs: world.clockMs, nonce: fresh(16) });
    const signed = { statement, signature: toBase64url(alice.sign(statementBytes(statement))) };
    // No reducer of ours makes this of it.
    expect(() => reduce(before, signed)).toThrow(/approvals_missing: rule changes/);
    const head = headOf(statement);
    const policies = { ...before.policies, [set.id]: content.policy };
    const heads = [...before.heads, head];
    const after = { ...before, policies, head, heads, last: statementHash(statement), seq: statement.seq };
    await world.second.registry.append(after, signed as SignedLater);
    const { body } = await sign(sol, pay(sol, thief, 5), { who: alice.at(after.head) });
    expect(body.code).toBe('approval_required');
    expect((await world.lead.node.registry.read(alice.organization)).head).toBe(before.head);
  });
});
