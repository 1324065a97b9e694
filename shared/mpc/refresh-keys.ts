/**
 * What a refresh alone does with halves: it reads those of the current epoch, agrees on a shift, moves the
 * halves against each other by it, and confirms the outcome.
 * @module
 */
import { type Bytes, equalBytes, lengthPrefixed, u8, utf8 } from '../bytes.ts';
import { Abort, CustodyError } from '../errors.ts';
import {
  type Context,
  type ContextFields,
  contextOf,
  type KeyType,
  type KeyTypes,
  keyTypeOrder,
  type Role,
} from './context.ts';
import type { EdScalar } from './ed25519.ts';
import { ed25519Group, type Group, secp256k1Group } from './group.ts';
import { type Agreed, absent, type Half, hasA, hasX, type PublicHalf, present } from './halves.ts';
import { hash, xof } from './hash.ts';
import type { SealContext } from './hpke.ts';
import type { Scalar } from './secp256k1.ts';
import type { KeyShares } from './share-blob.ts';
import { tags } from './tags.ts';
import { type SecretScope, wiping } from './wipe.ts';

/** Both halves of the keys, as one node has them. */
export interface Halves {
  readonly half: Half;
  readonly peer: PublicHalf;
}

/** The records of the current epoch. The scalars are those of the records themselves, not copies. */
export interface Current extends Halves {
  readonly types: KeyTypes;
  readonly role: Role;
  readonly sid: Bytes;
  readonly epoch: number;
  readonly cc: Bytes;
  readonly keys: PublicHalf;
}

const broken = (message: string): CustodyError => new CustodyError('share_unreadable', message);

function checkRecord<S extends Bytes, P extends Bytes>(group: Group<S, P>, key: P, own: P, peer: P, x: S) {
  const sum = group.addPublic(own, peer);
  if (sum === null || !equalBytes(sum, key)) throw broken('the halves do not add up to the key');
  if (group.isZero(x) || !equalBytes(group.mulBase(x), own)) throw broken('the share is not of its half');
}

/** @throws {CustodyError} `share_unreadable` unless these are consistent records of one run at this node */
export function currentOf(role: Role, { secp256k1: k, ed25519: d }: KeyShares): Current {
  const one = k ?? d;
  if (!one) throw broken('there is no share');
  for (const r of [k, d])
    if (r && !(r.role === role && r.epoch === one.epoch && equalBytes(r.sid, one.sid)))
      throw broken('the records are not of one epoch at this node');
  if (k && d && !equalBytes(k.cc, d.cc)) throw broken('the records differ in their chain code');
  const half = {
    x: k?.x ?? absent,
    X: (role === 1 ? k?.X1 : k?.X2) ?? absent,
    a: d?.x ?? absent,
    A: (role === 1 ? d?.A1 : d?.A2) ?? absent,
  };
  const peer = {
    X: (role === 1 ? k?.X2 : k?.X1) ?? absent,
    A: (role === 1 ? d?.A2 : d?.A1) ?? absent,
  };
  if (k) checkRecord(secp256k1Group, k.Q, half.X, peer.X, half.x);
  if (d) checkRecord(ed25519Group, d.A, half.A, peer.A, half.a);
  const types = keyTypeOrder.filter((type) => (type === 'secp256k1' ? k : d) !== undefined);
  const { sid, epoch, cc } = one;
  return { types, role, sid, epoch, cc, half, peer, keys: { X: k?.Q ?? absent, A: d?.A ?? absent } };
}

/** Whose key is refreshed, and the number of the new epoch. */
export type RefreshName = Omit<ContextFields, 'keyTypes'>;

/**
 * ctx': the context of key generation with the new epoch, and the keys as more fields.
 *
 * @throws {RangeError} unless the new epoch is above the current one
 */
export function refreshContext(name: RefreshName, { types, epoch, keys }: Current): Context {
  if (name.epoch <= epoch) throw new RangeError('a refresh leads to a higher epoch');
  return contextOf({ ...name, keyTypes: types }, ...present(keys.X, keys.A));
}

/** com1: what Node 1 opens in F3. */
export const commitShift = (context: Bytes, n1: Bytes, rho1: Bytes, salt1: Bytes): Bytes =>
  hash(tags.refreshCommit, context, n1, rho1, salt1);

