/**
 * Reads of Node 1's audit log.
 * @module
 */
import { type AuditRecord, logOf, readRecord } from '#shared/audit/record.ts';
import { toBase64url } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Query, Answer as Reply } from '#shared/wire/routes.ts';
import { eventPage, findEvent, type StoredEvent } from '../audit/events.ts';
import type { NodeAudit } from '../audit/node-audit.ts';
import { logReader } from '../audit/proofs.ts';
import { eventId } from '../audit/recording.ts';

export type AuditReads = Pick<NodeAudit, 'store' | 'files'>;

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const eventView = ({ event, leaf, index }: StoredEvent): Reply<'listAuditEvents'>['data'][number] => ({
  id: eventId({ event }),
  state: index === undefined ? 'pending' : 'integrated',
  ...(index !== undefined && { index }),
  record: text(leaf),
});

/** What a person may ask of a list; absent: everything. */
export type EventFilter = Omit<Query<'listAuditEvents'>, 'limit' | 'cursor'>;

/** Reads of the list for one answer: a filter that finds little stops here, and goes on at the cursor. */
const mostReads = 10;
/**
 * Pending records are integrated oldest first, so the order of the log is that of time but for what a list
 * showed too late. Nothing is that late.
 */
const disorderMs = 3_600_000;

const matches = ({ actor, action, phase }: EventFilter, record: AuditRecord): boolean =>
  (actor === undefined || record.actor === actor) &&
  (action === undefined || record.action === action) &&
  (phase === undefined || record.phase === phase);

/** Newest first. */
export async function auditEvents(
  { store }: AuditReads,
  organization: string,
  filter: EventFilter,
  { limit, cursor: start }: { readonly limit: number; readonly cursor?: string },
): Promise<Reply<'listAuditEvents'>> {
  const log = logOf('node1', organization);
  const [fromMs, toMs] = [Date.parse(filter.from ?? ''), Date.parse(filter.to ?? '')];
  const data: Reply<'listAuditEvents'>['data'] = [];
  let cursor = start;
  for (let reads = 0; reads < mostReads && data.length < limit; reads++) {
    const page = { limit: limit - data.length, ...(cursor !== undefined && { cursor }) };
    const found = await eventPage(store, log, filter.object, page);
    let past = false;
    for (const stored of found.events) {
      const record = readRecord(stored.leaf);
      const timeMs = Number(record.time);
      past ||= timeMs < fromMs - disorderMs;
      if (timeMs < fromMs || timeMs >= toMs) continue;
      if (matches(filter, record)) data.push(eventView(stored));
    }
    cursor = past ? undefined : found.cursor;
    if (cursor === undefined) break;
  }
  return { data, ...(cursor !== undefined && { nextCursor: cursor }) };
}

/** @throws {CustodyError} `audit_event_not_found` */
async function find(reads: AuditReads, organization: string, id: string): Promise<StoredEvent> {
  const found = await findEvent(reads, logOf('node1', organization), id.replace(/^evt_/, ''));
  if (found === undefined) throw new CustodyError('audit_event_not_found', `no event ${id}`);
  return found;
}

/** Whether the actor may see it, the caller decides by its record. @throws {CustodyError} `audit_event_not_found` */
export const auditEvent = async (
  reads: AuditReads,
  organization: string,
  id: string,
): Promise<Reply<'getAuditEvent'>> => eventView(await find(reads, organization, id));

/** @throws {CustodyError} `audit_event_not_found`; `audit_unavailable` until it is integrated */
export async function auditProof(
  reads: AuditReads,
  organization: string,
  id: string,
): Promise<Reply<'getAuditProof'>> {
  const { store, files } = reads;
  const log = logOf('node1', organization);
  const [found, head, cosigned] = await Promise.all([
    find(reads, organization, id),
    store.head(log),
    store.cosigned(log),
  ]);
  const { index } = found;
  if (index === undefined || head === undefined || index >= head.size)
    throw new CustodyError('audit_unavailable', 'the event is not integrated yet');
  const told = cosigned !== undefined && cosigned.size > index && cosigned.size <= head.size;
  const { size, note } = told ? cosigned : head;
  const proof = await logReader(store, files).inclusion(log, head, index, size);
  return { ...eventView(found), log, cosigned: told, checkpoint: text(note), proof: proof.map(toBase64url) };
}
