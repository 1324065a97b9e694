/**
 * Signatures that wait for approvals at Node 1. Node 2 hears of the approvals when it signs, from a Node 1
 * that may invent, drop and move them: it counts what it verified itself.
 */
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import canonicalize from 'canonicalize';
import { exchangeCheckpoints } from '../../functions/audit/exchange.ts';
import { logReader } from '../../functions/audit/proofs.ts';
import { logOf, readRecord } from '../../shared/audit/record.ts';
import { witnessOf } from '../../shared/audit/statements.ts';
import { toBase64url, utf8 } from '../../shared/bytes.ts';
import type { NodeName } from '../../shared/crypto/attestation.ts';
import type { ActorRequest } from '../../shared/intent/http-signature.ts';
import { operationDigest } from '../../shared/intent/operation.ts';
import { noPolicy, type Rule } from '../../shared/policy/rules.ts';
import { exportFiles, verifyFiles } from '../audit/exports.ts';
import { askSet, askWallets, done, hello, newKey, settle } from '../support/ask.ts';
import { bodies, callNode2, sessionOf } from '../support/hostile.ts';
import {
  credentialIdOf,
  enrol,
  everything,
  idOf,
  type Member,
  newPerson,
  operationOf,
  state,
  wordOf,
} from '../support/household.ts';
import { owner, type Person, twoNodes, type World } from '../support/two-nodes.ts';

let world: World;
let alice: Member;
let bob: Member;
let carol: Member;
let wallet: any;
let elsewhere: any;
let ether: any;

const canonical = canonicalize as unknown as (json: unknown) => string;
const payload = hello('SOL', 'pay');
const get = async (path: string, who: Person = alice, query?: string) =>
  world.fetch(await who.get(path, query));
const opOf = (key: string, what = payload, of = wallet) => operationOf(alice.organization, of, what, key);

interface Asking {
  readonly who?: Person;
  readonly what?: typeof payload;
  readonly of?: any;
  readonly more?: object;
}
const request = (key: string, { who = alice, what = payload, of = wallet, more = {} }: Asking = {}) =>
  who.ask(`/v1/wallets/${of.id}/signatures`, { payload: what, ...more }, opOf(key, what, of));
const sign = async (key: string, asking: Asking = {}) => world.fetch(await request(key, asking));
const held = async (key: string, asking: Asking = {}): Promise<any> => {
  const { status, body } = await sign(key, asking);
  if (status !== 202) throw new Error(JSON.stringify(body));
  return body;
};
const send = async (who: Person, id: string, word: object) =>
  world.fetch(await who.post(`/v1/approvals/${id}/decisions`, '', word));
/** Approves, or says no. */
const decide = async (who: Person, key: string, decision: 'approve' | 'reject' = 'approve') => {
  const { id } = (await listed(key)) ?? {};
  return send(who, id, await wordOf(world, who, opOf(key), { decision }));
};
const listed = async (key: string) =>
  (await get('/v1/approvals')).body.data.find((one: any) => one.idempotencyKey === key);
const cancel = async (who: Person, id: string) => world.fetch(await who.delete(`/v1/approvals/${id}`));
async function inForce(rules: readonly Rule[], walletSet = wallet.walletSet) {
  const policy = canonical({
    ...noPolicy,
    rules,
    ...(rules.length > 0 && { allow: [{ allow: 'message' }] }),
  });
  await done(state(world, alice, { kind: 'policy.set', walletSet, policy }));
  alice = alice.at((await world.second.registry.read(alice.organization)).head);
}
const needs = (required: string, approvers: readonly Member[]) =>
  inForce([{ id: 'board', kind: 'approvals', required, approvers: approvers.map(({ member }) => member) }]);

beforeAll(async () => {
  world = await twoNodes();
  const founder = owner(world, everything);
  const home = await settle(world, founder, ['SOL', 'ETH']);
  [wallet, ether] = [home.wallets['SOL'], home.wallets['ETH']];
  const second = await done(world.fetch(await askSet(founder, ['ed25519'])));
  const made = await done(
    world.fetch(await askWallets(founder, { walletSet: second.id, blockchains: ['SOL'] })),
  );
  elsewhere = made.data[0];
  const registry = await world.second.registry.read(founder.organization);
  const member = registry.credentials[credentialIdOf(founder)]?.holder ?? '';
  alice = { ...founder, member } as Person as Member;
  bob = await enrol(world, alice, 'owner');
  carol = await enrol(world, alice, 'owner');
});

