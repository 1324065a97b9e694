import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { HDKey } from '@scure/bip32';
import fc from 'fast-check';
import { concat, fromHex, toHex, u8, u32be } from '#shared/bytes.ts';
import { exportXpub } from '#shared/crypto/xpub.ts';
import { CustodyError } from '#shared/errors.ts';
import {
  deriveEd25519,
  deriveSecp256k1,
  IndexInvalid,
  stepEd25519,
  stepSecp256k1,
} from '#shared/mpc/derive.ts';
import type { EdPoint } from '#shared/mpc/ed25519.ts';
import { algorithmOf, parsePath, requireAlgorithm } from '#shared/mpc/path.ts';
import { decodePoint, type Point } from '#shared/mpc/secp256k1.ts';
import { seededRandom } from '../support/random.ts';

const { SLOW } = process.env;
const numRuns = SLOW === '1' ? 10_000 : 150;

interface Child {
  readonly path: string;
  readonly m: number;
  readonly hardened?: boolean;
  readonly pubKey: string;
  readonly chainCode: string;
  readonly base58: string;
}
interface Fixtures {
  readonly valid: readonly {
    readonly network: string;
    readonly master: { readonly pubKey: string; readonly chainCode: string; readonly base58: string };
    readonly children: readonly Child[];
  }[];
}
const fixtures = JSON.parse(
  readFileSync(new URL('../vectors/bitcoin/bip32-fixtures.json', import.meta.url), 'utf8'),
) as Fixtures;

const index = fc.oneof(fc.nat(5), fc.nat(2 ** 31 - 1), fc.constant(2 ** 31 - 1));
const paths = fc.array(index, { maxLength: 5 }).map((steps) => ['m', ...steps].join('/'));
const G = secp256k1.Point;
const B = ed25519.Point;

describe('secp256k1 derivation', () => {
  test('BIP-32 vectors: every public step from one node to the next', () => {
    let steps = 0;
    for (const { master, children } of fixtures.valid) {
      let parent: { pubKey: string; chainCode: string } = master;
      for (const child of children) {
        if (child.hardened !== true) {
          const Q = decodePoint(fromHex(parent.pubKey));
          const derived = deriveSecp256k1(Q, fromHex(parent.chainCode), `m/${child.m}`);
          expect([toHex(derived.Q), toHex(derived.cc)]).toEqual([child.pubKey, child.chainCode]);
          steps++;
        }
        parent = child;
      }
    }
    expect(steps).toBeGreaterThan(3);
  });

  test('BIP-32 vectors: xpub of every master key', () => {
    for (const { network, master } of fixtures.valid)
      if (network === 'bitcoin')
        expect(exportXpub(decodePoint(fromHex(master.pubKey)), fromHex(master.chainCode))).toBe(
          master.base58,
        );
  });

  test('equals @scure/bip32 over random keys and paths, starting from our xpub; Q = Q0 + tau·G', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), paths, (seed, path) => {
        const root = HDKey.fromMasterSeed(seed);
        const Q = root.publicKey as Point;
        const cc = root.chainCode as Uint8Array;
        const ours = deriveSecp256k1(Q, cc, path);
        const theirs = HDKey.fromExtendedKey(exportXpub(Q, cc)).derive(path);
        expect(theirs.publicKey).toEqual(ours.Q);
        expect(theirs.chainCode).toEqual(ours.cc);
        expect(ours.path).toBe(path);
        const tau = BigInt(`0x${toHex(ours.tau)}`);
        const sum = tau === 0n ? G.fromBytes(Q) : G.fromBytes(Q).add(G.BASE.multiply(tau));
        expect(sum.toBytes(true)).toEqual(ours.Q);
      }),
      { numRuns },
    );
  });

  test('an index without a key is an error, never a reduced tweak', () => {
    const Q = G.BASE.toBytes(true) as Point;
    const q = G.Fn.ORDER;
    const I = (n: bigint) => concat(fromHex(n.toString(16).padStart(64, '0')), new Uint8Array(32));
    expect(stepSecp256k1(Q, I(q))).toBeNull();
    expect(stepSecp256k1(Q, I(q + 1n))).toBeNull();
    expect(stepSecp256k1(Q, I(2n ** 256n - 1n))).toBeNull();
    // 1 + (q - 1) = 0
    expect(stepSecp256k1(Q, I(q - 1n))).toBeNull();
    expect(stepSecp256k1(Q, I(q - 2n))?.K).toEqual(G.BASE.negate().toBytes(true));
    expect(stepSecp256k1(Q, I(1n))?.K).toEqual(G.BASE.multiply(2n).toBytes(true));
    expect(stepSecp256k1(Q, I(0n))?.K).toEqual(Q);
    const error = new IndexInvalid('m/0/5');
    expect(error).toBeInstanceOf(CustodyError);
    expect([error.code, error.path]).toEqual(['request_invalid', 'm/0/5']);
  });
});

