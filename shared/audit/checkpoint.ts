/**
 * Checkpoints (C2SP tlog-checkpoint): a log's size and root as a signed note; and cosignatures
 * (tlog-cosignature, `cosignature/v1`): the word of a witness that, at a time, this is the largest tree it has
 * seen, and that everything it saw before is the beginning of it.
 * @module
 */
import { base64 } from '@scure/base';
import { type Bytes, concat, u64be, utf8 } from '../bytes.ts';
import {
  type Note,
  type NoteKey,
  type NoteSigner,
  parseNote,
  signatureLine,
  signatureOf,
  signatureTypes,
  signNote,
  verifyEd25519,
  verifyNote,
} from './note.ts';

export interface Checkpoint {
  /** Names the log. */
  readonly origin: string;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Bytes;
}

/** Three lines: origin, size, root. */
export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${base64.encode(root)}\n`;

/** @throws {TypeError} on anything else than the three lines; extension lines are not in our logs. */
export function parseCheckpoint(text: string): Checkpoint {
  const match = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n$/.exec(text);
  const size = Number(match?.[2]);
  if (match === null || !Number.isSafeInteger(size)) throw new TypeError('not a checkpoint');
  try {
    return { origin: match[1] as string, size, root: base64.decode(match[3] as string) };
  } catch (cause) {
    throw new TypeError('not a checkpoint', { cause });
  }
}

/** The checkpoint, signed by its log. The key's name is the origin. */
export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): Bytes {
  if (signer.name !== checkpoint.origin) throw new TypeError('a log signs its own checkpoints');
  return signNote(checkpointText(checkpoint), signer);
}

/** A checkpoint that its log signed, as the note that says so. */
export interface SignedCheckpoint extends Checkpoint {
  readonly note: Note;
}

/** @throws {TypeError} unless the note is a checkpoint of the log with this key, signed by it. */
export function openCheckpoint(bytes: Bytes, log: Omit<NoteKey, 'type'>): SignedCheckpoint {
  const note = parseNote(bytes);
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== log.name) throw new TypeError('a checkpoint of another log');
  if (!verifyNote(note, log)) throw new TypeError('not signed by the log');
  return { ...checkpoint, note };
}

const cosigned = (text: string, seconds: number): Bytes => utf8(`cosignature/v1\ntime ${seconds}\n${text}`);

/** The signature line of a witness on a checkpoint's text, at a time in whole seconds since the epoch. */
export function cosign(text: string, seconds: number, witness: NoteSigner): string {
  const key = { name: witness.name, type: signatureTypes.cosignature, publicKey: witness.publicKey };
  return signatureLine(key, concat(u64be(seconds), witness.sign(cosigned(text, seconds))));
}

/** When this witness cosigned, in seconds since the epoch; undefined if it did not, or its word does not hold. */
export function cosignedAt(note: Note, witness: Omit<NoteKey, 'type'>): number | undefined {
  const found = signatureOf(note, { ...witness, type: signatureTypes.cosignature });
  if (found?.length !== 72) return undefined;
  const seconds = Number(new DataView(found.buffer, found.byteOffset).getBigUint64(0));
  if (!Number.isSafeInteger(seconds)) return undefined;
  return verifyEd25519(found.subarray(8), cosigned(note.text, seconds), witness.publicKey)
    ? seconds
    : undefined;
}

/** The note with one more signature line. */
export const withLine = (note: Bytes, line: string): Bytes => concat(note, utf8(line));
