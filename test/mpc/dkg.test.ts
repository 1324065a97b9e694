import { describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { shake256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { concat, fromHex, lengthPrefixed, toHex, u8, u32be, utf8 } from '#shared/bytes.ts';
import { Abort, CustodyError } from '#shared/errors.ts';
import { contextOf, type KeyType, suiteOf } from '#shared/mpc/context.ts';
import { deriveSecp256k1 } from '#shared/mpc/derive.ts';
import * as dkg from '#shared/mpc/dkg.ts';
import { d1Layout, d2Layout, d3Layout, d4Layout, p2StateLayout } from '#shared/mpc/dkg-messages.ts';
import type { Random } from '#shared/mpc/hash.ts';
import { decodeMessage, encodeMessage, messageLength } from '#shared/mpc/message.ts';
import { decodeShareBlob, encodeShareBlob } from '#shared/mpc/share-blob.ts';
import * as ecdsa from '#shared/mpc/sign-ecdsa.ts';
import { bothTypes, generate, testContext } from '../support/dkg.ts';
import { seededRandom } from '../support/random.ts';
import { misshape, tamper } from '../support/tamper.ts';

const { SLOW } = process.env;
const slow = SLOW === '1';

/** The abort code that `run` ends with. Anything but an Abort is a failure of the test. */
function abortOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Abort) return error.abort;
    throw error;
  }
  return 'accepted';
}

const run = generate(bothTypes, 'run');
const other = generate(bothTypes, 'other', testContext(bothTypes, 'other key'));
/** Both nodes up to the given message, again, from the same randomness. */
const restart1 = () => dkg.p1Start(run.ctx, bothTypes, seededRandom('run/1'))[0];
const restart2 = () => run.state2.slice() as dkg.P2State;
const random = seededRandom('later');
/** A scalar of both groups, and anything else of 32 bytes. */
const onlyOne = new Uint8Array(32).fill(1);

