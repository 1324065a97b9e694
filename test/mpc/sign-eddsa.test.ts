import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ed25519, ed25519_FROST } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { concat, fromHex, toHex, utf8 } from '#shared/bytes.ts';
import { Abort, CustodyError } from '#shared/errors.ts';
import { deriveEd25519 } from '#shared/mpc/derive.ts';
import type { EdKeyShare } from '#shared/mpc/ed-key-share.ts';
import {
  add,
  addPoints,
  decodePoint,
  type EdPoint,
  type EdScalar,
  mul,
  mulBase,
  mulReceived,
  reduceWide,
} from '#shared/mpc/ed25519.ts';
import { bindingFactors, boundCommitment, challenge, hedgedNonce } from '#shared/mpc/frost-ed25519.ts';
import { decodeMessage, encodeMessage } from '#shared/mpc/message.ts';
import {
  type EddsaRequest,
  p1Finish,
  p1Start,
  p2Respond,
  s1Layout,
  s2Layout,
  verifyEddsa,
} from '#shared/mpc/sign-eddsa.ts';
import { generate, testContext } from '../support/dkg.ts';
import { seededRandom } from '../support/random.ts';
import {
  misshape,
  mixedOrderPoints,
  nonCanonicalPoints,
  smallOrderPoints,
  tamper,
} from '../support/tamper.ts';

const { SLOW } = process.env;
const slow = SLOW === '1';
const random = seededRandom('eddsa');
const B = ed25519.Point;
const L = B.Fn.ORDER;
const le = (b: Uint8Array): bigint => BigInt(`0x${toHex(b.slice().reverse())}`);
const toLe = (n: bigint): EdScalar => fromHex(n.toString(16).padStart(64, '0')).reverse() as EdScalar;

function abortOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Abort) return error.abort;
    throw error;
  }
  return 'accepted';
}

function sharesOf(key: string): [EdKeyShare, EdKeyShare] {
  const { node1, node2 } = generate(['ed25519'], key, testContext(['ed25519'], key));
  if (!node1.shares.ed25519 || !node2.shares.ed25519) throw new Error('a share is missing');
  return [node1.shares.ed25519, node2.shares.ed25519];
}

const [share1, share2] = sharesOf('key');
const requestOf = (message: Uint8Array, path = 'm/501/0/3', share = share1): EddsaRequest => ({
  ...deriveEd25519(share.A, share.cc, path),
  message,
  reqHash: random(32),
});

function sign(request: EddsaRequest): Uint8Array {
  const [state, S1] = p1Start(share1, request, random);
  return p1Finish(state, share1, request, p2Respond(share2, request, S1, random));
}

