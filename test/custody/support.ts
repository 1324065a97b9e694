/**
 * A customer with one device, a platform that stores wraps, and Node 2's half of the PIN, over tables that the
 * test gives.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { acceptProof } from '../../functions/custody/accept-proof.ts';
import { answerAttemptsOver } from '../../functions/custody/answer-attempts.ts';
import { attemptsOver } from '../../functions/custody/attempts.ts';
import { type EvaluationPorts, evaluateSealed } from '../../functions/custody/evaluate.ts';
import { type VoprfKeys, voprfKeysOver } from '../../functions/custody/voprf-keys.ts';
import type { KeyService, Table } from '../../functions/ports.ts';
import { vaultOf } from '../../functions/stores/vault.ts';
import { type Bytes, concat, toBase64url, utf8 } from '../../shared/bytes.ts';
import { defaultProfile, type Stretch } from '../../shared/crypto/argon2id.ts';
import { generateHpkeKey, type HpkeKey } from '../../shared/crypto/hpke.ts';
import type { BlindedInput } from '../../shared/crypto/voprf.ts';
import { type EvaluationAnswer, openAnswer } from '../../shared/custody/evaluation-answer.ts';
import { type KeyName, type Recipient, sealingKeyId } from '../../shared/custody/evaluation-key.ts';
import {
  type EvaluationProof,
  type ProvenEvaluation,
  proofBytes,
  verifyEvaluationProof,
  wrapDigest,
} from '../../shared/custody/evaluation-proof.ts';
import {
  type EvaluationRequest,
  type Purpose,
  sealRequest,
} from '../../shared/custody/evaluation-request.ts';
import { blindPin, pinKeys } from '../../shared/custody/pin.ts';
import { unwrapSecret, wrapSecret } from '../../shared/custody/wrapped-secret.ts';
import { verifyWithCredential } from '../../shared/registry/statement.ts';

export const random = (n: number): Bytes => new Uint8Array(randomBytes(n));
export const customer = 'cus_test';
export const device = 'key_device';
export const pinName: KeyName = { use: 'pin', customer, device };

/** In place of Argon2id, which has its own tests and takes its time. */
export const quickStretch: Stretch = async (profile, password, salt) =>
  new Uint8Array(
    createHash('sha256')
      .update(concat(Uint8Array.of(profile), salt, password))
      .digest(),
  );

export interface Node2 {
  readonly ports: EvaluationPorts;
  readonly keys: VoprfKeys;
  readonly recipient: Recipient;
  readonly sealing: HpkeKey;
  /** The clock: the test moves it. */
  nowMs: number;
  /** Evaluations that were carried out. */
  evaluations: number;
  evaluate(sealed: Bytes): Promise<Bytes>;
  accept(proof: ProvenEvaluation): ReturnType<typeof acceptProof>;
}

export const deviceSecret = utf8('device key of a test, 32 bytes! ').slice(0, 32);
const devicePublic = toBase64url(p256.getPublicKey(deviceSecret, false));

export async function node2Over(table: Table, keyService: KeyService): Promise<Node2> {
  const sealing = await generateHpkeKey();
  const recipient = { id: sealingKeyId(sealing.publicKey), publicKey: sealing.publicKey };
  const vault = vaultOf({ keys: keyService, random, node: 'node2' });
  const stored = voprfKeysOver({ table, vault, random });
  const attempts = attemptsOver(table);
  const node = {
    nowMs: 1_800_000_000_000,
    evaluations: 0,
  } as Node2;
  const ports: EvaluationPorts = {
    attempts,
    answerAttempts: answerAttemptsOver(table),
    keys: {
      ...stored,
      // Opened is evaluated: evaluateSealed opens a key for nothing else.
      async open(...args) {
        const key = await stored.open(...args);
        if (key !== undefined) node.evaluations++;
        return key;
      },
    },
    deviceKey: async (of, named) =>
      of === customer && named === device
        ? { algorithm: 'ecdsa-p256-sha256', publicKey: devicePublic }
        : undefined,
    openerOf: (id) => (id === toBase64url(recipient.id) ? sealing.open : undefined),
    verify: verifyWithCredential,
    clock: () => node.nowMs,
    random,
  };
  return Object.assign(node, {
    ports,
    keys: stored,
    recipient,
    sealing,
    evaluate: (sealed: Bytes) => evaluateSealed(ports, customer, sealed),
    accept: (proof: ProvenEvaluation) => acceptProof({ keys: stored, attempts }, proof),
  });
}

export const signWithDevice = async (message: Bytes): Promise<Bytes> => p256.sign(message, deviceSecret);

