/**
 * Two-party key generation, one run for secp256k1, ed25519 or both: the nodes end with additive shares
 * x1 + x2 = x of keys X = x·G that neither has ever held whole, one chain code, and (for secp256k1) the base
 * oblivious transfers of both directions that ECDSA signing extends. Functions stand in message order.
 *
 *   p1Start    --D1: commitment to X1, OT-->      p2Start
 *   p1Open     <--D2: X2, proof, OT both ways--
 *              --D3: opening, proof, OT, conf1--> p2Finish
 *   p1Confirm  <--D4: conf2--
 *
 * Source: key generation of DKLs23 (eprint 2023/765) for two parties with commit-and-open; departures and
 * exact bytes: docs/protocol.md. No check here depends on a secret of the node that makes it: an abort tells
 * the peer nothing, and the attempt is discarded.
 * @module
 */
import { type Bytes, equalBytes, u32be } from '../bytes.ts';
import { Abort } from '../errors.ts';
import { type Context, type KeyTypes, suiteOf } from './context.ts';
import { commitHalf, confirmation, newHalf, type Outcome } from './dkg-keys.ts';
import { d1Layout, d2Layout, d3Layout, d4Layout } from './dkg-messages.ts';
import { encodeState, type P2State, takeState } from './dkg-state.ts';
import { guarded } from './fresh.ts';
import { type Half, joinHalves, none, proveHalf, recordsOf } from './halves.ts';
import { hash, type Random } from './hash.ts';
import { decodeMessage, encodeMessage } from './message.ts';
import { type Once, once } from './once.ts';
import { type OtReceiver, otLengths, otOpen, otReceive, otSend } from './ot-base.ts';
import type { KeyShares } from './share-blob.ts';
import { tags } from './tags.ts';
import { wiping } from './wipe.ts';

export type { P2State } from './dkg-state.ts';

/** A finished record. */
export interface Generated {
  /** Id of the run. */
  readonly sid: Bytes;
  /** Secret. */
  readonly shares: KeyShares;
}

/** What P1 keeps until D2: in memory of one invocation, for one use. Secret. */
export type P1State = Once<{
  readonly ctx: Context;
  readonly types: KeyTypes;
  readonly D1: Bytes;
  readonly n1: Bytes;
  readonly half: Half;
  readonly opening: { readonly cc1: Bytes; readonly zs1: Bytes; readonly rho1: Bytes };
  /** Direction 2; null without secp256k1. */
  readonly ot: OtReceiver | null;
}>;

function checkTypes(ctx: Context, types: KeyTypes): void {
  if (suiteOf(types) !== ctx.suite) throw new RangeError('the context is for other key types');
}

/** Session of the transfers of direction 2, which begin before there is a session id. */
const otSession2 = (context: Bytes, n1: Bytes): Bytes => hash(tags.dkgOtSid, context, n1);

/** P1 commits to its public shares before it has seen P2's, and opens the transfers of direction 2. */
export function p1Start(ctx: Context, types: KeyTypes, source: Random): [P1State, D1: Bytes] {
  checkTypes(ctx, types);
  const random = guarded(source);
  const n1 = random(32);
  const half = newHalf(types, random);
  const opening = { cc1: random(32), zs1: random(32), rho1: random(32) };
  const com1 = commitHalf(ctx.digest, n1, half, opening);
  const ot = types.includes('secp256k1')
    ? otReceive(otSession2(ctx.digest, n1), random(otLengths.choices), random)
    : null;
  const D1 = encodeMessage(d1Layout(types), { n1, com1, P2: ot?.P ?? none });
  return [once({ ctx, types, D1, n1, half, opening, ot }), D1];
}

/**
 * P2 answers with its public shares: chosen without having seen P1's, which are already fixed by com1.
 *
 * @throws {Abort} `E_MSG`
 */
export function p2Start(ctx: Context, types: KeyTypes, D1: Bytes, source: Random): [P2State, D2: Bytes] {
  checkTypes(ctx, types);
  const random = guarded(source);
  const { n1, com1, P2 } = decodeMessage(d1Layout(types), D1);
  return wiping(({ secret }) => {
    const n2 = random(32);
    const sid = hash(tags.dkgSid, ctx.digest, D1, n2);
    const half = newHalf(types, random);
    secret(half.x);
    secret(half.a);
    const proof = proveHalf(types, { sid, role: 2 }, half, random);
    const [cc2, zs2] = [random(32), random(32)];
    const withOt = types.includes('secp256k1');
    const hs2 = otSession2(ctx.digest, n1);
    const [K, U2] = withOt ? otSend({ hs: hs2, sid }, P2, random) : [none, none];
    secret(K);
    const ot = withOt ? otReceive(sid, secret(random(otLengths.choices)), random) : null;
    secret(ot?.t ?? none);
    const D2 = encodeMessage(d2Layout(types), {
      n2,
      X2: half.X,
      A2: half.A,
      eX2: proof.X.e,
      sigmaX2: proof.X.sigma,
      eA2: proof.A.e,
      sigmaA2: proof.A.sigma,
      cc2,
      zs2,
      U2,
      P1: ot?.P ?? none,
    });
    const state = encodeState(types, {
      context: ctx.digest,
      epoch: u32be(ctx.epoch),
      sid,
      n1,
      com1,
      transcript: hash(tags.dkgTranscript, D1, D2),
      x2: half.x,
      X2: half.X,
      a2: half.a,
      A2: half.A,
      cc2,
      zs2,
      K,
      delta: ot?.choices ?? none,
      t: ot?.t ?? none,
      P1: ot?.P ?? none,
    });
    return [state, D2];
  });
}

