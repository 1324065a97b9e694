/**
 * The formulas of FROST(Ed25519, SHA-512), RFC 9591 section 6.1, for two signers: nonces, binding factors,
 * group commitment, challenge. Signers' identifiers are a parameter for the RFC's vectors alone; the product
 * uses 1 for P1 and 2 for P2, in this order.
 * @module
 */
import { createHash } from 'node:crypto';
import { type Bytes, concat, utf8 } from '../bytes.ts';
import { Abort } from '../errors.ts';
import { addPoints, type EdPoint, type EdScalar, isZero, mulReceived, reduceWide } from './ed25519.ts';
import { wiping } from './wipe.ts';

const context = 'FROST-ED25519-SHA512-v1';

function sha512(...parts: readonly Bytes[]): Bytes {
  const h = createHash('sha512');
  for (const part of parts) h.update(part);
  return new Uint8Array(h.digest());
}

const prefix = {
  rho: utf8(`${context}rho`),
  nonce: utf8(`${context}nonce`),
  msg: utf8(`${context}msg`),
  com: utf8(`${context}com`),
};

const H1 = (...m: readonly Bytes[]): EdScalar => reduceWide(sha512(prefix.rho, ...m));
/** Undecorated: the challenge of RFC 8032. */
const H2 = (...m: readonly Bytes[]): EdScalar => reduceWide(sha512(...m));
/** Its result is a nonce. */
const H3 = (...m: readonly Bytes[]): EdScalar =>
  wiping(({ secret }) => reduceWide(secret(sha512(prefix.nonce, ...m))));
const H4 = (...m: readonly Bytes[]): Bytes => sha512(prefix.msg, ...m);
const H5 = (...m: readonly Bytes[]): Bytes => sha512(prefix.com, ...m);

/**
 * One nonce: `H3(fresh ‖ secret ‖ more)`, RFC 9591 4.1 with the request mixed in, so that broken randomness
 * alone does not make two requests share a nonce.
 *
 * @param fresh 32 bytes  @param secret 32 bytes
 */
export function hedgedNonce(fresh: Bytes, secret: Bytes, more: Bytes): EdScalar {
  const nonce = H3(fresh, secret, more);
  if (isZero(nonce)) throw new RangeError('randomness is broken');
  return nonce;
}

/** One signer's public nonces: hiding and binding. */
export interface Commitment {
  readonly D: EdPoint;
  /** A peer's is checked when it is multiplied. */
  readonly E: Bytes;
}

export type Ids = readonly [number, number];
/** Node 1 and Node 2. */
export const nodeIds: Ids = [1, 2];

/** 32 bytes little-endian. */
function encodeId(id: number): Bytes {
  const out = new Uint8Array(32);
  out[0] = id;
  return out;
}

/** rho of both signers: each depends on the key, the message, and every commitment. */
export function bindingFactors(
  A: EdPoint,
  message: Bytes,
  commitments: readonly [Commitment, Commitment],
  ids: Ids = nodeIds,
): [EdScalar, EdScalar] {
  const [id1, id2] = [encodeId(ids[0]), encodeId(ids[1])];
  const [c1, c2] = commitments;
  const list = concat(id1, c1.D, c1.E, id2, c2.D, c2.E);
  const common = concat(A, H4(message), H5(list));
  return [H1(common, id1), H1(common, id2)];
}

/** D + rho·E of a peer. @throws {Abort} `E_MSG` if E is not a point, or the sum is the identity */
export function boundCommitment({ D, E }: Commitment, rho: EdScalar): EdPoint {
  const bound = mulReceived(rho, E);
  const sum = bound === null ? D : addPoints(D, bound);
  if (sum === null) throw new Abort('E_MSG', 'a commitment cancels out');
  return sum;
}

/** c = H2(R ‖ A ‖ M), as every verifier computes it. */
export const challenge = (R: EdPoint, A: EdPoint, message: Bytes): EdScalar => H2(R, A, message);
