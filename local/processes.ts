/**
 * The children of a local run: started with an environment and a reach of their own, stopped together.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { privateFolder } from './files.ts';
import { permissionFlags, type Reach } from './permissions.ts';
import type { Failed, Ready } from './programs/child.ts';

export interface Program {
  readonly name: string;
  /** Path of its bundle. */
  readonly bundle: string;
  /** All of it: nothing of the shell's environment goes into a node. */
  readonly env: Readonly<Record<string, string>>;
  readonly reach: Reach;
}

export interface Processes {
  /** What the program tells when it serves. @throws {Error} with its own words if it cannot start. */
  start(program: Program): Promise<Readonly<Record<string, string>>>;
  /** Starts a program that has nothing to do any more once it has told its result. */
  run(program: Program): Promise<Readonly<Record<string, string>>>;
  /** Ends all children: asks, waits, insists. */
  stop(): Promise<void>;
}

const patienceMs = 4_000;

/** @param onDeath called once if a child ends that nobody stopped */
export function processesOf(logs: string, onDeath: (name: string) => void): Processes {
  privateFolder(logs);
  const children = new Set<ChildProcess>();
  let stopping = false;

  async function launch({ name, bundle, env, reach }: Program, lasting: boolean) {
    if (stopping) throw new Error('everything is being stopped');
    const log = openSync(join(logs, `${name}.log`), 'w', 0o600);
    const flags = [
      ...permissionFlags({ ...reach, read: [bundle, ...reach.read] }),
      // Small young generations: all processes together stay below 600 MB under load.
      `--max-semi-space-size=${name.startsWith('account') ? 2 : 8}`,
      '--disable-warning=ExperimentalWarning',
      '--disable-warning=SecurityWarning',
    ];
    const child = spawn(process.execPath, [...flags, bundle], {
      env: {
        ...env,
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      },
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    children.add(child);
    child.once('exit', () => {
      children.delete(child);
      if (lasting && !stopping) onDeath(name);
    });
    const tells = await new Promise<Readonly<Record<string, string>>>((resolve, reject) => {
      child.once('error', reject);
      child.once('message', (message: Ready | Failed) => {
        if ('ready' in message) resolve(message.ready);
        else reject(new Error(`${name}: ${message.failed}`));
      });
      child.once('exit', () => reject(new Error(`${name} ended before it was ready`)));
    });
    return { child, tells };
  }

  return {
    start: async (program) => (await launch(program, true)).tells,
    async run(program) {
      const { child, tells } = await launch(program, false);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await ended;
      return tells;
    },
    async stop() {
      stopping = true;
      const ended = [...children].map((child) => new Promise((resolve) => child.once('exit', resolve)));
      for (const child of children) child.kill('SIGTERM');
      const insist = setTimeout(() => {
        for (const child of children) child.kill('SIGKILL');
      }, patienceMs);
      await Promise.all(ended);
      clearTimeout(insist);
    },
  };
}

/** The last lines of a child's log, for a message. */
export function lastWords(logs: string, name: string): string {
  try {
    return readFileSync(join(logs, `${name}.log`), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(-12)
      .join('\n');
  } catch {
    return '';
  }
}
