/**
 * The one hash of the protocols: SHAKE256 over a tag and length-prefixed fields (docs/protocol.md 1).
 * Injective in (tag, list of fields), because every field stands behind its 8-byte length.
 * @module
 */
import { createHash } from 'node:crypto';
import { type Bytes, lengthPrefixed, utf8 } from '../bytes.ts';
import type { Tag } from './tags.ts';

export type { Random } from '../bytes.ts';

/** `n` bytes of SHAKE256(L8(tag)‖tag‖L8(f1)‖f1‖…). */
export function xof(tag: Tag, fields: readonly Bytes[], n: number): Bytes {
  const input = lengthPrefixed(utf8(tag), ...fields);
  const out = new Uint8Array(createHash('shake256', { outputLength: n }).update(input).digest());
  // Seeds pass through here: the copy of the fields is ours to wipe.
  input.fill(0);
  return out;
}

/** 32 bytes of {@link xof}: `H32` of the protocol documents. */
export const hash = (tag: Tag, ...fields: readonly Bytes[]): Bytes => xof(tag, fields, 32);
