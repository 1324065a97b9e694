/**
 * Statements that several people sign, as documents: changes of policies that guard themselves, recoveries;
 * and what an API may say of the log meanwhile.
 */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { credentialOf, requestSigner } from '../../client/credential.ts';
import {
  ed25519Key,
  mergeDrafts,
  type Planbok,
  PlanbokError,
  policyStatement,
  readDraft,
  recoveryOf,
  type StatementDraft,
} from '../../client/index.ts';
import { toBase64url } from '../../shared/bytes.ts';
import { noPolicy } from '../../shared/policy/rules.ts';
import { draft } from '../../shared/registry/head.ts';
import { statementBytes } from '../../shared/registry/statement.ts';
import { everything, fresh, household } from './world.ts';

let home: Awaited<ReturnType<typeof household>>;
let ada: Planbok;

interface Somebody {
  readonly id: string;
  readonly key: ReturnType<typeof ed25519Key>;
  readonly client: Planbok;
}
let bob: Somebody;
let carol: Somebody;

async function somebody(role: 'owner' | 'admin' | 'member'): Promise<Somebody> {
  const key = ed25519Key(fresh(32));
  const { id } = await ada.members.add({ name: role, role, credential: credentialOf(key, everything) });
  return { id, key, client: home.clientOf(key) };
}
const credentialIdOf = (key: Somebody['key']) =>
  requestSigner(home.organization, key).keyId.split('/')[1] ?? '';

beforeEach(async () => {
  home = await household();
  ada = home.ada;
  [bob, carol] = [await somebody('owner'), await somebody('owner')];
});

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof PlanbokError) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}
const yes = () => true;
const guard = (required: string, ...approvers: readonly Somebody[]) =>
  ada.policies.set('*', { ...noPolicy, changes: { required, approvers: approvers.map(({ id }) => id) } });
const open = policyStatement('*', noPolicy);
const sent = () => home.reached.asked.filter((one) => one === 'POST /v1/statements').length;

describe('a change of a policy that guards itself', () => {
  test('goes from hand to hand, shows what changes, and counts once all have signed', async () => {
    await guard('2', bob, carol);
    const before = sent();
    const made = await ada.statements.draft(open);
    expect(await codeOf(() => ada.statements.submit(made))).toBe('approval_required');
    const copy = readDraft(JSON.parse(JSON.stringify(made)));
    const seen: string[] = [];
    const byBob = await bob.client.statements.cosign(copy, ({ statement, before: known }) => {
      seen.push(statement.kind, known.policies['*'] ?? '');
      return true;
    });
    expect(seen[0]).toBe('policy.set');
    expect(seen[1]).toContain(`"required":"2"`);
    expect(await codeOf(() => ada.statements.submit(byBob))).toBe('approval_required');
    const byCarol = await carol.client.statements.cosign(copy, yes);
    const twice = await bob.client.statements.cosign(byBob, yes);
    expect(twice.cosignatures.map(({ by }) => by)).toEqual([credentialIdOf(bob.key)]);
    expect(sent()).toBe(before);
    const stated = await bob.client.statements.submit(mergeDrafts(byBob, [byCarol]));
    expect(stated).toMatchObject({ kind: 'policy.set', seq: made.statement.seq });
    expect((await carol.client.policies.get('*'))?.policy).toEqual(noPolicy);
  });

  test('is signed only by those whose signature counts, who say so', async () => {
    await guard('1', bob);
    const made = await ada.statements.draft(open);
    const admin = await codeOf(async () => (await somebody('admin')).client.statements.cosign(made, yes));
    // The log went on with the Admin.
    expect(admin).toBe('statement_conflict');
    const again = await ada.statements.draft(open);
    expect(await codeOf(() => carol.client.statements.cosign(again, yes))).toBe('approver_refused');
    expect(await codeOf(() => ada.statements.cosign(again, yes))).toBe('approver_refused');
    expect(await codeOf(() => bob.client.statements.cosign(again, () => false))).toBe('not_confirmed');
    const impossible = recoveryOf(bob.id, credentialOf(bob.key, ['view']));
    expect(await codeOf(async () => ada.statements.submit(await ada.statements.draft(impossible)))).toBe(
      'cosignatures_missing',
    );
  });

  test('that is not what its maker signed is not shown, cosigned or sent', async () => {
    await guard('1', bob);
    const made = await ada.statements.draft(open);
    const other = {
      ...open,
      policy: policyStatement('*', { ...noPolicy, allow: [{ allow: 'message' }] }).policy,
    };
    const changed = { ...made, statement: { ...made.statement, ...other } } as StatementDraft;
    const stolen = {
      ...made,
      statement: { ...made.statement, actor: credentialIdOf(carol.key) },
    } as StatementDraft;
    for (const wrong of [changed, stolen])
      for (const run of [
        () => bob.client.statements.read(wrong),
        () => bob.client.statements.cosign(wrong, yes),
        () => bob.client.statements.submit(wrong),
      ])
        expect(await codeOf(run)).toBe('signature_invalid');
    const signed = await bob.client.statements.cosign(made, yes);
    const forged = {
      ...signed,
      cosignatures: signed.cosignatures.map((one) => ({ ...one, signature: made.signature })),
    };
    expect(await codeOf(() => ada.statements.submit(forged))).toBe('approval_required');
    expect(await codeOf(() => mergeDrafts(made, [changed]))).toBe('statement_conflict');
    for (const none of [null, {}, { ...made, type: 'planbok/statement-draft/v2' }, { ...made, more: 1 }])
      expect(['request_invalid', 'statement_refused']).toContain(await codeOf(() => readDraft(none)));
  });

  test('is over once the registry has moved on', async () => {
    await guard('1', bob);
    const made = await ada.statements.draft(open);
    await ada.policies.set(`wset_${'a'.repeat(26)}`, noPolicy, [
      { by: credentialIdOf(bob.key), sign: bob.key.sign },
    ]);
    for (const run of [
      () => bob.client.statements.cosign(made, yes),
      () => ada.statements.submit(made),
      () => bob.client.statements.read(made),
    ])
      expect(await codeOf(run)).toBe('statement_conflict');
    const elsewhere = await household();
    expect(await codeOf(() => elsewhere.ada.statements.read(made))).toBe('statement_refused');
  });

  test('an API that shows a change which the approvers did not sign is not believed', async () => {
    await guard('1', bob);
    const known = await ada.registry.refresh();
    const [, actor = ''] = requestSigner(home.organization, ed25519Key(home.seed)).keyId.split('/');
    const when = { nowMs: home.reached.world.clockMs, nonce: fresh(16) };
    const statement = draft(known, actor, open, when);
    const signature = toBase64url(await ed25519Key(home.seed).sign(statementBytes(statement)));
    home.reached.meddle = async (path, init, pass) => {
      const response = await pass();
      if (path !== '/v1/statements' || init.method !== 'GET') return response;
      const body = (await response.json()) as { readonly data: readonly unknown[] };
      return Response.json({ ...body, data: [...body.data, { statement, signature }] });
    };
    expect(await codeOf(() => bob.client.registry.refresh())).toBe('registry_invalid');
  });
});