beforeEach(async () => {
  world.clockMs += 3_600_000;
  await needs('2', [alice, bob, carol]);
});

describe('a request that lacks approvals', () => {
  test('is kept, shown, approved by those whom the policy names, and signed when it comes again', async () => {
    const key = newKey();
    const first = await sign(key);
    expect([first.status, first.headers['location']]).toEqual([202, `/v1/approvals/${first.body.id}`]);
    expect(first.body).toMatchObject({
      id: expect.stringMatching(/^apr_[a-z2-7]{26}$/),
      state: 'pending_approval',
      idempotencyKey: key,
      wallet: wallet.id,
      requester: alice.member,
      intent: { kind: 'message', blockchain: 'SOL' },
      quorums: [
        { rule: 'board', required: '2', approvers: [alice.member, bob.member, carol.member], have: [] },
      ],
      policy: { outcome: 'needs_approval', reasons: [{ rule: 'board', code: 'approvals_missing' }] },
    });
    const { id } = first.body;
    expect(Date.parse(first.body.expires) - Date.parse(first.body.created)).toBe(7 * 86_400_000);
    expect((await get(`/v1/approvals/${id}`, bob)).body).toEqual({ ...first.body, payload });
    expect(await held(key)).toEqual(first.body);
    expect((await get(`/v1/idempotency-keys/${key}`)).body).toMatchObject({
      state: 'pending_approval',
      resources: [id],
    });

    const one = await decide(bob, key);
    expect([one.status, one.body.state, one.body.quorums[0].have]).toEqual([
      201,
      'pending_approval',
      [bob.member],
    ]);
    expect((await sign(key)).status).toBe(202);
    expect((await decide(carol, key)).body.state).toBe('approved');
    const signed = await sign(key);
    expect([signed.status, signed.body.state]).toEqual([201, 'completed']);
    expect(await listed(key)).toMatchObject({ state: 'completed', signature: signed.body.id });
    expect((await sign(key)).status).toBe(200);
    expect((await decide(bob, key, 'reject')).body.code).toBe('approval_closed');
  });

  test('is refused instead if the request says so, or is too large to be kept', async () => {
    expect((await sign(newKey(), { more: { holdSeconds: 0 } })).body.code).toBe('approval_required');
    const own = newKey();
    const approvals = [await wordOf(world, bob, opOf(own))];
    expect((await sign(own, { more: { approvals } })).body.code).toBe('approval_required');
    expect(await listed(own)).toBeUndefined();
    expect((await sign(own, { more: { approvals, holdSeconds: 60 } })).status).toBe(202);
    // Those of the request and those that were given here count together.
    await decide(carol, own);
    expect((await sign(own, { more: { approvals } })).status).toBe(201);
    const key = newKey();
    const what = hello('ETH', 'x'.repeat(200_000));
    expect((await sign(key, { what, of: ether })).body.code).toBe('approval_required');
    expect(await listed(key)).toBeUndefined();
  });

  test('what approvals do not cure is denied at once, and not kept', async () => {
    const only: Rule = { id: 'none', kind: 'kinds', kinds: ['transaction'] };
    await inForce([only, { id: 'board', kind: 'approvals', required: '1', approvers: [bob.member] }]);
    const key = newKey();
    expect((await sign(key)).body.code).toBe('policy_denied');
    expect(await listed(key)).toBeUndefined();
  });

  test('keeps its idempotency key for itself', async () => {
    const key = newKey();
    await held(key);
    expect((await sign(key, { what: hello('SOL', 'other') })).body.code).toBe('idempotency_key_reused');
  });

  test('is over after its time, and the approvals with it', async () => {
    const key = newKey();
    const { id } = await held(key, { more: { holdSeconds: 600 } });
    await decide(bob, key);
    world.clockMs += 601_000;
    expect((await listed(key)).state).toBe('expired');
    expect((await decide(carol, key)).body.code).toBe('approval_closed');
    expect((await cancel(alice, id)).body.code).toBe('approval_closed');
    const approvals = [await wordOf(world, bob, opOf(key)), await wordOf(world, carol, opOf(key))];
    expect((await sign(key, { more: { approvals } })).body.code).toBe('approval_closed');
  });

  test('is cancelled by who asked, and by nobody else', async () => {
    const key = newKey();
    const { id } = await held(key);
    expect((await cancel(bob, id)).body.code).toBe('approver_refused');
    const cancelled = await cancel(alice, id);
    expect([cancelled.status, cancelled.body.state, cancelled.body.closed.by]).toEqual([
      200,
      'cancelled',
      alice.member,
    ]);
    expect((await cancel(alice, id)).body).toEqual(cancelled.body);
    expect((await decide(bob, key)).body.code).toBe('approval_closed');
    expect((await sign(key)).body.code).toBe('approval_closed');
  });

  test('is listed by state and wallet, to whoever sees the wallet set', async () => {
    await inForce([{ id: 'any', kind: 'approvals', required: '1', approvers: [bob.member] }], '*');
    const [here, there] = [newKey(), newKey()];
    await held(here);
    await held(there, { of: elsewhere });
    const keys = async (query: string | undefined, who: Person = alice) =>
      (await get('/v1/approvals', who, query)).body.data.map((one: any) => one.idempotencyKey);
    expect(await keys(`?wallet=${elsewhere.id}`)).toEqual([there]);
    expect(await keys('?state=pending_approval')).toEqual(expect.arrayContaining([here, there]));
    expect(await keys('?state=denied')).not.toContain(here);
    const { credential, person } = newPerson(world, alice.organization);
    const { algorithm, publicKey } = credential;
    const content = {
      kind: 'api_key.create',
      apiKey: idOf('apk'),
      name: 'app',
      role: 'member',
      credential: { algorithm, publicKey },
      scopes: { [elsewhere.walletSet]: ['view', 'sign'] },
    } as const;
    await done(state(world, alice, content));
    expect(await keys(undefined, person)).toEqual([there]);
    const { id } = await listed(here);
    expect((await get(`/v1/approvals/${id}`, person)).body.code).toBe('approval_not_found');
    expect((await cancel(person, id)).body.code).toBe('scope_missing');
    expect((await send(person, id, await wordOf(world, person, opOf(here)))).body.code).toBe('scope_missing');
    await inForce([], '*');
  });
});

