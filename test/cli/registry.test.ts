import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Io, processIo } from '../../cli/io.ts';
import { run } from '../../cli/main.ts';
import { ownerFile, readOwner } from '../../client/owner.ts';
import { household, url } from '../client/world.ts';
import { authenticator } from '../support/authenticator.ts';

let home: Awaited<ReturnType<typeof household>>;
let data: string;

beforeEach(async () => {
  home = await household();
  data = await mkdtemp(join(tmpdir(), 'planbok-cli-'));
  await writeFile(join(data, 'run.json'), JSON.stringify({ api: url, orgId: home.organization }));
  const owner = JSON.stringify(ownerFile(home.organization, home.seed, home.connection.identities));
  await writeFile(join(data, 'owner.json'), owner, { mode: 0o600 });
});
afterEach(() => rm(data, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly json: any;
  readonly error: any;
}

/** Runs words of a command line; values with spaces are not needed here. */
async function cli(line: string, overrides: Partial<Io> = {}): Promise<Ran> {
  let [out, err] = ['', ''];
  const io: Io = {
    ...processIo,
    env: { PLANBOK_DATA: data },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    fetch: home.reached.fetch,
    sleep: async () => {},
    ...overrides,
  };
  const args = line.split(' ');
  const code = await run(args, io);
  const asJson = args.includes('--json');
  return {
    code,
    out,
    err,
    json: asJson && code === 0 ? JSON.parse(out) : undefined,
    error: asJson && err !== '' ? JSON.parse(err).error : undefined,
  };
}

const file = (name: string) => join(data, name);

async function newWallet(): Promise<{ set: string; wallet: string }> {
  const set = (await cli('wallet-sets create --name Main --key-types ed25519 --json')).json.id;
  const made = await cli(`wallets create --wallet-set ${set} --blockchains SOL --json`);
  return { set, wallet: made.json.data[0].id };
}
const sign = (wallet: string, credential: string) =>
  cli(`sign --wallet ${wallet} --kind message --message hello --json --credential ${credential}`);

describe('api-keys', () => {
  test('create makes a credential file, which signs with its wallet set and with no other', async () => {
    const [one, two] = [await newWallet(), await newWallet()];
    const made = await cli(`api-keys create --name app --role member --scope ${one.set}:sign --json`);
    expect(made.code).toBe(0);
    expect(made.json).toMatchObject({
      id: expect.stringMatching(/^apk_/),
      name: 'app',
      role: 'member',
      scopes: { [one.set]: ['view', 'sign'] },
      seq: '1',
    });
    expect((await stat(made.json.file)).mode & 0o777).toBe(0o600);
    expect((await sign(one.wallet, made.json.file)).json).toMatchObject({ state: 'completed' });
    const other = await sign(two.wallet, made.json.file);
    expect([other.code, other.error.code]).toEqual([6, 'wallet_not_found']);
    const may = await cli(`wallet-sets create --name More --json --credential ${made.json.file}`);
    expect([may.code, may.error.code]).toEqual([5, 'scope_missing']);

    const listed = await cli('api-keys list');
    expect(listed.out).toContain(`${one.set}:view,sign`);
    const revoked = await cli(`api-keys revoke ${made.json.id} --json`);
    expect(revoked.json).toMatchObject({ kind: 'api_key.revoke', id: made.json.id });
    const after = await sign(one.wallet, made.json.file);
    expect([after.code, after.error.code]).toEqual([4, 'credential_inactive']);
    expect((await cli('api-keys list --json')).json).toEqual({ data: [] });
  });

  test('scopes add up, are given exactly if asked for, and have limits', async () => {
    const { set } = await newWallet();
    const out = file('key.json');
    const made = await cli(
      `api-keys create --name app --scope ${set}:sign,create_wallet --scope *:view --exact --cidr 10.0.0.0/8 --cidr ::1/128 --expires 30d --out ${out} --json`,
    );
    expect(made.json).toMatchObject({
      file: out,
      scopes: { [set]: ['sign', 'create_wallet'], '*': ['view'] },
      cidrs: ['10.0.0.0/8', '::1/128'],
    });
    const { data: keys } = (await cli('api-keys list --json')).json;
    expect(keys).toMatchObject([{ scopes: made.json.scopes, expires: made.json.expires }]);
    expect(Date.parse(made.json.expires) - Date.now()).toBeGreaterThan(29 * 86_400_000);
    const { head, seq } = made.json;
    const { organization } = home;
    expect(readOwner(await readFile(out, 'utf8'))).toMatchObject({ organization, known: { head, seq } });
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    expect((await readdir(data)).filter((name) => name.startsWith('key.json'))).toEqual(['key.json']);
  });

  test('rotate makes another file; the old key has an end, and both work until then', async () => {
    const made = await cli('api-keys create --name app --role read --scope *:view --json');
    const rotated = await cli(`api-keys rotate ${made.json.id} --overlap 1h --json`);
    expect(rotated.json.file).not.toBe(made.json.file);
    for (const { json } of [made, rotated])
      expect((await cli(`wallets list --json --credential ${json.file}`)).code).toBe(0);
    const [key] = (await cli('api-keys list --json')).json.data;
    expect(key.credentials.map((one: any) => one.until)).toEqual([rotated.json.overlapUntil, undefined]);
    const life = Date.parse(rotated.json.overlapUntil) - Date.now();
    expect([life > 3_500_000, life <= 3_600_000]).toEqual([true, true]);
  });

  test('a refused statement leaves no file, and a file that is there is not touched', async () => {
    const before = await readdir(data);
    const refused = await cli('api-keys create --name app --scope wset_none:view --json');
    expect([refused.code, refused.error.code]).toEqual([8, 'statement_refused']);
    expect(await readdir(data)).toEqual(before);
    const there = await cli(`api-keys create --name app --scope *:view --out ${file('owner.json')} --json`);
    expect([there.code, there.error.code]).toEqual([2, 'usage']);
    expect(readOwner(await readFile(file('owner.json'), 'utf8')).organization).toBe(home.organization);
  });

  test('a file is kept if nobody can say what became of the statement', async () => {
    home.reached.meddle = async (path, init, pass) => {
      const response = await pass();
      if (path === '/v1/statements' && init.method === 'POST') throw new Error('the line broke');
      return response;
    };
    const out = file('key.json');
    const lost = await cli(`api-keys create --name app --scope *:view --out ${out} --json`);
    expect([lost.code, lost.error.code]).toEqual([10, 'network_error']);
    home.reached.meddle = (_, __, pass) => pass();
    expect((await cli(`api-keys list --json --credential ${out}`)).json.data).toHaveLength(1);
  });

  test.each([
    ['api-keys create --name app --scope sign', 'names no wallet set'],
    ['api-keys create --name app --scope *:wish', 'no such scope: wish'],
    ['api-keys create --name app --role owner --scope *:view', '--role is member or read'],
    ['api-keys create --name app --scope *:view --expires soon', '--expires is a time'],
    ['api-keys create --name app', '--scope is missing'],
    ['api-keys rotate apk_x --overlap 5', '--overlap is a time'],
    ['members add --name Bob --role boss', '--role is one of'],
    ['members invite --role member --scopes fly', 'no such scope: fly'],
    ['members add --name Bob --role member --public-key AA --out x', '--out is for a key'],
    ['members add --name Bob --role member --public-key AA --algorithm rsa', '--algorithm is'],
  ])('planbok %s is not understood', async (line, why) => {
    const { code, err } = await cli(line);
    expect([code, err]).toEqual([2, expect.stringContaining(why)]);
  });
});

describe('members', () => {
  test('invite and join: whoever has the token makes their own key, and is a member', async () => {
    const invited = await cli('members invite --role admin --expires 12h --json');
    expect(invited.json).toMatchObject({ role: 'admin', id: expect.stringMatching(/^inv_/) });
    const out = file('bob.json');
    // On a machine that has no owner.json and runs nothing.
    const env = { PLANBOK_DATA: file('elsewhere') };
    const readStdin = async () => new TextEncoder().encode(`${invited.json.token}\n`);
    const joined = await cli(`members join - --name Bob --out ${out} --json`, { env, readStdin });
    expect(joined.json).toMatchObject({ organization: home.organization, file: out, seq: '2' });
    const seen = await cli(`members list --credential ${out} --api ${url}`, { env });
    expect(seen.out).toMatch(new RegExp(`${joined.json.member} +Bob +admin`));
    const again = await cli(`members join ${invited.json.token} --name Eve --json`);
    expect([again.code, again.error.code]).toEqual([7, 'statement_conflict']);
    const renewed = await cli(`members renew-invitation ${invited.json.token} --json`);
    const used = await cli(`members join ${renewed.json.token} --name Eve --json`);
    expect(used.error.code).toBe('invitation_unusable');
    expect(used.err).not.toContain(invited.json.token);
  });

  test('are added with a key of theirs or one made here, change roles, and go', async () => {
    const bare = await cli('members add --name Bob --role member --json');
    const out = file('carol.json');
    const carol = await cli(`members add --name Carol --role admin --out ${out} --json`);
    const further = await cli(`credentials add --scopes view --json --credential ${out}`);
    expect(further.json).toMatchObject({ member: carol.json.id });
    const publicKey = Buffer.from(readOwner(await readFile(out, 'utf8')).key.publicKey).toString('base64url');
    const taken = await cli(`members add --name Dan --role member --public-key ${publicKey} --json`);
    expect(taken.error.code).toBe('statement_refused');
    expect((await cli(`members role ${bare.json.id} admin`)).code).toBe(0);
    const { data: members } = (await cli('members list --json')).json;
    expect(members.map(({ name, role, credentials }: any) => [name, role, credentials.length])).toEqual([
      ['Ada', 'owner', 1],
      ['Bob', 'admin', 0],
      ['Carol', 'admin', 2],
    ]);
    expect((await cli(`credentials revoke ${further.json.id} --json --credential ${out}`)).code).toBe(0);
    const removed = await cli(`members remove ${carol.json.id} --credential ${out} --json`);
    expect([removed.code, removed.error.code]).toEqual([5, 'role_missing']);
    expect((await cli(`members remove ${carol.json.id}`)).code).toBe(0);
    expect((await cli(`org show --json --credential ${out}`)).error.code).toBe('credential_inactive');
    const last = await cli(`members remove ${members[0].id} --json`);
    expect([last.code, last.error.code]).toEqual([7, 'last_owner']);
  });

  test('with passkeys are listed with the domain of each; the command line cannot use one, and says so', async () => {
    const { key } = authenticator();
    const credential = { ...key, scopes: ['view'] } as const;
    await home.ada.members.add({ name: 'Pia', role: 'member', credential });
    const row = /(key_[a-z2-7]{26}) +passkey of wallet\.example\.com +https:\S+ https:\S+ +view +Pia/;
    expect((await cli('credentials list')).out).toMatch(row);
    expect((await cli('members list')).out).toMatch(
      /Pia .*key_[a-z2-7]{26} \(passkey of wallet\.example\.com\)/,
    );
    expect((await cli('org show')).out).toMatch(
      /key_[a-z2-7]{26} +passkey of wallet\.example\.com +view +Pia/,
    );
    const { data } = (await cli('credentials list --json')).json;
    expect(data).toContainEqual(
      expect.objectContaining({
        algorithm: 'webauthn-es256',
        rpId: key.rpId,
        origins: key.origins,
        name: 'Pia',
      }),
    );
    const out = file('passkey.json');
    await writeFile(out, JSON.stringify({ version: 1, algorithm: key.algorithm, publicKey: key.publicKey }));
    const used = await cli(`members list --json --credential ${out}`);
    expect([used.code, used.error.code]).toEqual([4, 'credential_unknown']);
    expect(used.error.message).toContain('a passkey signs in the browser alone');
    const added = await cli(
      `members add --name Bob --role member --public-key x --algorithm ${key.algorithm}`,
    );
    expect([added.code, added.err]).toEqual([2, expect.stringContaining('a passkey is made in a browser')]);
    const other = await cli('members add --name Bob --role member --public-key x --algorithm rsa');
    expect(other.err).toContain('ed25519 or ecdsa-p256-sha256');
  });

  test('an invitation is withdrawn', async () => {
    const { json } = await cli('members invite --role member --json');
    expect((await cli(`members uninvite ${json.id}`)).out).toContain(json.id);
    const renewed = await cli(`members renew-invitation ${json.token} --json`);
    const late = await cli(`members join ${renewed.json.token} --name Eve --json`);
    expect(late.error.code).toBe('invitation_unusable');
  });
});

describe('what was seen of the registry', () => {
  test('is shown, and remembered beside the credential: a log without it is refused', async () => {
    await cli('members add --name Bob --role member');
    const shown = await cli('org show --json');
    expect(shown.json).toMatchObject({ id: home.organization, seq: '1' });
    const kept = JSON.parse(await readFile(file('owner.json.head'), 'utf8'));
    expect(kept).toEqual({ organization: home.organization, head: shown.json.head, seq: '1' });
    expect((await stat(file('owner.json.head'))).mode & 0o777).toBe(0o600);
    home.reached.meddle = async (path, init, pass) => {
      const response = await pass();
      if (path !== '/v1/statements' || init.method !== 'GET') return response;
      const page: any = await response.json();
      const cut = { data: page.data.slice(0, 1), seq: '0', head: home.organization };
      return new Response(JSON.stringify(cut), { status: 200 });
    };
    const lied = await cli('members list --json');
    expect([lied.code, lied.error.code]).toEqual([11, 'registry_invalid']);
    await rm(file('owner.json.head'));
    expect((await cli('members list --json')).json.data).toHaveLength(1);
  });

  test.each([
    ['not JSON'],
    ['{"organization":"org_other","head":"x","seq":"9"}'],
    ['{"head":"x"}'],
    ['null'],
  ])('a file of it that says %s is not used', async (text) => {
    await writeFile(file('owner.json.head'), text);
    expect((await cli('org show --json')).json).toMatchObject({ seq: '0' });
  });

  test('a folder that cannot be written to does not undo what was stated', async () => {
    const replaceFile = async () => {
      throw new Error('read-only');
    };
    expect((await cli('members add --name Bob --role member', { replaceFile })).code).toBe(0);
    expect((await cli('members list --json')).json.data).toHaveLength(2);
  });
});

test('--credential is who doctor and org show ask as', async () => {
  const made = await cli(`api-keys create --name app --role read --scope *:view --json`);
  const checked = await cli(`doctor --json --credential ${made.json.file}`);
  const byCheck = checked.code <= 1 ? JSON.parse(checked.out).checks : [];
  const detail = (name: string) => byCheck.find((one: any) => one.check.includes(name))?.detail;
  expect(detail('names an API')).toContain(made.json.keyId);
  expect(detail('is accepted')).toContain(home.organization);
  const gone = await cli('org show --json --credential /nowhere/key.json');
  expect([gone.code, gone.error.message]).toEqual([4, expect.stringContaining('/nowhere/key.json')]);
});
