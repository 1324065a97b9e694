import { describe, expect, test } from '@jest/globals';
import { ristretto255, ristretto255_hasher } from '@noble/curves/ed25519.js';
import { shake256 } from '@noble/hashes/sha3.js';
import { fromHex, lengthPrefixed, toHex, u8, u16be, utf8 } from '#shared/bytes.ts';
import { Abort } from '#shared/errors.ts';
import { otCount, otLengths, otOpen, otReceive, otSend, select } from '#shared/mpc/ot-base.ts';
import * as ristretto from '#shared/mpc/ristretto.ts';
import { seededRandom } from '../support/random.ts';

const { SLOW } = process.env;
const slow = SLOW === '1';
const random = seededRandom('base transfers');
const bitOf = (b: Uint8Array, j: number): number => ((b[j >> 3] as number) >> (j & 7)) & 1;
const at = (flat: Uint8Array, i: number): string => toHex(flat.subarray(32 * i, 32 * i + 32));
const expectMsg = (run: () => unknown) => {
  expect(run).toThrow(Abort);
  expect(run).toThrow('E_MSG');
};

describe('ristretto255', () => {
  test('multiples of the generator are those of RFC 9496, A.1', () => {
    const one = new Uint8Array(32) as ristretto.RistrettoScalar;
    one[0] = 1;
    const B = ristretto.mulBase(one);
    expect(toHex(B)).toBe('e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76');
    expect(toHex(ristretto.add(B, B))).toBe(
      '6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919',
    );
  });

  test('agrees with noble: multiplication, sums, the map from 64 bytes', () => {
    const P = ristretto255.Point;
    for (let i = 0; i < (slow ? 1000 : 30); i++) {
      const wide = random(64);
      const Q = ristretto.fromHash(wide);
      expect(Q).toEqual(ristretto255_hasher.deriveToCurve?.(wide).toBytes());
      const t = ristretto.randomScalar(random);
      const n = BigInt(`0x${toHex(t.slice().reverse())}`);
      expect(ristretto.mulBase(t)).toEqual(P.BASE.multiply(n).toBytes());
      expect(ristretto.mulPoint(t, Q)).toEqual(P.fromBytes(Q).multiply(n).toBytes());
      const sum = P.fromBytes(Q).add(P.BASE.multiply(n));
      expect(ristretto.add(Q, ristretto.mulBase(t))).toEqual(sum.toBytes());
      expect(ristretto.decodePoint(Q)).toEqual(Q);
    }
  });

  // RFC 9496, A.2: non-canonical, negative, non-square x^2, negative xy, s = -1 (y = 0); then the identity.
  test.each([
    '00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0100000000000000000000000000000000000000000000000000000000000000',
    '01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0000000000000000000000000000000000000000000000000000000000000000',
    'e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d',
    'e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d7600',
  ])('%s is not a point', (hex) => {
    expectMsg(() => ristretto.decodePoint(fromHex(hex)));
  });

  test('broken randomness is an error', () => {
    expect(() => ristretto.randomScalar((n) => new Uint8Array(n))).toThrow(RangeError);
    expectMsg(() => ristretto.mulPoint(ristretto.randomScalar(random), new Uint8Array(32)));
  });
});

