/**
 * 128 base oblivious transfers at once: endemic OT of Masny and Rindal (CCS 2019, Figure 8; eprint 2019/706)
 * over ristretto255. The receiver ends with one key per bit of its choice, the sender with both keys.
 *
 *   receive  --P_0, P_1 of each instance-->  send
 *   open     <--U_0, U_1 of each instance--
 *
 * P_(1-b) is a random point and P_b = tB - HG(P_(1-b)); the sender answers U_c = u_c B and both reach
 * K^b from t·U_b = u_b·(P_b + HG(P_(1-b))). Every key hashes session, instance, bit and all four points.
 * Choice bits are never branched or indexed on: both ways are computed and selected by masks.
 * @module
 */
import { type Bytes, concat, u8, u16be } from '../bytes.ts';
import type { Random } from './hash.ts';
import { hash, xof } from './hash.ts';
import * as ristretto from './ristretto.ts';
import { tags } from './tags.ts';

/** Instances per run: one per bit of the extension's correlation Δ. */
export const otCount = 128;
export const otLengths = {
  /** Points of a message: P_0‖P_1 (or U_0‖U_1) of instance 0, then of instance 1, … */
  points: otCount * 64,
  /** The receiver's exponents, and its chosen keys. */
  single: otCount * 32,
  /** The sender's keys, K^0‖K^1 of each instance. */
  pairs: otCount * 64,
  choices: otCount / 8,
} as const;

/** Which transfers these are: `hs` separates the hash to the group, `sid` the keys. 32 bytes each. */
export interface OtSession {
  readonly hs: Bytes;
  readonly sid: Bytes;
}

/** What the receiver keeps until the answer comes. Secret but for P. */
export interface OtReceiver {
  /** 16 bytes; choice of instance j is bit j, least significant first. */
  readonly choices: Bytes;
  /** 4,096 bytes: t of each instance. */
  readonly t: Bytes;
  /** 8,192 bytes: the message sent. */
  readonly P: Bytes;
}

const at = (flat: Bytes, index: number): Bytes => flat.subarray(32 * index, 32 * index + 32);
const choiceOf = (choices: Bytes, j: number): number => ((choices[j >> 3] as number) >> (j & 7)) & 1;

/** `zero` if bit = 0, `one` if bit = 1, in the same time for both. */
export function select(bit: number, zero: Bytes, one: Bytes): Bytes {
  const mask = -bit & 0xff;
  return zero.map((x, i) => x ^ (mask & (x ^ (one[i] as number))));
}

const hashToGroup = (hs: Bytes, j: number, bit: number, P: Bytes): ristretto.RistrettoPoint =>
  ristretto.fromHash(xof(tags.otHashToGroup, [hs, u16be(j), u8(bit), P], 64));

function decodePoints(flat: Bytes): void {
  if (flat.length !== otLengths.points) throw new RangeError('bad number of points');
  for (let i = 0; i < 2 * otCount; i++) ristretto.decodePoint(at(flat, i));
}

/** @throws {Abort} `E_MSG` if one of the 256 encodings is not a point; the length is the caller's business. */
export const checkOtPoints: (flat: Bytes) => void = decodePoints;

/** The receiver's message for 16 bytes of choices. It needs no session id: only keys do. */
export function otReceive(hs: Bytes, choices: Bytes, random: Random): OtReceiver {
  if (choices.length !== otLengths.choices) throw new RangeError('bad number of choices');
  const t: Bytes[] = [];
  const P: Bytes[] = [];
  for (let j = 0; j < otCount; j++) {
    const bit = choiceOf(choices, j);
    const tj = ristretto.randomScalar(random);
    const other = ristretto.fromHash(random(64));
    const chosen = ristretto.sub(ristretto.mulBase(tj), hashToGroup(hs, j, bit, other));
    t.push(tj);
    P.push(select(bit, chosen, other), select(bit, other, chosen));
  }
  return { choices, t: concat(...t), P: concat(...P) };
}

/**
 * The sender's keys (8,192 B) and answer (8,192 B).
 *
 * @throws {Abort} `E_MSG` if P holds something that is no point, or was chosen so that a sum is the identity
 */
export function otSend({ hs, sid }: OtSession, P: Bytes, random: Random): [keys: Bytes, U: Bytes] {
  decodePoints(P);
  const keys: Bytes[] = [];
  const answer: Bytes[] = [];
  for (let j = 0; j < otCount; j++) {
    const P0 = at(P, 2 * j) as ristretto.RistrettoPoint;
    const P1 = at(P, 2 * j + 1) as ristretto.RistrettoPoint;
    const u0 = ristretto.randomScalar(random);
    const u1 = ristretto.randomScalar(random);
    const U0 = ristretto.mulBase(u0);
    const U1 = ristretto.mulBase(u1);
    const S0 = ristretto.mulPoint(u0, ristretto.add(P0, hashToGroup(hs, j, 0, P1)));
    const S1 = ristretto.mulPoint(u1, ristretto.add(P1, hashToGroup(hs, j, 1, P0)));
    keys.push(
      hash(tags.otKey, sid, hs, u16be(j), u8(0), P0, P1, U0, U1, S0),
      hash(tags.otKey, sid, hs, u16be(j), u8(1), P0, P1, U0, U1, S1),
    );
    answer.push(U0, U1);
    for (const secret of [u0, u1, S0, S1]) secret.fill(0);
  }
  return [concat(...keys), concat(...answer)];
}

/** The receiver's chosen keys, 4,096 B. @throws {Abort} `E_MSG` if U holds something that is no point */
export function otOpen({ hs, sid }: OtSession, { choices, t, P }: OtReceiver, U: Bytes): Bytes {
  decodePoints(U);
  const keys: Bytes[] = [];
  for (let j = 0; j < otCount; j++) {
    const bit = choiceOf(choices, j);
    const [P0, P1, U0, U1] = [at(P, 2 * j), at(P, 2 * j + 1), at(U, 2 * j), at(U, 2 * j + 1)];
    const S = ristretto.mulPoint(at(t, j) as ristretto.RistrettoScalar, select(bit, U0, U1));
    keys.push(hash(tags.otKey, sid, hs, u16be(j), u8(bit), P0, P1, U0, U1, S));
    S.fill(0);
  }
  return concat(...keys);
}
