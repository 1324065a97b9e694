/**
 * Node 2's answer to a request for an evaluation, sealed to the key that the request brought. Whoever carries it
 * learns nothing, not even whether something was evaluated: all answers have one size. Only Node 2 knows the key
 * it is sealed to, so nobody else can say that tries are used up; and what was evaluated bears its proof.
 * @module
 */
import { type Bytes, fromBase64url, toBase64url } from '../bytes.ts';
import { type HpkeBinding, type HpkeOpen, hpkeSeal, sealOverhead } from '../crypto/hpke.ts';
import { type Evaluation, pointBytes, proofBytes } from '../crypto/voprf.ts';
import { type EvaluationRequest, isEvaluationId, requestDigest } from './evaluation-request.ts';
import { base64urlOf, type Fields, padDocument, unpadDocument } from './padded-document.ts';
import { labelled, pinLabels } from './pin-labels.ts';

/** `no_key`: Node 2 has no key of this version, not any more or not yet; nothing was counted. */
export const outcomes = ['evaluated', 'wait', 'locked', 'no_key'] as const;
export type Outcome = (typeof outcomes)[number];

/** Where the tries stand, after this one if it counted. */
export interface Standing {
  /** Tries left until the lock. */
  readonly remaining: number;
  /** When the next is allowed, epoch milliseconds; 0: at once. */
  readonly nextMs: number;
}

export type EvaluationAnswer =
  | { readonly outcome: 'evaluated'; readonly evaluation: Evaluation; readonly standing: Standing }
  | { readonly outcome: 'wait' | 'locked' | 'no_key'; readonly standing: Standing };

interface Document {
  readonly type: 'planbok/evaluation-answer/v1';
  readonly evaluation: string;
  readonly outcome: Outcome;
  /** base64url; empty unless evaluated. */
  readonly evaluated: string;
  readonly proof: string;
  readonly remaining: string;
  readonly next: string;
}

const frameBytes = 512;
export const sealedAnswerBytes = sealOverhead + frameBytes;

const isPoint = base64urlOf(pointBytes);
const isProof = base64urlOf(proofBytes);
const decimal = (text: string): boolean => /^(?:0|[1-9][0-9]{0,15})$/.test(text);
const fields: Fields<Document> = {
  type: (text) => text === 'planbok/evaluation-answer/v1',
  evaluation: isEvaluationId,
  outcome: (text) => outcomes.includes(text as Outcome),
  evaluated: (text) => text === '' || isPoint(text),
  proof: (text) => text === '' || isProof(text),
  remaining: decimal,
  next: decimal,
};

const bindingOf = (request: EvaluationRequest): HpkeBinding => ({
  info: labelled(pinLabels.answer),
  aad: requestDigest(request),
});

/** @returns {@link sealedAnswerBytes} bytes @throws {Error} if the request's reply key is no point */
export async function sealAnswer(answer: EvaluationAnswer, request: EvaluationRequest): Promise<Bytes> {
  const evaluation = answer.outcome === 'evaluated' ? answer.evaluation : undefined;
  const document: Document = {
    type: 'planbok/evaluation-answer/v1',
    evaluation: request.evaluation,
    outcome: answer.outcome,
    evaluated: evaluation ? toBase64url(evaluation.evaluated) : '',
    proof: evaluation ? toBase64url(evaluation.proof) : '',
    remaining: String(answer.standing.remaining),
    next: String(answer.standing.nextMs),
  };
  return hpkeSeal(fromBase64url(request.reply), bindingOf(request), padDocument(document, frameBytes));
}

/**
 * The answer to exactly this request. An evaluation still has to be finalized: that checks its proof.
 * @throws {Error} on anything else
 */
export async function openAnswer(
  sealed: Bytes,
  request: EvaluationRequest,
  open: HpkeOpen,
): Promise<EvaluationAnswer> {
  const document = unpadDocument(await open(sealed, bindingOf(request)), frameBytes, fields);
  if (document.evaluation !== request.evaluation) throw new Error('the answer to another request');
  const { outcome, evaluated, proof } = document;
  const standing = { remaining: Number(document.remaining), nextMs: Number(document.next) };
  if (outcome !== 'evaluated') return { outcome, standing };
  const evaluation = { evaluated: fromBase64url(evaluated), proof: fromBase64url(proof) };
  return { outcome, evaluation, standing };
}
