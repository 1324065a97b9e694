/**
 * May Node 2 take part in a signature? Only if an actor authorised it, by this node's own records, or if it is
 * the self-test of a new key. What began is recorded before anything that depends on it leaves.
 * @module
 */
import { type Bytes, equalBytes, toBase64url } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { KeyType } from '#shared/mpc/context.ts';
import { selfTestDigest, selfTestLimit } from '#shared/mpc/self-test.ts';
import type {
  ActorRequest as ActorRequestMessage,
  SelfTest,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { type AuditEvent, type Begun, eventOf, failed } from '../audit/recording.ts';
import { refusalsRecorded } from '../audit/refusals.ts';
import { readSignatureRequest } from '../intake.ts';
import type { Node } from '../node.ts';
import { askedOf, assertAllowed, countInWindows, judge } from '../policy.ts';
import { type Job, jobOf, selfTestJob } from '../signing.ts';
import type { ActiveKey } from '../stores/ledger.ts';
import { beginAttempt, sessionsPerDigest } from './attempts.ts';

type PurposeOf =
  | { readonly case: 'request'; readonly value: ActorRequestMessage }
  | { readonly case: 'selfTest'; readonly value: SelfTest }
  | { readonly case: undefined; readonly value?: undefined };

/** One job that Node 2 has authorised, and which attempts at its digest there may be. */
export interface Admitted {
  readonly job: Job;
  readonly key: ActiveKey;
  readonly operation: Bytes;
  readonly event: AuditEvent;
  readonly index: number;
  readonly attempts: { readonly from: number; readonly to: number };
  /** Counts the operation in its windows. Undefined: the self-test of a key spends nothing. */
  readonly spend?: () => Promise<void>;
}

/** Why this node says no, for its own log only. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** What a step asks to take part in. */
interface Step {
  readonly purpose: PurposeOf;
  readonly index: number;
  readonly session: Bytes;
  readonly algorithms: readonly Job['algorithm'][];
}

/** Runs a step that is admitted, while its intent is being recorded; what goes wrong is recorded too. */
export async function admitted(
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
