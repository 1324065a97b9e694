/**
 * Attacks that the lock after a failed check and the single use of states are there for. Each must succeed
 * when its rule is switched off, which shows that the rule is needed, and fail when it is on.
 */
import { describe, expect, test } from '@jest/globals';
import { type Bytes, toHex } from '#shared/bytes.ts';
import { Abort, type AbortCode } from '#shared/errors.ts';
import type { Arithmetic, Direction } from '#shared/mpc/arithmetic.ts';
import { kernel } from '#shared/mpc/kernel/kernel.ts';
import { split } from '#shared/mpc/layout.ts';
import { once } from '#shared/mpc/once.ts';
import { shiftColumns } from '#shared/mpc/ot-extension.ts';
import {
  add,
  addPublic,
  inverse,
  isZero,
  mul,
  mulBase,
  negate,
  type Point,
  randomScalar,
  reduce,
  type Scalar,
  sub,
  xOf,
} from '#shared/mpc/secp256k1.ts';
import { p1Finish, p1Middle, p1Start, p2Finish, p2Respond } from '#shared/mpc/sign-ecdsa.ts';
import { s3Layout, s4Layout } from '#shared/mpc/sign-ecdsa-messages.ts';
import { zeroShift } from '#shared/mpc/sign-ecdsa-round2.ts';
import { openState } from '#shared/mpc/sign-ecdsa-state.ts';
import { abortOf, dealShares, makeRequest, patch, plusOne } from '../support/ecdsa-session.ts';
import { seededRandom } from '../support/random.ts';

const random = seededRandom('attacks');
const [share1, share2] = dealShares(random);
const tau = randomScalar(random);
const request = makeRequest(share1, random, tau);
const bitOf = (b: Bytes, i: number): number => ((b[i >> 3] as number) >> (i & 7)) & 1;

/** x2 from sk2 = x2 + τ - ζ: what Node 1 needs to know is its own. */
const withoutShift = (sk2: Scalar, ssid: Bytes): Scalar => add(sub(sk2, tau), zeroShift(share1.zseed, ssid));

/** The ledger's rule: after one of these codes the key is locked, and every answer is the same. */
const locking: readonly AbortCode[] = ['E_OT', 'E_VOLE', 'E_GAMMA'];

/** Node 2 behind its ledger. `null` is the one generic answer. */
function node2({ lock, singleUse }: { readonly lock: boolean; readonly singleUse: boolean }) {
  let locked = false;
  const guarded = <T>(round: () => T): T | null => {
    if (locked) return null;
    try {
      return round();
    } catch (failure) {
      if (!(failure instanceof Abort)) throw failure;
      if (lock && locking.includes(failure.abort)) locked = true;
      return null;
    }
  };
  return {
    open(S1: Bytes) {
      const reqId = random(16);
      return guarded(() => {
        const [stored, S2] = p2Respond(share2, request, reqId, S1, random);
        const claim = once(stored);
        const finish = (S3: Bytes): Bytes | null =>
          guarded(() => p2Finish(share2, request, reqId, singleUse ? claim.take() : stored, S3, random));
        const { beta2, r2 } = openState({ share: share2, request, reqId, ssid: stored.ssid }, stored.sealed);
        return { S2, finish, ssid: stored.ssid, secrets: { beta2, r2 } };
      });
    },
  };
}

const allOnes = (b: Bytes): boolean => b.every((x) => x === 0xff);

/** A receiver that flips the first bit of its row i of U, and otherwise sends what belongs to that U. */
const flipsRow = (i: number, own: Direction): Arithmetic => ({
  ...kernel,
  generatorRows(context, seeds, bits) {
    const rows = kernel.generatorRows(context, seeds, bits);
    if (context.direction === own && allOnes(bits)) rows[80 * i] = (rows[80 * i] as number) ^ 1;
    return rows;
  },
});

