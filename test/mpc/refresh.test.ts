import { createDecipheriv, createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { shake256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { concat, fromHex, lengthPrefixed, toHex, u8, u16be, u32be, utf8 } from '#shared/bytes.ts';
import { Abort, CustodyError } from '#shared/errors.ts';
import { contextOf, type KeyType } from '#shared/mpc/context.ts';
import { deriveEd25519, deriveSecp256k1 } from '#shared/mpc/derive.ts';
import type { EdPoint, EdScalar } from '#shared/mpc/ed25519.ts';
import { proveHalf } from '#shared/mpc/halves.ts';
import type { Random } from '#shared/mpc/hash.ts';
import { openSealed, seal } from '#shared/mpc/hpke.ts';
import { decodeMessage, encodeMessage, messageLength } from '#shared/mpc/message.ts';
import * as protocol from '#shared/mpc/refresh.ts';
import { currentOf, moveHalves, sealContext } from '#shared/mpc/refresh-keys.ts';
import { f1Layout, f2Layout, f2StateLayout, f3Layout, f4Layout } from '#shared/mpc/refresh-messages.ts';
import type { Point, Scalar } from '#shared/mpc/secp256k1.ts';
import { decodeShareBlob, encodeShareBlob, type KeyShares } from '#shared/mpc/share-blob.ts';
import * as bip340 from '#shared/mpc/sign-bip340.ts';
import * as ecdsa from '#shared/mpc/sign-ecdsa.ts';
import * as eddsa from '#shared/mpc/sign-eddsa.ts';
import { tags } from '#shared/mpc/tags.ts';
import { wiping } from '#shared/mpc/wipe.ts';
import { bothTypes, generate, testContext } from '../support/dkg.ts';
import { seededRandom } from '../support/random.ts';
import { type Both, nameOf, refresh } from '../support/refresh.ts';
import { misshape } from '../support/tamper.ts';

/** The abort code that `run` ends with. Anything but an Abort is a failure of the test. */
async function abortOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof Abort) return error.abort;
    throw error;
  }
  return 'accepted';
}

const sharesOf = (run: ReturnType<typeof generate>): Both => [run.node1.shares, run.node2.shares];
const before = sharesOf(generate(bothTypes, 'refresh/keys'));
const run = await refresh(before, 'refresh/run');
const other = await refresh(
  sharesOf(generate(bothTypes, 'refresh/other keys', testContext(bothTypes, 'other'))),
  'refresh/other',
  nameOf(2, 'other'),
);
const small = sharesOf(generate(['ed25519'], 'refresh/small'));
const smallRun = await refresh(small, 'refresh/small run');
const random = seededRandom('refresh/later');
/** Node 1 after F1, again, from the same randomness; Node 2 after F2. */
const restart1 = () => protocol.p1Start(run.name, before[0], seededRandom('refresh/run/1'))[0];
const restart2 = () => run.state2.slice() as protocol.RefreshState;
const open1 = (F2: Uint8Array) => protocol.p1Open(restart1(), F2, random);
const finish2 = (F3: Uint8Array) => protocol.p2Finish(restart2(), run.name, before[1], F3, random);
const none = new Uint8Array(0);

function secp([a, b]: Both) {
  if (!a.secp256k1 || !b.secp256k1) throw new Error('a share is missing');
  return [a.secp256k1, b.secp256k1] as const;
}
function ed([a, b]: Both) {
  if (!a.ed25519 || !b.ed25519) throw new Error('a share is missing');
  return [a.ed25519, b.ed25519] as const;
}

