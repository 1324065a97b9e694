/**
 * What the command line needs from its surroundings.
 * @module
 */
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Fetch } from '../client/http.ts';

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results. */
  readonly out: (text: string) => void;
  /** Progress and errors. */
  readonly err: (text: string) => void;
  readonly readFile: (path: string) => Promise<Uint8Array>;
  /** A new file that its owner alone may read. @throws with code EEXIST if there is one */
  readonly createSecret: (path: string, text: string) => Promise<void>;
  /** The file as a whole, or as it was. */
  readonly replaceFile: (path: string, text: string) => Promise<void>;
  readonly remove: (path: string) => Promise<void>;
  /** Permission bits; undefined if there is no such file. */
  readonly modeOf: (path: string) => Promise<number | undefined>;
  readonly readStdin: () => Promise<Uint8Array>;
  /** Does a process with this id exist? */
  readonly alive: (pid: number) => boolean;
  readonly fetch: Fetch;
  readonly sleep: (ms: number) => Promise<void>;
}

export const processIo: Io = {
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  readFile: async (path) => new Uint8Array(await readFile(path)),
  createSecret: (path, text) => writeFile(path, text, { flag: 'wx', mode: 0o600 }),
  replaceFile: async (path, text) => {
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, text, { mode: 0o600 });
    await rename(draft, path);
  },
  remove: (path) => rm(path, { force: true }),
  modeOf: async (path) => {
    try {
      return (await stat(path)).mode & 0o777;
    } catch {
      return undefined;
    }
  },
  readStdin: async () => new Uint8Array(await buffer(process.stdin)),
  alive: (pid) => {
    try {
      return process.kill(pid, 0);
    } catch (error) {
      // It exists, and belongs to somebody else.
      return (error as { code?: string }).code === 'EPERM';
    }
  },
  fetch: (url, init) => fetch(url, init),
  sleep: (ms) => new Promise((done) => setTimeout(done, ms)),
};
