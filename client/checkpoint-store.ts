/**
 * The client's memory of the audit logs: the newest checkpoint of each. A log that does not continue it is
 * refused, so whoever keeps it from one run to the next cannot be shown another past.
 * @module
 */
import { parseCheckpoint } from '../shared/audit/checkpoint.ts';
import { parseNote } from '../shared/audit/note.ts';
import { utf8 } from '../shared/bytes.ts';

/** A checkpoint whose signatures were checked when it was kept. */
export interface KeptCheckpoint {
  /** C2SP signed note: log and cosignature of the other node. */
  readonly note: string;
  /** base64url of the log's Ed25519 key: a log has one, for ever. */
  readonly publicKey: string;
}

/** What a log contradicts itself with. Each note bears the log's own signature. */
export interface AuditEvidence {
  readonly code: 'audit_log_went_back' | 'audit_log_rewritten';
  readonly kept: KeptCheckpoint;
  /** Absent if the log shows no checkpoint at all any more. */
  readonly offered?: KeptCheckpoint | undefined;
}

export interface CheckpointStore {
  /** @param log origin of the log */
  read(log: string): Promise<KeptCheckpoint | undefined>;
  /** Keeps it, unless a larger one of this log is kept. */
  keep(log: string, checkpoint: KeptCheckpoint): Promise<void>;
  /** Keeps what proves that a log was put back or rewritten. */
  accuse(log: string, evidence: AuditEvidence): Promise<void>;
}

/** @throws {TypeError} if the note is not one of a checkpoint */
export const sizeAndRoot = ({ note }: KeptCheckpoint) => parseCheckpoint(parseNote(utf8(note)).text);

/** For as long as the program runs. */
export function memoryCheckpoints(): CheckpointStore {
  const kept = new Map<string, string>();
  return storedCheckpoints({
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
  });
}

/** Of `localStorage`, or anything else that keeps texts under names. */
export interface TextStorage {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
}

/** In the browser, give it `localStorage`. */
export function storedCheckpoints(storage: TextStorage): CheckpointStore {
  const read = (log: string): KeptCheckpoint | undefined => {
    const text = storage.getItem(`planbok checkpoint ${log}`);
    return text === null ? undefined : (JSON.parse(text) as KeptCheckpoint);
  };
  return {
    read: async (log) => read(log),
    async keep(log, checkpoint) {
      const before = read(log);
      if (before !== undefined && sizeAndRoot(before).size > sizeAndRoot(checkpoint).size) return;
      storage.setItem(`planbok checkpoint ${log}`, JSON.stringify(checkpoint));
    },
    async accuse(log, evidence) {
      storage.setItem(`planbok evidence ${log}`, JSON.stringify(evidence));
    },
  };
}
