/**
 * The halves of the keys of one run at one node, for what key generation and refresh do alike: proofs, sums,
 * records. What a run does not have is empty, as in its messages.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import type { KeyTypes, Role } from './context.ts';
import { type DlogBinding, type DlogProof, proveDlog, verifyDlog } from './dlog.ts';
import type { EdPoint, EdScalar } from './ed25519.ts';
import { ed25519Group, type Group, secp256k1Group } from './group.ts';
import type { Random } from './hash.ts';
import type { Point, Scalar } from './secp256k1.ts';
import type { KeyShares } from './share-blob.ts';

export const none: Bytes = new Uint8Array(0);
// Sound: never looked at unless the run has a key of the type, and then it is not empty.
export const absent = none as Bytes as Scalar & Point & EdScalar & EdPoint;

export const hasX = (types: KeyTypes): boolean => types.includes('secp256k1');
export const hasA = (types: KeyTypes): boolean => types.includes('ed25519');

/** The fields that are there. */
export const present = (...fields: readonly Bytes[]): Bytes[] => fields.filter((f) => f.length > 0);

/** One node's public shares: of the secp256k1 key, and of the ed25519 key. */
export interface PublicHalf {
  readonly X: Point;
  readonly A: EdPoint;
}

/** One node's shares. Secret but for X and A. */
export interface Half extends PublicHalf {
  readonly x: Scalar;
  readonly a: EdScalar;
}

/** The proofs of knowledge of a half. */
export interface HalfProofs {
  readonly X: DlogProof<Scalar>;
  readonly A: DlogProof<EdScalar>;
}

const noProof = { e: absent, sigma: absent };

export const proveHalf = (types: KeyTypes, binding: DlogBinding, half: Half, random: Random): HalfProofs => ({
  X: hasX(types) ? proveDlog(secp256k1Group, binding, half.x, half.X, random) : noProof,
  A: hasA(types) ? proveDlog(ed25519Group, binding, half.a, half.A, random) : noProof,
});

function join<S extends Bytes, P extends Bytes>(
  group: Group<S, P>,
  own: P,
  peer: P,
  binding: DlogBinding,
  proof: DlogProof<S>,
): P {
  const sum = group.addPublic(own, peer);
  if (sum === null) throw new Abort('E_PK', 'the public shares cancel out');
  if (!verifyDlog(group, binding, peer, proof))
    throw new Abort('E_POK', 'proof of the public share is invalid');
  return sum;
}

/**
 * The joint keys, once the peer's halves are known to be halves.
 *
 * @throws {Abort} `E_PK` if halves cancel out, `E_POK` if the peer does not prove that it knows its own
 */
export const joinHalves = (
  types: KeyTypes,
  own: PublicHalf,
  peer: PublicHalf,
  binding: DlogBinding,
  proofs: HalfProofs,
): PublicHalf => ({
  X: hasX(types) ? join(secp256k1Group, own.X, peer.X, binding, proofs.X) : absent,
  A: hasA(types) ? join(ed25519Group, own.A, peer.A, binding, proofs.A) : absent,
});

/** What both nodes end with alike. */
export interface Agreed {
  readonly sid: Bytes;
  readonly keys: PublicHalf;
  readonly cc: Bytes;
  /** Seed of the shifts that add up to zero; of secp256k1 alone. Secret. */
  readonly zseed: Bytes;
}

/** The base transfers' part of a record: see {@link EcdsaKeyShare}. */
export interface OtKeys {
  readonly K: Bytes;
  readonly delta: Bytes;
  readonly Kd: Bytes;
}

/** The records of one node. */
export function recordsOf(
  types: KeyTypes,
  node: { readonly role: Role; readonly epoch: number; readonly half: Half; readonly peer: PublicHalf },
  { sid, cc, zseed, keys }: Agreed,
  ot: OtKeys,
  random: Random,
): KeyShares {
  const { role, epoch, half, peer } = node;
  const [one, two] = role === 1 ? [half, peer] : [peer, half];
  const common = { role, sid, epoch, cc };
  return {
    ...(hasX(types) && {
      secp256k1: {
        ...common,
        ...ot,
        Q: keys.X,
        X1: one.X,
        X2: two.X,
        x: half.x,
        zseed,
        hedgeSeed: random(32),
      },
    }),
    ...(hasA(types) && {
      ed25519: { ...common, A: keys.A, A1: one.A, A2: two.A, x: half.a, hedgeSeed: random(32) },
    }),
  };
}
