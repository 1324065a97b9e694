/**
 * An export of the audit logs as a folder: written whole or not at all, read in pieces.
 * @module
 */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportSource } from '../shared/audit/verify/verify.ts';
import type { Bytes } from '../shared/bytes.ts';
import { UsageError } from './command.ts';

/** Every name below a folder that is not a folder itself, and every folder that is empty; with `/`. */
async function namesIn(folder: string, prefix = ''): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const name = `${prefix}${entry.name}`;
    const below = entry.isDirectory() ? await namesIn(join(folder, entry.name), `${name}/`) : [];
    names.push(...(below.length > 0 ? below : [name]));
  }
  return names.sort();
}

/** @throws {UsageError} if it is no folder */
export async function folderSource(folder: string): Promise<ExportSource> {
  const names = await namesIn(folder).catch((cause: unknown) => {
    throw new UsageError(`${folder} is not a folder that can be read`, { cause });
  });
  return { names, read: (name) => createReadStream(join(folder, name)) };
}

/** Writes one file of a folder. */
export type WriteFile = (name: string, pieces: AsyncIterable<Bytes>) => Promise<void>;

/**
 * Fills `FOLDER.partial` and gives it its name when it is complete. What an earlier run left of it goes.
 * @throws {UsageError} if there is something of this name already
 */
export async function writeFolder(folder: string, fill: (write: WriteFile) => Promise<void>): Promise<void> {
  const name = folder.replace(/\/+$/, '');
  if (await stat(name).catch(() => undefined)) throw new UsageError(`${name} exists already`);
  const partial = `${name}.partial`;
  await rm(partial, { recursive: true, force: true });
  await fill((file, pieces) => writeWhole(join(partial, file), pieces));
  await rename(partial, name);
}

/** A file that is on disk when this resolves. */
async function writeWhole(path: string, pieces: AsyncIterable<Bytes>): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  const file = await open(path, 'w', 0o600);
  try {
    for await (const piece of pieces) await file.writeFile(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The file as a whole, or as it was. */
export async function replaceWith(path: string, pieces: AsyncIterable<Bytes>): Promise<void> {
  await writeWhole(`${path}.partial`, pieces);
  await rename(`${path}.partial`, path);
}