/** A sender that adds 1 to the first input in row j only. */
const changesRow = (j: number): Arithmetic => ({
  ...kernel,
  maskRows(alpha0, alpha1, a) {
    const rows = kernel.maskRows(alpha0, alpha1, a);
    rows.set(plusOne(rows.slice(128 * j, 128 * j + 32)), 128 * j);
    return rows;
  },
});

/** A1: one bit of Δ2 per session, by whether Node 2 answers. Then A1b: x2 out of the next honest answer. */
function attackDelta(lock: boolean): {
  readonly delta: Bytes;
  readonly x2: string | null;
  readonly answers: number;
} {
  const peer = node2({ lock, singleUse: true });
  const delta = new Uint8Array(16);
  let answers = 0;
  for (let i = 0; i < 128; i++) {
    const [started, S1] = p1Start(share1, request, random);
    const session = peer.open(S1);
    const S3 = session && p1Middle(started, share1, request, session.S2, random, flipsRow(i, 1))[1];
    if (S3 && session.finish(S3) !== null) answers++;
    else delta[i >> 3] = (delta[i >> 3] as number) | (1 << (i & 7));
  }
  const [started, S1] = p1Start(share1, request, random);
  const session = peer.open(S1);
  if (!session) return { delta, x2: null, answers };
  const [middle, S3] = p1Middle(started, share1, request, session.S2, random);
  const S4 = session.finish(S3);
  if (!S4) return { delta, x2: null, answers };
  // q_j = t_j ⊕ x_j·Δ: both pads of every row, and with them Node 2's input.
  const { columns, beta1, tr } = middle.take();
  const q = columns.map((b, at) => b ^ (bitOf(beta1, at >> 4) * (delta[at & 15] as number)));
  const pads = { id: tr, direction: 1 as const };
  const second = (rows: Bytes): Scalar => reduce(rows.slice(32, 64));
  const alpha0 = second(kernel.pads(pads, q));
  const alpha1 = second(kernel.pads(pads, shiftColumns(q, delta)));
  const sk2 = sub(add(second(split(s4Layout, S4).A), alpha1), alpha0);
  return { delta, x2: toHex(withoutShift(sk2, session.ssid)), answers };
}

describe('A1, A1b: a selective failure in the extension', () => {
  test('without the lock, 128 sessions give all of Δ2, and one more gives x2', () => {
    const { delta, x2, answers } = attackDelta(false);
    expect(toHex(delta)).toBe(toHex(share2.delta));
    expect(x2).toBe(toHex(share2.x));
    expect(answers).toBeGreaterThan(30);
  });

  test('with the lock, the first wrong guess is the last answer', () => {
    const { delta, x2, answers } = attackDelta(true);
    const firstOne = Array.from({ length: 128 }, (_, i) => i).find((i) => bitOf(share2.delta, i) === 1);
    expect(answers).toBe(firstOne);
    expect(toHex(delta)).not.toBe(toHex(share2.delta));
    expect(x2).toBeNull();
  });

  test('Node 1 as the victim: an S2 with a wrong bit passes exactly if that bit of Δ1 is 0', () => {
    const verdicts = Array.from({ length: 24 }, (_, i) => {
      const [started, S1] = p1Start(share1, request, random);
      const [, S2] = p2Respond(share2, request, random(16), S1, random, flipsRow(i, 2));
      return abortOf(() => p1Middle(started, share1, request, S2, random));
    });
    const bits = verdicts.map((_, i) => (bitOf(share1.delta, i) === 1 ? 'E_OT' : 'none'));
    expect(verdicts).toEqual(bits);
    expect(new Set(bits).size).toBe(2);
  });
});

