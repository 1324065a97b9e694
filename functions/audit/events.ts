/**
 * The records of a log one by one, as the API names and lists them: an entry of the store may hold several.
 * @module
 */
import { recordId } from '#shared/audit/record.ts';
import type { Bytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { AuditStore, StoredEntry } from '../stores/audit.ts';
import type { WriteOnce } from './ports.ts';
import { logReader } from './proofs.ts';

export interface StoredEvent {
  /** The name of its entry and, above 0, `.` and its place there. */
  readonly event: string;
  /** The canonical record. */
  readonly leaf: Bytes;
  /** In the log; absent until it is integrated. */
  readonly index?: number;
}

/** Newest first. */
export interface EventPage {
  readonly events: readonly StoredEvent[];
  readonly cursor?: string;
}

const eventsOf = ({ name, leaves, from }: StoredEntry): readonly StoredEvent[] =>
  leaves.map((leaf, i) => ({
    event: i === 0 ? name : `${name}.${i}`,
    leaf,
    ...(from !== undefined && { index: from + i }),
  }));

/** A record by its place in the log. @param id of the record, 43 characters */
export const eventAt = (index: number, id: string): string => `${index}_${id}`;

/**
 * Strongly consistent.
 * @param event of a receipt, or {@link eventAt}
 * @throws {CustodyError} `audit_unavailable`
 */
export async function findEvent(
  { store, files }: { readonly store: AuditStore; readonly files: WriteOnce },
  log: string,
  event: string,
): Promise<StoredEvent | undefined> {
  const [, place, id] = /^(\d{1,15})_([A-Za-z0-9_-]{43})$/.exec(event) ?? [];
  if (place === undefined) {
    const entry = await store.find(log, event.replace(/\.\d+$/, ''));
    return entry && eventsOf(entry).find((one) => one.event === event);
  }
  const [head, index] = [await store.head(log), Number(place)];
  if (head === undefined || index >= head.size) return undefined;
  const [leaf] = await logReader(store, files).leaves(log, head, index, index + 1);
  return leaf !== undefined && recordId(leaf) === id ? { event, leaf, index } : undefined;
}

/**
 * @param object id of what was acted on; undefined: everything
 * @throws {CustodyError} `request_invalid` on a cursor that is none
 */
export async function eventPage(
  store: AuditStore,
  log: string,
  object: string | undefined,
  { limit, cursor = '0.' }: { readonly limit: number; readonly cursor?: string },
): Promise<EventPage> {
  const [, skipped = '', at = ''] = /^(\d{1,2})\.(.*)$/.exec(cursor) ?? [];
  if (skipped === '') throw new CustodyError('request_invalid', 'not a cursor of this list');
  const read = (most: number) =>
    store.entries(log, object, { limit: most, ...(at !== '' && { cursor: at }) });
  const page = await read(limit);
  const events: StoredEvent[] = [];
  let skip = Number(skipped);
  for (const [whole, entry] of page.entries.entries()) {
    const rest = [...eventsOf(entry)].reverse().slice(skip);
    const shown = rest.slice(0, limit - events.length);
    events.push(...shown);
    if (shown.length < rest.length) {
      // The rest of this entry comes next: after the entries before it, and what was shown of it.
      const before = whole === 0 ? at : (await read(whole)).cursor;
      return { events, cursor: `${skip + shown.length}.${before ?? ''}` };
    }
    skip = 0;
  }
  return { events, ...(page.cursor !== undefined && { cursor: `0.${page.cursor}` }) };
}
