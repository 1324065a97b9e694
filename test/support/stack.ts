/**
 * The whole product as a newcomer runs it: `npm start` on a folder of its own and a free port, its processes,
 * the client and the command line on it. Whatever happens in a test, nothing of it outlives the test's process.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Owner, readOwner } from '../../client/owner.ts';
import { Planbok, type PlanbokOptions } from '../../client/planbok.ts';

export const root = resolve(import.meta.dirname, '../..');

export type ProgramName = 'account1' | 'account2' | 'node1' | 'node2';
export const programNames: readonly ProgramName[] = ['account1', 'account2', 'node1', 'node2'];

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What `--json` printed; undefined if it is not JSON. */
  readonly json: any;
  /** What `--json` printed of a failure. */
  readonly error: any;
}

export interface Stack {
  readonly data: string;
  /** These three are of the latest start. */
  readonly url: string;
  readonly owner: Owner;
  readonly planbok: Planbok;
  client(options?: Partial<PlanbokOptions>): Planbok;
  /** `planbok ARGS --data FOLDER`, as a process. */
  cli(...args: readonly string[]): Promise<Ran>;
  /** Process ids: of the supervisor, and by program. Linux only. */
  pid(): number;
  pids(): Readonly<Record<ProgramName, number>>;
  /** kill -9 of some programs, or of the supervisor too; resolves when everything has ended. */
  kill(...names: readonly (ProgramName | 'supervisor')[]): Promise<void>;
  /** Ends what runs, as Ctrl-C does, and starts it again on the same folder. */
  restart(): Promise<void>;
  /** Starts it again after a `kill`. @returns milliseconds until it was ready */
  start(): Promise<number>;
  /** Ends it and removes the folder. */
  stop(): Promise<void>;
}

/** The environment without what belongs to jest, to another planbok, or to somebody's AWS. */
export const cleanEnv = (): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:NODE_OPTIONS|PLANBOK_.*|AWS_.*)$/.test(name)),
  );

/** Runs a program of the repository to its end. */
export function runNode(args: readonly string[], options: { input?: Uint8Array; cwd?: string } = {}) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((done, failed) => {
    const child = spawn(process.execPath, [...args], {
      cwd: options.cwd ?? root,
      env: cleanEnv(),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const out = { stdout: '', stderr: '' };
    child.stdout.on('data', (data: Uint8Array) => {
      out.stdout += new TextDecoder().decode(data);
    });
    child.stderr.on('data', (data: Uint8Array) => {
      out.stderr += new TextDecoder().decode(data);
    });
    child.once('error', failed);
    child.once('close', (code) => done({ code: code ?? -1, ...out }));
    child.stdin.end(options.input);
  });
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export async function runCli(args: readonly string[], options: { input?: Uint8Array } = {}): Promise<Ran> {
  const ran = await runNode([join(root, 'bin', 'planbok.mjs'), ...args], options);
  const failure = parsed(ran.stderr.trim().split('\n').at(-1) ?? '') as { error?: unknown } | undefined;
  return { ...ran, json: parsed(ran.stdout), error: failure?.error };
}

interface Run {
  readonly child: ChildProcess;
  readonly url: string;
  readonly ended: Promise<void>;
}

const spawnStart = (data: string, env: Readonly<Record<string, string>>, output: 'pipe' | 'ignore') =>
  spawn(process.execPath, [join(root, 'local', 'start.mjs'), '--port', '0', '--data', data], {
    // As under npm, it then ends when this process ends, however that happens.
    env: { ...cleanEnv(), npm_lifecycle_event: 'start', ...env },
    stdio: ['ignore', output, output],
  });

/** @throws {Error} with everything it said if it ends before it is ready */
async function launch(data: string, env: Readonly<Record<string, string>>): Promise<Run> {
  const child = spawnStart(data, env, 'pipe');
  const ended = new Promise<void>((done) => child.once('close', () => done()));
  const url = await new Promise<string>((ready, failed) => {
    let output = '';
    const hear = (bytes: Uint8Array) => {
      output += new TextDecoder().decode(bytes);
      const found = /^planbok ready (http:\/\/127\.0\.0\.1:\d+)$/m.exec(output)?.[1];
      if (found !== undefined) ready(found);
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('close', (code) => failed(new Error(`npm start ended with ${code}: ${output}`)));
  });
  return { child, url, ended };
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** The children of the supervisor, by what stands on their command lines. */
function programsOf(pid: number): Record<ProgramName, number> {
  const found: Partial<Record<ProgramName, number>> = {};
  for (const child of childrenOf(pid)) {
    const line = readFileSync(`/proc/${child}/cmdline`, 'utf8').split('\0').filter(Boolean);
    const bundle = /\/(account|node1|node2)\.mjs$/.exec(line.at(-1) ?? '')?.[1];
    const account = line.map((word) => /^--allow-fs-write=.*\/(account[12])$/.exec(word)?.[1]).find(Boolean);
    const name = (bundle === 'account' ? account : bundle) as ProgramName | undefined;
    if (name !== undefined) found[name] = child;
  }
  return found as Record<ProgramName, number>;
}

const isGone = (pid: number): boolean => {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
};

/** Where a process listens, as the kernel writes it: address and port, hex. */
export function listening(pid: number): { readonly address: string; readonly port: number }[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        return undefined;
      }
    }),
  );
  return ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      // 0A: TCP that listens; 07: UDP.
      .filter(([, , , state, , , , , , inode]) => /^0[A7]$/.test(state ?? '') && inodes.has(inode))
      .map(([, local = '']) => ({
        address: local.split(':')[0] ?? '',
        port: Number.parseInt(local.split(':')[1] ?? '', 16),
      })),
  );
}

