/**
 * Node 2 signs: only what an actor authorised, or the self-test of a new key. Every signature is authorised
 * here from Node 2's own records; nothing that Node 1 concluded is taken over.
 *
 *   sign1        S1 -> S2   claims the session id, stores the sealed state, answers with both in place
 *   sign2        S3 -> S4   takes the state (once), checks all that Node 1 did, answers if the key is active
 *   signSchnorr  S1 -> S2   ed25519 and BIP-340: one message, nothing kept
 *
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, equalBytes, toBase64url, utf8 } from '#shared/bytes.ts';
import { Abort, CustodyError } from '#shared/errors.ts';
import type { KeyType } from '#shared/mpc/context.ts';
import { selfTestDigest, selfTestLimit } from '#shared/mpc/self-test.ts';
import type { KeyShares } from '#shared/mpc/share-blob.ts';
import * as bip340 from '#shared/mpc/sign-bip340.ts';
import * as ecdsa from '#shared/mpc/sign-ecdsa.ts';
import * as eddsa from '#shared/mpc/sign-eddsa.ts';
import {
  type ActorRequest as ActorRequestMessage,
  type SelfTest,
  Sign1RequestSchema,
  Sign1ResponseSchema,
  Sign2RequestSchema,
  Sign2ResponseSchema,
  SignSchnorrRequestSchema,
  SignSchnorrResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { type AuditEvent, type Begun, ended, eventOf, failed } from '../audit/recording.ts';
import { refusalsRecorded } from '../audit/refusals.ts';
import type { PeerRequest } from '../channel/serve.ts';
import { readSignatureRequest } from '../intake.ts';
import type { Node } from '../node.ts';
import { askedOf, assertAllowed, countInWindows, judge } from '../policy.ts';
import type { Item } from '../ports.ts';
import {
  bip340Request,
  ecdsaRequest,
  eddsaRequest,
  isActive,
  type Job,
  jobOf,
  keyTypeOf,
  openShares,
  selfTestJob,
  shareFor,
  wipeShares,
} from '../signing.ts';
import { type ActiveKey, firstEpoch } from '../stores/ledger.ts';
import { beginAttempt, sessionsPerDigest } from './attempts.ts';
import { refuseGenerically } from './generic.ts';

type PurposeOf =
  | { readonly case: 'request'; readonly value: ActorRequestMessage }
  | { readonly case: 'selfTest'; readonly value: SelfTest }
  | { readonly case: undefined; readonly value?: undefined };

/** One job that Node 2 has authorised, and which attempts at its digest there may be. */
interface Admitted {
  readonly job: Job;
  readonly key: ActiveKey;
  readonly operation: Bytes;
  readonly event: AuditEvent;
  readonly index: number;
  readonly attempts: { readonly from: number; readonly to: number };
  /** Counts the operation in its windows. Undefined: the self-test of a key spends nothing. */
  readonly spend?: () => Promise<void>;
}

export async function sign1(node: Node, { session, body, receivedMs }: PeerRequest): Promise<Bytes> {
  const { purpose, index, s1 } = fromBinary(Sign1RequestSchema, body);
  return generically(node, receivedMs, () =>
    admitted(node, { purpose, index, session, algorithms: ['ecdsa'] }, async (one, begun) => {
      const { key, job } = one;
      const shares = await beside(begun, openShares(node, key, ['secp256k1']));
      const intent = await begun;
      try {
        const share = shareFor(shares, 'secp256k1');
        const request = ecdsaRequest(key.account, job);
        const [{ S1, ssid, sealed }, s2] = ecdsa.p2Respond(share, request, session, s1, node.random);
        const facts = {
          ...factsOf(one),
          event: JSON.stringify(one.event),
          intent: intent.id,
          path: job.path,
          digest: job.bytes,
          reqHash: job.reqHash,
          S1,
          ssid,
          attempt: key.attempt,
          ctx: key.account.ctx,
          sid: key.account.sid,
        };
        if (!(await node.sessions.open(session, 'ecdsa', facts, sealed))) throw new Refused('seen before');
        return toBinary(Sign1ResponseSchema, create(Sign1ResponseSchema, { s2, promise: promised(intent) }));
      } finally {
        wipeShares(shares);
      }
    }),
  );
}

export async function sign2(node: Node, { session, body, receivedMs }: PeerRequest): Promise<Bytes> {
  const { s3 } = fromBinary(Sign2RequestSchema, body);
  return generically(node, receivedMs, async () => {
    try {
      return await answerThird(node, session, s3);
    } catch (error) {
      if (error instanceof Abort) throw error;
      // Also a store that failed: when it did would say whether the checks had passed.
      throw new Refused(error instanceof Error ? error.message : 'failed', { cause: error });
    }
  });
}

