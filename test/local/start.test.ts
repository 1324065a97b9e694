import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { readOwner } from '../../client/owner.ts';
import { Planbok, readPublic } from '../../client/planbok.ts';
import { startLocalAws } from '../../local/aws.ts';
import { permissionFlags, reaches } from '../../local/permissions.ts';
import { testCredential } from '../support/local-aws.ts';

// Bundling and five processes, on a machine that may be busy.
const patience = 60_000;
const root = resolve(import.meta.dirname, '../..');
const folders: string[] = [];
const running = new Set<ChildProcess>();

afterEach(async () => {
  for (const child of running) child.kill('SIGKILL');
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'planbok-start-'));
  folders.push(folder);
  return folder;
}

interface Run {
  readonly child: ChildProcess;
  /** Everything it has printed. */
  readonly output: () => string;
  /** Resolves to the exit code. */
  readonly ended: Promise<number | null>;
  /** Resolves when it serves, or has ended. */
  readonly up: Promise<void>;
}

/** `npm start -- --data folder`, on a free port unless one is given. */
function start(
  folder: string,
  more: readonly string[] = ['--port', '0'],
  env: Record<string, string> = {},
): Run {
  const { NODE_OPTIONS: _, AWS_ENDPOINT_URL: __, ...inherited } = process.env;
  const args = [join(root, 'local', 'start.mjs'), '--data', folder, ...more];
  const child = spawn(process.execPath, args, {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  const up = new Promise<void>((done) => {
    const hear = (data: Buffer) => {
      output += data;
      if (output.includes('planbok ready')) done();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('exit', () => done());
  });
  const ended = new Promise<number | null>((done) => {
    child.once('close', (code) => {
      running.delete(child);
      done(code);
    });
  });
  return { child, output: () => output, ended, up };
}

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

/** Process ids of the children, from /proc. */
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);

/** Local addresses (hex) that a process listens on. */
function listening(pid: number): string[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        return undefined;
      }
    }),
  );
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === '0A' && inodes.has(inode))
      .map((columns) => String(columns[1])),
  );
}

const residentMb = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

