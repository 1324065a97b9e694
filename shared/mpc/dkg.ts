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
import { type Bytes, concat, equalBytes, u8, u32be } from '../bytes.ts';
import { Abort } from '../errors.ts';
import { type Context, type KeyType, keyTypeOrder, type Role, suiteOf } from './context.ts';
import { d1Layout, d2Layout, d3Layout, d4Layout, type KeyTypes, p2StateLayout } from './dkg-messages.ts';
import { type DlogProof, proveDlog, verifyDlog } from './dlog.ts';
import { guarded } from './fresh.ts';
import { ed25519Group, type Group, secp256k1Group } from './group.ts';
import { hash, type Random } from './hash.ts';
import { decodeMessage, encodeMessage } from './message.ts';
import { type Once, once } from './once.ts';
import { type OtReceiver, otLengths, otOpen, otReceive, otSend } from './ot-base.ts';
import type { KeyShares } from './share-blob.ts';
import { tags } from './tags.ts';
import { wipe } from './wipe.ts';

const none: Bytes = new Uint8Array(0);
const noProof: DlogProof<Bytes> = { e: none, sigma: none };

/** One curve's secret share and its public point. */
interface Half<S, P> {
  readonly x: S;
  readonly X: P;
}

function newHalf<S extends Bytes, P extends Bytes>(group: Group<S, P>, random: Random): Half<S, P> {
  const x = group.randomScalar(random);
  return { x, X: group.mulBase(x) };
}

/** The halves of this node, one per key type of the run. */
const newHalves = (types: KeyTypes, random: Random) => ({
  secp256k1: types.includes('secp256k1') ? newHalf(secp256k1Group, random) : null,
  ed25519: types.includes('ed25519') ? newHalf(ed25519Group, random) : null,
});
type Halves = ReturnType<typeof newHalves>;

/**
 * The joint key, once the peer's half of it is known to be a half.
 *
 * @throws {Abort} `E_PK` if the halves cancel out, `E_POK` if the peer does not prove that it knows its own
 */
function join<S extends Bytes, P extends Bytes>(
  group: Group<S, P>,
  own: P,
  peer: P,
  from: { readonly sid: Bytes; readonly role: Role },
  proof: DlogProof<S>,
): P {
  const sum = group.addPublic(own, peer);
  if (sum === null) throw new Abort('E_PK', 'the public shares cancel out');
  if (!verifyDlog(group, from, peer, proof)) throw new Abort('E_POK', 'proof of the public share is invalid');
  return sum;
}

/** What both nodes must have seen and computed alike. */
interface Outcome {
  readonly sid: Bytes;
  /** The keys of the run, in the order of the key types. */
  readonly keys: readonly Bytes[];
  readonly cc: Bytes;
  readonly zseed: Bytes;
  readonly transcript: Bytes;
  readonly U1: Bytes;
}

/** conf1 or conf2: binds the keys, the chain code, the zero seed and every byte of D1, D2 and of U^(1). */
const confirmation = ({ sid, keys, cc, zseed, transcript, U1 }: Outcome, role: Role): Bytes =>
  hash(tags.dkgConfirm, sid, ...keys, cc, zseed, transcript, U1, u8(role));

const commit = (
  context: Bytes,
  opening: { n1: Bytes; X1: readonly Bytes[]; cc1: Bytes; zs1: Bytes; rho1: Bytes },
): Bytes => hash(tags.dkgCommit, context, opening.n1, ...opening.X1, opening.cc1, opening.zs1, opening.rho1);

const present = (...parts: readonly (Bytes | undefined)[]): Bytes[] =>
  parts.filter((part): part is Bytes => part !== undefined && part.length > 0);

function checkTypes(ctx: Context, types: KeyTypes): void {
  if (suiteOf(types) !== ctx.suite) throw new RangeError('the context is for other key types');
}

