import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { expand_message_xmd } from '@noble/curves/abstract/hash-to-curve.js';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import * as tiny from 'tiny-secp256k1';
import { concat, fromHex, toHex, utf8 } from '#shared/bytes.ts';
import { Abort, CustodyError } from '#shared/errors.ts';
import { deriveSecp256k1 } from '#shared/mpc/derive.ts';
import {
  bindingFactors,
  boundCommitment,
  expandMessageXmd48,
  hedgedNonce,
  taggedHash,
} from '#shared/mpc/frost-secp256k1.ts';
import type { EcdsaKeyShare } from '#shared/mpc/key-share.ts';
import { decodeMessage } from '#shared/mpc/message.ts';
import {
  add,
  addPublic,
  bigFrom,
  decodePoint,
  decodeScalar,
  mul,
  mulBase,
  type Point,
  q,
  type Scalar,
  scalarFrom,
  sub,
  xOf,
} from '#shared/mpc/secp256k1.ts';
import {
  type Bip340Request,
  type Bip340Share,
  p1Finish,
  p1Start,
  p2Respond,
  s1Layout,
  s2Layout,
} from '#shared/mpc/sign-bip340.ts';
import { outputKey, tweakKey, tweakShare1, tweakShare2 } from '#shared/mpc/taproot.ts';
import { generate, testContext } from '../support/dkg.ts';
import { seededRandom } from '../support/random.ts';
import { misshape, tamper } from '../support/tamper.ts';

const { SLOW } = process.env;
const slow = SLOW === '1';
const random = seededRandom('bip340');
const none = new Uint8Array(0);
const G = secp256k1.Point;
const vector = (name: string) => readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8');

function abortOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Abort) return error.abort;
    throw error;
  }
  return 'accepted';
}

