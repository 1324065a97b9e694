/**
 * Keys that sign requests. The private half stays where it is: the client only asks for signatures.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { type Bytes, toBase64url } from '../shared/bytes.ts';
import type { RequestSigner } from '../shared/intent/http-signature.ts';
import type { RelyingParty } from '../shared/registry/relying-party.ts';
import {
  type Credential,
  type CredentialAlgorithm,
  credentialId,
  type PlainKey,
  publicKeyOf,
} from '../shared/registry/statement.ts';

/** Of a passkey (passkey.ts) with its relying party. */
export interface CredentialKey extends Partial<RelyingParty> {
  readonly algorithm: CredentialAlgorithm;
  /** 32 bytes for ed25519, the 65-byte uncompressed point for P-256. */
  readonly publicKey: Bytes;
  /** 64 bytes: Ed25519, or r‖s of ECDSA P-256 over SHA-256 of the message; of a passkey, an assertion. */
  sign(message: Bytes): Promise<Bytes>;
}

/** A key that signs without a person: the only kind that API keys have. */
export interface PlainCredentialKey extends CredentialKey {
  readonly algorithm: PlainKey['algorithm'];
}

/** @param seed 32 bytes, RFC 8032. @throws {RangeError} on another length */
export function ed25519Key(seed: Bytes): PlainCredentialKey {
  if (seed.length !== 32) throw new RangeError('an Ed25519 seed has 32 bytes');
  const secret = Uint8Array.from(seed);
  return {
    algorithm: 'ed25519',
    publicKey: ed25519.getPublicKey(secret),
    sign: async (message) => ed25519.sign(message, secret),
  };
}

type WebKey = Parameters<typeof crypto.subtle.sign>[1];
/** A `CryptoKeyPair`, named so that it exists without the types of a browser. */
export interface WebCryptoKeys {
  readonly publicKey: WebKey;
  readonly privateKey: WebKey;
}

/** A P-256 key pair of the platform that no script can read out. Keep it in IndexedDB. */
export const generateWebCryptoKeys = async (): Promise<WebCryptoKeys> =>
  crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);

/** @param keys ECDSA on P-256; the private key may be, and should be, non-extractable. */
export async function webCryptoKey(keys: WebCryptoKeys): Promise<PlainCredentialKey> {
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', keys.publicKey));
  return {
    algorithm: 'ecdsa-p256-sha256',
    publicKey,
    sign: async (message) =>
      new Uint8Array(
        await crypto.subtle.sign(
          { name: 'ECDSA', hash: 'SHA-256' },
          keys.privateKey,
          Uint8Array.from(message),
        ),
      ),
  };
}

/** As a statement registers it. */
export const credentialOf = (key: CredentialKey, scopes: Credential['scopes']): Credential => ({
  ...publicKeyOf({ ...key, publicKey: toBase64url(key.publicKey) }),
  scopes,
});

/** Signs requests as this credential of the organization. */
export const requestSigner = (organization: string, key: CredentialKey): RequestSigner => ({
  keyId: `${organization}/${credentialId(credentialOf(key, []))}`,
  algorithm: key.algorithm,
  sign: (bytes) => key.sign(bytes),
});
