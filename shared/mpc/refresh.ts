/**
 * Two-party refresh of the keys of one wallet set, both curves in one run: new shares x1 + ρ and x2 - ρ of the
 * same keys, a new set-up of the oblivious transfers, the same chain code, a new epoch. What was stolen from one
 * node before is worth nothing together with what is stolen from the other afterwards. Functions stand in
 * message order.
 *
 *   p1Start    --F1: commitment to ρ1, key, OT-->  p2Start
 *   p1Open     <--F2: ρ2 sealed, proof, OT both ways--
 *              --F3: ρ1, proof, OT, conf1-->       p2Finish
 *   p1Confirm  <--F4: conf2--
 *
 * The current records are read and never changed. No check here depends on a secret that outlives the attempt:
 * an abort tells the peer nothing, and the attempt is discarded. Exact bytes and departures: docs/protocol.md.
 * When which epoch may be used, and when the old one may go: `epochs.ts`.
 * @module
 */
import { type Bytes, equalBytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import type { Context } from './context.ts';
import { guarded } from './fresh.ts';
import { type HalfProofs, joinHalves, none, proveHalf, recordsOf } from './halves.ts';
import { hash, type Random } from './hash.ts';
import { newSealKey, openSealed, type SealKey, seal } from './hpke.ts';
import { decodeMessage, encodeMessage } from './message.ts';
import { type Once, once } from './once.ts';
import { type OtReceiver, otLengths, otOpen, otReceive, otSend } from './ot-base.ts';
import {
  type Current,
  commitShift,
  confirmation,
  currentOf,
  moveHalves,
  type Outcome,
  type RefreshName,
  refreshContext,
  sealContext,
  shiftOf,
  type Tosses,
  zeroSeedOf,
} from './refresh-keys.ts';
import { f1Layout, f2Layout, f3Layout, f4Layout } from './refresh-messages.ts';
import { encodeState, type RefreshState, takeState } from './refresh-state.ts';
import type { KeyShares } from './share-blob.ts';
import { tags } from './tags.ts';
import { type SecretScope, wiping, wipingLater } from './wipe.ts';

export type { RefreshName } from './refresh-keys.ts';
export type { RefreshState } from './refresh-state.ts';

/** A record of the new epoch: durable (PREPARED) before the message that is returned beside it is sent. */
export interface Refreshed {
  /** Id of the run. */
  readonly sid: Bytes;
  /** Secret. */
  readonly shares: KeyShares;
  /** What both nodes call this epoch, 32 bytes: conf2, which covers the whole run and its outcome. Public. */
  readonly transcript: Bytes;
}

/** What P1 keeps until F2: in memory of one invocation, for one use. Secret. It refers to the current shares. */
export type P1State = Once<{
  readonly ctx: Context;
  readonly current: Current;
  readonly F1: Bytes;
  readonly n1: Bytes;
  readonly rho1: Bytes;
  readonly salt1: Bytes;
  readonly sealKey: SealKey;
  /** Direction 2; null without secp256k1. */
  readonly ot: OtReceiver | null;
}>;

/** Session of the transfers of direction 2, which begin before there is a session id. */
const otSession2 = (context: Bytes, n1: Bytes): Bytes => hash(tags.refreshOtSid, context, n1);

/** @throws {Abort} `E_POK` unless the peer proves that it knows its current share, in this session */
function checkPeer({ types, role, half, peer }: Current, sid: Bytes, proofs: HalfProofs): void {
  // That the halves add up to the key is known of the own record already.
  joinHalves(types, half, peer, { sid, role: role === 1 ? 2 : 1 }, proofs);
}

/** P1 commits to its part of the shift before it has seen P2's. @throws {CustodyError} `share_unreadable` */
export function p1Start(name: RefreshName, shares: KeyShares, source: Random): [P1State, F1: Bytes] {
  const current = currentOf(1, shares);
  const ctx = refreshContext(name, current);
  const random = guarded(source);
  const [n1, rho1, salt1] = [random(32), random(32), random(32)];
  const sealKey = newSealKey(random);
  const ot = current.types.includes('secp256k1')
    ? otReceive(otSession2(ctx.digest, n1), random(otLengths.choices), random)
    : null;
  const F1 = encodeMessage(f1Layout(current.types), {
    n1,
    com1: commitShift(ctx.digest, n1, rho1, salt1),
    seal1: sealKey.publicKey,
    P2: ot?.P ?? none,
  });
  return [once({ ctx, current, F1, n1, rho1, salt1, sealKey, ot }), F1];
}

/**
 * P2 answers with its part of the shift, sealed: chosen without having seen P1's, which com1 has fixed.
 *
 * @throws {Abort} `E_MSG`
 * @throws {CustodyError} `share_unreadable`
 */
export function p2Start(
  name: RefreshName,
  shares: KeyShares,
  F1: Bytes,
  source: Random,
): Promise<[RefreshState, F2: Bytes]> {
  return wipingLater(async ({ secret }) => {
    const current = currentOf(2, shares);
    const { types } = current;
    const ctx = refreshContext(name, current);
    const random = guarded(source);
    const { n1, com1, seal1, P2 } = decodeMessage(f1Layout(types), F1);
    const n2 = random(32);
    const sid = hash(tags.refreshSid, ctx.digest, F1, n2);
    const proof = proveHalf(types, { sid, role: 2 }, current.half, random);
    const rho2 = secret(random(32));
    const sealed = await seal(seal1, sealContext(sid, F1), rho2, random);
    const withOt = types.includes('secp256k1');
    const hs2 = otSession2(ctx.digest, n1);
    const [K, U2] = withOt ? otSend({ hs: hs2, sid }, P2, random) : [none, none];
    secret(K);
    const ot = withOt ? otReceive(sid, secret(random(otLengths.choices)), random) : null;
    secret(ot?.t ?? none);
    const F2 = encodeMessage(f2Layout(types), {
      n2,
      enc2: sealed.enc,
      box2: sealed.box,
      eX2: proof.X.e,
      sigmaX2: proof.X.sigma,
      eA2: proof.A.e,
      sigmaA2: proof.A.sigma,
      U2,
      P1: ot?.P ?? none,
    });
    const state = encodeState(types, {
      context: ctx.digest,
      sid,
      current: current.sid,
      n1,
      com1,
      transcript: hash(tags.refreshTranscript, F1, F2),
      rho2,
      K,
      delta: ot?.choices ?? none,
      t: ot?.t ?? none,
      P1: ot?.P ?? none,
    });
    return [state, F2];
  });
}

/** The halves of the new epoch, and all that is to be confirmed. */
function outcomeOf(
  current: Current,
  run: Pick<Outcome, 'sid' | 'transcript' | 'U1'>,
  tosses: Tosses,
  scope: SecretScope,
) {
  const { types, role, cc, keys } = current;
  const rho = shiftOf(types, run.sid, tosses);
  scope.secret(rho.x);
  scope.secret(rho.a);
  const moved = moveHalves(current, rho, scope);
  const keep = types.includes('secp256k1') ? scope.kept : scope.secret;
  const zseed = keep(zeroSeedOf(run.sid, tosses));
  const halves = role === 1 ? ([moved.half, moved.peer] as const) : ([moved.peer, moved.half] as const);
  const outcome: Outcome = { ...run, keys, cc, zseed, halves };
  return { moved, outcome, conf1: confirmation(outcome, 1), conf2: confirmation(outcome, 2) };
}

/**
 * P1 opens its commitment. The result is durable before F3 is sent, and of use only after {@link p1Confirm}.
 *
 * @throws {Abort} `E_USED`, `E_MSG`, `E_POK`, `E_PK`
 */
export function p1Open(state: P1State, F2: Bytes, source: Random): Promise<[Refreshed, F3: Bytes]> {
  return wipingLater(async (scope) => {
    const { ctx, current, F1, n1, rho1, salt1, sealKey, ot } = state.take();
    const { types } = current;
    const { secret, kept } = scope;
    secret(rho1);
    secret(sealKey.secretKey);
    if (ot) {
      kept(ot.choices);
      secret(ot.t);
    }
    const random = guarded(source);
    const m = decodeMessage(f2Layout(types), F2);
    const sid = hash(tags.refreshSid, ctx.digest, F1, m.n2);
    checkPeer(current, sid, {
      X: { e: m.eX2, sigma: m.sigmaX2 },
      A: { e: m.eA2, sigma: m.sigmaA2 },
    });
    const sealed = { enc: m.enc2, box: m.box2 };
    const rho2 = secret(await openSealed(sealKey.secretKey, sealContext(sid, F1), sealed));
    const hs2 = otSession2(ctx.digest, n1);
    const Kd = kept(ot ? otOpen({ hs: hs2, sid }, ot, m.U2) : none);
    const [K, U1] = ot ? otSend({ hs: sid, sid }, m.P1, random) : [none, none];
    kept(K);
    const run = { sid, transcript: hash(tags.refreshTranscript, F1, F2), U1 };
    const { moved, outcome, conf1, conf2 } = outcomeOf(current, run, { rho1, rho2 }, scope);
    const proof = proveHalf(types, { sid, role: 1 }, current.half, random);
    const F3 = encodeMessage(f3Layout(types), {
      rho1,
      salt1,
      eX1: proof.X.e,
      sigmaX1: proof.X.sigma,
      eA1: proof.A.e,
      sigmaA1: proof.A.sigma,
      U1,
      conf1,
    });
    const node = { role: 1, epoch: ctx.epoch, ...moved } as const;
    const shares = recordsOf(types, node, outcome, { K, delta: ot?.choices ?? none, Kd }, random);
    return [{ sid, shares, transcript: conf2 }, F3];
  });
}

/**
 * P2 finishes: its record is PREPARED once it is stored. The state is zeroed, whatever the outcome.
 *
 * @param name and shares: those that the state was made from
 * @throws {Abort} `E_USED`, `E_STATE`, `E_MSG`, `E_COM`, `E_POK`, `E_PK`, `E_CONF`
 * @throws {CustodyError} `share_unreadable`
 */
export function p2Finish(
  state: RefreshState,
  name: RefreshName,
  shares: KeyShares,
  F3: Bytes,
  source: Random,
): [Refreshed, F4: Bytes] {
  const random = guarded(source);
  const s = takeState(state);
  return wiping((scope) => {
    const { secret, kept } = scope;
    const { types, sid, rho2 } = s;
    for (const b of [s.K, s.delta]) kept(b);
    for (const b of [s.t, rho2]) secret(b);
    const current = currentOf(2, shares);
    const ctx = refreshContext(name, current);
    const same = equalBytes(ctx.digest, s.context) && equalBytes(current.sid, s.current);
    if (!same || current.types.join() !== types.join())
      throw new Abort('E_STATE', 'the state is of another key or epoch');
    const m = decodeMessage(f3Layout(types), F3);
    const rho1 = secret(m.rho1);
    // The commitment comes first: it is what keeps P1 from choosing ρ1 after it has seen ρ2.
    if (!equalBytes(commitShift(ctx.digest, s.n1, rho1, m.salt1), s.com1))
      throw new Abort('E_COM', 'opening does not match the commitment');
    checkPeer(current, sid, {
      X: { e: m.eX1, sigma: m.sigmaX1 },
      A: { e: m.eA1, sigma: m.sigmaA1 },
    });
    const ot = { choices: s.delta, t: s.t, P: s.P1 };
    const Kd = kept(types.includes('secp256k1') ? otOpen({ hs: sid, sid }, ot, m.U1) : none);
    const run = { sid, transcript: s.transcript, U1: m.U1 };
    const { moved, outcome, conf1, conf2 } = outcomeOf(current, run, { rho1, rho2 }, scope);
    if (!equalBytes(conf1, m.conf1)) throw new Abort('E_CONF', 'P1 has seen or computed something else');
    const node = { role: 2, epoch: ctx.epoch, ...moved } as const;
    const refreshed = recordsOf(types, node, outcome, { K: s.K, delta: s.delta, Kd }, random);
    return [{ sid, shares: refreshed, transcript: conf2 }, encodeMessage(f4Layout(), { conf2 })];
  });
}

/** P1's new epoch may be tested. @param transcript of {@link Refreshed} @throws {Abort} `E_MSG`, `E_CONF` */
export function p1Confirm(transcript: Bytes, F4: Bytes): void {
  const { conf2 } = decodeMessage(f4Layout(), F4);
  if (!equalBytes(conf2, transcript)) throw new Abort('E_CONF', 'P2 has seen or computed something else');
}
