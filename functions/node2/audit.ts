/**
 * Node 2 shows its log: whoever asks may see it, Node 1 has checked. It holds ids and digests.
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Bytes } from '#shared/bytes.ts';
import {
  AuditLogRequestSchema,
  AuditLogResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { partOf } from '../audit/parts.ts';
import type { PeerRequest } from '../channel/serve.ts';
import type { Node } from '../node.ts';

export async function auditLog(node: Node, { body }: PeerRequest): Promise<Bytes> {
  const { organization, part } = fromBinary(AuditLogRequestSchema, body);
  const shown = await partOf(node, organization, part);
  return toBinary(AuditLogResponseSchema, create(AuditLogResponseSchema, { part: shown }));
}
