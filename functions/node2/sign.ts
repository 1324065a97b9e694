/**
 * Node 2 signs what it has admitted by itself (`admit.ts`); nothing that Node 1 concluded is taken over.
 *
 *   sign1        S1 -> S2   claims the session id, stores the sealed state, answers with both in place
 *   sign2        S3 -> S4   takes the state (once), checks all that Node 1 did, answers if the key is active
 *   signSchnorr  S1 -> S2   ed25519 and BIP-340: one message, nothing kept
 *
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, toBase64url, utf8 } from '#shared/bytes.ts';
import { Abort, CustodyError } from '#shared/errors.ts';
import type { KeyShares } from '#shared/mpc/share-blob.ts';
import * as bip340 from '#shared/mpc/sign-bip340.ts';
import * as ecdsa from '#shared/mpc/sign-ecdsa.ts';
import * as eddsa from '#shared/mpc/sign-eddsa.ts';
import {
  Sign1RequestSchema,
  Sign1ResponseSchema,
  Sign2RequestSchema,
  Sign2ResponseSchema,
  SignSchnorrRequestSchema,
  SignSchnorrResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { type AuditEvent, type Begun, ended, failed } from '../audit/recording.ts';
import type { PeerRequest } from '../channel/serve.ts';
import type { Node } from '../node.ts';
import type { Item } from '../ports.ts';
import {
  bip340Request,
  ecdsaRequest,
  eddsaRequest,
  isActive,
  keyTypeOf,
  openShares,
  shareFor,
  wipeShares,
} from '../signing.ts';
import { type ActiveKey, firstEpoch } from '../stores/ledger.ts';
import { type Admitted, admitted, Refused } from './admit.ts';
import { refuseGenerically } from './generic.ts';

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
