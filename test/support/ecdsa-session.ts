/**
 * Both nodes of an ECDSA signature in one process: keys from a dealer, a session with hooks on every message,
 * and what came of it.
 * @module
 */
import { type Bytes, concat } from '#shared/bytes.ts';
import { Abort, type AbortCode } from '#shared/errors.ts';
import type { Random } from '#shared/mpc/hash.ts';
import { kernel } from '#shared/mpc/kernel/kernel.ts';
import type { EcdsaKeyShare } from '#shared/mpc/key-share.ts';
import { encode, type Layout, type RawFields, split } from '#shared/mpc/layout.ts';
import {
  add,
  addPublic,
  isZero,
  mulBase,
  type Point,
  randomScalar,
  type Scalar,
} from '#shared/mpc/secp256k1.ts';
import { p1Finish, p1Middle, p1Start, p2Finish, p2Respond } from '#shared/mpc/sign-ecdsa.ts';
import type { EcdsaRequest } from '#shared/mpc/sign-ecdsa-messages.ts';
import type { EcdsaSignature } from '#shared/mpc/sign-ecdsa-signature.ts';

export type Shares = readonly [EcdsaKeyShare, EcdsaKeyShare];

const bitOf = (b: Bytes, i: number): number => ((b[i >> 3] as number) >> (i & 7)) & 1;

/** The seeds that Δ chooses out of 128 pairs. */
export const chosenSeeds = (K: Bytes, delta: Bytes): Bytes =>
  concat(
    ...Array.from({ length: 128 }, (_, i) => {
      const at = 64 * i + 32 * bitOf(delta, i);
      return K.subarray(at, at + 32);
    }),
  );

/** Records as key generation makes them, from a dealer who knows everything. Given shares or random ones. */
export function dealShares(random: Random, given: { x1?: Scalar; x2?: Scalar } = {}): Shares {
  const x1 = given.x1 ?? randomScalar(random);
  const x2 = given.x2 ?? randomScalar(random);
  const [X1, X2] = [mulBase(x1), mulBase(x2)];
  const [K1, K2] = [random(8192), random(8192)];
  const [delta1, delta2] = [random(16), random(16)];
  const both = {
    sid: random(32),
    epoch: 1,
    Q: addPublic(X1, X2) as Point,
    X1,
    X2,
    cc: random(32),
    zseed: random(32),
  };
  return [
    { ...both, role: 1, x: x1, K: K1, delta: delta1, Kd: chosenSeeds(K2, delta1), hedgeSeed: random(32) },
    { ...both, role: 2, x: x2, K: K2, delta: delta2, Kd: chosenSeeds(K1, delta2), hedgeSeed: random(32) },
  ];
}

const noTweak = new Uint8Array(32) as Scalar;

export function makeRequest(share: EcdsaKeyShare, random: Random, tau: Scalar = noTweak): EcdsaRequest {
  const Q = isZero(tau) ? share.Q : (addPublic(share.Q, mulBase(tau)) as Point);
  return { path: isZero(tau) ? 'm' : 'm/0/7', tau, Q, digest: random(32), reqHash: random(32) };
}

/** Replaces fields of a message. */
export function patch<const L extends Layout>(
  layout: L,
  message: Bytes,
  fields: Partial<RawFields<L>> | ((raw: RawFields<L>) => Partial<RawFields<L>>),
): Bytes {
  const raw = split(layout, message);
  return encode(layout, { ...raw, ...(typeof fields === 'function' ? fields(raw) : fields) });
}

export interface Session {
  readonly shares: Shares;
  /** What each node believes the request to be. */
  readonly requests: readonly [EcdsaRequest, EcdsaRequest];
  readonly reqId: Bytes;
  readonly random: Random;
  readonly arithmetic1?: typeof kernel;
  readonly arithmetic2?: typeof kernel;
  readonly S1?: (S1: Bytes) => Bytes;
  readonly S2?: (S2: Bytes) => Bytes;
  readonly S3?: (S3: Bytes) => Bytes;
  readonly S4?: (S4: Bytes) => Bytes;
}

export type Outcome =
  | { readonly signature: EcdsaSignature; readonly code?: never; readonly node?: never }
  | { readonly code: AbortCode; readonly node: 1 | 2; readonly signature?: never };

/** One signature, start to end; an abort is an outcome, anything else that is thrown is a bug. */
export function play(session: Session): Outcome {
  const { shares, requests, reqId, random } = session;
  const { arithmetic1 = kernel, arithmetic2 = kernel } = session;
  const same = (b: Bytes): Bytes => b;
  const { S1: onS1 = same, S2: onS2 = same, S3: onS3 = same, S4: onS4 = same } = session;
  let node: 1 | 2 = 1;
  try {
    const [started, S1] = p1Start(shares[0], requests[0], random);
    node = 2;
    const [stored, S2] = p2Respond(shares[1], requests[1], reqId, onS1(S1), random, arithmetic2);
    node = 1;
    const [middle, S3] = p1Middle(started, shares[0], requests[0], onS2(S2), random, arithmetic1);
    node = 2;
    const S4 = p2Finish(shares[1], requests[1], reqId, stored, onS3(S3), random, arithmetic2);
    node = 1;
    return { signature: p1Finish(middle, requests[0], onS4(S4), random, arithmetic1) };
  } catch (failure) {
    if (failure instanceof Abort) return { code: failure.abort, node };
    throw failure;
  }
}

/** The code of the abort that a round throws. Anything else is a bug. */
export function abortOf(round: () => unknown): AbortCode | 'none' {
  try {
    round();
  } catch (failure) {
    if (failure instanceof Abort) return failure.abort;
    throw failure;
  }
  return 'none';
}

const oneBytes = new Uint8Array(32);
oneBytes[31] = 1;
export const one = oneBytes as Scalar;
/** a + 1. */
export const plusOne = (a: Bytes): Scalar => add(a as Scalar, one);
