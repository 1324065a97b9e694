/**
 * Two-party ECDSA over secp256k1: a standard signature under Q' = Q + τG, made from additive shares that never
 * meet. Read top to bottom: the functions stand in message order.
 *
 *   p1Start   --S1: commitment-->             p2Respond
 *   p1Middle  <--S2: commitment, extension--  (sealed single-use state)
 *             --S3: extension, round 2-->     p2Finish
 *   p1Finish  <--S4: round 2, fragment--
 *
 * Source: Doerner, Kondi, Lee, shelat, "Threshold ECDSA in Three Rounds", ePrint 2023/765, Protocol 3.6, its
 * rounds sent in four messages. Departures: docs/protocol.md.
 *
 * `E_OT`, `E_VOLE` and `E_GAMMA` depend on a secret of the node that throws them: that node must lock the key
 * before it answers anything, since every further session would tell the peer more.
 * @module
 */
import { type Bytes, equalBytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import type { Arithmetic } from './arithmetic.ts';
import type { Random } from './hash.ts';
import { kernel } from './kernel/kernel.ts';
import type { EcdsaKeyShare } from './key-share.ts';
import { encode, split, validate } from './layout.ts';
import { type Once, once } from './once.ts';
import { extendAsReceiver, extendAsSender, receiverColumns } from './ot-extension.ts';
import { mulBase, type Point, reduce, reduceNonZero, type Scalar } from './secp256k1.ts';
import {
  bindRequest,
  commit1,
  commit2,
  type EcdsaRequest,
  hedge,
  hedgeData1,
  hedgeData2,
  s1Layout,
  s2Layout,
  s3Layout,
  s4Layout,
  sessionId,
  transcript,
} from './sign-ecdsa-messages.ts';
import {
  betaOf,
  checkOpening,
  checkProducts,
  chiOf,
  fragment,
  round2,
  shiftedShare1,
  shiftedShare2,
  voleContext,
} from './sign-ecdsa-round2.ts';
import { assemble, type EcdsaSignature } from './sign-ecdsa-signature.ts';
import { openState, sealState } from './sign-ecdsa-state.ts';
import type { VoleShares } from './vole.ts';
import { wiping } from './wipe.ts';

/** What the first message of either node needs of the record: no share. */
export type EcdsaKeyId = Pick<EcdsaKeyShare, 'sid' | 'epoch' | 'hedgeSeed'>;

/** What Node 1 keeps after S1. Secret; in memory of one invocation only. */
export type P1Started = Once<{
  readonly bind: Bytes;
  readonly S1: Bytes;
  readonly r1: Scalar;
  readonly phi1: Scalar;
  readonly rho1: Bytes;
  readonly R1: Point;
}>;

/** Node 1 commits to its nonce. @returns what it keeps, and S1 (96 bytes) */
export function p1Start(share: EcdsaKeyId, request: EcdsaRequest, random: Random): [P1Started, Bytes] {
  return wiping(({ secret, kept }) => {
    const bind = bindRequest(share, request);
    const n1 = random(32);
    const pieces = hedge('s1', share.hedgeSeed, random, hedgeData1(bind, n1), [48, 48, 32]);
    const [wideR, widePhi, rho1] = pieces.map(secret) as [Bytes, Bytes, Bytes];
    const r1 = kept(reduceNonZero(wideR));
    const phi1 = kept(reduceNonZero(widePhi));
    const R1 = mulBase(r1);
    const S1 = encode(s1Layout, { bind, n1, com1: commit1(bind, n1, R1, rho1) });
    return [once({ bind, S1: S1.slice(), r1, phi1, rho1: kept(rho1.slice()), R1 }), S1];
  });
}

/** What Node 2 stores with the attempt. `sealed` may be handed out once (docs/protocol.md). */
export interface P2Stored {
  /** 96 bytes. */
  readonly S1: Bytes;
  /** 32 bytes. */
  readonly ssid: Bytes;
  /** Encrypted state, 273 bytes. */
  readonly sealed: Bytes;
}

/**
 * Node 2 commits to its nonce and begins its multiplication. Uses K and the hedge seed, not the share.
 * @param reqId id of the attempt, 16 bytes
 * @returns what must be stored before S2 leaves, and S2 (12,400 bytes)
 * @throws {Abort} `E_MSG`, or `E_REQ` if Node 1 means another request, key or epoch
 */
export function p2Respond(
  share: EcdsaKeyId & Pick<EcdsaKeyShare, 'K'>,
  request: EcdsaRequest,
  reqId: Bytes,
  S1: Bytes,
  random: Random,
  arithmetic: Arithmetic = kernel,
): [P2Stored, Bytes] {
  const { bind, com1 } = split(s1Layout, S1);
  if (!equalBytes(bind, bindRequest(share, request)))
    throw new Abort('E_REQ', 'the first message is for another request');
  return wiping(({ secret }) => {
    const n2 = random(32);
    const pieces = hedge('s2', share.hedgeSeed, random, hedgeData2(S1, n2), [48, 48, 32, 80]);
    const [wideR, widePhi, rho2, x] = pieces.map(secret) as [Bytes, Bytes, Bytes, Bytes];
    const r2 = secret(reduceNonZero(wideR));
    const phi2 = secret(reduceNonZero(widePhi));
    const beta2 = secret(betaOf(x));
    const com2 = commit2(bind, S1, n2, mulBase(r2), rho2);
    const ssid = sessionId(bind, S1, n2, com2);
    const [columns, extension] = extendAsReceiver({ ssid, direction: 2 }, share.K, x, arithmetic);
    // 8 KB: recomputed from K at S4 rather than stored.
    secret(columns);
    const S2 = encode(s2Layout, { ssid, n2, com2, ...extension });
    const tr = transcript(ssid, S2);
    const sealed = sealState({ share, request, reqId, ssid }, { ssid, tr, com1, r2, rho2, phi2, beta2 });
    return [{ S1: S1.slice(), ssid, sealed }, S2];
  });
}

/** What Node 1 keeps after S3. Secret; in memory of one invocation only. */
export type P1Middle = Once<{
  readonly bind: Bytes;
  readonly sid: Bytes;
  readonly S1: Bytes;
  readonly n2: Bytes;
  readonly com2: Bytes;
  readonly tr: Bytes;
  readonly R1: Point;
  readonly pk1: Point;
  readonly r1: Scalar;
  readonly sk1: Scalar;
  readonly phi1: Scalar;
  readonly chi1: Scalar;
  readonly beta1: Bytes;
  readonly columns: Bytes;
  readonly c: VoleShares;
}>;

/**
 * Node 1 answers Node 2's multiplication, begins its own, and opens its commitment.
 * @returns what it keeps, and S3 (78,164 bytes), which may leave only if the key is still active
 * @throws {Abort} `E_USED`, `E_MSG`, `E_REQ`; `E_OT`: lock the key
 */
export function p1Middle(
  started: P1Started,
  share: EcdsaKeyShare,
  request: EcdsaRequest,
  S2: Bytes,
  random: Random,
  arithmetic: Arithmetic = kernel,
): [P1Middle, Bytes] {
  // Taken before S2 is looked at: whatever S2 is, r1 meets no second one.
  const { bind, S1, r1, phi1, rho1, R1 } = started.take();
  return wiping(({ secret, kept }) => {
    kept(r1);
    kept(phi1);
    secret(rho1);
    const message = split(s2Layout, S2);
    const ssid = sessionId(bind, S1, message.n2, message.com2);
    // Before anything secret: an S2 of another session would fail the check of the extension and lock the key.
    if (!equalBytes(message.ssid, ssid) || !equalBytes(bind, bindRequest(share, request)))
      throw new Abort('E_REQ', 'the second message is for another session');
    const tr = transcript(ssid, S2);
    const { delta, Kd } = share;
    const received = secret(extendAsSender({ ssid, direction: 2 }, delta, Kd, message, arithmetic));

    const pieces = hedge('s3', share.hedgeSeed, random, tr, [48, 48, 80]);
    const [wide0, wide1, x] = pieces.map(secret) as [Bytes, Bytes, Bytes];
    const aHat = [secret(reduceNonZero(wide0)), secret(reduceNonZero(wide1))] as const;
    const [columns, extension] = extendAsReceiver({ ssid, direction: 1 }, share.K, x, arithmetic);
    kept(columns);
    const beta1 = kept(betaOf(x));
    const chi1 = kept(chiOf(share.sid, 1, beta1, arithmetic));
    const sk1 = kept(shiftedShare1(share, ssid));
    const pk1 = mulBase(sk1);
    const [c, opened] = round2(
      voleContext(share.sid, tr, 2, arithmetic),
      received,
      delta,
      { r: r1, sk: sk1, phi: phi1, chi: chi1, aHat },
      { R: R1, rho: rho1, pk: pk1 },
      arithmetic,
    );
    c.map(kept);
    const S3 = encode(s3Layout, { tr, ...extension, ...opened });
    const [n2, com2] = [message.n2.slice(), message.com2.slice()];
    const { sid } = share;
    const state = { bind, sid, S1, n2, com2, tr, R1, pk1, r1, sk1, phi1, chi1, beta1, columns, c };
    return [once(state), S3];
  });
}

/**
 * Node 2 checks all that Node 1 did, and answers with its own round 2 and its fragment of the signature.
 * The caller has claimed `stored` (a second answer from the same state gives x2 away) before it calls this.
 * @returns S4 (65,924 bytes), which may leave only if the key is still active
 * @throws {Abort} `E_MSG`, `E_STATE`, `E_REQ`, `E_COM`, `E_PK`; `E_OT`, `E_VOLE`, `E_GAMMA`: lock the key
 */
export function p2Finish(
  share: EcdsaKeyShare,
  request: EcdsaRequest,
  reqId: Bytes,
  stored: P2Stored,
  S3: Bytes,
  random: Random,
  arithmetic: Arithmetic = kernel,
): Bytes {
  const raw = split(s3Layout, S3);
  const { S1, ssid } = stored;
  return wiping(({ secret }) => {
    const state = openState({ share, request, reqId, ssid }, stored.sealed);
    const { tr, com1 } = state;
    const [r2, phi2] = [secret(state.r2), secret(state.phi2)];
    const [rho2, beta2] = [secret(state.rho2), secret(state.beta2)];
    const bind = bindRequest(share, request);
    const first = split(s1Layout, S1);
    if (!equalBytes(first.com1, com1) || !equalBytes(first.bind, bind))
      throw new Abort('E_STATE', 'the stored first message is not of this session');
    if (!equalBytes(raw.tr, tr)) throw new Abort('E_REQ', 'the third message is for another session');
    const message = validate(s3Layout, raw);

    const sk2 = secret(shiftedShare2(share, request.tau, ssid));
    const own = { R: mulBase(r2), rho: rho2, pk: mulBase(sk2) };
    const opens = equalBytes(com1, commit1(bind, first.n1, message.R, message.rho));
    const { r: rx } = checkOpening(opens, message, own, request.Q);
    const { delta, Kd } = share;
    const received = secret(extendAsSender({ ssid, direction: 1 }, delta, Kd, message, arithmetic));
    const columns = secret(receiverColumns({ ssid, direction: 2 }, share.K, arithmetic));
    const chi2 = secret(chiOf(share.sid, 2, beta2, arithmetic));
    const receiving = voleContext(share.sid, tr, 2, arithmetic);
    const d = checkProducts(receiving, columns, beta2, chi2, message, random, arithmetic);
    d.map(secret);

    const pieces = hedge('s4', share.hedgeSeed, random, tr, [48, 48]);
    const [wide0, wide1] = pieces.map(secret) as [Bytes, Bytes];
    const aHat = [secret(reduceNonZero(wide0)), secret(reduceNonZero(wide1))] as const;
    const [c, opened] = round2(
      voleContext(share.sid, tr, 1, arithmetic),
      received,
      delta,
      { r: r2, sk: sk2, phi: phi2, chi: chi2, aHat },
      own,
      arithmetic,
    );
    c.map(secret);
    const m = reduce(request.digest);
    const { u, w } = fragment({ r: r2, sk: sk2, phi: phi2, c, d, psi: message.psi, rx, m });
    return encode(s4Layout, { tr, ...opened, w, u });
  });
}

/**
 * Node 1 checks all that Node 2 did, and puts the signature together.
 * @returns a signature with low s that verifies under Q', and its recovery id
 * @throws {Abort} `E_USED`, `E_MSG`, `E_REQ`, `E_COM`, `E_PK`, `E_SIG`; `E_VOLE`, `E_GAMMA`: lock the key
 */
export function p1Finish(
  middle: P1Middle,
  request: EcdsaRequest,
  S4: Bytes,
  random: Random,
  arithmetic: Arithmetic = kernel,
): EcdsaSignature {
  // Taken before S4 is looked at: whatever S4 is, the fragment is made once.
  const { tr, sid, bind, S1, n2, com2, R1, pk1, ...secrets } = middle.take();
  return wiping(({ secret }) => {
    const { r1, sk1, phi1, chi1, beta1, columns, c } = secrets;
    for (const b of [r1, sk1, phi1, chi1, beta1, columns, ...c]) secret(b);
    const raw = split(s4Layout, S4);
    if (!equalBytes(raw.tr, tr)) throw new Abort('E_REQ', 'the fourth message is for another session');
    const message = validate(s4Layout, raw);
    const opens = equalBytes(com2, commit2(bind, S1, n2, message.R, message.rho));
    const { R, r: rx } = checkOpening(opens, message, { R: R1, pk: pk1 }, request.Q);
    const receiving = voleContext(sid, tr, 1, arithmetic);
    const d = checkProducts(receiving, columns, beta1, chi1, message, random, arithmetic);
    d.map(secret);
    const m = reduce(request.digest);
    const own = fragment({ r: r1, sk: sk1, phi: phi1, c, d, psi: message.psi, rx, m });
    secret(own.u);
    secret(own.w);
    return assemble({ R, r: rx, fragments: [own, message], request });
  });
}
