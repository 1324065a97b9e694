import { describe, expect, test } from '@jest/globals';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { type Bytes, toHex } from '#shared/bytes.ts';
import {
  add,
  addPublic,
  allBelowOrder,
  bigFrom,
  decodePoint,
  decodeScalar,
  inverse,
  isHigh,
  isZero,
  mul,
  mulBase,
  mulMasked,
  mulPublic,
  negate,
  negatePublic,
  type Point,
  q,
  randomScalar,
  reduce,
  type Scalar,
  scalarFrom,
  sub,
  sumsEqualPublic,
  verifiesAndRecovers,
} from '#shared/mpc/secp256k1.ts';
import { abortOf } from '../support/ecdsa-session.ts';
import { seededRandom } from '../support/random.ts';

const random = seededRandom('secp256k1');
const NoblePoint = secp256k1.Point;
const bytesOf = (n: bigint, length = 32): Bytes =>
  Uint8Array.from(
    n
      .toString(16)
      .padStart(2 * length, '0')
      .match(/../g) as string[],
    (h) => Number.parseInt(h, 16),
  );
const scalars = fc.bigInt({ min: 0n, max: q - 1n });
const nonZero = fc.bigInt({ min: 1n, max: q - 1n });
const runs = { numRuns: 40 };

describe('scalars', () => {
  test('decodeScalar takes what is below q, 32 bytes', () => {
    for (const n of [0n, 1n, q - 1n]) expect(bigFrom(decodeScalar(bytesOf(n)))).toBe(n);
    for (const n of [q, q + 1n, (1n << 256n) - 1n])
      expect(abortOf(() => decodeScalar(bytesOf(n)))).toBe('E_MSG');
    for (const length of [0, 31, 33])
      expect(abortOf(() => decodeScalar(new Uint8Array(length)))).toBe('E_MSG');
    fc.assert(
      fc.property(fc.bigInt({ min: q - (1n << 140n), max: (1n << 256n) - 1n }), (n) => {
        expect(allBelowOrder(bytesOf(n))).toBe(n < q);
      }),
    );
  });

  test('one value that is too large among many is found, wherever it stands', () => {
    const many = new Uint8Array(32 * 50);
    expect(allBelowOrder(many)).toBe(true);
    for (let i = 0; i < 50; i++) {
      const one = many.slice();
      one.set(bytesOf(q), 32 * i);
      expect(allBelowOrder(one)).toBe(false);
    }
  });

  test('the field', () => {
    fc.assert(
      fc.property(scalars, nonZero, (m, n) => {
        const [a, b] = [scalarFrom(m), scalarFrom(n)];
        expect(bigFrom(add(a, b))).toBe((m + n) % q);
        expect(bigFrom(sub(a, b))).toBe((m - n + q) % q);
        expect(bigFrom(mul(a, b))).toBe((m * n) % q);
        expect(isZero(add(a, negate(a)))).toBe(true);
        expect(bigFrom(mul(b, inverse(b)))).toBe(1n);
        expect(isHigh(a)).toBe(m > (q - 1n) / 2n);
      }),
      runs,
    );
    expect(isZero(negate(scalarFrom(0n)))).toBe(true);
    expect(bigFrom(reduce(bytesOf(q + 5n)))).toBe(5n);
    expect(bigFrom(reduce(bytesOf((1n << 384n) - 1n, 48)))).toBe(((1n << 384n) - 1n) % q);
  });
});