const isGone = async (pid: number): Promise<boolean> => {
  for (let tries = 0; tries < 100; tries++) {
    try {
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return true;
    } catch {
      return true;
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  return false;
};

/** The organization is on disk twice: as the owner's credential, and in the registry of the nodes. */
async function expectKnown(folder: string, orgId: string): Promise<void> {
  const run = readJson(join(folder, 'run.json'));
  expect(run.orgId).toBe(orgId);
  const { organization, key, identities } = readOwner(readFileSync(join(folder, 'owner.json'), 'utf8'));
  const app = new Planbok({ url: run.api, organization, identities, credential: key });
  await expect(app.organizations.get()).resolves.toMatchObject({ id: orgId });
}

const onLinux = process.platform === 'linux' ? test : test.skip;

test(
  'starts, says where things are, keeps its secrets private, and stops with everything it started',
  async () => {
    const folder = newFolder();
    const { child, output, up, ended } = start(folder);
    await up;
    expect(output()).toMatch(/^planbok ready http:\/\/127\.0\.0\.1:\d+$/m);
    const run = readJson(join(folder, 'run.json'));
    expect(output()).toContain(`planbok ready ${run.api}\n`);
    expect(run).toEqual({ api: expect.any(String), orgId: expect.stringMatching(/^org_/), pid: child.pid });
    const owner = readJson(join(folder, 'owner.json'));
    expect(owner).toMatchObject({ version: 1, organization: run.orgId });
    for (const secret of [
      'owner.json',
      'account1/kms.json',
      'account2/credential.json',
      'account2/tls/own.pem',
    ])
      expect([secret, statSync(join(folder, secret)).mode & 0o077]).toEqual([secret, 0]);
    expect(statSync(join(folder, 'account1')).mode & 0o077).toBe(0);
    expect(output()).not.toContain(owner.seed);
    await expect(readPublic({ url: run.api }, 'getHealth')).resolves.toMatchObject({});
    // Node 1 may write mails into its outbox, and says where that is.
    const { organization, key, identities } = readOwner(readFileSync(join(folder, 'owner.json'), 'utf8'));
    const planbok = new Planbok({ url: run.api, organization, credential: key, identities });
    const invited = { email: 'bob@example.org', role: 'member', scopes: ['view'] } as const;
    expect(await planbok.mailInvitations.invite(invited)).toMatchObject({ state: 'sent' });
    const outbox = join(folder, 'account1', 'outbox');
    expect(output()).toContain(outbox);
    const [mail = ''] = readdirSync(outbox);
    expect([mail, statSync(join(outbox, mail)).mode & 0o777]).toEqual([
      expect.stringMatching(/\.eml$/),
      0o600,
    ]);

    const second = start(folder);
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain(`another planbok (process ${child.pid}) runs on`);

    if (process.platform === 'linux') {
      const pids = [child.pid as number, ...childrenOf(child.pid as number)];
      expect(pids).toHaveLength(5);
      const addresses = pids.flatMap(listening);
      expect(addresses).toHaveLength(4);
      // 127.0.0.1, as the kernel writes it.
      for (const address of addresses) expect(address).toMatch(/^0100007F:/);
      expect(pids.reduce((sum, pid) => sum + residentMb(pid), 0)).toBeLessThan(600);
    }
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(existsSync(join(folder, 'run.json'))).toBe(false);
    expect(existsSync(join(folder, 'lock'))).toBe(false);
  },
  patience,
);

onLinux(
  'a restart keeps the organization, also after the supervisor was killed; reset forgets it',
  async () => {
    const folder = newFolder();
    const first = start(folder);
    await first.up;
    const { orgId, pid } = readJson(join(folder, 'run.json'));
    const children = childrenOf(pid);
    expect(children).toHaveLength(4);
    first.child.kill('SIGKILL');
    await first.ended;
    for (const each of children) expect(await isGone(each)).toBe(true);

    const second = start(folder);
    await second.up;
    await expectKnown(folder, orgId);
    const reset = () => spawnSync(process.execPath, [join(root, 'local', 'reset.mjs'), '--data', folder]);
    expect(reset().status).toBe(1);
    expect(existsSync(join(folder, 'owner.json'))).toBe(true);

    // A child that dies takes everything with it, and the message names it.
    const [account1 = 0, ...others] = childrenOf(second.child.pid as number);
    process.kill(account1, 'SIGKILL');
    expect(await second.ended).toBe(1);
    expect(second.output()).toMatch(/account[12] has ended, so everything is stopped/);
    for (const each of others) expect(await isGone(each)).toBe(true);

    // What was acknowledged before the kill is there.
    const third = start(folder);
    await third.up;
    await expectKnown(folder, orgId);
    third.child.kill('SIGTERM');
    expect(await third.ended).toBe(0);
    expect(reset().status).toBe(0);
    expect(existsSync(folder)).toBe(false);
  },
  patience,
);

test('reset removes only what npm start made', () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'thesis.txt'), 'years of work');
  const reset = spawnSync(process.execPath, [join(root, 'local', 'reset.mjs'), '--data', folder]);
  expect(reset.status).toBe(1);
  expect(existsSync(join(folder, 'thesis.txt'))).toBe(true);
});

test(
  'a port in use, a wrong argument, and an AWS that is not on this machine end the start with a message',
  async () => {
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    const port = (other.address() as { port: number }).port;
    const taken = start(newFolder(), ['--port', String(port)]);
    expect(await taken.ended).toBe(1);
    expect(taken.output()).toContain(`port ${port} is in use`);
    other.close();
    const star = start(join(newFolder(), 'a*b'));
    expect(await star.ended).toBe(1);
    expect(star.output()).toContain('must not contain');
    const wrong = start(newFolder(), ['--prot', '1']);
    expect(await wrong.ended).toBe(1);
    expect(wrong.output()).toContain('usage: npm start');
    for (const url of ['https://dynamodb.us-east-1.amazonaws.com', 'http://127.0.0.1.example', 'nonsense']) {
      const far = start(newFolder(), undefined, { AWS_ENDPOINT_URL: url });
      expect(await far.ended).toBe(1);
      expect(far.output()).toContain('AWS_ENDPOINT_URL must be an emulator on this machine');
    }
  },
  patience,
);

