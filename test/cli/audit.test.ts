/**
 * The audit log on the command line: what happened, exports that an outsider verifies offline, and every way
 * in which a folder can differ from what was exported.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { csvCell } from '../../cli/commands/audit-csv.ts';
import { type Io, processIo } from '../../cli/io.ts';
import { run } from '../../cli/main.ts';
import { ownerFile } from '../../client/owner.ts';
import { exchangeCheckpoints } from '../../functions/audit/exchange.ts';
import { logOf } from '../../shared/audit/record.ts';
import { household } from '../client/world.ts';

jest.setTimeout(120_000);
const slow = process.env['SLOW'] === '1';
const nodes = ['node1', 'node2'] as const;
const files = nodes.flatMap((node) =>
  ['checkpoint', 'keys.json', 'records.ndjson'].map((name) => `${node}/${name}`),
);

let home: Awaited<ReturnType<typeof household>>;
let data: string;
let folder: string;
let wallet: string;
let event: string;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly json: any;
  readonly error: any;
}

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
  const code = await run(line.split(' '), io);
  const parsed = (text: string) => (line.includes('--json') && text !== '' ? JSON.parse(text) : undefined);
  return { code, out, err, json: parsed(out), error: err.startsWith('{') ? parsed(err)?.error : undefined };
}

const file = (name: string) => join(data, name);
const exchange = () => {
  const { node, peer } = home.reached.world.lead;
  return exchangeCheckpoints(node, peer, home.organization);
};
const offline: Partial<Io> = {
  fetch: async () => {
    throw new Error('asked somebody');
  },
};
const verify = (dir: string, more = '') => cli(`audit verify ${dir} --json${more}`, offline);
const codeOf = ({ json, code }: Ran) => [code, json?.code];
const outsider = () => {
  const { node1, node2 } = home.connection.identities;
  return ` --organization ${home.organization} --identity node1=${node1} --identity node2=${node2}`;
};

beforeAll(async () => {
  home = await household();
  data = await mkdtemp(join(tmpdir(), 'planbok-audit-'));
  await writeFile(file('run.json'), JSON.stringify({ api: home.connection.url, orgId: home.organization }));
  const owner = JSON.stringify(ownerFile(home.organization, home.seed, home.connection.identities));
  await writeFile(file('owner.json'), owner, { mode: 0o600 });
  const set = (await cli('wallet-sets create --name Main --key-types ed25519 --json')).json.id;
  const made = await cli(`wallets create --wallet-set ${set} --blockchains SOL --json`);
  wallet = made.json.data[0].id;
  for (const word of ['one', 'two']) {
    const signed = await cli(`sign --wallet ${wallet} --kind message --message ${word} --json`);
    event = signed.json.auditEventId;
  }
  // So old that each log must know what the other did.
  home.reached.world.clockMs += 60_000;
  await cli(`sign --wallet ${wallet} --kind message --message three --json`);
  await exchange();
  folder = file('export');
  expect((await cli(`audit export --out ${folder} --json`)).code).toBe(0);
}, 120_000);
afterAll(() => rm(data, { recursive: true, force: true }));
beforeEach(() => {
  home.reached.meddle = (_, __, pass) => pass();
});

describe('what happened', () => {
  test('is listed with filters, and as the timeline of a wallet', async () => {
    const timeline = await cli(`audit timeline ${wallet} --json`);
    expect(timeline.json.data.length).toBe(6);
    const intents = await cli('audit events --action sign --phase intent --limit 2 --json');
    expect(intents.json.data).toHaveLength(2);
    expect((await cli('audit events --from 2020-01-01 --to 2020-01-02 --json')).json.data).toEqual([]);
    const shown = await cli(`audit events --object ${wallet}`);
    expect(shown.out.split('\n')[0]).toMatch(/^id +time +action +phase/);
    expect((await cli('audit events --from yesterday')).code).toBe(2);
    expect((await cli('audit events --phase maybe')).code).toBe(3);
  });

  test('is proven, and what was seen is kept beside the credential', async () => {
    const proof = await cli(`audit proof ${event} --json`);
    expect(proof.json).toMatchObject({ id: event, record: { action: 'sign', object: wallet } });
    expect((await cli(`audit proof ${event}`)).out).toMatch(
      /in the log +planbok\.node1\/\w+, record \d+ of \d+/,
    );
    const shown = await cli('audit checkpoints --json');
    const kept = JSON.parse(await readFile(file('owner.json.checkpoints'), 'utf8'));
    for (const node of nodes)
      expect(kept.checkpoints[logOf(node, home.organization)].note).toBe(shown.json[node].note);
    expect((await cli('audit proof evt_none')).code).toBe(6);
  });

  test('in a log that went back is refused, with an exit code and the evidence of it', async () => {
    const [early] = await Promise.all([readFile(join(folder, 'node1/checkpoint'), 'utf8')]);
    await cli(`sign --wallet ${wallet} --kind message --message four`);
    await exchange();
    expect((await cli('audit checkpoints')).code).toBe(0);
    home.reached.meddle = async (path, _, pass) => {
      const response = await pass();
      if (!path.endsWith('/latest')) return response;
      const body: any = await response.json();
      return new Response(JSON.stringify({ ...body, node1: { ...body.node1, checkpoint: early } }));
    };
    const refused = await cli('audit checkpoints --json');
    expect([refused.code, refused.error.code]).toEqual([14, 'audit_log_went_back']);
    await cli('audit checkpoints');
    const { evidence } = JSON.parse(await readFile(file('owner.json.checkpoints'), 'utf8'));
    expect(evidence).toHaveLength(1);
    expect(evidence[0]).toMatchObject({ log: logOf('node1', home.organization), offered: { note: early } });
  });

  test('is not forgotten when its memory is damaged', async () => {
    const path = file('owner.json.checkpoints');
    const good = await readFile(path);
    await writeFile(path, '{}');
    expect(await cli('audit checkpoints')).toMatchObject({ code: 2, err: expect.stringContaining(path) });
    await writeFile(path, good);
  });
});

describe('an export', () => {
  const copyOf = async (name: string): Promise<string> => {
    await rm(file(name), { recursive: true, force: true });
    await cp(folder, file(name), { recursive: true });
    return file(name);
  };

  test('is complete, or not there', async () => {
    const found = await readdir(folder, { recursive: true });
    expect(found.filter((name) => name.includes('/')).sort()).toEqual(files);
    expect(await cli(`audit export --out ${folder}`)).toMatchObject({ code: 2 });
    let pages = 0;
    home.reached.meddle = async (path, _, pass) => {
      if (path.endsWith('/export') && ++pages === 2) return new Response('', { status: 400 });
      return pass();
    };
    expect((await cli(`audit export --out ${file('cut')}`)).code).toBe(11);
    expect((await readdir(data)).filter((name) => name.startsWith('cut'))).toEqual(['cut.partial']);
    home.reached.meddle = (_, __, pass) => pass();
    // Begun anew, whatever was left of it.
    await writeFile(file('cut.partial/stray'), 'x');
    expect((await cli(`audit export --out ${file('cut')}`)).code).toBe(0);
    expect((await verify(file('cut'))).code).toBe(0);
  });

  test('holds, without asking anybody: for its owner, and for an outsider with the identities', async () => {
    const own = await verify(folder);
    expect(own).toMatchObject({ code: 0, json: { ok: true, findings: [] } });
    expect(own.json.logs.map(({ node }: any) => node)).toEqual(['node1', 'node2']);
    await mkdir(file('elsewhere'), { recursive: true });
    const env = { PLANBOK_DATA: file('elsewhere') };
    const theirs = await cli(`audit verify ${folder}${outsider()}`, { ...offline, env });
    expect([theirs.code, theirs.out]).toEqual([0, expect.stringContaining('Both logs hold.')]);
    expect(theirs.err).toMatch(/node2: (\d+) of \1 records/);
    expect((await cli(`audit verify ${folder}`, { ...offline, env })).code).toBe(4);
    const { node1, node2 } = home.connection.identities;
    const swapped = ` --organization ${home.organization} --identity node1=${node2} --identity node2=${node1}`;
    expect(codeOf(await verify(folder, swapped))).toEqual([14, 'key_not_attested']);
    for (const wrong of [
      ' --organization org_x',
      ' --identity node1=x',
      ` --identity node1=${node1}`,
      ' --kept nowhere',
    ])
      expect([wrong, (await verify(folder, wrong)).code]).toEqual([wrong, 2]);
    expect((await verify(file('nowhere'))).code).toBe(2);
  });

  test(`is refused with any byte of any file changed (${slow ? 'all' : 'sampled'})`, async () => {
    const copy = await copyOf('flipped');
    const missed: string[] = [];
    for (const name of files) {
      const good = new Uint8Array(await readFile(join(folder, name)));
      const step = slow ? 1 : Math.ceil(good.length / 4);
      for (let at = Math.floor(Math.random() * step); at < good.length; at += step) {
        const bad = good.slice();
        bad[at] = (bad[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
        await writeFile(join(copy, name), bad);
        const ran = await verify(copy);
        if (ran.code !== 14 || typeof ran.json.code !== 'string') missed.push(`${name} byte ${at}`);
      }
      await writeFile(join(copy, name), good);
    }
    expect(missed).toEqual([]);
    expect((await verify(copy)).code).toBe(0);
  }, 7_200_000);

  test('is refused with a file more or less, under the name of what is wrong', async () => {
    const changes: [string, string, (dir: string) => Promise<unknown>][] = [
      ['file_unknown', 'a file', (dir) => writeFile(join(dir, 'notes.txt'), '')],
      ['file_unknown', 'a hidden file', (dir) => writeFile(join(dir, 'node1/.x'), '')],
      ['file_unknown', 'an empty folder', (dir) => mkdir(join(dir, 'node3'))],
      ['file_missing', 'no keys', (dir) => rm(join(dir, 'node2/keys.json'))],
      ['file_missing', 'no node', (dir) => rm(join(dir, 'node1'), { recursive: true })],
      ['record_malformed', 'a cut line', (dir) => cutOff(join(dir, 'node1/records.ndjson'), 5)],
      ['root_mismatch', 'the last two swapped', (dir) => lines(dir, (all) => swapped(all))],
      ['size_mismatch', 'a dropped record', (dir) => lines(dir, (all) => all.slice(0, -1))],
      ['record_repeated', 'a repeated record', (dir) => lines(dir, (all) => [...all, all[0] ?? ''])],
    ];
    for (const [code, what, change] of changes) {
      const copy = await copyOf('changed');
      await change(copy);
      expect([what, ...codeOf(await verify(copy))]).toEqual([what, 14, code]);
    }
  });

  test('is refused if it is older than what was kept, if that is named', async () => {
    await cli(`sign --wallet ${wallet} --kind message --message five`);
    await exchange();
    await cli('audit checkpoints');
    // It was complete in its time; whoever names what they kept asks for more.
    const older = await cli(`audit verify ${folder}`, offline);
    expect([older.code, older.err]).toEqual([0, expect.stringContaining('node1: this export is older')]);
    const kept = file('owner.json.checkpoints');
    for (const who of ['', outsider()])
      expect(codeOf(await verify(folder, `${who} --kept ${kept}`))).toEqual([14, 'log_went_back']);
    const own = join(folder, 'node1/checkpoint');
    expect(codeOf(await verify(folder, `${outsider()} --kept ${own}`))).toEqual([0, undefined]);
    expect((await verify(folder, `${outsider()} --kept ${file('run.json')}`)).code).toBe(2);
  });

  test('becomes a table in which nothing is a formula', async () => {
    const table = file('records.csv');
    const fresh = file('fresh');
    await cli(`audit export --out ${fresh}`);
    expect((await cli(`audit csv ${fresh} --out ${table} --json`, offline)).json).toEqual({ out: table });
    const rows = (await readFile(table, 'utf8')).split('\r\n');
    const records = await Promise.all(
      nodes.map(
        async (node) => (await readFile(join(fresh, node, 'records.ndjson'), 'utf8')).split('\n').length - 1,
      ),
    );
    expect(rows.length).toBe(1 + (records[0] ?? 0) + (records[1] ?? 0) + 1);
    expect(rows[0]).toBe(
      '"log","index","time","actor","role","action","object","operation","policy","phase","previous","record"',
    );
    for (const row of rows.slice(0, -1))
      for (const cell of row.split(',')) expect(cell).toMatch(/^"[^=+\-@\t\r\n]?[^"]*"$/);
    expect(['=1+1', '+1', '-1', '@x', '\tx', 'a"b', 'plain'].map(csvCell)).toEqual([
      `"'=1+1"`,
      `"'+1"`,
      `"'-1"`,
      `"'@x"`,
      `"'\tx"`,
      '"a""b"',
      '"plain"',
    ]);
    // The folder stays an export, and one that does not hold gives no table.
    expect((await verify(fresh)).code).toBe(0);
    const copy = await copyOf('untrue');
    await cutOff(join(copy, 'node1/checkpoint'), 1);
    expect((await cli(`audit csv ${copy} --out ${file('untrue.csv')}`, offline)).code).toBe(14);
    await expect(readFile(file('untrue.csv'))).rejects.toThrow();
  });
});

async function cutOff(path: string, bytes: number): Promise<void> {
  await writeFile(path, (await readFile(path)).subarray(0, -bytes));
}

/** Changes the records of Node 2. */
async function lines(dir: string, change: (all: string[]) => string[]): Promise<void> {
  const path = join(dir, 'node2/records.ndjson');
  const all = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  await writeFile(
    path,
    change(all)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

const swapped = (all: string[]): string[] => [...all.slice(0, -2), all.at(-1) ?? '', all.at(-2) ?? ''];
