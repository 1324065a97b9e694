import { readFile } from 'node:fs/promises';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { credentialOf, requestSigner } from '../../client/credential.ts';
import {
  ed25519Key,
  type NewApproval,
  type Planbok,
  PlanbokError,
  type Policy,
  type Rule,
  type SignedApproval,
} from '../../client/index.ts';
import { toBase64url } from '../../shared/bytes.ts';
import { CustodyError } from '../../shared/errors.ts';
import { approvalBytes } from '../../shared/policy/approval.ts';
import { parsePolicy, policyDigest } from '../../shared/policy/policy.ts';
import { noPolicy, plainPermissions } from '../../shared/policy/rules.ts';
import { verifyWithCredential } from '../../shared/registry/statement.ts';
import { everything, fresh, household, payOnSolana, shop, solAsset, thief } from './world.ts';

let home: Awaited<ReturnType<typeof household>>;
let ada: Planbok;
let bob: Awaited<ReturnType<typeof ownerNamed>>;
let carol: Awaited<ReturnType<typeof ownerNamed>>;
let set: string;
let wallet: string;
let from: string;

async function ownerNamed(name: string) {
  const key = ed25519Key(fresh(32));
  const credential = credentialOf(key, everything);
  const { id } = await ada.members.add({ name, role: 'owner', credential });
  return { id, key, client: home.clientOf(key) };
}

beforeAll(async () => {
  home = await household();
  ada = home.ada;
  set = (await ada.walletSets.create({ name: 'Main', keyTypes: ['ed25519'] })).id;
  const { data } = await ada.wallets.create({ walletSet: set, blockchains: ['SOL'] });
  wallet = data[0]?.id ?? '';
  from = data[0]?.address ?? '';
  [bob, carol] = [await ownerNamed('Bob'), await ownerNamed('Carol')];
});

beforeEach(async () => {
  // More than any window before it, and no request limit is reached.
  home.reached.world.clockMs += 7_200_000;
  home.reached.asked.length = 0;
  home.reached.meddle = (_, __, pass) => pass();
  await ada.policies.set(set, noPolicy, [cosigner(bob)]);
});

const cosigner = ({ key }: typeof bob) => ({ by: idOf(key), sign: key.sign });
const idOf = (key: typeof bob.key) => keyIdOf(key).split('/')[1] ?? '';
const keyIdOf = (key: typeof bob.key) => requestSigner(home.organization, key).keyId;
const policyOf = (rules: readonly Rule[], more: Partial<Policy> = {}): Policy => ({
  ...noPolicy,
  rules,
  ...more,
});
const shops: Rule = {
  id: 'shops',
  kind: 'destinations',
  destinations: [{ blockchain: 'SOL', address: shop }],
};
const pay = (to: string, lamports: number, salt = 0) => ({
  wallet,
  payload: { kind: 'transaction' as const, transaction: payOnSolana(from, to, lamports, salt) },
});
const yes = () => true;
const newKey = () => toBase64url(fresh(9));
const approve = (
  who: Planbok,
  asked: Omit<NewApproval, 'decision' | 'confirm'>,
  more: Partial<NewApproval> = {},
) => who.approvals.make({ ...asked, decision: 'approve', confirm: yes, ...more });

async function errorOf(run: () => Promise<unknown>): Promise<PlanbokError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof PlanbokError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
const asked = (line: string) => home.reached.asked.filter((one) => one === line).length;
const detailsOf = ({ problems }: PlanbokError) => problems.map(({ detail }) => detail);

