/**
 * Domain separation of what is derived from an entity secret and of what is sealed to Node 1. A label belongs
 * to one formula.
 * @module
 */
import { type Bytes, lengthPrefixed, utf8 } from '../bytes.ts';

export const labels = {
  /** HKDF: entity secret -> wrap key of one key and epoch. */
  wrap: 'planbok/v1/wrap',
  /** HKDF: entity secret -> seed of the entity key. */
  entity: 'planbok/v1/entity',
  /** Ed25519: what the entity key signs begins with it. */
  entityProof: 'planbok/v1/entity-proof',
  /** HPKE: what is sealed to Node 1's encryption key. */
  entitySecret: 'planbok/v1/entity-secret',
  /** HKDF: wrap key -> encryption key and commitment key of one stored record. */
  kek: 'planbok/v1/kek',
} as const;

/** The `info` of HKDF and HPKE: label and fields, each behind its 8-byte length. Injective. */
export const infoOf = (label: (typeof labels)[keyof typeof labels], ...fields: readonly Bytes[]): Bytes =>
  lengthPrefixed(utf8(label), ...fields);
