/**
 * Shares at rest: AES-256-GCM under a data key of KMS, one data key per (key, node, epoch). The header is
 * authenticated by the cipher, the context by KMS; a share moved to another key, node, wallet or epoch does
 * not open.
 *
 * Stored: header `v 1 ‖ alg 1 ‖ ctx 32 ‖ epoch 4 ‖ saltW 32` (saltW zero: no inner layer) and
 * `nonce 12 ‖ ciphertext ‖ tag 16`.
 * @module
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type Bytes, concat, equalBytes, toBase64url, u8, u32be } from '#shared/bytes.ts';
import type { NodeName } from '#shared/crypto/attestation.ts';
import { CustodyError } from '#shared/errors.ts';
import type { EncryptionContext, KeyService, Random, Table } from '../ports.ts';

export interface ShareName {
  readonly key: string;
  readonly epoch: number;
  /** DKG session, 32 bytes: an attempt never overwrites the share of another. */
  readonly sid: Bytes;
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

export interface SharePorts {
  readonly table: Table;
  readonly keys: Pick<KeyService, 'generateDataKey' | 'decryptDataKey'>;
  readonly random: Random;
  readonly node: NodeName;
}

const version = 1;
const aes256Gcm = 1;

export function sharesOver({ table, keys, random, node }: SharePorts): Shares {
  const contextOf = ({ key, epoch }: ShareName): EncryptionContext => ({
    'planbok:app': 'planbok',
    'planbok:node': node,
    'planbok:purpose': 'share',
    'planbok:key': key,
    'planbok:epoch': String(epoch),
  });
  return {
    async store(name, blob) {
      const { key: dataKey, wrapped } = await keys.generateDataKey(contextOf(name));
      try {
        const header = headerOf(name);
        const sealed = seal(dataKey, header, blob, random(12));
        await table.put({ ...recordOf(name), header, sealed, wrapped });
      } finally {
        dataKey.fill(0);
      }
    },
    async open(name) {
      const item = await table.get(recordOf(name));
      if (item === undefined) throw new CustodyError('share_unreadable', 'no such share');
      const header = headerOf(name);
      if (!equalBytes(header, item['header'] as Bytes))
        throw new CustodyError('share_unreadable', 'the share is of another key');
      const dataKey = await keys.decryptDataKey(item['wrapped'] as Bytes, contextOf(name));
      try {
        return unseal(dataKey, header, item['sealed'] as Bytes);
      } finally {
        dataKey.fill(0);
      }
    },
    async remove(name) {
      await table.delete(recordOf(name));
    },
  };
}

const recordOf = ({ key, epoch, sid }: ShareName) => ({ key, record: `${epoch}/${toBase64url(sid)}` });

const headerOf = ({ ctx, epoch }: ShareName): Bytes =>
  concat(u8(version), u8(aes256Gcm), ctx, u32be(epoch), new Uint8Array(32));

function seal(key: Bytes, header: Bytes, plaintext: Bytes, nonce: Bytes): Bytes {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(header);
  return concat(nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

function unseal(key: Bytes, header: Bytes, sealed: Bytes): Bytes {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 });
    decipher.setAAD(header);
    decipher.setAuthTag(sealed.subarray(-16));
    const first = decipher.update(sealed.subarray(12, -16));
    decipher.final();
    return new Uint8Array(first);
  } catch (cause) {
    throw new CustodyError('share_unreadable', 'the share does not decrypt', { cause });
  }
}