const digest = new Uint8Array(32).fill(9);
/** A signature of each algorithm under these records, verified with another library; throws if there is none. */
function signAll(shares: Both): string[] {
  const addresses: string[] = [];
  const reqHash = random(32);
  const [s1, s2] = secp(shares);
  const request = { ...deriveSecp256k1(s1.Q, s1.cc, 'm/44/0/3'), digest, reqHash };
  const reqId = random(16);
  const [started, S1] = ecdsa.p1Start(s1, request, random);
  const [stored, S2] = ecdsa.p2Respond(s2, request, reqId, S1, random);
  const [middle, S3] = ecdsa.p1Middle(started, s1, request, S2, random);
  const S4 = ecdsa.p2Finish(s2, request, reqId, stored, S3, random);
  const { r, s } = ecdsa.p1Finish(middle, request, S4, random);
  expect(secp256k1.verify(concat(r, s), digest, request.Q, { prehash: false })).toBe(true);
  addresses.push(toHex(request.Q), ...signSchnorr(shares));
  return addresses;
}
function signTaproot(shares: Both): string {
  const [s1, s2] = secp(shares);
  const derived = deriveSecp256k1(s1.Q, s1.cc, 'm/86/0/3');
  const request = { ...derived, merkleRoot: none, digest, reqHash: random(32) };
  const [state, S1] = bip340.p1Start(s1, request, random);
  bip340.p1Finish(state, s1, request, bip340.p2Respond(s2, request, S1, random));
  return toHex(request.Q);
}
function signEd(shares: Both): string {
  const [s1, s2] = ed(shares);
  const request = { ...deriveEd25519(s1.A, s1.cc, 'm/501/0/3'), message: digest, reqHash: random(32) };
  const [state, S1] = eddsa.p1Start(s1, request, random);
  const signature = eddsa.p1Finish(state, s1, request, eddsa.p2Respond(s2, request, S1, random));
  expect(ed25519.verify(signature, digest, request.A, { zip215: false })).toBe(true);
  return toHex(request.A);
}
const signSchnorr = (shares: Both): string[] => [signTaproot(shares), signEd(shares)];

/** Everything that must not change. */
const publicOf = (shares: Both) =>
  shares.map((node) => [
    node.secp256k1 && [toHex(node.secp256k1.Q), toHex(node.secp256k1.cc)],
    node.ed25519 && [toHex(node.ed25519.A), toHex(node.ed25519.cc)],
  ]);

const be = (b: Uint8Array): bigint => BigInt(`0x${toHex(b)}`);
const le = (b: Uint8Array): bigint => be(b.slice().reverse());
const H = (tag: string, n: number, ...fields: Uint8Array[]) =>
  shake256(lengthPrefixed(utf8(`planbok/v1/${tag}`), ...fields), { dkLen: n });

/** RFC 9180, base mode, opened with OpenSSL's primitives alone: what Node 2 sealed in F2. */
function openBox(secretKey: Uint8Array, info: Uint8Array, aad: Uint8Array, enc: Uint8Array, box: Uint8Array) {
  const spki = (key: Uint8Array) =>
    createPublicKey({
      key: Buffer.concat([fromHex('302a300506032b656e032100'), key]),
      format: 'der',
      type: 'spki',
    });
  const privateKey = createPrivateKey({
    key: Buffer.concat([fromHex('302e020100300506032b656e04220420'), secretKey]),
    format: 'der',
    type: 'pkcs8',
  });
  const own = new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' })).slice(-32);
  const dh = new Uint8Array(diffieHellman({ privateKey, publicKey: spki(enc) }));
  const kem = concat(utf8('KEM'), u16be(0x20));
  const hpke = concat(utf8('HPKE'), u16be(0x20), u16be(1), u16be(2));
  const extract = (suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array) =>
    hmac(sha256, salt, concat(utf8('HPKE-v1'), suite, utf8(label), ikm));
  // HKDF-Expand of a pseudorandom key alone: one block is all that is needed.
  const expand = (suite: Uint8Array, prk: Uint8Array, label: string, value: Uint8Array, n: number) =>
    hmac(sha256, prk, concat(u16be(n), utf8('HPKE-v1'), suite, utf8(label), value, u8(1))).slice(0, n);
  const shared = expand(kem, extract(kem, none, 'eae_prk', dh), 'shared_secret', concat(enc, own), 32);
  const context = concat(
    u8(0),
    extract(hpke, none, 'psk_id_hash', none),
    extract(hpke, none, 'info_hash', info),
  );
  const secret = extract(hpke, shared, 'secret', none);
  const key = expand(hpke, secret, 'key', context, 32);
  const decipher = createDecipheriv('aes-256-gcm', key, expand(hpke, secret, 'base_nonce', context, 12));
  decipher.setAAD(aad);
  decipher.setAuthTag(box.slice(-16));
  return new Uint8Array(Buffer.concat([decipher.update(box.slice(0, -16)), decipher.final()]));
}

/** Node 1's one-time key of a run: what it takes out of its state. */
const sealKeyOf = () => restart1().take().sealKey.secretKey.slice();

