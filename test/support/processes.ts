/**
 * Processes of a running planbok as the kernel sees them, through /proc: Linux only.
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export type ProgramName = 'account1' | 'account2' | 'node1' | 'node2';
export const programNames: readonly ProgramName[] = ['account1', 'account2', 'node1', 'node2'];

/** Ids of the direct children. */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** The children of the supervisor, by what stands on their command lines. */
export function programsOf(pid: number): Record<ProgramName, number> {
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