describe('policies', () => {
  test('are listed and found as the statements have them, whatever the API says of policies', async () => {
    const policy = policyOf([shops]);
    await ada.policies.set(set, policy);
    const digest = toBase64url(policyDigest(policy));
    expect(await bob.client.policies.list()).toEqual([{ walletSet: set, policy, digest }]);
    expect(await bob.client.policies.get(set)).toEqual({ walletSet: set, policy, digest });
    expect(await bob.client.policies.get('wset_other')).toBeUndefined();
    expect(asked('GET /v1/policies')).toBe(0);
  });

  test('a denial names every rule with value and limit, and is the one that was forecast', async () => {
    await ada.policies.set(
      set,
      policyOf([shops, { id: 'small', kind: 'amount', asset: solAsset, max: '10' }]),
    );
    const error = await errorOf(() => ada.signatures.create(pay(thief, 50)));
    expect(error).toMatchObject({ code: 'policy_denied', status: 403, retryable: false });
    // 50 and the fee of 5,000.
    expect(detailsOf(error)).toEqual([
      `destination_not_allowed: rule shops: ${thief} (limit: 1 destinations on SOL)`,
      'amount_exceeded: rule small: 5050 (limit: 10)',
    ]);
    const { policy } = await ada.signatures.preview(pay(thief, 50));
    expect(policy?.outcome).toBe('deny');
    expect(policy?.reasons.map(({ rule, value }) => [rule, value])).toEqual([
      ['shops', thief],
      ['small', '5050'],
    ]);
    expect(await ada.policies.evaluate(pay(thief, 50))).toMatchObject(policy ?? {});
  });

  test('a draft is tried out without being in force, and what is none is not sent', async () => {
    const draft = policyOf([shops]);
    expect((await ada.policies.evaluate({ ...pay(thief, 5), policy: draft })).outcome).toBe('deny');
    expect(await ada.policies.evaluate({ ...pay(shop, 5), policy: draft })).toEqual({
      outcome: 'allow',
      reasons: [],
      spends: [{ asset: solAsset, amount: '5005' }],
    });
    expect((await ada.policies.evaluate(pay(thief, 5))).outcome).toBe('allow');
    const sent = asked('POST /v1/policies/evaluate');
    const error = await errorOf(() => ada.policies.evaluate({ ...pay(shop, 5), policy: { rules: [] } }));
    expect([error.code, error.problems[0]?.pointer]).toEqual(['request_invalid', '/type']);
    expect(asked('POST /v1/policies/evaluate')).toBe(sent);
  });

  test('that guards its own change is replaced with the signatures of those it names', async () => {
    await ada.policies.set(set, policyOf([shops], { changes: { required: '1', approvers: [bob.id] } }));
    const alone = await errorOf(() => ada.policies.set(set, noPolicy));
    expect(alone.code).toBe('approval_required');
    expect(detailsOf(alone)).toEqual(['approvals_missing: rule changes: 0 (limit: 1 of 1 approvers)']);
    await ada.policies.set(set, noPolicy, [cosigner(bob)]);
    expect((await ada.policies.get(set))?.policy).toEqual(noPolicy);
  });
});

