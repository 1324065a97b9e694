/**
 * Proof of knowledge of a discrete logarithm: Schnorr's protocol made non-interactive by Fiat and Shamir, in
 * the short form (challenge, response). The challenge hashes session, role, X and the nonce point, so that a
 * proof is worth nothing in another session, or from the other party (`docs/protocol.md` 3).
 * @module
 */
import { type Bytes, concat, equalBytes, u8, utf8 } from '../bytes.ts';
import type { Role } from './context.ts';
import type { Group } from './group.ts';
import { type Random, xof } from './hash.ts';
import { tags } from './tags.ts';

export interface DlogProof<S extends Bytes> {
  /** Challenge. */
  readonly e: S;
  /** Response: sigma = t + e·x. */
  readonly sigma: S;
}

/** What a proof is bound to: the id of the run (32 B) and who proves. */
export interface DlogBinding {
  readonly sid: Bytes;
  readonly role: Role;
}

function challenge<S extends Bytes, P extends Bytes>(
  group: Group<S, P>,
  { sid, role }: DlogBinding,
  X: P,
  T: P,
): S {
  // The curve is bound too: points of secp256k1 have 33 bytes, points of ed25519 have 32.
  return group.reduce(xof(tags.dlogChallenge, [sid, u8(role), X, T], 48));
}

/** The proof that its maker knows x of X = x·G. The nonce is hedged: 64 fresh bytes and x itself. */
export function proveDlog<S extends Bytes, P extends Bytes>(
  group: Group<S, P>,
  binding: DlogBinding,
  x: S,
  X: P,
  random: Random,
): DlogProof<S> {
  const data = concat(binding.sid, u8(binding.role), X);
  const t = group.reduce(xof(tags.hedge, [utf8('pok'), x, random(64), data], 48));
  // mulBase refuses t = 0, which happens with probability 2^-252.
  const e = challenge(group, binding, X, group.mulBase(t));
  const product = group.mul(e, x);
  const sigma = group.add(t, product);
  t.fill(0);
  product.fill(0);
  return { e, sigma };
}

/** Does the proof hold? X, e and sigma have been through their decoders: canonical, in the group, below its order. */
export function verifyDlog<S extends Bytes, P extends Bytes>(
  group: Group<S, P>,
  binding: DlogBinding,
  X: P,
  { e, sigma }: DlogProof<S>,
): boolean {
  // T = sigma·G - e·X
  const terms = [
    group.isZero(sigma) ? null : group.mulBase(sigma),
    group.mulPublic(group.negate(e), X),
  ].filter((term) => term !== null);
  const T = group.addPublic(...terms);
  return T !== null && equalBytes(challenge(group, binding, X, T), e);
}