/** What P1 keeps until D2: in memory of one invocation, for one use. Secret. */
export type P1State = Once<{
  readonly ctx: Context;
  readonly types: KeyTypes;
  readonly D1: Bytes;
  readonly n1: Bytes;
  readonly halves: Halves;
  readonly cc1: Bytes;
  readonly zs1: Bytes;
  readonly rho1: Bytes;
  /** Direction 2; null without secp256k1. */
  readonly ot: OtReceiver | null;
}>;

/** P1 commits to its public shares before it has seen P2's, and opens the transfers of direction 2. */
export function p1Start(ctx: Context, types: KeyTypes, source: Random): [P1State, D1: Bytes] {
  checkTypes(ctx, types);
  const random = guarded(source);
  const n1 = random(32);
  const halves = newHalves(types, random);
  const cc1 = random(32);
  const zs1 = random(32);
  const rho1 = random(32);
  const X1 = present(halves.secp256k1?.X, halves.ed25519?.X);
  const com1 = commit(ctx.digest, { n1, X1, cc1, zs1, rho1 });
  const hs2 = hash(tags.dkgOtSid, ctx.digest, n1);
  const ot = halves.secp256k1 ? otReceive(hs2, random(otLengths.choices), random) : null;
  const D1 = encodeMessage(d1Layout(types), { n1, com1, P2: ot?.P ?? none });
  return [once({ ctx, types, D1, n1, halves, cc1, zs1, rho1, ot }), D1];
}

/** P2's state between D2 and D3 as bytes: one sealed item, removed when it is read. Secret. */
export type P2State = Uint8Array & { readonly dkgState: true };

/** First byte of the state; a state that was used is all zero. */
const stateVersion = 1;
const maskOf = (types: KeyTypes): number =>
  keyTypeOrder.reduce((mask, type, i) => mask | (types.includes(type) ? 1 << i : 0), 0);

/**
 * P2 answers with its public shares: chosen without having seen P1's, which are already fixed by com1.
 *
 * @throws {Abort} `E_MSG`
 */
export function p2Start(ctx: Context, types: KeyTypes, D1: Bytes, source: Random): [P2State, D2: Bytes] {
  checkTypes(ctx, types);
  const random = guarded(source);
  const { n1, com1, P2 } = decodeMessage(d1Layout(types), D1);
  const n2 = random(32);
  const sid = hash(tags.dkgSid, ctx.digest, D1, n2);
  const { secp256k1, ed25519 } = newHalves(types, random);
  const cc2 = random(32);
  const zs2 = random(32);
  const prover = { sid, role: 2 } as const;
  const proofX = secp256k1 ? proveDlog(secp256k1Group, prover, secp256k1.x, secp256k1.X, random) : noProof;
  const proofA = ed25519 ? proveDlog(ed25519Group, prover, ed25519.x, ed25519.X, random) : noProof;
  const hs2 = hash(tags.dkgOtSid, ctx.digest, n1);
  const [K, U2] = secp256k1 ? otSend({ hs: hs2, sid }, P2, random) : [none, none];
  const ot = secp256k1 ? otReceive(sid, random(otLengths.choices), random) : null;
  const D2 = encodeMessage(d2Layout(types), {
    n2,
    X2: secp256k1?.X ?? none,
    A2: ed25519?.X ?? none,
    eX2: proofX.e,
    sigmaX2: proofX.sigma,
    eA2: proofA.e,
    sigmaA2: proofA.sigma,
    cc2,
    zs2,
    U2,
    P1: ot?.P ?? none,
  });
  const fields = encodeMessage(p2StateLayout(types), {
    context: ctx.digest,
    epoch: u32be(ctx.epoch),
    sid,
    n1,
    com1,
    transcript: hash(tags.dkgTranscript, D1, D2),
    x2: secp256k1?.x ?? none,
    X2: secp256k1?.X ?? none,
    a2: ed25519?.x ?? none,
    A2: ed25519?.X ?? none,
    cc2,
    zs2,
    K,
    delta: ot?.choices ?? none,
    t: ot?.t ?? none,
    P1: ot?.P ?? none,
  });
  const state = concat(u8(stateVersion), u8(maskOf(types)), fields);
  wipe(fields, K, ...present(secp256k1?.x, ed25519?.x, ot?.t, ot?.choices));
  return [state as P2State, D2];
}