/** libsecp256k1's verdict; it throws on a key or signature out of range. */
function tinyAccepts(m: Uint8Array, Q: Uint8Array, signature: Uint8Array): boolean {
  try {
    return tiny.verifySchnorr(m, Q, signature);
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** Both nodes' view of a key that a test splits; chain code and transfers play no part. */
function split(x: Scalar): [Bip340Share, Bip340Share] {
  const x1 = scalarFrom((bigFrom(random(32)) % (q - 1n)) + 1n);
  const x2 = sub(x, x1);
  const common = { Q: mulBase(x), X2: mulBase(x2) };
  return [
    { ...common, role: 1, x: x1 },
    { ...common, role: 2, x: x2 },
  ];
}

function run([share1, share2]: readonly [Bip340Share, Bip340Share], request: Bip340Request): Uint8Array {
  const [state, S1] = p1Start(share1, request, random);
  const S2 = p2Respond(share2, request, S1, random);
  expect([S1.length, S2.length]).toEqual([66, 98]);
  return p1Finish(state, share1, request, S2);
}

const keys = ['key', 'other key'].map((key) => {
  const { node1, node2 } = generate(['secp256k1'], key, testContext(['secp256k1'], key));
  if (!node1.shares.secp256k1 || !node2.shares.secp256k1) throw new Error('a share is missing');
  return [node1.shares.secp256k1, node2.shares.secp256k1] as const;
});
const [[share1, share2], [other1, other2]] = keys as [
  readonly [EcdsaKeyShare, EcdsaKeyShare],
  readonly [EcdsaKeyShare, EcdsaKeyShare],
];
const requestOf = (
  path = 'm/86/0/3',
  merkleRoot: Uint8Array | null = none,
  share = share1,
): Bip340Request => ({
  ...deriveSecp256k1(share.Q, share.cc, path),
  merkleRoot,
  digest: random(32),
  reqHash: random(32),
});

describe('RFC 9591, E.5: FROST(secp256k1, SHA-256)', () => {
  const v = JSON.parse(vector('frost-rfc9591/frost-secp256k1-sha256.json'));
  const ids = v.inputs.participant_list as [number, number];
  const suite = { context: 'FROST-secp256k1-SHA256-v1', ids };
  const outputs = v.round_one_outputs.outputs as Record<string, string>[];
  const [one, three] = outputs as [Record<string, string>, Record<string, string>];
  const key = decodePoint(fromHex(v.inputs.group_public_key));
  const message = fromHex(v.inputs.message);
  const hexOf = (o: Record<string, string>, name: string) => fromHex(o[name] as string);
  const commitments = [one, three].map((o) => ({
    D: decodePoint(hexOf(o, 'hiding_nonce_commitment')),
    E: decodePoint(hexOf(o, 'binding_nonce_commitment')),
  })) as [{ D: Point; E: Point }, { D: Point; E: Point }];
  const shareOf = (id: unknown) =>
    fromHex(
      v.inputs.participant_shares.find((s: { identifier: unknown }) => s.identifier === id).participant_share,
    );

  test('nonces, our request hash being empty', () => {
    for (const o of [one, three]) {
      const nonce = (name: string) =>
        toHex(hedgedNonce(hexOf(o, name), shareOf(o['identifier']), none, suite.context));
      expect(nonce('hiding_nonce_randomness')).toBe(o['hiding_nonce']);
      expect(nonce('binding_nonce_randomness')).toBe(o['binding_nonce']);
    }
  });

  test('binding factors, and signature shares over additive shares', () => {
    const rho = bindingFactors(key, message, commitments, suite);
    expect(rho.map(toHex)).toEqual([one['binding_factor'], three['binding_factor']]);
    const bound = commitments.map((c, i) => boundCommitment(c, rho[i] as Scalar));
    const R = addPublic(...bound) as Point;
    // The suite's own challenge is H2 over SEC1 points, where ours is BIP-340's.
    const dst = utf8(`${suite.context}chal`);
    const c = scalarFrom(bigFrom(expandMessageXmd48(concat(R, key, message), dst)) % q);
    const half = G.Fn.inv(2n);
    const lambda = [G.Fn.create(3n * half), G.Fn.create(-half)].map(scalarFrom);
    const z = [one, three].map((o, i) => {
      const x = mul(lambda[i] as Scalar, decodeScalar(shareOf(o['identifier'])));
      const e = mul(rho[i] as Scalar, decodeScalar(hexOf(o, 'binding_nonce')));
      return add(add(decodeScalar(hexOf(o, 'hiding_nonce')), e), mul(c, x));
    });
    expect(z.map(toHex)).toEqual(v.round_two_outputs.outputs.map((o: { sig_share: string }) => o.sig_share));
    const sum = add(z[0] as Scalar, z[1] as Scalar);
    expect(toHex(concat(R, sum))).toBe(v.final_output.sig);
  });

  test('expand_message_xmd equals noble', () => {
    for (let n = 0; n < 200; n += 13) {
      const [message, dst] = [random(n + 1), random(1 + n)];
      expect(expandMessageXmd48(message, dst)).toEqual(expand_message_xmd(message, dst, 48, sha256));
    }
  });
});

describe('BIP-340 vectors, against the verifier that releases signatures', () => {
  const rows = vector('bitcoin/bip340-test-vectors.csv').trim().split('\n').slice(1);

  test.each(rows.map((row) => row.trim().split(',')))('vector %s', (...row) => {
    const [, , key, , message, signature, result] = row as string[];
    const [m, Q, sig] = [fromHex(message ?? ''), fromHex(key ?? ''), fromHex(signature ?? '')];
    const expected = result === 'TRUE';
    expect(schnorr.verify(sig, m, Q)).toBe(expected);
    if (m.length === 32) expect(tinyAccepts(m, Q, sig)).toBe(expected);
  });

  test('a two-party signature under the secret key of each signing vector', () => {
    for (const row of rows) {
      const [, secret, key, , message] = row.split(',') as [string, string, string, string, string];
      if (secret === '' || message.length !== 64) continue;
      const shares = split(decodeScalar(fromHex(secret)));
      const request = {
        path: 'm/86/0/0',
        tau: scalarFrom(0n),
        Q: shares[0].Q,
        merkleRoot: null,
        digest: fromHex(message),
        reqHash: random(32),
      };
      const signature = run(shares, request);
      expect(toHex(outputKey(request.Q, null).O.slice(1))).toBe(key.toLowerCase());
      expect(tiny.verifySchnorr(request.digest, fromHex(key), signature)).toBe(true);
    }
  });
});

describe('BIP-341 vectors: key path', () => {
  const v = JSON.parse(vector('bitcoin/bip341-wallet-test-vectors.json'));
  const rootOf = (hex: string | null) => (hex === null ? none : fromHex(hex));

  test('tweak and output key of every scriptPubKey', () => {
    for (const { given, intermediary, expected } of v.scriptPubKey) {
      const even = Uint8Array.from([2, ...fromHex(given.internalPubkey)]) as Point;
      const odd = Uint8Array.from([3, ...fromHex(given.internalPubkey)]) as Point;
      for (const P of [even, odd]) {
        const { O, t } = outputKey(P, rootOf(intermediary.merkleRoot));
        expect(toHex(t)).toBe(intermediary.tweak);
        expect(toHex(xOf(O))).toBe(intermediary.tweakedPubkey);
        expect(`5120${toHex(xOf(O))}`).toBe(expected.scriptPubKey);
        expect(O[0]).toBe(2);
      }
    }
  });

  test('two-party signatures for every key path spend: shares add up to the tweaked private key', () => {
    for (const { given, intermediary } of v.keyPathSpending[0].inputSpending) {
      const shares = split(decodeScalar(fromHex(given.internalPrivkey)));
      const merkleRoot = rootOf(given.merkleRoot);
      const Q = shares[0].Q;
      const output = outputKey(Q, merkleRoot);
      expect(toHex(output.t)).toBe(intermediary.tweak);
      const zero = scalarFrom(0n);
      const sum = add(tweakShare1(output, shares[0].x), tweakShare2(output, shares[1].x, zero));
      const tweaked = bigFrom(fromHex(intermediary.tweakedPrivkey));
      expect(bigFrom(sum)).toBe(output.outputOdd ? q - tweaked : tweaked);
      const digest = fromHex(intermediary.sigHash);
      const request = { path: 'm/86/0/0', tau: zero, Q, merkleRoot, digest, reqHash: random(32) };
      const signature = run(shares, request);
      expect(tiny.verifySchnorr(digest, xOf(output.O), signature)).toBe(true);
      // The signature in the vector's witness is under the same key.
      expect(output.O).toEqual(mulBase(sum));
    }
  });
});

describe('two-party BIP-340', () => {
  test('with and without script root, and without a tweak, on both chains; noble and libsecp256k1 accept', () => {
    const parities = new Set<string>();
    for (let i = 0; i < (slow ? 500 : 24); i++)
      for (const merkleRoot of [none, random(32), null]) {
        const request = requestOf(`m/86/${i % 2}/${i}`, merkleRoot);
        const signature = run([share1, share2], request);
        const { O, internalOdd, outputOdd } = outputKey(request.Q, merkleRoot);
        expect(schnorr.verify(signature, request.digest, xOf(O))).toBe(true);
        expect(tiny.verifySchnorr(request.digest, xOf(O), signature)).toBe(true);
        if (merkleRoot === null) expect(xOf(O)).toEqual(xOf(request.Q));
        else {
          const tweak = taggedHash('TapTweak', xOf(request.Q), merkleRoot);
          const theirs = tiny.xOnlyPointAddTweak(xOf(request.Q), tweak);
          expect(toHex(xOf(O))).toBe(toHex(theirs?.xOnlyPubkey ?? none));
        }
        parities.add(`${internalOdd}${outputOdd}`);
      }
    expect(parities.size).toBe(4);
  });

  test('many signatures, no two alike', () => {
    const request = requestOf();
    const n = slow ? 10_000 : 40;
    const seen = new Set<string>();
    for (let i = 0; i < n; i++) seen.add(toHex(run([share1, share2], request)));
    expect(seen.size).toBe(n);
  });

  test('shares at the edges: 1, q-1, x2 + tau = 0', () => {
    const zero = scalarFrom(0n);
    for (const x of [2n, 3n, q - 2n]) {
      const [x1, x2] = x === q - 2n ? [q - 1n, q - 1n] : [1n, x - 1n];
      const common = { Q: mulBase(scalarFrom(x)), X2: mulBase(scalarFrom(x2)) };
      const shares = [
        { ...common, role: 1, x: scalarFrom(x1) },
        { ...common, role: 2, x: scalarFrom(x2) },
      ] as const;
      for (const tau of [zero, scalarFrom(q - x2)]) {
        const Q = bigFrom(tau) === 0n ? common.Q : mulBase(scalarFrom(x1));
        const request = {
          path: 'm/86/0/0',
          tau,
          Q,
          merkleRoot: none,
          digest: random(32),
          reqHash: random(32),
        };
        const signature = run(shares, request);
        expect(schnorr.verify(signature, request.digest, xOf(outputKey(Q, none).O))).toBe(true);
      }
    }
  });

  test('a tweak that is no scalar, or cancels the key, gives no output key', () => {
    const be = (n: bigint) => fromHex(n.toString(16).padStart(64, '0'));
    const five = mulBase(scalarFrom(5n));
    const even = five[0] === 2 ? five : mulBase(scalarFrom(q - 5n));
    const x = five[0] === 2 ? 5n : q - 5n;
    for (const t of [q, q + 1n, 2n ** 256n - 1n, q - x])
      expect(abortOf(() => tweakKey(even, be(t)))).toBe('E_MSG');
    expect(tweakKey(even, be(q - x + 1n)).O).toEqual(mulBase(scalarFrom(1n)));
  });

  test('a Merkle root is 0 or 32 bytes', () => {
    for (const n of [1, 31, 33]) expect(() => outputKey(share1.Q, random(n))).toThrow(RangeError);
  });
});

describe('S1 and S2, every field changed', () => {
  const request = requestOf();
  const [, otherS1] = p1Start(share1, requestOf(), random);
  const otherS2 = p2Respond(share2, requestOf(), otherS1, random);

  test('S1: no point that is none is answered; any other gives an answer that P1 refuses', () => {
    const [, S1] = p1Start(share1, request, random);
    for (const { name, message } of tamper(s1Layout, S1, otherS1)) {
      const code = abortOf(() => {
        const S2 = p2Respond(share2, request, message, random);
        const [state] = p1Start(share1, request, random);
        p1Finish(state, share1, request, S2);
      });
      const malformed = /zero|ones|prefix|x = p|off the curve/.test(name);
      const ok = malformed ? code === 'E_MSG' : ['E_MSG', 'E_SIG'].includes(code);
      expect({ name, code, ok }).toEqual({ name, code, ok: true });
    }
  });

  test('S2: refused', () => {
    const [, S1] = p1Start(share1, request, seededRandom('fixed'));
    const S2 = p2Respond(share2, request, S1, random);
    for (const { name, message } of tamper(s2Layout, S2, otherS2)) {
      const [state] = p1Start(share1, request, seededRandom('fixed'));
      const code = abortOf(() => p1Finish(state, share1, request, message));
      const malformed = name.startsWith('z:')
        ? /ones|order/.test(name)
        : /zero|ones|prefix|x = p|off the curve/.test(name);
      const ok = malformed ? code === 'E_MSG' : ['E_MSG', 'E_SIG'].includes(code);
      expect({ name, code, ok }).toEqual({ name, code, ok: true });
    }
    const [state] = p1Start(share1, request, seededRandom('fixed'));
    expect(abortOf(() => p1Finish(state, share1, request, S2))).toBe('accepted');
  });

  test('TOB-SILA-1: other lengths are E_MSG', () => {
    const [, S1] = p1Start(share1, request, random);
    const S2 = p2Respond(share2, request, S1, random);
    for (const { message } of misshape(s1Layout, S1))
      expect(abortOf(() => p2Respond(share2, request, message, random))).toBe('E_MSG');
    for (const { message } of misshape(s2Layout, S2)) {
      const [state] = p1Start(share1, request, random);
      expect(abortOf(() => p1Finish(state, share1, request, message))).toBe('E_MSG');
    }
  });

  test('TOB-SILA-3: random bytes never do more than abort', () => {
    const bytes = (n: number) =>
      fc.oneof(fc.uint8Array({ maxLength: 120 }), fc.uint8Array({ minLength: n, maxLength: n }));
    fc.assert(
      fc.property(bytes(66), bytes(98), (S1, S2) => {
        expect(abortOf(() => p2Respond(share2, request, S1, random))).toMatch(/^(E_MSG|accepted)$/);
        const [state] = p1Start(share1, request, random);
        expect(abortOf(() => p1Finish(state, share1, request, S2))).toMatch(/^E_(MSG|SIG)$/);
      }),
      { numRuns: slow ? 3000 : 60 },
    );
  });

  test('commitments that cancel: the identity is E_MSG', () => {
    const one = mulBase(scalarFrom(1n));
    const minus = mulBase(scalarFrom(q - 1n));
    expect(abortOf(() => boundCommitment({ D: minus, E: one }, scalarFrom(1n)))).toBe('E_MSG');
    expect(boundCommitment({ D: one, E: minus }, scalarFrom(0n))).toEqual(one);
  });

  test('TOB-SILA-9 TOB-SILA-10: an answer of another session, request, path, root or key is refused', () => {
    const changed = (to: Partial<Bip340Request>): Bip340Request => ({ ...request, ...to });
    const answers: ((S1: Uint8Array) => Uint8Array)[] = [
      () => otherS2,
      (S1) => p2Respond(share2, changed({ digest: random(32) }), S1, random),
      (S1) => p2Respond(share2, changed({ merkleRoot: random(32) }), S1, random),
      (S1) => p2Respond(share2, changed({ merkleRoot: null }), S1, random),
      (S1) => p2Respond(share2, changed(deriveSecp256k1(share1.Q, share1.cc, 'm/86/1/3')), S1, random),
      (S1) => p2Respond(other2, changed(deriveSecp256k1(other1.Q, other1.cc, 'm/86/0/3')), S1, random),
    ];
    for (const answer of answers) {
      const [state, S1] = p1Start(share1, request, random);
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
    const [moved] = p1Start(share1, request, random);
    const elsewhere = { ...request, reqHash: random(32) };
    expect(abortOf(() => p1Finish(moved, share1, elsewhere, S2[0]))).toBe('E_REQ');
  });
});

test('CB-MPC-126, attack 30: a wrong share at either node releases nothing', () => {
  const request = requestOf();
  const plusOne = <S extends Bip340Share>(share: S): S => ({ ...share, x: add(share.x, scalarFrom(1n)) });
  expect(abortOf(() => run([plusOne(share1), share2], request))).toBe('E_SIG');
  expect(abortOf(() => run([share1, plusOne(share2)], request))).toBe('E_SIG');
});

describe('nonces', () => {
  test('are wiped when they are spent, and when S2 is refused', () => {
    const request = requestOf();
    for (const good of [true, false]) {
      const [state, S1] = p1Start(share1, request, random);
      const kept = state.take();
      const S2 = good ? p2Respond(share2, request, S1, random) : new Uint8Array(98);
      expect(abortOf(() => p1Finish({ take: () => kept }, share1, request, S2))).toBe(
        good ? 'accepted' : 'E_MSG',
      );
      for (const secret of [kept.nonces.d, kept.nonces.e]) expect(toHex(secret)).toBe('00'.repeat(32));
    }
    // The shares are not.
    for (const { x } of [share1, share2]) expect(x.some((b) => b !== 0)).toBe(true);
  });

  test('attack 19: the same S1 twice gives other nonces; stuck randomness gives others for other requests and shares', () => {
    const request = requestOf();
    const [, S1] = p1Start(share1, request, random);
    const [a, b] = [p2Respond(share2, request, S1, random), p2Respond(share2, request, S1, random)].map((m) =>
      decodeMessage(s2Layout, m),
    );
    for (const field of ['D', 'E', 'z'] as const)
      expect(toHex(a?.[field] ?? none)).not.toBe(toHex(b?.[field] ?? none));
    const stuck = (n: number) => new Uint8Array(n).fill(9);
    const first = toHex(p1Start(share1, request, stuck)[1]);
    expect(toHex(p1Start(share1, { ...request, reqHash: random(32) }, stuck)[1])).not.toBe(first);
    const ofOther = { ...requestOf(request.path, none, other1), reqHash: request.reqHash };
    expect(toHex(p1Start(other1, ofOther, stuck)[1])).not.toBe(first);
    expect(() => p1Start(share1, request, (n) => new Uint8Array(n))).toThrow('randomness is broken');
    expect(() => p2Respond(share2, request, S1, (n) => new Uint8Array(n - 1).fill(1))).toThrow(
      'randomness is broken',
    );
  });

  test('attack 20: every binding factor depends on key, message, every commitment, and whose it is', () => {
    const points = [2n, 3n, 4n, 5n, 6n].map((n) => mulBase(scalarFrom(n)));
    const [D1, E1, D2, E2, X] = points as [Point, Point, Point, Point, Point];
    const m = random(32);
    const [c1, c2] = [
      { D: D1, E: E1 },
      { D: D2, E: E2 },
    ] as const;
    const all = [
      bindingFactors(share1.Q, m, [c1, c2]),
      bindingFactors(X, m, [c1, c2]),
      bindingFactors(share1.Q, random(32), [c1, c2]),
      bindingFactors(share1.Q, m, [{ ...c1, D: X }, c2]),
      bindingFactors(share1.Q, m, [{ ...c1, E: X }, c2]),
      bindingFactors(share1.Q, m, [c1, { ...c2, D: X }]),
      bindingFactors(share1.Q, m, [c1, { ...c2, E: X }]),
      bindingFactors(share1.Q, m, [c2, c1]),
    ].flatMap((pair) => pair.map(toHex));
    expect(new Set(all).size).toBe(16);
  });
});

describe('who may sign what', () => {
  test('key separation: paths of other algorithms are refused by both nodes, before anything is drawn', () => {
    const never = () => {
      throw new Error('drawn');
    };
    for (const path of ['m', 'm/44/0/0', 'm/84/0/0', 'm/84/1/5', 'm/501/0/0', 'm/86/0', 'm/86/2/0']) {
      const request = { ...requestOf(), ...deriveSecp256k1(share1.Q, share1.cc, path) };
      const [state, S1] = p1Start(share1, requestOf(), random);
      expect(() => p1Start(share1, request, never)).toThrow(CustodyError);
      expect(() => p2Respond(share2, request, S1, never)).toThrow(CustodyError);
      expect(() => p1Finish(state, share1, request, new Uint8Array(98))).toThrow(/key/);
    }
  });

  test('attack 21: a public key that the record does not derive is refused', () => {
    const request = requestOf();
    const another = requestOf('m/86/0/4');
    const [, S1] = p1Start(share1, request, random);
    for (const bad of [
      { ...request, Q: share1.Q },
      { ...request, Q: another.Q },
      { ...request, tau: scalarFrom(0n) },
      { ...request, tau: another.tau },
    ]) {
      expect(() => p1Start(share1, bad, random)).toThrow('not derived from this record');
      expect(() => p2Respond(share2, bad, S1, random)).toThrow('not derived from this record');
      const [state] = p1Start(share1, request, random);
      expect(() => p1Finish(state, share1, bad, new Uint8Array(98))).toThrow('not derived from this record');
    }
  });

  test('TOB-SILA-15, attack 26: roles cannot be exchanged, hashes have 32 bytes', () => {
    const request = requestOf();
    const [state, S1] = p1Start(share1, request, random);
    expect(() => p1Start(share2, request, random)).toThrow(RangeError);
    expect(() => p2Respond(share1, request, S1, random)).toThrow(RangeError);
    expect(() => p1Finish(state, share2, request, new Uint8Array(98))).toThrow(RangeError);
    expect(() => p1Start(share1, { ...request, digest: random(31) }, random)).toThrow(RangeError);
    expect(() => p1Start(share1, { ...request, reqHash: random(33) }, random)).toThrow(RangeError);
  });
});
