/**
 * Write-once files in a folder, read-only once they are there. What Object Lock is for a bucket, nothing is
 * for a folder: its owner can still delete it, and then the witness and the kept checkpoints tell.
 * @module
 */

import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Bytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { WriteOnce } from '../audit/ports.ts';

/** A part of a name begins with no dot: not `..`, and not a file that is still being written. */
const partPattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown }).code;

export function writeOnceFiles(folder: string): WriteOnce {
  const pathOf = (name: string): string => {
    if (!name.split('/').every((part) => partPattern.test(part)))
      throw new TypeError(`not a name of a file: ${name}`);
    return join(folder, name);
  };
  const unavailable = (cause: unknown) =>
    new CustodyError('storage_unavailable', `files: ${String(codeOf(cause))}`, { cause });
  return {
    async put(name, bytes) {
      const path = pathOf(name);
      const temporary = join(dirname(path), `.${randomUUID()}`);
      let written = true;
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await writeDurably(temporary, bytes);
        try {
          // A link is made whole or not at all, and never over another file.
          await link(temporary, path);
        } catch (error) {
          if (codeOf(error) !== 'EEXIST') throw error;
          written = false;
        } finally {
          await unlink(temporary);
        }
        // Also for a file that was there: who linked it may not have come this far.
        await sync(dirname(path));
        return written;
      } catch (cause) {
        throw unavailable(cause);
      }
    },
    async get(name) {
      try {
        return new Uint8Array(await readFile(pathOf(name)));
      } catch (cause) {
        if (codeOf(cause) === 'ENOENT') return undefined;
        if (cause instanceof TypeError) throw cause;
        throw unavailable(cause);
      }
    },
  };
}

async function writeDurably(path: string, bytes: Bytes): Promise<void> {
  const file = await open(path, 'wx', 0o400);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
