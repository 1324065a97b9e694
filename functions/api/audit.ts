/**
 * Reads of Node 1's audit log.
 * @module
 */
import { logOf } from '#shared/audit/record.ts';
import { toBase64url } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import type { NodeAudit } from '../audit/node-audit.ts';
import { logReader } from '../audit/proofs.ts';
import { eventId } from '../audit/recording.ts';
import type { StoredRecord } from '../stores/audit.ts';

export type AuditReads = Pick<NodeAudit, 'store' | 'files'>;

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const eventView = ({ id, data, index }: StoredRecord): Reply<'listAuditEvents'>['data'][number] => ({
  id: eventId(id),
  state: index === undefined ? 'pending' : 'integrated',
  ...(index !== undefined && { index }),
  record: text(data),
});

/** @param object id of what was acted on; undefined: everything */
export async function auditEvents(
  { store }: AuditReads,
  organization: string,
  object: string | undefined,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<Reply<'listAuditEvents'>> {
  const { records, cursor } = await store.records(logOf('node1', organization), object, page);
  return { data: records.map(eventView), ...(cursor !== undefined && { nextCursor: cursor }) };
}

/** @throws {CustodyError} `audit_event_not_found`; `audit_unavailable` until it is integrated */
export async function auditProof(
  { store, files }: AuditReads,
  organization: string,
  id: string,
): Promise<Reply<'getAuditProof'>> {
  const log = logOf('node1', organization);
  const [record, head, cosigned] = await Promise.all([
    store.find(log, id.replace(/^evt_/, '')),
    store.head(log),
    store.cosigned(log),
  ]);
  if (record === undefined) throw new CustodyError('audit_event_not_found', `no event ${id}`);
  const { index } = record;
  if (index === undefined || head === undefined || index >= head.size)
    throw new CustodyError('audit_unavailable', 'the event is not integrated yet');
  const told = cosigned !== undefined && cosigned.size > index && cosigned.size <= head.size;
  const { size, note } = told ? cosigned : head;
  const proof = await logReader(store, files).inclusion(log, head, index, size);
  return { ...eventView(record), log, cosigned: told, checkpoint: text(note), proof: proof.map(toBase64url) };
}

export async function auditCheckpoints(
  { store }: AuditReads,
  organization: string,
): Promise<Reply<'getAuditCheckpoints'>> {
  const [one, two] = [logOf('node1', organization), logOf('node2', organization)];
  const [cosigned, seen] = await Promise.all([store.cosigned(one), store.seen(two)]);
  return {
    ...(cosigned && { node1: { log: one, size: cosigned.size, checkpoint: text(cosigned.note) } }),
    ...(seen && { node2: { log: two, size: seen.size, checkpoint: text(seen.note) } }),
  };
}
