/**
 * A hostile node with all of its own keys: a Node 1 that asks what it likes in valid envelopes, a Node 2 that
 * answers what it likes.
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sealEnvelope } from '../../functions/channel/envelope.ts';
import { readSignatureRequest } from '../../functions/intake.ts';
import { ecdsaRequest, type Job, jobOf, openShares } from '../../functions/signing.ts';
import type { ActiveKey } from '../../functions/stores/ledger.ts';
import {
  ActorRequestSchema,
  Dkg1RequestSchema,
  EnvelopeSchema,
  Sign1RequestSchema,
  Sign1ResponseSchema,
  Sign2RequestSchema,
  Sign2ResponseSchema,
  SignedSchema,
  SignSchnorrRequestSchema,
  StatementRequestSchema,
  WalletsRequestSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { type Bytes, concat } from '../../shared/bytes.ts';
import { authorisationDigest, sessionIdOf } from '../../shared/intent/authorisation.ts';
import type { ActorRequest } from '../../shared/intent/http-signature.ts';
import type { Arithmetic } from '../../shared/mpc/arithmetic.ts';
import { kernel } from '../../shared/mpc/kernel/kernel.ts';
import { p1Middle, p1Start } from '../../shared/mpc/sign-ecdsa.ts';
import { fresh, type World } from './two-nodes.ts';

/** Two points: a first message that a Schnorr signature can go on from. */
export const schnorrS1 = (): Bytes =>
  concat(ed25519.Point.BASE.multiply(7n).toBytes(), ed25519.Point.BASE.multiply(9n).toBytes());

export const bodies = {
  Statement: (request?: ActorRequest) =>
    toBinary(StatementRequestSchema, create(StatementRequestSchema, withRequest(request))),
  Dkg1: (request?: ActorRequest, d1: Bytes = new Uint8Array(64)) =>
    toBinary(Dkg1RequestSchema, create(Dkg1RequestSchema, { ...withRequest(request), d1 })),
  Wallets: (request?: ActorRequest) =>
    toBinary(WalletsRequestSchema, create(WalletsRequestSchema, withRequest(request))),
  Sign1: (request?: ActorRequest, index = 0, s1: Bytes = new Uint8Array(96)) =>
    toBinary(Sign1RequestSchema, create(Sign1RequestSchema, { ...withPurpose(request), index, s1 })),
  SignSchnorr: (
    request?: ActorRequest & { readonly approvals?: Bytes[] },
    index = 0,
    s1: Bytes = schnorrS1(),
  ) =>
    toBinary(
      SignSchnorrRequestSchema,
      create(SignSchnorrRequestSchema, { ...withPurpose(request), index, s1 }),
    ),
  Sign2: (s3: Bytes) => toBinary(Sign2RequestSchema, create(Sign2RequestSchema, { s3 })),
};

const withRequest = (request?: ActorRequest) =>
  request === undefined ? {} : { request: create(ActorRequestSchema, request) };
const withPurpose = (request?: ActorRequest) =>
  request === undefined
    ? {}
    : { purpose: { case: 'request', value: create(ActorRequestSchema, request) } as const };

/** The session that belongs to the authorisation of a request. */
export function sessionOf(request: ActorRequest, index = 0): Bytes {
  const { authorisation } = JSON.parse(new TextDecoder().decode(request.body));
  return sessionIdOf(authorisationDigest(authorisation), index);
}

/** Node 2's answer, or the code it refuses with. */
export async function callNode2(
  world: World,
  method: string,
  session: Bytes,
  body: Bytes,
  step = 1,
): Promise<Bytes | string> {
  try {
    return await world.lead.peer.call(method, session, step, body);
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** An ECDSA session as Node 1 begins it: what it keeps, and its first message. */
export interface Begun {
  readonly job: Job;
  readonly key: ActiveKey;
  readonly started: ReturnType<typeof p1Start>[0];
  readonly S1: Bytes;
}

export async function beginEcdsa(world: World, request: ActorRequest, index = 0): Promise<Begun> {
  const { decoded, key, authorisation } = await readSignatureRequest(world.lead.node, request);
  const toSign = decoded.toSign[index];
  if (toSign === undefined) throw new RangeError('no such digest');
  const job = jobOf(toSign, authorisation, index);
  const id = { sid: key.account.sid, epoch: key.epoch, hedgeSeed: fresh(32) };
  const [started, S1] = p1Start(id, ecdsaRequest(key.account, job), fresh);
  return { job, key, started, S1 };
}

/** A session up to its third message, which is not sent. */
export interface Opened extends Begun {
  readonly request: ActorRequest;
  readonly S2: Bytes;
  readonly S3: Bytes;
  readonly middle: ReturnType<typeof p1Middle>[0];
  /** Sends a third message: Node 2's answer (S4) or the code it refuses with. */
  finish(S3?: Bytes): Promise<Bytes | string>;
}

/** @throws {Error} with the code if Node 2 refuses S1 */
export async function openEcdsa(
  world: World,
  request: ActorRequest,
  { arithmetic = kernel, index = 0 }: { readonly arithmetic?: Arithmetic; readonly index?: number } = {},
): Promise<Opened> {
  const begun = await beginEcdsa(world, request, index);
  const { job, key, started, S1 } = begun;
  const reply = await callNode2(world, 'Sign1', job.session, bodies.Sign1(request, index, S1));
  if (typeof reply === 'string') throw new Error(reply);
  const { s2: S2 } = fromBinary(Sign1ResponseSchema, reply);
  const share = (await openShares(world.lead.node, key, ['secp256k1'])).secp256k1;
  if (share === undefined) throw new RangeError('no share');
  const [middle, S3] = p1Middle(started, share, ecdsaRequest(key.account, job), S2, fresh, arithmetic);
  const finish = async (third = S3) => {
    const answer = await callNode2(world, 'Sign2', job.session, bodies.Sign2(third), 3);
    return typeof answer === 'string' ? answer : fromBinary(Sign2ResponseSchema, answer).s4;
  };
  return { ...begun, request, S2, S3, middle, finish };
}

/**
 * Node 2 turned hostile: what it answers is changed and sealed again with its own key.
 * @param change null: the answer stays as it is
 */
export function hostileNode2(world: World, change: (method: string, body: Bytes) => Bytes | null): void {
  world.wire = async (method, envelope, deliver) => {
    const answer = fromBinary(EnvelopeSchema, await deliver(envelope));
    const content = fromBinary(SignedSchema, answer.signed);
    const body = content.errorCode === '' ? change(method, content.body) : null;
    if (body === null) return toBinary(EnvelopeSchema, answer);
    const { session, step, answers } = content;
    const head = { from: 'node2', to: 'node1', method, session, step } as const;
    const voice = await world.second.identity.voice();
    const sealed = sealEnvelope(voice, head, { body, answers }, world.clockMs);
    return toBinary(EnvelopeSchema, create(EnvelopeSchema, sealed.envelope));
  };
}
