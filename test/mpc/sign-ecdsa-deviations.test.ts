import { describe, expect, test } from '@jest/globals';
import type { Bytes } from '#shared/bytes.ts';
import type { AbortCode } from '#shared/errors.ts';
import { kernel } from '#shared/mpc/kernel/kernel.ts';
import type { EcdsaKeyShare } from '#shared/mpc/key-share.ts';
import { type Field, type Layout, lengthOf, split } from '#shared/mpc/layout.ts';
import { once } from '#shared/mpc/once.ts';
import { addPublic, mulBase, negate, type Point, randomScalar, type Scalar } from '#shared/mpc/secp256k1.ts';
import { p1Finish, p1Middle, p1Start, p2Finish, p2Respond } from '#shared/mpc/sign-ecdsa.ts';
import { s1Layout, s2Layout, s3Layout, s4Layout } from '#shared/mpc/sign-ecdsa-messages.ts';
import { chiOf } from '#shared/mpc/sign-ecdsa-round2.ts';
import { openState } from '#shared/mpc/sign-ecdsa-state.ts';
import { deviantFinish, deviantMiddle, type Lies } from '../support/ecdsa-deviant.ts';
import { abortOf, dealShares, makeRequest, one, patch, plusOne } from '../support/ecdsa-session.ts';
import { seededRandom } from '../support/random.ts';

const slow = process.env['SLOW'] === '1';
const random = seededRandom('deviations');
const [share1, share2] = dealShares(random);
const tau = randomScalar(random);
const request = makeRequest(share1, random, tau);
const G = mulBase(one);
const zero = new Uint8Array(32) as Scalar;
const sum = (...points: Point[]): Point => addPublic(...points) as Point;

/** A session whose Node 1 has not yet answered S2, and χ2, which it should not know. */
function untilS2(own1: EcdsaKeyShare = share1) {
  const reqId = random(16);
  const [started, S1] = p1Start(own1, request, random);
  const [stored, S2] = p2Respond(share2, request, reqId, S1, random);
  const { beta2 } = openState({ share: share2, request, reqId, ssid: stored.ssid }, stored.sealed);
  return { reqId, started, stored, S2, chi2: chiOf(share2.sid, 2, beta2, kernel) };
}

interface Deviation {
  readonly name: string;
  /** χ is the peer's. */
  readonly lies?: (chi: Scalar) => Lies;
  readonly change?: (share: EcdsaKeyShare) => EcdsaKeyShare;
  readonly expected: AbortCode;
}

const deviations: Deviation[] = [
  { name: 'honest', expected: 'none' as AbortCode },
  { name: 'VOLE_r_plus1', lies: () => ({ multiply: (r, sk) => [plusOne(r), sk] }), expected: 'E_GAMMA' },
  { name: 'VOLE_sk_plus1', lies: () => ({ multiply: (r, sk) => [r, plusOne(sk)] }), expected: 'E_GAMMA' },
  { name: 'VOLE_r_zero', lies: () => ({ multiply: (_, sk) => [zero, sk] }), expected: 'E_GAMMA' },
  { name: 'VOLE_sk_zero', lies: () => ({ multiply: (r) => [r, zero] }), expected: 'E_GAMMA' },
  { name: 'VOLE_r_negated', lies: () => ({ multiply: (r, sk) => [negate(r), sk] }), expected: 'E_GAMMA' },
  { name: 'swap_inputs', lies: () => ({ multiply: (r, sk) => [sk, r] }), expected: 'E_GAMMA' },
  {
    name: 'GammaU_plusG',
    lies: () => ({ say: ({ GammaU }) => ({ GammaU: sum(GammaU as Point, G) }) }),
    expected: 'E_GAMMA',
  },
  {
    name: 'GammaV_plusG',
    lies: () => ({ say: ({ GammaV }) => ({ GammaV: sum(GammaV as Point, G) }) }),
    expected: 'E_GAMMA',
  },
  {
    // (r + 1)χ - χ = rχ: whoever guesses χ corrects Γ by it and passes. Nobody does but this test, below.
    name: 'au_plus1_Gamma_guess',
    lies: () => ({
      multiply: (r, sk) => [plusOne(r), sk],
      say: ({ GammaU }) => ({ GammaU: sum(GammaU as Point, mulBase(randomScalar(random))) }),
    }),
    expected: 'E_GAMMA',
  },
  { name: 'R_other', lies: () => ({ say: ({ R }) => ({ R: sum(R as Point, G) }) }), expected: 'E_COM' },
  { name: 'rho_other', lies: () => ({ say: () => ({ rho: random(32) }) }), expected: 'E_COM' },
  { name: 'pk_other', lies: () => ({ say: ({ pk }) => ({ pk: sum(pk as Point, G) }) }), expected: 'E_PK' },
  { name: 'x_plus1', change: (share) => ({ ...share, x: plusOne(share.x) }), expected: 'E_PK' },
  { name: 'zeta_mismatch', change: (share) => ({ ...share, zseed: random(32) }), expected: 'E_PK' },
  {
    name: 'psi_plus1',
    lies: () => ({ say: ({ psi }) => ({ psi: plusOne(psi) }) }),
    expected: 'E_SIG',
  },
];