describe('ed25519 derivation', () => {
  const le = (b: Uint8Array) => BigInt(`0x${toHex(b.slice().reverse())}`);

  test('equals the formulas of BIP32-Ed25519 (soft, version 2) computed with noble; A = A0 + tau·B', () => {
    const random = seededRandom('ed derive');
    fc.assert(
      fc.property(paths, (path) => {
        const A0 = B.BASE.multiply((le(random(32)) % (B.Fn.ORDER - 1n)) + 1n);
        const cc0 = random(32);
        let [A, cc, tau] = [A0, cc0, 0n];
        for (const i of parsePath(path)) {
          const data = concat(A.toBytes(), u32be(i).reverse());
          const Z = hmac(sha512, cc, concat(u8(2), data));
          const t = 8n * le(Z.slice(0, 28));
          cc = hmac(sha512, cc, concat(u8(3), data)).slice(32);
          A = A.add(B.BASE.multiply(t));
          tau = B.Fn.create(tau + t);
        }
        const ours = deriveEd25519(A0.toBytes() as EdPoint, cc0, path);
        expect(toHex(ours.A)).toBe(toHex(A.toBytes()));
        expect(toHex(ours.cc)).toBe(toHex(cc));
        expect(le(ours.tau)).toBe(tau);
        expect(ours.path).toBe(path);
        const sum = tau === 0n ? A0 : A0.add(B.BASE.multiply(tau));
        expect(toHex(sum.toBytes())).toBe(toHex(ours.A));
      }),
      { numRuns },
    );
  });

  test('an index that leads to the identity has no key; a tweak of zero changes nothing', () => {
    const minus8B = B.BASE.multiply(8n).negate().toBytes() as EdPoint;
    const one = new Uint8Array(64);
    one[0] = 1;
    expect(stepEd25519(minus8B, one)).toBeNull();
    expect(stepEd25519(B.BASE.toBytes() as EdPoint, one)?.A).toEqual(B.BASE.multiply(9n).toBytes());
    expect(stepEd25519(minus8B, new Uint8Array(64))?.A).toEqual(minus8B);
  });

  test('different indices, parents and chain codes give different keys', () => {
    const A = B.BASE.multiply(5n).toBytes() as EdPoint;
    const cc = new Uint8Array(32).fill(3);
    const keys = [
      deriveEd25519(A, cc, 'm/501/0/0'),
      deriveEd25519(A, cc, 'm/501/0/1'),
      deriveEd25519(A, cc, 'm/397/0/0'),
      deriveEd25519(A, new Uint8Array(32).fill(4), 'm/501/0/0'),
      deriveEd25519(B.BASE.toBytes() as EdPoint, cc, 'm/501/0/0'),
    ].map((d) => toHex(d.A));
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('paths', () => {
  test('text to indices', () => {
    expect(parsePath('m')).toEqual([]);
    expect(parsePath('m/0')).toEqual([0]);
    expect(parsePath('m/44/0/2147483647')).toEqual([44, 0, 2147483647]);
  });

  test.each([
    '',
    '/',
    'm/',
    'M/0',
    '0/1',
    "m/0'",
    'm/0h',
    'm/44/0/2147483648',
    'm/4294967296',
    'm/99999999999',
    'm/-1',
    'm/+1',
    'm/1.5',
    'm/01',
    'm/0x1',
    'm/1e3',
    'm//1',
    'm/1/',
    'm/ 1',
    'm/1\n',
    'm/m/123',
    'a/0/1/2',
    'm/٣',
    `m${'/0'.repeat(11)}`,
  ])('%j is refused', (path) => {
    expect(() => parsePath(path)).toThrow(CustodyError);
    expect(() => algorithmOf(path)).toThrow(CustodyError);
    expect(() => deriveSecp256k1(G.BASE.toBytes(true) as Point, new Uint8Array(32), path)).toThrow(
      CustodyError,
    );
    expect(() => deriveEd25519(B.BASE.toBytes() as EdPoint, new Uint8Array(32), path)).toThrow(CustodyError);
  });

  test('key separation: one algorithm for each branch', () => {
    expect(algorithmOf('m/44/0/0')).toBe('ecdsa');
    expect(algorithmOf('m/84/0/7')).toBe('ecdsa');
    expect(algorithmOf('m/84/1/7')).toBe('ecdsa');
    expect(algorithmOf('m/86/0/2147483647')).toBe('bip340');
    expect(algorithmOf('m/86/1/0')).toBe('bip340');
    expect(algorithmOf('m/501/0/0')).toBe('ed25519');
    expect(algorithmOf('m/397/0/0')).toBe('ed25519');
  });

  test('no other path signs anything', () => {
    const others = [
      'm',
      'm/44',
      'm/44/0',
      'm/44/0/0/0',
      'm/44/1/0',
      'm/84/2/0',
      'm/86/2/0',
      'm/501/1/0',
      'm/0/0/0',
      'm/49/0/0',
      'm/60/0/0',
    ];
    for (const path of others) expect(() => algorithmOf(path)).toThrow(CustodyError);
    fc.assert(
      fc.property(index, index, index, (a, b, c) => {
        const known = [44, 84, 86, 397, 501].includes(a) && (b === 0 || (b === 1 && (a === 84 || a === 86)));
        let found = true;
        try {
          algorithmOf(`m/${a}/${b}/${c}`);
        } catch {
          found = false;
        }
        expect(found).toBe(known);
      }),
    );
  });

  test('an algorithm is refused on every branch but its own', () => {
    const branches = {
      'm/44/0/0': 'ecdsa',
      'm/84/0/0': 'ecdsa',
      'm/86/0/0': 'bip340',
      'm/501/0/0': 'ed25519',
      'm/397/0/0': 'ed25519',
    };
    for (const [path, right] of Object.entries(branches))
      for (const algorithm of ['ecdsa', 'bip340', 'ed25519'] as const)
        if (algorithm === right) expect(() => requireAlgorithm(path, algorithm)).not.toThrow();
        else expect(() => requireAlgorithm(path, algorithm)).toThrow(CustodyError);
  });
});
