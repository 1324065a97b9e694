/**
 * An evaluation at Node 2: open, who asks, is it of now, count, and only then evaluate. The answer is sealed to
 * the device: whoever carries it cannot tell whether something was evaluated.
 * @module
 */
import { p256 } from '@noble/curves/nist.js';
import { type Bytes, fromBase64url, toBase64url } from '#shared/bytes.ts';
import type { HpkeOpen } from '#shared/crypto/hpke.ts';
import { evaluate } from '#shared/crypto/voprf.ts';
import { type EvaluationAnswer, sealAnswer } from '#shared/custody/evaluation-answer.ts';
import {
  type EvaluationRequest,
  isFresh,
  type OpenedRequest,
  openRequest,
} from '#shared/custody/evaluation-request.ts';
import { CustodyError } from '#shared/errors.ts';
import type { PublicKey, Verify } from '#shared/registry/statement.ts';
import type { Clock, Random } from '../ports.ts';
import type { AnswerAttempts } from './answer-attempts.ts';
import type { Attempts, Counted } from './attempts.ts';
import type { VoprfKeys } from './voprf-keys.ts';

export interface EvaluationPorts {
  readonly attempts: Attempts;
  readonly answerAttempts: AnswerAttempts;
  readonly keys: VoprfKeys;
  /** From this node's own registry: the key of a device that is the customer's, now. */
  deviceKey(customer: string, device: string): Promise<PublicKey | undefined>;
  /** What opens requests to this node's sealing key of this id. */
  openerOf(keyId: string): HpkeOpen | undefined;
  readonly verify: Verify;
  readonly clock: Clock;
  readonly random: Random;
}

/** One refusal for whatever does not come from a device of the customer: it counts for nobody. */
const refused = (): CustodyError =>
  new CustodyError('signature_invalid', 'this was not asked by a device of the customer');

/** Verified with where there is no such device, so that this takes as long. */
const nobody: PublicKey = {
  algorithm: 'ecdsa-p256-sha256',
  publicKey: toBase64url(p256.Point.BASE.toBytes(false)),
};

/**
 * The sealed answer to a sealed request.
 * @param customer as whoever brought the request says
 * @throws {CustodyError} `signature_invalid`, and nothing was counted; `authorisation_replayed`;
 * `request_invalid` if what the device signed is no point, which counts; `share_unreadable`;
 * `storage_unavailable`, which may have counted
 */
export async function evaluateSealed(
  ports: EvaluationPorts,
  customer: string,
  sealed: Bytes,
): Promise<Bytes> {
  const { request, signed, signature } = await opened(ports, customer, sealed);
  const device = await ports.deviceKey(customer, request.signer);
  const valid = ports.verify(device ?? nobody, signed, signature);
  if (device === undefined || !valid || !isFresh(request, ports.clock())) throw refused();
  const answer = await answered(ports, request);
  try {
    return await sealAnswer(answer, request);
  } catch (cause) {
    throw new CustodyError('request_invalid', 'the answer cannot be sealed to this key', { cause });
  }
}

async function opened(ports: EvaluationPorts, customer: string, sealed: Bytes): Promise<OpenedRequest> {
  try {
    return await openRequest(sealed, customer, (keyId) => ports.openerOf(keyId));
  } catch {
    // No cause: it might say what was inside.
    throw refused();
  }
}

async function answered(ports: EvaluationPorts, request: EvaluationRequest): Promise<EvaluationAnswer> {
  const counted = await count(ports, request);
  if (counted.outcome === 'no_key') return noKey;
  if (counted.outcome !== 'counted') return { outcome: counted.outcome, standing: counted.standing };
  // Read again, after the try is counted: a key that was destroyed meanwhile answers no more.
  const key = await ports.keys.open(request, Number(request.version));
  if (key === undefined) return noKey;
  try {
    const evaluation = evaluate(key, fromBase64url(request.blinded), ports.random);
    return { outcome: 'evaluated', evaluation, standing: counted.standing };
  } catch {
    throw new CustodyError('request_invalid', 'the blinded element is not a point');
  } finally {
    key.secretKey.fill(0);
  }
}

const noKey = { outcome: 'no_key', standing: { remaining: 0, nextMs: 0 } } as const;

/** Where the try is counted: with the key while it is pending, with the customer once it is in use. */
async function count(
  { keys, attempts, answerAttempts, clock }: EvaluationPorts,
  request: EvaluationRequest,
): Promise<Counted | { readonly outcome: 'no_key' }> {
  const { use, customer, device, evaluation, purpose } = request;
  const { active, pending } = await keys.find(request);
  const version = Number(request.version);
  if (pending?.version === version)
    // Nothing is locked under it yet.
    return purpose === 'sign' || purpose === 'export' ? noKey : keys.claim(request, version, evaluation);
  if (active?.version !== version) return noKey;
  return use === 'pin'
    ? attempts.take(customer, device, evaluation, clock())
    : answerAttempts.take(customer, evaluation, clock());
}
