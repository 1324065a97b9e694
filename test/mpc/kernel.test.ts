import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Bytes, toHex } from '#shared/bytes.ts';
import { reference } from '#shared/mpc/arithmetic-reference.ts';
import { compileKernel, kernelModule } from '#shared/mpc/kernel/build.ts';
import { createKernel, kernel, WORKING } from '#shared/mpc/kernel/kernel.ts';
import { bigFrom, q, type Scalar, scalarFrom } from '#shared/mpc/secp256k1.ts';
import { seededRandom } from '../support/random.ts';

const random = seededRandom('kernel');
const slow = process.env['SLOW'] === '1';

/** 32 bytes big-endian of any number below 2^256. */
function bytes32(n: bigint): Bytes {
  return Uint8Array.from(n.toString(16).padStart(64, '0').match(/../g) as string[], (h) =>
    Number.parseInt(h, 16),
  );
}

/** Where carries, borrows and the last subtraction go wrong if anywhere. */
const edges = [
  0n,
  1n,
  2n,
  0xffffffffn,
  1n << 32n,
  (1n << 64n) - 1n,
  (1n << 128n) - 1n,
  1n << 128n,
  1n << 129n,
  1n << 255n,
  q >> 1n,
  (q >> 1n) + 1n,
  q - (1n << 128n),
  q - 2n,
  q - 1n,
];
const beyond = [...edges, q, q + 1n, (1n << 256n) - q, (1n << 256n) - 2n, (1n << 256n) - 1n];

const edgeOrAny = (values: readonly bigint[], below: bigint) =>
  fc.oneof(fc.constantFrom(...values), fc.bigInt({ min: 0n, max: below - 1n }));
const scalarArbitrary = edgeOrAny(edges, q).map((n) => scalarFrom(n));
const runs = { numRuns: slow ? 20_000 : 400 };

describe('scalars: kernel, reference and BigInt agree', () => {
  test.each(['add', 'sub', 'mul'] as const)('%s', (operation) => {
    const expected = {
      add: (a: bigint, b: bigint) => a + b,
      sub: (a: bigint, b: bigint) => a - b + q,
      mul: (a: bigint, b: bigint) => a * b,
    };
    const check = (a: Scalar, b: Scalar) => {
      const result = kernel[operation](a, b);
      expect(bigFrom(result)).toBe(expected[operation](bigFrom(a), bigFrom(b)) % q);
      expect(toHex(reference[operation](a, b))).toBe(toHex(result));
    };
    for (const a of edges) for (const b of edges) check(scalarFrom(a), scalarFrom(b));
    fc.assert(fc.property(scalarArbitrary, scalarArbitrary, check), runs);
  });

  test('inverse', () => {
    expect(bigFrom(kernel.inverse(scalarFrom(0n)))).toBe(0n);
    fc.assert(
      fc.property(scalarArbitrary, (a) => {
        const inverse = kernel.inverse(a);
        expect(toHex(inverse)).toBe(toHex(reference.inverse(a)));
        if (bigFrom(a) !== 0n) expect((bigFrom(inverse) * bigFrom(a)) % q).toBe(1n);
      }),
      { numRuns: 100 },
    );
  });

  test('reduce and reduceNonZero, at the multiples of q and q - 1 too', () => {
    const wide = (n: bigint): Bytes =>
      Uint8Array.from(n.toString(16).padStart(96, '0').match(/../g) as string[], (h) =>
        Number.parseInt(h, 16),
      );
    const top = 1n << 384n;
    const multiples = [q, q - 1n].flatMap((m) =>
      [1n, 2n, 3n, 1n << 64n, top / m].flatMap((k) => [k * m - 1n, k * m, k * m + 1n]),
    );
    const check = (n: bigint) => {
      expect(bigFrom(kernel.reduce(wide(n)))).toBe(n % q);
      expect(bigFrom(kernel.reduceNonZero(wide(n)))).toBe((n % (q - 1n)) + 1n);
      expect(toHex(reference.reduce(wide(n)))).toBe(toHex(kernel.reduce(wide(n))));
      expect(toHex(reference.reduceNonZero(wide(n)))).toBe(toHex(kernel.reduceNonZero(wide(n))));
    };
    for (const n of [...beyond, ...multiples.filter((m) => m < top), top - 1n]) check(n);
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: top - 1n }), check), runs);
  });
});

