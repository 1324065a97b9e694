/**
 * Inviting by mail on the command line, from the mail to the member: and what a Node 1 that lies gets out of it.
 */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import PostalMime from 'postal-mime';
import { type Io, processIo } from '../../cli/io.ts';
import { run } from '../../cli/main.ts';
import { ownerFile } from '../../client/owner.ts';
import { outbox } from '../../functions/adapters/outbox.ts';
import { household, url } from '../client/world.ts';
import { requestOf } from '../support/ask.ts';

let home: Awaited<ReturnType<typeof household>>;
let data: string;
let mails: string;

beforeEach(async () => {
  home = await household();
  data = await mkdtemp(join(tmpdir(), 'planbok-cli-'));
  mails = await mkdtemp(join(tmpdir(), 'planbok-mail-'));
  const { world } = home.reached;
  Object.assign(world.lead.inviting, { mailer: outbox(mails, () => world.clockMs) });
  const owner = JSON.stringify(ownerFile(home.organization, home.seed, home.connection.identities));
  await writeFile(join(data, 'owner.json'), owner, { mode: 0o600 });
});
afterEach(() => Promise.all([data, mails].map((folder) => rm(folder, { recursive: true, force: true }))));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly json: any;
  readonly error: any;
}

/** Runs words of a command line, as they are, as somebody with `--api` in their environment. */
async function cli(args: readonly string[], folder = data): Promise<Ran> {
  let [out, err] = ['', ''];
  const io: Io = {
    ...processIo,
    env: { PLANBOK_DATA: folder, PLANBOK_API: url },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    fetch: home.reached.fetch,
    sleep: async () => {},
  };
  const code = await run([...args], io);
  const asJson = args.includes('--json');
  return {
    code,
    out,
    json: asJson && code === 0 ? JSON.parse(out) : undefined,
    error: asJson && err !== '' ? JSON.parse(err).error : undefined,
  };
}
const words = (line: string) => cli([...line.split(' '), '--json']);

const file = (name: string) => join(data, name);
const invite = async (more = ''): Promise<any> =>
  (await words(`members invite --mail bob@example.org --role admin${more}`)).json;
/** The newest mail's command, as somebody would copy it, with their own name and file. */
async function commandIn(name = 'Bob'): Promise<string[]> {
  const newest = (await readdir(mails)).sort().at(-1) ?? '';
  const { text = '' } = await PostalMime.parse(await readFile(join(mails, newest)));
  const line = /^ {2}planbok (join .*)$/m.exec(text)?.[1] ?? '';
  return line
    .replace('"Your name"', name)
    .replace('planbok-credential.json', file(`${name}.json`))
    .split(' ');
}
const joined = async (name = 'Bob'): Promise<Ran> => cli([...(await commandIn(name)), '--json']);
const admit = (id: string, fingerprint: string) =>
  words(`invitations admit ${id} --fingerprint ${fingerprint}`);
const listed = async (): Promise<any[]> => (await words('invitations list')).json.data;

test('invite, join with the command of the mail, read the fingerprint out, admit', async () => {
  const sent = await invite(' --expires 2d --message Welcome');
  expect(sent).toMatchObject({ state: 'sent', role: 'admin', email: 'bob@example.org', invitedBy: 'Ada' });
  const bob = (await joined()).json;
  expect(bob.fingerprint).toMatch(/^[a-z2-7]{4}(-[a-z2-7]{4}){4}$/);
  expect((await stat(bob.file)).mode & 0o777).toBe(0o600);
  // The code gave nothing.
  const before = await words(`wallets list --credential ${bob.file}`);
  expect([before.code, before.error.code]).toEqual([4, 'credential_unknown']);
  const [one] = await listed();
  expect(one).toMatchObject({
    id: sent.id,
    state: 'requested',
    request: { name: 'Bob', fingerprint: bob.fingerprint },
  });
  expect((await cli(['invitations', 'list'])).out).toContain(bob.fingerprint);

  const added = await admit(sent.id, bob.fingerprint.toUpperCase().replaceAll('-', ''));
  expect(added.json).toMatchObject({ name: 'Bob', role: 'admin', kind: 'member.add' });
  expect((await words(`wallets list --credential ${bob.file}`)).code).toBe(0);
  const [after] = await listed();
  expect([after.state, after.email, after.request]).toEqual(['admitted', undefined, undefined]);
  const again = await admit(sent.id, bob.fingerprint);
  expect([again.code, again.error.code]).toEqual([7, 'invitation_unusable']);
});

test('a mail that somebody else read first: the honest one is refused and said so, resend puts it right', async () => {
  const { id } = await invite();
  const eve = (await joined('Eve')).json;
  const refused = await joined();
  expect([refused.code, refused.error.code]).toEqual([7, 'invitation_unusable']);
  // Nobody needs the key of a request that was not taken.
  expect((await readdir(data)).includes('Bob.json')).toBe(false);
  const [one] = await listed();
  expect(one).toMatchObject({ contested: true, request: { fingerprint: eve.fingerprint } });
  expect((await cli(['invitations', 'list'])).out).toContain('somebody else may have read the mail');
  const old = await commandIn();
  expect((await words(`invitations resend ${id}`)).json).toMatchObject({ state: 'sent', resends: 1 });
  const late = await cli([...old, '--json']);
  expect([late.code, late.error.code]).toEqual([5, 'invitation_code_invalid']);
  // Files of one moment have no order: the new one is not the old one.
  home.reached.world.clockMs += 1;
  await words(`invitations resend ${id}`);
  const bob = (await joined()).json;
  expect((await admit(id, bob.fingerprint)).json).toMatchObject({ role: 'admin' });
});