describe('with AWS_ENDPOINT_URL', () => {
  test(
    'that emulator is used instead of the embedded one, and what it lacks is named',
    async () => {
      const [folder, emulated] = [newFolder(), newFolder()];
      const credential = testCredential('0123456789AB');
      const aws = await startLocalAws({
        folder: emulated,
        account: '000000000000',
        credential,
        port: 0,
        inMemory: true,
      });
      const lacking = createServer((_, response) => response.writeHead(400).end());
      await new Promise<void>((done) => lacking.listen(0, '127.0.0.1', done));
      const nothing = `http://127.0.0.1:${(lacking.address() as { port: number }).port}`;
      const refused = start(newFolder(), undefined, { AWS_ENDPOINT_URL: nothing });
      expect(await refused.ended).toBe(1);
      expect(refused.output()).toMatch(/lacks what planbok needs: (DescribeKey|CreateTable)/);

      // The emulator takes one credential only: both accounts get it.
      const first = start(folder, undefined, { AWS_ENDPOINT_URL: nothing });
      await first.ended;
      lacking.close();
      for (const account of ['account1', 'account2'])
        writeFileSync(join(folder, account, 'credential.json'), JSON.stringify(credential));
      const { child, up, ended, output } = start(folder, undefined, { AWS_ENDPOINT_URL: aws.endpoint });
      await up;
      expect(output()).toContain('planbok ready');
      expect(output()).toContain(`AWS at ${aws.endpoint}`);
      expect(existsSync(join(folder, 'account1', 'kms.json'))).toBe(false);
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
      await aws.close();
    },
    patience,
  );
});

describe('under its permission flags', () => {
  const folder = newFolder();
  const probe = join(newFolder(), 'probe.mjs');
  writeFileSync(
    probe,
    `import { readFileSync, writeFileSync } from 'node:fs';
     import { spawnSync } from 'node:child_process';
     import { Worker } from 'node:worker_threads';
     const tried = {};
     const attempt = (name, run) => { try { run(); tried[name] = 'allowed'; } catch (error) { tried[name] = error.code; } };
     for (const path of process.argv.slice(2)) attempt(path, () => readFileSync(path));
     for (const path of process.argv.slice(2)) attempt('write ' + path, () => writeFileSync(path + '.new', ''));
     attempt('spawn', () => spawnSync('true'));
     attempt('worker', () => new Worker('0', { eval: true }));
     console.log(JSON.stringify(tried));`,
  );
  const files = [
    'account1/kms.json',
    'account1/tls/own.pem',
    'account2/kms.json',
    'account2/tls/own.pem',
    'owner.json',
  ];
  const near = ['account10/kms.json', 'account1.bak/kms.json'];

  function tryAs(program: keyof ReturnType<typeof reaches>): Record<string, string> {
    const reach = reaches(folder, root)[program];
    const flags = permissionFlags({ ...reach, read: [probe, ...reach.read] });
    const paths = [...files, ...near].map((file) => join(folder, file));
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, probe, ...paths], {
      env: {},
      encoding: 'utf8',
    });
    if (!stdout) throw new Error(stderr);
    return Object.fromEntries(
      Object.entries(JSON.parse(stdout) as Record<string, string>).map(([name, result]) => [
        name.replace(`${folder}/`, ''),
        result,
      ]),
    );
  }

  test.each([
    [
      'account1',
      ['account1/kms.json', 'account1/tls/own.pem'],
      ['account1/kms.json', 'account1/tls/own.pem'],
    ],
    [
      'account2',
      ['account2/kms.json', 'account2/tls/own.pem'],
      ['account2/kms.json', 'account2/tls/own.pem'],
    ],
    ['node1', ['account1/tls/own.pem'], []],
    ['node2', ['account2/tls/own.pem'], []],
  ] as const)('%s reads %j, writes beside %j, and nothing else', (program, readable, writable) => {
    for (const file of [...files, ...near]) {
      mkdirSync(join(folder, file, '..'), { recursive: true });
      writeFileSync(join(folder, file), 'a secret');
    }
    const tried = tryAs(program);
    const allowed = Object.keys(tried).filter((name) => tried[name] === 'allowed');
    const expected = [...readable, ...writable.map((file) => `write ${file}`)];
    expect(new Set(allowed)).toEqual(new Set(expected));
    for (const [name, result] of Object.entries(tried))
      if (result !== 'allowed') expect([name, result]).toEqual([name, 'ERR_ACCESS_DENIED']);
  });
});
