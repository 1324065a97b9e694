import { describe, expect, test } from '@jest/globals';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import * as tiny from 'tiny-secp256k1';
import { type Bytes, fromHex, toHex, u32be } from '#shared/bytes.ts';
import type { AbortCode } from '#shared/errors.ts';
import { decodeKeyShare, encodeKeyShare, keyShareLength, secretLength } from '#shared/mpc/key-share.ts';
import { encode, type Field, lengthOf, split } from '#shared/mpc/layout.ts';
import { once } from '#shared/mpc/once.ts';
import {
  mulBase,
  negate,
  negatePublic,
  type Point,
  q,
  type Scalar,
  scalarFrom,
} from '#shared/mpc/secp256k1.ts';
import { p1Finish, p1Middle, p1Start, p2Finish, p2Respond } from '#shared/mpc/sign-ecdsa.ts';
import { commit1, commit2, s1Layout, s2Layout, s3Layout, s4Layout } from '#shared/mpc/sign-ecdsa-messages.ts';
import { checkOpening } from '#shared/mpc/sign-ecdsa-round2.ts';
import { compactSignature } from '#shared/mpc/sign-ecdsa-signature.ts';
import { deviantRespond, swapped, swappedColumns } from '../support/ecdsa-deviant.ts';
import {
  abortOf,
  dealShares,
  makeRequest,
  patch,
  play,
  plusOne,
  type Session,
} from '../support/ecdsa-session.ts';
import { seededRandom } from '../support/random.ts';

const slow = process.env['SLOW'] === '1';
const random = seededRandom('sign-ecdsa');
const shares = dealShares(random);
const [share1, share2] = shares;
const tau = scalarFrom(0x1234567890n);
const request = makeRequest(share1, random, tau);
const honest = (): Session => ({ shares, requests: [request, request], reqId: random(16), random });

/** All four messages of an honest session. */
function record(session: Session) {
  const messages: Record<'S1' | 'S2' | 'S3' | 'S4', Bytes> = { S1: none, S2: none, S3: none, S4: none };
  const keep = (name: keyof typeof messages) => (b: Bytes) => {
    messages[name] = b;
    return b;
  };
  const outcome = play({ ...session, S1: keep('S1'), S2: keep('S2'), S3: keep('S3'), S4: keep('S4') });
  if (outcome.code) throw new Error(outcome.code);
  return messages;
}
const none = new Uint8Array(0);
const other = record(honest());

interface Case extends Partial<Session> {
  readonly name: string;
  readonly expected: readonly [AbortCode, 1 | 2];
}

/** Who reads each message. */
const reader = { S1: 2, S2: 1, S3: 2, S4: 1 } as const;
const layouts = { S1: s1Layout, S2: s2Layout, S3: s3Layout, S4: s4Layout } as const;
type Message = keyof typeof layouts;

