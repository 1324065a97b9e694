/**
 * The text of a bearer token: `pbk_`, its id, and base64url of 32 random bytes and 4 bytes that check both.
 * A scanner finds it by its form (`pbk_[a-z2-7]{26}_[A-Za-z0-9_-]{48}`) and tells it from a look-alike by the check;
 * a mistyped one is known as such before anybody is asked.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, equalBytes, fromBase64url, toBase64url, utf8 } from '../bytes.ts';

export interface BearerToken {
  /** `tok_…`, no secret. */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Bytes;
}

const secretBytes = 32;
const form = /^pbk_([a-z2-7]{26})_([A-Za-z0-9_-]{48})$/;

/** 4 bytes: they say nothing of the secret that would help to guess it. */
const checkOf = (id: string, secret: Bytes): Bytes =>
  sha256(concat(utf8(`planbok/bearer-check/v1\0${id}\0`), secret)).subarray(0, 4);

export const formatBearer = ({ id, secret }: BearerToken): string =>
  `pbk_${id.replace(/^tok_/, '')}_${toBase64url(concat(secret, checkOf(id, secret)))}`;

/** Undefined if it is none, or was mistyped. */
export function parseBearer(text: string): BearerToken | undefined {
  const [, name, tail] = form.exec(text) ?? [];
  if (name === undefined || tail === undefined) return undefined;
  const bytes = fromBase64url(tail);
  const id = `tok_${name}`;
  const secret = bytes.subarray(0, secretBytes);
  return equalBytes(bytes.subarray(secretBytes), checkOf(id, secret)) ? { id, secret } : undefined;
}

/** The text behind `Bearer` in an `Authorization` header (RFC 6750, 2.1); undefined if the scheme is another. */
export const bearerIn = (authorization: string): string | undefined =>
  /^\s*bearer(?:\s+(.*?))?\s*$/is.exec(authorization)?.map((part) => part ?? '')[1];
