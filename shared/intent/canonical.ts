/**
 * Canonical JSON (RFC 8785) and the hash of it. Leaves are strings only (integers as decimal strings, bytes
 * as base64url), so that no two parsers can read a number differently; a `type` member is the domain tag.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import canonicalize from 'canonicalize';
import { type Bytes, toBase32, utf8 } from '../bytes.ts';

export type Canonical = string | readonly Canonical[] | { readonly [member: string]: Canonical };
/**
 * A document that is hashed or signed: its `type` says which, and in which version. That every leaf is a
 * string is checked when it is serialized.
 */
export interface Tagged {
  readonly type: string;
}

const serialize = canonicalize as unknown as (value: unknown) => string | undefined;

/** UTF-8 of the RFC 8785 form. @throws {TypeError} on a leaf that is not a string. */
export function canonicalBytes(document: Tagged): Bytes {
  assertStrings(document);
  return utf8(serialize(document) as string);
}

/** SHA-256 of {@link canonicalBytes}, 32 bytes. */
export const digestOf = (document: Tagged): Bytes => sha256(canonicalBytes(document));

function assertStrings(value: unknown): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new TypeError('lone surrogate');
    return;
  }
  if (typeof value !== 'object' || value === null)
    throw new TypeError('canonical documents hold strings only');
  for (const [name, member] of Object.entries(value)) {
    if (!name.isWellFormed()) throw new TypeError('lone surrogate');
    assertStrings(member);
  }
}

/** Ids that either node can recompute: prefix and base32 of the first 16 bytes of H(digest, index). */
export function derivedId(
  prefix: 'wset' | 'wal' | 'sig' | 'apr' | 'whk' | 'whd' | 'tok' | 'inm',
  operationDigest: Bytes,
  index: number,
): string {
  const input = new Uint8Array(36);
  input.set(operationDigest);
  new DataView(input.buffer).setUint32(32, index);
  return `${prefix}_${toBase32(sha256(input).subarray(0, 16))}`;
}

/** `org_` and base32 of the whole hash of the founding statement: an id cannot be claimed for other keys. */
export const organizationId = (foundingStatement: Tagged): string =>
  `org_${toBase32(digestOf(foundingStatement))}`;