/** A2: two answers from one state, the second to a ψ1 that is larger by 1. */
function attackState(singleUse: boolean): string | null {
  const [started, S1] = p1Start(share1, request, random);
  const session = node2({ lock: true, singleUse }).open(S1);
  if (!session) throw new Error('locked');
  const [middle, S3] = p1Middle(started, share1, request, session.S2, random);
  const { R1 } = middle.take();
  const first = session.finish(S3);
  const second = session.finish(patch(s3Layout, S3, ({ psi }) => ({ psi: plusOne(psi) })));
  if (!first || !second) return null;
  const [one, two] = [split(s4Layout, first), split(s4Layout, second)];
  const rx = reduce(xOf(addPublic(R1, one.R as Point) as Point));
  // u' - u = r2 and w' - w = r·sk2.
  expect(toHex(sub(two.u as Scalar, one.u as Scalar))).toBe(toHex(session.secrets.r2));
  const sk2 = mul(sub(two.w as Scalar, one.w as Scalar), inverse(rx));
  return toHex(withoutShift(sk2, session.ssid));
}

describe('A2: two S4 from one state', () => {
  test('without the claim, they give x2', () => expect(attackState(false)).toBe(toHex(share2.x)));
  test('with it, there is no second S4', () => expect(attackState(true)).toBeNull());
});

/** A3: two S2 for one S1. What Node 2 makes of the two signatures: the private key of Q', or null. */
function attackNonce(singleUse: boolean): Point | null {
  const [started, S1] = p1Start(share1, request, random);
  const state = singleUse ? null : started.take();
  const runs = [1, 2].map(() => {
    const reqId = random(16);
    const [stored, S2] = p2Respond(share2, request, reqId, S1, random);
    const { r2 } = openState({ share: share2, request, reqId, ssid: stored.ssid }, stored.sealed);
    const again = state ? once(structuredClone(state)) : started;
    let middle: ReturnType<typeof p1Middle>;
    try {
      middle = p1Middle(again, share1, request, S2, random);
    } catch (failure) {
      if (failure instanceof Abort && failure.abort === 'E_USED') return null;
      throw failure;
    }
    const S4 = p2Finish(share2, request, reqId, stored, middle[1], random);
    return { ...p1Finish(middle[0], request, S4, random), r2 };
  });
  const [one, two] = runs;
  if (!one || !two) return null;
  // ±s·(r1 + r2) = m + r·x', twice, with one r1: two linear equations in r1 and x'.
  const m = reduce(request.digest);
  for (const s of [one.s, negate(one.s)])
    for (const t of [two.s, negate(two.s)]) {
      const [a, b] = [inverse(s), inverse(t)];
      const slope = sub(mul(one.r, a), mul(two.r, b));
      const known = add(sub(one.r2, two.r2), mul(m, sub(b, a)));
      const x = mul(known, inverse(slope));
      if (!isZero(x) && toHex(mulBase(x)) === toHex(request.Q)) return mulBase(x);
    }
  return null;
}

describe('A3: two S2 for one S1', () => {
  test('finished twice, they give Node 2 the key', () =>
    expect(toHex(attackNonce(false) as Point)).toBe(toHex(request.Q)));
  test('a session that can be used once is not finished twice', () => expect(attackNonce(true)).toBeNull());
});

describe('A5: a selective failure in the multiplication', () => {
  const attack = (lock: boolean) => {
    const peer = node2({ lock, singleUse: true });
    return Array.from({ length: 40 }, (_, j) => {
      const [started, S1] = p1Start(share1, request, random);
      const session = peer.open(S1);
      if (!session) return null;
      const [, S3] = p1Middle(started, share1, request, session.S2, random, changesRow(j));
      return { answered: session.finish(S3) !== null, bit: bitOf(session.secrets.beta2, j) };
    });
  };

  test('without the lock, every session tells one bit of its β', () => {
    const sessions = attack(false);
    for (const session of sessions) expect(session?.answered).toBe(session?.bit === 0);
    expect(new Set(sessions.map((session) => session?.bit)).size).toBe(2);
  });

  test('with it, the first wrong guess ends it', () => {
    const sessions = attack(true);
    const miss = sessions.findIndex((session) => session?.answered === false);
    expect(miss).toBeGreaterThanOrEqual(0);
    expect(sessions.slice(0, miss).every((session) => session?.answered)).toBe(true);
    expect(sessions.slice(miss + 1).every((session) => session === null)).toBe(true);
  });
});