describe('key generation', () => {
  test.each([
    [['secp256k1'], [8256, 16577, 8417, 32]],
    [['ed25519'], [64, 192, 224, 32]],
    [
      ['secp256k1', 'ed25519'],
      [8256, 16673, 8513, 32],
    ],
  ] as [KeyType[], number[]][])('messages of %j have %j bytes', (types, lengths) => {
    const { D1, D2, D3, D4 } = generate(types, 'lengths');
    expect([D1, D2, D3, D4].map((m) => m.length)).toEqual(lengths);
    const layouts = [d1Layout(types), d2Layout(types), d3Layout(types), d4Layout()];
    expect(layouts.map(messageLength)).toEqual(lengths);
  });

  test('both nodes end with one key of each type, and halves that add up', () => {
    const [s1, s2] = [run.node1.shares.secp256k1, run.node2.shares.secp256k1];
    const [e1, e2] = [run.node1.shares.ed25519, run.node2.shares.ed25519];
    if (!s1 || !s2 || !e1 || !e2) throw new Error('a share is missing');
    const publicOf = ({ sid, epoch, Q, X1, X2, cc, zseed }: typeof s1) => ({
      sid,
      epoch,
      Q,
      X1,
      X2,
      cc,
      zseed,
    });
    expect(publicOf(s1)).toEqual(publicOf(s2));
    const publicOfEd = ({ sid, epoch, A, A1, A2, cc }: typeof e1) => ({ sid, epoch, A, A1, A2, cc });
    expect(publicOfEd(e1)).toEqual(publicOfEd(e2));
    expect([s1.role, s2.role, e1.role, e2.role]).toEqual([1, 2, 1, 2]);
    const G = secp256k1.Point;
    const x = G.Fn.create(BigInt(`0x${toHex(s1.x)}`) + BigInt(`0x${toHex(s2.x)}`));
    expect(G.BASE.multiply(x).toBytes(true)).toEqual(s1.Q);
    const B = ed25519.Point;
    const le = (b: Uint8Array) => BigInt(`0x${toHex(b.slice().reverse())}`);
    expect(B.BASE.multiply(B.Fn.create(le(e1.x) + le(e2.x))).toBytes()).toEqual(e1.A);
    expect(toHex(s1.hedgeSeed)).not.toBe(toHex(s2.hedgeSeed));
    expect(toHex(s1.hedgeSeed)).not.toBe(toHex(e1.hedgeSeed));
  });

  test('each direction of base transfers: the chosen seed of 128 pairs, and no correlation between the choices', () => {
    const [s1, s2] = [run.node1.shares.secp256k1, run.node2.shares.secp256k1];
    if (!s1 || !s2) throw new Error('a share is missing');
    for (const [sender, receiver] of [
      [s1, s2],
      [s2, s1],
    ] as const)
      for (let j = 0; j < 128; j++) {
        const bit = ((receiver.delta[j >> 3] as number) >> (j & 7)) & 1;
        const chosen = toHex(receiver.Kd.subarray(32 * j, 32 * j + 32));
        const pair = [0, 1].map((c) => toHex(sender.K.subarray(64 * j + 32 * c, 64 * j + 32 * c + 32)));
        expect(pair[bit]).toBe(chosen);
        expect(pair[1 - bit]).not.toBe(chosen);
      }
    expect(toHex(s1.delta)).not.toBe(toHex(s2.delta));
  });

  test('the bytes are those of docs/protocol.md, recomputed with another SHAKE256', () => {
    const H = (tag: string, ...fields: Uint8Array[]) =>
      shake256(lengthPrefixed(utf8(`planbok/v1/${tag}`), ...fields), { dkLen: 32 });
    const ctx = H(
      'ctx',
      u32be(1),
      utf8('secp256k1-ecdsa-dkls23+ed25519-frost'),
      utf8('org_a'),
      utf8('wset_a'),
      utf8('key'),
      u32be(1),
      new Uint8Array(32).fill(1),
      new Uint8Array(32).fill(2),
    );
    expect(run.ctx.digest).toEqual(ctx);
    const d1 = decodeMessage(d1Layout(bothTypes), run.D1);
    const d2 = decodeMessage(d2Layout(bothTypes), run.D2);
    const d3 = decodeMessage(d3Layout(bothTypes), run.D3);
    const com1 = H('dkg/com', ctx, d1.n1, d3.X1, d3.A1, d3.cc1, d3.zs1, d3.rho1);
    expect(d1.com1).toEqual(com1);
    const sid = H('dkg/sid', ctx, run.D1, d2.n2);
    const share = run.node1.shares.secp256k1;
    const ed = run.node1.shares.ed25519;
    if (!share || !ed) throw new Error('a share is missing');
    expect(share.sid).toEqual(sid);
    const cc = H('dkg/cc', sid, d3.cc1, d2.cc2);
    expect(share.cc).toEqual(cc);
    expect(ed.cc).toEqual(cc);
    const zseed = H('dkg/zero', sid, d3.zs1, d2.zs2);
    expect(share.zseed).toEqual(zseed);
    const tr = H('dkg/tr', run.D1, run.D2);
    const conf = (role: number) => H('dkg/confirm', sid, share.Q, ed.A, cc, zseed, tr, d3.U1, u8(role));
    expect(d3.conf1).toEqual(conf(1));
    expect(run.D4).toEqual(conf(2));
  });

  test('records of a run sign ECDSA (they hold the right seeds in the right places)', () => {
    const [s1, s2] = [run.node1.shares.secp256k1, run.node2.shares.secp256k1];
    if (!s1 || !s2) throw new Error('a share is missing');
    const digest = random(32);
    const request = { ...deriveSecp256k1(s1.Q, s1.cc, 'm/44/0/0'), digest, reqHash: random(32) };
    const reqId = random(16);
    const [started, S1] = ecdsa.p1Start(s1, request, random);
    const [stored, S2] = ecdsa.p2Respond(s2, request, reqId, S1, random);
    const [middle, S3] = ecdsa.p1Middle(started, s1, request, S2, random);
    const S4 = ecdsa.p2Finish(s2, request, reqId, stored, S3, random);
    const { r, s } = ecdsa.p1Finish(middle, request, S4, random);
    expect(secp256k1.verify(concat(r, s), digest, request.Q, { prehash: false })).toBe(true);
  });

  test('the halves may be 1 and q-1, but must not cancel out', () => {
    // The first 48 bytes drawn become x = (n mod q-1) + 1; the first 64 become a = n mod L.
    const edge = (seed: string, x48: bigint): Random => {
      const rest = seededRandom(seed);
      let first = true;
      return (n) => {
        if (n !== 48 || !first) return rest(n);
        first = false;
        return fromHex(x48.toString(16).padStart(96, '0'));
      };
    };
    const q = secp256k1.Point.Fn.ORDER;
    const types = ['secp256k1'] as const;
    const ctx = testContext(types);
    const two = (x1: bigint, x2: bigint) => {
      const r1 = edge('edge 1', x1);
      const r2 = edge('edge 2', x2);
      const [state1, D1] = dkg.p1Start(ctx, types, r1);
      const [state2, D2] = dkg.p2Start(ctx, types, D1, r2);
      const [pending, D3] = dkg.p1Open(state1, D2, r1);
      const [, D4] = dkg.p2Finish(state2, D3, r2);
      return dkg.p1Confirm(pending, D4).shares.secp256k1?.Q;
    };
    const G2 = secp256k1.Point.BASE.multiply(2n);
    expect(two(q - 1n, q - 1n)).toEqual(G2.toBytes(true));
    expect(two(q - 2n, q - 2n)).toEqual(G2.negate().toBytes(true));
    expect(abortOf(() => two(q - 1n, q - 2n))).toBe('E_PK');
  });

  test('many ed25519 keys', () => {
    for (let i = 0; i < (slow ? 2000 : 40); i++) {
      const { node1, node2 } = generate(['ed25519'], `many ${i}`);
      expect(node1.shares.ed25519?.A).toEqual(node2.shares.ed25519?.A);
      expect(node1.shares.secp256k1).toBeUndefined();
    }
  });
});

