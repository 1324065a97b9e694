/**
 * What a process of one account may touch: Node's permission flags. The processes of the other account, the
 * owner's credential and everything else on the disk are out of reach.
 * @module
 */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';

export interface Reach {
  /** Files and folders; they must exist, and a folder opens what is below it. */
  readonly read: readonly string[];
  readonly write?: readonly string[];
  /** Native code: the local database needs it. */
  readonly addons?: boolean;
}

/** Flags for this version of Node. No flag opens child processes, workers or inspectors. */
export function permissionFlags({ read, write = [], addons = false }: Reach): string[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const stable = major > 23 || (major === 23 && minor >= 5) || (major === 22 && minor >= 13);
  // Behind a symbolic link the flag would open another place than the one that is meant.
  const real = (path: string) => {
    try {
      return realpathSync(path);
    } catch {
      return path;
    }
  };
  return [
    stable ? '--permission' : '--experimental-permission',
    ...[...read, ...write].map((path) => `--allow-fs-read=${real(path)}`),
    ...write.map((path) => `--allow-fs-write=${real(path)}`),
    ...(addons ? ['--allow-addons'] : []),
    // From Node 25 on the network is closed too.
    ...(major >= 25 ? ['--allow-net'] : []),
  ];
}

/** The reach of each process of a local run, besides its own bundle. */
export const reaches = (folder: string, root: string) => ({
  account1: accountReach(join(folder, 'account1'), root),
  account2: accountReach(join(folder, 'account2'), root),
  // A node reads certificates, and writes the write-once files of its audit log; Node 1 also mails. Its keys and tables it reaches by requests that it signs.
  node1: nodeReach(join(folder, 'account1'), ['outbox']),
  node2: nodeReach(join(folder, 'account2')),
});

const nodeReach = (folder: string, more: readonly string[] = []): Reach => ({
  read: [join(folder, 'tls')],
  write: ['audit', ...more].map((name) => join(folder, name)),
});

const accountReach = (folder: string, root: string): Reach => ({
  // The local database is the one thing that is not in the bundle; it looks what kind of Linux this is.
  read: [join(root, 'node_modules'), '/etc/alpine-release'],
  write: [folder],
  addons: true,
});
