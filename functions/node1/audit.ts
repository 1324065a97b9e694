/**
 * Parts of both logs: Node 1 reads its own, and asks Node 2 for the other.
 * @module
 */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { Bytes } from '#shared/bytes.ts';
import type { NodeName } from '#shared/crypto/attestation.ts';
import { CustodyError } from '#shared/errors.ts';
import type { AuditCheckpoint, AuditExportPage } from '#shared/wire/audit.ts';
import { readParams, readQuery } from '#shared/wire/parse.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import {
  AuditLogRequestSchema,
  AuditLogResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { partOf } from '../audit/parts.ts';
import { assertRight } from '../guard.ts';
import type { HttpAnswer, HttpRequest } from '../http.ts';
import { readerOf } from '../reader.ts';
import type { Lead } from './lead.ts';

type Part = MessageInitShape<typeof AuditLogRequestSchema>['part'];
/** Asks the log of a node for a part. */
type Ask = (log: NodeName, part: NonNullable<Part>) => Promise<Bytes>;

/** Who may ask for what, the route says: records, for whoever sees every wallet set; sizes and hashes, any. */
async function asking({ node, peer, tokens }: Lead, request: HttpRequest): Promise<Ask> {
  const { organization, rights } = await readerOf({ ...node, tokens }, request);
  assertRight(rights, request.match.route, undefined);
  return async (log, part) => {
    const asked = create(AuditLogRequestSchema, { organization, part });
    if (log === 'node1') return partOf(node, organization, asked.part);
    const reply = await peer.call('AuditLog', node.random(16), 1, toBinary(AuditLogRequestSchema, asked));
    return fromBinary(AuditLogResponseSchema, reply).part;
  };
}

const jsonOf = <T>(bytes: Bytes): T => JSON.parse(new TextDecoder().decode(bytes)) as T;

const pageOf = async (ask: Ask, log: NodeName, from: number, limit: number): Promise<AuditExportPage> =>
  jsonOf(await ask(log, { case: 'page', value: { from: BigInt(from), limit } }));

export async function exportAudit(lead: Lead, request: HttpRequest): Promise<HttpAnswer> {
  const { log = 'node1', from = 0, limit = 20 } = readQuery('exportAudit', request.query);
  return { body: await pageOf(await asking(lead, request), log, from, limit) };
}

export async function auditCheckpoints(lead: Lead, request: HttpRequest): Promise<HttpAnswer> {
  const ask = await asking(lead, request);
  const newest = async (log: NodeName): Promise<AuditCheckpoint | undefined> => {
    try {
      const { from: _, records: __, ...checkpoint } = await pageOf(ask, log, 0, 0);
      return checkpoint;
    } catch (error) {
      // Nothing of this log is cosigned yet.
      if (error instanceof CustodyError && error.code === 'audit_unavailable') return undefined;
      throw error;
    }
  };
  const [node1, node2] = await Promise.all([newest('node1'), newest('node2')]);
  return {
    body: { ...(node1 && { node1 }), ...(node2 && { node2 }) } satisfies Reply<'getAuditCheckpoints'>,
  };
}

export async function consistencyProof(lead: Lead, request: HttpRequest): Promise<HttpAnswer> {
  const { log, from, to } = readQuery('getConsistencyProof', request.query);
  const ask = await asking(lead, request);
  const sizes = { from: BigInt(from), to: BigInt(to) };
  return {
    body: jsonOf<Reply<'getConsistencyProof'>>(await ask(log, { case: 'consistency', value: sizes })),
  };
}

export async function tlog(lead: Lead, request: HttpRequest): Promise<HttpAnswer> {
  const { node, path } = readParams('getTlog', request.match.params);
  const ask = await asking(lead, request);
  const mediaType = path === 'checkpoint' ? 'text/plain; charset=utf-8' : 'application/octet-stream';
  return { body: await ask(node, { case: 'resource', value: path }), mediaType };
}
