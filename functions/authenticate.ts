/**
 * Who is asking: the actor of a signed request, verified against this node's own registry. Node 1 runs it on
 * what came over HTTP, Node 2 on the same bytes forwarded.
 * @module
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { fromBase64url } from '#shared/bytes.ts';
import { spkiOfEd25519, spkiOfPoint } from '#shared/crypto/spki.ts';
import { CustodyError } from '#shared/errors.ts';
import { type ActorRequest, signatureClaim, verifyHttpSignature } from '#shared/intent/http-signature.ts';
import { inRanges } from '#shared/registry/cidr.ts';
import {
  explainCredential,
  type RegisteredCredential,
  type Registry,
  refuse,
} from '#shared/registry/registry.ts';
import { type PlainKey, verifying } from '#shared/registry/statement.ts';
import { recent } from './recent.ts';
import type { RegistryStore } from './stores/registry.ts';

export interface Actor {
  readonly organization: string;
  /** `organization/credential`, as requests name it. */
  readonly keyId: string;
  readonly credentialId: string;
  readonly credential: RegisteredCredential;
  readonly registry: Registry;
  /** Of the signature: base64url, epoch seconds. The authorisation must agree with them. */
  readonly nonce: string;
  readonly created: number;
  readonly expires: number;
}

/**
 * @throws {CustodyError} `signature_invalid`, `credential_unknown`, `credential_inactive`, `authorisation_expired`
 */
export async function authenticate(
  registries: RegistryStore,
  request: ActorRequest,
  nowMs: number,
): Promise<Actor> {
  const [organization = '', credentialId = ''] = signatureClaim(request).keyId.split('/');
  const registry = await registries.read(organization);
  const refusal = explainCredential(registry, credentialId, nowMs);
  if (refusal !== undefined) refuse(refusal);
  const credential = registry.credentials[credentialId] as RegisteredCredential;
  const signed = verifyHttpSignature(request, () => credential, nowMs, verifyWithOpenssl);
  const { keyId, nonce, created, expires } = signed;
  return { organization, keyId, credentialId, credential, registry, nonce, created, expires };
}

/**
 * An API key may be bound to addresses. Only the node that the public reaches sees an address; Node 2 does not.
 * @throws {CustodyError} `address_refused`
 */
export function requireAddress(
  {
    registry,
    credential,
  }: Pick<Actor, 'registry'> & { readonly credential: Pick<RegisteredCredential, 'holder'> },
  sourceIp: string | undefined,
): void {
  const { cidrs } = registry.apiKeys[credential.holder] ?? {};
  if (cidrs !== undefined && !(sourceIp !== undefined && inRanges(sourceIp, cidrs)))
    throw new CustodyError('address_refused', 'the API key is not valid from this address');
}

/** By OpenSSL, twenty times faster than the client's check, and stricter: what it accepts, that one accepts too. */
export const verifyWithOpenssl = verifying((plain, message, signature) => {
  const key = keyObject(`${plain.algorithm}:${plain.publicKey}`, plain);
  return plain.algorithm === 'ed25519'
    ? verify(null, message, key, signature)
    : verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
});

/** OpenSSL takes longer to parse a key than to verify with it. */
const keyObject = recent(1_000, (_: string, { algorithm, publicKey }: PlainKey): KeyObject => {
  const raw = fromBase64url(publicKey);
  const spki = algorithm === 'ed25519' ? spkiOfEd25519(raw) : spkiOfPoint(raw);
  return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
});