describe('RFC 9591, E.1: FROST(Ed25519, SHA-512)', () => {
  const vector = JSON.parse(
    readFileSync(new URL('../vectors/frost-rfc9591/frost-ed25519-sha512.json', import.meta.url), 'utf8'),
  );
  const ids = vector.inputs.participant_list as [number, number];
  const [one, three] = vector.round_one_outputs.outputs;
  const message = fromHex(vector.inputs.message);
  const A = fromHex(vector.inputs.group_public_key) as EdPoint;
  const point = (h: string) => decodePoint(fromHex(h));
  const commitments = [one, three].map((o) => ({
    D: point(o.hiding_nonce_commitment),
    E: point(o.binding_nonce_commitment),
  })) as [{ D: EdPoint; E: EdPoint }, { D: EdPoint; E: EdPoint }];
  const shareOf = (id: number) =>
    fromHex(
      vector.inputs.participant_shares.find((s: { identifier: number }) => s.identifier === id)
        .participant_share,
    );

  test('nonces: H3(randomness ‖ share), our request hash being empty', () => {
    for (const o of [one, three]) {
      const nonce = (r: string) => toHex(hedgedNonce(fromHex(r), shareOf(o.identifier), new Uint8Array(0)));
      expect(nonce(o.hiding_nonce_randomness)).toBe(o.hiding_nonce);
      expect(nonce(o.binding_nonce_randomness)).toBe(o.binding_nonce);
    }
  });

  test('binding factors, signature shares and signature, through additive shares', () => {
    const rho = bindingFactors(A, message, commitments, ids);
    expect(rho.map(toHex)).toEqual([one.binding_factor, three.binding_factor]);
    const R = addPoints(
      ...(commitments.map((c, i) => boundCommitment(c, rho[i] as EdScalar)) as [EdPoint, EdPoint]),
    );
    if (R === null) throw new Error('R is the identity');
    const c = challenge(R, A, message);
    // Identifiers 1 and 3: the Lagrange coefficients are 3/2 and -1/2.
    const half = B.Fn.inv(2n);
    const additive = [B.Fn.create(3n * half * le(shareOf(1))), B.Fn.create(-half * le(shareOf(3)))].map(toLe);
    const z = [one, three].map((o, i) => {
      const nonce = add(
        fromHex(o.hiding_nonce) as EdScalar,
        mul(rho[i] as EdScalar, fromHex(o.binding_nonce) as EdScalar),
      );
      return add(nonce, mul(c, additive[i] as EdScalar));
    });
    expect(z.map(toHex)).toEqual(
      vector.round_two_outputs.outputs.map((o: { sig_share: string }) => o.sig_share),
    );
    const signature = concat(R, add(z[0] as EdScalar, z[1] as EdScalar));
    expect(toHex(signature)).toBe(vector.final_output.sig);
    expect(verifyEddsa(A, message, signature)).toBe(true);
  });
});

