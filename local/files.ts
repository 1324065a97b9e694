/**
 * Files that must be whole or absent, and private.
 * @module
 */
import { closeSync, constants, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const { O_CREAT, O_SYNC, O_TRUNC, O_WRONLY } = constants;

/** Writes a file in one step: a reader, or a crash at any moment, sees the old one or the new one. */
export function writeWhole(path: string, content: string | Uint8Array, mode = 0o600): void {
  const draft = `${path}.${process.pid}.tmp`;
  // Each write is on the disk when it returns. There is no fsync under Node's permission flags.
  const fd = openSync(draft, O_WRONLY | O_CREAT | O_TRUNC | O_SYNC, mode);
  try {
    const bytes = Buffer.from(content);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, path);
}

/** A folder that only its owner may enter. */
export function privateFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}

/** The file's text, or undefined if there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The JSON value in a file, which `make` makes and keeps if the file is not there yet. */
export function keptJson<T>(path: string, make: () => T): T {
  const text = readIfThere(path);
  if (text !== undefined) return JSON.parse(text) as T;
  const value = make();
  privateFolder(dirname(path));
  writeWhole(path, JSON.stringify(value, null, 2));
  return value;
}
