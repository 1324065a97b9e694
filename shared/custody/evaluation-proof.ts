/**
 * The proof that an evaluation led to the secret: a statement that names the evaluation and the wrap it opened
 * or made, signed by the entity key, which is derived from the secret alone. Node 2, which never learns whether a
 * PIN was right, forgets tries for nothing else, and destroys an old VOPRF key for nothing else.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, fromBase64url, toBase64url } from '../bytes.ts';
import { canonicalBytes } from '../intent/canonical.ts';
import type { KeyName } from './evaluation-key.ts';
import { isEvaluationId } from './evaluation-request.ts';
import { labelled, pinLabels } from './pin-labels.ts';

export interface EvaluationProof extends KeyName {
  readonly type: 'planbok/evaluation-proof/v1';
  /** Decimal: of the VOPRF key. */
  readonly version: string;
  readonly evaluation: string;
  /** base64url of the SHA-256 of the wrap: the one that was opened, or that was made and opened once. */
  readonly wrapped: string;
  /** Decimal epoch seconds. */
  readonly issued: string;
}

/** How old a proof may be, and how far its time may lie ahead, seconds. */
export const proofLifeSeconds = 120;
const aheadSeconds = 30;

declare const verified: unique symbol;
/** A proof whose signature and time were checked. Made by {@link verifyEvaluationProof} alone. */
export type ProvenEvaluation = KeyName & {
  readonly version: number;
  readonly evaluation: string;
  /** SHA-256 of the wrap, 32 bytes. */
  readonly wrapped: Bytes;
  readonly [verified]: true;
};

export const wrapDigest = (wrapped: Bytes): string => toBase64url(sha256(wrapped));

/** What the entity key signs. */
export const proofBytes = (proof: EvaluationProof): Bytes =>
  labelled(pinLabels.proof, canonicalBytes({ ...proof }));

/**
 * @param signature 64 bytes, Ed25519
 * @param entityKey of this customer, 32 bytes, from the verifier's own registry
 * @throws {Error} unless the entity key says so, of this customer, now
 */
export function verifyEvaluationProof(
  proof: EvaluationProof,
  signature: Bytes,
  {
    customer,
    entityKey,
    nowMs,
  }: { readonly customer: string; readonly entityKey: Bytes; readonly nowMs: number },
): ProvenEvaluation {
  const { use, device, version, evaluation } = proof;
  const age = nowMs / 1000 - Number(proof.issued);
  const wrapped = fromBase64url(proof.wrapped);
  const ofThis = proof.type === 'planbok/evaluation-proof/v1' && proof.customer === customer;
  const whole = isEvaluationId(evaluation) && wrapped.length === 32 && /^[1-9][0-9]{0,14}$/.test(version);
  if (!ofThis || !whole || !(age >= -aheadSeconds && age <= proofLifeSeconds))
    throw new Error('not a proof of this customer, at this time');
  if (!ed25519.verify(signature, proofBytes(proof), entityKey, { zip215: false }))
    throw new Error('the entity key did not sign this');
  // The one place where a proof becomes a proven evaluation: everything above has been checked.
  return { use, customer, device, version: Number(version), evaluation, wrapped } as ProvenEvaluation;
}