describe('two-party ed25519', () => {
  test('signs messages of any length under any path; OpenSSL, libsodium and noble (strict) accept', () => {
    const lengths = [0, 1, 31, 32, 33, 127, 128, 1000, 100_000];
    const paths = ['m/501/0/0', 'm/501/0/2147483647', 'm/397/0/9'];
    for (const n of lengths)
      for (const path of paths) {
        const request = requestOf(random(n), path);
        const signature = sign(request);
        expect(signature.length).toBe(64);
        expect(ed25519.verify(signature, request.message, request.A, { zip215: false })).toBe(true);
        expect(ed25519.verify(signature, request.message, request.A, { zip215: true })).toBe(true);
      }
  });

  test('many signatures, no two alike', () => {
    const request = requestOf(utf8('again and again'));
    const seen = new Set<string>();
    const n = slow ? 10_000 : 100;
    for (let i = 0; i < n; i++) {
      const signature = sign(request);
      seen.add(toHex(signature));
      if (i % 10 === 0)
        expect(ed25519.verify(signature, request.message, request.A, { zip215: false })).toBe(true);
    }
    expect(seen.size).toBe(n);
  });

  test('equals the whole key: x = x1 + x2 + tau signs the same R with the same z', () => {
    const request = requestOf(utf8('whole'));
    const [state, S1] = p1Start(share1, request, random);
    const { nonces, reqHash } = state.take();
    const d = le(nonces.d);
    const e = le(nonces.e);
    const again = { take: () => ({ nonces, reqHash }) };
    const S2 = p2Respond(share2, request, S1, random);
    const two = decodeMessage(s2Layout, S2);
    const [rho1] = bindingFactors(request.A, request.message, [nonces, two]).map(le) as [bigint, bigint];
    const signature = p1Finish(again, share1, request, S2);
    const x = le(share1.x) + le(share2.x) + le(request.tau);
    expect(B.BASE.multiply(B.Fn.create(x)).toBytes()).toEqual(request.A);
    // z - c·x is the nonce of R, and P1's part of it is d1 + rho1·e1.
    const R = signature.slice(0, 32) as EdPoint;
    const c = le(challenge(R, request.A, request.message));
    const k = B.Fn.create(le(signature.slice(32)) - c * x);
    expect(B.BASE.multiply(k).toBytes()).toEqual(R);
    const k2 = B.Fn.create(k - d - rho1 * e);
    expect(B.BASE.multiply(k2).toBytes()).toEqual(
      boundCommitment(two, toLe(le(bindingFactors(request.A, request.message, [nonces, two])[1]))),
    );
  });

  test('x2 + tau = 0 is fine', () => {
    const tau = toLe(L - le(share2.x));
    const A = addPoints(share1.A, mulBase(tau));
    expect(A).toEqual(share1.A1);
    if (!A) throw new Error('identity');
    const request = { path: 'm/501/0/0', tau, A, message: utf8('edge'), reqHash: random(32) };
    expect(ed25519.verify(sign(request), request.message, A, { zip215: false })).toBe(true);
  });

  test.each([
    ['two', 'P2'],
    ['one', 'P1'],
  ])(
    'noble FROST as party %s: our %s would have answered alike (identifiers 1, 2; s1 = x1/2, s2 = -(x2 + tau))',
    (party) => {
      const request = requestOf(utf8('noble'));
      const F = ed25519_FROST;
      const shamir1 = B.Fn.create(B.Fn.inv(2n) * le(share1.x));
      const shamir2 = B.Fn.create(-le(share2.x) - le(request.tau));
      const ids = [F.Identifier.fromNumber(1), F.Identifier.fromNumber(2)] as const;
      const pointOf = (n: bigint) => B.BASE.multiply(n).toBytes();
      const pub = {
        signers: { min: 2, max: 2 },
        commitments: [request.A, pointOf(B.Fn.create(shamir2 - shamir1))],
        verifyingShares: { [ids[0]]: pointOf(shamir1), [ids[1]]: pointOf(shamir2) },
      };
      const listOf = (one: Uint8Array, two: Uint8Array) =>
        [one, two].map((m, i) => ({
          identifier: ids[i] as string,
          hiding: m.slice(0, 32),
          binding: m.slice(32, 64),
        }));
      const M = request.message;
      if (party === 'two') {
        const secret = { identifier: ids[1], signingShare: toLe(shamir2) };
        const [state, S1] = p1Start(share1, request, random);
        const { nonces, commitments } = F.commit(secret);
        const commit2 = concat(commitments.hiding, commitments.binding);
        const z2 = F.signShare(secret, pub, nonces, listOf(S1, commit2), M);
        const signature = p1Finish(state, share1, request, concat(commit2, z2));
        expect(ed25519.verify(signature, M, request.A, { zip215: false })).toBe(true);
        return;
      }
      const secret = { identifier: ids[0], signingShare: toLe(shamir1) };
      const { nonces, commitments } = F.commit(secret);
      const S1 = concat(commitments.hiding, commitments.binding);
      const S2 = p2Respond(share2, request, S1, random);
      const list = listOf(S1, S2);
      expect(F.verifyShare(pub, list, M, ids[1], S2.slice(64))).toBe(true);
      const z1 = F.signShare(secret, pub, nonces, list, M);
      const signature = F.aggregate(pub, list, M, { [ids[0]]: z1, [ids[1]]: S2.slice(64) });
      expect(verifyEddsa(request.A, M, signature)).toBe(true);
    },
  );
});