/** P1's record, durable before D3 is sent, and usable only after {@link p1Confirm}. Secret but for sid and conf2. */
export interface Pending {
  readonly sid: Bytes;
  readonly shares: KeyShares;
  /** What P2 will answer if it has computed the same. */
  readonly conf2: Bytes;
}

/**
 * P1 opens its commitment. The result is PENDING until P2 confirms.
 *
 * @throws {Abort} `E_USED`, `E_MSG`, `E_PK`, `E_POK`
 */
export function p1Open(state: P1State, D2: Bytes, source: Random): [Pending, D3: Bytes] {
  const { ctx, types, D1, n1, halves, cc1, zs1, rho1, ot } = state.take();
  const random = guarded(source);
  const m = decodeMessage(d2Layout(types), D2);
  const sid = hash(tags.dkgSid, ctx.digest, D1, m.n2);
  const { secp256k1, ed25519 } = halves;
  const peer = { sid, role: 2 } as const;
  const Q = secp256k1 && join(secp256k1Group, secp256k1.X, m.X2, peer, { e: m.eX2, sigma: m.sigmaX2 });
  const A = ed25519 && join(ed25519Group, ed25519.X, m.A2, peer, { e: m.eA2, sigma: m.sigmaA2 });
  const hs2 = hash(tags.dkgOtSid, ctx.digest, n1);
  const Kd = ot ? otOpen({ hs: hs2, sid }, ot, m.U2) : none;
  const [K, U1] = ot ? otSend({ hs: sid, sid }, m.P1, random) : [none, none];
  const cc = hash(tags.dkgChainCode, sid, cc1, m.cc2);
  const zseed = hash(tags.dkgZeroSeed, sid, zs1, m.zs2);
  const keys = present(Q ?? none, A ?? none);
  const outcome = { sid, keys, cc, zseed, transcript: hash(tags.dkgTranscript, D1, D2), U1 };
  const prover = { sid, role: 1 } as const;
  const proofX = secp256k1 ? proveDlog(secp256k1Group, prover, secp256k1.x, secp256k1.X, random) : noProof;
  const proofA = ed25519 ? proveDlog(ed25519Group, prover, ed25519.x, ed25519.X, random) : noProof;
  const D3 = encodeMessage(d3Layout(types), {
    X1: secp256k1?.X ?? none,
    A1: ed25519?.X ?? none,
    cc1,
    zs1,
    rho1,
    eX1: proofX.e,
    sigmaX1: proofX.sigma,
    eA1: proofA.e,
    sigmaA1: proofA.sigma,
    U1,
    conf1: confirmation(outcome, 1),
  });
  const common = { role: 1, sid, epoch: ctx.epoch, cc } as const;
  const shares: KeyShares = {
    ...(secp256k1 &&
      Q &&
      ot && {
        secp256k1: {
          ...common,
          Q,
          X1: secp256k1.X,
          X2: m.X2,
          x: secp256k1.x,
          K,
          delta: ot.choices,
          Kd,
          zseed,
          hedgeSeed: random(32),
        },
      }),
    ...(ed25519 &&
      A && {
        ed25519: { ...common, A, A1: ed25519.X, A2: m.A2, x: ed25519.x, hedgeSeed: random(32) },
      }),
  };
  wipe(...present(ot?.t));
  return [{ sid, shares, conf2: confirmation(outcome, 2) }, D3];
}

