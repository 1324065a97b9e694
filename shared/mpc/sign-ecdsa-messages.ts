/**
 * The four messages of an ECDSA signature as layouts, and what binds them: the request hash, the commitments,
 * the two session ids and the hedged randomness (docs/protocol.md).
 * @module
 */
import { type Bytes, concat, u8, u32be, utf8 } from '../bytes.ts';
import { hash, type Random, xof } from './hash.ts';
import type { EcdsaKeyShare } from './key-share.ts';
import type { Layout } from './layout.ts';
import { extensionLayout } from './ot-extension.ts';
import type { Point, Scalar } from './secp256k1.ts';
import { tags } from './tags.ts';
import { voleLayout } from './vole.ts';

/** What a node signs, computed from its own record and the request it authorised. Nothing here is the peer's. */
export interface EcdsaRequest {
  /** Such as `m/0/7`. */
  readonly path: string;
  /** Sum of the derivation tweaks of the path; 0 for `m`. */
  readonly tau: Scalar;
  /** The derived key Q' = Q + τG. */
  readonly Q: Point;
  /** 32 bytes. */
  readonly digest: Bytes;
  /** Hash of the canonical request, 32 bytes. */
  readonly reqHash: Bytes;
}

const round2Fields = [
  { name: 'R', length: 33, kind: 'point' },
  { name: 'rho', length: 32, kind: 'nonce' },
  { name: 'pk', length: 33, kind: 'point' },
  { name: 'GammaU', length: 33, kind: 'point' },
  { name: 'GammaV', length: 33, kind: 'point' },
  { name: 'psi', length: 32, kind: 'scalar' },
  ...voleLayout,
] as const satisfies Layout;

/** What each node says in round 2 of the paper: 65,828 bytes. */
export const round2Layout = round2Fields;

/** N1 -> N2, 96 bytes. */
export const s1Layout = [
  { name: 'bind', length: 32, kind: 'hash' },
  { name: 'n1', length: 32, kind: 'nonce' },
  { name: 'com1', length: 32, kind: 'hash' },
] as const satisfies Layout;

/** N2 -> N1, 12,400 bytes. */
export const s2Layout = [
  { name: 'ssid', length: 32, kind: 'hash' },
  { name: 'n2', length: 32, kind: 'nonce' },
  { name: 'com2', length: 32, kind: 'hash' },
  ...extensionLayout,
] as const satisfies Layout;

/** N1 -> N2, 78,164 bytes. */
export const s3Layout = [
  { name: 'tr', length: 32, kind: 'hash' },
  ...extensionLayout,
  ...round2Fields,
] as const satisfies Layout;

/** N2 -> N1, 65,924 bytes. */
export const s4Layout = [
  { name: 'tr', length: 32, kind: 'hash' },
  ...round2Fields,
  { name: 'w', length: 32, kind: 'scalar' },
  { name: 'u', length: 32, kind: 'scalar' },
] as const satisfies Layout;

/** Hash of everything the two nodes must agree on before they sign, 32 bytes. */
export const bindRequest = (share: Pick<EcdsaKeyShare, 'sid' | 'epoch'>, request: EcdsaRequest): Bytes =>
  hash(
    tags.signBind,
    share.sid,
    u32be(share.epoch),
    request.Q,
    utf8(request.path),
    request.digest,
    request.reqHash,
  );

const empty = new Uint8Array(0);

/** com1 = H(bind, n1, "", 1, R1, ρ1): 32 bytes. */
export const commit1 = (bind: Bytes, n1: Bytes, R1: Point, rho1: Bytes): Bytes =>
  hash(tags.signCommit, bind, n1, empty, u8(1), R1, rho1);

/** com2 = H(bind, S1, n2, 2, R2, ρ2): 32 bytes. */
export const commit2 = (bind: Bytes, S1: Bytes, n2: Bytes, R2: Point, rho2: Bytes): Bytes =>
  hash(tags.signCommit, bind, S1, n2, u8(2), R2, rho2);

/** Id of the session once both nonces and both commitments are fixed, 32 bytes. */
export const sessionId = (bind: Bytes, S1: Bytes, n2: Bytes, com2: Bytes): Bytes =>
  hash(tags.signSid, bind, S1, n2, com2);

/** Transcript up to and with S2, 32 bytes. */
export const transcript = (ssid: Bytes, S2: Bytes): Bytes => hash(tags.signTranscript, ssid, S2);

/**
 * Secret randomness that stays unpredictable if either the random source or the node's seed fails.
 * @param label of the message, ASCII  @param data what the message answers  @param lengths of the pieces
 */
export function hedge(
  label: 's1' | 's2' | 's3' | 's4',
  seed: Bytes,
  random: Random,
  data: Bytes,
  lengths: readonly number[],
): readonly Bytes[] {
  const fresh = random(64);
  const out = xof(
    tags.hedge,
    [utf8(label), seed, fresh, data],
    lengths.reduce((n, length) => n + length, 0),
  );
  let at = 0;
  const pieces = lengths.map((length) => {
    at += length;
    return out.slice(at - length, at);
  });
  fresh.fill(0);
  out.fill(0);
  return pieces;
}

/** `data` of the hedge for S1 and S2. */
export const hedgeData1 = (bind: Bytes, n1: Bytes): Bytes => concat(bind, n1);
export const hedgeData2 = (S1: Bytes, n2: Bytes): Bytes => concat(S1, n2);
