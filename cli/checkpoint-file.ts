/**
 * What the command line saw last of the audit logs, beside the credential, because a command line forgets.
 * @module
 */
import {
  type AuditEvidence,
  type CheckpointStore,
  type KeptCheckpoint,
  sizeAndRoot,
} from '../client/checkpoint-store.ts';
import { UsageError } from './command.ts';
import type { Io } from './io.ts';
import { credentialFile, type Where } from './place.ts';

interface Kept {
  /** By origin of the log. */
  readonly checkpoints: Readonly<Record<string, KeptCheckpoint>>;
  /** What logs contradicted themselves with, oldest first. */
  readonly evidence: readonly (AuditEvidence & { readonly log: string })[];
}

export const checkpointFile = (where: Where): string => `${credentialFile(where)}.checkpoints`;

/** @throws {UsageError} if there is a file, and it is no memory of checkpoints: it is not forgotten silently */
export async function readCheckpoints(io: Io, path: string): Promise<Kept | undefined> {
  let text: string;
  try {
    text = new TextDecoder().decode(await io.readFile(path));
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw new UsageError(`${path} cannot be read`, { cause: error });
  }
  try {
    const { checkpoints, evidence } = JSON.parse(text) as Kept;
    for (const kept of Object.values(checkpoints)) sizeAndRoot(kept);
    if (Array.isArray(evidence)) return { checkpoints, evidence };
  } catch {
    // Said below.
  }
  throw new UsageError(
    `${path} does not hold the checkpoints that were seen: restore it, or begin anew without`,
  );
}

export function fileCheckpoints(io: Io, where: Where): CheckpointStore {
  const path = checkpointFile(where);
  const current = async (): Promise<Kept> =>
    (await readCheckpoints(io, path)) ?? { checkpoints: {}, evidence: [] };
  const write = (kept: Kept) => io.replaceFile(path, `${JSON.stringify(kept, null, 2)}\n`);
  return {
    read: async (log) => (await current()).checkpoints[log],
    async keep(log, checkpoint) {
      const kept = await current();
      const before = kept.checkpoints[log];
      if (before?.note === checkpoint.note) return;
      if (before !== undefined && sizeAndRoot(before).size > sizeAndRoot(checkpoint).size) return;
      await write({ ...kept, checkpoints: { ...kept.checkpoints, [log]: checkpoint } });
    },
    async accuse(log, evidence) {
      const kept = await current();
      const said = JSON.stringify(evidence);
      const known = kept.evidence.some(
        ({ log: of, ...other }) => of === log && JSON.stringify(other) === said,
      );
      if (!known) await write({ ...kept, evidence: [...kept.evidence, { ...evidence, log }] });
    },
  };
}
