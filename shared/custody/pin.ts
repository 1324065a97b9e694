/**
 * A PIN in the client, from the digits to the keys of its wrap. Neither the PIN nor the salt nor the stretched
 * PIN leaves the device; Node 2 sees a blinded point.
 *
 *   PIN, salt --Argon2id--> pwd --blind--> Node 2 --evaluated, proof--> y;  keys = HKDF(pwd ‖ y)
 *
 * @module
 */
import type { Bytes, Random } from '../bytes.ts';
import type { Profile, Stretch } from '../crypto/argon2id.ts';
import { type BlindedInput, blindInput, type Evaluation, finalize } from '../crypto/voprf.ts';
import { answersBytes } from './answers.ts';
import { pinLabels } from './pin-labels.ts';
import { pinBytes } from './pin-rules.ts';
import { recoverySecret, type WrapKeys, type WrapScope, wrapKeys } from './wrap-keys.ts';

/** How a secret of a person is stretched; made anew with each PIN. */
export interface Stretching {
  readonly stretch: Stretch;
  readonly profile: Profile;
  /** 32 bytes. Of a PIN it stays on the device: it is what somebody has who knows the PIN. */
  readonly salt: Bytes;
  readonly random: Random;
}

async function blinded(text: Bytes, { stretch, profile, salt, random }: Stretching): Promise<BlindedInput> {
  try {
    return blindInput(await stretch(profile, text, salt), random);
  } finally {
    text.fill(0);
  }
}

/** `blinded` of the result goes to Node 2, the rest is secret. */
export const blindPin = (pin: string, how: Stretching): Promise<BlindedInput> => blinded(pinBytes(pin), how);

export const blindAnswers = (answers: readonly string[], how: Stretching): Promise<BlindedInput> =>
  blinded(answersBytes(answers), how);

/** Gives the output of the VOPRF to `use`; wipes it and what was stretched, also on failure. */
function finished<T>(
  pin: BlindedInput,
  evaluation: Evaluation,
  publicKey: Bytes,
  use: (stretched: Bytes, output: Bytes) => T,
): T {
  try {
    const output = finalize(pin, evaluation, publicKey);
    try {
      return use(pin.input, output);
    } finally {
      output.fill(0);
    }
  } finally {
    pin.input.fill(0);
  }
}

/**
 * The keys of `wrappedSecret`; what was blinded is used up.
 * @param publicKey of the VOPRF, from {@link openEvaluationKey} of evaluation-key.ts
 * @throws {Error} if somebody else than its holder answered: no wrong PIN, an attack
 */
export const pinKeys = (
  pin: BlindedInput,
  evaluation: Evaluation,
  publicKey: Bytes,
  scope: WrapScope,
): WrapKeys => finished(pin, evaluation, publicKey, (pwd, y) => wrapKeys(pinLabels.pin, [pwd, y], scope));

/** The recovery secret behind the answers, 32 bytes. @throws {Error} as {@link pinKeys} */
export const answersSecret = (
  answers: BlindedInput,
  evaluation: Evaluation,
  publicKey: Bytes,
  scope: WrapScope,
): Bytes => finished(answers, evaluation, publicKey, (a, y) => recoverySecret(a, y, scope));
