/**
 * A node witnesses the logs of the other: it cosigns a checkpoint only when everything it saw before is the
 * beginning of it, and remembers it before it answers (C2SP tlog-witness). A log that forked or was rewritten
 * is followed no longer, and nothing more is signed for its organization.
 * @module
 */
import { cosign, openCheckpoint, type SignedCheckpoint } from '#shared/audit/checkpoint.ts';
import { verifyConsistency } from '#shared/audit/merkle.ts';
import type { NoteKey, NoteSigner } from '#shared/audit/note.ts';
import type { CosignAnswer, CosignRequest } from '#shared/audit/witness.ts';
import { type Bytes, equalBytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Clock, Log } from '../ports.ts';
import type { AuditStore, Seen } from '../stores/audit.ts';

export interface WitnessPorts {
  readonly store: AuditStore;
  readonly signer: () => Promise<NoteSigner>;
  /** The attested key of a log of the other node; undefined for a name that is not one. */
  readonly keyOf: (log: string) => Promise<Omit<NoteKey, 'type'> | undefined>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Witness {
  /** @throws {CustodyError} `request_invalid` if it is not a checkpoint of the log, signed by it. */
  cosign(log: string, request: CosignRequest): Promise<CosignAnswer>;
}

/** A smaller checkpoint within this time of a larger one may have been overtaken; later it is a roll back. */
const overtakenMs = 60_000;
/** How often the memory of a log may change under one request. */
const races = 5;

export function witnessOf(ports: WitnessPorts): Witness {
  const { store, clock, log: alarms } = ports;
  const refuse = async (log: string, seen: Seen, why: string): Promise<CosignAnswer> => {
    if (!(await store.see(log, seen, { ...seen, refused: true }))) return { state: 'refused' };
    alarms.alarm('audit log of the peer refused', { log, why });
    return { state: 'refused' };
  };
  return {
    async cosign(log, request) {
      const checkpoint = await open(ports, log, request.checkpoint);
      for (let race = 0; race < races; race++) {
        const seen = await store.seen(log);
        const verdict = judge(seen, checkpoint, request);
        if (verdict === 'refused') return { state: 'refused' };
        if (seen !== undefined && (verdict === 'forked' || verdict === 'rewritten'))
          return refuse(log, seen, verdict);
        if (seen !== undefined && verdict === 'behind') {
          const fields = { log, seen: seen.size, offered: checkpoint.size };
          if (clock() - seen.seenMs > overtakenMs) alarms.alarm('audit log of the peer went back', fields);
          else alarms.warn('an overtaken checkpoint', fields);
          return { state: 'behind', seen: seen.note };
        }
        if (verdict === 'conflict') return { state: 'conflict', size: seen?.size ?? 0 };
        if (verdict === 'new') {
          const { size, root } = checkpoint;
          const after = { size, root, note: request.checkpoint, seenMs: clock() };
          if (!(await store.see(log, seen, after))) continue;
        }
        const line = cosign(checkpoint.note.text, Math.floor(clock() / 1_000), await ports.signer());
        return { state: 'cosigned', line };
      }
      throw new CustodyError('storage_unavailable', 'what was seen of the log keeps changing');
    },
  };
}

async function open({ keyOf }: WitnessPorts, log: string, note: Bytes): Promise<SignedCheckpoint> {
  const key = await keyOf(log);
  try {
    if (key?.name !== log) throw new TypeError('no such log');
    return openCheckpoint(note, key);
  } catch (cause) {
    throw new CustodyError('request_invalid', 'not a checkpoint of this log', { cause });
  }
}

type Verdict = 'new' | 'same' | 'conflict' | 'behind' | 'forked' | 'rewritten' | 'refused';

function judge(seen: Seen | undefined, { size, root }: SignedCheckpoint, request: CosignRequest): Verdict {
  const { oldSize, proof } = request;
  if (seen === undefined) return oldSize === 0 && proof.length === 0 ? 'new' : 'conflict';
  if (seen.refused) return 'refused';
  if (size < seen.size) return 'behind';
  if (size === seen.size) return equalBytes(root, seen.root) ? 'same' : 'forked';
  if (oldSize !== seen.size) return 'conflict';
  if (seen.size === 0) return 'new';
  return verifyConsistency(seen.size, size, seen.root, root, proof) ? 'new' : 'rewritten';
}
