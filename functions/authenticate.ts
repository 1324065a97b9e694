/**
 * Who is asking: the actor of a signed request, verified against this node's own registry. Node 1 runs it on
 * what came over HTTP, Node 2 on the same bytes forwarded.
 * @module
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { type Bytes, concat, fromBase64url } from '#shared/bytes.ts';
import { spkiOfPoint } from '#shared/crypto/attestation.ts';
import { CustodyError } from '#shared/errors.ts';
import { type ActorRequest, signatureClaim, verifyHttpSignature } from '#shared/intent/http-signature.ts';
import { credentialAt, type Registry } from '#shared/registry/registry.ts';
import type { Credential, PublicKey, Scope } from '#shared/registry/statement.ts';
import { recent } from './recent.ts';
import type { RegistryStore } from './stores/registry.ts';

export interface Actor {
  readonly organization: string;
  /** `organization/credential`, as requests name it. */
  readonly keyId: string;
  readonly credential: Credential;
  readonly registry: Registry;
  /** Of the signature: base64url, epoch seconds. The authorisation must agree with them. */
  readonly nonce: string;
  readonly created: number;
  readonly expires: number;
}

/**
 * @throws {CustodyError} `signature_invalid`, `credential_unknown`, `authorisation_expired`
 */
export async function authenticate(
  registries: RegistryStore,
  request: ActorRequest,
  nowMs: number,
): Promise<Actor> {
  const [organization = '', credentialId = ''] = signatureClaim(request).keyId.split('/');
  const registry = await registries.read(organization);
  const { keyId, credential, nonce, created, expires } = verifyHttpSignature(
    request,
    () => credentialAt(registry, credentialId, nowMs),
    nowMs,
    verifyWithOpenssl,
  );
  return { organization, keyId, credential, registry, nonce, created, expires };
}

/** @throws {CustodyError} `scope_missing` */
export function requireScope({ credential }: Actor, scope: Scope): void {
  if (!credential.scopes.includes(scope))
    throw new CustodyError('scope_missing', `the credential has no scope ${scope}`);
}

const ed25519Prefix = Uint8Array.from([0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0]);

/** The same strict verification as in the client, by OpenSSL: twenty times faster. */
export function verifyWithOpenssl(credential: PublicKey, message: Bytes, signature: Bytes): boolean {
  if (signature.length !== 64) return false;
  try {
    const key = keyObject(`${credential.algorithm}:${credential.publicKey}`, credential);
    return credential.algorithm === 'ed25519'
      ? verify(null, message, key, signature)
      : verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
  } catch {
    return false;
  }
}

/** OpenSSL takes longer to parse a key than to verify with it. */
const keyObject = recent(1_000, (_: string, { algorithm, publicKey }: PublicKey): KeyObject => {
  const raw = fromBase64url(publicKey);
  const spki = algorithm === 'ed25519' ? concat(ed25519Prefix, raw) : spkiOfPoint(raw);
  return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
});