describe('approvals', () => {
  beforeEach(async () => {
    const approvers = [(await ada.members.list())[0]?.id ?? '', bob.id, carol.id];
    await ada.policies.set(set, policyOf([{ id: 'two', kind: 'approvals', required: '2', approvers }]));
  });

  test('two of three: missing ones are counted, enough are signed with', async () => {
    const request = { ...pay(shop, 5), idempotencyKey: newKey() };
    const missing = await errorOf(() => ada.signatures.create(request));
    expect(missing).toMatchObject({ code: 'approval_required', idempotencyKey: request.idempotencyKey });
    expect(detailsOf(missing)).toEqual(['approvals_missing: rule two: 0 (limit: 2 of 3 approvers)']);
    const approvals = [await approve(bob.client, request)];
    const one = await errorOf(() => ada.signatures.create({ ...request, approvals }));
    expect(detailsOf(one)).toEqual(['approvals_missing: rule two: 1 (limit: 2 of 3 approvers)']);
    expect((await ada.signatures.preview({ ...request, approvals })).policy?.outcome).toBe('needs_approval');
    approvals.push(await approve(carol.client, request));
    expect((await ada.signatures.preview({ ...request, approvals })).policy?.outcome).toBe('allow');
    expect((await ada.policies.evaluate({ ...request, approvals })).outcome).toBe('allow');
    const signed = await ada.signatures.create({ ...request, approvals });
    expect([signed.state, signed.wallet]).toEqual(['completed', wallet]);
  });

  test('an approver sees what it does; the approval is signed over the digest computed here', async () => {
    const request = { ...pay(shop, 5), idempotencyKey: newKey() };
    const seen: string[] = [];
    const signed = await approve(bob.client, request, {
      lifeSeconds: 60,
      confirm: ({ effects }, digest) => {
        seen.push(digest, ...effects.flatMap(({ type, to = '' }) => (type === 'transfer' ? [to] : [])));
        return true;
      },
    });
    const { operationDigest } = await ada.signatures.preview(request);
    expect(seen).toEqual([operationDigest, shop]);
    const { approval, signature } = signed;
    const life = Number(approval.expires) - Number(approval.issued);
    expect([approval.operation, approval.keyId, life]).toEqual([operationDigest, keyIdOf(bob.key), 60]);
    expect(approval.registryHead).toBe(ada.registry.newest().head);
    const { key } = bob;
    const publicKey = { algorithm: key.algorithm, publicKey: toBase64url(key.publicKey) };
    const bytes = Uint8Array.from(Buffer.from(signature, 'base64url'));
    expect(verifyWithCredential(publicKey, approvalBytes(approval), bytes)).toBe(true);
  });

  test.each([[false], [undefined], ['yes']])('confirm that answers %s signs nothing', async (answer) => {
    const sign = bob.key.sign;
    const signed: string[] = [];
    const watched = home.clientOf({
      ...bob.key,
      sign: (message) => {
        signed.push(new TextDecoder().decode(message.slice(0, 29)));
        return sign(message);
      },
    });
    const request = { ...pay(shop, 5), idempotencyKey: newKey() };
    const confirm = () => answer as boolean;
    expect((await errorOf(() => approve(watched, request, { confirm }))).code).toBe('not_confirmed');
    expect(signed).not.toContain('planbok/approval-signature/v1');
    await approve(watched, request);
    expect(signed).toContain('planbok/approval-signature/v1');
  });

  test("the requester's own does not count", async () => {
    const request = { ...pay(shop, 5), idempotencyKey: newKey() };
    const approvals = [await approve(bob.client, request), await approve(ada, request)];
    const error = await errorOf(() => ada.signatures.create({ ...request, approvals }));
    expect(error.code).toBe('approval_required');
    expect(detailsOf(error)).toEqual([
      'approvals_missing: rule two: 1 (limit: 2 of 3 approvers)',
      'policy_denied: nobody approves their own request',
    ]);
  });

  test('one for another operation is refused before anything is sent', async () => {
    const request = { ...pay(shop, 5), idempotencyKey: newKey() };
    const approvals = [await approve(bob.client, request)];
    home.reached.asked.length = 0;
    for (const other of [
      { ...request, idempotencyKey: newKey() },
      { ...request, ...pay(thief, 5) },
      { ...request, ...pay(shop, 6) },
    ]) {
      for (const run of [ada.signatures.create, ada.signatures.preview, ada.policies.evaluate])
        expect((await errorOf(() => run({ ...other, approvals }))).code).toBe('authorisation_mismatch');
    }
    const broken = [{ ...approvals[0], signature: 'AA' }] as SignedApproval[];
    expect((await errorOf(() => ada.signatures.create({ ...request, approvals: broken }))).code).toBe(
      'request_invalid',
    );
    expect(home.reached.asked).toEqual([]);
  });

  test('who rejects takes a place: with two of three gone, it is denied', async () => {
    const request = { ...pay(shop, 5), idempotencyKey: newKey() };
    const reject = (who: Planbok) => approve(who, request, { decision: 'reject' });
    const approvals = [await reject(bob.client), await approve(carol.client, request)];
    const one = await errorOf(() => ada.signatures.create({ ...request, approvals }));
    expect(one.code).toBe('approval_required');
    const both = [await reject(bob.client), await reject(carol.client)];
    const error = await errorOf(() => ada.signatures.create({ ...request, approvals: both }));
    expect(error.code).toBe('policy_denied');
    expect(detailsOf(error)[0]).toContain('approvals_rejected: rule two');
  });

  test('what would not count is not made: without the scope, by an API key, for too long', async () => {
    const request = { ...pay(shop, 5), idempotencyKey: newKey() };
    const [weak, app] = [ed25519Key(fresh(32)), ed25519Key(fresh(32))];
    const { algorithm } = app;
    await ada.members.add({ name: 'Erin', role: 'admin', credential: credentialOf(weak, ['view', 'sign']) });
    await ada.apiKeys.create({
      name: 'app',
      role: 'member',
      scopes: { [set]: ['view', 'approve'] },
      publicKey: { algorithm, publicKey: toBase64url(app.publicKey) },
    });
    for (const key of [weak, app])
      expect((await errorOf(() => approve(home.clientOf(key), request))).code).toBe('scope_missing');
    for (const lifeSeconds of [0, 1.5, 604_801, Number.NaN])
      expect((await errorOf(() => approve(bob.client, request, { lifeSeconds }))).code).toBe(
        'request_invalid',
      );
  });
});

