import { createPublicKey, hkdfSync, verify } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { type Bytes, concat, fromHex, toHex, u32be, utf8 } from '../../shared/bytes.ts';
import { spkiOfEd25519 } from '../../shared/crypto/spki.ts';
import {
  entityPublicKey,
  isEntityKey,
  proveEntity,
  verifyEntityProof,
  type WrapScope,
  wrapKeyOf,
} from '../../shared/custody/entity-secret.ts';
import { infoOf, labels } from '../../shared/custody/labels.ts';
import { tags } from '../../shared/mpc/tags.ts';
import { seededRandom } from '../support/random.ts';

const random = seededRandom('entity-secret');
const secret = random(32);
const digest = random(32);
const scope: WrapScope = { walletSet: 'wset_a', key: 'wset_a', epoch: 1 };
const publicKey = entityPublicKey(secret, 'org_a');
const proof = proveEntity(secret, 'org_a', digest);

/** What docs/protocol.md writes down, by another library and byte for byte. */
const byHand = (info: string): string =>
  toHex(new Uint8Array(hkdfSync('sha256', secret, '', fromHex(info), 32)));
const field = (text: string) => `${text.length.toString(16).padStart(16, '0')}${toHex(utf8(text))}`;

describe('what is derived from an entity secret', () => {
  test('is HKDF-SHA256 with label and fields behind their lengths', () => {
    const info = `${field('planbok/v1/wrap')}${field('wset_a')}${field('key_b')}000000000000000400000007`;
    expect(toHex(wrapKeyOf(secret, { walletSet: 'wset_a', key: 'key_b', epoch: 7 }))).toBe(byHand(info));
    const seed = byHand(`${field('planbok/v1/entity')}${field('org_a')}`);
    expect(publicKey).toEqual(ed25519.getPublicKey(fromHex(seed)));
  });

  test('is fixed: these are the first answers that were ever given', () => {
    const fixed = Uint8Array.from({ length: 32 }, (_, i) => i);
    expect(toHex(wrapKeyOf(fixed, scope))).toBe(
      'ffd1d5b067eb6dd513110dbf0fcfbc6d9a0adbe52f45c8682200becdd557f737',
    );
    expect(toHex(entityPublicKey(fixed, 'org_a'))).toBe(
      '3b5de23c5cb031480dfef87f4569b9b7f3727a2b6ac0ddfa91ca594c5d69d984',
    );
    expect(toHex(proveEntity(fixed, 'org_a', fixed))).toBe(
      'c64fc7eea1e7a6930715955c97a85d8e342c6396e51858794cedefade6adcfff713fa7144fb477a528fe2eb682a3b06d7028698052ff900644fd855b98d2c709',
    );
  });

  test('differs for every other wallet set, key and epoch, wherever the borders of fields are', () => {
    const id = fc.string({ minLength: 1, maxLength: 8 });
    const scopes = fc.record({ walletSet: id, key: id, epoch: fc.integer({ min: 1, max: 0xffffffff }) });
    fc.assert(
      fc.property(scopes, scopes, (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b));
        expect(wrapKeyOf(secret, a)).not.toEqual(wrapKeyOf(secret, b));
      }),
    );
    const ab = wrapKeyOf(secret, { ...scope, walletSet: 'ab', key: 'c' });
    expect(wrapKeyOf(secret, { ...scope, walletSet: 'a', key: 'bc' })).not.toEqual(ab);
    expect(wrapKeyOf(random(32), scope)).not.toEqual(wrapKeyOf(secret, scope));
    expect(entityPublicKey(secret, 'org_b')).not.toEqual(publicKey);
  });

  test('labels belong to one formula each, also beside those of the protocols', () => {
    const all = [...Object.values(labels), ...Object.values(tags)] as string[];
    expect(new Set(all).size).toBe(all.length);
    expect(infoOf(labels.wrap)).not.toEqual(infoOf(labels.wrap, new Uint8Array()));
  });

  test.each([
    ['a short secret', () => wrapKeyOf(secret.subarray(1), scope)],
    ['a long secret', () => entityPublicKey(concat(secret, Uint8Array.of(0)), 'org_a')],
    ['no wallet set', () => wrapKeyOf(secret, { ...scope, walletSet: '' })],
    ['no key', () => wrapKeyOf(secret, { ...scope, key: '' })],
    ['no entity', () => proveEntity(secret, '', digest)],
    ['epoch 0', () => wrapKeyOf(secret, { ...scope, epoch: 0 })],
    ['epoch 2^32', () => wrapKeyOf(secret, { ...scope, epoch: 2 ** 32 })],
    ['half an epoch', () => wrapKeyOf(secret, { ...scope, epoch: 1.5 })],
    ['a digest of another length', () => proveEntity(secret, 'org_a', digest.subarray(1))],
  ])('%s is refused', (_, derive) => {
    expect(derive).toThrow(RangeError);
  });
});

const L = ed25519.Point.Fn.ORDER;
const toInt = (b: Bytes): bigint => BigInt(`0x${toHex(b.slice().reverse())}`);
const toScalar = (n: bigint): Bytes => fromHex(n.toString(16).padStart(64, '0')).reverse();
const message = (authorisation: Bytes) => concat(utf8('planbok/v1/entity-proof'), authorisation);