/** What Node 2's part is sealed with. */
export const sealContext = (sid: Bytes, F1: Bytes): SealContext => ({
  info: lengthPrefixed(utf8(tags.refreshSeal), sid),
  aad: F1,
});

/** What both nodes toss: 32 bytes each. Secret. */
export interface Tosses {
  readonly rho1: Bytes;
  readonly rho2: Bytes;
}

/** ρ of each key. Secret. */
export interface Shift {
  readonly x: Scalar;
  readonly a: EdScalar;
}

export function shiftOf(types: KeyTypes, sid: Bytes, { rho1, rho2 }: Tosses): Shift {
  const of = <S extends Bytes, P extends Bytes>(type: KeyType, group: Group<S, P>): S =>
    wiping(({ secret }) => group.reduce(secret(xof(tags.refreshShift, [sid, utf8(type), rho1, rho2], 48))));
  return {
    x: hasX(types) ? of('secp256k1', secp256k1Group) : absent,
    a: hasA(types) ? of('ed25519', ed25519Group) : absent,
  };
}

/** The seed of the shifts that add up to zero in ECDSA. Secret. */
export const zeroSeedOf = (sid: Bytes, { rho1, rho2 }: Tosses): Bytes =>
  hash(tags.refreshZeroSeed, sid, rho1, rho2);

interface Moved<S, P> {
  readonly x: S;
  readonly own: P;
  readonly peer: P;
}

function move<S extends Bytes, P extends Bytes>(
  group: Group<S, P>,
  role: Role,
  key: P,
  { x, own, peer }: Moved<S, P>,
  rho: S,
  { secret, kept }: SecretScope,
): Moved<S, P> {
  const minus = secret(group.negate(rho));
  const [mine, theirs] = role === 1 ? [rho, minus] : [minus, rho];
  // Probability 2^-252 each: the attempt is over, and another one tosses anew.
  if (group.isZero(rho)) throw new Abort('E_PK', 'the shift is zero');
  const movedX = kept(group.add(x, mine));
  const movedOwn = group.addPublic(own, group.mulBase(mine));
  const movedPeer = group.addPublic(peer, group.mulBase(theirs));
  if (movedOwn === null || movedPeer === null) throw new Abort('E_PK', 'a share would become zero');
  const sum = group.addPublic(movedOwn, movedPeer);
  if (sum === null || !equalBytes(sum, key) || !equalBytes(group.mulBase(movedX), movedOwn))
    throw new RangeError('the moved halves are not halves of the key');
  return { x: movedX, own: movedOwn, peer: movedPeer };
}

/**
 * The halves of the new epoch: Node 1's moved by +ρ, Node 2's by -ρ. New buffers; the old are not touched.
 *
 * @throws {Abort} `E_PK` if a share would be zero: this attempt is over
 * @throws {RangeError} if the sum is not the key, or the scalar not that of its half: a fault of this node
 */
export function moveHalves(
  { types, role, half, peer, keys }: Pick<Current, 'types' | 'role' | 'half' | 'peer' | 'keys'>,
  rho: Shift,
  scope: SecretScope,
): Halves {
  const gone = { x: absent, own: absent, peer: absent };
  const k = hasX(types)
    ? move(secp256k1Group, role, keys.X, { x: half.x, own: half.X, peer: peer.X }, rho.x, scope)
    : gone;
  const d = hasA(types)
    ? move(ed25519Group, role, keys.A, { x: half.a, own: half.A, peer: peer.A }, rho.a, scope)
    : gone;
  return { half: { x: k.x, X: k.own, a: d.x, A: d.own }, peer: { X: k.peer, A: d.peer } };
}

/** What both nodes must have seen and computed alike. */
export interface Outcome extends Agreed {
  /** The public halves of the new epoch, Node 1's and Node 2's. */
  readonly halves: readonly [PublicHalf, PublicHalf];
  /** Hash of F1 and F2. */
  readonly transcript: Bytes;
  readonly U1: Bytes;
}

/** conf1 or conf2. */
export function confirmation({ sid, keys, halves, cc, zseed, transcript, U1 }: Outcome, role: Role): Bytes {
  const [one, two] = halves;
  const points = present(keys.X, one.X, two.X, keys.A, one.A, two.A);
  return hash(tags.refreshConfirm, sid, ...points, cc, zseed, transcript, U1, u8(role));
}
