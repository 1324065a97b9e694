import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { shake256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { concat, lengthPrefixed, toHex, utf8 } from '#shared/bytes.ts';
import { hash, xof } from '#shared/mpc/hash.ts';
import { tags } from '#shared/mpc/tags.ts';

const all = Object.values(tags);

describe('TOB-SILA-11: domain separation', () => {
  test('tags are distinct, versioned, ASCII, and none begins with another', () => {
    expect(new Set(all).size).toBe(all.length);
    for (const tag of all) expect(tag).toMatch(/^planbok\/v1\/[a-z0-9/-]+$/);
    for (const a of all) for (const b of all) if (a !== b) expect(a.startsWith(b)).toBe(false);
  });

  test('no tag is written anywhere else in the protocols', () => {
    const folder = new URL('../../shared/mpc/', import.meta.url);
    const files = readdirSync(folder).filter((f) => f.endsWith('.ts') && f !== 'tags.ts');
    expect(files.length).toBeGreaterThan(20);
    for (const f of files)
      expect([f, readFileSync(new URL(f, folder), 'utf8').includes('planbok/v1/')]).toEqual([f, false]);
  });

  test('the same fields under two tags have nothing in common', () => {
    const digests = all.map((tag) => toHex(hash(tag, utf8('field'))));
    expect(new Set(digests).size).toBe(all.length);
  });
});

describe('attack 3, DFNS-CGGMP21: the hash is injective in the list of its fields', () => {
  const field = fc.uint8Array({ maxLength: 12 });
  const fields = fc.array(field, { maxLength: 5 });
  const text = (list: readonly Uint8Array[]) => JSON.stringify(list.map(toHex));
  const digest = (list: readonly Uint8Array[]) => toHex(hash(tags.context, ...list));

  test('different lists, different hashes', () => {
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        expect(digest(a) === digest(b)).toBe(text(a) === text(b));
      }),
      { numRuns: 2000 },
    );
  });

  test('bytes moved across the border of two fields', () => {
    fc.assert(
      fc.property(field, field, fc.nat(24), (a, b, at) => {
        const joined = concat(a, b);
        const cut = at % (joined.length + 1);
        const moved = [joined.subarray(0, cut), joined.subarray(cut)];
        expect(digest(moved) === digest([a, b])).toBe(cut === a.length);
        expect(digest([joined])).not.toBe(digest([a, b]));
      }),
      { numRuns: 1000 },
    );
  });

  test('an empty field is not a missing one, and a length is not a field', () => {
    fc.assert(
      fc.property(fields, fc.nat(5), (list, at) => {
        const i = at % (list.length + 1);
        const longer = [...list.slice(0, i), new Uint8Array(0), ...list.slice(i)];
        expect(digest(longer)).not.toBe(digest(list));
        expect(digest([lengthPrefixed(...list)])).not.toBe(digest(list));
      }),
      { numRuns: 500 },
    );
  });

  test('is SHAKE256 of length-prefixed tag and fields, of any length', () => {
    fc.assert(
      fc.property(fields, fc.integer({ min: 1, max: 700 }), (list, n) => {
        const expected = shake256(lengthPrefixed(utf8(tags.otePrg), ...list), { dkLen: n });
        expect(xof(tags.otePrg, list, n)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });
});
