/**
 * Node 2 makes keys: it answers D1 for a wallet set that an actor asked for, and D3 once. Its record and the
 * key's state ACTIVE are one write; until then nothing of the attempt can be used.
 *
 *   dkg1    D1 -> D2   one sealed single-use item
 *   dkg2    D3 -> D4   share stored, then the ledger says ACTIVE
 *   status             a lost D4: says it again, or ends the attempt for good
 *
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, concat, equalBytes, u32be } from '#shared/bytes.ts';
import { Abort, CustodyError } from '#shared/errors.ts';
import { sessionIdOf } from '#shared/intent/authorisation.ts';
import { derivedId } from '#shared/intent/canonical.ts';
import type { CreateWalletSet } from '#shared/intent/operation.ts';
import { type P2State, p2Finish, p2Start } from '#shared/mpc/dkg.ts';
import {
  Dkg1RequestSchema,
  Dkg1ResponseSchema,
  Dkg2RequestSchema,
  Dkg2ResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { accountOf, storeShares } from '../account.ts';
import { type AuditEvent, begin, ended, eventOf, failed } from '../audit/recording.ts';
import { refusalsRecorded } from '../audit/refusals.ts';
import type { PeerRequest } from '../channel/serve.ts';
import { readWalletSetRequest } from '../intake.ts';
import { keyContext, type Node } from '../node.ts';
import type { Item } from '../ports.ts';
import { wipeShares } from '../signing.ts';
import { firstEpoch } from '../stores/ledger.ts';
import { requireSession } from './session.ts';

export async function dkg1(node: Node, { session, body }: PeerRequest): Promise<Bytes> {
  const { request, d1 } = fromBinary(Dkg1RequestSchema, body);
  if (request === undefined) throw new CustodyError('signature_invalid', 'no actor asked for this');
  return refusalsRecorded(node, request, async () => {
    const authorised = await readWalletSetRequest(node, request);
    requireSession(session, sessionIdOf(authorised.authorisation, 0));
    const key = derivedId('wset', authorised.digest, 0);
    const event = eventOf(authorised.actor, 'create_wallet_set', key, authorised.digest);
    const { id } = await begin(node, event);
    try {
      return await answerFirst(node, session, d1, authorised.operation, key, { event, id });
    } catch (error) {
      await failed(node, event, error, id);
      throw error;
    }
  });
}

/** What a session's item keeps of its record. */
interface Intent {
  readonly event: AuditEvent;
  readonly id: string;
}

async function answerFirst(
  node: Node,
  session: Bytes,
  d1: Bytes,
  operation: CreateWalletSet,
  key: string,
  intent: Intent,
): Promise<Bytes> {
  const { organization, keyTypes } = operation;
  const ctx = await keyContext(node, organization, key, keyTypes);
  const [state, d2] = p2Start(ctx, keyTypes, d1, node.random);
  try {
    const { sealed, wrapped } = await node.vault.seal(purposeOf(key), headerOf(ctx.digest, session), state);
    const facts = {
      key,
      epoch: firstEpoch,
      operation: JSON.stringify(operation),
      ctx: ctx.digest,
      wrapped,
      intent: JSON.stringify(intent),
    };
    if (!(await node.sessions.open(session, 'dkg', facts, sealed)))
      throw new CustodyError('authorisation_replayed', 'this authorisation was used before');
  } finally {
    state.fill(0);
  }
  if (!(await node.ledger.begin(key, firstEpoch, session)))
    throw new CustodyError('protocol_abort', 'this key exists already');
  return toBinary(Dkg1ResponseSchema, create(Dkg1ResponseSchema, { d2 }));
}

export async function dkg2(node: Node, { session, body }: PeerRequest): Promise<Bytes> {
  const { d3 } = fromBinary(Dkg2RequestSchema, body);
  const taken = await node.sessions.take(session, 'dkg', firstEpoch);
  if (taken === null) throw new CustodyError('session_not_found', 'no such session is open');
  const { event, id } = JSON.parse(taken.facts['intent'] as string) as Intent;
  try {
    const answer = await answerThird(node, session, d3, taken);
    await ended(node, event, id);
    return answer;
  } catch (error) {
    await failed(node, event, error, id);
    throw error;
  }
}

async function answerThird(
  node: Node,
  session: Bytes,
  d3: Bytes,
  { facts, sealed }: { readonly facts: Item; readonly sealed: Bytes },
): Promise<Bytes> {
  const [key, ctx] = [facts['key'] as string, facts['ctx'] as Bytes];
  const operation = JSON.parse(facts['operation'] as string) as CreateWalletSet;
  const wrapped = facts['wrapped'] as Bytes;
  const state = await node.vault.open(purposeOf(key), headerOf(ctx, session), { sealed, wrapped });
  const [{ shares }, d4] = finish(state as P2State, d3, node);
  try {
    const name = { key, epoch: firstEpoch, attempt: session, ctx };
    await storeShares(node, name, shares);
    const created = new Date(node.clock()).toISOString();
    const account = accountOf(operation, shares, { ctx, created, confirmation: d4 });
    if (!(await node.ledger.activate(key, firstEpoch, session, account))) {
      await node.shares.remove(name);
      throw new CustodyError('protocol_abort', 'this attempt was replaced');
    }
  } finally {
    wipeShares(shares);
  }
  return toBinary(Dkg2ResponseSchema, create(Dkg2ResponseSchema, { d4 }));
}

export async function status(node: Node, { body }: PeerRequest): Promise<Bytes> {
  const { key, epoch, attempt } = fromBinary(StatusRequestSchema, body);
  if (key === '' || attempt.length !== 16) throw new CustodyError('request_invalid', 'no attempt is named');
  // First the end of the attempt, then the look: what is found afterwards cannot change any more.
  await node.ledger.discard(key, epoch, attempt);
  const entry = await node.ledger.read(key, epoch);
  const made = entry?.state === 'ACTIVE' && equalBytes(entry.attempt, attempt);
  const d4 = made ? entry.account?.confirmation : undefined;
  const answer = { active: d4 !== undefined, d4: d4 ?? new Uint8Array() };
  return toBinary(StatusResponseSchema, create(StatusResponseSchema, answer));
}

function finish(state: P2State, d3: Bytes, node: Node): ReturnType<typeof p2Finish> {
  try {
    return p2Finish(state, d3, node.random);
  } catch (error) {
    // No check of key generation depends on a secret: nothing to lock, but somebody should look.
    if (error instanceof Abort) node.log.alarm('key generation aborted', { abort: error.abort });
    throw error;
  }
}

const purposeOf = (key: string) => ({ purpose: 'dkg', key, epoch: firstEpoch }) as const;
const headerOf = (ctx: Bytes, session: Bytes): Bytes => concat(ctx, u32be(firstEpoch), session);
