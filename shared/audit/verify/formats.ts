/**
 * How an export is written: canonical JSON (RFC 8785, strings only), base64url, a node's attested word, signed
 * notes (C2SP signed-note, tlog-checkpoint, tlog-cosignature). Every form has one spelling, so that no byte is
 * free to change. Part of the verifier: noble and nothing else.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';

export type Bytes = Uint8Array;
export const nodes = ['node1', 'node2'] as const;
export type Node = (typeof nodes)[number];

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
export const utf8 = (text: string): Bytes => encoder.encode(text);
export const textOf = (bytes: Bytes): string => decoder.decode(bytes);
export const join = (...parts: readonly Bytes[]): Bytes => {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};
export const same = (a: Bytes, b: Bytes): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
const toBase64 = (bytes: Bytes): string => btoa(String.fromCharCode(...bytes));
export const toBase64url = (bytes: Bytes): string =>
  toBase64(bytes).replace(/[+/=]/g, (c) => (c === '+' ? '-' : c === '/' ? '_' : ''));
export function must(condition: boolean, why: string): asserts condition {
  if (!condition) throw new Error(why);
}
function fromBase64(text: string): Bytes {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  must(toBase64(bytes) === text, 'not base64');
  return bytes;
}
export function fromBase64url(text: string): Bytes {
  const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  must(toBase64url(bytes) === text, 'not base64url');
  return bytes;
}

/** 32 bytes from base64url; the last of 43 digits holds four bits. */
export function hashOf(text: string): Bytes {
  must(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/.test(text), 'not base64url of 32 bytes');
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = new Uint8Array(32);
  for (let i = 0; i < 32; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

export type Json = string | { readonly [member: string]: Json };
function canonical(value: Json): string {
  if (typeof value === 'string') return JSON.stringify(value);
  must(typeof value === 'object' && value !== null && !Array.isArray(value), 'not of strings only');
  // The order of UTF-16 units is that of `sort` and of RFC 8785.
  const members = Object.keys(value).sort();
  return `{${members.map((m) => `${JSON.stringify(m)}:${canonical(value[m] as Json)}`).join()}}`;
}
export function parse(bytes: Bytes): Record<string, Json> {
  const text = textOf(bytes);
  const value = JSON.parse(text);
  must(typeof value === 'object' && canonical(value) === text, 'not in canonical form');
  return value;
}

/** As {@link parse}, for a flat document whose members stand in order: most of the time goes here. */
export function parseFlat(bytes: Bytes, members: string): Record<string, string> {
  const text = textOf(bytes);
  const value = JSON.parse(text) as Record<string, string>;
  must(typeof value === 'object' && value !== null && Object.keys(value).join() === members, 'other members');
  for (const member of Object.values(value)) must(typeof member === 'string', 'not of strings only');
  must(JSON.stringify(value) === text, 'not in canonical form');
  return value;
}

/** The document, if `node` said it: signed by a key that its identity lent its voice to at that time. */
export function openAttested(attested: Json, node: Node, identity: Bytes): Record<string, string> {
  const { document, delegation, signature } = attested as unknown as {
    readonly document: Record<string, string>;
    readonly delegation: { readonly signed: string; readonly signature: string };
    readonly signature: string;
  };
  must(Object.keys(attested).join() === 'delegation,document,signature', 'not an attestation');
  must(Object.keys(delegation).join() === 'signature,signed', 'not a delegation');
  const [signed, by] = [fromBase64url(delegation.signed), fromBase64url(delegation.signature)];
  must(p256.verify(by, signed, identity.subarray(26), { format: 'der', lowS: false }), 'not of the identity');
  const lent = JSON.parse(textOf(signed)) as Record<string, string>;
  const [from, to, at] = [lent['notBefore'], lent['notAfter'], document['issued']].map(Number) as number[];
  must(lent['type'] === 'planbok/delegation/v1' && lent['node'] === node, 'another delegation');
  must(document['node'] === node, 'said by another node');
  must(Number(to) - Number(from) <= 3_600_000, 'a delegation lives at most an hour');
  must(Number(at) >= Number(from) && Number(at) <= Number(to), 'not within the hour of the delegation');
  const message = join(utf8('planbok/attested/v1\0'), utf8(canonical(document)));
  const key = fromBase64url(lent['publicKey'] as string);
  must(ed25519.verify(fromBase64url(signature), message, key, { zip215: false }), 'not signed');
  return document;
}

export interface Key {
  readonly name: string;
  readonly publicKey: Bytes;
}

export function openKey(attested: Json, node: Node, use: string, name: string, identity: Bytes): Key {
  const document = openAttested(attested, node, identity);
  must(document['type'] === 'planbok/audit-key/v1' && document['use'] === use, 'a key for something else');
  must(document['name'] === name, 'a key of something else');
  return { name, publicKey: fromBase64url(document['publicKey'] as string) };
}

/** The signature behind a line `— name base64(key id ‖ signature)` of the key with this type. */
function signatureOf(line: string | undefined, { name, publicKey }: Key, type: number): Bytes {
  const prefix = `— ${name} `;
  must(line?.startsWith(prefix) === true, 'not signed by the expected key');
  const bytes = fromBase64(line.slice(prefix.length));
  const id = sha256(join(utf8(`${name}\n`), Uint8Array.of(type), publicKey)).subarray(0, 4);
  must(same(bytes.subarray(0, 4), id), 'not signed by the expected key');
  return bytes.subarray(4);
}

export interface Checkpoint {
  readonly text: string;
  readonly lines: readonly string[];
  readonly size: number;
  readonly root: Bytes;
}

export function parseCheckpoint(note: Bytes, origin: string): Checkpoint {
  const whole = textOf(note);
  const match = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([^\n]+)\n\n((?:[^\n]+\n)+)$/.exec(whole);
  must(match?.[1] === origin, 'not a checkpoint of this log');
  const root = fromBase64(match[3] as string);
  must(root.length === 32, 'not a root');
  const signatures = match[4] as string;
  const text = whole.slice(0, -signatures.length - 1);
  return { text, lines: signatures.split('\n').slice(0, -1), size: Number(match[2]), root };
}

export function checkSignature({ lines, text }: Checkpoint, key: Key): void {
  const signature = signatureOf(lines[0], key, 1);
  must(
    ed25519.verify(signature, utf8(text), key.publicKey, { zip215: false }),
    'the signature does not hold',
  );
}

/** When the witness cosigned. */
export function checkCosignature({ lines, text }: Checkpoint, witness: Key): number {
  must(lines.length === 2, 'not the two expected signatures');
  const bytes = signatureOf(lines[1], witness, 4);
  must(bytes.length === 72, 'not a cosignature');
  const seconds = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
  const message = utf8(`cosignature/v1\ntime ${seconds}\n${text}`);
  must(
    ed25519.verify(bytes.subarray(8), message, witness.publicKey, { zip215: false }),
    'the cosignature does not hold',
  );
  return seconds;
}

/** More than any line of an export has, bytes. */
const longestLine = 1_048_576;

/** The lines of a file, some at a time, whatever pieces it comes in; each ends in a newline, also the last. */
export async function* linesIn(pieces: AsyncIterable<Bytes>): AsyncGenerator<readonly Bytes[]> {
  let rest: Bytes = new Uint8Array(0);
  for await (const piece of pieces) {
    const lines: Bytes[] = [];
    let at = 0;
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, at)) {
      const line = piece.subarray(at, end);
      lines.push(rest.length === 0 ? line : join(rest, line));
      rest = new Uint8Array(0);
      at = end + 1;
    }
    yield lines;
    rest = rest.length === 0 ? piece.slice(at) : join(rest, piece.subarray(at));
    must(rest.length <= longestLine, 'a line is too long');
  }
  must(rest.length === 0, 'the last line is cut off');
}

/** A small file as a whole. */
export async function wholeFile(pieces: AsyncIterable<Bytes>, most: number): Promise<Bytes> {
  let whole: Bytes = new Uint8Array(0);
  for await (const piece of pieces) {
    whole = join(whole, piece);
    must(whole.length <= most, 'the file is too large');
  }
  return whole;
}
