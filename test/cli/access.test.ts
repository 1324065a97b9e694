/**
 * Ways in besides keys that somebody handed over: bearer tokens, and asking to join, on the command line.
 */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Io, processIo } from '../../cli/io.ts';
import { run } from '../../cli/main.ts';
import { Planbok } from '../../client/index.ts';
import { ownerFile, readReader } from '../../client/owner.ts';
import { parseBearer } from '../../shared/wire/bearer-token.ts';
import { household, url } from '../client/world.ts';

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
async function cli(line: string, env: Record<string, string> = {}): Promise<Ran> {
  let [out, err] = ['', ''];
  const io: Io = {
    ...processIo,
    env: { PLANBOK_DATA: data, ...env },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    fetch: home.reached.fetch,
    sleep: async () => {},
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

describe('tokens', () => {
  test('create, read with it, list, revoke: then it reads nothing', async () => {
    const set = (await cli('wallet-sets create --name Main --key-types ed25519 --json')).json.id;
    const other = (await cli('wallet-sets create --name Other --key-types ed25519 --json')).json.id;
    const made = await cli(`tokens create --name grafana --wallet-set ${set} --expires 30d --json`);
    expect(made.code).toBe(0);
    expect(made.json).toMatchObject({
      name: 'grafana',
      walletSets: [set],
      createdBy: expect.stringMatching(/^mem_/),
    });
    const { token, id } = made.json;
    expect(parseBearer(token)?.id).toBe(id);

    const sees = async (line: string, env = {}) => (await cli(`wallet-sets list --json${line}`, env)).json;
    for (const seen of [await sees(` --token ${token}`), await sees('', { PLANBOK_TOKEN: token })])
      expect(seen.data.map((s: any) => s.id)).toEqual([set]);
    expect((await sees('')).data.map((s: any) => s.id).sort()).toEqual([other, set].sort());
    // What signs refuses before anything is sent.
    home.reached.asked.length = 0;
    const signed = await cli('wallet-sets create --name More --json', { PLANBOK_TOKEN: token });
    expect([signed.code, signed.error.code, home.reached.asked]).toEqual([5, 'bearer_refused', []]);
    const mistyped = await cli('wallets list --json', { PLANBOK_TOKEN: `${token.slice(0, -1)}_` });
    expect([mistyped.code, mistyped.error.code, home.reached.asked]).toEqual([4, 'token_invalid', []]);

    const listed = await cli('tokens list --json');
    expect(listed.json.data).toMatchObject([{ id, name: 'grafana', lastUsed: expect.any(String) }]);
    expect(JSON.stringify(listed.json)).not.toContain(token.slice(31));
    expect((await cli(`tokens revoke ${id} --json`)).json).toMatchObject({ id, revoked: expect.any(String) });
    const after = await cli('wallets list --json', { PLANBOK_TOKEN: token });
    expect([after.code, after.error.code]).toEqual([4, 'token_invalid']);
    const unknown = await cli('tokens revoke tok_none --json');
    expect([unknown.code, unknown.error.code]).toEqual([6, 'token_not_found']);
    expect((await cli('tokens list')).out).toContain('grafana');
  });

  test('a file with a token is enough to read, and holds what is pinned', async () => {
    const out = file('reader.json');
    const made = await cli(`tokens create --name app --expires 1d --out ${out} --json`);
    expect(made.json).not.toHaveProperty('token');
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    const reader = readReader(await readFile(out, 'utf8'));
    expect(reader).toMatchObject({ organization: home.organization, identities: home.connection.identities });
    await rm(file('owner.json'));
    expect((await cli(`wallets list --json --credential ${out}`)).json).toEqual({ data: [] });
    expect((await cli(`members list --json --credential ${out}`)).json.data).toHaveLength(1);
    const there = await cli(`tokens create --name app --expires 1d --out ${out} --json`);
    expect([there.code, there.error.code]).toEqual([2, 'usage']);
  });

  test('a token whose file cannot be written is revoked again', async () => {
    const refused = await cli(`tokens create --name app --expires 1d --out ${file('no/where')} --json`);
    expect([refused.code, refused.error.code]).toEqual([2, 'usage']);
    const { data: tokens } = (await cli('tokens list --json')).json;
    expect(tokens).toMatchObject([{ name: 'app', revoked: expect.any(String) }]);
    expect((await readdir(data)).sort()).toEqual(['owner.json', 'run.json']);
  });

  test('too long a life and somebody without the role are refused', async () => {
    const long = await cli('tokens create --name app --expires 400d --json');
    expect([long.code, long.error.code]).toEqual([3, 'request_invalid']);
    const bob = (await cli('members add --name Bob --role member --out '.concat(file('bob.json'), ' --json')))
      .json;
    const refused = await cli(`tokens create --name app --expires 1d --json --credential ${bob.file}`);
    expect([refused.code, refused.error.code]).toEqual([5, 'role_missing']);
  });
});

test('an SDK client with a token reads; the answer that showed a token can be lost', async () => {
  const expires = new Date(home.reached.world.clockMs + 3_600_000).toISOString();
  const { token } = await home.ada.tokens.create({ name: 'sdk', expires });
  const { organization, connection } = home;
  const reader = new Planbok({ ...connection, organization, credential: { token } });
  expect((await reader.registry.refresh()).organization).toBe(organization);
  expect((await reader.organizations.get()).id).toBe(organization);
  await expect(reader.members.add({ name: 'x', role: 'member' })).rejects.toMatchObject({
    code: 'bearer_refused',
  });

  let lost = 0;
  home.reached.meddle = async (path, init, pass) => {
    const response = await pass();
    if (path === '/v1/tokens' && init.method === 'POST' && lost++ === 0) throw new Error('lost');
    return response;
  };
  const again = home.ada.tokens.create({ name: 'lost', expires });
  await expect(again).rejects.toMatchObject({
    code: 'result_invalid',
    message: expect.stringMatching(/revoke it/),
  });
  expect(lost).toBe(2);
});

describe('asking to join', () => {
  const ask = async (name = 'Bob') =>
    (await cli(`members ask ${home.organization} --name ${name} --out ${file(`${name}.json`)} --json`)).json;
  const admit = (request: string, fingerprint: string) =>
    cli(`members admit ${request} --fingerprint ${fingerprint} --role admin --json`);

  test('the request gives nothing; confirmed by its fingerprint, the key that asked is a member', async () => {
    const bob = await ask();
    expect(bob.fingerprint).toMatch(/^[a-z2-7]{4}(-[a-z2-7]{4}){4}$/);
    expect((await stat(bob.file)).mode & 0o777).toBe(0o600);
    const { seed } = JSON.parse(await readFile(bob.file, 'utf8'));
    const sent = Buffer.from(bob.request.replace('planbok-join-request-', ''), 'base64url').toString();
    expect(sent).not.toContain(seed);
    const before = await cli(`wallets list --json --credential ${bob.file}`);
    expect([before.code, before.error.code]).toEqual([4, 'credential_unknown']);

    const added = await admit(bob.request, bob.fingerprint.toUpperCase().replaceAll('-', ''));
    expect(added.json).toMatchObject({ name: 'Bob', role: 'admin', kind: 'member.add' });
    expect((await cli(`wallets list --json --credential ${bob.file}`)).code).toBe(0);
    // Once: the key has its member.
    const again = await admit(bob.request, bob.fingerprint);
    expect([again.code, again.error.code]).toEqual([8, 'statement_refused']);
  });

  test('whoever puts another key, name or node into it changes the fingerprint, or the proof fails', async () => {
    const [bob, eve] = [await ask(), await ask('Eve')];
    home.reached.asked.length = 0;
    // Somebody in between replaces the whole request: the fingerprint that Bob reads out is not its.
    const swapped = await admit(eve.request, bob.fingerprint);
    expect([swapped.code, swapped.error.code]).toEqual([11, 'join_request_invalid']);
    expect(swapped.error.message).toContain(eve.fingerprint);
    const decode = (text: string) =>
      JSON.parse(Buffer.from(text.replace('planbok-join-request-', ''), 'base64url').toString());
    const encode = (value: object) =>
      `planbok-join-request-${Buffer.from(JSON.stringify(value)).toString('base64url')}`;
    const signed = decode(bob.request);
    for (const change of [
      { key: decode(eve.request).request.key },
      { name: 'Mallory' },
      { nonce: decode(eve.request).request.nonce },
      { identities: { ...signed.request.identities, node2: signed.request.identities.node1 } },
      { organization: 'org_other' },
    ]) {
      const request = encode({ ...signed, request: { ...signed.request, ...change } });
      const refused = await admit(request, bob.fingerprint);
      expect([change, refused.error.code]).toEqual([change, 'join_request_invalid']);
    }
    for (const text of ['', 'planbok-join-request-', `${bob.request}x`, encode({ ...signed, signature: '' })])
      expect(() => home.ada.members.readRequest(text)).toThrow(
        expect.objectContaining({ code: 'join_request_invalid' }),
      );
    expect(home.reached.asked).toEqual([]);
  });

  test('an API that names other nodes deceives whoever asks, and not whoever admits', async () => {
    home.reached.meddle = async (path, _, pass) => {
      const response = await pass();
      if (path !== '/v1/attestations') return response;
      const body: any = await response.json();
      body.nodes[1].identity = body.nodes[0].identity;
      return new Response(JSON.stringify(body), { status: 200 });
    };
    const bob = await ask();
    const refused = await admit(bob.request, bob.fingerprint);
    expect([refused.error.code, refused.error.message]).toEqual([
      'join_request_invalid',
      expect.stringContaining('takes the nodes for others'),
    ]);
  });
});