describe('every field of every message, changed', () => {
  test('D1: a point that is none is refused; anything else makes another session, in which no proof of P2 holds', () => {
    for (const { name, message, field } of tamper(d1Layout(bothTypes), run.D1, other.D1)) {
      const allowed = field === 'P2' ? ['E_MSG', 'E_POK'] : ['E_POK'];
      const code = abortOf(() => {
        const [, D2] = dkg.p2Start(run.ctx, bothTypes, message, seededRandom('run/2'));
        dkg.p1Open(restart1(), D2, random);
      });
      expect({ name, code, ok: allowed.includes(code) }).toEqual({ name, code, ok: true });
    }
  });

  test('D2: refused by P1, or, where P1 cannot know, by P2 with the confirmation', () => {
    const late = ['cc2', 'zs2', 'U2', 'P1'];
    for (const { name, message, field } of tamper(d2Layout(bothTypes), run.D2, other.D2)) {
      let P1accepts = false;
      const code = abortOf(() => {
        const [, D3] = dkg.p1Open(restart1(), message, random);
        P1accepts = true;
        dkg.p2Finish(restart2(), D3, random);
      });
      const allowed = late.includes(field) ? ['E_CONF', 'E_MSG'] : ['E_POK', 'E_MSG'];
      expect({ name, code, ok: allowed.includes(code) }).toEqual({ name, code, ok: true });
      expect({ name, P1accepts }).toEqual({ name, P1accepts: code === 'E_CONF' });
    }
  });

  test('D3: refused by P2', () => {
    const opening = ['X1', 'A1', 'cc1', 'zs1', 'rho1'];
    for (const { name, message, field } of tamper(d3Layout(bothTypes), run.D3, other.D3)) {
      const code = abortOf(() => dkg.p2Finish(restart2(), message, random));
      const allowed = opening.includes(field)
        ? ['E_COM', 'E_MSG']
        : field === 'U1' || field === 'conf1'
          ? ['E_CONF', 'E_MSG']
          : ['E_POK', 'E_MSG'];
      expect({ name, code, ok: allowed.includes(code) }).toEqual({ name, code, ok: true });
    }
  });

  test('D4: refused by P1', () => {
    const [pending] = dkg.p1Open(restart1(), run.D2, seededRandom('run/1 again'));
    for (const { name, message } of tamper(d4Layout(), run.D4, other.D4))
      expect({ name, code: abortOf(() => dkg.p1Confirm(pending, message)) }).toEqual({
        name,
        code: 'E_CONF',
      });
    const conf1 = run.D3.slice(-32);
    expect(abortOf(() => dkg.p1Confirm(pending, conf1))).toBe('E_CONF');
  });

  test('TOB-SILA-1 TOB-SILA-2 KUD-DKLS18: other lengths, missing, doubled, added or removed elements are E_MSG', () => {
    for (const { message } of misshape(d1Layout(bothTypes), run.D1))
      expect(abortOf(() => dkg.p2Start(run.ctx, bothTypes, message, random))).toBe('E_MSG');
    for (const { message } of misshape(d2Layout(bothTypes), run.D2))
      expect(abortOf(() => dkg.p1Open(restart1(), message, random))).toBe('E_MSG');
    for (const { message } of misshape(d3Layout(bothTypes), run.D3))
      expect(abortOf(() => dkg.p2Finish(restart2(), message, random))).toBe('E_MSG');
    const pending = { ...run.node1, conf2: run.D4 };
    for (const { message } of misshape(d4Layout(), run.D4))
      expect(abortOf(() => dkg.p1Confirm(pending, message))).toBe('E_MSG');
  });

  test('TOB-SILA-2: in a run for two curves each of the two proofs counts, on both sides', () => {
    const d2 = decodeMessage(d2Layout(bothTypes), run.D2);
    const d3 = decodeMessage(d3Layout(bothTypes), run.D3);
    for (const field of ['sigmaX2', 'sigmaA2'] as const) {
      const bad = encodeMessage(d2Layout(bothTypes), { ...d2, [field]: onlyOne });
      expect(abortOf(() => dkg.p1Open(restart1(), bad, random))).toBe('E_POK');
    }
    for (const field of ['sigmaX1', 'sigmaA1'] as const) {
      const bad = encodeMessage(d3Layout(bothTypes), { ...d3, [field]: onlyOne });
      expect(abortOf(() => dkg.p2Finish(restart2(), bad, random))).toBe('E_POK');
    }
  });

  test('TOB-SILA-3: random bytes never do more than abort', () => {
    const bytesOf = (n: number) => fc.uint8Array({ minLength: 0, maxLength: n });
    const exact = (n: number) => fc.uint8Array({ minLength: n, maxLength: n });
    const types = ['ed25519'] as const;
    const small = generate(types, 'fuzz');
    const start = () => dkg.p1Start(small.ctx, types, seededRandom('fuzz/1'))[0];
    const ok = /^E_(MSG|POK|PK|COM|CONF|STATE|USED)$/;
    fc.assert(
      fc.property(fc.oneof(bytesOf(300), exact(192)), (m) => {
        expect(abortOf(() => dkg.p1Open(start(), m, random))).toMatch(ok);
      }),
      { numRuns: slow ? 5000 : 200 },
    );
    fc.assert(
      fc.property(fc.oneof(bytesOf(300), exact(224)), (m) => {
        expect(abortOf(() => dkg.p2Finish(small.state2.slice() as dkg.P2State, m, random))).toMatch(ok);
        expect(abortOf(() => dkg.p2Finish(m.slice() as dkg.P2State, small.D3, random))).toMatch(ok);
      }),
      { numRuns: slow ? 5000 : 200 },
    );
  });
});

