/**
 * Bearer tokens for reading, as Node 1 keeps them: what each may show, and a keyed hash of its secret together
 * with that. Neither can be changed without the other, and none of it is of use to whoever reads the table.
 * @module
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Bytes, concat, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import { canonicalBytes } from '#shared/intent/canonical.ts';
import type { BearerToken } from '#shared/wire/bearer-token.ts';
import type { Clock, DataKeys, Item, Page, Random, Table } from '../ports.ts';
import { type TokenSecret, tokenSecretOver } from './token-secret.ts';
import { vaultOf } from './vault.ts';

/** What a token is for; fixed when it is made. */
export interface TokenTerms {
  /** `tok_…` */
  readonly id: string;
  readonly organization: string;
  readonly name: string;
  /** The member who made it. */
  readonly member: string;
  /** `*`: all. */
  readonly walletSets: readonly string[];
  /** Empty: from anywhere. */
  readonly cidrs: readonly string[];
  readonly expiresMs: number;
  readonly createdMs: number;
  /** Id of the audit record of its making. */
  readonly auditEventId: string;
}

export interface StoredToken extends TokenTerms {
  readonly usedMs?: number;
  readonly revokedMs?: number;
}

/** What a program needs that takes tokens. */
export interface TokenCheck {
  /**
   * The token that was shown, if it counts now: read strongly, so that a revocation holds from the next request on.
   * @throws {CustodyError} `token_invalid`: unknown, another secret, expired or revoked, all alike
   */
  check(shown: BearerToken): Promise<StoredToken>;
  /** Notes that it was used, at most once a minute. */
  used(token: StoredToken): Promise<void>;
}

export interface Tokens extends TokenCheck {
  /** False if there is a token of this id already. */
  add(terms: TokenTerms, secret: Bytes): Promise<boolean>;
  find(id: string): Promise<StoredToken | undefined>;
  /** Newest first; eventually consistent. */
  list(
    organization: string,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<{ readonly items: readonly StoredToken[]; readonly cursor?: string }>;
  /** For good. @throws {CustodyError} `token_not_found`, also if it is somebody else's */
  revoke(organization: string, id: string): Promise<StoredToken>;
}

/** How long a token is listed after its end. */
const keptMs = 90 * 86_400_000;
const usedEveryMs = 60_000;
const invalid = (): CustodyError => new CustodyError('token_invalid', 'no such token, or not any more');
/** Compared with where there is no token, so that this takes as long. */
const nobody: TokenTerms = {
  id: '',
  organization: '',
  name: '',
  member: '',
  walletSets: [],
  cidrs: [],
  expiresMs: 0,
  createdMs: 0,
  auditEventId: '',
};

/** @param role Node 1 makes the secret that tokens are hashed under; what only reads opens it */
export function tokensOf(
  table: Table,
  { keys, clock, random }: { readonly keys: DataKeys; readonly clock: Clock; readonly random: Random },
  role: 'makes' | 'opens',
): Tokens {
  const vault = vaultOf({ keys, random, node: 'node1' });
  return tokensOver(table, tokenSecretOver(table, vault, role === 'makes' ? random : undefined), clock);
}

function tokensOver(table: Table, secret: TokenSecret, clock: Clock): Tokens {
  const find = async (id: string): Promise<StoredToken | undefined> => {
    const item = await table.get({ id });
    return item?.['kind'] === 'token' ? decode(item) : undefined;
  };
  return {
    find,
    async check({ id, secret: shown }) {
      const [key, item] = await Promise.all([secret.hashKey(), table.get({ id })]);
      const stored = item?.['kind'] === 'token' ? item : undefined;
      const token = stored && decode(stored);
      const hash = hashOf(key ?? new Uint8Array(32), token ?? nobody, shown);
      const same = timingSafeEqual(hash, (stored?.['hash'] as Bytes | undefined) ?? new Uint8Array(32));
      const now = clock();
      if (key === undefined || token === undefined || !same) throw invalid();
      if (token.revokedMs !== undefined || now >= token.expiresMs) throw invalid();
      return token;
    },
    async used({ id, usedMs }) {
      const now = clock();
      if (usedMs !== undefined && now < usedMs + usedEveryMs) return;
      const due = ['usedMs', '<=', now - usedEveryMs] as const;
      const there = ['kind', '=', 'token'] as const;
      await table.update({ id }, { set: { usedMs: now } }, [
        [there, ['usedMs', 'absent']],
        [there, due],
      ]);
    },
    async add(terms, own) {
      const key = await secret.hashKey();
      if (key === undefined) throw new TypeError('only Node 1 makes tokens');
      return table.put({ ...encode(terms), hash: hashOf(key, terms, own) }, [[['id', 'absent']]]);
    },
    async list(organization, page) {
      const { items, cursor }: Page = await table.list({ list: `${organization}/token` }, page);
      return { items: items.map(decode), ...(cursor !== undefined && { cursor }) };
    },
    async revoke(organization, id) {
      const own = [
        ['kind', '=', 'token'],
        ['organization', '=', organization],
        ['revokedMs', 'absent'],
      ] as const;
      const changed = await table.update({ id }, { set: { revokedMs: clock() } }, [own]);
      const token = changed === null ? await find(id) : decode(changed.after);
      if (token?.organization !== organization) throw new CustodyError('token_not_found', `no token ${id}`);
      return token;
    },
  };
}

/** HMAC-SHA-256 over the secret, which has a fixed length, and the terms. */
function hashOf(key: Bytes, terms: TokenTerms, secret: Bytes): Bytes {
  const { id, organization, name, member, walletSets, cidrs, expiresMs, createdMs, auditEventId } = terms;
  const document = canonicalBytes({
    type: 'planbok/token-terms/v1',
    id,
    organization,
    name,
    member,
    walletSets,
    cidrs,
    expires: String(expiresMs),
    created: String(createdMs),
    auditEventId,
  } as { readonly type: string });
  const message = concat(utf8('planbok/bearer-token/v1\0'), secret, document);
  return new Uint8Array(createHmac('sha256', key).update(message).digest());
}

const encode = ({ walletSets, cidrs, ...terms }: TokenTerms): Item => ({
  ...terms,
  kind: 'token',
  walletSets: walletSets.join(','),
  cidrs: cidrs.join(','),
  list: `${terms.organization}/token`,
  listOrder: `${String(terms.createdMs).padStart(15, '0')}/${terms.id}`,
  ttl: Math.ceil((terms.expiresMs + keptMs) / 1000),
});

const listed = (text: unknown): readonly string[] => (text === '' ? [] : String(text).split(','));

function decode(item: Item): StoredToken {
  const { id, organization, name, member, expiresMs, createdMs, auditEventId, usedMs, revokedMs } =
    item as unknown as StoredToken;
  const terms = { id, organization, name, member, expiresMs, createdMs, auditEventId };
  return {
    ...terms,
    walletSets: listed(item['walletSets']),
    cidrs: listed(item['cidrs']),
    ...(usedMs !== undefined && { usedMs }),
    ...(revokedMs !== undefined && { revokedMs }),
  };
}
