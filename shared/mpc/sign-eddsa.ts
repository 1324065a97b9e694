/**
 * Two-party ed25519 in one round trip: FROST(Ed25519, SHA-512) of RFC 9591 over additive shares. The result is
 * an RFC 8032 signature (with random nonces). Functions stand in message order.
 *
 *   p1Start   --S1: D1, E1-->      p2Respond
 *   p1Finish  <--S2: D2, E2, z2--
 *
 *   R = D1 + rho1·E1 + D2 + rho2·E2,  c = H2(R ‖ A' ‖ M),  z = z1 + z2 with
 *   z1 = d1 + rho1·e1 + c·x1,  z2 = d2 + rho2·e2 + c·(x2 + tau)
 *
 * Two nonces each are what keeps concurrent sessions apart: with one, P2 answering second, a ROS attack forges.
 * The additive shares are Shamir shares times the Lagrange coefficients, so the equations are the RFC's. Only
 * points of prime order are accepted, so that all verifiers agree, cofactored or not. No check depends on a
 * secret, so a failure locks nothing. Source and departures: docs/protocol.md 5.
 * @module
 */
import { createPublicKey, verify } from 'node:crypto';
import sodium from 'libsodium-wrappers-sumo';
import { type Bytes, concat, equalBytes } from '../bytes.ts';
import { spkiOfEd25519 } from '../crypto/spki.ts';
import { Abort } from '../errors.ts';
import type { Role } from './context.ts';
import type { DerivedEd25519 } from './derive.ts';
import type { EdKeyShare } from './ed-key-share.ts';
import { add, addPoints, type EdPoint, type EdScalar, isZero, mul, mulBase, mulPoint } from './ed25519.ts';
import { guarded } from './fresh.ts';
import { bindingFactors, boundCommitment, type Commitment, challenge, hedgedNonce } from './frost-ed25519.ts';
import type { Random } from './hash.ts';
import { decodeMessage, encodeMessage, field } from './message.ts';
import { type Once, once } from './once.ts';
import { requireAlgorithm } from './path.ts';
import { type SecretScope, wiping } from './wipe.ts';

/** What is signed, and with which derived key: each node from its own record and its own reading of the request. */
export interface EddsaRequest extends Pick<DerivedEd25519, 'path' | 'A' | 'tau'> {
  /** The bytes that are signed, of any length. */
  readonly message: Bytes;
  /** Hash of the canonical request, 32 bytes. */
  readonly reqHash: Bytes;
}

/** 64 bytes. */
export const s1Layout = [field('D', 32, 'ed25519 point'), field('E', 32, 'ed25519 factor')] as const;
/** 96 bytes. */
export const s2Layout = [...s1Layout, field('z', 32, 'ed25519 scalar')] as const;

interface Nonces extends Commitment {
  readonly d: EdScalar;
  readonly e: EdScalar;
}

/** What P1 keeps until S2: in memory of one invocation, for one use. Secret. */
export type P1State = Once<{ readonly nonces: Nonces; readonly reqHash: Bytes }>;

/** Two fresh nonces, handed to `keep` before anything can fail. */
function newNonces(share: EdKeyShare, reqHash: Bytes, random: Random, keep: SecretScope['secret']): Nonces {
  const d = keep(hedgedNonce(random(32), share.x, reqHash));
  const e = keep(hedgedNonce(random(32), share.x, reqHash));
  return { d, e, D: mulBase(d), E: mulBase(e) };
}

/**
 * @throws {CustodyError} `request_invalid` if the path is not an ed25519 path
 * @throws {RangeError} if record and request are not for this node: a fault of this node
 */
function checkUse(share: EdKeyShare, role: Role, request: EddsaRequest): void {
  requireAlgorithm(request.path, 'ed25519');
  if (share.role !== role) throw new RangeError('a record of the other node');
  if (request.reqHash.length !== 32) throw new RangeError('bad request hash');
}

/**
 * The request must name the key that this record derives: no caller chooses a public key for the challenge
 * (two answers under different public keys give the private key away).
 *
 * @returns the point of the tweak, null for tau = 0
 * @throws {RangeError} if the key is not A + tau·B: a fault of this node
 */
function checkKey(share: EdKeyShare, { A, tau }: EddsaRequest): EdPoint | null {
  const T = isZero(tau) ? null : mulBase(tau);
  const derived = T === null ? share.A : addPoints(share.A, T);
  if (derived === null || !equalBytes(derived, A))
    throw new RangeError('the key is not derived from this record');
  return T;
}

