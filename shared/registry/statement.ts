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
import type { RelyingParty } from './relying-party.ts';
import { maxAssertionBytes, openAssertion } from './webauthn.ts';

/** Kinds whose signatures are over the message itself: what a program can use. */
export const plainAlgorithms = ['ed25519', 'ecdsa-p256-sha256'] as const;
type PlainAlgorithm = (typeof plainAlgorithms)[number];
/** A passkey of a person: assertions (webauthn.ts) by ECDSA on P-256 with SHA-256, and no other algorithm. */
export const passkeyAlgorithm = 'webauthn-es256';
export const algorithms = [...plainAlgorithms, passkeyAlgorithm] as const;
export type CredentialAlgorithm = (typeof algorithms)[number];

/** What a credential may do. No scope implies another: `sign_raw` (digests that nobody can read) least of all. */
export const scopes = ['view', 'create_wallet', 'sign', 'sign_raw', 'approve'] as const;
export type Scope = (typeof scopes)[number];

/** A passkey has a relying party, and nothing else has one. */
export interface PublicKey extends Partial<RelyingParty> {
  readonly algorithm: CredentialAlgorithm;
  /** base64url: 32 bytes for ed25519, the 65-byte uncompressed point for P-256. */
  readonly publicKey: string;
}

/** What a program can use: no passkey. */
export interface PlainKey {
  readonly algorithm: PlainAlgorithm;
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
  /** base64url over {@link statementBytes}: {@link isSignature}. */
  readonly signature: string;
  /** Further signatures over the same bytes, for the kinds that ask for them. No part of the hash. */
  readonly cosignatures?: readonly Cosignature[];
}

export interface Cosignature {
  /** A credential's id; `entity` and `previous_entity` for the keys of the Organization Secret. */
  readonly by: string;
  readonly signature: string;
}

/** The public key alone, of something that has more. */
export const publicKeyOf = ({ algorithm, publicKey, rpId, origins }: PublicKey): PublicKey => ({
  algorithm,
  publicKey,
  ...(rpId !== undefined && { rpId }),
  ...(origins !== undefined && { origins }),
});

/** Could the text be a signature? base64url of 64 bytes (of P-256 r‖s), or of an assertion's container. */
export function isSignature(text: unknown): text is string {
  if (typeof text !== 'string' || text.length > mostSignatureCharacters) return false;
  try {
    const { length } = fromBase64url(text);
    return length >= 64;
  } catch {
    return false;
  }
}
export const mostSignatureCharacters = Math.ceil((maxAssertionBytes * 4) / 3);

/** `key_` and base32 of 16 bytes of the hash of algorithm and key: the `keyid` of signed requests. */
export const credentialId = ({ algorithm, publicKey }: PublicKey): string =>
  `key_${toBase32(sha256(utf8(`${algorithm}:${publicKey}`)).subarray(0, 16))}`;

/** What a statement's signatures are over. */
export const statementBytes = (statement: Tagged): Bytes =>
  concat(utf8('planbok/statement-signature/v1\0'), canonicalBytes(statement));

/** base64url of the SHA-256 of the canonical form, without signatures: `previous` of the next statement. */
export const statementHash = (statement: Tagged): string => toBase64url(digestOf(statement));

/** The strict check of one signature. Nothing that does not decode verifies. */
export type Verify = (key: PublicKey, message: Bytes, signature: Bytes) => boolean;

/** The algorithms themselves: Ed25519, or ECDSA on P-256 over SHA-256; may throw on what does not decode. */
export type PlainVerify = (
  key: PlainKey,
  message: Bytes,
  /** 64 bytes. */
  signature: Bytes,
) => boolean;

/** The one way in which signatures of all kinds of credentials are verified, on whatever implementation. */
export const verifying =
  (plain: PlainVerify): Verify =>
  ({ algorithm, publicKey, rpId, origins }, message, signature) => {
    try {
      if (algorithm !== passkeyAlgorithm)
        return signature.length === 64 && plain({ algorithm, publicKey }, message, signature);
      if (rpId === undefined || origins === undefined) return false;
      const opened = openAssertion({ rpId, origins }, message, signature);
      return plain({ algorithm: 'ecdsa-p256-sha256', publicKey }, opened.signed, opened.signature);
    } catch {
      return false;
    }
  };

/** In any environment. No malleable Ed25519 encodings; P-256 as r‖s, any s. */
export const verifyWithCredential: Verify = verifying(({ algorithm, publicKey }, message, signature) => {
  const key = fromBase64url(publicKey);
  return algorithm === 'ed25519'
    ? ed25519.verify(signature, message, key, { zip215: false })
    : key.length === 65 && p256.verify(signature, message, key, { lowS: false });
});
