/**
 * Domain separation of what stands on a PIN and on answers. A label belongs to one formula.
 * @module
 */
import { type Bytes, lengthPrefixed, utf8 } from '../bytes.ts';

export const pinLabels = {
  /** HKDF: stretched PIN and VOPRF output -> keys of `wrappedSecret`. */
  pin: 'planbok/v1/pin',
  /** HKDF: stretched answers and VOPRF output -> recovery secret `rk`. */
  answers: 'planbok/v1/answers',
  /** HKDF: `rk` and mail secret -> keys of the wrap that opens without a device. */
  answersAndMail: 'planbok/v1/recover/answers-and-mail',
  /** HKDF: device secret and `rk` -> keys of the wrap that opens with a device and the answers. */
  deviceAndAnswers: 'planbok/v1/recover/device-and-answers',
  /** HKDF: device secret and mail secret -> keys of the wrap that opens with a device and the mail. */
  deviceAndMail: 'planbok/v1/recover/device-and-mail',
  /** AES-GCM: additional data of every wrap. */
  wrappedSecret: 'planbok/v1/wrapped-secret',
  /** HPKE: a request for an evaluation, sealed to Node 2. */
  request: 'planbok/v1/evaluation/request',
  /** HPKE: Node 2's answer, sealed to the key in the request. */
  answer: 'planbok/v1/evaluation/answer',
  /** What the device key signs begins with it. */
  requestSignature: 'planbok/v1/evaluation/signature',
  /** What the entity key signs, to prove that an evaluation led to the secret, begins with it. */
  proof: 'planbok/v1/evaluation/proof',
} as const;
export type PinLabel = (typeof pinLabels)[keyof typeof pinLabels];

/** Label and fields, each behind its 8-byte length: injective. */
export const labelled = (label: PinLabel, ...fields: readonly Bytes[]): Bytes =>
  lengthPrefixed(utf8(label), ...fields);
