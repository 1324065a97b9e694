/**
 * Statements of an organization: Node 2 commits first, and its receipt is what makes a change count. What
 * Node 1 missed it fetches, and verifies like everything else.
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { CustodyError } from '#shared/errors.ts';
import { type ActorRequest, signatureClaim } from '#shared/intent/http-signature.ts';
import { reduce, type SignedLater } from '#shared/registry/reduce.ts';
import { headOf } from '#shared/registry/registry.ts';
import { readBody } from '#shared/wire/parse.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import {
  ActorRequestSchema,
  StatementRequestSchema,
  StatementResponseSchema,
  StatementsRequestSchema,
  StatementsResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { begin, beginOnce, eventId, failed } from '../audit/recording.ts';
import { statementEvent } from '../audit/refusals.ts';
import { verifyWithOpenssl } from '../authenticate.ts';
import { catchUp, takeIn } from '../statements.ts';
import type { Answer, Lead } from './lead.ts';

export async function createStatement(
  lead: Lead,
  request: ActorRequest,
): Promise<Answer<Reply<'createStatement'>>> {
  const signed = readBody('createStatement', request.body) as unknown as SignedLater;
  const fresh = await assertAcceptable(lead, signed);
  const event = await statementEvent(lead.node, signed);
  // The first record of a statement bears its hash: whoever sends it again is told the same event.
  const begun = fresh
    ? ((await beginOnce(lead.node, event, event.operation)) ?? (await begin(lead.node, event)))
    : undefined;
  try {
    return await commit(lead, request, signed, begun?.id, begun?.event ?? event.operation);
  } catch (error) {
    if (begun !== undefined) await failed(lead.node, event, error, begun.id);
    throw error;
  }
}

async function commit(
  lead: Lead,
  request: ActorRequest,
  signed: SignedLater,
  intent: string | undefined,
  event: string,
): Promise<Answer<Reply<'createStatement'>>> {
  const { statement } = signed;
  const ask = create(StatementRequestSchema, { request: create(ActorRequestSchema, request) });
  const reply = await lead.peer.call(
    'Statement',
    lead.node.random(16),
    1,
    toBinary(StatementRequestSchema, ask),
  );
  const { receipt } = fromBinary(StatementResponseSchema, reply);
  try {
    await takeIn(lead.node, signed, intent);
  } catch (error) {
    // Node 2 took it, so this node lacks what came before.
    if (!(error instanceof CustodyError) || error.code === 'audit_unavailable') throw error;
    await fetchMissing(lead, statement.organization);
  }
  const body: Reply<'createStatement'> = {
    kind: statement.kind,
    seq: statement.seq,
    head: headOf(statement),
    receipt: JSON.parse(new TextDecoder().decode(receipt)),
    auditEventId: eventId({ event }),
  };
  return { body, replayed: false };
}

/**
 * Node 2 is asked only for what this node would take too: nobody needs a credential to send a statement.
 * @returns false if it stands already
 * @throws {CustodyError} as `reduce`
 */
async function assertAcceptable(lead: Lead, signed: SignedLater): Promise<boolean> {
  const { node } = lead;
  const { organization, seq } = signed.statement;
  const own = await node.registry.read(organization);
  // A statement that stands already is asked for again; one from further on says that this node lacks some.
  if (Number(seq) <= Number(own.seq)) return false;
  if (Number(seq) > Number(own.seq) + 1) await fetchMissing(lead, organization);
  const before = await node.registry.read(organization);
  reduce(before, signed, { nowMs: node.clock(), verify: verifyWithOpenssl });
  return true;
}

/** Brings this node's log up to Node 2's. @throws {CustodyError} if what Node 2 has is not a log */
async function fetchMissing({ node, peer }: Lead, organization: string): Promise<void> {
  for (;;) {
    const { seq } = await node.registry.read(organization);
    const ask = create(StatementsRequestSchema, { organization, from: Number(seq) + 1 });
    const reply = await peer.call('Statements', node.random(16), 1, toBinary(StatementsRequestSchema, ask));
    const { statements } = fromBinary(StatementsResponseSchema, reply);
    const log = JSON.parse(new TextDecoder().decode(statements)) as readonly SignedLater[];
    if (log.length === 0) return;
    await catchUp(node, log);
  }
}

/** Runs a request again after fetching what its actor has seen and this node has not. */
export async function upToDate<T>(lead: Lead, request: ActorRequest, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const behind = ['registry_behind', 'credential_unknown', 'scope_missing'];
    if (!(error instanceof CustodyError && behind.includes(error.code))) throw error;
    const [organization = ''] = signatureClaim(request).keyId.split('/');
    const { seq } = await lead.node.registry.read(organization);
    await fetchMissing(lead, organization);
    if ((await lead.node.registry.read(organization)).seq === seq) throw error;
    return run();
  }
}