describe('ownership and recovery', () => {
  test('ownership goes over in one statement', async () => {
    await ada.members.transferOwnership((await somebody('member')).id, 'admin');
    const roles = (await bob.client.members.list()).map(({ role }) => role);
    expect([...roles].sort()).toEqual(['admin', 'owner', 'owner', 'owner']);
    expect(await codeOf(() => ada.members.transferOwnership(bob.id, 'member'))).toBe('role_missing');
  });

  test('a lost credential is replaced under quorum, after its delay', async () => {
    const dave = await somebody('member');
    const next = ed25519Key(fresh(32));
    const made = await ada.statements.draft(recoveryOf(dave.id, credentialOf(next, ['view', 'sign'])));
    expect(await codeOf(() => ada.statements.submit(made))).toBe('cosignatures_missing');
    // Neither the member's own nor the maker's counts.
    for (const who of [dave.client, ada])
      expect(await codeOf(() => who.statements.cosign(made, yes))).toBe('approver_refused');
    home.reached.world.clockMs += 20 * 3_600_000;
    const signed = await bob.client.statements.cosign(made, yes);
    expect((await ada.statements.submit(signed)).kind).toBe('recovery.credential');
    const again = home.clientOf(next);
    expect(await codeOf(() => again.organizations.get())).toBe('credential_inactive');
    home.reached.world.clockMs += 29 * 3_600_000;
    expect((await again.organizations.get()).id).toBe(home.organization);
    expect(await codeOf(() => dave.client.organizations.get())).toBe('credential_inactive');
  });

  test('with cosigners at hand it is one call, and it can be revoked before it counts', async () => {
    const dave = await somebody('member');
    const next = ed25519Key(fresh(32));
    const cosigner = { by: credentialIdOf(bob.key), sign: bob.key.sign };
    await ada.members.recover(dave.id, credentialOf(next, ['view']), [cosigner]);
    await dave.client.credentials.revoke(credentialIdOf(next));
    home.reached.world.clockMs += 72 * 3_600_000;
    expect(await codeOf(() => home.clientOf(next).organizations.get())).toBe('credential_inactive');
    expect((await dave.client.organizations.get()).id).toBe(home.organization);
  });
});
