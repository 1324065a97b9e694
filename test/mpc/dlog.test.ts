import { describe, expect, test } from '@jest/globals';
import { shake256 } from '@noble/hashes/sha3.js';
import { concat, lengthPrefixed, toHex, u8, utf8 } from '#shared/bytes.ts';
import { type DlogProof, proveDlog, verifyDlog } from '#shared/mpc/dlog.ts';
import { ed25519Group, type Group, secp256k1Group } from '#shared/mpc/group.ts';
import { seededRandom } from '../support/random.ts';

const { SLOW } = process.env;
const runs = SLOW === '1' ? 2000 : 50;

function suite<S extends Uint8Array, P extends Uint8Array>(
  name: string,
  group: Group<S, P>,
  order: bigint,
  toNumber: (b: Uint8Array) => bigint,
) {
  describe(`proof of a discrete logarithm on ${name}`, () => {
    const random = seededRandom(name);
    const x = group.randomScalar(random);
    const X = group.mulBase(x);
    const binding = { sid: random(32), role: 1 } as const;
    const proof = proveDlog(group, binding, x, X, random);

    test('holds', () => {
      for (let i = 0; i < runs; i++) {
        const y = group.randomScalar(random);
        const Y = group.mulBase(y);
        expect(verifyDlog(group, binding, Y, proveDlog(group, binding, y, Y, random))).toBe(true);
      }
    });

    test('its challenge is the hash of docs/protocol.md 3, with another SHAKE256: T = sigma·G - e·X', () => {
      const T = group.addPublic(
        group.mulBase(proof.sigma),
        group.mulPublic(group.negate(proof.e), X) as P,
      ) as P;
      const fields = lengthPrefixed(utf8('planbok/v1/pok'), binding.sid, u8(1), X, T);
      const wide = shake256(fields, { dkLen: 48 });
      expect(toNumber(proof.e)).toBe(toNumber(wide) % order);
    });

    test('attack 8, KUD-DKLS18: not for another session, role, or point', () => {
      expect(verifyDlog(group, binding, X, proof)).toBe(true);
      expect(verifyDlog(group, { ...binding, sid: random(32) }, X, proof)).toBe(false);
      expect(verifyDlog(group, { ...binding, role: 2 }, X, proof)).toBe(false);
      const other = group.mulBase(group.randomScalar(random));
      expect(verifyDlog(group, binding, other, proof)).toBe(false);
    });

    test('not with a changed, exchanged or zero e or sigma', () => {
      const zero = new Uint8Array(32) as unknown as S;
      const one = group.mul(proof.e, proof.e);
      const bad: DlogProof<S>[] = [
        { e: one, sigma: proof.sigma },
        { e: proof.e, sigma: one },
        { e: proof.sigma, sigma: proof.e },
        { e: zero, sigma: proof.sigma },
        { e: proof.e, sigma: zero },
        { e: zero, sigma: zero },
        { e: group.negate(proof.e), sigma: group.negate(proof.sigma) },
      ];
      for (const p of bad) expect(verifyDlog(group, binding, X, p)).toBe(false);
    });

    test('KUD-DKLS18 witness 0: the generator refuses it', () => {
      const zero = new Uint8Array(32) as unknown as S;
      expect(() => group.mulBase(zero)).toThrow(RangeError);
    });

    test('the nonce is fresh, and with a stuck source of randomness still another one for another statement', () => {
      const again = proveDlog(group, binding, x, X, random);
      expect(toHex(again.e)).not.toBe(toHex(proof.e));
      const stuck = (n: number) => new Uint8Array(n).fill(5);
      const here = proveDlog(group, binding, x, X, stuck);
      const there = proveDlog(group, { ...binding, sid: random(32) }, x, X, stuck);
      // sigma - e·x = t
      const nonce = ({ e, sigma }: DlogProof<S>) => toHex(group.add(sigma, group.negate(group.mul(e, x))));
      expect(nonce(here)).not.toBe(nonce(there));
      expect(nonce(here)).toBe(nonce(proveDlog(group, binding, x, X, stuck)));
    });
  });
}

const be = (b: Uint8Array): bigint => BigInt(`0x${toHex(b)}`);
suite('secp256k1', secp256k1Group, 2n ** 256n - 0x14551231950b75fc4402da1732fc9bebfn, be);
suite('ed25519', ed25519Group, 2n ** 252n + 27742317777372353535851937790883648493n, (b) =>
  be(concat(b).reverse()),
);
