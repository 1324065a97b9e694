/**
 * The tables and the key service in memory, for tests: the same conditions, the same refusals, nothing
 * kept. One conformance suite holds these and the real adapters to one behaviour.
 * @module
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  sign,
} from 'node:crypto';
import { type Bytes, concat, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type {
  Clause,
  EncryptionContext,
  EncryptionKey,
  Item,
  KeyService,
  Table,
  Tables,
  Value,
  When,
} from '../ports.ts';
import { type TableSpec, tables } from '../tables.ts';
import {
  changed,
  checkChange,
  checkValues,
  compareBytes,
  copyItem,
  decodeCursor,
  encodeCursor,
  type Key,
  keyOf,
  listing,
  lookupKey,
  positionOf,
} from './item.ts';

/** Order of two values of one type; undefined across types and for booleans, which have no order. */
function order(a: Value, b: Value): number | undefined {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return compareBytes(utf8(a), utf8(b));
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  return undefined;
}

function clauseHolds(item: Item, clause: Clause): boolean {
  const stored = item[clause[0]];
  if (clause.length === 2) return (stored !== undefined) === (clause[1] === 'present');
  if (stored === undefined) return false;
  const [, op, value] = clause;
  const difference = order(stored, value);
  const equal = difference === undefined ? stored === value : difference === 0;
  switch (op) {
    case '=':
      return equal;
    case '<>':
      return !equal;
    case '<':
      return difference !== undefined && difference < 0;
    case '<=':
      return difference !== undefined && difference <= 0;
    case '>':
      return difference !== undefined && difference > 0;
    case '>=':
      return difference !== undefined && difference >= 0;
  }
}

const holds = (item: Item | undefined, when?: When): boolean =>
  when === undefined || when.some((all) => all.every((clause) => clauseHolds(item ?? {}, clause)));

/** One table. Each call reads and writes in one turn of the event loop, so it is atomic. */
export function memoryTable(spec: TableSpec): Table {
  const items = new Map<string, Item>();
  const at = (key: Key) => JSON.stringify(Object.values(key));
  return {
    async get(lookup) {
      const found = items.get(at(lookupKey(spec, lookup)));
      return found && copyItem(found);
    },
    async put(item, when) {
      checkValues(item);
      const id = at(keyOf(spec, item));
      if (!holds(items.get(id), when)) return false;
      items.set(id, copyItem(item));
      return true;
    },
    async update(lookup, change, when) {
      const key = lookupKey(spec, lookup);
      checkChange(key, change);
      const before = items.get(at(key));
      if (!holds(before, when)) return null;
      const after = changed(key, before, change);
      items.set(at(key), after);
      return { before: copyItem(before ?? {}), after: copyItem(after) };
    },
    async delete(lookup, when) {
      const id = at(lookupKey(spec, lookup));
      if (!holds(items.get(id), when)) return false;
      items.delete(id);
      return true;
    },
    async list(by, { limit, cursor }) {
      const wanted = listing(spec, by);
      // Newest first; among equals the key decides, so that each row has one place.
      const rank = (p: Key) => utf8([p['listOrder'], p[spec.hash], spec.range && p[spec.range]].join('\0'));
      const start = cursor === undefined ? undefined : rank(decodeCursor(spec, wanted, cursor));
      const rows = [...items.values()]
        .filter((item) => item[wanted.attribute] === wanted.value && typeof item['listOrder'] === 'string')
        .map((item) => ({ item, rank: rank(positionOf(spec, wanted, item)) }))
        .filter((row) => start === undefined || compareBytes(row.rank, start) < 0)
        .sort((a, b) => compareBytes(b.rank, a.rank));
      const page = rows.slice(0, limit).map((row) => copyItem(row.item));
      const last = page.at(-1);
      return rows.length > limit && last
        ? { items: page, cursor: encodeCursor(positionOf(spec, wanted, last)) }
        : { items: page };
    },
  };
}

/** Every table of one node, empty. */
export const memoryTables = (): Tables => ({
  registry: memoryTable(tables.registry),
  keys: memoryTable(tables.keys),
  shares: memoryTable(tables.shares),
  sessions: memoryTable(tables.sessions),
  operations: memoryTable(tables.operations),
  idempotency: memoryTable(tables.idempotency),
  resources: memoryTable(tables.resources),
  counters: memoryTable(tables.counters),
  audit: memoryTable(tables.audit),
  webhooks: memoryTable(tables.webhooks),
  tokens: memoryTable(tables.tokens),
  invitations: memoryTable(tables.invitations),
});

/** The same context whatever the order of its members. */
const contextBytes = (context: EncryptionContext): Bytes =>
  utf8(JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))));

const ivBytes = 12;
const tagBytes = 16;

/**
 * The keys of one node in memory. `identityKey` (PKCS #8, DER) and `shareKey` (32 bytes) are made up if
 * they are not given.
 */
export function memoryKeyService(
  given: { readonly identityKey?: Bytes; readonly shareKey?: Bytes } = {},
): KeyService {
  const shareKey = given.shareKey ?? new Uint8Array(randomBytes(32));
  const identityKey = given.identityKey
    ? createPrivateKey({ key: Buffer.from(given.identityKey), format: 'der', type: 'pkcs8' })
    : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const spki = new Uint8Array(createPublicKey(identityKey).export({ format: 'der', type: 'spki' }));
  return {
    async generateDataKey(context) {
      const key = new Uint8Array(randomBytes(32));
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', shareKey, iv).setAAD(contextBytes(context));
      return { key, wrapped: concat(iv, cipher.update(key), cipher.final(), cipher.getAuthTag()) };
    },
    async decryptDataKey(wrapped, context) {
      try {
        const end = wrapped.length - tagBytes;
        const decipher = createDecipheriv('aes-256-gcm', shareKey, wrapped.subarray(0, ivBytes), {
          authTagLength: tagBytes,
        })
          .setAAD(contextBytes(context))
          .setAuthTag(wrapped.subarray(end));
        return concat(decipher.update(wrapped.subarray(ivBytes, end)), decipher.final());
      } catch (cause) {
        throw new CustodyError('share_unreadable', 'the data key does not open', { cause });
      }
    },
    async signIdentity(message) {
      return new Uint8Array(sign('sha256', message, identityKey));
    },
    async identity() {
      return spki;
    },
  };
}

/** A key for what clients seal. `given`: PKCS #8, DER; made up if it is not. */
export function memoryEncryptionKey(given?: Bytes): EncryptionKey {
  const privateKey = given
    ? createPrivateKey({ key: Buffer.from(given), format: 'der', type: 'pkcs8' })
    : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const spki = new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }));
  return {
    publicKey: async () => spki,
    async deriveSharedSecret(theirs) {
      try {
        const publicKey = createPublicKey({ key: Buffer.from(theirs), format: 'der', type: 'spki' });
        return new Uint8Array(diffieHellman({ privateKey, publicKey }));
      } catch (cause) {
        throw new CustodyError('storage_unavailable', 'no key agreement with this key', { cause });
      }
    },
  };
}