/** P1's record, durable before D3 is sent, and of use only after {@link p1Confirm}. */
export interface Pending extends Generated {
  /** What P2 will answer if it has computed the same. Public. */
  readonly conf2: Bytes;
}

/**
 * P1 opens its commitment. The result is PENDING until P2 confirms.
 *
 * @throws {Abort} `E_USED`, `E_MSG`, `E_PK`, `E_POK`
 */
export function p1Open(state: P1State, D2: Bytes, source: Random): [Pending, D3: Bytes] {
  const { ctx, types, D1, n1, half, opening, ot } = state.take();
  return wiping(({ secret, kept }) => {
    const random = guarded(source);
    kept(half.x);
    kept(half.a);
    if (ot) {
      kept(ot.choices);
      secret(ot.t);
    }
    const m = decodeMessage(d2Layout(types), D2);
    const sid = hash(tags.dkgSid, ctx.digest, D1, m.n2);
    const peer = { X: m.X2, A: m.A2 };
    const keys = joinHalves(
      types,
      half,
      peer,
      { sid, role: 2 },
      {
        X: { e: m.eX2, sigma: m.sigmaX2 },
        A: { e: m.eA2, sigma: m.sigmaA2 },
      },
    );
    const Kd = kept(ot ? otOpen({ hs: otSession2(ctx.digest, n1), sid }, ot, m.U2) : none);
    const [K, U1] = ot ? otSend({ hs: sid, sid }, m.P1, random) : [none, none];
    kept(K);
    const outcome: Outcome = {
      sid,
      keys,
      cc: hash(tags.dkgChainCode, sid, opening.cc1, m.cc2),
      zseed: hash(tags.dkgZeroSeed, sid, opening.zs1, m.zs2),
      transcript: hash(tags.dkgTranscript, D1, D2),
      U1,
    };
    const proof = proveHalf(types, { sid, role: 1 }, half, random);
    const D3 = encodeMessage(d3Layout(types), {
      X1: half.X,
      A1: half.A,
      ...opening,
      eX1: proof.X.e,
      sigmaX1: proof.X.sigma,
      eA1: proof.A.e,
      sigmaA1: proof.A.sigma,
      U1,
      conf1: confirmation(outcome, 1),
    });
    const node = { role: 1, epoch: ctx.epoch, half, peer } as const;
    const shares = recordsOf(types, node, outcome, { K, delta: ot?.choices ?? none, Kd }, random);
    return [{ sid, shares, conf2: confirmation(outcome, 2) }, D3];
  });
}

/**
 * P2 finishes: its record is ACTIVE once it is stored. The state is zeroed, whatever the outcome.
 *
 * @throws {Abort} `E_USED`, `E_STATE`, `E_MSG`, `E_COM`, `E_PK`, `E_POK`, `E_CONF`
 */
export function p2Finish(state: P2State, D3: Bytes, source: Random): [Generated, D4: Bytes] {
  const random = guarded(source);
  const s = takeState(state);
  return wiping(({ secret, kept }) => {
    const { types, sid } = s;
    for (const b of [s.x2, s.a2, s.K, s.delta]) kept(b);
    secret(s.t);
    const m = decodeMessage(d3Layout(types), D3);
    const half = { x: s.x2, X: s.X2, a: s.a2, A: s.A2 };
    const peer = { X: m.X1, A: m.A1 };
    // The commitment comes first: it is what keeps P1 from choosing X1 and cc1 after it has seen X2 and cc2.
    if (!equalBytes(commitHalf(s.context, s.n1, peer, m), s.com1))
      throw new Abort('E_COM', 'opening does not match the commitment');
    const keys = joinHalves(
      types,
      half,
      peer,
      { sid, role: 1 },
      {
        X: { e: m.eX1, sigma: m.sigmaX1 },
        A: { e: m.eA1, sigma: m.sigmaA1 },
      },
    );
    const ot = { choices: s.delta, t: s.t, P: s.P1 };
    const Kd = kept(types.includes('secp256k1') ? otOpen({ hs: sid, sid }, ot, m.U1) : none);
    const outcome: Outcome = {
      sid,
      keys,
      cc: hash(tags.dkgChainCode, sid, m.cc1, s.cc2),
      zseed: hash(tags.dkgZeroSeed, sid, m.zs1, s.zs2),
      transcript: s.transcript,
      U1: m.U1,
    };
    if (!equalBytes(confirmation(outcome, 1), m.conf1))
      throw new Abort('E_CONF', 'P1 has seen or computed something else');
    const epoch = new DataView(s.epoch.buffer).getUint32(0);
    const node = { role: 2, epoch, half, peer } as const;
    const shares = recordsOf(types, node, outcome, { K: s.K, delta: s.delta, Kd }, random);
    return [{ sid, shares }, encodeMessage(d4Layout(), { conf2: confirmation(outcome, 2) })];
  });
}

/** P1's record becomes ACTIVE. @throws {Abort} `E_MSG`, `E_CONF` */
export function p1Confirm({ sid, shares, conf2 }: Pending, D4: Bytes): Generated {
  const answer = decodeMessage(d4Layout(), D4);
  if (!equalBytes(answer.conf2, conf2)) throw new Abort('E_CONF', 'P2 has seen or computed something else');
  return { sid, shares };
}
