/**
 * Shares at rest, one item per (key, epoch, attempt): an attempt at making a key never overwrites the share
 * of another.
 *
 * Header: `v 1 ‖ alg 1 ‖ ctx 32 ‖ epoch 4 ‖ saltW 32`. Version 1, algorithm 1: the blob under the data key,
 * saltW zero. Algorithm 2, of Node 1 in trustless and customer custody: the blob under the wrap key of the
 * entity, and that under the data key (`custody/wrapped-share.ts`). Which of the two it must be is said by the
 * caller, who knows the key's custody, and never by the record.
 * @module
 */
import { type Bytes, concat, equalBytes, toBase64url, u8, u32be } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import { unwrapShare, wrapShare } from '../custody/wrapped-share.ts';
import type { Item, Random, Table } from '../ports.ts';
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
  /**
   * Durable when it resolves. The caller still owns `blob` and `wrapKey` and wipes them.
   * @param wrapKey the entity's, 32 bytes; absent in standard custody and at Node 2
   */
  store(name: ShareName, blob: Bytes, wrapKey?: Bytes): Promise<void>;
  /**
   * One KMS call. The caller wipes the result, and still owns `wrapKey`.
   * @throws {CustodyError} `share_unreadable` @throws {SecretMismatch} if the wrap key is another one
   */
  open(name: ShareName, wrapKey?: Bytes): Promise<Bytes>;
  remove(name: ShareName): Promise<void>;
}

const version = 1;
const algorithms = { dataKey: 1, wrapKeyAndDataKey: 2 } as const;
const saltBytes = 32;
const noSalt = new Uint8Array(saltBytes);

export function sharesOver(table: Table, vault: Vault, random: Random): Shares {
  return {
    async store(name, blob, wrapKey) {
      const salt = wrapKey && random(saltBytes);
      const header = headerOf(name, salt);
      const content =
        wrapKey && salt ? wrapShare(wrapKey, { ...name, salt, header }, blob, random(12)) : blob;
      const { sealed, wrapped } = await vault.seal(purposeOf(name), header, content);
      await table.put({ ...recordOf(name), header, sealed, wrapped });
    },
    async open(name, wrapKey) {
      const item = await table.get(recordOf(name));
      if (item === undefined) throw new CustodyError('share_unreadable', 'no such share');
      const { header, salt } = headerIn(item, name, wrapKey !== undefined);
      const [sealed, wrapped] = [item['sealed'] as Bytes, item['wrapped'] as Bytes];
      const content = await vault.open(purposeOf(name), header, { sealed, wrapped });
      if (wrapKey === undefined) return content;
      try {
        return unwrapShare(wrapKey, { ...name, salt, header }, content);
      } finally {
        content.fill(0);
      }
    },
    async remove(name) {
      await table.delete(recordOf(name));
    },
  };
}

/** @throws {CustodyError} `share_unreadable` if the record is of another key, or has other layers than it must */
function headerIn(item: Item, name: ShareName, isWrapped: boolean) {
  const header = item['header'] as Bytes;
  const salt = header.slice(-saltBytes);
  if (!equalBytes(header, headerOf(name, isWrapped ? salt : undefined)))
    throw new CustodyError('share_unreadable', 'the share is of another key or of another custody model');
  return { header, salt };
}

const purposeOf = ({ key, epoch }: ShareName) => ({ purpose: 'share', key, epoch }) as const;

const recordOf = ({ key, epoch, attempt }: ShareName) => ({
  key,
  record: `${epoch}/${toBase64url(attempt)}`,
});

const headerOf = ({ ctx, epoch }: ShareName, salt?: Bytes): Bytes =>
  concat(
    u8(version),
    u8(salt ? algorithms.wrapKeyAndDataKey : algorithms.dataKey),
    ctx,
    u32be(epoch),
    salt ?? noSalt,
  );
