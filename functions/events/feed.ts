/**
 * The feed of an organization: Node 1's audit log from an index on, as events. It costs no write of its own,
 * and is as dense, ordered, resumable and verifiable as the log is.
 * @module
 */
import { type AuditRecord, logOf, readRecord, recordId } from '#shared/audit/record.ts';
import { fromBase64url, toBase64url, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import { eventTypeOf } from '#shared/events/catalog.ts';
import { derivedId } from '#shared/intent/canonical.ts';
import type { FeedEvent } from '#shared/wire/events.ts';
import { eventAt } from '../audit/events.ts';
import type { NodeAudit } from '../audit/node-audit.ts';
import { logReader } from '../audit/proofs.ts';
import { eventId } from '../audit/recording.ts';

export interface FeedEntry {
  readonly index: number;
  /** Of the record. */
  readonly id: string;
  readonly record: AuditRecord;
}

export interface Feed {
  /**
   * Integrated records from an index on, and the size of the log. Strongly consistent.
   * @throws {CustodyError} `audit_unavailable`
   */
  read(
    organization: string,
    from: number,
    limit: number,
  ): Promise<{ readonly entries: readonly FeedEntry[]; readonly size: number }>;
  /** Records in the log. */
  size(organization: string): Promise<number>;
}

export function feedOver({ store, files }: Pick<NodeAudit, 'store' | 'files'>): Feed {
  return {
    async read(organization, from, limit) {
      const log = logOf('node1', organization);
      const head = await store.head(log);
      if (head === undefined) return { entries: [], size: 0 };
      const to = Math.min(head.size, from + limit);
      const leaves = from < to ? await logReader(store, files).leaves(log, head, from, to) : [];
      const entries = leaves.map((leaf, i) => ({
        index: from + i,
        id: recordId(leaf),
        record: readRecord(leaf),
      }));
      return { entries, size: head.size };
    },
    async size(organization) {
      return (await store.head(logOf('node1', organization)))?.size ?? 0;
    },
  };
}

/** A place in the feed: before the record with this index. Opaque to users. */
export const cursorAt = (index: number): string => toBase64url(utf8(`log/${index}`));

/** @throws {CustodyError} `request_invalid` */
export function indexAt(cursor: string): number {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(fromBase64url(cursor));
    const index = Number(/^log\/(0|[1-9]\d{0,14})$/.exec(text)?.[1]);
    if (Number.isSafeInteger(index)) return index;
  } catch {
    // Not base64url, or not text: refused as any other text that is no cursor.
  }
  throw new CustodyError('request_invalid', 'this is not a cursor of this feed');
}

/** What a record is to an application; undefined for an intent. */
export function eventOf({ index, id, record }: FeedEntry): FeedEvent | undefined {
  const { action, phase, actor, role, policy, operation, object, previous, time } = record;
  const type = eventTypeOf(action, phase);
  if (type === undefined) return undefined;
  return {
    id: eventId({ event: eventAt(index, id) }),
    type,
    created: new Date(Number(time)).toISOString(),
    object,
    data: {
      action,
      phase,
      actor,
      role,
      reason: policy,
      ...(operation !== '' && { operation }),
      // The record that it began with, as in the promise of the answer.
      ...(previous !== '' && { intent: previous }),
      ...(type === 'signature.completed' && { signature: derivedId('sig', fromBase64url(operation), 0) }),
    },
    cursor: cursorAt(index + 1),
  };
}
