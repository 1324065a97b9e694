/**
 * The stored form of the keys of one name: flat attributes, those of the key in use and those of the pending one.
 * @module
 */
import type { Bytes } from '#shared/bytes.ts';
import type { Item } from '../ports.ts';
import type { Sealed } from '../stores/vault.ts';

/** A key at rest; its secret half is sealed under a data key of its own. */
export interface StoredKey extends Sealed {
  readonly version: number;
  /** 33 bytes. */
  readonly publicKey: Bytes;
}

export interface KeyRecord {
  /** The newest version that was ever begun; 0 before the first. */
  readonly last: number;
  /** `confirmedBy`: the evaluation whose proof put it into use. */
  readonly active?: StoredKey & { readonly confirmedBy: string };
  readonly pending?: StoredKey & { readonly change: string; readonly evaluations: readonly string[] };
}

/** Attributes of a key, its names behind a prefix. */
const attributesOf = (prefix: string, { version, publicKey, wrapped, sealed }: StoredKey): Item => ({
  [`${prefix}Version`]: version,
  [`${prefix}PublicKey`]: publicKey,
  [`${prefix}Wrapped`]: wrapped,
  [`${prefix}Sealed`]: sealed,
});

const keyIn = (prefix: string, item: Item): StoredKey | undefined =>
  item[`${prefix}Version`] === undefined
    ? undefined
    : {
        version: Number(item[`${prefix}Version`]),
        publicKey: item[`${prefix}PublicKey`] as Bytes,
        wrapped: item[`${prefix}Wrapped`] as Bytes,
        sealed: item[`${prefix}Sealed`] as Bytes,
      };

export const encode = ({ last, active, pending }: KeyRecord): Item => ({
  last,
  ...(active && { ...attributesOf('active', active), confirmedBy: active.confirmedBy }),
  ...(pending && {
    ...attributesOf('pending', pending),
    change: pending.change,
    evaluations: pending.evaluations.join(','),
  }),
});

export function decode(item: Item | undefined): KeyRecord {
  if (item === undefined) return { last: 0 };
  const active = keyIn('active', item);
  const pending = keyIn('pending', item);
  const evaluations = String(item['evaluations'] ?? '');
  return {
    last: Number(item['last']),
    ...(active && { active: { ...active, confirmedBy: String(item['confirmedBy']) } }),
    ...(pending && {
      pending: {
        ...pending,
        change: String(item['change']),
        evaluations: evaluations === '' ? [] : evaluations.split(','),
      },
    }),
  };
}
