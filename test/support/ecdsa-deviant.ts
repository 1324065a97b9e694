/**
 * Nodes that leave the protocol on purpose: the rounds again, without their checks, and with places to lie in.
 * @module
 */
import { type Bytes, concat } from '#shared/bytes.ts';
import type { Random } from '#shared/mpc/hash.ts';
import { kernel } from '#shared/mpc/kernel/kernel.ts';
import type { EcdsaKeyShare } from '#shared/mpc/key-share.ts';
import { encode, type RawFields, split, validate } from '#shared/mpc/layout.ts';
import { extendAsReceiver, extendAsSender, receiverColumns } from '#shared/mpc/ot-extension.ts';
import {
  addPublic,
  mulBase,
  type Point,
  randomScalar,
  reduce,
  type Scalar,
  xOf,
} from '#shared/mpc/secp256k1.ts';
import type { P1Started, P2Stored } from '#shared/mpc/sign-ecdsa.ts';
import {
  bindRequest,
  type EcdsaRequest,
  type round2Layout,
  s2Layout,
  s3Layout,
  s4Layout,
  sessionId,
  transcript,
} from '#shared/mpc/sign-ecdsa-messages.ts';
import {
  betaOf,
  chiOf,
  fragment,
  round2,
  shiftedShare1,
  shiftedShare2,
  voleContext,
} from '#shared/mpc/sign-ecdsa-round2.ts';
import { openState, sealState } from '#shared/mpc/sign-ecdsa-state.ts';
import { multiplyAsReceiver } from '#shared/mpc/vole.ts';

type Round2Fields = RawFields<typeof round2Layout>;

/** Where a node lies. */
export interface Lies {
  /** What it multiplies with, instead of (r, sk). */
  readonly multiply?: (r: Scalar, sk: Scalar) => readonly [Scalar, Scalar];
  /** What it says, instead of the truth. */
  readonly say?: (truth: Round2Fields) => Partial<Round2Fields>;
}

const truthful = (r: Scalar, sk: Scalar): readonly [Scalar, Scalar] => [r, sk];

/** Node 1's third message. */
export function deviantMiddle(
  started: P1Started,
  share: EcdsaKeyShare,
  S2: Bytes,
  random: Random,
  { multiply = truthful, say = () => ({}) }: Lies,
): Bytes {
  const { r1, phi1, rho1, R1 } = started.take();
  const message = split(s2Layout, S2);
  const { ssid } = message;
  const tr = transcript(ssid, S2);
  const received = extendAsSender({ ssid, direction: 2 }, share.delta, share.Kd, message);
  const x = random(80);
  const [, extension] = extendAsReceiver({ ssid, direction: 1 }, share.K, x);
  const sk1 = shiftedShare1(share, ssid);
  const [r, sk] = multiply(r1, sk1);
  const [, truth] = round2(
    voleContext(share.sid, tr, 2, kernel),
    received,
    share.delta,
    {
      r,
      sk,
      phi: phi1,
      chi: chiOf(share.sid, 1, betaOf(x), kernel),
      aHat: [randomScalar(random), randomScalar(random)],
    },
    { R: R1, rho: rho1, pk: mulBase(sk1) },
  );
  return encode(s3Layout, { tr, ...extension, ...truth, ...say(truth) });
}

/** Node 2's fourth message. Nothing of Node 1 is checked. */
export function deviantFinish(
  share: EcdsaKeyShare,
  request: EcdsaRequest,
  reqId: Bytes,
  { ssid, sealed }: P2Stored,
  S3: Bytes,
  random: Random,
  { multiply = truthful, say = () => ({}) }: Lies,
): Bytes {
  const { tr, r2, rho2, phi2, beta2 } = openState({ share, request, reqId, ssid }, sealed);
  const message = validate(s3Layout, split(s3Layout, S3));
  const received = extendAsSender({ ssid, direction: 1 }, share.delta, share.Kd, message);
  const columns = receiverColumns({ ssid, direction: 2 }, share.K);
  const d = multiplyAsReceiver(voleContext(share.sid, tr, 2, kernel), columns, beta2, message);
  const sk2 = shiftedShare2(share, request.tau, ssid);
  const [r, sk] = multiply(r2, sk2);
  const R = mulBase(r2);
  const [c, truth] = round2(
    voleContext(share.sid, tr, 1, kernel),
    received,
    share.delta,
    {
      r,
      sk,
      phi: phi2,
      chi: chiOf(share.sid, 2, beta2, kernel),
      aHat: [randomScalar(random), randomScalar(random)],
    },
    { R, rho: rho2, pk: mulBase(sk2) },
  );
  const rx = reduce(xOf(addPublic(R, message.R) as Point));
  const m = reduce(request.digest);
  const { u, w } = fragment({ r: r2, sk: sk2, phi: phi2, c, d, psi: message.psi, rx, m });
  return encode(s4Layout, { tr, ...truth, ...say(truth), u, w });
}

/** Node 2's second message with a commitment of its choice, and the state that goes with it. */
export function deviantRespond(
  share: EcdsaKeyShare,
  request: EcdsaRequest,
  reqId: Bytes,
  S1: Bytes,
  random: Random,
  commit: (n2: Bytes, R2: Point, rho2: Bytes) => Bytes,
): [P2Stored, Bytes] {
  const bind = bindRequest(share, request);
  const [n2, rho2, x] = [random(32), random(32), random(80)];
  const [r2, phi2] = [randomScalar(random), randomScalar(random)];
  const com2 = commit(n2, mulBase(r2), rho2);
  const ssid = sessionId(bind, S1, n2, com2);
  const [, extension] = extendAsReceiver({ ssid, direction: 2 }, share.K, x);
  const S2 = encode(s2Layout, { ssid, n2, com2, ...extension });
  const com1 = S1.slice(64);
  const beta2 = betaOf(x);
  const tr = transcript(ssid, S2);
  const sealed = sealState({ share, request, reqId, ssid }, { ssid, tr, com1, r2, rho2, phi2, beta2 });
  return [{ S1, ssid, sealed }, S2];
}

/** Two 32-byte scalars of a row buffer in each other's place. */
export function swapped(b: Bytes, i: number, j: number, length = 32): Bytes {
  const out = b.slice();
  out.set(b.subarray(length * j, length * (j + 1)), length * i);
  out.set(b.subarray(length * i, length * (i + 1)), length * j);
  return out;
}

/** Columns i and j of a 512·4 matrix of scalars in each other's place. */
export const swappedColumns = (A: Bytes, i: number, j: number): Bytes =>
  concat(...Array.from({ length: 512 }, (_, row) => swapped(A.subarray(128 * row, 128 * row + 128), i, j)));
