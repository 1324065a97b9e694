import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import * as tiny from 'tiny-secp256k1';
import { concat, fromHex, toHex } from '#shared/bytes.ts';
import { Abort } from '#shared/errors.ts';
import {
  add,
  addPublic,
  bigFrom,
  decodePoint,
  decodeScalar,
  inverse,
  mul,
  mulBase,
  mulMasked,
  mulPublic,
  negate,
  negatePublic,
  q,
  randomScalar,
  type Scalar,
  scalarFrom,
  sub,
  verifiesAndRecovers,
} from '#shared/mpc/secp256k1.ts';
import { seededRandom } from '../support/random.ts';

const { SLOW } = process.env;
const runs = SLOW === '1' ? 2000 : 40;
const random = seededRandom('groups');
const G = secp256k1.Point;

describe('secp256k1: libauth, noble and tiny-secp256k1 agree', () => {
  test('multiplications and sums of points', () => {
    for (let i = 0; i < runs; i++) {
      const [x, y] = [randomScalar(random), randomScalar(random)];
      const [X, Y] = [mulBase(x), mulBase(y)];
      expect(toHex(X)).toBe(toHex(tiny.pointFromScalar(x) as Uint8Array));
      expect(toHex(X)).toBe(toHex(G.BASE.multiply(bigFrom(x)).toBytes(true)));
      const product = toHex(G.fromBytes(Y).multiply(bigFrom(x)).toBytes(true));
      expect(toHex(mulPublic(x, Y) as Uint8Array)).toBe(product);
      expect(toHex(mulMasked(x, Y, random) as Uint8Array)).toBe(product);
      expect(toHex(tiny.pointMultiply(Y, x) as Uint8Array)).toBe(product);
      expect(toHex(addPublic(X, Y) as Uint8Array)).toBe(toHex(tiny.pointAdd(X, Y) as Uint8Array));
      expect(addPublic(X, negatePublic(X))).toBeNull();
      expect(addPublic(X, X)).toEqual(mulPublic(scalarFrom(2n), X));
    }
  });

  test('scalars, also at the edges', () => {
    const edges = [0n, 1n, 2n, q >> 1n, q - 2n, q - 1n].map(scalarFrom);
    const values = [...edges, ...Array.from({ length: runs }, () => randomScalar(random))];
    const F = G.Fn;
    for (const a of values)
      for (const b of [...edges, values[values.length - 1] as Scalar]) {
        const [m, n] = [bigFrom(a), bigFrom(b)];
        expect(bigFrom(add(a, b))).toBe(F.create(m + n));
        expect(bigFrom(sub(a, b))).toBe(F.create(m - n));
        expect(bigFrom(mul(a, b))).toBe(F.create(m * n));
        expect(bigFrom(negate(a))).toBe(F.create(-m));
        if (m !== 0n) expect(bigFrom(mul(a, inverse(a)))).toBe(1n);
      }
    expect(() => scalarFrom(q)).toThrow(RangeError);
    expect(() => scalarFrom(-1n)).toThrow(RangeError);
    expect(() => mulBase(scalarFrom(0n))).toThrow(RangeError);
    expect(mulPublic(scalarFrom(0n), mulBase(scalarFrom(1n)))).toBeNull();
  });

  test('attack 4: scalars and points that are not canonical are E_MSG', () => {
    const be = (n: bigint) => fromHex(n.toString(16).padStart(64, '0'));
    const X = mulBase(scalarFrom(7n));
    for (const b of [be(q), be(q + 1n), be(2n ** 256n - 1n), new Uint8Array(31), new Uint8Array(33)])
      expect(() => decodeScalar(b)).toThrow(Abort);
    expect(decodeScalar(be(q - 1n))).toEqual(be(q - 1n));
    const p = G.Fp.ORDER;
    for (const b of [
      new Uint8Array(0),
      new Uint8Array(33),
      X.slice(0, 32),
      concat(X, Uint8Array.of(0)),
      G.BASE.toBytes(false),
      concat(Uint8Array.of(4), X.slice(1)),
      concat(Uint8Array.of(6), X.slice(1)),
      concat(Uint8Array.of(2), be(p)),
      concat(Uint8Array.of(2), be(p + 1n)),
      concat(Uint8Array.of(2), be(5n)),
      concat(Uint8Array.of(2), new Uint8Array(32)),
    ])
      expect(() => decodePoint(b)).toThrow(Abort);
    expect(decodePoint(X)).toEqual(X);
  });
});

describe('Wycheproof ECDSA secp256k1 (bitcoin), against the verifier that releases signatures', () => {
  const { testGroups } = JSON.parse(
    readFileSync(
      new URL('../vectors/wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json', import.meta.url),
      'utf8',
    ),
  ) as {
    testGroups: {
      publicKey: { uncompressed: string };
      publicKeyPem: string;
      tests: { tcId: number; msg: string; sig: string; result: 'valid' | 'invalid'; flags: string[] }[];
    }[];
  };

  /** r and s of strict DER; null for any other encoding, or a value that is not below q. */
  function parse(der: Uint8Array): [Scalar, Scalar] | null {
    try {
      const { r, s } = secp256k1.Signature.fromBytes(der, 'der');
      return [scalarFrom(r), scalarFrom(s)];
    } catch {
      return null;
    }
  }

  test('every vector: accepted with just one recovery id, or with none', () => {
    const count = { valid: 0, invalid: 0 };
    let ranges = 0;
    for (const { publicKey, tests } of testGroups) {
      const Q = decodePoint(G.fromHex(publicKey.uncompressed).toBytes(true));
      for (const { tcId, msg, sig, result } of tests) {
        const parsed = parse(fromHex(sig));
        const digest = sha256(fromHex(msg));
        const ids = parsed
          ? [0, 1, 2, 3].filter((id) => verifiesAndRecovers(Q, digest, parsed[0], parsed[1], id))
          : [];
        expect([tcId, ids.length]).toEqual([tcId, result === 'valid' ? 1 : 0]);
        count[result]++;
        if (parsed && result === 'invalid') ranges++;
      }
    }
    expect(count.valid).toBeGreaterThan(100);
    expect(count.invalid).toBeGreaterThan(100);
    expect(ranges).toBeGreaterThan(10);
  });

  test('OpenSSL, the second opinion, accepts every valid vector', () => {
    for (const { publicKeyPem, tests } of testGroups) {
      const key = createPublicKey(publicKeyPem);
      for (const { tcId, msg, sig, result } of tests)
        if (result === 'valid')
          expect([tcId, verify('sha256', fromHex(msg), key, fromHex(sig))]).toEqual([tcId, true]);
    }
  });
});
