import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { type Bytes, concat, fromHex, toHex } from '#shared/bytes.ts';
import { reference } from '#shared/mpc/arithmetic-reference.ts';
import { kernel } from '#shared/mpc/kernel/kernel.ts';
import { once } from '#shared/mpc/once.ts';
import { p1Finish, p1Middle, p1Start, p2Finish, p2Respond } from '#shared/mpc/sign-ecdsa.ts';
import { bindRequest } from '#shared/mpc/sign-ecdsa-messages.ts';
import { compactSignature } from '#shared/mpc/sign-ecdsa-signature.ts';
import { encodeState, openState, stateAad } from '#shared/mpc/sign-ecdsa-state.ts';
import { playback, requestOf, type SessionVector, sessions, vectorShares } from '../support/ecdsa-vectors.ts';

const sha256 = (b: Bytes): string => createHash('sha256').update(b).digest('hex');

/** A buffer that the round wipes when it ends: the hex of what was in it. */
const hexOf = (o: object): Record<string, string> =>
  Object.fromEntries(Object.entries(o).flatMap(([k, v]) => (v instanceof Uint8Array ? [[k, toHex(v)]] : [])));

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
  const signature = p1Finish(once(middle1), request, S4, playback(null, null), arithmetic);
  return { request, share2, stored, owner, S1, S2, S3, S4, kept1, kept2, kept3, open2, signature };
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
