/**
 * The terms of an invitation that goes by mail: what somebody is to become, signed by who invites. Whoever carries
 * or keeps an invitation can neither raise what it offers, nor pass it off as somebody else's: the id is a hash of
 * the terms, and the terms commit to the address, which stands nowhere in them.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, toBase64url, utf8 } from '../bytes.ts';
import { canonicalBytes, derivedId, digestOf } from '../intent/canonical.ts';
import type { Role } from './kinds.ts';
import type { Scope } from './statement.ts';

export interface InvitationTerms {
  readonly type: 'planbok/invitation-terms/v1';
  readonly organization: string;
  readonly role: Role;
  /** The most that the invitee's credential may do. */
  readonly scopes: readonly Scope[];
  /** {@link addressCommitment} */
  readonly address: string;
  /** RFC 3339, UTC. */
  readonly expires: string;
  /** Of who invites: `organization/credential`. */
  readonly keyId: string;
  /** base64url of 16 random bytes. */
  readonly nonce: string;
}

/** What the inviter's credential signs. */
export const termsBytes = (terms: InvitationTerms): Bytes =>
  concat(utf8('planbok/invitation-terms-signature/v1\0'), canonicalBytes({ ...terms }));

/** SHA-256, 32 bytes. */
export const termsDigest = (terms: InvitationTerms): Bytes => digestOf({ ...terms });

/** `inm_…` */
export const invitationIdOf = (terms: InvitationTerms): string => derivedId('inm', termsDigest(terms), 0);

/**
 * Says nothing of the address once the salt is gone.
 * @param salt 16 random bytes
 * @returns base64url of 32 bytes
 */
export const addressCommitment = (salt: Bytes, address: string): string =>
  toBase64url(sha256(concat(utf8('planbok/mail-address/v1\0'), salt, utf8(address))));
