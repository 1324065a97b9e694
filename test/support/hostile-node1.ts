/**
 * A Node 1 with all of its own keys that asks Node 2 what it likes: valid envelopes, any body.
 * @module
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { ed25519 } from '@noble/curves/ed25519.js';
import { readSignatureRequest } from '../../functions/intake.ts';
import { ecdsaRequest, type Job, jobOf } from '../../functions/signing.ts';
import type { ActiveKey } from '../../functions/stores/ledger.ts';
import {
  ActorRequestSchema,
  Dkg1RequestSchema,
  Sign1RequestSchema,
  Sign2RequestSchema,
  SignSchnorrRequestSchema,
  StatementRequestSchema,
  WalletsRequestSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { type Bytes, concat } from '../../shared/bytes.ts';
import { authorisationDigest, sessionIdOf } from '../../shared/intent/authorisation.ts';
import type { ActorRequest } from '../../shared/intent/http-signature.ts';
import { p1Start } from '../../shared/mpc/sign-ecdsa.ts';
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
  SignSchnorr: (request?: ActorRequest, index = 0, s1: Bytes = schnorrS1()) =>
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