/** A buffer of scalars: edges first, then random ones below `limit`. */
function numbers(count: number, values: readonly bigint[], reduced: boolean): Bytes {
  const out = random(32 * count);
  if (reduced) out.set(reference.reduce(random(48 * count)));
  for (const [i, n] of values.slice(0, count).entries()) out.set(bytes32(n), 32 * i);
  return out;
}

/** Edges in a shuffled order, so that rows meet different ones. */
const rotated = (by: number): bigint[] => [...beyond.slice(by), ...beyond.slice(0, by)];

describe('bulk operations: kernel and reference give the same bytes', () => {
  test.each([1, 2] as const)('generator rows and pads, direction %i', (direction) => {
    const context = { id: random(32), direction };
    const [seeds, bits, columns] = [random(128 * 32), random(16), random(512 * 16)];
    expect(toHex(kernel.generatorRows(context, seeds, bits))).toBe(
      toHex(reference.generatorRows(context, seeds, bits)),
    );
    expect(toHex(kernel.pads(context, columns))).toBe(toHex(reference.pads(context, columns)));
  });

  test('transpose, and every single bit lands where it belongs', () => {
    const rows = random(10_240);
    expect(toHex(kernel.transpose(rows))).toBe(toHex(reference.transpose(rows)));
    for (let n = 0; n < 200; n++) {
      const [i, j] = [(n * 37) % 128, (n * 101) % 640];
      const single = new Uint8Array(10_240);
      single[80 * i + (j >> 3)] = 1 << (j & 7);
      const columns = kernel.transpose(single);
      expect(columns[16 * j + (i >> 3)]).toBe(1 << (i & 7));
      expect(columns.reduce((sum, b) => sum + b, 0)).toBe(1 << (i & 7));
    }
  });

  test('combine', () => {
    const [matrix, columns] = [random(8192), random(10_240)];
    expect(toHex(kernel.combine(matrix, columns))).toBe(toHex(reference.combine(matrix, columns)));
  });

  test.each([0, 3, 7, 11])('rows with edge values, turned by %i', (turn) => {
    const beta = random(64);
    const gadget = numbers(512, edges, true);
    const alpha0 = numbers(2048, rotated(turn), false);
    const alpha1 = numbers(2048, beyond, false);
    const a = numbers(4, edges.slice(turn), true);
    const reduced = numbers(2048, edges.slice(turn), true);
    expect(toHex(kernel.sumSelected(gadget, beta))).toBe(toHex(reference.sumSelected(gadget, beta)));
    expect(toHex(kernel.maskRows(alpha0, alpha1, a))).toBe(toHex(reference.maskRows(alpha0, alpha1, a)));
    expect(toHex(kernel.openRows(alpha0, beta, reduced))).toBe(
      toHex(reference.openRows(alpha0, beta, reduced)),
    );
    const fold = { rows: alpha0, theta: numbers(4, [], true), gadget, beta, eta: numbers(2, [], true) };
    const [ours, theirs] = [kernel.foldRows(fold), reference.foldRows(fold)];
    expect(toHex(ours.check)).toBe(toHex(theirs.check));
    expect(toHex(ours.sums)).toBe(toHex(theirs.sums));
  });

  test('the largest values everywhere: no accumulator overflows', () => {
    const most = (count: number): Bytes => new Uint8Array(32 * count).fill(0xff);
    const mostScalar = (count: number): Bytes => {
      const out = new Uint8Array(32 * count);
      for (let i = 0; i < count; i++) out.set(scalarFrom(q - 1n), 32 * i);
      return out;
    };
    const ones = new Uint8Array(64).fill(0xff);
    const fold = {
      rows: most(2048),
      theta: mostScalar(4),
      gadget: mostScalar(512),
      beta: ones,
      eta: mostScalar(2),
    };
    const [ours, theirs] = [kernel.foldRows(fold), reference.foldRows(fold)];
    expect([toHex(ours.check), toHex(ours.sums)]).toEqual([toHex(theirs.check), toHex(theirs.sums)]);
    expect(toHex(kernel.sumSelected(mostScalar(512), ones))).toBe(
      toHex(reference.sumSelected(mostScalar(512), ones)),
    );
    expect(toHex(kernel.maskRows(most(2048), new Uint8Array(65_536), mostScalar(4)))).toBe(
      toHex(reference.maskRows(most(2048), new Uint8Array(65_536), mostScalar(4))),
    );
    expect(toHex(kernel.openRows(most(2048), ones, mostScalar(2048)))).toBe(
      toHex(reference.openRows(most(2048), ones, mostScalar(2048))),
    );
  });
});