describe('a corrupt peer', () => {
  test('attack 23: P2 cannot choose the key: X2 = -X1 is E_PK, X2 = T - X1 has no proof', () => {
    const state = restart1();
    const X = run.node1.shares.secp256k1?.X1;
    if (!X) throw new Error('a share is missing');
    const d2 = decodeMessage(d2Layout(bothTypes), run.D2);
    const minus = secp256k1.Point.fromBytes(X).negate();
    const cancel = encodeMessage(d2Layout(bothTypes), { ...d2, X2: minus.toBytes(true) });
    expect(abortOf(() => dkg.p1Open(state, cancel, random))).toBe('E_PK');
    const T = secp256k1.Point.BASE.multiply(99n);
    const rogue = encodeMessage(d2Layout(bothTypes), { ...d2, X2: T.add(minus).toBytes(true) });
    expect(abortOf(() => dkg.p1Open(restart1(), rogue, random))).toBe('E_POK');
    const A = run.node1.shares.ed25519?.A1;
    if (!A) throw new Error('a share is missing');
    const edMinus = ed25519.Point.fromBytes(A).negate();
    const edCancel = encodeMessage(d2Layout(bothTypes), { ...d2, A2: edMinus.toBytes() });
    expect(abortOf(() => dkg.p1Open(restart1(), edCancel, random))).toBe('E_PK');
  });

  test('attack 23: P1 cannot choose X1 after it has seen X2', () => {
    const X2 = run.node1.shares.secp256k1?.X2;
    if (!X2) throw new Error('a share is missing');
    const d3 = decodeMessage(d3Layout(bothTypes), run.D3);
    const rogue = secp256k1.Point.BASE.multiply(99n).subtract(secp256k1.Point.fromBytes(X2));
    const bad = encodeMessage(d3Layout(bothTypes), { ...d3, X1: rogue.toBytes(true) });
    expect(abortOf(() => dkg.p2Finish(restart2(), bad, random))).toBe('E_COM');
  });

  test('attack 8, TOB-SILA-9, KUD-DKLS18: proofs and messages of another session or of the peer are worth nothing', () => {
    expect(abortOf(() => dkg.p1Open(restart1(), other.D2, random))).toBe('E_POK');
    expect(abortOf(() => dkg.p2Finish(restart2(), other.D3, random))).toBe('E_COM');
    const again = generate(bothTypes, 'run again');
    expect(abortOf(() => dkg.p1Open(restart1(), again.D2, random))).toBe('E_POK');
    // P1 reflects P2's share and proof, having guessed them when it committed: the proof is of role 2.
    const types = ['ed25519'] as const;
    const ctx = testContext(types);
    const echo = seededRandom('echo');
    const [state1, D1] = dkg.p1Start(ctx, types, echo);
    const { half, opening } = state1.take();
    // P2 whose first 64 random bytes are those of P1's half: the same share on both sides.
    const replayed: Random = (() => {
      const source = seededRandom('echo p2');
      const first = seededRandom('echo');
      first(32);
      const wide = first(64);
      let used = false;
      return (n) => {
        if (n !== 64 || used) return source(n);
        used = true;
        return wide;
      };
    })();
    const [state2, D2] = dkg.p2Start(ctx, types, D1, replayed);
    const d2 = decodeMessage(d2Layout(types), D2);
    expect(d2.A2).toEqual(half.A);
    const none = new Uint8Array(0);
    const reflected = encodeMessage(d3Layout(types), {
      X1: none,
      A1: half.A,
      ...opening,
      eX1: none,
      sigmaX1: none,
      eA1: d2.eA2,
      sigmaA1: d2.sigmaA2,
      U1: none,
      conf1: new Uint8Array(32),
    });
    expect(abortOf(() => dkg.p2Finish(state2, reflected, random))).toBe('E_POK');
  });

  test('TOB-SILA-7: nodes that disagree on the chain code both stop', () => {
    const d2 = decodeMessage(d2Layout(bothTypes), run.D2);
    const changed = encodeMessage(d2Layout(bothTypes), { ...d2, cc2: onlyOne });
    const [pending, D3] = dkg.p1Open(restart1(), changed, random);
    expect(abortOf(() => dkg.p2Finish(restart2(), D3, random))).toBe('E_CONF');
    // And P1 does not take P2's word of the honest run.
    expect(abortOf(() => dkg.p1Confirm(pending, run.D4))).toBe('E_CONF');
  });

  test('TOB-SILA-8: another context on one side ends the run with an abort that locks nothing', () => {
    const contexts = [
      testContext(bothTypes, 'another key'),
      testContext(bothTypes, 'key', 2),
      contextOf({
        keyTypes: bothTypes,
        orgId: 'org_a',
        walletSetId: 'wset_a',
        keyId: 'key',
        epoch: 1,
        identity1: new Uint8Array(32).fill(1),
        identity2: new Uint8Array(32).fill(3),
      }),
    ];
    for (const ctx of contexts) {
      const [, D2] = dkg.p2Start(ctx, bothTypes, run.D1, random);
      expect(abortOf(() => dkg.p1Open(restart1(), D2, random))).toBe('E_POK');
    }
  });

  test('TOB-SILA-13: messages of a run for other key types are refused', () => {
    const ed = generate(['ed25519'], 'ed only');
    const secp = generate(['secp256k1'], 'secp only');
    expect(abortOf(() => dkg.p2Start(run.ctx, bothTypes, ed.D1, random))).toBe('E_MSG');
    expect(abortOf(() => dkg.p1Open(restart1(), secp.D2, random))).toBe('E_MSG');
    expect(abortOf(() => dkg.p2Finish(restart2(), ed.D3, random))).toBe('E_MSG');
    expect(() => dkg.p1Start(run.ctx, ['ed25519'], random)).toThrow(RangeError);
    expect(() => dkg.p2Start(run.ctx, ['secp256k1'], secp.D1, random)).toThrow(RangeError);
    expect(() => suiteOf([])).toThrow(RangeError);
    expect(() => suiteOf(['ed25519', 'ed25519'])).toThrow(RangeError);
  });

  test('KUD-GG20: no message is taken for another, in any round', () => {
    const messages = { D1: run.D1, D2: run.D2, D3: run.D3, D4: run.D4 };
    const rounds = {
      D1: (m: Uint8Array) => dkg.p2Start(run.ctx, bothTypes, m, random),
      D2: (m: Uint8Array) => dkg.p1Open(restart1(), m, random),
      D3: (m: Uint8Array) => dkg.p2Finish(restart2(), m, random),
      D4: (m: Uint8Array) => dkg.p1Confirm({ ...run.node1, conf2: run.D4 }, m),
    };
    for (const [expected, round] of Object.entries(rounds))
      for (const [name, message] of Object.entries(messages))
        if (name !== expected)
          expect([expected, name, abortOf(() => round(message))]).toEqual([expected, name, 'E_MSG']);
  });
});