/** P1 commits to two nonces. @throws {CustodyError} `request_invalid` on a path of another algorithm */
export function p1Start(share: EdKeyShare, request: EddsaRequest, random: Random): [P1State, S1: Bytes] {
  checkUse(share, 1, request);
  const { reqHash } = request;
  return wiping(({ kept }) => {
    const nonces = newNonces(share, reqHash, guarded(random), kept);
    return [once({ nonces, reqHash }), encodeMessage(s1Layout, nonces)];
  });
}

/** d + rho·e. Secret. */
function boundNonce({ d, e }: Nonces, rho: EdScalar): EdScalar {
  const product = mul(rho, e);
  const nonce = add(d, product);
  product.fill(0);
  return nonce;
}

/** The peer's part and the own part of R. */
function sumR(peer: EdPoint, own: EdPoint): EdPoint {
  const R = addPoints(peer, own);
  if (R === null) throw new Abort('E_MSG', 'R is the identity');
  return R;
}

/**
 * P2 answers at once; it keeps nothing.
 *
 * @throws {Abort} `E_MSG`
 * @throws {CustodyError} `request_invalid` on a path of another algorithm
 */
export function p2Respond(share: EdKeyShare, request: EddsaRequest, S1: Bytes, random: Random): Bytes {
  const peer = decodeMessage(s1Layout, S1);
  checkUse(share, 2, request);
  checkKey(share, request);
  const { A, tau, message } = request;
  return wiping(({ secret }) => {
    const own = newNonces(share, request.reqHash, guarded(random), secret);
    const [rho1, rho2] = bindingFactors(A, message, [peer, own]);
    const nonce = secret(boundNonce(own, rho2));
    // One constant-time base multiplication is cheaper than rho2·E2, and gives the same point.
    const R = sumR(boundCommitment(peer, rho1), mulBase(nonce));
    const product = secret(mul(challenge(R, A, message), secret(add(share.x, tau))));
    return encodeMessage(s2Layout, { D: own.D, E: own.E, z: add(nonce, product) });
  });
}

/** RFC 8032 verification by OpenSSL and by libsodium (cofactorless both; the latter also refuses small orders). */
export function verifyEddsa(A: Bytes, message: Bytes, signature: Bytes): boolean {
  if (A.length !== 32 || signature.length !== 64) return false;
  const key = createPublicKey({ key: Buffer.from(spkiOfEd25519(A)), format: 'der', type: 'spki' });
  return verify(null, message, key, signature) && sodium.crypto_sign_verify_detached(signature, message, A);
}

/** z2·B = D2 + rho2·E2 + c·(X2 + tau·B), where `bound` is D2 + rho2·E2 and X2 has its tweak. */
function satisfies(z: EdScalar, bound: EdPoint, c: EdScalar, X2: EdPoint | null): boolean {
  const cX2 = X2 && mulPoint(c, X2);
  const expected = cX2 ? addPoints(bound, cX2) : bound;
  return !isZero(z) && expected !== null && equalBytes(mulBase(z), expected);
}

/**
 * P1 checks P2's part, adds its own, and verifies the whole before it lets go of it.
 *
 * @returns the signature R ‖ z, 64 bytes
 * @throws {Abort} `E_USED`, `E_REQ`, `E_MSG`; `E_SIG`: P2 has answered with a wrong z
 */
export function p1Finish(state: P1State, share: EdKeyShare, request: EddsaRequest, S2: Bytes): Bytes {
  // Taken before S2 is looked at: two answers to one S1 would give the share away.
  const { nonces, reqHash } = state.take();
  return wiping(({ secret }) => {
    secret(nonces.d);
    secret(nonces.e);
    checkUse(share, 1, request);
    if (!equalBytes(reqHash, request.reqHash)) throw new Abort('E_REQ', 'S1 was made for another request');
    const peer = decodeMessage(s2Layout, S2);
    const { A, message } = request;
    const [rho1, rho2] = bindingFactors(A, message, [nonces, peer]);
    const bound = boundCommitment(peer, rho2);
    const nonce = secret(boundNonce(nonces, rho1));
    const R = sumR(bound, mulBase(nonce));
    const c = challenge(R, A, message);
    const product = secret(mul(c, share.x));
    const signature = concat(R, add(peer.z, secret(add(nonce, product))));
    if (!verifyEddsa(A, message, signature)) {
      // Given the own part and the right key, the signature verifies exactly if P2's part satisfies its equation.
      const T = checkKey(share, request);
      if (!satisfies(peer.z, bound, c, T === null ? share.A2 : addPoints(share.A2, T)))
        throw new Abort('E_SIG', 'the answer does not satisfy its equation');
      throw new RangeError('the own part of the signature is wrong');
    }
    return signature;
  });
}
