/**
 * Founding an organization: Node 2 commits first, and the answer carries its receipt.
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { ActorRequest } from '#shared/intent/http-signature.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import {
  ActorRequestSchema,
  StatementRequestSchema,
  StatementResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { eventId, recorded } from '../audit/recording.ts';
import { foundingEvent } from '../audit/refusals.ts';
import { readFounding } from '../founding.ts';
import type { Answer, Lead } from './lead.ts';

/** @param invitation hex SHA-256 of the operator's token; undefined: founding is open */
export async function createOrganization(
  { node, peer }: Lead,
  request: ActorRequest,
  invitation: string | undefined,
): Promise<Answer<Reply<'createOrganization'>>> {
  const { registry, signed } = readFounding(request, node.clock, invitation);
  const ask = create(StatementRequestSchema, { request: create(ActorRequestSchema, request) });
  const made = await recorded(node, foundingEvent(registry, signed), async ({ event }) => {
    const reply = await peer.call('Statement', node.random(16), 1, toBinary(StatementRequestSchema, ask));
    const { receipt } = fromBinary(StatementResponseSchema, reply);
    await node.registry.found(registry, signed);
    return { event, receipt };
  });
  const body: Reply<'createOrganization'> = {
    id: registry.organization,
    name: registry.name,
    head: registry.head,
    receipt: JSON.parse(new TextDecoder().decode(made.receipt)),
    created: signed.statement.created,
    auditEventId: eventId(made),
  };
  return { body, replayed: false };
}