describe('a node that leaves the protocol is found out', () => {
  test.each(deviations)(
    'Node 1: $name -> $expected',
    ({ lies = () => ({}), change = (s) => s, expected }) => {
      const { reqId, started, stored, S2, chi2 } = untilS2(change(share1));
      const S3 = deviantMiddle(started, change(share1), S2, random, lies(chi2));
      const code = abortOf(() => p2Finish(share2, request, reqId, stored, S3, random));
      // ψ is checked by nothing but the signature, which Node 1 alone sees.
      expect(code).toBe(expected === 'E_SIG' ? 'none' : expected);
    },
  );

  test.each(deviations)(
    'Node 2: $name -> $expected',
    ({ lies = () => ({}), change = (s) => s, expected }) => {
      const { reqId, started, stored, S2 } = untilS2();
      const [middle, S3] = p1Middle(started, share1, request, S2, random);
      const state = middle.take();
      const S4 = deviantFinish(change(share2), request, reqId, stored, S3, random, lies(state.chi1));
      expect(abortOf(() => p1Finish(once(state), request, S4, random))).toBe(expected);
    },
  );

  test('Node 2: tau_wrong -> E_PK', () => {
    const { reqId, started, stored, S2 } = untilS2();
    const [middle, S3] = p1Middle(started, share1, request, S2, random);
    const wrong = { ...request, tau: plusOne(tau) };
    const S4 = deviantFinish(share2, wrong, reqId, stored, S3, random, {});
    expect(abortOf(() => p1Finish(middle, request, S4, random))).toBe('E_PK');
  });

  test.each([
    ['w_plus1', 'w'],
    ['u_plus1', 'u'],
    ['psi_plus1 in S3, seen by Node 1 itself', 'psi'],
  ] as const)('%s -> E_SIG', (_, name) => {
    const { reqId, started, stored, S2 } = untilS2();
    const [middle, honest3] = p1Middle(started, share1, request, S2, random);
    const S3 = name === 'psi' ? patch(s3Layout, honest3, ({ psi }) => ({ psi: plusOne(psi) })) : honest3;
    const honest4 = p2Finish(share2, request, reqId, stored, S3, random);
    const S4 = name === 'psi' ? honest4 : patch(s4Layout, honest4, (raw) => ({ [name]: plusOne(raw[name]) }));
    expect(abortOf(() => p1Finish(middle, request, S4, random))).toBe('E_SIG');
  });

  test('who knew χ would pass the check of Γ: then the signature fails', () => {
    const { reqId, started, stored, S2 } = untilS2();
    const [middle, S3] = p1Middle(started, share1, request, S2, random);
    const state = middle.take();
    const right: Lies = {
      multiply: (r, sk) => [plusOne(r), sk],
      // Γ^u must make d^u·G + Γ^u = χ·R although d^u is now (r + 1)χ - c^u.
      say: ({ GammaU }) => ({ GammaU: sum(GammaU as Point, mulBase(negate(state.chi1))) }),
    };
    const S4 = deviantFinish(share2, request, reqId, stored, S3, random, right);
    expect(abortOf(() => p1Finish(once(state), request, S4, random))).toBe('E_SIG');
  });
});

