/**
 * Exports of both logs: Node 1 reads its own, and asks Node 2 for the other.
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { ActorRequest } from '#shared/intent/http-signature.ts';
import { readQuery } from '#shared/wire/parse.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import {
  AuditLogRequestSchema,
  AuditLogResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { exportPage } from '../audit/page.ts';
import { authenticate, requireScope } from '../authenticate.ts';
import type { Answer, Lead } from './lead.ts';

export async function exportAudit(
  { node, peer }: Lead,
  request: ActorRequest,
): Promise<Answer<Reply<'exportAudit'>>> {
  const actor = await authenticate(node.registry, request, node.clock());
  node.admit?.(actor, request);
  requireScope(actor, 'view', undefined, node.clock());
  const { organization } = actor;
  const { log = 'node1', from = 0, limit = 20 } = readQuery('exportAudit', request.query);
  if (log === 'node1') return { body: await exportPage(node, organization, from, limit), replayed: false };
  const ask = create(AuditLogRequestSchema, { organization, from: BigInt(from), limit });
  const reply = await peer.call('AuditLog', node.random(16), 1, toBinary(AuditLogRequestSchema, ask));
  const { page } = fromBinary(AuditLogResponseSchema, reply);
  const body = JSON.parse(new TextDecoder().decode(page)) as Reply<'exportAudit'>;
  return { body, replayed: false };
}
