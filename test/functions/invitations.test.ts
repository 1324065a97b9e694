/**
 * Invitations by mail, through the API: what a code is worth, how often it may be guessed, when it is void, and what
 * of the address is left anywhere.
 */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { exchangeCheckpoints } from '../../functions/audit/exchange.ts';
import { codeOf, mostResends, mostTries } from '../../functions/stores/invitations.ts';
import { toBase64url } from '../../shared/bytes.ts';
import { askInvitation, codeIn, done, newKey, requestOf } from '../support/ask.ts';
import {
  fresh,
  type Owner,
  owner,
  type Person,
  type Reply,
  twoNodes,
  type World,
} from '../support/two-nodes.ts';
import { addApiKey, say, stranger } from './http/home.ts';

const day = 86_400_000;
const email = 'bob@example.org';
let world: World;
let alice: Owner;

beforeEach(async () => {
  world = await twoNodes();
  alice = owner(world);
  await done(world.fetch(await alice.found()));
});

const invite = async (more: Parameters<typeof askInvitation>[2] = {}, who: Person = alice) =>
  world.fetch(await askInvitation(world, who, more));
const newestCode = (): string => codeIn(world.mails.at(-1)?.text ?? '');
const invited = async (more: Parameters<typeof askInvitation>[2] = {}) => {
  const { id } = await done(invite(more));
  return { id: id as string, code: newestCode() };
};
/** Unsigned, as anybody. */
async function ask(code: string, request: string): Promise<Reply> {
  const signed = await alice.post('/v1/invitations/requests', '', { code, request });
  return world.fetch({ ...signed, signature: '', signatureInput: '' });
}
const outcome = ({ status, body }: Reply) => (status < 300 ? status : body.code);
const show = async (id: string) => done(world.fetch(await alice.get(`/v1/invitations/${id}`)));
const resend = async (id: string, key = newKey()) =>
  world.fetch(await alice.post(`/v1/invitations/${id}/resend`, key, new Uint8Array()));
const end = async (id: string) => world.fetch(await alice.delete(`/v1/invitations/${id}`));
const bob = (name = 'Bob') => requestOf(world, alice.organization, name);
const member = async (
  role: 'owner' | 'admin' | 'member',
  scopes = ['view', 'create_wallet', 'sign'] as const,
) => {
  const key = stranger(world, alice.organization);
  const credential = { algorithm: 'ed25519', publicKey: key.publicKey, scopes } as const;
  const id = `mem_${'a'.repeat(25)}${role[0]}`.replaceAll('o', 'b');
  await done(say(world, alice, { kind: 'member.add', member: id, name: role, role, credential }));
  return key;
};

