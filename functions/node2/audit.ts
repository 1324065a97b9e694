/**
 * Node 2 shows its log: whoever asks may see it, Node 1 has checked. It holds ids and digests.
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, utf8 } from '#shared/bytes.ts';
import {
  AuditLogRequestSchema,
  AuditLogResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { exportPage } from '../audit/page.ts';
import type { PeerRequest } from '../channel/serve.ts';
import type { Node } from '../node.ts';

export async function auditLog(node: Node, { body }: PeerRequest): Promise<Bytes> {
  const { organization, from, limit } = fromBinary(AuditLogRequestSchema, body);
  const page = utf8(JSON.stringify(await exportPage(node, organization, Number(from), limit)));
  return toBinary(AuditLogResponseSchema, create(AuditLogResponseSchema, { page }));
}