describe('S1 and S2, every field changed', () => {
  const request = requestOf(utf8('tamper'));
  const [, otherS1] = p1Start(share1, requestOf(utf8('other')), random);
  const otherS2 = p2Respond(share2, requestOf(utf8('other')), otherS1, random);

  test('S1: no point that is none is answered; any other gives an answer that P1 refuses', () => {
    const [, S1] = p1Start(share1, request, random);
    for (const { name, message } of tamper(s1Layout, S1, otherS1)) {
      const code = abortOf(() => {
        const S2 = p2Respond(share2, request, message, random);
        const [state] = p1Start(share1, request, random);
        p1Finish(state, share1, request, S2);
      });
      const point = /zero|ones|order|canonical/.test(name);
      expect({ name, code, ok: point ? code === 'E_MSG' : ['E_MSG', 'E_SIG'].includes(code) }).toEqual({
        name,
        code,
        ok: true,
      });
    }
  });

  test('S2: refused', () => {
    let refusedPoints = 0;
    const [, S1] = p1Start(share1, request, seededRandom('fixed'));
    const S2 = p2Respond(share2, request, S1, random);
    for (const { name, message } of tamper(s2Layout, S2, otherS2)) {
      const [state] = p1Start(share1, request, seededRandom('fixed'));
      const code = abortOf(() => p1Finish(state, share1, request, message));
      const malformed = name.startsWith('z:')
        ? /ones|order|plus/.test(name)
        : /zero|ones|order|canonical/.test(name);
      if (malformed) refusedPoints++;
      expect({ name, code, ok: malformed ? code === 'E_MSG' : ['E_MSG', 'E_SIG'].includes(code) }).toEqual({
        name,
        code,
        ok: true,
      });
    }
    expect(refusedPoints).toBeGreaterThan(40);
    const [state] = p1Start(share1, request, seededRandom('fixed'));
    expect(abortOf(() => p1Finish(state, share1, request, S2))).toBe('accepted');
  });

  test('TOB-SILA-1: other lengths are E_MSG', () => {
    const [, S1] = p1Start(share1, request, seededRandom('fixed'));
    const S2 = p2Respond(share2, request, S1, random);
    for (const { message } of misshape(s1Layout, S1))
      expect(abortOf(() => p2Respond(share2, request, message, random))).toBe('E_MSG');
    for (const { message } of misshape(s2Layout, S2)) {
      const [state] = p1Start(share1, request, seededRandom('fixed'));
      expect(abortOf(() => p1Finish(state, share1, request, message))).toBe('E_MSG');
    }
    expect(abortOf(() => p2Respond(share2, request, S2, random))).toBe('E_MSG');
  });

  test('TOB-SILA-3: random bytes never do more than abort', () => {
    const bytes = (n: number) =>
      fc.oneof(fc.uint8Array({ maxLength: 120 }), fc.uint8Array({ minLength: n, maxLength: n }));
    fc.assert(
      fc.property(bytes(64), bytes(96), (S1, S2) => {
        // Random bytes are two points of prime order now and then.
        expect(abortOf(() => p2Respond(share2, request, S1, random))).toMatch(/^(E_MSG|accepted)$/);
        const [state] = p1Start(share1, request, random);
        expect(abortOf(() => p1Finish(state, share1, request, S2))).toMatch(/^E_(MSG|SIG)$/);
      }),
      { numRuns: slow ? 3000 : 100 },
    );
  });

  test('an answer that cancels the commitments: D + rho·E is never let through as the identity', () => {
    const one = mulBase(toLe(1n));
    const minus = mulBase(toLe(L - 1n));
    expect(abortOf(() => boundCommitment({ D: minus, E: one }, toLe(1n)))).toBe('E_MSG');
    expect(boundCommitment({ D: one, E: minus }, toLe(0n))).toEqual(one);
  });

  test('TOB-SILA-9 TOB-SILA-10: an answer of another session, request, path or key is refused', () => {
    const [other1, other2] = sharesOf('other key');
    const start = () => p1Start(share1, request, random);
    const answers: ((S1: Uint8Array) => Uint8Array)[] = [
      () => otherS2,
      (S1) => p2Respond(share2, requestOf(utf8('another message')), S1, random),
      (S1) => p2Respond(share2, requestOf(request.message, 'm/501/0/4'), S1, random),
      (S1) => p2Respond(share2, requestOf(request.message, 'm/397/0/3'), S1, random),
      (S1) => p2Respond(other2, requestOf(request.message, 'm/501/0/3', other1), S1, random),
    ];
    for (const answer of answers) {
      const [state, S1] = start();
      expect(abortOf(() => p1Finish(state, share1, request, answer(S1)))).toBe('E_SIG');
    }
  });

  test('attack 18, ZF-FROST: nonces are used once, whatever came of it', () => {
    const [state, S1] = p1Start(share1, request, random);
    const S2 = [p2Respond(share2, request, S1, random), p2Respond(share2, request, S1, random)] as const;
    p1Finish(state, share1, request, S2[0]);
    expect(abortOf(() => p1Finish(state, share1, request, S2[1]))).toBe('E_USED');
    const [failed] = p1Start(share1, request, random);
    expect(abortOf(() => p1Finish(failed, share1, request, new Uint8Array(1)))).toBe('E_MSG');
    expect(abortOf(() => p1Finish(failed, share1, request, S2[0]))).toBe('E_USED');
  });

  test('attack 18: what a second use would give away', () => {
    // Without the rule: two answers to one S1 give z, z' with the same d1, e1 but other rho1 and c; a third
    // makes three equations in d1, e1, x1.
    const [state, S1] = p1Start(share1, request, random);
    const { nonces, reqHash } = state.take();
    const reused = () => ({
      take: () => ({
        nonces: { ...nonces, d: nonces.d.slice() as EdScalar, e: nonces.e.slice() as EdScalar },
        reqHash,
      }),
    });
    const rows = [0, 1, 2].map(() => {
      const S2 = p2Respond(share2, request, S1, random);
      const two = decodeMessage(s2Layout, S2);
      const signature = p1Finish(reused(), share1, request, S2);
      const rho1 = le(bindingFactors(request.A, request.message, [nonces, two])[0]);
      const c = le(challenge(signature.slice(0, 32) as EdPoint, request.A, request.message));
      return { rho1, c, z1: B.Fn.create(le(signature.slice(32)) - le(two.z)) };
    });
    const [a, b, d] = rows as [(typeof rows)[0], (typeof rows)[0], (typeof rows)[0]];
    // z_i - z_j = (rho_i - rho_j)·e1 + (c_i - c_j)·x1
    const [r1, c1, y1] = [a.rho1 - b.rho1, a.c - b.c, a.z1 - b.z1];
    const [r2, c2, y2] = [a.rho1 - d.rho1, a.c - d.c, a.z1 - d.z1];
    const x1 = B.Fn.create((r2 * y1 - r1 * y2) * B.Fn.inv(B.Fn.create(r2 * c1 - r1 * c2)));
    expect(x1).toBe(le(share1.x));
  });

  test('CB-MPC-126, attack 30: a fault in the own part releases nothing, and does not accuse the peer', () => {
    const broken = { ...share1, x: add(share1.x, toLe(1n)) };
    const [state, S1] = p1Start(share1, request, random);
    const S2 = p2Respond(share2, request, S1, random);
    expect(() => p1Finish(state, broken, request, S2)).toThrow('the own part of the signature is wrong');
    const [again, next] = p1Start(share1, request, random);
    const wrong = p2Respond({ ...share2, x: add(share2.x, toLe(1n)) }, request, next, random);
    expect(abortOf(() => p1Finish(again, share1, request, wrong))).toBe('E_SIG');
  });

  test('S1 made for one request is not finished under another', () => {
    const [state, S1] = p1Start(share1, request, random);
    const other = { ...request, reqHash: random(32) };
    const S2 = p2Respond(share2, other, S1, random);
    expect(abortOf(() => p1Finish(state, share1, other, S2))).toBe('E_REQ');
  });
});