/** What a flipped bit in each field comes to: at most these codes, and never a signature. */
const expected: Readonly<Record<string, readonly AbortCode[]>> = {
  'S1 bind': ['E_REQ'],
  'S1 n1': ['E_REQ'],
  'S1 com1': ['E_REQ'],
  'S2 ssid': ['E_REQ'],
  'S2 n2': ['E_REQ'],
  'S2 com2': ['E_REQ'],
  'S2 U': ['E_OT'],
  'S2 xTilde': ['E_OT'],
  'S2 tTilde': ['E_OT'],
  'S3 tr': ['E_REQ'],
  'S3 U': ['E_OT'],
  'S3 xTilde': ['E_OT'],
  'S3 tTilde': ['E_OT'],
  ...Object.fromEntries(
    (['S3', 'S4'] as const).flatMap((message): [string, AbortCode[]][] => [
      [`${message} R`, ['E_COM', 'E_MSG']],
      [`${message} rho`, ['E_COM']],
      [`${message} pk`, ['E_PK', 'E_MSG']],
      [`${message} GammaU`, ['E_GAMMA', 'E_MSG']],
      [`${message} GammaV`, ['E_GAMMA', 'E_MSG']],
      [`${message} psi`, ['E_SIG', 'E_MSG']],
      [`${message} A`, ['E_VOLE', 'E_MSG']],
      [`${message} eta`, ['E_VOLE', 'E_MSG']],
      [`${message} mu`, ['E_VOLE']],
    ]),
  ),
  'S4 tr': ['E_REQ'],
  'S4 w': ['E_SIG', 'E_MSG'],
  'S4 u': ['E_SIG', 'E_MSG'],
};

/** Positions to change in a message: all when slow, otherwise the ends of every field and some between. */
function positions(layout: Layout): { readonly field: string; readonly at: number }[] {
  let start = 0;
  return (layout as readonly Field[]).flatMap(({ name, length }) => {
    const from = start;
    start += length;
    const some = [0, 1, length >> 1, length - 1, (length * 617) % length, (length * 3) >> 2];
    const chosen = slow ? Array.from({ length }, (_, i) => i) : [...new Set(some)];
    return chosen.map((i) => ({ field: name, at: from + i }));
  });
}

const flipped = (b: Bytes, at: number): Bytes => {
  const out = b.slice();
  out[at] = (out[at] as number) ^ (1 << (at & 7));
  return out;
};

describe('every byte counts', () => {
  test('the table names every field', () => {
    const layouts = { S1: s1Layout, S2: s2Layout, S3: s3Layout, S4: s4Layout };
    const fields = Object.entries(layouts).flatMap(([m, layout]) =>
      (layout as readonly Field[]).map(({ name }) => `${m} ${name}`),
    );
    expect(Object.keys(expected).toSorted()).toEqual(fields.toSorted());
    expect(lengthOf(s1Layout) + lengthOf(s2Layout) + lengthOf(s3Layout) + lengthOf(s4Layout)).toBe(156_584);
  });

  // One session, of which each round is played again and again: Node 1's states are copied, because a
  // round wipes what it was given.
  const { reqId, started, stored, S2 } = untilS2();
  const afterS1 = started.take();
  const [middle, S3] = p1Middle(once(structuredClone(afterS1)), share1, request, S2, random);
  const afterS3 = middle.take();
  const S4 = p2Finish(share2, request, reqId, stored, S3, random);
  const finish = (message: Bytes): unknown =>
    p1Finish(once(structuredClone(afterS3)), request, message, random);

  const rounds: Readonly<Record<string, readonly [Layout, Bytes, (message: Bytes) => unknown]>> = {
    S1: [
      s1Layout,
      afterS1.S1,
      (message) => {
        const [, answer] = p2Respond(share2, request, reqId, message, random);
        return p1Middle(once(structuredClone(afterS1)), share1, request, answer, random);
      },
    ],
    S2: [
      s2Layout,
      S2,
      (message) => p1Middle(once(structuredClone(afterS1)), share1, request, message, random),
    ],
    S3: [s3Layout, S3, (message) => finish(p2Finish(share2, request, reqId, stored, message, random))],
    S4: [s4Layout, S4, finish],
  };

  test.each(Object.entries(rounds))(
    '%s',
    (name, [layout, message, round]) => {
      expect(abortOf(() => round(message))).toBe('none');
      const wrong = positions(layout).flatMap(({ field, at }) => {
        const code = abortOf(() => round(flipped(message, at)));
        return expected[`${name} ${field}`]?.includes(code as AbortCode)
          ? []
          : [`${field} at ${at}: ${code}`];
      });
      expect(wrong).toEqual([]);
    },
    1_800_000,
  );
});

test('a field of one session does not fit another', () => {
  const one = untilS2();
  const two = untilS2();
  const [, three] = p1Middle(one.started, share1, request, one.S2, random);
  expect(abortOf(() => p2Finish(share2, request, two.reqId, two.stored, three, random))).toBe('E_REQ');
  const { tr } = split(s3Layout, p1Middle(two.started, share1, request, two.S2, random)[1]);
  const forged = patch(s3Layout, three, { tr });
  expect(abortOf(() => p2Finish(share2, request, two.reqId, two.stored, forged, random))).toBe('E_COM');
});