test('withdrawn it is over: nobody asks, nobody is admitted', async () => {
  const { id } = await invite();
  const bob = (await joined()).json;
  expect((await words(`invitations revoke ${id}`)).json).toMatchObject({ state: 'revoked' });
  const refused = await admit(id, bob.fingerprint);
  expect([refused.code, refused.error.code]).toEqual([7, 'invitation_unusable']);
  expect((await joined('Carol')).error.code).toBe('invitation_code_invalid');
  expect((await words('members list')).json.data).toHaveLength(1);
});

describe('a Node 1 that lies gets nobody admitted', () => {
  /** Changes what the API answers of one invitation. */
  const lie = (change: (shown: any) => void) => {
    home.reached.meddle = async (path, init, pass) => {
      const response = await pass();
      if (!/^\/v1\/invitations\/inm_/.test(path) || init.method !== 'GET') return response;
      const shown: any = await response.json();
      change(shown);
      return new Response(JSON.stringify(shown), { status: 200 });
    };
  };
  const members = async () => {
    home.reached.meddle = (_, __, pass) => pass();
    return (await words('members list')).json.data;
  };

  test('with another request in place of the one that came: the fingerprint differs', async () => {
    const { id } = await invite();
    const bob = (await joined()).json;
    const eve = await requestOf(home.reached.world, home.organization, 'Bob');
    lie((shown) => {
      shown.request = eve.text;
    });
    const refused = await admit(id, bob.fingerprint);
    expect([refused.code, refused.error.code]).toEqual([11, 'join_request_invalid']);
    expect(refused.error.message).toContain(eve.fingerprint);
    expect(await members()).toHaveLength(1);
  });

  test('with other terms, another address, or terms of an inviter who is none', async () => {
    const { id } = await invite();
    const bob = (await joined()).json;
    const lies: ((shown: any) => void)[] = [
      (shown) => Object.assign(shown.terms, { role: 'owner' }),
      (shown) => Object.assign(shown.terms, { scopes: ['view', 'approve'] }),
      (shown) => Object.assign(shown.terms, { expires: '2999-01-01T00:00:00.000Z' }),
      (shown) => Object.assign(shown.terms, { keyId: `${home.organization}/key_${'a'.repeat(26)}` }),
      (shown) => Object.assign(shown, { email: 'eve@example.org' }),
      (shown) => Object.assign(shown, { salt: undefined }),
      (shown) => Object.assign(shown, { email: undefined, salt: undefined }),
      (shown) =>
        Object.assign(shown, {
          signature: shown.signature.replace(/^./, (c: string) => (c === 'A' ? 'B' : 'A')),
        }),
      (shown) => Object.assign(shown, { id: `inm_${'a'.repeat(26)}` }),
    ];
    for (const [i, change] of lies.entries()) {
      lie(change);
      const refused = await admit(id, bob.fingerprint);
      expect([i, refused.code, refused.error.code]).toEqual([i, 11, 'result_invalid']);
    }
    expect(await members()).toHaveLength(1);
  });

  test('with terms that another signed for another person: their address or id is not this one', async () => {
    const raised = (await words('members invite --mail eve@example.org --role owner')).json;
    const { id } = await invite();
    const bob = (await joined()).json;
    const { inviting } = home.reached.world.lead;
    const { terms, signature, addressee } = await inviting.invitations.get(home.organization, raised.id);
    const { email, salt } = addressee ?? {};
    // With their address, or with the one that belongs to them.
    for (const swapped of [
      { terms, signature },
      { terms, signature, email, salt },
    ]) {
      lie((answer) => Object.assign(answer, swapped));
      const refused = await admit(id, bob.fingerprint);
      expect([refused.code, refused.error.code]).toEqual([11, 'result_invalid']);
    }
    expect(await members()).toHaveLength(1);
  });

  test('the list says what does not hold, and admits nothing by itself', async () => {
    const admin = (await words(`members add --name Al --role admin --out ${file('al.json')}`)).json;
    await words(`members invite --mail bob@example.org --role member --credential ${admin.file}`);
    expect((await listed())[0]).not.toHaveProperty('problem');
    const bob = (await joined()).json;
    await words(`members remove ${admin.id}`);
    const [one] = await listed();
    expect(one.problem).toContain('no member, or not any more');
    const refused = await admit(one.id, bob.fingerprint);
    expect(refused.error.code).toBe('result_invalid');
  });

  test('an expiry that passed holds at the client too', async () => {
    const { id } = await invite(' --expires 1h');
    const bob = (await joined()).json;
    const kept = await home.reached.world.lead.inviting.invitations.get(home.organization, id);
    const { addressee, request } = kept;
    home.reached.world.clockMs += 2 * 3_600_000;
    lie((shown) =>
      Object.assign(shown, { state: 'requested', request, email: addressee?.email, salt: addressee?.salt }),
    );
    const client = home.clientOf();
    await expect(client.mailInvitations.admit({ id, fingerprint: bob.fingerprint })).rejects.toMatchObject({
      code: 'invitation_unusable',
    });
    expect(await client.members.list()).toHaveLength(1);
  });
});

test('usage', async () => {
  const [bare, both] = [
    await words('members invite --role member --message Hi'),
    await words('invitations admit inm_x'),
  ];
  expect([bare.code, both.code]).toEqual([2, 2]);
  const help = await cli(['join', '--help']);
  expect(help.out).toContain('The code gives nobody any rights.');
  const noName = await words('join x --organization org_x');
  expect([noName.code, noName.error.code]).toEqual([2, 'usage']);
});
