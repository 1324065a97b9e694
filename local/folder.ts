/**
 * The folder of a local run: two accounts that know nothing of each other, and what the owner has.
 *
 *   account1/ account2/   credential.json, kms.json, dynamodb/, tls/
 *   account1/outbox/      mails, as files: nothing is sent
 *   owner.json            the owner's credential and the pinned identities of both nodes
 *   run.json              while it runs: {api, orgId, pid}
 *   logs/                 one file a process
 * @module
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keptJson, privateFolder, readIfThere } from './files.ts';
import type { LocalCredential } from './sigv4.ts';

/** What stands in the way of a start, for the person who started. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** The real path of the folder, made if it is not there and closed to everybody else. */
export function openFolder(path: string): string {
  // In a permission flag these are more than characters: an account would reach other folders.
  if (/[*,]/.test(path))
    throw new StartError(`the path of the data folder must not contain * or a comma: ${path}`);
  privateFolder(path);
  const folder = realpathSync(path);
  // Only a folder of ours is closed: somebody may have named their home.
  if (readIfThere(join(folder, '.planbok')) === undefined) {
    writeFileSync(join(folder, '.planbok'), 'The state of a local planbok. `npm run reset` removes it.\n');
    chmodSync(folder, 0o700);
  }
  for (const account of ['account1', 'account2']) {
    const inside = privateFolder(join(folder, account));
    // The processes of an account may read what lies below it: a link would lead them out.
    if (lstatSync(inside).isSymbolicLink()) throw new StartError(`${inside} is a link; it must be a folder`);
    privateFolder(join(inside, 'tls'));
    privateFolder(join(inside, 'audit'));
  }
  privateFolder(join(folder, 'account1', 'outbox'));
  return folder;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    // A number may have gone to another program since.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('start.mjs');
  } catch {
    return true;
  }
};

/** The process that runs on this folder, if one does. */
export function runningOn(folder: string): number | undefined {
  const pid = Number(readIfThere(join(folder, 'lock')));
  return Number.isInteger(pid) && pid > 0 && pid !== process.pid && isAlive(pid) ? pid : undefined;
}

/** Takes the folder for this process. @throws {StartError} if another one has it */
export function lockFolder(folder: string): { release(): void } {
  const path = join(folder, 'lock');
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx', mode: 0o600 });
      return { release: () => rmSync(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const other = runningOn(folder);
    if (other !== undefined || tries > 2)
      throw new StartError(
        `another planbok (process ${other ?? '?'}) runs on ${folder}; stop it, or use --data with another folder`,
      );
    rmSync(path, { force: true });
  }
}

/** The account's credential: made at the first start, in a form that AWS never issues. */
export const credentialOf = (folder: string, account: string): LocalCredential =>
  keptJson(join(folder, account, 'credential.json'), () => ({
    accessKeyId: `PLANBOKLOCAL${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(32).toString('base64url'),
  }));
