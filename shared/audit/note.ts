/**
 * Signed notes (C2SP signed-note) with Ed25519 keys: a text that ends in a newline, an empty line, and one
 * line per signature. A key is known by its name and a short id; who verifies knows the whole key.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64 } from '@scure/base';
import { type Bytes, concat, equalBytes, toHex, utf8 } from '../bytes.ts';

/** Signature types of the specification: of a log over a note, of a witness over a checkpoint. */
export const signatureTypes = { ed25519: 1, cosignature: 4 } as const;
export type SignatureType = (typeof signatureTypes)[keyof typeof signatureTypes];

export interface NoteKey {
  readonly name: string;
  readonly type: SignatureType;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Bytes;
}

/** A key that signs here; where the private key is, only `sign` knows. */
export interface NoteSigner {
  readonly name: string;
  readonly publicKey: Bytes;
  sign(message: Bytes): Bytes;
}

export interface NoteSignature {
  readonly name: string;
  /** 4 bytes. */
  readonly keyId: Bytes;
  readonly signature: Bytes;
}

export interface Note {
  /** With its last newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** More are not read. */
export const maxSignatures = 16;
const maxNoteBytes = 8_192;

/** Not empty, no spaces, no plus, no control characters. */
const namePattern = /^[^\s+\p{Cc}]+$/u;

/** SHA-256(name ‖ newline ‖ type ‖ public key), the first 4 bytes. @throws {TypeError} on a name or key that no note can have */
export function keyIdOf({ name, type, publicKey }: NoteKey): Bytes {
  if (!namePattern.test(name) || publicKey.length !== 32) throw new TypeError('not a key of a note');
  return sha256(concat(utf8(`${name}\n`), Uint8Array.of(type), publicKey)).subarray(0, 4);
}

/** The key as text that other tools of transparency logs take. */
export const verifierKey = (key: NoteKey): string =>
  `${key.name}+${toHex(keyIdOf(key))}+${base64.encode(concat(Uint8Array.of(key.type), key.publicKey))}`;

/** One signature line, with its newline. */
export const signatureLine = (key: NoteKey, signature: Bytes): string =>
  `— ${key.name} ${base64.encode(concat(keyIdOf(key), signature))}\n`;

/** The text, signed as a note. @throws {TypeError} if no note can hold the text. */
export function signNote(text: string, signer: NoteSigner): Bytes {
  if (!isNoteText(text)) throw new TypeError('not the text of a note');
  const key: NoteKey = { name: signer.name, type: signatureTypes.ed25519, publicKey: signer.publicKey };
  return utf8(`${text}\n${signatureLine(key, signer.sign(utf8(text)))}`);
}

const isNoteText = (text: string): boolean =>
  text.endsWith('\n') && text.isWellFormed() && [...text].every((c) => c >= ' ' || c === '\n');

/** The note of these bytes; its signatures are not checked. @throws {TypeError} unless it is written as a note. */
export function parseNote(bytes: Bytes): Note {
  const refuse = (why: string) => new TypeError(`not a note: ${why}`);
  if (bytes.length > maxNoteBytes) throw refuse('too long');
  let whole: string;
  try {
    whole = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuse('not UTF-8');
  }
  const end = whole.lastIndexOf('\n\n');
  if (end < 0 || !isNoteText(whole)) throw refuse('no text, or a control character');
  const lines = whole.slice(end + 2).split('\n');
  if (lines.pop() !== '' || lines.length === 0 || lines.length > maxSignatures)
    throw refuse('its signatures are not lines');
  return { text: whole.slice(0, end + 1), signatures: lines.map(parseLine) };
}

function parseLine(line: string): NoteSignature {
  const match = /^— (\S+) (\S+)$/.exec(line);
  if (match === null) throw new TypeError('not a signature line');
  const [name, encoded] = [match[1] as string, match[2] as string];
  let decoded: Bytes;
  try {
    decoded = base64.decode(encoded);
  } catch (cause) {
    throw new TypeError('not a signature line', { cause });
  }
  if (!namePattern.test(name) || decoded.length < 5) throw new TypeError('not a signature line');
  return { name, keyId: decoded.subarray(0, 4), signature: decoded.subarray(4) };
}

/** The signature of a key on a note, if the note names that key. */
export const signatureOf = (note: Note, key: NoteKey): Bytes | undefined =>
  note.signatures.find(({ name, keyId }) => name === key.name && equalBytes(keyId, keyIdOf(key)))?.signature;

/** Did the log's key sign this note? Cosignatures are the matter of checkpoints. */
export function verifyNote(note: Note, key: Omit<NoteKey, 'type'>): boolean {
  const signature = signatureOf(note, { ...key, type: signatureTypes.ed25519 });
  return signature !== undefined && verifyEd25519(signature, utf8(note.text), key.publicKey);
}

/** RFC 8032, canonical encodings only. Never throws. */
export function verifyEd25519(signature: Bytes, message: Bytes, publicKey: Bytes): boolean {
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false;
  }
}
