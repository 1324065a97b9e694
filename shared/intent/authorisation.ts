/**
 * An authorisation: one actor's word for one operation, fresh and used once. Its digest is what binds a
 * protocol session to the actor; the RFC 9421 signature covers it through `content-digest`.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fromBase64url, u32be, utf8 } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import { digestOf } from './canonical.ts';

/** The longest life of an authorisation, seconds. */
export const maxLifeSeconds = 120;
/** How far the actor's clock may be ahead of a node's, seconds. */
export const clockToleranceSeconds = 30;

/** As it stands in the request body. Times are decimal strings of epoch seconds. */
export interface Authorisation {
  readonly type: 'planbok/authorisation/v1';
  /** base64url of the operation digest, 32 bytes. */
  readonly operation: string;
  /** base64url of 16 random bytes. */
  readonly nonce: string;
  readonly issued: string;
  readonly expires: string;
  /** The credential's id. */
  readonly keyId: string;
  /** The newest registry head that the actor has seen. */
  readonly registryHead: string;
}

export const authorisationDigest = (authorisation: Authorisation): Bytes => digestOf({ ...authorisation });

/**
 * @throws {CustodyError} `authorisation_expired` outside [issued - tolerance, expires], or if it lives
 * longer than 120 s.
 */
export function assertFresh({ issued, expires }: Authorisation, nowMs: number): void {
  const [from, to, now] = [Number(issued), Number(expires), nowMs / 1000];
  if (!(to > from && to - from <= maxLifeSeconds))
    throw new CustodyError('authorisation_expired', `an authorisation lives at most ${maxLifeSeconds} s`);
  if (!(now >= from - clockToleranceSeconds && now <= to))
    throw new CustodyError('authorisation_expired', 'the authorisation is expired, or not yet valid');
}

/** @throws {CustodyError} `authorisation_mismatch` if the actor authorised another operation. */
export function assertAuthorises(authorisation: Authorisation, operationDigest: Bytes): void {
  const named = fromBase64url(authorisation.operation);
  if (named.length !== 32 || !named.every((b, i) => b === operationDigest[i]))
    throw new CustodyError(
      'authorisation_mismatch',
      'the authorisation names another operation than this request',
    );
}

/**
 * The id of the protocol session for digest `index` of the operation, 16 bytes. Derived from the
 * authorisation, so the session's replay record is the record of the authorisation's nonce too.
 */
export const sessionIdOf = (authorisation: Bytes, index: number): Bytes =>
  sha256(concat(utf8('planbok/session/v1'), authorisation, u32be(index))).slice(0, 16);
