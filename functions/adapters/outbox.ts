/**
 * Mail on a laptop: each one a file in a folder that only its owner reads. Nothing is sent.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CustodyError } from '#shared/errors.ts';
import type { Mailer } from '../mail/mailer.ts';
import { messageBytes } from '../mail/message.ts';

/** `.invalid` is nobody's (RFC 2606). */
const from = 'Planbok <planbok@local.invalid>';

/** @param folder must exist */
export const outbox = (folder: string, clock: () => number): Mailer => ({
  async send(mail) {
    const [id, dateMs] = [randomUUID(), clock()];
    const bytes = messageBytes(mail, { from, messageId: `${id}@local.invalid`, dateMs });
    const name = `${new Date(dateMs).toISOString().replaceAll(':', '-')}-${id}.eml`;
    try {
      const temporary = join(folder, `.${name}`);
      await writeFile(temporary, bytes, { flag: 'wx', mode: 0o600 });
      await rename(temporary, join(folder, name));
    } catch (error) {
      // The path is all that the cause would add.
      const code = String((error as { readonly code?: unknown }).code);
      throw new CustodyError('mail_unavailable', `the outbox cannot be written: ${code}`);
    }
  },
});