describe('an invitation', () => {
  test('is one mail; its code leaves a request, once, and the key of it is nobody until it is stated', async () => {
    const { id, code } = await invited();
    expect(world.mails).toHaveLength(1);
    expect(world.mails[0]).toMatchObject({ to: email, subject: 'Owner invites you to join Test' });
    expect(await show(id)).toMatchObject({ state: 'sent', email, contested: false, resends: 0 });
    const { text, key } = await bob();
    expect(await ask(code, text)).toMatchObject({ status: 201, body: { organization: alice.organization } });
    expect(await show(id)).toMatchObject({ state: 'requested', request: text });
    const { registry } = world.second;
    const known = await registry.read(alice.organization);
    expect(Object.keys(known.credentials)).toHaveLength(1);
    expect(JSON.stringify(known)).not.toContain(key.publicKey);

    const credential = { ...key, scopes: ['view'] } as const;
    const added = {
      kind: 'member.add',
      member: `mem_${'b'.repeat(26)}`,
      name: 'Bob',
      role: 'member',
    } as const;
    await done(say(world, alice, { ...added, credential } as any));
    // The registry says it, before anybody tells the invitation.
    const after = await show(id);
    expect(after).toMatchObject({ state: 'admitted' });
    expect([after.email, after.request]).toEqual([undefined, undefined]);
    expect(await done(end(id))).toMatchObject({ state: 'admitted' });
    expect(outcome(await ask(code, text))).toBe('invitation_code_invalid');
  });

  test('asked for twice with one key is one mail; another body under that key is refused', async () => {
    const key = newKey();
    const request = await askInvitation(world, alice, { key });
    const [one, two] = [await done(world.fetch(request)), await done(world.fetch(request))];
    expect([two.id, world.mails.length]).toEqual([one.id, 1]);
    expect(outcome(await invite({ key }))).toBe('idempotency_key_reused');
    const found = await done(world.fetch(await alice.get(`/v1/idempotency-keys/${key}`)));
    expect(found).toMatchObject({ state: 'completed', resources: [one.id] });
  });

  test('is signed by who sends it, for this address and organization, for 30 days at most', async () => {
    const refusals: [Parameters<typeof askInvitation>[2], string][] = [
      [{ body: { signature: toBase64url(fresh(64)) } }, 'authorisation_mismatch'],
      [{ terms: { organization: `org_${'a'.repeat(52)}` } }, 'authorisation_mismatch'],
      [{ terms: { keyId: `${alice.organization}/key_${'a'.repeat(26)}` } }, 'authorisation_mismatch'],
      [{ body: { email: 'eve@example.org' } }, 'request_invalid'],
      [{ terms: { expires: new Date(world.clockMs + 31 * day).toISOString() } }, 'request_invalid'],
      [{ terms: { expires: new Date(world.clockMs - 1).toISOString() } }, 'request_invalid'],
      [{ terms: { scopes: ['approve'], role: 'owner' } }, 'grant_refused'],
      [{ body: { api: 'https://api.example.com/$(x)' } }, 'request_invalid'],
      [{ body: { email: 'bob@example.org\r\nBcc: x@y.zz' } }, 'request_invalid'],
      [{ body: { message: 'one\ntwo' } }, 'request_invalid'],
    ];
    for (const [more, code] of refusals) expect([more, outcome(await invite(more))]).toEqual([more, code]);
    expect(world.mails).toEqual([]);
  });

  test('is for those who may add such a member', async () => {
    const admin = await member('admin');
    expect(outcome(await invite({}, admin))).toBe(201);
    expect(outcome(await invite({ terms: { role: 'admin' } }, admin))).toBe('role_missing');
    expect(outcome(await invite({}, await member('member')))).toBe('role_missing');
    const { key } = await addApiKey(world, alice, { '*': ['view', 'create_wallet', 'sign'] });
    expect(outcome(await invite({}, key))).toBe('role_missing');
    // What an Owner offers, an Admin does not send again.
    const { id } = await invited({ terms: { role: 'admin' } });
    const again = await admin.post(`/v1/invitations/${id}/resend`, newKey(), new Uint8Array());
    expect(outcome(await world.fetch(again))).toBe('role_missing');
  });

  test('where no mail is sent is refused, and nothing is kept', async () => {
    world = await twoNodes({ mail: false });
    alice = owner(world);
    await done(world.fetch(await alice.found()));
    const refused = await invite();
    expect([refused.status, outcome(refused)]).toEqual([501, 'mail_unsupported']);
    expect(await done(world.fetch(await alice.get('/v1/invitations')))).toEqual({ data: [] });
  });

  test('whose mail fails is not there, and can be asked for again', async () => {
    const { inviting } = world.lead;
    const request = await askInvitation(world, alice);
    const { mailer } = inviting;
    const { CustodyError } = await import('../../shared/errors.ts');
    Object.assign(inviting, {
      mailer: { send: async () => Promise.reject(new CustodyError('mail_unavailable', 'down')) },
    });
    expect(outcome(await world.fetch(request))).toBe('mail_unavailable');
    expect(await done(world.fetch(await alice.get('/v1/invitations')))).toEqual({ data: [] });
    Object.assign(inviting, { mailer });
    expect(outcome(await world.fetch(request))).toBe(201);
    expect(outcome(await ask(newestCode(), (await bob()).text))).toBe(201);
  });

  test('there are so many at a time', async () => {
    for (let i = 0; i < 100; i++) expect(outcome(await invite())).toBe(201);
    expect(outcome(await invite())).toBe('invitation_limit_reached');
    const { data } = await done(world.fetch(await alice.get('/v1/invitations', '?limit=1')));
    await done(end(data[0].id));
    expect(outcome(await invite())).toBe(201);
  });
});

