/**
 * Node 2 keeps its own copy of every organization's statements. It commits first; its head receipt is what
 * makes a change count.
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { ActorRequest } from '#shared/intent/http-signature.ts';
import { headReceipt } from '#shared/registry/head.ts';
import type { SignedLater } from '#shared/registry/reduce.ts';
import { readBody } from '#shared/wire/parse.ts';
import { matchRoute } from '#shared/wire/routes.ts';
import {
  StatementRequestSchema,
  StatementResponseSchema,
  StatementsRequestSchema,
  StatementsResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { recorded } from '../audit/recording.ts';
import { foundingEvent, refusalsRecorded } from '../audit/refusals.ts';
import type { PeerRequest } from '../channel/serve.ts';
import { readFounding } from '../founding.ts';
import type { Node } from '../node.ts';
import { type Taken, takeIn } from '../statements.ts';

export async function statement(
  node: Node,
  invitation: string | undefined,
  { body }: PeerRequest,
): Promise<Bytes> {
  const { request } = fromBinary(StatementRequestSchema, body);
  if (request === undefined) throw new CustodyError('signature_invalid', 'no actor asked for this');
  const taken = await refusalsRecorded(node, request, () => takeStatement(node, request, invitation));
  const voice = await node.identity.voice();
  const receipt = voice.attest(headReceipt(taken, node.clock()));
  const answer = { receipt: utf8(JSON.stringify(receipt)) };
  return toBinary(StatementResponseSchema, create(StatementResponseSchema, answer));
}

async function takeStatement(
  node: Node,
  request: ActorRequest,
  invitation: string | undefined,
): Promise<Taken> {
  if (matchRoute(request.method, request.path).name === 'createStatement')
    return takeIn(node, readBody('createStatement', request.body) as unknown as SignedLater);
  const { registry, signed } = readFounding(request, node.clock, invitation);
  await recorded(node, foundingEvent(registry, signed), () => node.registry.found(registry, signed));
  // Of the founding statement, whatever was stated since.
  return registry;
}

/** Statements that one answer holds at most. */
const most = 100;

export async function statements(node: Node, { body }: PeerRequest): Promise<Bytes> {
  const { organization, from } = fromBinary(StatementsRequestSchema, body);
  const log = await node.registry.log(organization, from, most);
  const answer = { statements: utf8(JSON.stringify(log)) };
  return toBinary(StatementsResponseSchema, create(StatementsResponseSchema, answer));
}