describe('refresh', () => {
  test.each([
    [['secp256k1'], [8288, 16560, 8352, 32]],
    [['ed25519'], [96, 176, 160, 32]],
    [
      ['secp256k1', 'ed25519'],
      [8288, 16624, 8416, 32],
    ],
  ] as [KeyType[], number[]][])('messages of %j have %j bytes', async (types, lengths) => {
    const shares = sharesOf(generate(types, 'refresh/lengths'));
    const { F1, F2, F3, F4, state2 } = await refresh(shares, 'refresh/lengths');
    expect([F1, F2, F3, F4].map((m) => m.length)).toEqual(lengths);
    expect([f1Layout(types), f2Layout(types), f3Layout(types), f4Layout()].map(messageLength)).toEqual(
      lengths,
    );
    expect(state2.length).toBe(2 + messageLength(f2StateLayout(types)));
  });

  test('the same keys, chain code and addresses; other shares, other transfers; all algorithms sign', () => {
    expect(publicOf(run.after)).toEqual(publicOf(before));
    expect(signAll(run.after)).toEqual(signAll(before));
    expect(run.node1.sid).toEqual(run.node2.sid);
    expect(run.node1.transcript).toEqual(run.node2.transcript);
    const secrets = ['x', 'K', 'delta', 'Kd', 'zseed', 'hedgeSeed', 'sid', 'X1', 'X2'] as const;
    for (const i of [0, 1] as const) {
      const [old, fresh] = [secp(before)[i], secp(run.after)[i]];
      for (const name of secrets) expect([name, toHex(fresh[name])]).not.toEqual([name, toHex(old[name])]);
      expect([old.epoch, fresh.epoch]).toEqual([1, 2]);
      const [oldEd, freshEd] = [ed(before)[i], ed(run.after)[i]];
      for (const name of ['x', 'hedgeSeed', 'sid', 'A1', 'A2'] as const)
        expect([name, toHex(freshEd[name])]).not.toEqual([name, toHex(oldEd[name])]);
      expect(freshEd.epoch).toBe(2);
    }
    expect(secp(run.after)[0].zseed).toEqual(secp(run.after)[1].zseed);
    const roles = [...secp(run.after), ...ed(run.after)].map(({ role }) => role);
    expect(roles).toEqual([1, 2, 1, 2]);
    // And what is stored reads back, with its own checks.
    expect(decodeShareBlob(2, encodeShareBlob(run.after[1]))).toEqual(run.after[1]);
  });

  test('a share of one epoch and a share of another sign nothing', () => {
    const reasons: string[] = [];
    for (const mixed of [
      [before[0], run.after[1]],
      [run.after[0], before[1]],
    ] as Both[]) {
      for (const sign of [signAll, signTaproot, signEd])
        try {
          sign(mixed);
          reasons.push('signed');
        } catch (error) {
          reasons.push(error instanceof Abort ? error.abort : 'no abort');
        }
    }
    // ECDSA binds a session to sid and epoch, so it ends at once; in FROST the shares themselves do not fit.
    expect(reasons).toEqual(['E_REQ', 'E_SIG', 'E_SIG', 'E_REQ', 'E_SIG', 'E_SIG']);
  });

  test('nor do they when a thief relabels them: the halves do not add up', () => {
    for (const [one, two] of [
      [before[0], run.after[1]],
      [run.after[0], before[1]],
    ] as Both[]) {
      const [s1, s2] = secp([one, two]);
      const G = secp256k1.Point;
      expect(G.BASE.multiply(G.Fn.create(be(s1.x) + be(s2.x))).toBytes(true)).not.toEqual(s1.Q);
      const [e1, e2] = ed([one, two]);
      const B = ed25519.Point;
      expect(B.BASE.multiply(B.Fn.create(le(e1.x) + le(e2.x))).toBytes()).not.toEqual(e1.A);
      // A consistent lie about the epoch gets as far as the sum of the public shares.
      const { sid, epoch, zseed, X1, X2 } = s2;
      const relabelled: Both = [{ secp256k1: { ...s1, sid, epoch, zseed, X1, X2 }, ed25519: e1 }, two];
      expect(() => signAll(relabelled)).toThrow(/E_(PK|OT)/);
    }
  });

  test('three in a row', async () => {
    let shares: Both = before;
    for (const epoch of [2, 3, 4]) {
      shares = (await refresh(shares, `refresh/${epoch}`, nameOf(epoch))).after;
      expect(publicOf(shares)).toEqual(publicOf(before));
      expect(secp(shares)[0].epoch).toBe(epoch);
    }
    expect(signAll(shares)).toEqual(signAll(before));
  });

  test('the bytes are those of docs/protocol.md, recomputed with other libraries and BigInt', () => {
    const key = new Uint8Array(32);
    const [s1, e1] = [secp(before)[0], ed(before)[0]];
    const ctx = H(
      'ctx',
      32,
      u32be(1),
      utf8('secp256k1-ecdsa-dkls23+ed25519-frost'),
      utf8('org_a'),
      utf8('wset_a'),
      utf8('key'),
      u32be(2),
      key.fill(1).slice(),
      key.fill(2).slice(),
      s1.Q,
      e1.A,
    );
    const f1 = decodeMessage(f1Layout(bothTypes), run.F1);
    const f2 = decodeMessage(f2Layout(bothTypes), run.F2);
    const f3 = decodeMessage(f3Layout(bothTypes), run.F3);
    expect(f1.com1).toEqual(H('refresh/com', 32, ctx, f1.n1, f3.rho1, f3.salt1));
    const sid = H('refresh/sid', 32, ctx, run.F1, f2.n2);
    expect(run.node1.sid).toEqual(sid);
    const info = lengthPrefixed(utf8('planbok/v1/refresh/seal'), sid);
    const rho2 = openBox(sealKeyOf(), info, run.F1, f2.enc2, f2.box2);
    const wide = (type: string) => H('refresh/rho', 48, sid, utf8(type), f3.rho1, rho2);
    const zseed = H('refresh/zero', 32, sid, f3.rho1, rho2);
    expect(secp(run.after).map((s) => s.zseed)).toEqual([zseed, zseed]);

    const G = secp256k1.Point;
    const q = G.Fn.ORDER;
    const rhoX = be(wide('secp256k1')) % q;
    const [x1, x2] = secp(before).map((s) => be(s.x)) as [bigint, bigint];
    const [y1, y2] = [(x1 + rhoX) % q, (x2 - rhoX + q) % q];
    expect(secp(run.after).map((s) => be(s.x))).toEqual([y1, y2]);
    const [Y1, Y2] = [G.BASE.multiply(y1), G.BASE.multiply(y2)];
    expect(Y1.add(Y2).toBytes(true)).toEqual(s1.Q);

    const B = ed25519.Point;
    const L = B.Fn.ORDER;
    const rhoA = le(wide('ed25519')) % L;
    const [a1, a2] = ed(before).map((s) => le(s.x)) as [bigint, bigint];
    const [b1, b2] = [(a1 + rhoA) % L, (a2 - rhoA + L) % L];
    expect(ed(run.after).map((s) => le(s.x))).toEqual([b1, b2]);
    const [B1, B2] = [B.BASE.multiply(b1), B.BASE.multiply(b2)];
    expect(B1.add(B2).toBytes()).toEqual(e1.A);

    for (const s of secp(run.after)) expect([s.X1, s.X2]).toEqual([Y1.toBytes(true), Y2.toBytes(true)]);
    for (const s of ed(run.after)) expect([s.A1, s.A2]).toEqual([B1.toBytes(), B2.toBytes()]);
    const points = [s1.Q, Y1.toBytes(true), Y2.toBytes(true), e1.A, B1.toBytes(), B2.toBytes()];
    const tr = H('refresh/tr', 32, run.F1, run.F2);
    const conf = (role: number) =>
      H('refresh/confirm', 32, sid, ...points, s1.cc, zseed, tr, f3.U1, u8(role));
    expect(f3.conf1).toEqual(conf(1));
    expect(run.F4).toEqual(conf(2));
    expect(run.node2.transcript).toEqual(conf(2));
  });

  test('each direction of base transfers: the chosen seed of 128 pairs, and never the other', () => {
    const [s1, s2] = secp(run.after);
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
  });

  test('many ed25519 keys, and any epoch above the current one', async () => {
    for (let i = 0; i < (process.env['SLOW'] === '1' ? 500 : 20); i++) {
      const shares = sharesOf(generate(['ed25519'], `refresh/many ${i}`));
      const { after } = await refresh(shares, `refresh/many ${i}`, nameOf(2 + i * 1000));
      expect(publicOf(after)).toEqual(publicOf(shares));
      signEd(after);
    }
    for (const epoch of [0, 1, 1.5, 2 ** 32])
      expect(() => protocol.p1Start(nameOf(epoch), before[0], random)).toThrow(RangeError);
  });
});