/** Resolves when none of these processes runs any more. @throws {Error} after 20 s */
export async function gone(pids: readonly number[]): Promise<void> {
  for (let tries = 0; !pids.every(isGone); tries++) {
    if (tries > 1_000) throw new Error(`still running: ${pids.filter((pid) => !isGone(pid))}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** A folder for a local run; `stop` of its stack removes it. */
export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'planbok-e2e-'));

/** A start that is killed -9, with everything it has started, after so many milliseconds. */
export async function cutShort(data: string, afterMs: number): Promise<void> {
  const child = spawnStart(data, {}, 'ignore');
  const ended = new Promise<void>((done) => child.once('close', () => done()));
  await new Promise((done) => setTimeout(done, afterMs));
  const pid = child.pid ?? 0;
  const all = [pid, ...childrenOf(pid)];
  for (const each of all) {
    try {
      process.kill(each, 'SIGKILL');
    } catch {
      // It had ended by itself: founding does.
    }
  }
  await ended;
  await gone(all);
}

/** @param env on top of a clean environment, such as `PLANBOK_LEASE_MS`. */
export async function startStack(
  env: Readonly<Record<string, string>> = {},
  data = newFolder(),
): Promise<Stack> {
  let run: Run;
  try {
    run = await launch(data, env);
  } catch (error) {
    rmSync(data, { recursive: true, force: true });
    throw error;
  }
  const owner = readOwner(readFileSync(join(data, 'owner.json'), 'utf8'));
  const client = (options: Partial<PlanbokOptions> = {}): Planbok => {
    const { organization, key: credential, identities } = owner;
    return new Planbok({ url: run.url, organization, credential, identities, ...options });
  };
  let planbok = client();
  const pid = (): number => run.child.pid ?? 0;
  const end = async () => {
    run.child.kill('SIGTERM');
    const insist = setTimeout(() => run.child.kill('SIGKILL'), 10_000);
    await run.ended;
    clearTimeout(insist);
  };
  const start = async () => {
    const before = performance.now();
    run = await launch(data, env);
    planbok = client();
    return performance.now() - before;
  };
  return {
    data,
    get url() {
      return run.url;
    },
    owner,
    get planbok() {
      return planbok;
    },
    client,
    cli: (...args) => runCli([...args, '--data', data]),
    pid,
    pids: () => programsOf(pid()),
    async kill(...names) {
      const programs = programsOf(pid());
      const all = [pid(), ...Object.values(programs)];
      for (const name of names) process.kill(name === 'supervisor' ? pid() : programs[name], 'SIGKILL');
      await run.ended;
      await gone(all);
    },
    async restart() {
      await end();
      await start();
    },
    start,
    async stop() {
      await end();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
