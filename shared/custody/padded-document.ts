/**
 * Documents that are sealed: canonical JSON in a frame of one size, so that a ciphertext shows nothing of what
 * is in it by its length. A frame is `I2(length) ‖ JSON ‖ zeros`.
 * @module
 */
import { type Bytes, concat, equalBytes, fromBase64url, u16be } from '../bytes.ts';
import { canonicalBytes, type Tagged } from '../intent/canonical.ts';

/** What a member has to be. */
export type Field = (text: string) => boolean;

/** Canonical base64url without padding of so many bytes. */
export const base64urlOf =
  (bytes: number): Field =>
  (text) => {
    try {
      return fromBase64url(text).length === bytes;
    } catch {
      return false;
    }
  };

/** The members of a document, all strings, all there: each with its check. */
export type Fields<D> = { readonly [M in keyof D]: Field };

/** @throws {RangeError} if it does not fit into `size` bytes */
export function padDocument(document: Tagged, size: number): Bytes {
  const json = canonicalBytes(document);
  if (json.length + 2 > size) throw new RangeError(`the document does not fit into ${size} bytes`);
  return concat(u16be(json.length), json, new Uint8Array(size - 2 - json.length));
}

/**
 * The document in a frame: canonical, these members and no others.
 * @throws {Error} otherwise
 */
export function unpadDocument<D extends Tagged>(frame: Bytes, size: number, fields: Fields<D>): D {
  const length = ((frame[0] ?? 0) << 8) | (frame[1] ?? 0);
  const json = frame.subarray(2, 2 + length);
  const padding = frame.subarray(2 + length);
  if (frame.length !== size || json.length !== length || padding.some((byte) => byte !== 0))
    throw new Error('not a frame');
  const document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)) as D;
  if (!equalBytes(canonicalBytes(document), json)) throw new Error('not canonical');
  const checks = Object.entries<Field>(fields);
  const whole = Object.keys(document).length === checks.length;
  const given = document as unknown as Readonly<Record<string, unknown>>;
  if (!whole || !checks.every(([member, check]) => typeof given[member] === 'string' && check(given[member])))
    throw new Error('not such a document');
  return document;
}