describe('base oblivious transfers', () => {
  const session = { hs: random(32), sid: random(32) };
  const choices = random(16);
  const receiver = otReceive(session.hs, choices, random);
  const [K, U] = otSend(session, receiver.P, random);
  const chosen = otOpen(session, receiver, U);

  test('the receiver has the chosen key of every pair, and not the other', () => {
    for (let j = 0; j < otCount; j++) {
      const bit = bitOf(choices, j);
      expect(at(chosen, j)).toBe(at(K, 2 * j + bit));
      expect(at(chosen, j)).not.toBe(at(K, 2 * j + 1 - bit));
    }
    expect(new Set(Array.from({ length: 256 }, (_, i) => at(K, i))).size).toBe(256);
  });

  test('the bytes are those of docs/protocol.md, recomputed with noble', () => {
    const P = ristretto255.Point;
    const H = (tag: string, n: number, ...fields: Uint8Array[]) =>
      shake256(lengthPrefixed(utf8(`planbok/v1/${tag}`), ...fields), { dkLen: n });
    const raw = (flat: Uint8Array, i: number) => flat.slice(32 * i, 32 * i + 32);
    for (const j of [0, 1, 77, 127]) {
      const bit = bitOf(choices, j);
      const [Pb, other] = [raw(receiver.P, 2 * j + bit), raw(receiver.P, 2 * j + 1 - bit)];
      // P_b = tB - HG(hs, j, b, P_(1-b))
      const wide = H('ot/h2g', 64, session.hs, u16be(j), u8(bit), other);
      const HG = ristretto255_hasher.deriveToCurve?.(wide) as typeof P.BASE;
      const t = BigInt(`0x${toHex(raw(receiver.t, j).reverse())}`);
      expect(P.fromBytes(Pb).add(HG).toBytes()).toEqual(P.BASE.multiply(t).toBytes());
      const S = P.fromBytes(raw(U, 2 * j + bit)).multiply(t);
      const four = [raw(receiver.P, 2 * j), raw(receiver.P, 2 * j + 1), raw(U, 2 * j), raw(U, 2 * j + 1)];
      const key = H('ot/key', 32, session.sid, session.hs, u16be(j), u8(bit), ...four, S.toBytes());
      expect(toHex(key)).toBe(at(chosen, j));
    }
  });

  test('attack 10: keys differ if sid, hs, instance, P or U differ (TOB-SILA-5: no session serves two directions)', () => {
    const t0 = seededRandom('sender');
    const [keys] = otSend(session, receiver.P, t0);
    const same = otSend(session, receiver.P, seededRandom('sender'))[0];
    expect(same).toEqual(keys);
    const variants = [
      otSend({ ...session, sid: random(32) }, receiver.P, seededRandom('sender'))[0],
      otSend({ ...session, hs: random(32) }, receiver.P, seededRandom('sender'))[0],
      otSend(session, otReceive(session.hs, choices, random).P, seededRandom('sender'))[0],
    ];
    for (const v of variants) for (let i = 0; i < 256; i++) expect(at(v, i)).not.toBe(at(keys, i));
    // One point of P changed: both keys of its instance change, no other does.
    const P = receiver.P.slice();
    P.set(ristretto.fromHash(random(64)), 64 * 5);
    const one = otSend(session, P, seededRandom('sender'))[0];
    for (let i = 0; i < 256; i++) expect(at(one, i) === at(keys, i)).toBe(i >> 1 !== 5);
    // One point of U that the receiver does not even use changed: its key changes.
    const V = U.slice();
    V.set(ristretto.fromHash(random(64)), 64 * 9 + 32 * (1 - bitOf(choices, 9)));
    const opened = otOpen(session, receiver, V);
    for (let j = 0; j < otCount; j++) expect(at(opened, j) === at(chosen, j)).toBe(j !== 9);
  });

  test('instances and bits are separated: the same points in every instance give different keys', () => {
    const P = new Uint8Array(otLengths.points);
    const [P0, P1] = [ristretto.fromHash(random(64)), ristretto.fromHash(random(64))];
    for (let j = 0; j < otCount; j++) P.set([...P0, ...P1], 64 * j);
    const fixed = random(64);
    const [keys] = otSend(session, P, () => fixed);
    expect(new Set(Array.from({ length: 256 }, (_, i) => at(keys, i))).size).toBe(256);
  });

  test('a receiver that has not got the answer to its own message gets no key', () => {
    const other = otReceive(session.hs, choices, random);
    const opened = otOpen(session, other, U);
    for (let j = 0; j < otCount; j++)
      expect([at(K, 2 * j), at(K, 2 * j + 1)].includes(at(opened, j))).toBe(false);
  });

  test('points that are none, in any place, are E_MSG on both sides', () => {
    const bad = ['00'.repeat(32), `01${'00'.repeat(31)}`, `ee${'ff'.repeat(30)}7f`, 'ff'.repeat(32)];
    for (const hex of bad)
      for (const i of [0, 1, 100, 255]) {
        const P = receiver.P.slice();
        P.set(fromHex(hex), 32 * i);
        expectMsg(() => otSend(session, P, random));
        const V = U.slice();
        V.set(fromHex(hex), 32 * i);
        expectMsg(() => otOpen(session, receiver, V));
      }
    for (const n of [0, otLengths.points - 32, otLengths.points - 1, otLengths.points + 64])
      expect(() => otSend(session, new Uint8Array(n), random)).toThrow(RangeError);
    expect(() => otReceive(session.hs, new Uint8Array(15), random)).toThrow(RangeError);
  });

  test('attack 10: the two points of an instance do not show the choice', () => {
    // For each bit of P_0 and P_1: how often is it set when the choice is 0, and when it is 1?
    const rounds = slow ? 780 : 6;
    const ones = [new Float64Array(512), new Float64Array(512)] as const;
    const count = [0, 0] as [number, number];
    for (let i = 0; i < rounds; i++) {
      const bits = random(16);
      const { P } = otReceive(session.hs, bits, random);
      for (let j = 0; j < otCount; j++) {
        const choice = bitOf(bits, j) as 0 | 1;
        count[choice]++;
        for (let k = 0; k < 512; k++)
          ones[choice][k] = (ones[choice][k] as number) + bitOf(P.subarray(64 * j, 64 * j + 64), k);
      }
    }
    // Difference of two proportions in standard deviations: above 5.5 in any of 512 places by chance 2e-5.
    const worst = Array.from({ length: 512 }, (_, k) => {
      const [a, b] = [ones[0][k] as number, ones[1][k] as number];
      const p = (a + b) / (count[0] + count[1]);
      const deviation = Math.sqrt(p * (1 - p) * (1 / count[0] + 1 / count[1]));
      return deviation === 0 ? 0 : Math.abs(a / count[0] - b / count[1]) / deviation;
    }).reduce((x, y) => Math.max(x, y));
    expect(worst).toBeLessThan(5.5);
    expect(worst).toBeGreaterThan(0);
  });

  test('select', () => {
    expect(select(0, Uint8Array.of(1, 0xff), Uint8Array.of(2, 0))).toEqual(Uint8Array.of(1, 0xff));
    expect(select(1, Uint8Array.of(1, 0xff), Uint8Array.of(2, 0))).toEqual(Uint8Array.of(2, 0));
  });
});