/** All eight points of small order, canonical, from RFC 8032's base and one point outside its subgroup. */
const torsion = (() => {
  const outside = (() => {
    for (let i = 0; ; i++) {
      try {
        const point = ed25519.Point.fromBytes(concat(u32be(i), new Uint8Array(28)), false);
        const small = point.multiplyUnsafe(L - 1n).add(point);
        if (!small.multiplyUnsafe(4n).is0()) return small;
      } catch {
        // Not a point.
      }
    }
  })();
  return Array.from({ length: 8 }, (_, i) =>
    i === 0 ? ed25519.Point.ZERO : outside.multiplyUnsafe(BigInt(i)),
  );
})();

/** A signature by whoever holds `a`, with any R and any public key, as a cheating signer makes it. */
function cheat(a: bigint, A: Bytes, shift = ed25519.Point.ZERO): Bytes {
  const r = 12345n;
  const R = ed25519.Point.BASE.multiply(r).add(shift).toBytes();
  const k = toInt(sha512(concat(R, A, message(digest)))) % L;
  return concat(R, toScalar((r + k * a) % L));
}

describe('an entity proof', () => {
  test('is Ed25519 over label and digest, as OpenSSL sees it too', () => {
    const key = createPublicKey({ key: Buffer.from(spkiOfEd25519(publicKey)), format: 'der', type: 'spki' });
    expect(verify(null, message(digest), key, proof)).toBe(true);
    expect(verifyEntityProof(proof, digest, publicKey)).toBe(true);
  });

  test('is good for no other digest and no other entity, and not when any byte differs', () => {
    expect(verifyEntityProof(proof, random(32), publicKey)).toBe(false);
    expect(verifyEntityProof(proof, digest, entityPublicKey(secret, 'org_b'))).toBe(false);
    expect(verifyEntityProof(ed25519.sign(digest, random(32)), digest, publicKey)).toBe(false);
    for (let i = 0; i < 64; i++) {
      const bad = proof.slice();
      bad[i] = (bad[i] as number) ^ (1 << (i & 7));
      expect([i, verifyEntityProof(bad, digest, publicKey)]).toEqual([i, false]);
    }
    for (const cut of [proof.slice(1), concat(proof, Uint8Array.of(0)), new Uint8Array()])
      expect(verifyEntityProof(cut, digest, publicKey)).toBe(false);
    expect(verifyEntityProof(proof, digest.subarray(1), publicKey)).toBe(false);
    expect(verifyEntityProof(proof, digest, publicKey.subarray(1))).toBe(false);
  });

  test('has one S: S + L is refused', () => {
    const S = toInt(proof.subarray(32)) + L;
    expect(verifyEntityProof(concat(proof.subarray(0, 32), toScalar(S)), digest, publicKey)).toBe(false);
  });

  test('under a key of small order, where any message has a signature, is refused', () => {
    expect(
      torsion.map((point) => toHex(point.toBytes())).filter((x, i, all) => all.indexOf(x) === i),
    ).toHaveLength(8);
    for (const point of torsion) {
      const A = point.toBytes();
      expect(isEntityKey(A)).toBe(false);
      expect(verifyEntityProof(cheat(0n, A), digest, A)).toBe(false);
    }
  });

  test('with torsion in the key or in R, on which libraries disagree, is refused', () => {
    const a = 6789n;
    const A = ed25519.Point.BASE.multiply(a);
    expect(verifyEntityProof(cheat(a, A.toBytes()), digest, A.toBytes())).toBe(true);
    for (const point of torsion.slice(1)) {
      const withTorsion = cheat(a, A.toBytes(), point);
      // The library alone would take it.
      expect(ed25519.verify(withTorsion, message(digest), A.toBytes(), { zip215: false })).toBe(true);
      expect(verifyEntityProof(withTorsion, digest, A.toBytes())).toBe(false);
      const mixed = A.add(point).toBytes();
      expect(isEntityKey(mixed)).toBe(false);
      expect(ed25519.verify(cheat(a, mixed), message(digest), mixed, { zip215: false })).toBe(true);
      expect(verifyEntityProof(cheat(a, mixed), digest, mixed)).toBe(false);
    }
  });

  test('with a key or R that is not canonical is refused', () => {
    // y = p + 1 is y = 1, the identity; y = 2^255 - 1; and the identity with a sign.
    for (const hex of [
      `ee${'ff'.repeat(30)}7f`,
      `ff${'ff'.repeat(30)}7f`,
      `01${'00'.repeat(30)}80`,
      `ed${'ff'.repeat(30)}7f`,
    ]) {
      expect(isEntityKey(fromHex(hex))).toBe(false);
      expect(verifyEntityProof(cheat(0n, fromHex(hex)), digest, fromHex(hex))).toBe(false);
      expect(verifyEntityProof(concat(fromHex(hex), proof.subarray(32)), digest, publicKey)).toBe(false);
    }
  });
});