describe('decisions', () => {
  test('a rejection ends it, whatever was approved before and comes after', async () => {
    const key = newKey();
    await held(key);
    await decide(bob, key);
    const no = await decide(carol, key, 'reject');
    expect([no.body.state, no.body.closed.by]).toEqual(['denied', carol.member]);
    expect((await decide(bob, key)).body.code).toBe('policy_denied');
    expect((await sign(key)).body.code).toBe('policy_denied');
    const approvals = [await wordOf(world, bob, opOf(key)), await wordOf(world, carol, opOf(key))];
    expect((await sign(key, { more: { approvals } })).body.code).toBe('policy_denied');
  });

  test('the same decision again is no change; a member who approved may still say no', async () => {
    const key = newKey();
    const { id } = await held(key);
    const word = await wordOf(world, bob, opOf(key));
    const first = await send(bob, id, word);
    expect((await send(bob, id, word)).body).toEqual(first.body);
    expect((await decide(bob, key)).body.quorums[0].have).toEqual([bob.member]);
    const no = await wordOf(world, bob, opOf(key), { decision: 'reject' });
    expect((await send(bob, id, no)).body.state).toBe('denied');
    expect((await send(bob, id, no)).body.state).toBe('denied');
  });

  test("the requester's, others', other operations', and forged ones are refused", async () => {
    await needs('2', [alice, bob]);
    const key = newKey();
    const { id } = await held(key);
    const codeOf = async (who: Person, word: object) => (await send(who, id, word)).body.code;
    expect(await codeOf(alice, await wordOf(world, alice, opOf(key)))).toBe('policy_denied');
    expect(await codeOf(carol, await wordOf(world, carol, opOf(key)))).toBe('approver_refused');
    // Bob's word in Carol's request, and the reverse.
    expect(await codeOf(carol, await wordOf(world, bob, opOf(key)))).toBe('approver_refused');
    expect(await codeOf(bob, await wordOf(world, bob, opOf(newKey())))).toBe('authorisation_mismatch');
    const { approval } = await wordOf(world, bob, opOf(key));
    const { signature } = await wordOf(world, carol, opOf(key));
    expect(await codeOf(bob, { approval, signature })).toBe('signature_invalid');
    const old = { issued: String(Math.floor(world.clockMs / 1000) - 700_000) };
    expect(await codeOf(bob, await wordOf(world, bob, opOf(key), old))).toBe('authorisation_expired');
    expect(await codeOf(bob, await wordOf(world, bob, opOf(key), { registryHead: 'none' }))).toBe(
      'registry_behind',
    );
    expect(await codeOf(bob, { approval })).toBe('request_invalid');
    const viewer = await enrol(world, alice, 'member', ['view']);
    expect(await codeOf(viewer, await wordOf(world, viewer, opOf(key)))).toBe('scope_missing');
    const stranger = owner(world, everything);
    await done(world.fetch(await stranger.found()));
    expect(await codeOf(stranger, await wordOf(world, stranger, opOf(key)))).toBe('approval_not_found');
    expect((await listed(key)).quorums[0].have).toEqual([]);
  });

  test('of many at once none is lost, and a rejection among them ends it', async () => {
    const board: Member[] = [];
    while (board.length < 4) board.push(await enrol(world, alice, 'owner'));
    await needs('4', board);
    const key = newKey();
    await held(key);
    const replies = await Promise.all(board.map((who) => decide(who, key)));
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    const { state: stands, quorums } = await listed(key);
    expect([stands, [...quorums[0].have].sort()]).toEqual([
      'approved',
      board.map(({ member }) => member).sort(),
    ]);
    expect((await sign(key)).status).toBe(201);

    const again = newKey();
    await held(again);
    await Promise.all(board.map((who, i) => decide(who, again, i === 2 ? 'reject' : 'approve')));
    expect((await listed(again)).state).toBe('denied');
    expect((await sign(again)).body.code).toBe('policy_denied');
  });

  test('of those who end it at once one does, and it is theirs', async () => {
    await needs('1', [bob, carol]);
    const key = newKey();
    const { id } = await held(key);
    const no = { decision: 'reject' } as const;
    const [bobs, carols] = [
      await wordOf(world, bob, opOf(key), no),
      await wordOf(world, carol, opOf(key), no),
    ];
    // Each has looked, and found it open, before the first one ends it.
    const replies = await Promise.all([send(bob, id, bobs), send(carol, id, carols), cancel(alice, id)]);
    const ended = replies.filter(({ body }) => body.closed !== undefined);
    expect(ended).toHaveLength(1);
    const { state: stands, closed } = await listed(key);
    expect([ended[0]?.body.state, ended[0]?.body.closed]).toEqual([stands, closed]);
  });

  test('an approver who was revoked meanwhile does not count any more', async () => {
    const dave = await enrol(world, alice, 'owner');
    await needs('1', [dave]);
    const key = newKey();
    await held(key);
    expect((await decide(dave, key)).body.state).toBe('approved');
    const [stored] = await wordsOf(key);
    await done(state(world, alice, { kind: 'credential.revoke', credential: credentialIdOf(dave) }));
    expect((await listed(key)).state).toBe('pending_approval');
    expect((await sign(key)).status).toBe(202);
    expect(await atNode2(key, [stored])).toBe('approval_required');
  });
});

