/**
 * What every table adapter checks of items, conditions and cursors before it touches a store, so that the
 * one in memory refuses what the real one would refuse.
 * @module
 */
import { type Bytes, fromBase64url, toBase64url, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Change, Item, Table, Value } from '../ports.ts';
import type { TableSpec } from '../tables.ts';

/** The values of the key attributes, by name. */
export type Key = Readonly<Record<string, string>>;

const keyNames = ({ hash, range }: TableSpec): readonly string[] => (range ? [hash, range] : [hash]);

/**
 * The key of an item or of a lookup.
 * @throws {TypeError} if a key attribute is absent, empty or not a string: a bug of the caller.
 */
export function keyOf(spec: TableSpec, item: Item): Key {
  const key: Record<string, string> = {};
  for (const name of keyNames(spec)) {
    const value = item[name];
    if (typeof value !== 'string' || value === '')
      throw new TypeError(`key attribute ${name} must be a non-empty string`);
    key[name] = value;
  }
  return key;
}

/** Like {@link keyOf}, for lookups: they name the key and nothing else. */
export function lookupKey(spec: TableSpec, item: Item): Key {
  const key = keyOf(spec, item);
  if (Object.keys(item).length !== Object.keys(key).length)
    throw new TypeError('a lookup names the key attributes only');
  return key;
}

/** @throws {TypeError} on a number that would lose digits; the store keeps integers exactly. */
export function checkValues(item: Item): void {
  for (const [name, value] of Object.entries(item)) {
    const ok =
      typeof value === 'string' ||
      typeof value === 'boolean' ||
      value instanceof Uint8Array ||
      Number.isSafeInteger(value);
    if (!ok) throw new TypeError(`attribute ${name} is not a string, safe integer, boolean or bytes`);
  }
}

/** @throws {TypeError} if a change touches the key, or one attribute twice. */
export function checkChange(key: Key, { set = {}, add = {}, remove = [] }: Change): void {
  checkValues(set);
  checkValues(add);
  const names = [...Object.keys(set), ...Object.keys(add), ...remove];
  if (names.length === 0) throw new TypeError('a change changes something');
  if (new Set(names).size !== names.length) throw new TypeError('a change names an attribute once');
  const touched = names.find((name) => name in key);
  if (touched) throw new TypeError(`key attribute ${touched} cannot change`);
}

/** The item after a change that was allowed. */
export function changed(
  key: Key,
  before: Item | undefined,
  { set = {}, add = {}, remove = [] }: Change,
): Item {
  const after: Record<string, Value> = { ...before, ...key, ...copyItem(set) };
  for (const [name, n] of Object.entries(add)) {
    const old = after[name] ?? 0;
    if (typeof old !== 'number') throw new TypeError(`attribute ${name} is not a number`);
    after[name] = old + n;
  }
  for (const name of remove) delete after[name];
  return after;
}

/** A copy that shares no bytes with the original. */
export const copyItem = (item: Item): Item =>
  Object.fromEntries(
    Object.entries(item).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? Uint8Array.from(value) : value,
    ]),
  );

/** The attribute that an index goes by, its value, and the index's name. */
export interface Listing {
  readonly attribute: 'list' | 'parent';
  readonly value: string;
  readonly index: 'byList' | 'byParent';
}

/** @throws {TypeError} if the table has no such index. */
export function listing(spec: TableSpec, by: Parameters<Table['list']>[0]): Listing {
  if (!spec.listed) throw new TypeError('this table has no lists');
  return 'list' in by
    ? { attribute: 'list', value: by.list, index: 'byList' }
    : { attribute: 'parent', value: by.parent, index: 'byParent' };
}

/** Where an item stands in a listing: the index's two attributes and the table's key. */
export const positionOf = (spec: TableSpec, { attribute, value }: Listing, item: Item): Key => ({
  ...keyOf(spec, item),
  [attribute]: value,
  listOrder: String(item['listOrder']),
});

export const encodeCursor = (position: Key): string => toBase64url(utf8(JSON.stringify(position)));

/**
 * The position that a cursor names.
 * @throws {CustodyError} `request_invalid` unless it is a cursor of this table and of this very listing:
 * a caller who may read one list must not reach another through a cursor.
 */
export function decodeCursor(spec: TableSpec, { attribute, value }: Listing, cursor: string): Key {
  const names = [...keyNames(spec), attribute, 'listOrder'];
  const refuse = () => new CustodyError('request_invalid', 'this is not a cursor of this list');
  let position: unknown;
  try {
    position = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(fromBase64url(cursor)));
  } catch {
    throw refuse();
  }
  if (typeof position !== 'object' || position === null || Array.isArray(position)) throw refuse();
  const entries = Object.entries(position);
  const ok =
    entries.length === names.length &&
    entries.every(([name, part]) => names.includes(name) && typeof part === 'string' && part !== '');
  if (!ok || (position as Key)[attribute] !== value) throw refuse();
  return position as Key;
}

/** Byte-wise order, which is also the order of UTF-8 strings in DynamoDB. */
export function compareBytes(a: Bytes, b: Bytes): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