describe('points', () => {
  test('decodePoint and noble agree on what is a compressed point', () => {
    const p = NoblePoint.Fp.ORDER;
    const accepted = (b: Bytes): boolean => {
      try {
        NoblePoint.fromBytes(b).assertValidity();
        return b.length === 33;
      } catch {
        return false;
      }
    };
    const xs = fc.oneof(
      fc.bigInt({ min: 0n, max: 200n }),
      fc.bigInt({ min: p - 100n, max: p + 100n }),
      scalars,
    );
    const seen = new Set<boolean>();
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7), xs, (prefix, x) => {
        const b = Uint8Array.of(prefix, ...bytesOf(x));
        seen.add(accepted(b));
        expect(abortOf(() => decodePoint(b))).toBe(accepted(b) ? 'none' : 'E_MSG');
      }),
      { numRuns: 2000 },
    );
    expect(seen.size).toBe(2);
    const uncompressed = NoblePoint.BASE.toBytes(false);
    for (const b of [uncompressed, uncompressed.subarray(0, 33), new Uint8Array(0), new Uint8Array(33)])
      expect(abortOf(() => decodePoint(b))).toBe('E_MSG');
  });

  test('every way to multiply is the same multiplication', () => {
    fc.assert(
      fc.property(nonZero, nonZero, (m, n) => {
        const [a, b] = [scalarFrom(m), scalarFrom(n)];
        const P = mulBase(a);
        expect(toHex(P)).toBe(NoblePoint.BASE.multiply(m).toHex(true));
        const product = toHex(mulBase(mul(a, b)));
        expect(toHex(mulPublic(b, P) as Point)).toBe(product);
        expect(toHex(mulMasked(b, P, random) as Point)).toBe(product);
      }),
      runs,
    );
    const zero = scalarFrom(0n);
    const G = mulBase(scalarFrom(1n));
    expect(mulPublic(zero, G)).toBeNull();
    expect(mulMasked(zero, G, random)).toBeNull();
    expect(() => mulBase(zero)).toThrow(RangeError);
    // The mask is the scalar itself: one of the two summands is the identity.
    const stuck = (n: number): Bytes => new Uint8Array(n).fill(3);
    const x = randomScalar(stuck);
    expect(toHex(mulMasked(x, G, stuck) as Point)).toBe(toHex(mulBase(x)));
  });

  test('sums, equal sums, and the identity that equals nothing', () => {
    fc.assert(
      fc.property(nonZero, nonZero, (m, n) => {
        const [A, B] = [mulBase(scalarFrom(m)), mulBase(scalarFrom(n))];
        const C = mulBase(add(scalarFrom(m), scalarFrom(n)));
        expect(toHex(addPublic(A, B) as Point)).toBe(toHex(C));
        expect(sumsEqualPublic([A, B], [C])).toBe(true);
        expect(sumsEqualPublic([A, B], [negatePublic(C)])).toBe(false);
        expect(sumsEqualPublic([A], [B])).toBe(m === n);
        expect(addPublic(A, negatePublic(A))).toBeNull();
        expect(sumsEqualPublic([A, negatePublic(A)], [B, negatePublic(B)])).toBe(false);
        expect(sumsEqualPublic([A, negatePublic(A)], [B])).toBe(false);
        expect(sumsEqualPublic([B], [A, negatePublic(A)])).toBe(false);
        expect(toHex(addPublic(A, A) as Point)).toBe(toHex(mulPublic(scalarFrom(2n), A) as Point));
      }),
      runs,
    );
    expect(addPublic()).toBeNull();
  });
});

test('a signature passes with low s, the right key, digest and recovery id, and with nothing else changed', () => {
  const key = randomScalar(random);
  const Q = mulBase(key);
  const digest = random(32);
  const made = secp256k1.sign(digest, key, { prehash: false, lowS: true, format: 'recovered' });
  const [id, r, s] = [made[0] as number, made.slice(1, 33) as Scalar, made.slice(33) as Scalar];
  expect(verifiesAndRecovers(Q, digest, r, s, id)).toBe(true);
  expect(verifiesAndRecovers(Q, digest, r, negate(s), id ^ 1)).toBe(false);
  expect(verifiesAndRecovers(Q, digest, r, s, id ^ 1)).toBe(false);
  expect(verifiesAndRecovers(Q, digest, r, s, id | 2)).toBe(false);
  expect(verifiesAndRecovers(negatePublic(Q), digest, r, s, id)).toBe(false);
  expect(verifiesAndRecovers(Q, random(32), r, s, id)).toBe(false);
  expect(verifiesAndRecovers(Q, digest, s, r, id)).toBe(false);
  expect(verifiesAndRecovers(Q, digest, scalarFrom(0n), s, id)).toBe(false);
});