describe('approvals that the server keeps', () => {
  beforeEach(async () => {
    const approvers = [bob.id, carol.id];
    await ada.policies.set(set, policyOf([{ id: 'both', kind: 'approvals', required: '2', approvers }]));
  });
  const asking = () => ({ ...pay(shop, 5), idempotencyKey: newKey() });
  const keptFor = async (request: ReturnType<typeof asking>) => {
    const { approval } = await errorOf(() => ada.signatures.create(request));
    if (approval === undefined) throw new Error('nothing is kept');
    return approval;
  };
  const shown: string[] = [];
  const confirm: NewApproval['confirm'] = ({ effects }, digest) => {
    shown.push(digest, ...effects.flatMap(({ type, to = '' }) => (type === 'transfer' ? [to] : [])));
    return true;
  };
  /** The API's answer about an approval, changed. */
  const lie = (change: (body: any) => object) => {
    home.reached.meddle = async (path, init, pass) => {
      const response = await pass();
      if (init.method !== 'GET' || !/approvals\/apr_[a-z2-7]+$/.test(path)) return response;
      return Response.json(change(await response.json()));
    };
  };

  test('are given by who decodes it, and it goes on when they are there', async () => {
    const request = asking();
    const approval = await keptFor(request);
    const { operationDigest } = await ada.signatures.preview(request);
    expect(approval).toMatchObject({ state: 'pending_approval', operation: operationDigest, wallet });
    const listed = [];
    for await (const one of bob.client.approvals.list({ state: 'pending_approval', wallet }))
      listed.push(one);
    expect(listed.map(({ id }) => id)).toContain(approval.id);
    const { held, prepared } = await bob.client.approvals.get(approval.id);
    expect([held.id, prepared.operationDigest]).toEqual([approval.id, operationDigest]);
    shown.length = 0;
    expect((await bob.client.approvals.approve(approval.id, { confirm })).state).toBe('pending_approval');
    expect(shown).toEqual([operationDigest, shop]);
    expect((await errorOf(() => ada.signatures.continue(approval.id))).approval?.quorums[0]?.have).toEqual([
      bob.id,
    ]);
    expect((await carol.client.approvals.approve(approval.id, { confirm })).state).toBe('approved');
    const signed = await ada.signatures.continue(approval.id);
    expect([signed.state, signed.wallet]).toEqual(['completed', wallet]);
    // The same operation, whichever way it is asked for.
    expect(await ada.signatures.create(request)).toEqual(signed);
  });

  test('are waited for, for as long as is said', async () => {
    const request = asking();
    let looked = 0;
    home.reached.meddle = async (path, init, pass) => {
      if (init.method === 'GET' && path.startsWith('/v1/approvals/apr_') && ++looked === 3) {
        home.reached.meddle = (_, __, through) => through();
        const id = path.split('/').at(-1) ?? '';
        for (const who of [bob, carol]) await who.client.approvals.approve(id, { confirm });
      }
      return pass();
    };
    expect((await ada.signatures.create({ ...request, waitMs: 60_000 })).state).toBe('completed');
    expect(looked).toBe(3);
    home.reached.asked.length = 0;
    const late = await errorOf(() => ada.signatures.create({ ...asking(), waitMs: 6_000 }));
    expect(late.code).toBe('approval_required');
    expect(home.reached.asked.filter((one) => one.startsWith('GET /v1/approvals/'))).toHaveLength(3);
  });

  test('end with a rejection, a cancellation, or their time', async () => {
    const [rejected, cancelled, late] = [asking(), asking(), asking()];
    const first = await keptFor(rejected);
    expect((await carol.client.approvals.reject(first.id, { confirm })).state).toBe('denied');
    expect((await errorOf(() => ada.signatures.create({ ...rejected, waitMs: 9_000 }))).code).toBe(
      'policy_denied',
    );
    const second = await keptFor(cancelled);
    expect((await errorOf(() => bob.client.approvals.cancel(second.id))).code).toBe('approver_refused');
    expect((await ada.approvals.cancel(second.id)).state).toBe('cancelled');
    expect((await errorOf(() => ada.signatures.continue(second.id))).code).toBe('approval_closed');
    const third = await errorOf(() => ada.signatures.create({ ...late, holdSeconds: 60 }));
    home.reached.world.clockMs += 61_000;
    const id = third.approval?.id ?? '';
    expect((await errorOf(() => bob.client.approvals.approve(id, { confirm }))).code).toBe('approval_closed');
    const refused = await errorOf(() => ada.signatures.create({ ...asking(), holdSeconds: 0 }));
    expect([refused.code, refused.approval]).toEqual(['approval_required', undefined]);
  });

  test('a server that shows another payload, or another id, gets no word on it', async () => {
    const [request, other] = [asking(), { ...asking(), ...pay(thief, 5) }];
    const [one, two] = [await keptFor(request), await keptFor(other)];
    const { held } = await bob.client.approvals.get(two.id);
    const lies: ((body: any) => object)[] = [
      (body) => ({ ...body, payload: held.payload }),
      (body) => ({ ...body, idempotencyKey: held.idempotencyKey }),
      (body) => ({ ...body, operation: held.operation }),
      () => ({ ...held, id: one.id }),
      () => held,
    ];
    for (const change of lies) {
      lie(change);
      for (const run of [
        () => bob.client.approvals.approve(one.id, { confirm }),
        () => bob.client.approvals.reject(one.id, { confirm }),
        () => ada.signatures.continue(one.id),
      ])
        expect((await errorOf(run)).code).toBe('preview_mismatch');
    }
    // What Node 1 says it does is not what is shown.
    lie((body) => ({ ...body, intent: { ...body.intent, summary: 'nothing at all', effects: [] } }));
    shown.length = 0;
    await bob.client.approvals.approve(one.id, { confirm });
    expect(shown).toEqual([one.operation, shop]);
    home.reached.meddle = async (_, init, pass) => {
      const response = await pass();
      return init.method === 'POST' && response.status === 202
        ? new Response(JSON.stringify(two), { status: 202 })
        : response;
    };
    expect((await errorOf(() => ada.signatures.create(request))).code).toBe('result_invalid');
  });

  test('confirm that does not answer true sends nothing', async () => {
    const { id } = await keptFor(asking());
    home.reached.asked.length = 0;
    const error = await errorOf(() => bob.client.approvals.approve(id, { confirm: () => false }));
    expect(error.code).toBe('not_confirmed');
    const no = () => false;
    expect((await errorOf(() => ada.signatures.continue(id, { confirm: no }))).code).toBe('not_confirmed');
    expect(home.reached.asked.filter((one) => one.startsWith('POST'))).toEqual([]);
  });
});