async function answerThird(node: Node, session: Bytes, s3: Bytes): Promise<Bytes> {
  // The claim comes before anything of S3 is looked at: two answers from one state would give x2 away.
  const taken = await node.sessions.take(session, 'ecdsa', firstEpoch);
  if (taken === null) throw new Refused('not open');
  const event = JSON.parse(taken.facts['event'] as string) as AuditEvent;
  const intent = taken.facts['intent'] as string;
  try {
    const answer = await finish(node, session, s3, taken);
    await ended(node, event, intent);
    return answer;
  } catch (error) {
    await failed(node, event, error, intent);
    throw error;
  }
}

async function finish(
  node: Node,
  session: Bytes,
  s3: Bytes,
  { facts, sealed }: { readonly facts: Item; readonly sealed: Bytes },
): Promise<Bytes> {
  const [keyId, epoch] = [facts['key'] as string, facts['epoch'] as number];
  const [attempt, ctx, sid] = [facts['attempt'] as Bytes, facts['ctx'] as Bytes, facts['sid'] as Bytes];
  const place = { key: keyId, epoch, attempt, account: { ctx, sid } };
  const reading = node.ledger.read(keyId, epoch).then((entry) => {
    if (entry?.state !== 'ACTIVE' || entry.account === undefined) throw new Refused('not active');
    return entry as ActiveKey;
  });
  const shares = await beside(reading, openShares(node, place, ['secp256k1']));
  const key = await reading;
  try {
    const request = ecdsaRequest(key.account, {
      path: facts['path'] as string,
      algorithm: 'ecdsa',
      bytes: facts['digest'] as Bytes,
      reqHash: facts['reqHash'] as Bytes,
    });
    const stored = { S1: facts['S1'] as Bytes, ssid: facts['ssid'] as Bytes, sealed };
    const share = shareFor(shares, 'secp256k1');
    const s4 = ecdsa.p2Finish(share, request, session, stored, s3, node.random);
    // Read after the checks: when another session has locked the key meanwhile, this answer stays here.
    if (!(await isActive(node, key))) throw new Refused('not active');
    return toBinary(Sign2ResponseSchema, create(Sign2ResponseSchema, { s4 }));
  } catch (error) {
    if (error instanceof Abort) await node.ledger.punish(keyId, epoch, error.abort);
    throw error;
  } finally {
    wipeShares(shares);
  }
}

export async function signSchnorr(node: Node, { session, body, receivedMs }: PeerRequest): Promise<Bytes> {
  const { purpose, index, s1 } = fromBinary(SignSchnorrRequestSchema, body);
  return generically(node, receivedMs, () =>
    admitted(node, { purpose, index, session, algorithms: ['eddsa', 'bip340'] }, async (one, begun) => {
      const { key, job } = one;
      const checks = Promise.all([begun, node.sessions.begin(session, factsOf(one))]).then(([, first]) => {
        if (!first) throw new Refused('seen before');
      });
      const shares = await beside(checks, openShares(node, key, [keyTypeOf(job)]));
      const intent = await begun;
      let answer: Bytes;
      try {
        const s2 =
          job.algorithm === 'eddsa'
            ? eddsa.p2Respond(shareFor(shares, 'ed25519'), eddsaRequest(key.account, job), s1, node.random)
            : bip340.p2Respond(
                shareFor(shares, 'secp256k1'),
                bip340Request(key.account, job),
                s1,
                node.random,
              );
        const reply = { s2, promise: promised(intent) };
        answer = toBinary(SignSchnorrResponseSchema, create(SignSchnorrResponseSchema, reply));
      } finally {
        wipeShares(shares);
      }
      await ended(node, one.event, intent.id);
      return answer;
    }),
  );
}

/** For the answer to the actor, who verifies it. */
const promised = ({ promise }: Begun): Bytes => utf8(JSON.stringify(promise));

/** The shares, opened while `check` runs; when either fails, none is left in memory. */
async function beside(check: Promise<unknown>, opening: Promise<KeyShares>): Promise<KeyShares> {
  const [checked, opened] = await Promise.allSettled([check, opening]);
  if (checked.status === 'fulfilled' && opened.status === 'fulfilled') return opened.value;
  if (opened.status === 'fulfilled') wipeShares(opened.value);
  throw checked.status === 'rejected' ? checked.reason : (opened as PromiseRejectedResult).reason;
}

