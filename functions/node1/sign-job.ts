/**
 * Node 1 leads one signature: its messages go out once, and what comes back is verified under the wallet's
 * key before anybody sees it. A session that fails is dead; a new attempt is a new authorisation.
 *
 *   ECDSA            S1 -> S2, S3 -> S4   (two round trips)
 *   ed25519, BIP-340 S1 -> S2             (one)
 *
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, toBase32 } from '#shared/bytes.ts';
import type { Signature } from '#shared/chains/payload.ts';
import { Abort, CustodyError } from '#shared/errors.ts';
import type { KeyShares } from '#shared/mpc/share-blob.ts';
import * as bip340 from '#shared/mpc/sign-bip340.ts';
import * as ecdsa from '#shared/mpc/sign-ecdsa.ts';
import * as eddsa from '#shared/mpc/sign-eddsa.ts';
import {
  type Sign1Request,
  Sign1RequestSchema,
  Sign1ResponseSchema,
  Sign2RequestSchema,
  Sign2ResponseSchema,
  SignSchnorrRequestSchema,
  SignSchnorrResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import type { AuditEvent, Begun } from '../audit/recording.ts';
import { beginOnce, ended, failed } from '../audit/recording.ts';
import { bip340Request, ecdsaRequest, eddsaRequest, isActive, type Job, shareFor } from '../signing.ts';
import type { ActiveKey } from '../stores/ledger.ts';
import type { Lead } from './lead.ts';

/** Why Node 2 may take part: an actor's own request, or the self-test of a new key. */
export type Purpose = Sign1Request['purpose'];

export interface Attempt {
  readonly key: ActiveKey;
  /** Opening runs beside the first round trip. The caller wipes them. */
  readonly shares: Promise<KeyShares>;
  readonly job: Job;
  readonly purpose: Purpose;
  /** Which of the digests of the operation. */
  readonly index: number;
  readonly event: AuditEvent;
}

/** A signature that stands in both logs, and the record of its intent. */
export interface Made {
  readonly signature: Signature;
  readonly begun: Begun;
  /** Node 2's promise of its own record: for the actor, who verifies it. */
  readonly theirs: Begun['promise'];
}

/** What a protocol gives, with Node 2's promise as it came. */
interface Signed {
  readonly signature: Signature;
  readonly promise: Bytes;
}

/**
 * @throws {CustodyError} `authorisation_replayed`; `protocol_abort`, `node_unavailable`: nothing was signed,
 * a fresh authorisation may try again; `key_quarantined`: the key was locked by what Node 2 sent
 */
export async function signJob(lead: Lead, attempt: Attempt): Promise<Made> {
  const { key, job, event } = attempt;
  // Durable before the first message. Its name is the session: it is also the proof that there was none before.
  const begun = await beginOnce(lead.node, event, toBase32(job.session));
  if (begun === undefined)
    throw new CustodyError('authorisation_replayed', 'this authorisation was used before');
  try {
    const { signature, promise } = await (job.algorithm === 'ecdsa'
      ? signEcdsa(lead, attempt)
      : signSchnorr(lead, attempt));
    const theirs = readPromise(promise);
    await ended(lead.node, event, begun.id);
    return { signature, begun, theirs };
  } catch (error) {
    if (error instanceof Abort) await lead.node.ledger.punish(key.key, key.epoch, error.abort);
    await failed(lead.node, event, error, begun.id);
    throw error;
  }
}

async function signEcdsa(
  { node, peer }: Lead,
  { key, shares, job, purpose, index }: Attempt,
): Promise<Signed> {
  const request = ecdsaRequest(key.account, job);
  const name = { sid: key.account.sid, epoch: key.epoch };
  // The share is still being opened; a seed that KMS made for this process hedges the nonce in its place.
  const hedgeSeed = await node.hedgeSeed();
  const [started, s1] = ecdsa.p1Start({ ...name, hedgeSeed }, request, node.random);
  const ask = toBinary(Sign1RequestSchema, create(Sign1RequestSchema, { purpose, index, s1 }));
  const { s2, promise } = fromBinary(Sign1ResponseSchema, await peer.call('Sign1', job.session, 1, ask));
  const share = shareFor(await shares, 'secp256k1');
  const [middle, s3] = ecdsa.p1Middle(started, share, request, s2, node.random);
  // After the check of S2, which another session may have failed meanwhile; before x1 is used outside.
  if (!(await isActive(node, key))) throw new CustodyError('key_quarantined', 'the key was locked');
  const open = toBinary(Sign2RequestSchema, create(Sign2RequestSchema, { s3 }));
  const { s4 } = fromBinary(Sign2ResponseSchema, await peer.call('Sign2', job.session, 3, open));
  return { signature: ecdsa.p1Finish(middle, request, s4, node.random), promise };
}

async function signSchnorr(lead: Lead, attempt: Attempt): Promise<Signed> {
  const { node } = lead;
  const { key, job } = attempt;
  const shares = await attempt.shares;
  if (job.algorithm === 'eddsa') {
    const [share, request] = [shareFor(shares, 'ed25519'), eddsaRequest(key.account, job)];
    const [state, s1] = eddsa.p1Start(share, request, node.random);
    const { s2, promise } = await askSchnorr(lead, attempt, s1);
    return { signature: eddsa.p1Finish(state, share, request, s2), promise };
  }
  const [share, request] = [shareFor(shares, 'secp256k1'), bip340Request(key.account, job)];
  const [state, s1] = bip340.p1Start(share, request, node.random);
  const { s2, promise } = await askSchnorr(lead, attempt, s1);
  return { signature: bip340.p1Finish(state, share, request, s2), promise };
}

async function askSchnorr({ peer }: Lead, { job, purpose, index }: Attempt, s1: Bytes) {
  const ask = toBinary(SignSchnorrRequestSchema, create(SignSchnorrRequestSchema, { purpose, index, s1 }));
  return fromBinary(SignSchnorrResponseSchema, await peer.call('SignSchnorr', job.session, 1, ask));
}

/** @throws {CustodyError} `protocol_abort` if Node 2 promised nothing */
function readPromise(promise: Bytes): Begun['promise'] {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(promise)) as Begun['promise'];
  } catch (cause) {
    throw new CustodyError('protocol_abort', 'Node 2 promised no record', { cause });
  }
}
