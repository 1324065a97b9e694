import { beforeAll, describe, expect, test } from '@jest/globals';
import canonicalize from 'canonicalize';
import { fromHex, toBase32, toBase64url } from '../../shared/bytes.ts';
import { decodePayload } from '../../shared/chains/payload.ts';
import { signatureOperation } from '../../shared/intent/build.ts';
import { organizationId } from '../../shared/intent/canonical.ts';
import { operationDigest } from '../../shared/intent/operation.ts';
import { approvalBytes, approvalOf } from '../../shared/policy/approval.ts';
import { noPolicy } from '../../shared/policy/rules.ts';
import { draft } from '../../shared/registry/head.ts';
import type { Content } from '../../shared/registry/kinds.ts';
import {
  credentialId,
  type FoundingStatement,
  type SignedStatement,
  statementBytes,
} from '../../shared/registry/statement.ts';
import { askSignature, hello, newKey, settle } from '../support/ask.ts';
import {
  type Authenticator,
  allowed,
  authenticator,
  type Deviation,
  origins,
  rpId,
  violations,
} from '../support/authenticator.ts';
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

const scopes = ['view', 'create_wallet', 'sign', 'approve'] as const;
const idOf = (prefix: string) => `${prefix}_${toBase32(fresh(16))}`;
const canonical = canonicalize as unknown as (json: unknown) => string;

let world: World;
let alice: Owner;
let wallet: any;
let passkey: Authenticator;
let member: string;

/** The member with the passkey, whose authenticator deviates. */
async function pia(deviation?: Deviation): Promise<Person> {
  const { head } = await world.second.registry.read(alice.organization);
  const sign = (message: Uint8Array) => passkey.assert(message, deviation);
  return personOf(world, alice.organization, credentialId(passkey.key), sign, head, passkey.key.algorithm);
}

async function state(who: Person, content: Content, cosigners: readonly Person[] = []) {
  const registry = await world.second.registry.read(alice.organization);
  const [, actor = ''] = who.keyId.split('/');
  const statement = draft(registry, actor, content, { nowMs: world.clockMs, nonce: fresh(16) });
  const signatureOf = (one: Person) => toBase64url(one.sign(statementBytes(statement)));
  const cosignatures = cosigners.map((one) => ({ by: one.keyId.split('/')[1], signature: signatureOf(one) }));
  const signed = { statement, signature: signatureOf(who), ...(cosigners.length > 0 && { cosignatures }) };
  const request = await alice.post('/v1/statements', '', signed);
  return { signed, request, reply: await world.fetch(request) };
}

/** What Node 2 says to the request itself: a Node 1 that checks nothing has sent it. */
async function atNode2(request: Awaited<ReturnType<typeof askSignature>>) {
  const answer = await callNode2(world, 'SignSchnorr', sessionOf(request), bodies.SignSchnorr(request));
  return typeof answer === 'string' ? answer : 'signed';
}

beforeAll(async () => {
  world = await twoNodes();
  alice = owner(world, scopes);
  ({
    wallets: { SOL: wallet },
  } = await settle(world, alice, ['SOL'], ['ed25519']));
  [passkey, member] = [authenticator(), idOf('mem')];
  const credential = { ...passkey.key, scopes };
  const add = { kind: 'member.add', member, name: 'Pia', role: 'owner', credential } as const;
  expect((await state(alice, add)).reply.status).toBe(201);
});