describe('docs/policies.md', () => {
  const textOf = () => readFile(new URL('../../docs/policies.md', import.meta.url), 'utf8');
  /** First cells of the table with this head. */
  const cells = (text: string, head: string): string[] => {
    const [, table = ''] = text.split(`| ${head} |`);
    const rows = (table.split('\n\n')[0] ?? '').split('\n').slice(2);
    return rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name),
    );
  };
  /** What the parser names when it does not know a rule, or a permission. */
  const known = (document: object): string[] => {
    try {
      parsePolicy({ ...noPolicy, ...document });
    } catch (error) {
      const [problem] = error instanceof CustodyError ? error.problems : [];
      return (problem?.detail ?? '').replace('must be one of: ', '').split(', ');
    }
    return [];
  };

  test('its examples are policies', async () => {
    const examples = [...(await textOf()).matchAll(/```json\n([^`]*)```/g)].map(([, json = '']) => json);
    expect(examples).toHaveLength(2);
    for (const json of examples) expect(parsePolicy(JSON.parse(json)).rules.length).toBeGreaterThan(2);
  });

  test('its tables have every kind of rule and every permission', async () => {
    const text = await textOf();
    expect(cells(text, 'kind')).toEqual(known({ rules: [{ id: 'x', kind: 'magic' }] }));
    const permissions = cells(text, 'allow');
    expect(permissions.sort()).toEqual(known({ allow: [{ allow: 'magic' }] }).sort());
    expect(permissions).toEqual(expect.arrayContaining([...plainPermissions]));
  });
});