describe('states', () => {
  test('are used once, whatever came of it', () => {
    const state1 = restart1();
    expect(abortOf(() => dkg.p1Open(state1, new Uint8Array(3), random))).toBe('E_MSG');
    expect(abortOf(() => dkg.p1Open(state1, run.D2, random))).toBe('E_USED');
    const state2 = restart2();
    expect(abortOf(() => dkg.p2Finish(state2, other.D3, random))).toBe('E_COM');
    expect(abortOf(() => dkg.p2Finish(state2, run.D3, random))).toBe('E_USED');
    expect(state2.every((b) => b === 0)).toBe(true);
  });

  test("P2's state in another shape is E_STATE", () => {
    const bytes = run.state2;
    for (const bad of [
      bytes.slice(0, -1),
      concat(bytes, u8(0)),
      new Uint8Array(0),
      concat(u8(2), bytes.subarray(1)),
      concat(bytes.subarray(0, 1), u8(0), bytes.subarray(2)),
      concat(bytes.subarray(0, 1), u8(1), bytes.subarray(2)),
      concat(bytes.subarray(0, 1), u8(7), bytes.subarray(2)),
      // No key types at all, in the length that this would have.
      concat(bytes.subarray(0, 1), u8(0), random(messageLength(p2StateLayout([])))),
    ])
      expect(abortOf(() => dkg.p2Finish(bad as dkg.P2State, run.D3, random))).toBe('E_STATE');
    expect(bytes.length).toBe(2 + messageLength(p2StateLayout(bothTypes)));
  });

  test("P2's state of another session does not fit", () => {
    const state = other.state2.slice() as dkg.P2State;
    expect(abortOf(() => dkg.p2Finish(state, run.D3, random))).toBe('E_COM');
  });
});

