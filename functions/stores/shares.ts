/**
 * Shares at rest, one item per (key, epoch, attempt): an attempt at making a key never overwrites the share
 * of another.
 *
 * Header: `v 1 ‖ alg 1 ‖ ctx 32 ‖ epoch 4 ‖ saltW 32` (saltW zero: no inner layer).
 * @module
 */
import { type Bytes, concat, equalBytes, toBase64url, u8, u32be } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Table } from '../ports.ts';
import type { Vault } from './vault.ts';

export interface ShareName {
  readonly key: string;
  readonly epoch: number;
  /** Protocol session that made the share, 16 bytes. */
  readonly attempt: Bytes;
  /** The protocol context of the key, 32 bytes. */
  readonly ctx: Bytes;
}

export interface Shares {
  /** Durable when it resolves. The caller still owns `blob` and wipes it. */
  store(name: ShareName, blob: Bytes): Promise<void>;
  /** One KMS call. The caller wipes the result. @throws {CustodyError} `share_unreadable` */
  open(name: ShareName): Promise<Bytes>;
  remove(name: ShareName): Promise<void>;
}

const version = 1;
const aes256Gcm = 1;

export function sharesOver(table: Table, vault: Vault): Shares {
  return {
    async store(name, blob) {
      const header = headerOf(name);
      const { sealed, wrapped } = await vault.seal(purposeOf(name), header, blob);
      await table.put({ ...recordOf(name), header, sealed, wrapped });
    },
    async open(name) {
      const item = await table.get(recordOf(name));
      if (item === undefined) throw new CustodyError('share_unreadable', 'no such share');
      const header = headerOf(name);
      if (!equalBytes(header, item['header'] as Bytes))
        throw new CustodyError('share_unreadable', 'the share is of another key');
      const [sealed, wrapped] = [item['sealed'] as Bytes, item['wrapped'] as Bytes];
      return vault.open(purposeOf(name), header, { sealed, wrapped });
    },
    async remove(name) {
      await table.delete(recordOf(name));
    },
  };
}

const purposeOf = ({ key, epoch }: ShareName) => ({ purpose: 'share', key, epoch }) as const;

const recordOf = ({ key, epoch, attempt }: ShareName) => ({
  key,
  record: `${epoch}/${toBase64url(attempt)}`,
});

const headerOf = ({ ctx, epoch }: ShareName): Bytes =>
  concat(u8(version), u8(aes256Gcm), ctx, u32be(epoch), new Uint8Array(32));
