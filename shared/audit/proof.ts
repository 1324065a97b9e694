/**
 * The proof that one record is in the log (C2SP tlog-proof): its index, the hashes from the leaf to the root,
 * and the checkpoint. And the memory of a client: a log only ever grows from what it has seen.
 * @module
 */
import { base64 } from '@scure/base';
import { type Bytes, utf8 } from '../bytes.ts';
import { cosignedAt, openCheckpoint, type SignedCheckpoint } from './checkpoint.ts';
import { leafHash, verifyConsistency, verifyInclusion } from './merkle.ts';
import type { NoteKey } from './note.ts';

const header = 'c2sp.org/tlog-proof@v1';

export interface RecordProof {
  readonly index: number;
  readonly hashes: readonly Bytes[];
  /** The note, as it is. */
  readonly checkpoint: Bytes;
}

export function encodeProof({ index, hashes, checkpoint }: RecordProof): string {
  const lines = [header, `index ${index}`, ...hashes.map((hash) => base64.encode(hash))];
  return `${lines.join('\n')}\n\n${new TextDecoder('utf-8', { fatal: true }).decode(checkpoint)}`;
}

/** @throws {TypeError} unless it is a proof, without extra data. */
export function parseProof(text: string): RecordProof {
  const match = /^([^\n]+)\nindex (0|[1-9]\d{0,15})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n([\s\S]+)$/.exec(text);
  if (match?.[1] !== header) throw new TypeError('not a proof of a record');
  const lines = (match[3] as string).split('\n').slice(0, -1);
  try {
    return {
      index: Number(match[2]),
      hashes: lines.map((line) => base64.decode(line)),
      checkpoint: utf8(match[4] as string),
    };
  } catch (cause) {
    throw new TypeError('not a proof of a record', { cause });
  }
}

/** The keys that a proof must convince. */
export interface LogKeys {
  readonly log: Omit<NoteKey, 'type'>;
  /** Of the other node; without it a checkpoint need not be cosigned. */
  readonly witness?: Omit<NoteKey, 'type'>;
}

/** @throws {TypeError} unless the checkpoint is the log's, and cosigned if `keys` names a witness. */
export function openCosigned(note: Bytes, { log, witness }: LogKeys): SignedCheckpoint {
  const checkpoint = openCheckpoint(note, log);
  if (witness !== undefined && cosignedAt(checkpoint.note, witness) === undefined)
    throw new TypeError('not cosigned by the other node');
  return checkpoint;
}

/** The checkpoint under which this record is in the log. @throws {TypeError} if it is not proven. */
export function verifyProof(record: Bytes, proof: RecordProof, keys: LogKeys): SignedCheckpoint {
  const checkpoint = openCosigned(proof.checkpoint, keys);
  if (!verifyInclusion(leafHash(record), proof.index, checkpoint.size, proof.hashes, checkpoint.root))
    throw new TypeError('the record is not proven to be in the log');
  return checkpoint;
}

/** How a newer checkpoint relates to the one that was kept. */
export type Continuation = 'continues' | 'went_back' | 'rewritten';

/**
 * May the newer checkpoint replace the kept one? Both are of one log, their signatures checked.
 * @param proof of consistency; empty if the sizes are equal or the kept log was empty.
 */
export function continuation(
  kept: { readonly size: number; readonly root: Bytes },
  newer: { readonly size: number; readonly root: Bytes },
  proof: readonly Bytes[],
): Continuation {
  if (newer.size < kept.size) return 'went_back';
  if (kept.size === 0) return 'continues';
  return verifyConsistency(kept.size, newer.size, kept.root, newer.root, proof) ? 'continues' : 'rewritten';
}