describe('randomness', () => {
  test('NCC-FROST: a short read or a stuck source of zeros is an error, never a key', () => {
    const short: Random = (n) => new Uint8Array(n - 1).fill(7);
    const zero: Random = (n) => new Uint8Array(n);
    for (const bad of [short, zero]) {
      expect(() => dkg.p1Start(run.ctx, bothTypes, bad)).toThrow('randomness is broken');
      expect(() => dkg.p2Start(run.ctx, bothTypes, run.D1, bad)).toThrow('randomness is broken');
      expect(() => dkg.p1Open(restart1(), run.D2, bad)).toThrow('randomness is broken');
      expect(() => dkg.p2Finish(restart2(), run.D3, bad)).toThrow('randomness is broken');
    }
  });
});

describe('context', () => {
  const fields = {
    keyTypes: bothTypes,
    orgId: 'org',
    walletSetId: 'wset',
    keyId: 'key',
    epoch: 1,
    identity1: new Uint8Array(32).fill(1),
    identity2: new Uint8Array(32).fill(2),
  };

  test('every field counts, and bytes do not move across the borders of fields', () => {
    const variants = [
      fields,
      { ...fields, keyTypes: ['secp256k1'] as const },
      { ...fields, orgId: 'orgw', walletSetId: 'set' },
      { ...fields, orgId: 'or', walletSetId: 'gwset' },
      { ...fields, walletSetId: 'wsetk', keyId: 'ey' },
      { ...fields, epoch: 2 },
      { ...fields, identity1: fields.identity2, identity2: fields.identity1 },
    ];
    const digests = [
      ...variants.map((f) => toHex(contextOf(f).digest)),
      toHex(contextOf(fields, new Uint8Array(0)).digest),
      toHex(contextOf(fields, new Uint8Array(33)).digest),
    ];
    expect(new Set(digests).size).toBe(variants.length + 2);
  });

  test.each([
    { epoch: 0 },
    { epoch: 1.5 },
    { epoch: 2 ** 32 },
    { orgId: '' },
    { keyId: '' },
    { identity1: new Uint8Array(31) },
  ])('%j is refused', (bad) => {
    expect(() => contextOf({ ...fields, ...bad })).toThrow(RangeError);
  });
});

