/**
 * Node 2 keeps its own copy of every organization's statements. It commits first; its head receipt is what
 * makes a change count.
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import {
  StatementRequestSchema,
  StatementResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import type { PeerRequest } from '../channel/serve.ts';
import { readFounding } from '../founding.ts';
import type { Node } from '../node.ts';

export async function statement(
  node: Node,
  invitation: string | undefined,
  { body }: PeerRequest,
): Promise<Bytes> {
  const { request } = fromBinary(StatementRequestSchema, body);
  if (request === undefined) throw new CustodyError('signature_invalid', 'no actor asked for this');
  const { registry, signed } = readFounding(request, node.clock, invitation);
  await node.registry.found(registry, signed);
  const voice = await node.identity.voice();
  const receipt = voice.attest({
    type: 'planbok/head-receipt/v1',
    node: 'node2',
    issued: String(node.clock()),
    organization: registry.organization,
    head: registry.head,
  });
  const answer = { receipt: utf8(JSON.stringify(receipt)) };
  return toBinary(StatementResponseSchema, create(StatementResponseSchema, answer));
}
