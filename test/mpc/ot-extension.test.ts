import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Bytes, toHex } from '#shared/bytes.ts';
import {
  type Extension,
  extendAsReceiver,
  extendAsSender,
  receiverColumns,
} from '#shared/mpc/ot-extension.ts';
import { abortOf, chosenSeeds } from '../support/ecdsa-session.ts';
import { seededRandom } from '../support/random.ts';

const bitOf = (b: Bytes, i: number): number => ((b[i >> 3] as number) >> (i & 7)) & 1;

function parties(seed: string) {
  const random = seededRandom(seed);
  const [K, delta, ssid, x] = [random(8192), random(16), random(32), random(80)];
  return { K, delta, Kd: chosenSeeds(K, delta), x, context: { ssid, direction: 1 as const } };
}

const flip = (b: Bytes, bit: number): Bytes => {
  const out = b.slice();
  out[bit >> 3] = (out[bit >> 3] as number) ^ (1 << (bit & 7));
  return out;
};

describe('oblivious-transfer extension', () => {
  test('every column is q_j = t_j ⊕ x_j·Δ', () => {
    fc.assert(
      fc.property(fc.string(), (seed) => {
        const { K, delta, Kd, x, context } = parties(seed);
        const [t, message] = extendAsReceiver(context, K, x);
        const q = extendAsSender(context, delta, Kd, message);
        for (let j = 0; j < 512; j++)
          for (let i = 0; i < 16; i++)
            if (q[16 * j + i] !== ((t[16 * j + i] as number) ^ (bitOf(x, j) * (delta[i] as number))))
              throw new Error(`column ${j}`);
        expect(toHex(receiverColumns(context, K))).toBe(toHex(t));
      }),
      { numRuns: 10 },
    );
  });

  test.each([0, 0xff])('choice bits and Δ of all %i', (fill) => {
    const { K, context } = parties('constant');
    const [x, delta] = [new Uint8Array(80).fill(fill), new Uint8Array(16).fill(fill)];
    const [t, message] = extendAsReceiver(context, K, x);
    const q = extendAsSender(context, delta, chosenSeeds(K, delta), message);
    expect(toHex(q)).toBe(toHex(t.map((b, at) => b ^ ((x[at >> 7] as number) & (delta[at & 15] as number)))));
  });

  // Δ of all ones: the sender then sees every row of U. A flipped bit where Δ_i is 0 changes only the check
  // matrix, and the receiver's sums with it.
  test('each_of_640_columns_detected, each of the 128 rows, and every part of the message', () => {
    const { K, x, context } = parties('detect');
    const delta = new Uint8Array(16).fill(0xff);
    const Kd = chosenSeeds(K, delta);
    const [, message] = extendAsReceiver(context, K, x);
    const code = (changed: Partial<Extension>) =>
      abortOf(() => extendAsSender(context, delta, Kd, { ...message, ...changed }));
    expect(code({})).toBe('none');
    for (let j = 0; j < 640; j++) expect(code({ U: flip(message.U, 640 * (j % 128) + j) })).toBe('E_OT');
    for (let b = 0; b < 128; b++) expect(code({ xTilde: flip(message.xTilde, b) })).toBe('E_OT');
    for (let n = 0; n < 128; n++)
      expect(code({ tTilde: flip(message.tTilde, 128 * n + ((n * 7) % 128)) })).toBe('E_OT');
  });

  test('another session, direction, Δ or seed does not pass', () => {
    const { K, delta, Kd, x, context } = parties('other');
    const [, message] = extendAsReceiver(context, K, x);
    const other = { ...context, ssid: flip(context.ssid, 0) };
    expect(abortOf(() => extendAsSender(other, delta, Kd, message))).toBe('E_OT');
    expect(abortOf(() => extendAsSender({ ...context, direction: 2 }, delta, Kd, message))).toBe('E_OT');
    expect(abortOf(() => extendAsSender(context, flip(delta, 77), Kd, message))).toBe('E_OT');
    expect(abortOf(() => extendAsSender(context, delta, flip(Kd, 8 * 32 * 77), message))).toBe('E_OT');
  });

  test('the mask bits hide the choice bits: another mask gives another check value', () => {
    const { K, x, context } = parties('mask');
    const [, one] = extendAsReceiver(context, K, x);
    const [, two] = extendAsReceiver(context, K, flip(x, 512));
    expect(toHex(one.xTilde)).not.toBe(toHex(two.xTilde));
  });
});