const point = (prefix: number, x: string): Bytes => fromHex(prefix.toString(16).padStart(2, '0') + x);
const field = (n: bigint): string => n.toString(16).padStart(64, '0');
const notPoints: Readonly<Record<string, (P: Bytes) => Bytes>> = {
  prefix04: (P) => Uint8Array.of(4, ...P.subarray(1)),
  prefix06: (P) => Uint8Array.of(6, ...P.subarray(1)),
  zero33: () => new Uint8Array(33),
  // x = 5: x^3 + 7 is not a square.
  offcurve: () => point(2, field(5n)),
  // p + 1: the curve has a point with x = 1, and this is its x in another guise.
  x_ge_p: () => point(2, 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30'),
};
const order = field(q);

const lengths: Case[] = (['S1', 'S2', 'S3', 'S4'] as const).flatMap((message) =>
  Object.entries({
    short: (b: Bytes) => b.subarray(0, -1),
    long: (b: Bytes) => Uint8Array.of(...b, 0),
    empty: () => none,
  }).map(
    ([name, change]): Case => ({
      name: `${message.toLowerCase()}_${name}`,
      [message]: change,
      expected: ['E_MSG', reader[message]],
    }),
  ),
);

const setAt = (b: Bytes, at: number, value: Bytes): Bytes => {
  const out = b.slice();
  out.set(value, at);
  return out;
};

/** Every point and scalar of every message, made invalid in every way. */
const values: Case[] = (['S3', 'S4'] as const).flatMap((message) =>
  (layouts[message] as readonly Field[]).flatMap(({ name, kind, length }): Case[] => {
    const make = (label: string, change: (value: Bytes) => Bytes): Case => ({
      name: `${message.toLowerCase()}_${name}_${label}`,
      [message]: (b: Bytes) =>
        patch(layouts[message], b, (raw) => ({
          [name]: change((raw as Record<string, Bytes>)[name] as Bytes),
        })),
      expected: ['E_MSG', reader[message]],
    });
    if (kind === 'point') return Object.entries(notPoints).map(([label, change]) => make(label, change));
    if (kind !== 'scalar' && kind !== 'scalars') return [];
    return [
      make('first_eq_q', (value) => setAt(value, 0, fromHex(order))),
      make('last_max', (value) => setAt(value, length - 32, new Uint8Array(32).fill(0xff))),
    ];
  }),
);

const sevenG = mulBase(scalarFrom(7n));
const epochTwo = { ...share2, epoch: 2 };
const otherQ = { ...request, Q: share2.Q };

const identities: Case[] = [
  { name: 'other_reqHash', requests: [request, { ...request, reqHash: random(32) }], expected: ['E_REQ', 2] },
  { name: 'other_digest', requests: [request, { ...request, digest: random(32) }], expected: ['E_REQ', 2] },
  { name: 'other_path', requests: [request, { ...request, path: 'm/0/8' }], expected: ['E_REQ', 2] },
  { name: 'other_epoch', shares: [share1, epochTwo], expected: ['E_REQ', 2] },
  { name: 'other_sid', shares: [share1, { ...share2, sid: random(32) }], expected: ['E_REQ', 2] },
  { name: 'other_Qprime', requests: [request, otherQ], expected: ['E_REQ', 2] },
  { name: 's1_bind_other', S1: (b) => patch(s1Layout, b, { bind: random(32) }), expected: ['E_REQ', 2] },
  { name: 's2_ssid_other', S2: (b) => patch(s2Layout, b, { ssid: random(32) }), expected: ['E_REQ', 1] },
  { name: 's2_n2_other', S2: (b) => patch(s2Layout, b, { n2: random(32) }), expected: ['E_REQ', 1] },
  {
    name: 's2_com2_of_other_S2',
    S2: (b) => patch(s2Layout, b, { com2: split(s2Layout, other.S2).com2 }),
    expected: ['E_REQ', 1],
  },
  { name: 's2_of_other_session', S2: () => other.S2, expected: ['E_REQ', 1] },
  {
    name: 's1_n1_other_seen_by_N1',
    S1: (b) => patch(s1Layout, b, { n1: random(32) }),
    expected: ['E_REQ', 1],
  },
  {
    name: 's1_com1_other_seen_by_N1',
    S1: (b) => patch(s1Layout, b, { com1: random(32) }),
    expected: ['E_REQ', 1],
  },
  { name: 's3_tr_other', S3: (b) => patch(s3Layout, b, { tr: random(32) }), expected: ['E_REQ', 2] },
  { name: 's4_tr_other', S4: (b) => patch(s4Layout, b, { tr: random(32) }), expected: ['E_REQ', 1] },
  { name: 's3_of_other_session', S3: () => other.S3, expected: ['E_REQ', 2] },
  { name: 's4_of_other_session', S4: () => other.S4, expected: ['E_REQ', 1] },
];

type Round2Raw = ReturnType<typeof split<typeof s4Layout>>;

/** The same change to S3 and to S4. */
const both = (
  name: string,
  code: AbortCode,
  change: (raw: Round2Raw, elsewhere: Round2Raw) => Partial<Omit<Round2Raw, 'tr' | 'w' | 'u'>>,
): Case[] => [
  {
    name: `s3_${name}`,
    S3: (b) =>
      patch(s3Layout, b, (raw) =>
        change(raw as unknown as Round2Raw, split(s3Layout, other.S3) as unknown as Round2Raw),
      ),
    expected: [code, 2],
  },
  {
    name: `s4_${name}`,
    S4: (b) => patch(s4Layout, b, (raw) => change(raw, split(s4Layout, other.S4))),
    expected: [code, 1],
  },
];

const contents: Case[] = [
  ...both('swap_rows', 'E_VOLE', ({ A }) => ({ A: swapped(A, 3, 4, 128) })),
  ...both('swap_columns', 'E_VOLE', ({ A }) => ({ A: swappedColumns(A, 0, 1) })),
  ...both('swap_check_columns', 'E_VOLE', ({ A }) => ({ A: swappedColumns(A, 2, 3) })),
  ...both('eta_plus_one', 'E_VOLE', ({ eta }) => ({ eta: setAt(eta, 0, plusOne(eta.slice(0, 32))) })),
  ...both('mu_zero', 'E_VOLE', () => ({ mu: new Uint8Array(32) })),
  ...both('vole_of_other', 'E_VOLE', (_, { A, eta, mu }) => ({ A, eta, mu })),
  ...both('gammas_swapped', 'E_GAMMA', ({ GammaU, GammaV }) => ({ GammaU: GammaV, GammaV: GammaU })),
  ...both('gamma_u_of_other', 'E_GAMMA', (_, { GammaU }) => ({ GammaU })),
  ...both('gamma_v_of_other', 'E_GAMMA', (_, { GammaV }) => ({ GammaV })),
  ...both('pk_7G', 'E_PK', () => ({ pk: sevenG })),
  ...both('rho_random', 'E_COM', () => ({ rho: random(32) })),
  ...both('R_of_other_session', 'E_COM', (_, { R }) => ({ R })),
  ...both('R_and_rho_of_other_session', 'E_COM', (_, { R, rho }) => ({ R, rho })),
  ...both('adjust_of_other', 'E_COM', (_, { R, rho, pk, GammaU, GammaV, psi }) => ({
    R,
    rho,
    pk,
    GammaU,
    GammaV,
    psi,
  })),
  {
    name: 's2_ext_of_other_S2',
    S2: (b) =>
      patch(s2Layout, other.S2, () => (({ ssid, n2, com2 }) => ({ ssid, n2, com2 }))(split(s2Layout, b))),
    expected: ['E_OT', 1],
  },
  {
    name: 's3_ext_of_other_S3',
    S3: (b) =>
      patch(s3Layout, b, () =>
        (({ U, xTilde, tTilde }) => ({ U, xTilde, tTilde }))(split(s3Layout, other.S3)),
      ),
    expected: ['E_OT', 2],
  },
  {
    name: 's4_fragment_of_other_S4',
    S4: (b) => patch(s4Layout, b, () => (({ w, u }) => ({ w, u }))(split(s4Layout, other.S4))),
    expected: ['E_SIG', 1],
  },
  {
    name: 's4_wu_swapped',
    S4: (b) => patch(s4Layout, b, ({ w, u }) => ({ w: u, u: w })),
    expected: ['E_SIG', 1],
  },
  {
    name: 's4_wu_negated',
    S4: (b) => patch(s4Layout, b, ({ w, u }) => ({ w: negate(w as Scalar), u: negate(u as Scalar) })),
    expected: ['E_SIG', 1],
  },
  {
    name: 's4_wu_zero',
    S4: (b) => patch(s4Layout, b, { w: new Uint8Array(32), u: new Uint8Array(32) }),
    expected: ['E_SIG', 1],
  },
];

/** Flips a bit of the seed that the other node's Δ has chosen from pair 9. */
function withWrongSeed(K: Bytes, delta: Bytes): Bytes {
  const out = K.slice();
  const at = 64 * 9 + 32 * (((delta[1] as number) >> 1) & 1);
  out[at] = (out[at] as number) ^ 1;
  return out;
}

const records: Case[] = [
  {
    name: 'selftest_n1_seed_corrupt',
    shares: [{ ...share1, K: withWrongSeed(share1.K, share2.delta) }, share2],
    expected: ['E_OT', 2],
  },
  {
    name: 'selftest_n2_seed_corrupt',
    shares: [share1, { ...share2, K: withWrongSeed(share2.K, share1.delta) }],
    expected: ['E_OT', 1],
  },
  { name: 'tau_wrong_at_N2', requests: [request, { ...request, tau: plusOne(tau) }], expected: ['E_PK', 2] },
  { name: 'zeta_mismatch', shares: [share1, { ...share2, zseed: random(32) }], expected: ['E_PK', 2] },
];

describe('what each node refuses', () => {
  test.each([...lengths, ...values, ...identities, ...contents, ...records])('$name -> $expected', (one) => {
    const { name: _, expected, ...changed } = one;
    const { code, node } = play({ ...honest(), ...changed });
    expect([code, node]).toEqual(expected);
  });

  test('reflect_Round2_of_S3_as_S4', () => {
    let S3: Bytes = none;
    const outcome = play({
      ...honest(),
      S3: (b) => {
        S3 = b;
        return b;
      },
      S4: (b) => {
        const { R, rho, pk, GammaU, GammaV, psi, A, eta, mu } = split(s3Layout, S3);
        return patch(s4Layout, b, { R, rho, pk, GammaU, GammaV, psi, A, eta, mu });
      },
    });
    expect(outcome).toEqual({ code: 'E_COM', node: 1 });
  });

  /** A session whose Node 2 commits to what it likes, and otherwise answers as it should. */
  function withCommitment(commit: (S1: Bytes, n2: Bytes, R2: Point, rho2: Bytes, R1: Point) => Bytes) {
    const reqId = random(16);
    const [started, S1] = p1Start(share1, request, random);
    const taken = started.take();
    const [stored, S2] = deviantRespond(share2, request, reqId, S1, random, (n2, R2, rho2) =>
      commit(S1, n2, R2, rho2, taken.R1),
    );
    const [middle, S3] = p1Middle(once(taken), share1, request, S2, random);
    const S4 = p2Finish(share2, request, reqId, stored, S3, random);
    return { taken, middle, S4 };
  }

  test('com2_opened_as_role1, and as role 2 it opens', () => {
    const bound = ({ bind }: { bind: Bytes }) => bind;
    const { middle, S4 } = withCommitment((S1, n2, R2, rho2) =>
      commit1(bound(split(s1Layout, S1)), n2, R2, rho2),
    );
    expect(abortOf(() => p1Finish(middle, request, S4, random))).toBe('E_COM');
    const right = withCommitment((S1, n2, R2, rho2) => commit2(bound(split(s1Layout, S1)), S1, n2, R2, rho2));
    expect(p1Finish(right.middle, request, right.S4, random).r).toHaveLength(32);
  });

  test('Node 1 does not change its mind about the request between S1 and S3', () => {
    const [started, S1] = p1Start(share1, request, random);
    const [, S2] = p2Respond(share2, request, random(16), S1, random);
    const changed = { ...request, digest: random(32) };
    expect(abortOf(() => p1Middle(started, share1, changed, S2, random))).toBe('E_REQ');
  });

  test('R_sum_infinity, after the commitment and the shares were checked', () => {
    const rho = random(32);
    const { middle, S4 } = withCommitment((S1, n2, _R2, _rho2, R1) =>
      commit2(split(s1Layout, S1).bind, S1, n2, negatePublic(R1), rho),
    );
    const state = middle.take();
    const forged = patch(s4Layout, S4, { R: negatePublic(state.R1), rho });
    expect(abortOf(() => p1Finish(once(state), request, forged, random))).toBe('E_MSG');
    const own = { R: mulBase(scalarFrom(3n)), pk: mulBase(scalarFrom(4n)) };
    const peer = { R: negatePublic(own.R), pk: mulBase(scalarFrom(5n)) };
    const Q = mulBase(scalarFrom(9n));
    expect(abortOf(() => checkOpening(true, peer, own, Q))).toBe('E_MSG');
    expect(abortOf(() => checkOpening(true, peer, own, sevenG))).toBe('E_PK');
    expect(abortOf(() => checkOpening(true, { ...peer, pk: negatePublic(own.pk) }, own, Q))).toBe('E_PK');
    expect(abortOf(() => checkOpening(false, peer, own, sevenG))).toBe('E_COM');
    expect(abortOf(() => checkOpening(true, { ...peer, R: own.R }, own, Q))).toBe('none');
  });
});

describe('what may be used once', () => {
  const open = () => {
    const reqId = random(16);
    const [started, S1] = p1Start(share1, request, random);
    const [stored, S2] = p2Respond(share2, request, reqId, S1, random);
    return { reqId, started, stored, S2 };
  };

  test('n1_session_twice, also after a failure', () => {
    const { started, S2 } = open();
    p1Middle(started, share1, request, S2, random);
    expect(abortOf(() => p1Middle(started, share1, request, S2, random))).toBe('E_USED');
    const failing = open();
    expect(abortOf(() => p1Middle(failing.started, share1, request, none, random))).toBe('E_MSG');
    expect(abortOf(() => p1Middle(failing.started, share1, request, failing.S2, random))).toBe('E_USED');
  });

  test('n1_fragment_twice, also after a failure', () => {
    for (const first of ['right', 'wrong'] as const) {
      const { reqId, started, stored, S2 } = open();
      const [middle, S3] = p1Middle(started, share1, request, S2, random);
      const S4 = p2Finish(share2, request, reqId, stored, S3, random);
      expect(abortOf(() => p1Finish(middle, request, first === 'right' ? S4 : none, random))).toBe(
        first === 'right' ? 'none' : 'E_MSG',
      );
      expect(abortOf(() => p1Finish(middle, request, S4, random))).toBe('E_USED');
    }
  });

  test('state_{bitflip,other_aad,other_ssid}', () => {
    const { reqId, started, stored, S2 } = open();
    const [, S3] = p1Middle(started, share1, request, S2, random);
    const finish = (changed: Partial<typeof stored>, id = reqId, req = request, share = share2) =>
      abortOf(() => p2Finish(share, req, id, { ...stored, ...changed }, S3, random));
    for (let at = 0; at < stored.sealed.length; at += 13) {
      const sealed = stored.sealed.slice();
      sealed[at] = (sealed[at] as number) ^ 1;
      expect(finish({ sealed })).toBe('E_STATE');
    }
    expect(finish({ sealed: stored.sealed.subarray(1) })).toBe('E_STATE');
    expect(finish({ sealed: none })).toBe('E_STATE');
    expect(finish({}, random(16))).toBe('E_STATE');
    expect(finish({}, reqId, { ...request, digest: random(32) })).toBe('E_STATE');
    expect(finish({}, reqId, { ...request, path: 'm' })).toBe('E_STATE');
    expect(finish({}, reqId, { ...request, reqHash: random(32) })).toBe('E_STATE');
    expect(finish({}, reqId, otherQ)).toBe('E_STATE');
    expect(finish({}, reqId, request, epochTwo)).toBe('E_STATE');
    expect(finish({}, reqId, request, { ...share2, hedgeSeed: random(32) })).toBe('E_STATE');
    const elsewhere = open();
    expect(finish({ ssid: elsewhere.stored.ssid })).toBe('E_STATE');
    expect(finish({ sealed: elsewhere.stored.sealed })).toBe('E_STATE');
    expect(finish({ S1: other.S1 })).toBe('E_STATE');
    expect(finish({})).toBe('none');
  });

  test('secrets are gone after the round that used them', () => {
    const { reqId, started, stored, S2 } = open();
    const first = started.take();
    const [middle, S3] = p1Middle(once(first), share1, request, S2, random);
    expect(first.rho1.every((b) => b === 0)).toBe(true);
    const second = middle.take();
    const { r1, sk1, phi1, chi1, beta1, columns, c } = second;
    const S4 = p2Finish(share2, request, reqId, stored, S3, random);
    p1Finish(once(second), request, S4, random);
    for (const b of [r1, sk1, phi1, chi1, beta1, columns, ...c]) expect(b.every((x) => x === 0)).toBe(true);
    const failing = open();
    const third = failing.started.take();
    expect(abortOf(() => p1Middle(once(third), share1, request, other.S2, random))).toBe('E_REQ');
    for (const b of [third.r1, third.phi1, third.rho1]) expect(b.every((x) => x === 0)).toBe(true);
  });
});

/** Two libraries that had no part in making it accept the signature, and s is low. */
function expectSignature(Q: Point, digest: Bytes, outcome: ReturnType<typeof play>): void {
  if (outcome.code) throw new Error(outcome.code);
  const { signature } = outcome;
  const compact = compactSignature(signature);
  expect(secp256k1.verify(compact, digest, Q, { prehash: false, lowS: true })).toBe(true);
  expect(tiny.verify(digest, Q, compact, true)).toBe(true);
  const recovered = tiny.recover(digest, compact, signature.recoveryId as 0 | 1 | 2 | 3, true);
  expect(toHex(recovered as Bytes)).toBe(toHex(Q));
}

describe('signatures', () => {
  test.each([
    ['0', 0n],
    ['q-1', q - 1n],
    ['q', q],
    ['2^256-1', (1n << 256n) - 1n],
  ])('digest %s', (_, n) => {
    const digest = fromHex(field(n));
    const asked = { ...request, digest };
    expectSignature(request.Q, digest, play({ ...honest(), requests: [asked, asked] }));
  });

  test('x2_plus_tau_zero', () => {
    const own = dealShares(random, { x2: negate(tau) });
    const asked = makeRequest(own[0], random, tau);
    expectSignature(asked.Q, asked.digest, play({ ...honest(), shares: own, requests: [asked, asked] }));
  });

  test('many, with fresh keys and paths: accepted by two other libraries, recoverable, both parities', () => {
    const seen = new Set<number>();
    const count = slow ? 10_000 : 40;
    let own = shares;
    for (let n = 0; n < count; n++) {
      if (n % 10 === 0) own = dealShares(random);
      const tweak = n % 2 === 0 ? scalarFrom(0n) : scalarFrom(BigInt(`0x${toHex(random(31))}`));
      const asked = makeRequest(own[0], random, tweak);
      const outcome = play({ shares: own, requests: [asked, asked], reqId: random(16), random });
      expectSignature(asked.Q, asked.digest, outcome);
      if (outcome.signature) seen.add(outcome.signature.recoveryId);
    }
    expect([...seen].toSorted().slice(0, 2)).toEqual([0, 1]);
  }, 600_000);

  test('the same randomness with another request, or a stuck random source, gives other nonces', () => {
    const stuck = (n: number): Bytes => new Uint8Array(n).fill(1);
    const nonce = (digest: Bytes): string => {
      const [started] = p1Start(share1, { ...request, digest }, stuck);
      return toHex(started.take().R1);
    };
    expect(nonce(random(32))).not.toBe(nonce(random(32)));
    const [a] = p1Start(share1, request, stuck);
    const [b] = p1Start({ ...share1, hedgeSeed: random(32) }, request, stuck);
    expect(toHex(a.take().R1)).not.toBe(toHex(b.take().R1));
  });
});

describe('formats', () => {
  test('message lengths', () => {
    expect([s1Layout, s2Layout, s3Layout, s4Layout].map(lengthOf)).toEqual([96, 12_400, 78_164, 65_924]);
    expect((['S1', 'S2', 'S3', 'S4'] as const satisfies Message[]).map((m) => other[m].length)).toEqual([
      96, 12_400, 78_164, 65_924,
    ]);
  });

  test('a record is 12,567 bytes, of which the first 12,400 are secret, and comes back the same', () => {
    expect([secretLength, keyShareLength]).toEqual([12_400, 12_567]);
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 0xffff_ffff }), (seed, epoch) => {
        for (const share of dealShares(seededRandom(seed))) {
          const bytes = encodeKeyShare({ ...share, epoch });
          expect(toHex(bytes.subarray(0, 32))).toBe(toHex(share.x));
          expect(toHex(bytes.subarray(12_400, 12_436))).toBe(toHex(share.sid) + toHex(u32be(epoch)));
          expect(toHex(encodeKeyShare(decodeKeyShare(share.role, bytes)))).toBe(toHex(bytes));
          expect(decodeKeyShare(share.role, bytes)).toEqual({ ...share, epoch });
        }
      }),
      { numRuns: 5 },
    );
    const bytes = encodeKeyShare(share1);
    expect(abortOf(() => decodeKeyShare(1, bytes.subarray(1)))).toBe('E_MSG');
    expect(abortOf(() => decodeKeyShare(1, setAt(bytes, 0, fromHex(order))))).toBe('E_MSG');
    expect(abortOf(() => decodeKeyShare(1, setAt(bytes, 12_436, Uint8Array.of(4))))).toBe('E_MSG');
  });

  test('a field of another length cannot be encoded', () => {
    const parts = split(s1Layout, other.S1);
    expect(toHex(encode(s1Layout, parts))).toBe(toHex(other.S1));
    expect(() => encode(s1Layout, { ...parts, n1: random(31) })).toThrow(RangeError);
  });
});