/** What the session's item says besides its state: which key signs for which operation. */
const factsOf = ({ key, operation, index }: Admitted) => ({
  key: key.key,
  epoch: key.epoch,
  operation: toBase64url(operation),
  index,
});

/** Why this node says no, for its own log only. */
class Refused extends Error {
  override readonly name = 'Refused';
}

/** Runs a signing step; what must not be told apart leaves as one answer at one time. */
async function generically(node: Node, receivedMs: number, run: () => Promise<Bytes>): Promise<Bytes> {
  try {
    return await run();
  } catch (error) {
    const locked = error instanceof CustodyError && error.code === 'key_quarantined';
    if (!(error instanceof Abort || error instanceof Refused || locked)) throw error;
    // A state that does not open was changed where it is stored: no peer can do that.
    const tell = error instanceof Abort && error.abort === 'E_STATE' ? node.log.alarm : node.log.warn;
    tell('signing refused', { reason: error.message });
    return refuseGenerically(node.clock, receivedMs);
  }
}

/** What a step asks to take part in. */
interface Step {
  readonly purpose: PurposeOf;
  readonly index: number;
  readonly session: Bytes;
  readonly algorithms: readonly Job['algorithm'][];
}

/** Runs a step that is admitted, while its intent is being recorded; what goes wrong is recorded too. */
async function admitted(
  node: Node,
  { purpose, index, session, algorithms }: Step,
  run: (one: Admitted, begun: Promise<Begun>) => Promise<Bytes>,
): Promise<Bytes> {
  const request = purpose.case === 'request' ? purpose.value : undefined;
  return refusalsRecorded(node, request, async () => {
    const one = await admit(node, purpose, index, session, algorithms);
    const begun = beginAttempt(node, one.event, one.operation, one.index, one.attempts);
    begun.catch(() => undefined);
    try {
      return await run(one, begun);
    } catch (error) {
      await begun.then(
        ({ id }) => failed(node, one.event, error, id),
        () => undefined,
      );
      throw error;
    }
  });
}

/** What is to be signed, from the actor's own request or from the key's own self-test. */
async function admit(
  node: Node,
  purpose: PurposeOf,
  index: number,
  session: Bytes,
  algorithms: readonly Job['algorithm'][],
): Promise<Admitted> {
  const one =
    purpose.case === 'selfTest'
      ? await admitSelfTest(node, purpose.value)
      : await admitRequest(node, purpose.value, index);
  const { job } = one;
  if (!algorithms.includes(job.algorithm)) throw new Refused('another algorithm');
  if (!equalBytes(job.session, session)) throw new Refused('another session');
  // Before a session is given, a share opened or anything answered.
  await one.spend?.();
  return one;
}

async function admitRequest(
  node: Node,
  request: ActorRequestMessage | undefined,
  index: number,
): Promise<Admitted> {
  if (request === undefined) throw new CustodyError('signature_invalid', 'no actor asked for this');
  const authorised = await readSignatureRequest(node, request);
  const { actor, wallet, decoded, key, digest, authorisation } = authorised;
  const asked = askedOf(authorised);
  assertAllowed(judge(asked, node.clock()));
  const toSign = decoded.toSign[index];
  if (toSign === undefined) throw new Refused('no such digest');
  const job = jobOf(toSign, authorisation, index);
  const spend = () => countInWindows(node.windows, asked, node.clock());
  const event = eventOf(actor, 'sign', wallet.id, digest);
  return { job, key, operation: digest, event, index, attempts: { from: 0, to: sessionsPerDigest }, spend };
}

async function admitSelfTest(node: Node, { key, epoch, keyType, attempt }: SelfTest): Promise<Admitted> {
  if (key === '') throw new Refused('no key is named');
  const entry = await node.ledger.read(key, epoch);
  const types: readonly string[] = entry?.account?.keyTypes ?? [];
  if (entry?.state !== 'ACTIVE' || entry.account === undefined || !types.includes(keyType))
    throw new Refused('no such key to test');
  if (attempt >= selfTestLimit)
    throw new CustodyError('attempts_exhausted', 'this key has used all of its self-tests');
  const active = entry as ActiveKey;
  const job = selfTestJob(active.account, keyType as KeyType, attempt);
  const operation = selfTestDigest(active.account.sid, keyType as KeyType);
  const event = {
    organization: active.account.organization,
    actor: 'node1',
    role: 'node1',
    action: 'self_test',
    object: key,
    operation: toBase64url(job.bytes),
  };
  return { job, key: active, operation, event, index: 0, attempts: { from: attempt, to: attempt + 1 } };
}