describe('a member with a passkey', () => {
  test('reads, with the relying party of every passkey in the lists', async () => {
    const who = await pia();
    const { status, body } = await world.fetch(await who.get('/v1/members'));
    expect(status).toBe(200);
    const { credentials } = body.data.find(({ id }: any) => id === member);
    expect(credentials).toMatchObject([{ algorithm: 'webauthn-es256', rpId, origins, scopes }]);
    const organization = await world.fetch(await who.get('/v1/organization', '?'));
    expect(organization.body.credentials).toContainEqual(
      expect.objectContaining({ id: credentialId(passkey.key), rpId, origins, member: 'Pia' }),
    );
  });

  test.each(Object.keys(allowed))('signs with an assertion: %s', async (name) => {
    const request = await askSignature(await pia(allowed[name]), wallet, hello('SOL', name));
    expect((await world.fetch(request)).body).toMatchObject({ state: 'completed' });
  });

  test.each(Object.keys(violations))('gets nothing from either node with an assertion %s', async (name) => {
    const who = await pia(violations[name]);
    const request = await askSignature(who, wallet, hello('SOL'));
    expect((await world.fetch(request)).body).toMatchObject({ status: 401, code: 'signature_invalid' });
    expect(await atNode2(request)).toBe('signature_invalid');
    expect((await world.fetch(await who.get('/v1/wallets'))).body.code).toBe('signature_invalid');
  });

  test('gets nothing with the assertion of another request', async () => {
    const who = await pia();
    const [one, other] = [
      await askSignature(who, wallet, hello('SOL', 'one')),
      await askSignature(who, wallet, hello('SOL', 'other')),
    ];
    const swapped = { ...one, signature: other.signature };
    expect((await world.fetch(swapped)).body.code).toBe('signature_invalid');
    expect(await atNode2(swapped)).toBe('signature_invalid');
  });

  test('cannot be taken for a key without a person', async () => {
    const named = await askSignature(await pia(), wallet, hello('SOL'));
    const plain = {
      ...named,
      signatureInput: named.signatureInput.replace('webauthn-es256', 'ecdsa-p256-sha256'),
    };
    const other = {
      ...named,
      signatureInput: named.signatureInput.replace('webauthn-es256', 'webauthn-rs256'),
    };
    for (const request of [plain, other]) {
      expect((await world.fetch(request)).body.code).toBe('signature_invalid');
      expect(await atNode2(request)).toBe('signature_invalid');
    }
  });

  test('states something, which counts at both nodes; what is not as it ought to be counts at neither', async () => {
    const { reply } = await state(await pia(), { kind: 'member.role', member, role: 'owner' });
    // The passkey was believed; the statement is pointless.
    expect(reply.body.code).toBe('statement_refused');
    const guest = idOf('mem');
    const add = { kind: 'member.add', member: guest, name: 'Gil', role: 'member' } as const;
    for (const [name, deviation] of Object.entries(violations)) {
      const { request, reply: refused } = await state(await pia(deviation), add);
      expect([name, refused.status === 401 || refused.status === 400]).toEqual([name, true]);
      const answer = await callNode2(world, 'Statement', fresh(16), bodies.Statement(request));
      expect([name, typeof answer === 'string' && /signature_invalid|request_invalid/.test(answer)]).toEqual([
        name,
        true,
      ]);
    }
    expect((await state(await pia(), add)).reply.status).toBe(201);
    for (const node of [world.lead.node, world.second])
      expect((await node.registry.read(alice.organization)).members).toHaveProperty(guest);
  });

  test('founds an organization', async () => {
    const founder = authenticator({ rpId: 'localhost', origins: ['http://localhost:5173'] });
    const statement: FoundingStatement = {
      type: 'planbok/statement/v1',
      kind: 'organization.found',
      name: 'Keys',
      owner: { name: 'Fay', credential: { ...founder.key, scopes } },
      created: new Date(world.clockMs).toISOString(),
      nonce: toBase64url(fresh(16)),
    };
    const organization = organizationId(statement);
    const found = async (deviation?: Deviation) => {
      const sign = (message: Uint8Array) => founder.assert(message, deviation);
      const id = credentialId(founder.key);
      const who = personOf(world, organization, id, sign, organization, 'webauthn-es256');
      const signed = { statement, signature: toBase64url(sign(statementBytes(statement))) };
      return world.fetch(await who.post('/v1/organizations', newKey(), signed satisfies SignedStatement));
    };
    expect((await found({ client: { origin: 'http://localhost:5174' } })).body.code).toBe(
      'signature_invalid',
    );
    expect((await found()).body).toMatchObject({ id: organization });
  });

  test('approves what others ask for, and changes of policy, if the assertion is as it ought to be', async () => {
    const policy = {
      ...noPolicy,
      rules: [{ id: 'talk', kind: 'approvals', required: '1', approvers: [member] }],
      allow: [{ allow: 'message' }],
      changes: { required: '1', approvers: [member] },
    };
    const setPolicy = (document: object, cosigners: readonly Person[] = []) =>
      state(alice, { kind: 'policy.set', walletSet: '*', policy: canonical(document) }, cosigners);
    expect((await setPolicy(policy)).reply.body).toMatchObject({ seq: expect.anything() });

    const who = await pia();
    const { head } = await world.second.registry.read(alice.organization);
    const asking = alice.at(head);
    const payload = hello('SOL', 'approve me');
    const walletKey = { ...wallet, publicKey: fromHex(wallet.publicKey) };
    const decoded = decodePayload(payload, walletKey, { allowRawDigest: false });
    const ask = (key: string, approvals?: readonly object[]) => {
      const operation = signatureOperation(alice.organization, key, wallet, payload, decoded);
      return asking.ask(`/v1/wallets/${wallet.id}/signatures`, { payload, approvals }, operation);
    };
    const approvedBy = (key: string, deviation?: Deviation) => {
      const operation = signatureOperation(alice.organization, key, wallet, payload, decoded);
      const approval = approvalOf(operationDigest(operation), 'approve', {
        keyId: who.keyId,
        registryHead: head,
        nonce: fresh(16),
        issued: Math.floor(world.clockMs / 1000),
      });
      return { approval, signature: toBase64url(passkey.assert(approvalBytes(approval), deviation)) };
    };
    for (const [name, deviation] of Object.entries(violations)) {
      const key = newKey();
      const request = await ask(key, [approvedBy(key, deviation)]);
      const { code } = (await world.fetch(request)).body;
      // Not of the form of a signature at all, or without effect.
      const refused = ['approval_required', 'request_invalid'];
      expect([name, refused.includes(code)]).toEqual([name, true]);
      expect([name, refused.includes(await atNode2(request))]).toEqual([name, true]);
    }
    const key = newKey();
    expect((await world.fetch(await ask(key, [approvedBy(key)]))).body).toMatchObject({ state: 'completed' });

    // The same, kept at Node 1 until the passkey's word is there.
    const waiting = newKey();
    const { status, body: kept } = await world.fetch(await ask(waiting));
    expect(status).toBe(202);
    const decide = async (deviation?: Deviation) => {
      const word = approvedBy(waiting, deviation);
      return world.fetch(await who.post(`/v1/approvals/${kept.id}/decisions`, '', word));
    };
    for (const [name, deviation] of Object.entries(violations)) {
      const { code } = (await decide(deviation)).body;
      expect([name, ['signature_invalid', 'request_invalid'].includes(code)]).toEqual([name, true]);
    }
    expect((await world.fetch(await ask(waiting))).status).toBe(202);
    expect((await decide()).status).toBe(201);
    expect((await world.fetch(await ask(waiting))).body).toMatchObject({ state: 'completed' });

    for (const [name, deviation] of Object.entries(violations)) {
      const { reply } = await setPolicy(noPolicy, [await pia(deviation)]);
      const refused = ['approval_required', 'request_invalid'];
      expect([name, refused.includes(reply.body.code)]).toEqual([name, true]);
    }
    expect((await setPolicy(noPolicy, [await pia()])).reply.status).toBe(201);
  });

  test('with the longest of assertions fits into the header, and longer ones are refused', async () => {
    const sized = (length: number): Deviation => ({
      json: (text) => text.replace('}', `,"more":"${'x'.repeat(length - text.length - 10)}"}`),
    });
    const request = await askSignature(await pia(sized(1_024)), wallet, hello('SOL', 'long'));
    expect(request.signature.length).toBeGreaterThan(1_400);
    expect((await world.fetch(request)).body).toMatchObject({ state: 'completed' });
    const tooLong = { ...request, signature: `planbok=:${'A'.repeat(2_760)}:` };
    expect((await world.fetch(tooLong)).body.detail).toContain('too long');
  });

  test('revoked, is refused by both nodes', async () => {
    expect((await state(alice, { kind: 'member.remove', member })).reply.status).toBe(201);
    const request = await askSignature(await pia(), wallet, hello('SOL', 'late'));
    expect((await world.fetch(request)).body.code).toBe('credential_inactive');
    expect(await atNode2(request)).toBe('credential_inactive');
  });
});