describe('memory', () => {
  const { arithmetic, memory } = createKernel();
  const untouched = toHex(memory.subarray(0, WORKING));
  const scalar = scalarFrom(q - 5n);
  const context = { id: random(32), direction: 1 } as const;
  const rows = random(65_536);
  const calls: Record<string, () => unknown> = {
    add: () => arithmetic.add(scalar, scalar),
    sub: () => arithmetic.sub(scalar, scalar),
    mul: () => arithmetic.mul(scalar, scalar),
    inverse: () => arithmetic.inverse(scalar),
    reduce: () => arithmetic.reduce(random(96)),
    reduceNonZero: () => arithmetic.reduceNonZero(random(48)),
    generatorRows: () => arithmetic.generatorRows(context, random(4096), random(16)),
    pads: () => arithmetic.pads(context, random(8192)),
    transpose: () => arithmetic.transpose(random(10_240)),
    combine: () => arithmetic.combine(random(8192), random(10_240)),
    sumSelected: () => arithmetic.sumSelected(random(16_384), random(64)),
    maskRows: () => arithmetic.maskRows(rows, rows, random(128)),
    openRows: () => arithmetic.openRows(rows, random(64), rows),
    foldRows: () =>
      arithmetic.foldRows({
        rows,
        theta: random(128),
        gadget: random(16_384),
        beta: random(64),
        eta: random(64),
      }),
  };

  test('the list names every operation', () => {
    expect(Object.keys(calls).toSorted()).toEqual(Object.keys(arithmetic).toSorted());
  });

  test.each(Object.entries(calls))('%s leaves nothing behind', (_, call) => {
    call();
    expect(memory.subarray(WORKING).every((b) => b === 0)).toBe(true);
    expect(toHex(memory.subarray(0, WORKING))).toBe(untouched);
  });

  test('an input of a wrong length is refused, and leaves nothing behind', () => {
    const short = scalar.subarray(1) as Scalar;
    expect(() => arithmetic.add(short, scalar)).toThrow(RangeError);
    expect(() => arithmetic.maskRows(rows, rows.subarray(1), random(128))).toThrow(RangeError);
    expect(() => arithmetic.transpose(rows)).toThrow(RangeError);
    expect(() => arithmetic.pads(context, random(16))).toThrow(RangeError);
    expect(memory.subarray(WORKING).every((b) => b === 0)).toBe(true);
  });
});

describe('the module that is checked in', () => {
  test('is what the source compiles to', () => {
    const file = new URL('../../shared/mpc/kernel/kernel.wasm.ts', import.meta.url);
    expect(readFileSync(file, 'utf8')).toBe(kernelModule(compileKernel()));
  }, 60_000);

  test('every source branches on public values alone: the exponent, row numbers, a public offset', () => {
    const folder = new URL('../../shared/mpc/kernel/assembly/', import.meta.url);
    const branches = readdirSync(folder)
      .filter((name) => name !== 'index.ts')
      .sort()
      .flatMap((name) =>
        readFileSync(new URL(name, folder), 'utf8')
          .split('\n')
          .filter((line) => /\bif \(|\?|switch|while|&&|\|\|/.test(line) && !/^\s*(\/\/|\/?\*)/.test(line))
          .map((line) => `${name}: ${line.trim()}`),
      );
    expect(branches).toEqual([
      'field.ts: if (exponentBit(i)) {',
      'field.ts: if (i < 64) word = 0xbfd25e8cd036413f;',
      'field.ts: else if (i < 128) word = 0xbaaedce6af48a03b;',
      'field.ts: else if (i < 192) word = 0xfffffffffffffffe;',
      'keccak.ts: const at = row & 1 ? SECOND : FIRST;',
      'keccak.ts: if (bitAt) store<u8>(at + bitAt, (load<u8>(bits + (row >> 3)) >> <u8>(row & 7)) & 1);',
      'keccak.ts: if (!(row & 1)) continue;',
    ]);
  });
});
