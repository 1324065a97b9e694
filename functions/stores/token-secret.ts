/**
 * The one secret behind bearer tokens: made by Node 1, sealed under a KMS key of its own, opened once in the
 * life of a process. Whoever can write to the tables makes no token that counts without it.
 * @module
 */
import { hkdfSync } from 'node:crypto';
import { type Bytes, utf8 } from '#shared/bytes.ts';
import type { Item, Random, Table } from '../ports.ts';
import type { Vault } from './vault.ts';

export interface TokenSecret {
  /**
   * 32 bytes under which tokens are hashed. @returns undefined if no token was ever made
   * @throws {CustodyError} `share_unreadable`, `storage_unavailable`
   */
  hashKey(): Promise<Bytes | undefined>;
}

const id = 'secret/1';
const purpose = { purpose: 'token', key: 'node1', epoch: 1 } as const;
const header = utf8('planbok/token-secret/v1');

/** @param make random bytes, where the secret may be made: at Node 1. Absent: it is only opened */
export function tokenSecretOver(table: Table, vault: Vault, make?: Random): TokenSecret {
  let opening: Promise<Bytes | undefined> | undefined;
  const read = async (): Promise<Bytes | undefined> => {
    const item = (await table.get({ id })) ?? (make && (await made(table, vault, make)));
    if (item === undefined) return undefined;
    const { wrapped, sealed } = item as Readonly<Record<'wrapped' | 'sealed', Bytes>>;
    const secret = await vault.open(purpose, header, { wrapped, sealed });
    try {
      const none = new Uint8Array();
      return new Uint8Array(hkdfSync('sha256', secret, none, utf8('planbok/token-hash/v1'), 32));
    } finally {
      secret.fill(0);
    }
  };
  return {
    async hashKey() {
      opening ??= read();
      try {
        const key = await opening;
        if (key === undefined) opening = undefined;
        return key;
      } catch (error) {
        // A failure is not remembered, nor that there was none yet.
        opening = undefined;
        throw error;
      }
    },
  };
}

async function made(table: Table, vault: Vault, random: Random): Promise<Item | undefined> {
  const secret = random(32);
  try {
    const { wrapped, sealed } = await vault.seal(purpose, header, secret);
    await table.put({ id, wrapped, sealed }, [[['id', 'absent']]]);
  } finally {
    secret.fill(0);
  }
  // Of several that make one at a time, the first counts for all.
  return table.get({ id });
}