/** What Node 1 keeps for a request. */
const wordsOf = async (key: string): Promise<readonly object[]> => {
  const record = await world.lead.node.approvals.find((await listed(key)).id);
  return (record?.decisions ?? []).map(({ signed }) => signed);
};
/** A Node 1 that checks nothing, and adds what it likes to the actor's request. */
async function atNode2(key: string, words: readonly (object | undefined)[], asking: Asking = {}) {
  const asked: ActorRequest = await request(key, asking);
  const approvals = words.map((word) => utf8(JSON.stringify(word)));
  const body = bodies.SignSchnorr({ ...asked, approvals });
  const answer = await callNode2(world, 'SignSchnorr', sessionOf(asked), body);
  return typeof answer === 'string' ? answer : 'signed';
}

describe('Node 2 believes no Node 1', () => {
  test('that drops, invents, repeats or moves approvals', async () => {
    const [key, other] = [newKey(), newKey()];
    const [by, and] = [await wordOf(world, bob, opOf(key)), await wordOf(world, carol, opOf(key))];
    expect(await atNode2(key, [])).toBe('approval_required');
    expect(await atNode2(key, [by])).toBe('approval_required');
    expect(await atNode2(key, [by, by])).toBe('approval_required');
    // Node 1 has keys of its own, but nobody's here.
    const { person } = newPerson(world, alice.organization);
    expect(await atNode2(key, [by, await wordOf(world, person, opOf(key))])).toBe('approval_required');
    expect(await atNode2(key, [by, { ...and, signature: by.signature }])).toBe('approval_required');
    // For another operation, and changed to be for this one.
    const moved = await wordOf(world, carol, opOf(other));
    expect(await atNode2(key, [by, moved])).toBe('approval_required');
    const relabelled = { ...moved, approval: { ...moved.approval, operation: and.approval.operation } };
    expect(await atNode2(key, [by, relabelled])).toBe('approval_required');
    // The requester's own, and of one person twice.
    expect(await atNode2(key, [by, await wordOf(world, alice, opOf(key))])).toBe('approval_required');
    expect(await atNode2(key, [by, and])).toBe('signed');
  });

  test('from another organization', async () => {
    const stranger = owner(world, everything);
    await done(world.fetch(await stranger.found()));
    const key = newKey();
    const by = await wordOf(world, bob, opOf(key));
    const theirs = await wordOf(world, stranger, opOf(key));
    expect(await atNode2(key, [by, theirs])).toBe('approval_required');
    // Their key under the name of this organization.
    const keyId = `${alice.organization}/${credentialIdOf(stranger)}`;
    const named = await wordOf(world, stranger, opOf(key), { keyId });
    expect(await atNode2(key, [by, named])).toBe('approval_required');
  });

  test('that hides a rejection finds the approvals short, if so many said no', async () => {
    await needs('2', [bob, carol]);
    const key = newKey();
    const no = await wordOf(world, carol, opOf(key), { decision: 'reject' });
    const yes = await wordOf(world, bob, opOf(key));
    expect(await atNode2(key, [yes, no])).toBe('policy_denied');
    expect(await atNode2(key, [yes])).toBe('approval_required');
  });

  test('that sends what are no approvals, or very many', async () => {
    const key = newKey();
    const by = await wordOf(world, bob, opOf(key));
    for (const words of [[{}], [{ ...by, more: 1 }], Array.from({ length: 51 }, () => by)])
      expect(await atNode2(key, words)).toBe('request_invalid');
    expect(await atNode2(key, [{ ...by, more: 'x'.repeat(5_000) }])).toBe('body_too_large');
  });

  test('approvals that are kept do not make another request of it', async () => {
    const key = newKey();
    const words = [await wordOf(world, bob, opOf(key)), await wordOf(world, carol, opOf(key))];
    const what = hello('SOL', 'another');
    expect(await atNode2(key, words, { what })).toBe('approval_required');
    // Who approved cannot be the one who asks: their own does not count.
    const { head } = await world.second.registry.read(alice.organization);
    expect(await atNode2(key, words, { who: bob.at(head) })).toBe('approval_required');
  });
});

