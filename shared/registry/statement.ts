/**
 * Signed statements: what an organization says of itself. The founding statement names the first Owner's
 * key; its hash is the organization's id, so an id cannot be claimed for other keys.
 * @module
 */

import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fromBase64url, toBase32, utf8 } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import { canonicalBytes, organizationId } from '../intent/canonical.ts';

export type CredentialAlgorithm = 'ed25519' | 'ecdsa-p256-sha256';

/** What a credential may do. `sign_raw` (digests that nobody can read) is never implied by another. */
export const scopes = ['view', 'create_wallet', 'sign', 'sign_raw'] as const;
export type Scope = (typeof scopes)[number];

/** A public key that may sign requests. */
export interface Credential {
  readonly algorithm: CredentialAlgorithm;
  /** base64url: 32 bytes for ed25519, the 65-byte uncompressed point for P-256. */
  readonly publicKey: string;
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

export interface SignedStatement {
  readonly statement: FoundingStatement;
  /** base64url over {@link statementBytes}: 64 bytes, for P-256 r‖s. */
  readonly signature: string;
}

/** `key_` and base32 of 16 bytes of the hash of algorithm and key: the `keyid` of signed requests. */
export const credentialId = ({ algorithm, publicKey }: Credential): string =>
  `key_${toBase32(sha256(utf8(`${algorithm}:${publicKey}`)).subarray(0, 16))}`;

export const statementBytes = (statement: FoundingStatement): Bytes =>
  concat(utf8('planbok/statement-signature/v1\0'), canonicalBytes(statement));

/** Strict verification: no malleable Ed25519 encodings; P-256 as r‖s, any s. */
export function verifyWithCredential(
  { algorithm, publicKey }: Credential,
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

/** What both nodes know of an organization, computed from its statements alone. */
export interface Registry {
  readonly organization: string;
  readonly name: string;
  /** RFC 3339, UTC: as the founder said. */
  readonly created: string;
  /** Names the last statement; every authorisation names the newest head that its actor has seen. */
  readonly head: string;
  readonly credentials: Readonly<Record<string, Credential & { readonly member: string }>>;
}

/**
 * The registry after its founding statement.
 * @throws {CustodyError} `signature_invalid` unless the owner's own key signed it.
 */
export function found({ statement, signature }: SignedStatement): Registry {
  const { credential, name } = statement.owner;
  if (!verifyWithCredential(credential, statementBytes(statement), fromBase64url(signature)))
    throw new CustodyError('signature_invalid', 'the founding statement is not signed by the key it names');
  const organization = organizationId(statement);
  return {
    organization,
    name: statement.name,
    created: statement.created,
    head: organization,
    credentials: { [credentialId(credential)]: { ...credential, member: name } },
  };
}