/** A request as the device makes it, and what opens the answer. */
export async function requestOf(
  node: Pick<Node2, 'nowMs'>,
  blinded: Bytes,
  changes: Partial<EvaluationRequest> = {},
): Promise<{ readonly request: EvaluationRequest; readonly reply: HpkeKey }> {
  const reply = await generateHpkeKey();
  const issued = Math.floor(node.nowMs / 1000);
  const request: EvaluationRequest = {
    type: 'planbok/evaluation-request/v1',
    ...pinName,
    version: '1',
    signer: device,
    purpose: 'sign',
    evaluation: toBase64url(random(16)),
    blinded: toBase64url(blinded),
    reply: toBase64url(reply.publicKey),
    nonce: toBase64url(random(16)),
    issued: String(issued),
    expires: String(issued + 60),
    ...changes,
  };
  return { request, reply };
}

/** What the device keeps, and what the platform stores for it. */
export interface Wrap {
  readonly salt: Bytes;
  readonly version: number;
  readonly publicKey: Bytes;
  readonly wrapped: Bytes;
}

export interface Asked {
  readonly answer: EvaluationAnswer;
  readonly evaluation: string;
  readonly blinded: BlindedInput;
}

/** One evaluation of a PIN, from end to end. */
export async function ask(
  node: Node2,
  pin: string,
  { salt, version }: Pick<Wrap, 'salt' | 'version'>,
  purpose: Purpose = 'sign',
): Promise<Asked> {
  const blinded = await blindPin(pin, { stretch: quickStretch, profile: defaultProfile, salt, random });
  const { request, reply } = await requestOf(node, blinded.blinded, { version: String(version), purpose });
  const sealed = await sealRequest(request, signWithDevice, node.recipient);
  const answer = await openAnswer(await node.evaluate(sealed), request, reply.open);
  return { answer, evaluation: request.evaluation, blinded };
}

export const scopeOf = (version: number) => ({ customer, device, version });

/** The secret that a PIN opens, or throws. */
export async function openWith({ answer, blinded }: Asked, wrap: Wrap): Promise<Bytes> {
  if (answer.outcome !== 'evaluated') throw new Error(answer.outcome);
  const keys = pinKeys(blinded, answer.evaluation, wrap.publicKey, scopeOf(wrap.version));
  return unwrapSecret(keys, scopeOf(wrap.version), wrap.wrapped);
}

/** A fresh wrap of the secret under the pending key, and the evaluation that made it. */
export async function wrapUnder(
  node: Node2,
  pin: string,
  { version, publicKey }: Pick<Wrap, 'version' | 'publicKey'>,
  secret: Bytes,
): Promise<Wrap & { readonly evaluation: string }> {
  const salt = random(32);
  const { answer, blinded, evaluation } = await ask(node, pin, { salt, version }, 'set_up');
  if (answer.outcome !== 'evaluated') throw new Error(answer.outcome);
  const keys = pinKeys(blinded, answer.evaluation, publicKey, scopeOf(version));
  const wrapped = await wrapSecret(keys, scopeOf(version), secret, random);
  return { salt, version, publicKey, wrapped, evaluation };
}

/** In place of the derivation of the entity key. */
export const entityKeyOf = (secret: Bytes): Bytes => ed25519.getPublicKey(secret);

export function proofOf(
  node: Pick<Node2, 'nowMs'>,
  secret: Bytes,
  { version, wrapped }: Pick<Wrap, 'version' | 'wrapped'>,
  evaluation: string,
  changes: Partial<EvaluationProof> = {},
): { readonly proof: EvaluationProof; readonly signature: Bytes } {
  const proof: EvaluationProof = {
    type: 'planbok/evaluation-proof/v1',
    ...pinName,
    version: String(version),
    evaluation,
    wrapped: wrapDigest(wrapped),
    issued: String(Math.floor(node.nowMs / 1000)),
    ...changes,
  };
  return { proof, signature: ed25519.sign(proofBytes(proof), secret) };
}

/** The proof, as Node 2 takes it. */
export function proven(
  node: Pick<Node2, 'nowMs'>,
  secret: Bytes,
  wrap: Pick<Wrap, 'version' | 'wrapped'>,
  evaluation: string,
): ProvenEvaluation {
  const { proof, signature } = proofOf(node, secret, wrap, evaluation);
  return verifyEvaluationProof(proof, signature, {
    customer,
    entityKey: entityKeyOf(secret),
    nowMs: node.nowMs,
  });
}

/** A customer who has set up a PIN. */
export async function setUp(node: Node2, pin: string, secret: Bytes, change = random(8)): Promise<Wrap> {
  const key = await node.keys.begin(pinName, toBase64url(change));
  const wrap = await wrapUnder(node, pin, key, secret);
  await node.accept(proven(node, secret, wrap, wrap.evaluation));
  return wrap;
}

/** 16 bytes of base64url that no evaluation has. */
export const someId = (): string => toBase64url(random(16));
