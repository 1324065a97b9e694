/**
 * Derived keys from public data: both nodes compute the same tweak tau with Q' = Q + tau·G, and only Node 2
 * adds it to its share. secp256k1 as BIP-32 public derivation, exactly; ed25519 as the soft derivation of
 * BIP32-Ed25519 (Khovratovich and Law, 2017; version 2, little-endian index).
 * @module
 */
import { createHmac } from 'node:crypto';
import { type Bytes, concat, u8, u32be } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import * as ed from './ed25519.ts';
import { parsePath } from './path.ts';
import * as secp from './secp256k1.ts';

/** This index has no key (probability below 2^-127). BIP-32: "one should proceed with the next value for i". */
export class IndexInvalid extends CustodyError {
  override readonly name = 'IndexInvalid';
  /** The step that has no key, as a path. */
  readonly path: string;
  constructor(path: string) {
    super('request_invalid', `the index of ${path} has no key: use the next`);
    this.path = path;
  }
}

export interface DerivedSecp256k1 {
  readonly path: string;
  /** The derived key Q + tau·G. */
  readonly Q: secp.Point;
  /** Its chain code, 32 bytes. */
  readonly cc: Bytes;
  /** Sum of the tweaks of all steps; 0 for `m`. */
  readonly tau: secp.Scalar;
}

export interface DerivedEd25519 {
  readonly path: string;
  /** The derived key A + tau·B. */
  readonly A: ed.EdPoint;
  readonly cc: Bytes;
  readonly tau: ed.EdScalar;
}

const hmac = (key: Bytes, ...data: readonly Bytes[]): Bytes =>
  new Uint8Array(
    createHmac('sha512', key)
      .update(concat(...data))
      .digest(),
  );

/**
 * One step of BIP-32's CKDpub, given I of the step. Apart from the HMAC, so that tests can reach the invalid
 * cases, which no one can find an index for.
 *
 * @returns null if the index has no key: I_L is not below q, or leads to the point at infinity
 */
export function stepSecp256k1(K: secp.Point, I: Bytes): { K: secp.Point; t: secp.Scalar } | null {
  const left = I.subarray(0, 32);
  // Never reduced: a reduced tweak would be a key that no other BIP-32 wallet derives.
  if (secp.bigFrom(left) >= secp.q) return null;
  const t = left.slice() as secp.Scalar;
  const next = secp.isZero(t) ? K : secp.addPublic(K, secp.mulBase(t));
  return next && { K: next, t };
}

/**
 * The key of a path below the account key (Q, cc).
 *
 * @throws {CustodyError} `request_invalid` on a bad path; {@link IndexInvalid}
 */
export function deriveSecp256k1(Q: secp.Point, cc: Bytes, path: string): DerivedSecp256k1 {
  let at: DerivedSecp256k1 = { path: 'm', Q, cc, tau: new Uint8Array(32) as secp.Scalar };
  for (const i of parsePath(path)) {
    const I = hmac(at.cc, at.Q, u32be(i));
    const step = stepSecp256k1(at.Q, I);
    if (step === null) throw new IndexInvalid(`${at.path}/${i}`);
    at = { path: `${at.path}/${i}`, Q: step.K, cc: I.slice(32), tau: secp.add(at.tau, step.t) };
  }
  return at;
}

const u32le = (n: number): Bytes => u32be(n).reverse();
const eight = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 8 : 0)) as ed.EdScalar;

/** One soft step, given Z of the step. @returns null if the index has no key */
export function stepEd25519(A: ed.EdPoint, Z: Bytes): { A: ed.EdPoint; t: ed.EdScalar } | null {
  const left = new Uint8Array(32) as ed.EdScalar;
  left.set(Z.subarray(0, 28));
  // t = 8·LE(28 bytes) < 2^227: below L without reduction.
  const t = ed.mul(left, eight);
  const next = ed.isZero(t) ? A : ed.addPoints(A, ed.mulBase(t));
  return next && { A: next, t };
}

/**
 * The key of a path below the account key (A, cc).
 *
 * @throws {CustodyError} `request_invalid` on a bad path; {@link IndexInvalid}
 */
export function deriveEd25519(A: ed.EdPoint, cc: Bytes, path: string): DerivedEd25519 {
  let at: DerivedEd25519 = { path: 'm', A, cc, tau: new Uint8Array(32) as ed.EdScalar };
  for (const i of parsePath(path)) {
    const step = stepEd25519(at.A, hmac(at.cc, u8(2), at.A, u32le(i)));
    if (step === null) throw new IndexInvalid(`${at.path}/${i}`);
    const next = hmac(at.cc, u8(3), at.A, u32le(i)).slice(32);
    at = { path: `${at.path}/${i}`, A: step.A, cc: next, tau: ed.add(at.tau, step.t) };
  }
  return at;
}