describe('a code', () => {
  test('that is wrong is answered alike, whatever is wrong with it', async () => {
    const { text } = await bob();
    const { id, code } = await invited();
    const [gone, late] = [
      await invited(),
      await invited({ terms: { expires: new Date(world.clockMs + 1_000).toISOString() } }),
    ];
    await done(end(gone.id));
    world.clockMs += 1_000;
    const answers = [];
    for (const wrong of [
      codeOf(id, fresh(20)),
      codeOf(`inm_${'a'.repeat(26)}`, fresh(20)),
      gone.code,
      late.code,
      'x',
      `${code}a`,
      code.toUpperCase(),
      id,
    ]) {
      const { status, body } = await ask(wrong, text);
      const { requestId: _, ...rest } = body;
      answers.push(JSON.stringify({ status, rest }));
    }
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('invitation_code_invalid');
    expect(outcome(await ask(code, text))).toBe(201);
  });

  test('can be guessed so often, then it is void, until it is sent again', async () => {
    const { text } = await bob();
    const { id, code } = await invited();
    for (let i = 1; i < mostTries; i++)
      expect(outcome(await ask(codeOf(id, fresh(20)), text))).toBe('invitation_code_invalid');
    // The last try is the right one: the count begins anew.
    expect(outcome(await ask(code, text))).toBe(201);
    const guesses = Array.from({ length: 2 * mostTries }, () => ask(codeOf(id, fresh(20)), text));
    await Promise.all(guesses);
    expect(outcome(await ask(code, text))).toBe('invitation_code_invalid');
    await done(resend(id));
    expect(outcome(await ask(newestCode(), text))).toBe(201);
  });

  test('is asked with so often from one address, and by all together', async () => {
    world = await twoNodes({ joinLimits: { credential: 2, organization: 100 } });
    alice = owner(world);
    await done(world.fetch(await alice.found()));
    const { text } = await bob();
    const codes = [await ask('x', text), await ask('x', text), await ask('x', text)].map(outcome);
    expect(codes).toEqual(['invitation_code_invalid', 'invitation_code_invalid', 'rate_limited']);
    world.clockMs += 30_000;
    expect(outcome(await ask('x', text))).toBe('invitation_code_invalid');
  });

  test('takes the first of two requests at once; the other is refused, and whoever invited sees it', async () => {
    const { id, code } = await invited();
    const [one, two] = [await bob(), await bob('Eve')];
    const replies = await Promise.all([ask(code, one.text), ask(code, two.text)]);
    expect(replies.map(outcome).sort()).toEqual([201, 'invitation_unusable']);
    const won = outcome(replies[0] as Reply) === 201 ? one : two;
    expect(await show(id)).toMatchObject({ state: 'requested', request: won.text, contested: true });
    // The same once more is no other.
    expect(outcome(await ask(code, won.text))).toBe(201);
    expect((await show(id)).request).toBe(won.text);
  });

  test('is void once it is sent again, and what was asked with it forgotten; so often', async () => {
    const { id, code } = await invited();
    const [eve, honest] = [await bob('Eve'), await bob()];
    await ask(code, eve.text);
    await ask(code, honest.text);
    const key = newKey();
    const again = await done(resend(id, key));
    expect(again).toMatchObject({ state: 'sent', resends: 1, contested: false });
    expect((await done(resend(id, key))).resends).toBe(1);
    expect(world.mails).toHaveLength(2);
    expect(outcome(await ask(code, eve.text))).toBe('invitation_code_invalid');
    expect(outcome(await ask(newestCode(), honest.text))).toBe(201);
    expect((await show(id)).request).toBe(honest.text);
    for (let i = 1; i < mostResends; i++) await done(resend(id));
    expect(outcome(await resend(id))).toBe('invitation_limit_reached');
    await done(end(id));
    expect(outcome(await resend(id))).toBe('invitation_unusable');
    const became = await done(world.fetch(await alice.get(`/v1/idempotency-keys/${key}`)));
    expect(became).toMatchObject({ state: 'completed', resources: [expect.stringContaining(id)] });
  });

  test('takes a request that its key signed, for its organization', async () => {
    const { id, code } = await invited();
    const { text } = await bob();
    const elsewhere = await requestOf(world, `org_${'a'.repeat(52)}`);
    for (const request of [elsewhere.text, `${text}x`, text.slice(0, -10), 'x', 'planbok-join-request-'])
      expect(outcome(await ask(code, request))).toBe('request_invalid');
    expect((await show(id)).state).toBe('sent');
    expect(outcome(await ask(code, 'x'.repeat(20_000)))).toBe('body_too_large');
  });
});

