/**
 * Byte strings: hex, base64url, fixed-width integers, injective joins. Browser-safe.
 * @module
 */
import { base32nopad, base64urlnopad } from '@scure/base';

export type Bytes = Uint8Array;

/** Randomness as a parameter: `n` fresh bytes. Tests pass a seeded one. */
export type Random = (n: number) => Bytes;

const text = new TextEncoder();

/** UTF-8 bytes of a string. */
export const utf8 = (s: string): Bytes => text.encode(s);

export function concat(...parts: readonly Bytes[]): Bytes {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** Lower-case hex. */
export function toHex(b: Bytes): string {
  let s = '';
  for (const x of b) s += x.toString(16).padStart(2, '0');
  return s;
}

/** @throws {RangeError} on anything but an even number of hex digits (no prefix). */
export function fromHex(s: string): Bytes {
  if (s.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(s)) throw new RangeError('not hex');
  return Uint8Array.from({ length: s.length / 2 }, (_, i) => Number.parseInt(s.substr(2 * i, 2), 16));
}

/** base64url without padding (RFC 4648, section 5). */
export const toBase64url = (b: Bytes): string => base64urlnopad.encode(b);
/** @throws {Error} unless the text is canonical base64url without padding. */
export const fromBase64url = (s: string): Bytes => base64urlnopad.decode(s);

/** Lower-case base32 without padding: the alphabet of ids. */
export const toBase32 = (b: Bytes): string => base32nopad.encode(b).toLowerCase();

/** Big-endian integers of 1, 2, 4 and 8 bytes: `I1, I2, I4, L8` of the protocol documents. */
export const u8 = (n: number): Bytes => Uint8Array.of(n);
export const u16be = (n: number): Bytes => Uint8Array.of(n >>> 8, n);
export const u32be = (n: number): Bytes => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
export function u64be(n: number): Bytes {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(n));
  return out;
}

/** Each part behind its 8-byte length: injective in the list of parts. */
export const lengthPrefixed = (...parts: readonly Bytes[]): Bytes =>
  concat(...parts.flatMap((p) => [u64be(p.length), p]));

/** Equality in a time that depends on the lengths alone. */
export function equalBytes(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}
