/**
 * Node 1 leads key generation, and finishes what a crash left half-made. Until both nodes have confirmed the
 * same transcript and the new keys have signed once, no address is shown to anybody.
 *
 *   nothing  --D1, D2-->  PENDING (durable before D3 is sent)  --D4-->  ACTIVE  --self-test-->  listed
 *
 * A PENDING key whose D4 was lost is resolved by asking Node 2, which either has it ACTIVE under the same
 * attempt, or ends the attempt for good; then its shares are removed and a new attempt begins.
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { equalBytes, toBase64url } from '#shared/bytes.ts';
import { Abort, CustodyError } from '#shared/errors.ts';
import { sessionIdOf } from '#shared/intent/authorisation.ts';
import type { ActorRequest } from '#shared/intent/http-signature.ts';
import type { CreateWalletSet } from '#shared/intent/operation.ts';
import { p1Confirm, p1Open, p1Start } from '#shared/mpc/dkg.ts';
import { selfTestLimit } from '#shared/mpc/self-test.ts';
import {
  ActorRequestSchema,
  Dkg1RequestSchema,
  Dkg1ResponseSchema,
  Dkg2RequestSchema,
  Dkg2ResponseSchema,
  SelfTestSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { accountOf, storeShares } from '../account.ts';
import { ended, eventOf, recorded } from '../audit/recording.ts';
import type { Authorised } from '../intake.ts';
import { keyContext } from '../node.ts';
import { openShares, selfTestJob, wipeShares } from '../signing.ts';
import { type ActiveKey, firstEpoch, type KeyEntry } from '../stores/ledger.ts';
import type { Lead } from './lead.ts';
import { signJob } from './sign-job.ts';

/** Keys that are active, and the record of how they came to be. */
export interface Ensured {
  readonly key: ActiveKey;
  /** Absent if an earlier request made them. */
  readonly record?: string;
}

/**
 * The wallet set's keys: made, or found made.
 * @throws {CustodyError} `protocol_abort`, `node_unavailable`, `key_quarantined`
 */
export async function ensureKeys(
  lead: Lead,
  request: ActorRequest,
  authorised: Authorised<CreateWalletSet>,
  key: string,
): Promise<Ensured> {
  const { node } = lead;
  const event = eventOf(authorised.actor, 'create_wallet_set', key, authorised.digest);
  let record: string | undefined;
  let entry = await node.ledger.read(key, firstEpoch);
  if (entry?.state === 'PENDING') {
    entry = await resolvePending(lead, entry);
    // What a crash cut off took effect now; its own intent stays without an end.
    if (entry?.state === 'ACTIVE') record = await ended(node, event, '');
  }
  if (entry === undefined) {
    await recorded(node, event, async (begun) => {
      record = begun.event;
      await generate(lead, request, authorised, key);
    });
    entry = await node.ledger.read(key, firstEpoch);
  }
  if (entry?.state !== 'ACTIVE' || entry.account === undefined)
    throw new CustodyError('key_quarantined', 'the keys are locked');
  return { key: entry as ActiveKey, ...(record !== undefined && { record }) };
}

async function generate(
  { node, peer }: Lead,
  request: ActorRequest,
  { operation, authorisation }: Authorised<CreateWalletSet>,
  key: string,
): Promise<void> {
  const attempt = sessionIdOf(authorisation, 0);
  if (!(await node.sessions.begin(attempt, { key, epoch: firstEpoch })))
    throw new CustodyError('authorisation_replayed', 'this authorisation was used before');
  const { keyTypes, organization } = operation;
  const ctx = await keyContext(node, organization, key, keyTypes);
  const [state, d1] = p1Start(ctx, keyTypes, node.random);
  const ask = create(Dkg1RequestSchema, { request: create(ActorRequestSchema, request), d1 });
  const answer = await peer.call('Dkg1', attempt, 1, toBinary(Dkg1RequestSchema, ask));
  const { d2 } = fromBinary(Dkg1ResponseSchema, answer);
  const [pending, d3] = p1Open(state, d2, node.random);
  try {
    const name = { key, epoch: firstEpoch, attempt, ctx: ctx.digest };
    await storeShares(node, name, pending.shares);
    const created = new Date(node.clock()).toISOString();
    const more = { ctx: ctx.digest, created, confirmation: pending.conf2 };
    const account = accountOf(operation, pending.shares, more);
    // PENDING is durable before D3 leaves: from here on a crash is resolved, not forgotten.
    if (!(await node.ledger.begin(key, firstEpoch, attempt, account))) {
      await node.shares.remove(name);
      throw new CustodyError('protocol_abort', 'another attempt at this key is under way');
    }
    const open = toBinary(Dkg2RequestSchema, create(Dkg2RequestSchema, { d3 }));
    const { d4 } = fromBinary(Dkg2ResponseSchema, await peer.call('Dkg2', attempt, 3, open));
    p1Confirm(pending, d4);
    if (!(await node.ledger.activate(key, firstEpoch, attempt, account)))
      throw new CustodyError('protocol_abort', 'this attempt was replaced');
  } finally {
    wipeShares(pending.shares);
  }
}

/** The key if Node 2 has it under this attempt; otherwise nothing is left of the attempt at either node. */
async function resolvePending(
  { node, peer }: Lead,
  { key, epoch, attempt, account }: KeyEntry,
): Promise<KeyEntry | undefined> {
  if (account === undefined) throw new RangeError('Node 1 stores the account with a pending key');
  const ask = toBinary(StatusRequestSchema, create(StatusRequestSchema, { key, epoch, attempt }));
  const answer = await peer.call('Status', node.random(16), 1, ask);
  const { active, d4 } = fromBinary(StatusResponseSchema, answer);
  if (!active) {
    await node.ledger.discard(key, epoch, attempt);
    await node.shares.remove({ key, epoch, attempt, ctx: account.ctx });
    return undefined;
  }
  if (!equalBytes(d4, account.confirmation)) throw new Abort('E_CONF', 'Node 2 confirms another key');
  await node.ledger.activate(key, epoch, attempt, account);
  return node.ledger.read(key, epoch);
}

/**
 * One signature by each new key.
 * @returns the record of the first
 * @throws {CustodyError} as {@link signJob}; the keys then stay unlisted
 */
export async function selfTest(lead: Lead, key: ActiveKey): Promise<string> {
  let record: string | undefined;
  const shares = openShares(lead.node, key, key.account.keyTypes);
  shares.catch(() => undefined);
  try {
    for (const keyType of key.account.keyTypes) {
      const attempt = await lead.node.ledger.countSelfTest(key.key, key.epoch);
      if (attempt >= selfTestLimit)
        throw new CustodyError('attempts_exhausted', 'the key failed its self-test too often');
      const job = selfTestJob(key.account, keyType, attempt);
      const value = { key: key.key, epoch: key.epoch, keyType, attempt };
      const purpose = { case: 'selfTest', value: create(SelfTestSchema, value) } as const;
      const event = {
        organization: key.account.organization,
        actor: 'node1',
        role: 'node1',
        action: 'self_test',
        object: key.key,
        operation: toBase64url(job.bytes),
      };
      const { begun } = await signJob(lead, { key, shares, job, purpose, index: 0, event });
      record ??= begun.event;
    }
    return record ?? '';
  } finally {
    shares.then(wipeShares, () => undefined);
  }
}