test('what another organization has is not there', async () => {
  const { id } = await invited();
  const mallory = owner(world);
  await done(world.fetch(await mallory.found()));
  const asks = [
    await mallory.get(`/v1/invitations/${id}`),
    await mallory.delete(`/v1/invitations/${id}`),
    await mallory.post(`/v1/invitations/${id}/resend`, newKey(), new Uint8Array()),
  ];
  for (const request of asks) expect(outcome(await world.fetch(request))).toBe('invitation_not_found');
  expect(await done(world.fetch(await mallory.get('/v1/invitations')))).toEqual({ data: [] });
  expect((await show(id)).state).toBe('sent');
});

describe('the address', () => {
  const items = async () => {
    const { invitations } = world.node1.tables;
    const { items: found } = await invitations.list(
      { list: `${alice.organization}/invitation` },
      { limit: 100 },
    );
    return JSON.stringify(found);
  };

  test('and the code are in no log, no record, no statement and no key but their own', async () => {
    const { id, code } = await invited({ body: { message: 'from-alice' } });
    const { text } = await bob('Robert');
    await ask(codeOf(id, fresh(20)), text);
    await ask(code, text);
    await ask(code, (await bob('Eve')).text);
    await invite({ body: { email: 'BOB@example.org' } });
    await invite({ body: { email: 'bob@example.org@' } });
    await done(resend(id));
    const codes = [code, newestCode()];
    expect(await items()).toContain(email);
    await exchangeCheckpoints(world.lead.node, world.lead.peer, alice.organization);
    const audit = await done(world.fetch(await alice.get('/v1/audit/events', '?limit=100')));
    const records = audit.data.map(({ record }: any) => JSON.parse(record));
    const kinds = records.map(({ action, phase, policy }: any) => `${action} ${phase} ${policy}`);
    expect(kinds.filter((kind: string) => kind.startsWith('mail_')).sort()).toEqual([
      'mail_invitation.create denied request_invalid',
      'mail_invitation.create denied request_invalid',
      'mail_invitation.create intent allowed',
      'mail_invitation.create outcome allowed',
      'mail_invitation.request failed invitation_unusable',
      'mail_invitation.request intent allowed',
      'mail_invitation.request intent allowed',
      'mail_invitation.request outcome allowed',
      'mail_invitation.resend intent allowed',
      'mail_invitation.resend outcome allowed',
    ]);
    const statements = await done(world.fetch(await alice.get('/v1/statements')));
    const said = JSON.stringify([audit, statements, world.told]).toLowerCase();
    for (const secret of [
      email,
      'example.org',
      'robert',
      'from-alice',
      ...codes,
      ...codes.map((c) => c.split('.')[1] ?? ''),
    ])
      expect([secret, said.includes(secret.toLowerCase())]).toEqual([secret, false]);
    // Of the code a hash alone.
    for (const one of codes) expect(await items()).not.toContain(one.split('.')[1] ?? '');
  });

  test.each(['revoked', 'expired'])(
    'is erased when it is %s, with salt, message and request',
    async (how) => {
      const { id, code } = await invited({ body: { message: 'from-alice' } });
      await ask(code, (await bob()).text);
      expect((await show(id)).email).toBe(email);
      if (how === 'revoked') await done(end(id));
      else {
        world.clockMs += 2 * day;
        const shown = await show(id);
        expect([shown.state, shown.email, shown.salt, shown.request]).toEqual([
          how,
          undefined,
          undefined,
          undefined,
        ]);
        // The table drops it some time later; the next invitation does so now.
        await invited({ body: {}, terms: {} });
      }
      const item = await world.node1.tables.invitations.get({ id });
      for (const name of ['email', 'salt', 'message', 'request', 'hash', 'api'])
        expect(item).not.toHaveProperty(name);
      expect(await show(id)).toMatchObject({ state: how });
    },
  );
});