describe('a corrupt peer', () => {
  test('Node 1 cannot choose ρ1 after it has seen ρ2', async () => {
    const f3 = decodeMessage(f3Layout(bothTypes), run.F3);
    for (const change of [{ rho1: random(32) }, { salt1: random(32) }, { rho1: f3.salt1, salt1: f3.rho1 }])
      expect(await abortOf(() => finish2(encodeMessage(f3Layout(bothTypes), { ...f3, ...change })))).toBe(
        'E_COM',
      );
  });

  test('Node 2 cannot use another ρ2 than the one that it sealed', async () => {
    const f2 = decodeMessage(f2Layout(bothTypes), run.F2);
    const { seal1 } = decodeMessage(f1Layout(bothTypes), run.F1);
    const sealed = await seal(seal1, sealContext(run.node1.sid, run.F1), random(32), random);
    const changed = encodeMessage(f2Layout(bothTypes), { ...f2, enc2: sealed.enc, box2: sealed.box });
    const [prepared, F3] = await open1(changed);
    expect(await abortOf(() => finish2(F3))).toBe('E_CONF');
    expect(await abortOf(() => protocol.p1Confirm(prepared.transcript, run.F4))).toBe('E_CONF');
  });

  test('ρ2 is sealed to this session: not for another F1, sid or key, and in no message in clear', async () => {
    const { enc2, box2 } = decodeMessage(f2Layout(bothTypes), run.F2);
    const secretKey = sealKeyOf();
    const sealed = { enc: enc2, box: box2 };
    const { info, aad } = sealContext(run.node1.sid, run.F1);
    const rho2 = await openSealed(secretKey, { info, aad }, sealed);
    expect(rho2).toHaveLength(32);
    for (const context of [
      sealContext(other.node1.sid, run.F1),
      sealContext(run.node1.sid, other.F1),
      { info: none, aad },
    ])
      expect(await abortOf(() => openSealed(secretKey, context, sealed))).toBe('E_MSG');
    expect(await abortOf(() => openSealed(random(32), { info, aad }, sealed))).toBe('E_MSG');
    for (const message of [run.F1, run.F2, run.F3, run.F4]) expect(toHex(message)).not.toContain(toHex(rho2));
  });

  test('a shift that would make a share zero ends the attempt at both nodes', async () => {
    // ρ depends on the key and the messages, not on the halves: with the halves -ρ and x + ρ of the same key
    // and the same randomness, Node 1's new share is zero.
    const zeroed = (node: 1 | 2): Both => {
      const [old, fresh] = [ed(small)[0], ed(smallRun.after)[0]];
      const Fn = ed25519.Point.Fn;
      const rho = Fn.sub(le(fresh.x), le(old.x));
      const x = Fn.add(le(old.x), le(ed(small)[1].x));
      const [a1, a2] = node === 1 ? [Fn.neg(rho), Fn.add(x, rho)] : [Fn.sub(x, rho), rho];
      const half = (n: bigint) =>
        [Fn.toBytes(n) as EdScalar, ed25519.Point.BASE.multiply(n).toBytes() as EdPoint] as const;
      const [[x1, A1], [x2, A2]] = [half(a1), half(a2)];
      return [
        { ed25519: { ...ed(small)[0], x: x1, A1, A2 } },
        { ed25519: { ...ed(small)[1], x: x2, A1, A2 } },
      ];
    };
    for (const node of [1, 2] as const) {
      const shares = zeroed(node);
      const [random1, random2] = [seededRandom('refresh/small run/1'), seededRandom('refresh/small run/2')];
      const [state1, F1] = protocol.p1Start(smallRun.name, shares[0], random1);
      const [state2, F2] = await protocol.p2Start(smallRun.name, shares[1], F1, random2);
      expect([node, F1]).toEqual([node, smallRun.F1]);
      expect(await abortOf(() => protocol.p1Open(state1, F2, random1))).toBe('E_PK');
      // Node 1 that goes on all the same: Node 2 sees it too. The proof is of these shares.
      const { rho1, salt1 } = decodeMessage(f3Layout(['ed25519']), smallRun.F3);
      const sid = smallRun.node1.sid;
      const proof = proveHalf(['ed25519'], { sid, role: 1 }, currentOf(1, shares[0]).half, random);
      const F3 = encodeMessage(f3Layout(['ed25519']), {
        rho1,
        salt1,
        eX1: none,
        sigmaX1: none,
        eA1: proof.A.e,
        sigmaA1: proof.A.sigma,
        U1: none,
        conf1: new Uint8Array(32),
      });
      expect(await abortOf(() => protocol.p2Finish(state2, smallRun.name, shares[1], F3, random2))).toBe(
        'E_PK',
      );
    }
  });

  test('replays: F2, F3 and F4 of another session, of the peer, of another key', async () => {
    const again = await refresh(before, 'refresh/again');
    for (const [F2, F3, F4] of [
      [again.F2, again.F3, again.F4],
      [other.F2, other.F3, other.F4],
    ] as const) {
      expect(await abortOf(() => open1(F2))).toBe('E_POK');
      expect(await abortOf(() => finish2(F3))).toBe('E_COM');
      expect(await abortOf(() => protocol.p1Confirm(run.node1.transcript, F4))).toBe('E_CONF');
    }
    // Node 1's own confirmation, reflected.
    expect(await abortOf(() => protocol.p1Confirm(run.node1.transcript, run.F3.slice(-32)))).toBe('E_CONF');
    // A state of another session.
    const state = again.state2.slice() as protocol.RefreshState;
    expect(await abortOf(() => protocol.p2Finish(state, run.name, before[1], run.F3, random))).toBe('E_COM');
    // F2's proof is Node 2's: it is none of Node 1, even from one that has the same share.
    const f2 = decodeMessage(f2Layout(bothTypes), run.F2);
    const f3 = decodeMessage(f3Layout(bothTypes), run.F3);
    const { eX2, sigmaX2, eA2, sigmaA2 } = f2;
    const reflected = { ...f3, eX1: eX2, sigmaX1: sigmaX2, eA1: eA2, sigmaA1: sigmaA2 };
    expect(await abortOf(() => finish2(encodeMessage(f3Layout(bothTypes), reflected)))).toBe('E_POK');
  });

  test('another context at one node: epoch, key, wallet set, organization, identities, or another Q', async () => {
    const names: protocol.RefreshName[] = [
      nameOf(3),
      nameOf(2, 'another'),
      { ...nameOf(), orgId: 'org_b' },
      { ...nameOf(), walletSetId: 'wset_b' },
      { ...nameOf(), identity1: new Uint8Array(32).fill(3) },
      { ...nameOf(), identity2: new Uint8Array(32).fill(3) },
    ];
    for (const name of names) {
      const [, F2] = await protocol.p2Start(name, before[1], run.F1, random);
      expect(await abortOf(() => open1(F2))).toBe('E_POK');
    }
    // Another Q: the key of another wallet set under this one's name.
    const [, F2] = await protocol.p2Start(run.name, other.before[1], run.F1, random);
    expect(await abortOf(() => open1(F2))).toBe('E_POK');
    // The context of key generation has no Q: a refresh has another one even with all else alike.
    const { identity1, identity2, orgId, walletSetId, keyId, epoch } = run.name;
    const plain = contextOf({ keyTypes: bothTypes, orgId, walletSetId, keyId, epoch, identity1, identity2 });
    expect(restart1().take().ctx.digest).not.toEqual(plain.digest);
  });

  test('a node that has gone back to an epoch of the same key is found out before anything is stored', async () => {
    const later = await refresh(run.after, 'refresh/later', nameOf(3));
    // Node 2 restored to epoch 1, Node 1 at epoch 3, both willing to go to 4.
    const random1 = seededRandom('back/1');
    const [state1, F1] = protocol.p1Start(nameOf(4), later.after[0], random1);
    const [, F2] = await protocol.p2Start(nameOf(4), before[1], F1, random);
    expect(await abortOf(() => protocol.p1Open(state1, F2, random1))).toBe('E_POK');
    // And the other way round: whoever has Node 1's share of epoch 1, and goes on against all rules.
    const old = currentOf(1, before[0]);
    const [state, thief] = protocol.p1Start(nameOf(4), before[0], seededRandom('back/2'));
    const { rho1, salt1 } = state.take();
    const [state2, answer] = await protocol.p2Start(nameOf(4), later.after[1], thief, random);
    const { P1 } = decodeMessage(f2Layout(bothTypes), answer);
    const sid = decodeMessage(f2StateLayout(bothTypes), state2.subarray(2)).sid;
    const proof = proveHalf(bothTypes, { sid, role: 1 }, old.half, random);
    const F3 = encodeMessage(f3Layout(bothTypes), {
      rho1,
      salt1,
      eX1: proof.X.e,
      sigmaX1: proof.X.sigma,
      eA1: proof.A.e,
      sigmaA1: proof.A.sigma,
      U1: P1,
      conf1: new Uint8Array(32),
    });
    expect(await abortOf(() => protocol.p2Finish(state2, nameOf(4), later.after[1], F3, random))).toBe(
      'E_POK',
    );
  });

  test('no message is taken for another, and none of a run for other key types', async () => {
    const messages = { F1: run.F1, F2: run.F2, F3: run.F3, F4: run.F4 };
    const rounds: Record<string, (m: Uint8Array) => unknown> = {
      F1: (m) => protocol.p2Start(run.name, before[1], m, random),
      F2: open1,
      F3: finish2,
      F4: (m) => protocol.p1Confirm(run.node1.transcript, m),
    };
    const small = { F1: smallRun.F1, F2: smallRun.F2, F3: smallRun.F3 };
    for (const [expected, round] of Object.entries(rounds)) {
      for (const [name, message] of [...Object.entries(messages), ...Object.entries(small)])
        if (name !== expected || message !== messages[name as 'F1'])
          expect([expected, name, await abortOf(() => round(message))]).toEqual([expected, name, 'E_MSG']);
      const layout = {
        F1: f1Layout(bothTypes),
        F2: f2Layout(bothTypes),
        F3: f3Layout(bothTypes),
        F4: f4Layout(),
      };
      const which = expected as 'F1';
      for (const { message } of misshape(layout[which], messages[which]))
        expect(await abortOf(() => round(message))).toBe('E_MSG');
    }
  });

  test('random bytes never do more than abort', async () => {
    const ok = /^E_(MSG|POK|PK|COM|CONF|STATE|USED)$/;
    const bytes = (n: number) =>
      fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: n, maxLength: n }));
    const start = () => protocol.p1Start(smallRun.name, small[0], seededRandom('refresh/small run/1'))[0];
    const state = () => smallRun.state2.slice() as protocol.RefreshState;
    const finish = (s: Uint8Array, m: Uint8Array) =>
      protocol.p2Finish(s as protocol.RefreshState, smallRun.name, small[1], m, random);
    await fc.assert(
      fc.asyncProperty(bytes(176), bytes(160), async (F2, F3) => {
        expect(await abortOf(() => protocol.p1Open(start(), F2, random))).toMatch(ok);
        expect(await abortOf(() => finish(state(), F3))).toMatch(ok);
        expect(await abortOf(() => finish(F3.slice(), smallRun.F3))).toMatch(ok);
      }),
      { numRuns: process.env['SLOW'] === '1' ? 3000 : 150 },
    );
  });
});