/** The state's key types. @throws {Abort} `E_USED` if it was used before, `E_STATE` if it is not a state */
function typesOfState(state: P2State): KeyType[] {
  if (state.length > 0 && state.every((b) => b === 0))
    throw new Abort('E_USED', 'this session was used before');
  const [version, mask] = state;
  const types = keyTypeOrder.filter((_, i) => ((mask ?? 0) & (1 << i)) !== 0);
  if (version !== stateVersion || types.length === 0 || maskOf(types) !== mask)
    throw new Abort('E_STATE', 'not a state of key generation');
  return types;
}

function takeState(state: P2State) {
  const types = typesOfState(state);
  try {
    return { types, ...decodeMessage(p2StateLayout(types), state.subarray(2)) };
  } catch {
    throw new Abort('E_STATE', 'not a state of key generation');
  } finally {
    state.fill(0);
  }
}

/**
 * P2 finishes: its record is ACTIVE once it is stored. The state is zeroed, whatever the outcome.
 *
 * @throws {Abort} `E_USED`, `E_STATE`, `E_MSG`, `E_COM`, `E_PK`, `E_POK`, `E_CONF`
 */
export function p2Finish(
  state: P2State,
  D3: Bytes,
  source: Random,
): [{ sid: Bytes; shares: KeyShares }, D4: Bytes] {
  const random = guarded(source);
  const s = takeState(state);
  const { types, sid } = s;
  const m = decodeMessage(d3Layout(types), D3);
  // The commitment comes first: it is what keeps P1 from choosing X1 and cc1 after it has seen X2 and cc2.
  const X1 = present(m.X1, m.A1);
  if (!equalBytes(commit(s.context, { ...m, n1: s.n1, X1 }), s.com1))
    throw new Abort('E_COM', 'opening does not match the commitment');
  const [hasX, hasA] = [types.includes('secp256k1'), types.includes('ed25519')];
  const peer = { sid, role: 1 } as const;
  const Q = hasX ? join(secp256k1Group, s.X2, m.X1, peer, { e: m.eX1, sigma: m.sigmaX1 }) : null;
  const A = hasA ? join(ed25519Group, s.A2, m.A1, peer, { e: m.eA1, sigma: m.sigmaA1 }) : null;
  const ot = { choices: s.delta, t: s.t, P: s.P1 };
  const Kd = hasX ? otOpen({ hs: sid, sid }, ot, m.U1) : none;
  const cc = hash(tags.dkgChainCode, sid, m.cc1, s.cc2);
  const zseed = hash(tags.dkgZeroSeed, sid, m.zs1, s.zs2);
  const keys = present(Q ?? none, A ?? none);
  const outcome = { sid, keys, cc, zseed, transcript: s.transcript, U1: m.U1 };
  if (!equalBytes(confirmation(outcome, 1), m.conf1))
    throw new Abort('E_CONF', 'P1 has seen or computed something else');
  const epoch = new DataView(s.epoch.buffer).getUint32(0);
  const common = { role: 2, sid, epoch, cc } as const;
  const shares: KeyShares = {
    ...(Q && {
      secp256k1: {
        ...common,
        Q,
        X1: m.X1,
        X2: s.X2,
        x: s.x2,
        K: s.K,
        delta: s.delta,
        Kd,
        zseed,
        hedgeSeed: random(32),
      },
    }),
    ...(A && { ed25519: { ...common, A, A1: m.A1, A2: s.A2, x: s.a2, hedgeSeed: random(32) } }),
  };
  wipe(s.t);
  return [{ sid, shares }, encodeMessage(d4Layout(), { conf2: confirmation(outcome, 2) })];
}

/** P1's record becomes ACTIVE. @throws {Abort} `E_MSG`, `E_CONF` */
export function p1Confirm(pending: Pending, D4: Bytes): { sid: Bytes; shares: KeyShares } {
  const { conf2 } = decodeMessage(d4Layout(), D4);
  if (!equalBytes(conf2, pending.conf2)) throw new Abort('E_CONF', 'P2 has seen or computed something else');
  return { sid: pending.sid, shares: pending.shares };
}
