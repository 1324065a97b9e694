/**
 * Signed statements: what an organization says of itself. The founding statement names the first Owner's
 * key; its hash is the organization's id, so an id cannot be claimed for other keys. Every later statement
 * (kinds.ts) names the hash of the one before it.
 * @module
 */

import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fromBase64url, toBase32, toBase64url, utf8 } from '../bytes.ts';
import { canonicalBytes, digestOf, type Tagged } from '../intent/canonical.ts';

export type CredentialAlgorithm = 'ed25519' | 'ecdsa-p256-sha256';

/** What a credential may do. No scope implies another: `sign_raw` (digests that nobody can read) least of all. */
export const scopes = ['view', 'create_wallet', 'sign', 'sign_raw', 'approve'] as const;
export type Scope = (typeof scopes)[number];

export interface PublicKey {
  readonly algorithm: CredentialAlgorithm;
  /** base64url: 32 bytes for ed25519, the 65-byte uncompressed point for P-256. */
  readonly publicKey: string;
}

/** A public key that may sign requests. */
export interface Credential extends PublicKey {
  readonly scopes: readonly Scope[];
}

export interface FoundingStatement {
  readonly type: 'planbok/statement/v1';
  readonly kind: 'organization.found';
  readonly name: string;
  readonly owner: { readonly name: string; readonly credential: Credential };
  /** RFC 3339, UTC. */
  readonly created: string;
  /** base64url of 16 random bytes. */
  readonly nonce: string;
}

export interface SignedStatement<S = FoundingStatement> {
  readonly statement: S;
  /** base64url over {@link statementBytes}: 64 bytes, for P-256 r‖s. */
  readonly signature: string;
  /** Further signatures over the same bytes, for the kinds that ask for them. No part of the hash. */
  readonly cosignatures?: readonly Cosignature[];
}

export interface Cosignature {
  /** A credential's id; `entity` and `previous_entity` for the keys of the Organization Secret. */
  readonly by: string;
  /** base64url, 64 bytes. */
  readonly signature: string;
}

/** `key_` and base32 of 16 bytes of the hash of algorithm and key: the `keyid` of signed requests. */
export const credentialId = ({ algorithm, publicKey }: PublicKey): string =>
  `key_${toBase32(sha256(utf8(`${algorithm}:${publicKey}`)).subarray(0, 16))}`;

/** What a statement's signatures are over. */
export const statementBytes = (statement: Tagged): Bytes =>
  concat(utf8('planbok/statement-signature/v1\0'), canonicalBytes(statement));

/** base64url of the SHA-256 of the canonical form, without signatures: `previous` of the next statement. */
export const statementHash = (statement: Tagged): string => toBase64url(digestOf(statement));

/** Strict verification: no malleable Ed25519 encodings; P-256 as r‖s, any s. */
export function verifyWithCredential(
  { algorithm, publicKey }: PublicKey,
  message: Bytes,
  signature: Bytes,
): boolean {
  if (signature.length !== 64) return false;
  try {
    const key = fromBase64url(publicKey);
    return algorithm === 'ed25519'
      ? ed25519.verify(signature, message, key, { zip215: false })
      : key.length === 65 && p256.verify(signature, message, key, { lowS: false });
  } catch {
    // A key or signature that does not decode verifies nothing.
    return false;
  }
}