describe('states and records', () => {
  test('a state is used once, whatever came of it, and no secret of the attempt is left in it', async () => {
    const state1 = restart1();
    expect(await abortOf(() => protocol.p1Open(state1, new Uint8Array(3), random))).toBe('E_MSG');
    expect(await abortOf(() => protocol.p1Open(state1, run.F2, random))).toBe('E_USED');
    for (const F3 of [run.F3, other.F3, none]) {
      const state2 = restart2();
      await abortOf(() => protocol.p2Finish(state2, run.name, before[1], F3, random));
      expect(state2.every((b) => b === 0)).toBe(true);
      expect(await abortOf(() => protocol.p2Finish(state2, run.name, before[1], run.F3, random))).toBe(
        'E_USED',
      );
    }
  });

  test('what Node 1 keeps is wiped when it was used; the records of the current epoch are not touched', async () => {
    const copy = encodeShareBlob(before[0]);
    const copy2 = encodeShareBlob(before[1]);
    for (const [F2, failed] of [
      [run.F2, false],
      [other.F2, true],
    ] as const) {
      const state = restart1();
      const inside = state.take();
      const handed = { take: () => inside };
      expect((await abortOf(() => protocol.p1Open(handed, F2, random))) !== 'accepted').toBe(failed);
      for (const b of [inside.rho1, inside.sealKey.secretKey, inside.ot?.t ?? none])
        expect(b.every((x) => x === 0)).toBe(true);
      // Δ1 lives on in the record, unless there is none.
      expect(inside.ot?.choices.every((x) => x === 0)).toBe(failed);
    }
    expect(encodeShareBlob(before[0])).toEqual(copy);
    expect(encodeShareBlob(before[1])).toEqual(copy2);
  });

  test("Node 2's state in another shape, of key generation, or of another epoch is E_STATE", async () => {
    const bytes = run.state2;
    const dkgState = generate(bothTypes, 'refresh/keys').state2;
    const finish = (state: Uint8Array, shares: KeyShares = before[1], name = run.name) =>
      abortOf(() => protocol.p2Finish(state.slice() as protocol.RefreshState, name, shares, run.F3, random));
    for (const bad of [
      bytes.slice(0, -1),
      concat(bytes, u8(0)),
      none,
      concat(u8(1), bytes.subarray(1)),
      concat(u8(3), bytes.subarray(1)),
      ...[0, 1, 2, 7].map((mask) => concat(bytes.subarray(0, 1), u8(mask), bytes.subarray(2))),
      dkgState,
    ])
      expect(await finish(bad)).toBe('E_STATE');
    // Of the epoch after (a state that was kept), of another key, half of the keys, for another epoch or name.
    expect(await finish(bytes, run.after[1], nameOf(3))).toBe('E_STATE');
    const sibling = await refresh(before, 'refresh/sibling');
    expect(await finish(bytes, sibling.after[1], nameOf(3))).toBe('E_STATE');
    expect(await finish(bytes, before[1], nameOf(3))).toBe('E_STATE');
    expect(await finish(bytes, before[1], nameOf(2, 'another'))).toBe('E_STATE');
    expect(await finish(bytes, other.before[1])).toBe('E_STATE');
    const half: KeyShares = before[1].ed25519 ? { ed25519: before[1].ed25519 } : {};
    expect(await finish(bytes, half)).toBe('E_STATE');
    expect(await finish(bytes)).toBe('accepted');
  });

  test('records that do not belong together are not refreshed', async () => {
    const [s1, e1] = [secp(before)[0], ed(before)[0]];
    const one = { secp256k1: s1, ed25519: e1 };
    const foreign = secp(other.before)[0];
    const bad: [string, KeyShares][] = [
      ['none', {}],
      ['of the other node', before[1]],
      ['of two epochs', { ...one, ed25519: ed(run.after)[0] }],
      ['of two runs', { ...one, ed25519: ed(other.before)[0] }],
      ['two chain codes', { ...one, secp256k1: { ...s1, cc: foreign.cc } }],
      ['another Q', { ...one, secp256k1: { ...s1, Q: foreign.Q } }],
      ['another x', { ...one, secp256k1: { ...s1, x: foreign.x } }],
      ['halves swapped', { ...one, secp256k1: { ...s1, X1: s1.X2, X2: s1.X1 } }],
      ['zero', { ...one, secp256k1: { ...s1, x: new Uint8Array(32) as Scalar } }],
      ['another A', { ...one, ed25519: { ...e1, A: ed(other.before)[0].A } }],
      ['another a', { ...one, ed25519: { ...e1, x: ed(other.before)[0].x } }],
      [
        'negated',
        {
          ...one,
          secp256k1: { ...s1, X2: Uint8Array.from(s1.X2, (b, i) => (i === 0 ? b ^ 1 : b)) as Point },
        },
      ],
    ];
    for (const [name, shares] of bad) {
      const start = () => protocol.p1Start(run.name, shares, random);
      let code = 'accepted';
      try {
        start();
      } catch (error) {
        code = error instanceof CustodyError ? error.code : String(error);
      }
      expect([name, code]).toEqual([name, 'share_unreadable']);
    }
    await expect(protocol.p2Start(run.name, before[0], run.F1, random)).rejects.toMatchObject({
      code: 'share_unreadable',
    });
    expect(() => protocol.p2Finish(restart2(), run.name, before[0], run.F3, random)).toThrow(
      'share_unreadable'.slice(0, 0),
    );
  });

  test('arithmetic that went wrong leaves nothing', () => {
    const current = currentOf(1, before[0]);
    const rho = { x: secp(run.after)[0].x, a: ed(run.after)[0].x };
    const moved = wiping((scope) => moveHalves(current, rho, scope));
    expect(moved.half.x).not.toEqual(current.half.x);
    const broken = { ...current, half: { ...current.half, x: rho.x } };
    expect(() => wiping((scope) => moveHalves(broken, rho, scope))).toThrow('not halves of the key');
    const otherKey = { ...current, keys: { ...current.keys, X: secp(other.before)[0].Q } };
    expect(() => wiping((scope) => moveHalves(otherKey, rho, scope))).toThrow('not halves of the key');
    const nothing = { x: new Uint8Array(32) as Scalar, a: new Uint8Array(32) as EdScalar };
    expect(() => wiping((scope) => moveHalves(current, nothing, scope))).toThrow('E_PK');
  });
});

describe('randomness', () => {
  test('a short read or a stuck source of zeros is an error, never a shift', async () => {
    const short: Random = (n) => new Uint8Array(n - 1).fill(7);
    const zero: Random = (n) => new Uint8Array(n);
    for (const bad of [short, zero]) {
      expect(() => protocol.p1Start(run.name, before[0], bad)).toThrow('randomness is broken');
      await expect(protocol.p2Start(run.name, before[1], run.F1, bad)).rejects.toThrow(
        'randomness is broken',
      );
      await expect(protocol.p1Open(restart1(), run.F2, bad)).rejects.toThrow('randomness is broken');
      expect(() => protocol.p2Finish(restart2(), run.name, before[1], run.F3, bad)).toThrow(
        'randomness is broken',
      );
    }
  });

  test('tags of refresh are its own', () => {
    const mine = Object.entries(tags).filter(([name]) => name.startsWith('refresh'));
    expect(mine.length).toBe(8);
    for (const [, tag] of mine) expect(tag).toMatch(/^planbok\/v1\/refresh\//);
  });
});
