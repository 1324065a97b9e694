/**
 * The audit log: what happened, and the proof that it is in a log which only grows. What a node says of its log
 * is believed with signatures of both nodes alone, under the pinned identities.
 * @module
 */
import { leafHash, verifyInclusion } from '../shared/audit/merkle.ts';
import { type AuditRecord, logOf, type Phase, readRecord, recordId } from '../shared/audit/record.ts';
import { type AuditPromise, openPromise } from '../shared/audit/statements.ts';
import { tileWidth } from '../shared/audit/tile.ts';
import { fromBase64url, utf8 } from '../shared/bytes.ts';
import type { Attested, NodeName } from '../shared/crypto/attestation.ts';
import type { Answer } from '../shared/wire/routes.ts';
import type { Identities } from './address-proof.ts';
import { auditLogsOf, proven, type TrustedCheckpoints } from './audit-logs.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import { PlanbokError } from './errors.ts';
import { pages, read, type Session } from './session.ts';

/** As Node 1 tells it. That it is in the log, {@link Proven} says. */
export interface AuditEvent {
  /** `evt_…` */
  readonly id: string;
  readonly state: 'pending' | 'integrated';
  readonly index?: number | undefined;
  readonly record: AuditRecord;
}

/** Every member narrows. */
export interface EventFilter {
  /** What it was done to: a wallet, a wallet set, the organization. */
  readonly object?: string | undefined;
  /** Credential that asked. */
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly phase?: Phase | undefined;
  /** Not before this time, RFC 3339. */
  readonly from?: string | undefined;
  /** Before this time. */
  readonly to?: string | undefined;
}

/** A record that is in Node 1's log, under a checkpoint that Node 2 cosigned. */
export interface Proven {
  readonly id: string;
  readonly record: AuditRecord;
  /** base64url of the leaf hash: what promises name. */
  readonly recordId: string;
  readonly index: number;
  readonly log: string;
  /** Of the checkpoint. */
  readonly size: number;
  /** When Node 2 cosigned, seconds since the epoch. */
  readonly cosigned: number;
  /** All that it takes to verify it again, offline: leaf, hashes from the leaf up, checkpoint. */
  readonly proof: { readonly leaf: string; readonly hashes: readonly string[]; readonly checkpoint: string };
}

/** Between questions for a cosignature, milliseconds. */
const cosignWaitMs = 500;

export function auditOf(session: Session, identities: Identities, store: CheckpointStore) {
  const logs = auditLogsOf(session, identities, store);

  async function* iterate({
    limit,
    ...filter
  }: EventFilter & { readonly limit?: number } = {}): AsyncGenerator<AuditEvent, void, undefined> {
    for await (const event of pages(session, 'listAuditEvents', { ...filter, limit })) yield eventOf(event);
  }

  /** The newest proof that is under a cosigned checkpoint. @throws {PlanbokError} `audit_unavailable` */
  async function cosignedProof(id: string): Promise<Answer<'getAuditProof'>> {
    for (let asked = 0; ; asked++) {
      const proof = await read(session, 'getAuditProof', { params: { id } });
      if (proof.cosigned) return proof;
      if (asked >= session.retries)
        throw new PlanbokError('audit_unavailable', 'the other node has not cosigned it yet', {
          retryable: true,
        });
      session.onProgress({ step: 'wait', detail: 'the other node has not cosigned it yet' });
      await session.sleep(cosignWaitMs);
    }
  }

  return {
    events: {
      /** One page, newest first; with filters perhaps empty, although more follow. */
      async list(
        query: EventFilter & { readonly limit?: number; readonly cursor?: string } = {},
      ): Promise<{ readonly data: readonly AuditEvent[]; readonly nextCursor?: string | undefined }> {
        const { data, nextCursor } = await read(session, 'listAuditEvents', { query: { ...query } });
        return { data: data.map(eventOf), nextCursor };
      },
      /** All, newest first; pages of `limit` are fetched as they are asked for. */
      iterate,
      get: async (id: string): Promise<AuditEvent> =>
        eventOf(await read(session, 'getAuditEvent', { params: { id } })),
    },
    /** What was done to a wallet, a wallet set or the organization, newest first. */
    timeline: (object: string): AsyncGenerator<AuditEvent, void, undefined> => iterate({ object }),
    /**
     * The newest checkpoints of both logs: verified, and each the continuation of what was kept.
     * @throws {PlanbokError} `proof_invalid`, `audit_log_went_back`, `audit_log_rewritten`
     */
    checkpoints: (): Promise<TrustedCheckpoints> => logs.checkpoints(),
    /**
     * Proves that the event is in Node 1's log. The server chose the record for this id: read what it says, or
     * give the promise that came with the answer, which names the record.
     * @throws {PlanbokError} `proof_invalid`, `audit_log_went_back`, `audit_log_rewritten`;
     * `audit_unavailable` if it is not integrated and cosigned yet: seconds later it is
     */
    async proof(id: string, promise?: Attested<AuditPromise>): Promise<Proven> {
      const { checkpoint, cosigned, value } = await logs.trust('node1', async () => {
        const answer = await cosignedProof(id);
        return { note: answer.checkpoint, value: answer };
      });
      const { record: text, index, proof: hashes, checkpoint: note } = value;
      const leaf = utf8(text);
      const { size, root, origin: log } = checkpoint;
      const record = proven(() => {
        if (
          index === undefined ||
          !verifyInclusion(leafHash(leaf), index, size, hashes.map(fromBase64url), root)
        )
          throw new Error('the record is not proven to be in the log');
        const found = readRecord(leaf);
        if (found.log !== log) throw new Error('the record is of another log');
        if (promise !== undefined)
          openPromise(
            promise,
            { node: 'node1', log, record: recordId(leaf) },
            fromBase64url(identities.node1),
          );
        return { ...found, index };
      });
      const { index: at, ...said } = record;
      const proof = { leaf: text, hashes, checkpoint: note };
      return { id, record: said, recordId: recordId(leaf), index: at, log, size, cosigned, proof };
    },
    /**
     * The leaves of a log below a size, as text, in order: what an export writes. They are believed when the root
     * that they give is that of the checkpoint.
     */
    async *records(node: NodeName, size: number): AsyncGenerator<readonly string[], void, undefined> {
      for (let from = 0; from < size; ) {
        const query = { log: node, from, limit: Math.min(tileWidth, size - from) };
        const { records } = await read(session, 'exportAudit', { query });
        if (records.length === 0 || records.length > query.limit)
          throw new PlanbokError('response_invalid', `${records.length} records, not ${query.limit}`);
        yield records;
        from += records.length;
      }
    },
  };
}

function eventOf({ id, state, index, record }: Answer<'getAuditEvent'>): AuditEvent {
  try {
    return { id, state, index, record: readRecord(utf8(record)) };
  } catch (cause) {
    throw new PlanbokError('response_invalid', `event ${id} is not an audit record`, { cause });
  }
}

/**
 * A node's word that what was asked is, or will be within seconds, in its log. Keep it: with a log that lacks the
 * record it convicts the node.
 * @returns id of the record
 * @throws {PlanbokError} `proof_invalid` unless the pinned identity says so of this organization's log
 */
export function checkPromise(
  promise: Attested<AuditPromise>,
  node: NodeName,
  organization: string,
  identities: Identities,
): string {
  const { record } = promise.document;
  const expected = { node, log: logOf(node, organization), record };
  return proven(() => openPromise(promise, expected, fromBase64url(identities[node]))).record;
}
