/**
 * Two-party BIP-340 signatures for Taproot key paths in one round trip, on the shares of the secp256k1 key: FROST
 * over additive shares with BIP-341's tweak. Functions stand in message order.
 *
 *   p1Start   --S1: D1, E1-->      p2Respond
 *   p1Finish  <--S2: D2, E2, z2--
 *
 *   R = D1 + rho1·E1 + D2 + rho2·E2,  c = H("BIP0340/challenge"; x(R) ‖ x(O) ‖ m),
 *   z_i = g_R·(d_i + rho_i·e_i) + c·x̂_i,  signature x(R) ‖ z1 + z2
 *
 * x̂_i are the shares under the signs and the tweak of the output key O; g_R = -1 if y(R) is odd. What
 * sign-eddsa.ts says about the two nonces holds here too. A derived key signs under BIP-340 or under ECDSA, never
 * both: the path decides. Source and departures: docs/protocol.md 5.3.
 * @module
 */
import { schnorr } from '@noble/curves/secp256k1.js';
import { type Bytes, concat, equalBytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import type { Role } from './context.ts';
import type { DerivedSecp256k1 } from './derive.ts';
import { guarded } from './fresh.ts';
import {
  bindingFactors,
  boundCommitment,
  type Commitment,
  hedgedNonce,
  taggedHash,
} from './frost-secp256k1.ts';
import type { Random } from './hash.ts';
import type { EcdsaKeyShare } from './key-share.ts';
import { decodeMessage, encodeMessage, field } from './message.ts';
import { type Once, once } from './once.ts';
import { requireAlgorithm } from './path.ts';
import {
  add,
  addPublic,
  isOdd,
  isZero,
  mul,
  mulBase,
  mulPublic,
  negate,
  negatePublic,
  type Point,
  reduce,
  type Scalar,
  xOf,
} from './secp256k1.ts';
import { type OutputKey, outputKey, tweakShare1, tweakShare2 } from './taproot.ts';
import { type SecretScope, wiping } from './wipe.ts';

/** What is signed, and with which derived key: each node from its own record and its own reading of the request. */
export interface Bip340Request extends Pick<DerivedSecp256k1, 'path' | 'Q' | 'tau'> {
  /** 32 bytes; empty for a key without scripts (BIP-86); null for no Taproot tweak. */
  readonly merkleRoot: Bytes | null;
  /** The signature hash, 32 bytes. */
  readonly digest: Bytes;
  /** Hash of the canonical request, 32 bytes. */
  readonly reqHash: Bytes;
}

/** What this file needs of the record. */
export type Bip340Share = Pick<EcdsaKeyShare, 'role' | 'Q' | 'X2' | 'x'>;

/** 66 bytes. */
export const s1Layout = [field('D', 33, 'secp256k1 point'), field('E', 33, 'secp256k1 point')] as const;
/** 98 bytes. */
export const s2Layout = [...s1Layout, field('z', 32, 'secp256k1 scalar')] as const;

interface Nonces extends Commitment {
  readonly d: Scalar;
  readonly e: Scalar;
}

/** What P1 keeps until S2: in memory of one invocation, for one use. Secret. */
export type P1State = Once<{ readonly nonces: Nonces; readonly reqHash: Bytes }>;

/** Two fresh nonces, handed to `keep` before anything can fail. */
function newNonces(share: Bip340Share, reqHash: Bytes, random: Random, keep: SecretScope['secret']): Nonces {
  const d = keep(hedgedNonce(random(32), share.x, reqHash));
  const e = keep(hedgedNonce(random(32), share.x, reqHash));
  return { d, e, D: mulBase(d), E: mulBase(e) };
}

/**
 * @throws {CustodyError} `request_invalid` if the path is not a BIP-340 path
 * @throws {RangeError} if record and request are not for this node, or the key is not Q + tau·G: faults of this node
 */
function checkUse(share: Bip340Share, role: Role, request: Bip340Request): void {
  requireAlgorithm(request.path, 'bip340');
  if (share.role !== role) throw new RangeError('a record of the other node');
  if (request.reqHash.length !== 32 || request.digest.length !== 32) throw new RangeError('bad hash');
  const derived = isZero(request.tau) ? share.Q : addPublic(share.Q, mulBase(request.tau));
  if (derived === null || !equalBytes(derived, request.Q))
    throw new RangeError('the key is not derived from this record');
}

/** P1 commits to two nonces. @throws {CustodyError} `request_invalid` on a path of another algorithm */
export function p1Start(share: Bip340Share, request: Bip340Request, random: Random): [P1State, S1: Bytes] {
  checkUse(share, 1, request);
  const { reqHash } = request;
  return wiping(({ kept }) => {
    const nonces = newNonces(share, reqHash, guarded(random), kept);
    return [once({ nonces, reqHash }), encodeMessage(s1Layout, nonces)];
  });
}

/** The peer's part and the own part of R. */
function sumR(peer: Point, own: Point): Point {
  const R = addPublic(peer, own);
  if (R === null) throw new Abort('E_MSG', 'R is the identity');
  return R;
}

const challenge = (R: Point, { O }: OutputKey, digest: Bytes): Scalar =>
  reduce(taggedHash('BIP0340/challenge', xOf(R), xOf(O), digest));

/** d + rho·e. Secret. */
function boundNonce({ d, e }: Nonces, rho: Scalar): Scalar {
  const product = mul(rho, e);
  const nonce = add(d, product);
  product.fill(0);
  return nonce;
}

/** g_R·nonce + c·key. */
function partial(R: Point, nonce: Scalar, c: Scalar, key: Scalar): Scalar {
  return wiping(({ secret }) => add(isOdd(R) ? secret(negate(nonce)) : nonce, secret(mul(c, key))));
}

/**
 * P2 answers at once; it keeps nothing.
 *
 * @throws {Abort} `E_MSG`
 * @throws {CustodyError} `request_invalid` on a path of another algorithm
 */
export function p2Respond(share: Bip340Share, request: Bip340Request, S1: Bytes, random: Random): Bytes {
  const peer = decodeMessage(s1Layout, S1);
  checkUse(share, 2, request);
  const output = outputKey(request.Q, request.merkleRoot);
  return wiping(({ secret }) => {
    const own = newNonces(share, request.reqHash, guarded(random), secret);
    const [rho1, rho2] = bindingFactors(output.O, request.digest, [peer, own]);
    const nonce = secret(boundNonce(own, rho2));
    // One constant-time base multiplication in place of a variable-time rho2·E2: the same point.
    const R = sumR(boundCommitment(peer, rho1), mulBase(nonce));
    const key = secret(tweakShare2(output, share.x, request.tau));
    return encodeMessage(s2Layout, {
      ...own,
      z: partial(R, nonce, challenge(R, output, request.digest), key),
    });
  });
}

/** z2·G = g_R·(D2 + rho2·E2) + c·X̂2, where `bound` is D2 + rho2·E2. */
function satisfies(z: Scalar, R: Point, bound: Point, c: Scalar, X2: Point | null): boolean {
  const terms = [isOdd(R) ? negatePublic(bound) : bound, X2 && mulPublic(c, X2)].filter((P) => P !== null);
  const expected = addPublic(...terms);
  return !isZero(z) && expected !== null && equalBytes(mulBase(z), expected);
}

/** X̂2 = g_O·(g_P·(X2 + tau·G) + t·G), computed from public values; null for the identity. */
function tweakedX2(share: Bip340Share, request: Bip340Request, output: OutputKey): Point | null {
  const signed = (negative: boolean, P: Point | null) => (P && negative ? negatePublic(P) : P);
  const plus = (P: Point | null, n: Scalar) =>
    isZero(n) ? P : P === null ? mulBase(n) : addPublic(P, mulBase(n));
  const internal = signed(output.internalOdd, plus(share.X2, request.tau));
  return signed(output.outputOdd, plus(internal, output.t));
}

/**
 * P1 checks P2's part, adds its own, and verifies the whole before it lets go of it: P2's equation with
 * libsecp256k1, the signature with noble.
 *
 * @returns the signature x(R) ‖ z, 64 bytes, for the x-only output key
 * @throws {Abort} `E_USED`, `E_REQ`, `E_MSG`; `E_SIG`: P2 has answered with a wrong z
 */
export function p1Finish(state: P1State, share: Bip340Share, request: Bip340Request, S2: Bytes): Bytes {
  // Taken before S2 is looked at: two answers to one S1 would give the share away.
  const { nonces, reqHash } = state.take();
  return wiping(({ secret }) => {
    secret(nonces.d);
    secret(nonces.e);
    checkUse(share, 1, request);
    if (!equalBytes(reqHash, request.reqHash)) throw new Abort('E_REQ', 'S1 was made for another request');
    const peer = decodeMessage(s2Layout, S2);
    const output = outputKey(request.Q, request.merkleRoot);
    const [rho1, rho2] = bindingFactors(output.O, request.digest, [nonces, peer]);
    const bound = boundCommitment(peer, rho2);
    const nonce = secret(boundNonce(nonces, rho1));
    const R = sumR(bound, mulBase(nonce));
    const c = challenge(R, output, request.digest);
    if (!satisfies(peer.z, R, bound, c, tweakedX2(share, request, output)))
      throw new Abort('E_SIG', 'the answer does not satisfy its equation');
    const key = secret(tweakShare1(output, share.x));
    const signature = concat(xOf(R), add(peer.z, secret(partial(R, nonce, c, key))));
    if (!schnorr.verify(signature, request.digest, xOf(output.O)))
      throw new Abort('E_SIG', 'the signature does not verify');
    return signature;
  });
}
