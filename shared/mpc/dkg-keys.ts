/**
 * What key generation alone does with halves: it draws them, commits to them and confirms the keys.
 * @module
 */
import { type Bytes, u8 } from '../bytes.ts';
import type { KeyTypes, Role } from './context.ts';
import { ed25519Group, secp256k1Group } from './group.ts';
import { type Agreed, absent, type Half, hasA, hasX, type PublicHalf, present } from './halves.ts';
import { hash, type Random } from './hash.ts';
import { tags } from './tags.ts';

export function newHalf(types: KeyTypes, random: Random): Half {
  const x = hasX(types) ? secp256k1Group.randomScalar(random) : absent;
  const a = hasA(types) ? ed25519Group.randomScalar(random) : absent;
  return {
    x,
    X: hasX(types) ? secp256k1Group.mulBase(x) : absent,
    a,
    A: hasA(types) ? ed25519Group.mulBase(a) : absent,
  };
}

/** com1: what Node 1 opens in D3. */
export const commitHalf = (
  context: Bytes,
  n1: Bytes,
  { X, A }: PublicHalf,
  { cc1, zs1, rho1 }: { readonly cc1: Bytes; readonly zs1: Bytes; readonly rho1: Bytes },
): Bytes => hash(tags.dkgCommit, context, n1, ...present(X, A), cc1, zs1, rho1);

/** What both nodes must have seen and computed alike. */
export interface Outcome extends Agreed {
  /** Hash of D1 and D2. */
  readonly transcript: Bytes;
  readonly U1: Bytes;
}

/** conf1 or conf2. */
export const confirmation = ({ sid, keys, cc, zseed, transcript, U1 }: Outcome, role: Role): Bytes =>
  hash(tags.dkgConfirm, sid, ...present(keys.X, keys.A), cc, zseed, transcript, U1, u8(role));