describe('what it costs, and what is recorded', () => {
  test('nothing is read or written of approvals unless the policy asks for them', async () => {
    await inForce([{ id: 'ok', kind: 'kinds', kinds: ['message'] }]);
    const { resources } = world.node1.tables as any;
    const touched: string[] = [];
    const originals = { get: resources.get, put: resources.put };
    for (const name of ['get', 'put'] as const)
      resources[name] = (item: any, ...rest: unknown[]) => {
        touched.push(`${name} ${String(item.id).slice(0, 3)}`);
        return originals[name].call(resources, item, ...rest);
      };
    expect((await sign(newKey())).status).toBe(201);
    Object.assign(resources, originals);
    expect(touched.filter((one) => one.endsWith('apr'))).toEqual([]);
    expect(touched.filter((one) => one.startsWith('put'))).toEqual(['put sig']);
  });

  async function recordsAt(node: NodeName) {
    await exchangeCheckpoints(world.lead.node, world.lead.peer, alice.organization);
    const { audit } = node === 'node1' ? world.lead.node : world.second;
    const log = logOf(node, alice.organization);
    const head = await audit.store.head(log);
    if (head === undefined) throw new Error('no log');
    const records = await logReader(audit.store, audit.files).leaves(log, head, 0, head.size);
    const cosigned = await audit.store.cosigned(log);
    return { audit, log, records, checkpoint: cosigned?.note ?? new Uint8Array() };
  }

  test('every step leaves its intent and outcome at Node 1, and both logs verify', async () => {
    const before = (await recordsAt('node1')).records.length;
    const [key, other] = [newKey(), newKey()];
    await held(key);
    await decide(bob, key);
    await decide(carol, key);
    await done(sign(key));
    const { id } = await held(other);
    await decide(alice, other);
    await decide(bob, other, 'reject');
    await cancel(carol, id);
    const { records } = await recordsAt('node1');
    const said = records.slice(before).map((bytes) => {
      const { action, phase, actor } = readRecord(bytes);
      return `${action} ${phase} ${actor}`;
    });
    const [a, b, c] = [alice, bob, carol].map(credentialIdOf);
    // Of one moment: in any order.
    const expected = [
      `approval.request intent ${a}`,
      `approval.request outcome ${a}`,
      `approval.approve intent ${b}`,
      `approval.approve outcome ${b}`,
      `approval.approve intent ${c}`,
      `approval.approve outcome ${c}`,
      `sign intent ${a}`,
      `sign outcome ${a}`,
      `approval.request intent ${a}`,
      `approval.request outcome ${a}`,
      `approval.decide denied ${a}`,
      `approval.reject intent ${b}`,
      `approval.reject outcome ${b}`,
      `approval.cancel denied ${c}`,
    ];
    expect([...said].sort()).toEqual(expected.sort());
    world.clockMs += 60_000;
    await done(sign(key));
    const exported = async (node: NodeName) => {
      const { audit, log, records: all, checkpoint } = await recordsAt(node);
      const keyOf = async (use: 'log' | 'witness', name: string) =>
        (await audit.keys.key(use, name)).attested;
      const keys = { log: await keyOf('log', log), witness: await keyOf('witness', witnessOf(node)) };
      return { keys, checkpoint, records: all };
    };
    const files = exportFiles({ node1: await exported('node1'), node2: await exported('node2') });
    const pins = { organization: alice.organization, identities: world.identities };
    const { logs, findings } = await verifyFiles(files, pins);
    expect(logs).toHaveLength(2);
    // The hostile Node 1 of above has left out what it asked Node 2 for: that is found, and nothing of this.
    const mine = [key, other].map((one) => toBase64url(operationDigest(opOf(one))));
    expect(findings.filter(({ detail }) => mine.some((one) => detail.includes(one)))).toEqual([]);
  });

  test('nothing is kept while the audit log cannot be written', async () => {
    const { audit } = world.node1.tables as any;
    const { put } = audit;
    audit.put = async () => {
      throw new Error('stopped');
    };
    const key = newKey();
    const reply = await sign(key);
    audit.put = put;
    expect(reply.status).toBe(503);
    expect(await listed(key)).toBeUndefined();
    await held(key);
    audit.put = async () => {
      throw new Error('stopped');
    };
    const decided = await decide(bob, key);
    audit.put = put;
    expect(decided.status).toBe(503);
    expect((await listed(key)).quorums[0].have).toEqual([]);
  });
});