describe('share blob', () => {
  test.each([
    [['secp256k1'], 16 + 12567],
    [['ed25519'], 16 + 229],
    [['secp256k1', 'ed25519'], 16 + 12567 + 229],
  ] as [KeyType[], number][])('%j: %d bytes, and back', (types, length) => {
    const { node1, node2 } = generate(types, 'blob');
    for (const [role, { shares }] of [
      [1, node1],
      [2, node2],
    ] as const) {
      const blob = encodeShareBlob(shares);
      expect(blob.length).toBe(length);
      expect(decodeShareBlob(role, blob)).toEqual(shares);
    }
  });

  test('anything else is share_unreadable', () => {
    const blob = encodeShareBlob(run.node1.shares);
    const edOnly = encodeShareBlob({
      ...(run.node1.shares.ed25519 && { ed25519: run.node1.shares.ed25519 }),
    });
    const flip = (b: Uint8Array, at: number) => b.map((x, i) => (i === at ? x ^ 1 : x));
    const bad = [
      new Uint8Array(0),
      new Uint8Array(16),
      blob.slice(0, -1),
      concat(blob, u8(0)),
      flip(blob, 0),
      flip(blob, 7),
      lengthPrefixed(blob),
      // Role, share, points and epoch-free fields of the ed25519 record.
      ...[16, 17, 16 + 1 + 64 + 36, 16 + 1 + 64 + 36 + 32, 16 + 1 + 64 + 36 + 64].map((at) =>
        flip(edOnly, at),
      ),
    ];
    for (const b of bad) expect(() => decodeShareBlob(1, b)).toThrow(CustodyError);
    expect(() => decodeShareBlob(2, edOnly)).toThrow(CustodyError);
  });
});
