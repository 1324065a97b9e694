import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Bytes, toHex } from '#shared/bytes.ts';
import { reference } from '#shared/mpc/arithmetic-reference.ts';
import { kernel } from '#shared/mpc/kernel/kernel.ts';
import { extendAsReceiver, extendAsSender } from '#shared/mpc/ot-extension.ts';
import { add, mul, randomScalar, type Scalar } from '#shared/mpc/secp256k1.ts';
import {
  gadget,
  multiplyAsReceiver,
  multiplyAsSender,
  type VoleContext,
  type VoleMessage,
} from '#shared/mpc/vole.ts';
import { abortOf, chosenSeeds, plusOne } from '../support/ecdsa-session.ts';
import { seededRandom } from '../support/random.ts';

const zero = new Uint8Array(32) as Scalar;

/** A whole multiplication up to the sender's message. */
function begin(seed: string, inputs?: readonly [Scalar, Scalar], arithmetic = kernel) {
  const random = seededRandom(seed);
  const [K, delta, ssid, x] = [random(8192), random(16), random(32), random(80)];
  const extension = { ssid, direction: 2 as const };
  const [t, message] = extendAsReceiver(extension, K, x, arithmetic);
  const q = extendAsSender(extension, delta, chosenSeeds(K, delta), message, arithmetic);
  const context: VoleContext = { tr: random(32), direction: 2, gadget: gadget(random(32), 2, arithmetic) };
  const beta = x.slice(0, 64);
  const a = inputs ?? ([randomScalar(random), randomScalar(random)] as const);
  const aHat = [randomScalar(random), randomScalar(random)] as const;
  const [c, vole] = multiplyAsSender(context, q, delta, a, aHat, arithmetic);
  return { context, t, beta, a, c, vole, chi: arithmetic.sumSelected(context.gadget, beta), arithmetic };
}

type Begun = ReturnType<typeof begin>;

const receive = ({ context, t, beta, vole, arithmetic }: Begun, changed: Partial<VoleMessage> = {}) =>
  multiplyAsReceiver(context, t, beta, { ...vole, ...changed }, arithmetic);

const added = (b: Bytes, i: number): Bytes => {
  const out = b.slice();
  out.set(plusOne(b.slice(32 * i, 32 * i + 32)), 32 * i);
  return out;
};

describe('random vector multiplication', () => {
  test.each([
    ['kernel', kernel],
    ['reference', reference],
  ] as const)('c + d = a·χ for both inputs, %s', (_, arithmetic) => {
    fc.assert(
      fc.property(fc.string(), (seed) => {
        const begun = begin(seed, undefined, arithmetic);
        const d = receive(begun);
        for (const i of [0, 1] as const)
          expect(toHex(add(begun.c[i], d[i]))).toBe(toHex(mul(begun.a[i], begun.chi)));
      }),
      { numRuns: arithmetic === kernel ? 20 : 2 },
    );
  });

  test('inputs of 0 multiply to 0', () => {
    const begun = begin('zero', [zero, zero]);
    const d = receive(begun);
    expect(toHex(add(begun.c[0], d[0]))).toBe(toHex(zero));
  });

  test('every part of the message is checked', () => {
    const begun = begin('check');
    const code = (changed: Partial<VoleMessage>) => abortOf(() => receive(begun, changed));
    expect(code({})).toBe('none');
    // A changed row changes θ, and with it the sums of all rows: noticed whatever β_j is.
    for (let n = 0; n < 2048; n += 41) expect(code({ A: added(begun.vole.A, n) })).toBe('E_VOLE');
    expect(code({ eta: added(begun.vole.eta, 0) })).toBe('E_VOLE');
    expect(code({ eta: added(begun.vole.eta, 1) })).toBe('E_VOLE');
    expect(code({ mu: new Uint8Array(32) })).toBe('E_VOLE');
  });

  test('a message for another transcript, direction or receiver is refused', () => {
    const begun = begin('bound');
    const { context } = begun;
    expect(
      abortOf(() => receive({ ...begun, context: { ...context, tr: context.tr.map((b) => b ^ 1) } })),
    ).toBe('E_VOLE');
    expect(abortOf(() => receive({ ...begun, context: { ...context, direction: 1 } }))).toBe('E_VOLE');
    expect(abortOf(() => receive({ ...begun, t: begin('else').t }))).toBe('E_VOLE');
    expect(abortOf(() => receive({ ...begun, beta: begin('else').beta }))).toBe('E_VOLE');
  });

  test('the gadget depends on key and direction, and a remembered one is the same', () => {
    const sid = seededRandom('gadget')(32);
    const one = toHex(gadget(sid, 1));
    expect(toHex(gadget(sid, 1))).toBe(one);
    expect(toHex(gadget(sid, 1, reference))).toBe(one);
    expect(toHex(gadget(sid, 2))).not.toBe(one);
    for (let n = 0; n < 40; n++) gadget(seededRandom(`other ${n}`)(32), 1);
    expect(toHex(gadget(sid, 1))).toBe(one);
  });
});
