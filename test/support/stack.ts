/**
 * The whole product as a newcomer runs it: `npm start` on a folder of its own and a free port, its processes,
 * the client and the command line on it. Whatever happens in a test, nothing of it outlives the test's process.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Owner, readOwner } from '../../client/owner.ts';
import { Planbok, type PlanbokOptions } from '../../client/planbok.ts';
import { childrenOf, gone, type ProgramName, programsOf } from './processes.ts';

export const root = resolve(import.meta.dirname, '../..');

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

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
};

/** `planbok ARGS`, as a process. @param input for its standard input */
export async function runCli(args: readonly string[], input?: Uint8Array): Promise<Ran> {
  const child = spawn(process.execPath, [join(root, 'bin', 'planbok.mjs'), ...args], {
    cwd: root,
    env: cleanEnv(),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(input);
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number>((done) => child.once('close', (status) => done(status ?? -1))),
  ]);
  const failure = parsed(stderr.trim().split('\n').at(-1) ?? '') as { error?: unknown } | undefined;
  return { code, stdout, stderr, json: parsed(stdout), error: failure?.error };
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