describe('nonces', () => {
  test('are wiped when they are spent, and when S2 is refused', () => {
    const request = requestOf(utf8('wiped'));
    for (const good of [true, false]) {
      const [state, S1] = p1Start(share1, request, random);
      const kept = state.take();
      const S2 = good ? p2Respond(share2, request, S1, random) : new Uint8Array(96);
      expect(abortOf(() => p1Finish({ take: () => kept }, share1, request, S2))).toBe(
        good ? 'accepted' : 'E_MSG',
      );
      for (const secret of [kept.nonces.d, kept.nonces.e]) expect(toHex(secret)).toBe('00'.repeat(32));
    }
    // The shares are not.
    for (const { x } of [share1, share2]) expect(x.some((b) => b !== 0)).toBe(true);
  });

  test('attack 19: the same S1 twice gives other nonces at P2', () => {
    const request = requestOf(utf8('twice'));
    const [, S1] = p1Start(share1, request, random);
    const [a, b] = [p2Respond(share2, request, S1, random), p2Respond(share2, request, S1, random)];
    for (const [from, to] of [
      [0, 32],
      [32, 64],
      [64, 96],
    ] as const)
      expect(toHex(a.slice(from, to))).not.toBe(toHex(b.slice(from, to)));
  });

  test('attack 19: with randomness stuck, another request or share still gives other nonces; zeros are an error', () => {
    const stuck = (n: number) => new Uint8Array(n).fill(9);
    const request = requestOf(utf8('stuck'));
    const other = { ...request, reqHash: random(32) };
    const [one] = sharesOf('other key');
    const S1 = toHex(p1Start(share1, request, stuck)[1]);
    expect(toHex(p1Start(share1, other, stuck)[1])).not.toBe(S1);
    expect(
      toHex(
        p1Start(
          one,
          { ...requestOf(request.message, request.path, one), reqHash: request.reqHash },
          stuck,
        )[1],
      ),
    ).not.toBe(S1);
    expect(() => p1Start(share1, request, (n) => new Uint8Array(n))).toThrow('randomness is broken');
    expect(() => p1Start(share1, request, (n) => new Uint8Array(n - 1).fill(1))).toThrow(
      'randomness is broken',
    );
  });

  test('attack 20: every binding factor depends on key, message, every commitment, and whose it is', () => {
    const points = Array.from({ length: 5 }, () => mulBase(reduceWide(random(64))));
    const [D1, E1, D2, E2, other] = points as [EdPoint, EdPoint, EdPoint, EdPoint, EdPoint];
    const [A, M] = [share1.A, utf8('m')];
    const base = bindingFactors(A, M, [
      { D: D1, E: E1 },
      { D: D2, E: E2 },
    ]).map(toHex);
    const variants = [
      bindingFactors(other, M, [
        { D: D1, E: E1 },
        { D: D2, E: E2 },
      ]),
      bindingFactors(A, utf8('n'), [
        { D: D1, E: E1 },
        { D: D2, E: E2 },
      ]),
      bindingFactors(A, M, [
        { D: other, E: E1 },
        { D: D2, E: E2 },
      ]),
      bindingFactors(A, M, [
        { D: D1, E: other },
        { D: D2, E: E2 },
      ]),
      bindingFactors(A, M, [
        { D: D1, E: E1 },
        { D: other, E: E2 },
      ]),
      bindingFactors(A, M, [
        { D: D1, E: E1 },
        { D: D2, E: other },
      ]),
      bindingFactors(A, M, [
        { D: D2, E: E2 },
        { D: D1, E: E1 },
      ]),
    ];
    const all = [base, ...variants.map((v) => v.map(toHex))].flat();
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('who may sign what', () => {
  test('key separation: paths of other algorithms are refused by both nodes, before anything is drawn', () => {
    const never = () => {
      throw new Error('drawn');
    };
    for (const path of ['m', 'm/44/0/0', 'm/84/0/0', 'm/86/0/0', 'm/501/0', 'm/501/1/0']) {
      const request = { ...requestOf(utf8('x')), path };
      const [state, S1] = p1Start(share1, requestOf(utf8('x')), random);
      expect(() => p1Start(share1, request, never)).toThrow(CustodyError);
      expect(() => p2Respond(share2, request, S1, never)).toThrow(CustodyError);
      expect(() => p1Finish(state, share1, request, new Uint8Array(96))).toThrow(/key/);
    }
  });

  test('attack 21: a public key that the record does not derive is refused', () => {
    const request = requestOf(utf8('double'));
    const [, S1] = p1Start(share1, request, random);
    const others = [
      { ...request, A: share1.A },
      { ...request, A: requestOf(utf8('x'), 'm/501/0/4').A },
      { ...request, tau: toLe(0n) },
      { ...request, tau: requestOf(utf8('x'), 'm/501/0/4').tau },
    ];
    for (const bad of others)
      expect(() => p2Respond(share2, bad, S1, random)).toThrow('not derived from this record');
    // P1 releases nothing either: what it would release does not verify under the key that it was given.
    for (const bad of others.slice(0, 2)) {
      const [state, own] = p1Start(share1, bad, random);
      const S2 = p2Respond(share2, { ...request, reqHash: bad.reqHash }, own, random);
      expect(() => p1Finish(state, share1, bad, S2)).toThrow('not derived from this record');
    }
  });

  test('TOB-SILA-15, attack 26: roles cannot be exchanged', () => {
    const request = requestOf(utf8('roles'));
    const [state, S1] = p1Start(share1, request, random);
    expect(() => p1Start(share2, request, random)).toThrow(RangeError);
    expect(() => p2Respond(share1, request, S1, random)).toThrow(RangeError);
    expect(() => p1Finish(state, share2, request, p2Respond(share2, request, S1, random))).toThrow(
      RangeError,
    );
    expect(() => p1Start(share1, { ...request, reqHash: new Uint8Array(31) }, random)).toThrow(RangeError);
  });
});

describe('attack 22: points of ed25519', () => {
  test('small order, mixed order, non-canonical: refused wherever a point is read', () => {
    const bad = [...smallOrderPoints, ...nonCanonicalPoints].map(fromHex).concat(mixedOrderPoints);
    expect(bad.length).toBe(8 + 8 + 7);
    for (const P of bad) {
      expect(abortOf(() => decodePoint(P))).toBe('E_MSG');
      for (const x of [0n, 1n, 8n, L - 1n]) expect(abortOf(() => mulReceived(toLe(x), P))).toBe('E_MSG');
    }
    for (const n of [0, 31, 33]) {
      expect(abortOf(() => decodePoint(new Uint8Array(n).fill(1)))).toBe('E_MSG');
      expect(abortOf(() => mulReceived(toLe(1n), new Uint8Array(n).fill(1)))).toBe('E_MSG');
    }
    const S1 = encodeMessage(s1Layout, { D: mulBase(toLe(5n)), E: mulBase(toLe(6n)) });
    const request = requestOf(utf8('points'));
    for (const P of bad)
      for (const at of [0, 32]) {
        const message = S1.slice();
        message.set(P, at);
        expect(abortOf(() => p2Respond(share2, request, message, random))).toBe('E_MSG');
      }
  });

  test('libsodium agrees with noble on sums and products', () => {
    for (let i = 0; i < (slow ? 1000 : 30); i++) {
      const [x, y] = [reduceWide(random(64)), reduceWide(random(64))];
      const [P, Q] = [B.BASE.multiply(le(x)), B.BASE.multiply(le(y))];
      expect(mulBase(x)).toEqual(P.toBytes());
      expect(addPoints(mulBase(x), mulBase(y))).toEqual(P.add(Q).toBytes());
      expect(mulReceived(x, mulBase(y))).toEqual(Q.multiply(le(x)).toBytes());
      expect(le(mul(x, y))).toBe(B.Fn.create(le(x) * le(y)));
      expect(le(add(x, y))).toBe(B.Fn.create(le(x) + le(y)));
    }
    const x = reduceWide(random(64));
    expect(addPoints(mulBase(x), mulBase(toLe(L - le(x))))).toBeNull();
  });
});

describe('Wycheproof ed25519, against the verifier that releases signatures', () => {
  const { testGroups } = JSON.parse(
    readFileSync(new URL('../vectors/wycheproof/ed25519_test.json', import.meta.url), 'utf8'),
  ) as {
    testGroups: {
      publicKey: { pk: string };
      tests: { tcId: number; msg: string; sig: string; result: 'valid' | 'invalid' }[];
    }[];
  };

  test('every vector', () => {
    let valid = 0;
    let invalid = 0;
    for (const { publicKey, tests } of testGroups)
      for (const { tcId, msg, sig, result } of tests) {
        const accepted = verifyEddsa(fromHex(publicKey.pk), fromHex(msg), fromHex(sig));
        expect([tcId, accepted]).toEqual([tcId, result === 'valid']);
        result === 'valid' ? valid++ : invalid++;
      }
    expect([valid, invalid].every((n) => n > 50)).toBe(true);
  });

  test('small-order keys with small-order R and z = 0 are refused', () => {
    const zero = new Uint8Array(32);
    for (const A of smallOrderPoints.map(fromHex))
      for (const R of smallOrderPoints.map(fromHex))
        expect(verifyEddsa(A, utf8('any'), concat(R, zero))).toBe(false);
  });
});
