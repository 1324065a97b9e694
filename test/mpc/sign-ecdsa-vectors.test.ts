import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { type Bytes, fromHex, toHex } from '#shared/bytes.ts';
import { reference } from '#shared/mpc/arithmetic-reference.ts';
import { xof } from '#shared/mpc/hash.ts';
import { kernel } from '#shared/mpc/kernel/kernel.ts';
import { split, validate } from '#shared/mpc/layout.ts';
import { once } from '#shared/mpc/once.ts';
import {
  addPublic,
  mulBase,
  type Point,
  reduce,
  reduceNonZero,
  type Scalar,
  xOf,
} from '#shared/mpc/secp256k1.ts';
import { p1Finish, p1Middle, p1Start, p2Finish, p2Respond } from '#shared/mpc/sign-ecdsa.ts';
import { bindRequest, commit1, hedge, s4Layout } from '#shared/mpc/sign-ecdsa-messages.ts';
import { chiOf, fragment, shiftedShare2, voleContext, zeroShift } from '#shared/mpc/sign-ecdsa-round2.ts';
import { compactSignature } from '#shared/mpc/sign-ecdsa-signature.ts';
import { encodeState, openState, stateAad } from '#shared/mpc/sign-ecdsa-state.ts';
import { tags } from '#shared/mpc/tags.ts';
import { gadget, multiplyAsReceiver, theta } from '#shared/mpc/vole.ts';
import { one } from '../support/ecdsa-session.ts';
import { playback, requestOf, type SessionVector, sessions, vectorShares } from '../support/ecdsa-vectors.ts';

const sha256 = (b: Bytes): string => createHash('sha256').update(b).digest('hex');

/** A buffer that the round wipes when it ends: the hex of what was in it. */
const hexOf = (o: object): Record<string, string> =>
  Object.fromEntries(Object.entries(o).flatMap(([k, v]) => (v instanceof Uint8Array ? [[k, toHex(v)]] : [])));

/** Values that no round returns, from the functions that the rounds use. */
function recompute(
  session: SessionVector,
  arithmetic: typeof kernel,
  { tr, ssid, beta2 }: { readonly tr: Bytes; readonly ssid: Bytes; readonly beta2: string },
  middle1: ReturnType<ReturnType<typeof p1Middle>[0]['take']>,
  S4: Bytes,
) {
  const [share1, share2] = vectorShares();
  const request = requestOf(session);
  const aHat = (label: 's3' | 's4', seed: Bytes, fresh: string): string[] =>
    hedge(label, seed, playback(null, fresh), tr, [48, 48, ...(label === 's3' ? [80] : [])])
      .slice(0, 2)
      .map((wide) => toHex(reduceNonZero(wide)));
  const message = validate(s4Layout, split(s4Layout, S4));
  const context = voleContext(share1.sid, tr, 1, arithmetic);
  const d = multiplyAsReceiver(context, middle1.columns, middle1.beta1, message, arithmetic);
  const rx = reduce(xOf(addPublic(middle1.R1, message.R) as Point));
  const { r1, sk1, phi1, c } = middle1;
  const m = reduce(request.digest);
  const { u, w } = fragment({ r: r1, sk: sk1, phi: phi1, c, d, psi: message.psi, rx, m });
  return {
    aHat1: aHat('s3', share1.hedgeSeed, session.random.s3Fresh),
    aHat2: aHat('s4', share2.hedgeSeed, session.random.s4Fresh),
    chi2: toHex(chiOf(share2.sid, 2, fromHex(beta2), arithmetic)),
    sk2: toHex(shiftedShare2(share2, request.tau, ssid)),
    u1: toHex(u),
    w1: toHex(w),
  };
}

function play(session: SessionVector, arithmetic: typeof kernel) {
  const [share1, share2] = vectorShares();
  const request = requestOf(session);
  const { random } = session;
  const reqId = fromHex(session.reqId);
  const [started, S1] = p1Start(share1, request, playback(random.n1, random.s1Fresh));
  const started1 = started.take();
  const kept1 = hexOf(started1);
  const [stored, S2] = p2Respond(share2, request, reqId, S1, playback(random.n2, random.s2Fresh), arithmetic);
  const owner = { share: share2, request, reqId, ssid: stored.ssid };
  const state = openState(owner, stored.sealed);
  const kept2 = hexOf(state);
  const open2 = toHex(encodeState(state));
  const [middle, S3] = p1Middle(
    once(started1),
    share1,
    request,
    S2,
    playback(null, random.s3Fresh),
    arithmetic,
  );
  const middle1 = middle.take();
  const kept3 = hexOf(middle1);
  const S4 = p2Finish(share2, request, reqId, stored, S3, playback(null, random.s4Fresh), arithmetic);
  const recomputed = recompute(
    session,
    arithmetic,
    { tr: state.tr, ssid: state.ssid, beta2: kept2['beta2'] as string },
    middle1,
    S4,
  );
  const signature = p1Finish(once(middle1), request, S4, playback(null, null), arithmetic);
  return {
    request,
    share2,
    stored,
    owner,
    S1,
    S2,
    S3,
    S4,
    kept1,
    kept2,
    kept3,
    open2,
    recomputed,
    signature,
  };
}

