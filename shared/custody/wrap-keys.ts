/**
 * The keys of a wrap: two secrets of which neither is enough, made into an encryption key and a key that commits
 * to it, each for one customer, device and version.
 * @module
 */
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, u32be, utf8 } from '../bytes.ts';
import { labelled, type PinLabel, pinLabels } from './pin-labels.ts';

/** What a wrap belongs to. */
export interface WrapScope {
  readonly customer: string;
  /** Empty for the wrap that opens without a device. */
  readonly device: string;
  /** Of the VOPRF key behind it; 1 for the first. */
  readonly version: number;
}

/** 32 bytes each. Secret. */
export interface WrapKeys {
  readonly encrypt: Bytes;
  readonly commit: Bytes;
}

/** Which pair of secrets opens it. */
export type WrapLabel = (typeof pinLabels)['pin' | 'answersAndMail' | 'deviceAndAnswers' | 'deviceAndMail'];

export const scopeFields = ({ customer, device, version }: WrapScope): readonly Bytes[] => [
  utf8(customer),
  utf8(device),
  u32be(version),
];

/** HKDF-SHA256 over both secrets, in the order of the label's name; the salt is empty. 64 bytes or 32. */
function derive(label: PinLabel, secrets: readonly [Bytes, Bytes], scope: WrapScope, bytes: number): Bytes {
  if (secrets.some(({ length }) => length !== 32))
    throw new RangeError('a secret behind a wrap has 32 bytes');
  const ikm = concat(...secrets);
  try {
    return hkdf(sha256, ikm, new Uint8Array(), labelled(label, ...scopeFields(scope)), bytes);
  } finally {
    ikm.fill(0);
  }
}

/**
 * @param secrets of a PIN: the stretched PIN and the output of the VOPRF over it
 * @throws {RangeError} unless both have 32 bytes
 */
export function wrapKeys(label: WrapLabel, secrets: readonly [Bytes, Bytes], scope: WrapScope): WrapKeys {
  const both = derive(label, secrets, scope, 64);
  const keys = { encrypt: both.slice(0, 32), commit: both.slice(32) };
  both.fill(0);
  return keys;
}

/** The recovery secret `rk`, 32 bytes, from the stretched answers and the output of the VOPRF over them. */
export const recoverySecret = (stretched: Bytes, output: Bytes, scope: WrapScope): Bytes =>
  derive(pinLabels.answers, [stretched, output], scope, 32);

export function wipeKeys({ encrypt, commit }: WrapKeys): void {
  encrypt.fill(0);
  commit.fill(0);
}
