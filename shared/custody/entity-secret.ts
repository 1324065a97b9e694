/**
 * The entity secret: 32 bytes that an organization (or a customer) alone has, and that never leave the client.
 * Derived from it by HKDF-SHA256 (RFC 5869, empty salt), each under a label of its own:
 *
 *   wrap key    info = (planbok/v1/wrap, wallet set, key, I4(epoch))   locks Node 1's share of one key and epoch
 *   entity key  info = (planbok/v1/entity, entity)                     the seed of an Ed25519 key (RFC 8032)
 *
 * The entity key signs what its owner authorises: an entity proof. Wrap keys reach Node 1, the entity key does
 * not: whoever has seen every wrap key still proves nothing.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, u32be, utf8 } from '../bytes.ts';
import { infoOf, labels } from './labels.ts';

/** What a wrap key is for: nothing else opens under it. */
export interface WrapScope {
  readonly walletSet: string;
  readonly key: string;
  /** 1 after key generation, one more after each refresh. */
  readonly epoch: number;
}

const secretBytes = 32;
const digestBytes = 32;

function derive(secret: Bytes, info: Bytes): Bytes {
  if (secret.length !== secretBytes) throw new RangeError('an entity secret has 32 bytes');
  return hkdf(sha256, secret, undefined, info, 32);
}

/**
 * 32 bytes. Secret: the caller wipes them.
 * @throws {RangeError} on a secret that is not 32 bytes, an empty id, an epoch outside 1..2^32-1
 */
export function wrapKeyOf(secret: Bytes, { walletSet, key, epoch }: WrapScope): Bytes {
  if (walletSet === '' || key === '') throw new RangeError('empty id');
  if (!Number.isInteger(epoch) || epoch < 1 || epoch > 0xffffffff) throw new RangeError('bad epoch');
  return derive(secret, infoOf(labels.wrap, utf8(walletSet), utf8(key), u32be(epoch)));
}

function entitySeed(secret: Bytes, entity: string): Bytes {
  if (entity === '') throw new RangeError('empty id');
  return derive(secret, infoOf(labels.entity, utf8(entity)));
}

/**
 * The public half of the entity key, 32 bytes: what is registered at both nodes.
 * @param entity id of the organization or customer
 * @throws {RangeError} on a secret that is not 32 bytes, an empty id
 */
export function entityPublicKey(secret: Bytes, entity: string): Bytes {
  const seed = entitySeed(secret, entity);
  try {
    return ed25519.getPublicKey(seed);
  } finally {
    seed.fill(0);
  }
}

const proven = (authorisation: Bytes): Bytes => {
  if (authorisation.length !== digestBytes) throw new RangeError('an authorisation digest has 32 bytes');
  return concat(utf8(labels.entityProof), authorisation);
};

/**
 * The entity key's signature over `"planbok/v1/entity-proof" ‖ authorisation digest`, 64 bytes.
 * @param authorisation digest of the authorisation, 32 bytes
 * @throws {RangeError} on a secret or digest that is not 32 bytes, an empty id
 */
export function proveEntity(secret: Bytes, entity: string, authorisation: Bytes): Bytes {
  const message = proven(authorisation);
  const seed = entitySeed(secret, entity);
  try {
    return ed25519.sign(message, seed);
  } finally {
    seed.fill(0);
  }
}

/** A canonical encoding of a point of the prime-order subgroup that is not the identity. */
function isPrimeOrderPoint(bytes: Bytes): boolean {
  try {
    const point = ed25519.Point.fromBytes(bytes, false);
    return !point.is0() && point.isTorsionFree();
  } catch {
    return false;
  }
}

/** May these 32 bytes be registered as an entity key? */
export const isEntityKey = (publicKey: Bytes): boolean =>
  publicKey.length === 32 && isPrimeOrderPoint(publicKey);

/**
 * Did the entity key sign this authorisation digest? Never throws. Stricter than RFC 8032: key and R are
 * canonical and of prime order, S is below L. So every library comes to the same verdict, and nobody but
 * the signer can make a second signature from one.
 */
export function verifyEntityProof(proof: Bytes, authorisation: Bytes, publicKey: Bytes): boolean {
  if (proof.length !== 64 || authorisation.length !== digestBytes || !isEntityKey(publicKey)) return false;
  if (!isPrimeOrderPoint(proof.subarray(0, 32))) return false;
  try {
    return ed25519.verify(proof, proven(authorisation), publicKey, { zip215: false });
  } catch {
    return false;
  }
}