describe.each([
  ['reference', reference],
  ['kernel', kernel],
] as const)('recorded sessions, %s', (_, arithmetic) => {
  test.each(sessions.map((s, i) => [i, s] as const))(
    'session %i is the same byte for byte',
    (_i, session) => {
      const run = play(session, arithmetic);
      const { derived } = session;
      expect(toHex(bindRequest(run.share2, run.request))).toBe(session.bind);
      expect(run.kept1).toMatchObject({ r1: derived.r1, phi1: derived.phi1, rho1: derived.rho1 });
      expect(run.kept2).toMatchObject({
        r2: derived.r2,
        phi2: derived.phi2,
        rho2: derived.rho2,
        ssid: derived.ssid,
        tr: derived.tr,
      });
      expect(run.kept3).toMatchObject({ chi1: derived.chi1, sk1: derived.sk1, tr: derived.tr });
      expect(run.recomputed).toEqual({
        aHat1: derived.aHat1,
        aHat2: derived.aHat2,
        chi2: derived.chi2,
        sk2: derived.sk2,
        u1: derived.u1,
        w1: derived.w1,
      });
      expect(toHex(run.S1)).toBe(session.S1);
      if (typeof session.S2 === 'string') expect(toHex(run.S2)).toBe(session.S2);
      else expect([run.S2.length, sha256(run.S2)]).toEqual([session.S2.length, session.S2.sha256]);
      expect(run.open2).toBe(session.n2State);
      expect(toHex(stateAad(run.owner))).toBe(session.stateAad);
      expect(toHex(run.stored.sealed)).toBe(session.n2StateSealed);

      const ext = 32 + 12_304;
      expect(toHex(run.S3).startsWith(session.S3.head)).toBe(true);
      expect(toHex(run.S3.subarray(ext, ext + 196))).toBe(session.S3.afterExt);
      expect(toHex(run.S3.subarray(ext + 196, ext + 196 + 128))).toBe(session.S3.firstRow);
      expect([run.S3.length, sha256(run.S3)]).toEqual([session.S3.length, session.S3.sha256]);
      expect(toHex(run.S4.subarray(32, 32 + 196))).toBe(session.S4.afterTr);
      expect(toHex(run.S4.subarray(-64))).toBe(session.S4.fragment);
      expect(toHex(run.S4.subarray(-64))).toBe(derived.w2 + derived.u2);
      expect([run.S4.length, sha256(run.S4)]).toEqual([session.S4.length, session.S4.sha256]);

      expect(toHex(compactSignature(run.signature))).toBe(session.signature);
      expect(run.signature.recoveryId).toBe(session.recoveryId);
    },
  );
});

describe.each([
  ['reference', reference],
  ['kernel', kernel],
] as const)('known answers, %s', (_, arithmetic) => {
  const zeros = (n: number): Bytes => new Uint8Array(n);
  const at = (b: Bytes, i: number): string => toHex(b.subarray(32 * i, 32 * i + 32));
  const zeroId = zeros(32);

  test('gadget', () => {
    const first = gadget(zeroId, 1, arithmetic);
    expect(at(first, 0)).toBe('c5332bc87a421465f7bfee2c7654f9768c0902eef717658451a2884a2ce363ee');
    expect(at(first, 511)).toMatch(/^6092a1412b934c5999612009ea04c8c4/);
    expect(at(gadget(zeroId, 2, arithmetic), 0)).toBe(
      'aad144981577745bc8c16b9186793a2a55d6031929ded826c13ff2173483547c',
    );
  });

  test('extension: generator row, check matrix, pad', () => {
    const rows = arithmetic.generatorRows({ id: zeroId, direction: 1 }, zeros(4096), zeros(16));
    expect(at(rows, 0)).toMatch(/^45fba3f20c9770f08d8bcd154f9f3914b94145f948b3d0d9cd4b45b5ca175cfc/);
    const chi = xof(tags.oteChi, [zeroId, Uint8Array.of(2), zeros(10_240)], 32);
    expect(toHex(chi)).toBe('004dc8917a68923808798913b8f464f459ca8061fe62d8b6e1c7e0df04537c65');
    const pads = arithmetic.pads({ id: zeroId, direction: 1 }, zeros(8192));
    expect(at(pads, 4 * 511)).toBe('1a74d504ade11e29eff2be188bd411d95a0efef2a8e3024723e5f775ac0681bb');
  });

  test('theta', () => {
    const t = theta({ tr: zeroId, direction: 1, gadget: zeros(0) }, zeros(65_536), arithmetic);
    expect(at(t, 0)).toBe('0644953962620d078f712442ee8330cfd87a37e6c179515499b3d03fa4802550');
    expect(at(t, 3)).toBe('753f1839c9bef0c11b62d45f96b85398398a1c29e9a05ea3806f23a909c3bac2');
  });
});

test('known answers: the shift of the shares, and a commitment', () => {
  const zeroId = new Uint8Array(32);
  expect(toHex(zeroShift(zeroId, zeroId))).toBe(
    '100d63d9f408c77f6869a0d6633ff910b91932445ae6a74d5ca69c9f262c9dfb',
  );
  const G = mulBase(one as Scalar);
  expect(toHex(commit1(zeroId, zeroId, G, zeroId))).toBe(
    '8c1a98912742825cb42d0af40eded50e32937776822ad92d7b7efc69ab41d166',
  );
});
