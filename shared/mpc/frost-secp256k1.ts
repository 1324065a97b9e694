/**
 * The formulas of FROST over secp256k1 with SHA-256, RFC 9591 section 6.5, for two signers. The product uses the
 * context string of the Taproot variant (as ZF's frost-secp256k1-tr); RFC context and identifiers other than 1
 * and 2 are parameters for the RFC's vectors alone.
 * @module
 */
import { createHash } from 'node:crypto';
import { type Bytes, concat, u8, u16be, utf8 } from '../bytes.ts';
import { Abort } from '../errors.ts';
import { addPublic, isZero, mulPublic, type Point, reduce, type Scalar } from './secp256k1.ts';
import { wipe, wiping } from './wipe.ts';

export const taprootContext = 'FROST-secp256k1-SHA256-TR-v1';

function sha256(...parts: readonly Bytes[]): Bytes {
  const h = createHash('sha256');
  for (const part of parts) h.update(part);
  return new Uint8Array(h.digest());
}

/** RFC 9380, 5.3.1 with SHA-256, for 48 bytes. @param dst at most 255 bytes */
export function expandMessageXmd48(message: Bytes, dst: Bytes): Bytes {
  const dstPrime = concat(dst, u8(dst.length));
  const b0 = sha256(new Uint8Array(64), message, u16be(48), u8(0), dstPrime);
  const b1 = sha256(b0, u8(1), dstPrime);
  const b2 = sha256(
    b0.map((x, i) => x ^ (b1[i] as number)),
    u8(2),
    dstPrime,
  );
  const out = concat(b1, b2.subarray(0, 16));
  // A nonce may come of it.
  wipe(b0, b1, b2);
  return out;
}

/** RFC 9380 hash_to_field for the group order: H1 and H3 of RFC 9591. */
const hashToScalar = (context: string, purpose: 'rho' | 'nonce', message: Bytes): Scalar =>
  wiping(({ secret }) => reduce(secret(expandMessageXmd48(message, utf8(`${context}${purpose}`)))));

/**
 * One nonce: `H3(fresh ‖ secret ‖ more)`, RFC 9591 4.1 with the request mixed in, so that broken randomness
 * alone does not make two requests share a nonce.
 *
 * @param fresh 32 bytes  @param secret 32 bytes
 */
export function hedgedNonce(fresh: Bytes, secret: Bytes, more: Bytes, context = taprootContext): Scalar {
  const input = concat(fresh, secret, more);
  const nonce = hashToScalar(context, 'nonce', input);
  input.fill(0);
  if (isZero(nonce)) throw new RangeError('randomness is broken');
  return nonce;
}

/** One signer's public nonces: hiding and binding. */
export interface Commitment {
  readonly D: Point;
  readonly E: Point;
}

export interface Suite {
  readonly context: string;
  readonly ids: readonly [number, number];
}

/** What the product uses: Node 1 and Node 2. */
export const taprootSuite: Suite = { context: taprootContext, ids: [1, 2] };

/** 32 bytes big-endian. */
function encodeId(id: number): Bytes {
  const out = new Uint8Array(32);
  out[31] = id;
  return out;
}

/** rho of both signers: each depends on the key, the message, and every commitment. */
export function bindingFactors(
  key: Point,
  message: Bytes,
  [c1, c2]: readonly [Commitment, Commitment],
  { context, ids }: Suite = taprootSuite,
): [Scalar, Scalar] {
  const [id1, id2] = [encodeId(ids[0]), encodeId(ids[1])];
  const H4 = sha256(utf8(`${context}msg`), message);
  const H5 = sha256(utf8(`${context}com`), id1, c1.D, c1.E, id2, c2.D, c2.E);
  const factor = (id: Bytes) => hashToScalar(context, 'rho', concat(key, H4, H5, id));
  return [factor(id1), factor(id2)];
}

/** D + rho·E of a peer. @throws {Abort} `E_MSG` if it is the identity: the peer has chosen E from D */
export function boundCommitment({ D, E }: Commitment, rho: Scalar): Point {
  const bound = mulPublic(rho, E);
  const sum = bound === null ? D : addPublic(D, bound);
  if (sum === null) throw new Abort('E_MSG', 'a commitment cancels out');
  return sum;
}

/** BIP-340's hash: SHA-256 over twice the SHA-256 of the tag, then the message. */
export function taggedHash(tag: string, ...message: readonly Bytes[]): Bytes {
  const t = sha256(utf8(tag));
  return sha256(t, t, ...message);
}
