/**
 * The part of `navigator.credentials` (WebAuthn Level 3, section 5.1) that passkeys need, named so that it
 * exists without the types of a browser.
 * @module
 */
import { PlanbokError } from './errors.ts';

interface Descriptor {
  readonly type: 'public-key';
  readonly id: Uint8Array<ArrayBuffer>;
  readonly transports?: readonly string[];
}

export interface CreateOptions {
  readonly publicKey: {
    readonly rp: { readonly id: string; readonly name: string };
    readonly user: {
      readonly id: Uint8Array<ArrayBuffer>;
      readonly name: string;
      readonly displayName: string;
    };
    readonly challenge: Uint8Array<ArrayBuffer>;
    readonly pubKeyCredParams: readonly { readonly type: 'public-key'; readonly alg: number }[];
    readonly authenticatorSelection: {
      readonly residentKey: 'preferred';
      readonly userVerification: 'required';
    };
    readonly attestation: 'none';
    readonly timeout: number;
    readonly excludeCredentials: readonly Descriptor[];
  };
}

export interface GetOptions {
  readonly publicKey: {
    readonly challenge: Uint8Array<ArrayBuffer>;
    readonly rpId: string;
    readonly allowCredentials: readonly Descriptor[];
    readonly userVerification: 'required';
    readonly timeout: number;
  };
}

/** A `PublicKeyCredential` with an `AuthenticatorAttestationResponse`. */
export interface Created {
  readonly rawId: ArrayBuffer;
  readonly response: {
    readonly clientDataJSON: ArrayBuffer;
    getAuthenticatorData(): ArrayBuffer;
    /** DER SubjectPublicKeyInfo. */
    getPublicKey(): ArrayBuffer | null;
    /** COSE. */
    getPublicKeyAlgorithm(): number;
    getTransports?(): string[];
  };
}

/** A `PublicKeyCredential` with an `AuthenticatorAssertionResponse`. */
export interface Got {
  readonly response: {
    readonly authenticatorData: ArrayBuffer;
    readonly clientDataJSON: ArrayBuffer;
    readonly signature: ArrayBuffer;
  };
}

export interface Authenticators {
  create(options: CreateOptions): Promise<Created | null>;
  get(options: GetOptions): Promise<Got | null>;
}

/** @throws {PlanbokError} `passkey_failed` outside of a browser, or on a page without TLS */
export function browserAuthenticators(): Authenticators {
  const { navigator } = globalThis as {
    readonly navigator?: { readonly credentials?: Authenticators };
  };
  const { credentials } = navigator ?? {};
  if (credentials === undefined)
    throw new PlanbokError('passkey_failed', 'passkeys need a browser, and a page over TLS or on localhost');
  return credentials;
}
