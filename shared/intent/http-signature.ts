/**
 * Signed requests: HTTP Message Signatures (RFC 9421) with `content-digest` (RFC 9530), in exactly one form.
 *
 *   signature-input: planbok=("@method" "@path" "@query" "content-digest" "idempotency-key")
 *                    ;created=…;expires=…;nonce="…";keyid="…";alg="…"
 *
 * Reads cover the first three components; a request with a body and no idempotency key (a preview) the first
 * four. Whatever else the RFC allows is refused: a header that is parsed is also written again, and must come
 * out as it was, so that no two parsers can read it differently.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { base64 } from '@scure/base';
import { parseDictionary, serializeDictionary } from 'structured-headers';
import { type Bytes, fromBase64url, utf8 } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import {
  algorithms,
  type Credential,
  type CredentialAlgorithm,
  mostSignatureCharacters,
  type Verify,
  verifyWithCredential,
} from '../registry/statement.ts';
import { clockToleranceSeconds, maxLifeSeconds } from './authorisation.ts';

/** What an actor asks, before it is signed. */
export interface UnsignedRequest {
  /** Upper case. */
  readonly method: string;
  /** Absolute path, in normal form. */
  readonly path: string;
  /** With its leading `?`, which stands alone if there is no query (RFC 9421, 2.2.7). */
  readonly query: string;
  /** Empty if there is none. */
  readonly idempotencyKey: string;
  readonly body: Bytes;
}

/** A signed request as it came: header values, byte for byte. Header values that are absent are empty. */
export interface ActorRequest extends UnsignedRequest {
  readonly contentDigest: string;
  readonly signatureInput: string;
  readonly signature: string;
}

export interface RequestSigner {
  /** `organization/credential`. */
  readonly keyId: string;
  readonly algorithm: CredentialAlgorithm;
  /** 64 bytes: Ed25519, or r‖s of ECDSA P-256 over SHA-256 of the bytes; of a passkey a container (webauthn.ts). */
  sign(bytes: Bytes): Promise<Bytes>;
}

/** Times in epoch seconds; the nonce is base64url of 16 random bytes. */
export interface SignatureTimes {
  readonly created: number;
  readonly expires: number;
  readonly nonce: string;
}

/** What a request says of its signature. Until it is verified, anybody can have written it. */
export interface SignatureClaim extends SignatureTimes {
  readonly keyId: string;
  readonly algorithm: CredentialAlgorithm;
}

export interface VerifiedSignature extends SignatureTimes {
  readonly keyId: string;
  readonly credential: Credential;
}

const label = 'planbok';
/** Longer than any header that this form allows. */
const longest = { 'signature-input': 600, signature: mostSignatureCharacters + 20 } as const;

const invalid = (why: string, cause?: unknown): CustodyError =>
  new CustodyError('signature_invalid', why, cause === undefined ? undefined : { cause });

/** RFC 9421, 2.5. Each component's name and value, then the parameters as `signature-input` has them. */
export function signatureBase(components: readonly (readonly [string, string])[], params: string): Bytes {
  const lines = components.map(([name, value]) => `"${name}": ${value}`);
  return utf8([...lines, `"@signature-params": ${params}`].join('\n'));
}

/** RFC 9530, one member. */
export const contentDigestOf = (body: Bytes): string => `sha-256=:${base64.encode(sha256(body))}:`;

/** Letters, digits and `. _ ~ : -`, at most 128: safe in a path and in a header. */
export const idempotencyKeyPattern = /^(?!\.{1,2}$)[A-Za-z0-9._~:-]{1,128}$/;

/** Path segments without escapes and without `.` and `..`: nothing to normalise. */
const pathPattern = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:-]+)+$/;
/** RFC 3986 query, escapes with upper-case digits. */
const queryPattern = /^\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*$/;

/** Names and values of what the signature covers, in order. @throws {CustodyError} `signature_invalid` */
function componentsOf(request: Omit<ActorRequest, 'signatureInput' | 'signature'>): [string, string][] {
  const { method, path, query, contentDigest, idempotencyKey, body } = request;
  if (!pathPattern.test(path)) throw invalid('the path is not in normal form');
  if (!queryPattern.test(query)) throw invalid('the query is not in normal form');
  const read: [string, string][] = [
    ['@method', method],
    ['@path', path],
    ['@query', query],
  ];
  if (method === 'GET' || method === 'HEAD') {
    if (body.length > 0 || contentDigest !== '' || idempotencyKey !== '')
      throw invalid('a read has no body and no idempotency key');
    return read;
  }
  if (!['POST', 'PUT', 'PATCH', 'DELETE'].includes(method)) throw invalid('no such method');
  // Compared as text: one member, one algorithm, one way of writing it.
  if (contentDigest !== contentDigestOf(body))
    throw invalid('content-digest must be exactly the sha-256 of the body');
  const write: [string, string][] = [...read, ['content-digest', contentDigest]];
  if (idempotencyKey === '') return write;
  if (!idempotencyKeyPattern.test(idempotencyKey)) throw invalid('the idempotency key has other characters');
  return [...write, ['idempotency-key', idempotencyKey]];
}

function paramsOf(names: readonly string[], claim: SignatureClaim): string {
  const { created, expires, nonce, keyId, algorithm } = claim;
  const covered = names.map((name) => `"${name}"`).join(' ');
  return `(${covered});created=${created};expires=${expires};nonce="${nonce}";keyid="${keyId}";alg="${algorithm}"`;
}

/** The one member of a dictionary that is written as this library writes it. */
function onlyMember(
  header: string,
  name: keyof typeof longest,
): readonly [value: unknown, params: ReadonlyMap<string, unknown>] {
  if (header.length > longest[name]) throw invalid(`${name} is too long`);
  let dictionary: ReturnType<typeof parseDictionary>;
  try {
    dictionary = parseDictionary(header);
  } catch (cause) {
    throw invalid(`${name} is not a structured field`, cause);
  }
  const member = dictionary.get(label);
  if (dictionary.size !== 1 || member === undefined)
    throw invalid(`${name} must have the one label ${label}`);
  if (serializeDictionary(dictionary) !== header) throw invalid(`${name} is not in normal form`);
  return member as readonly [unknown, Map<string, unknown>];
}

/** Epoch seconds. */
const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

const isAlgorithm = (value: unknown): value is CredentialAlgorithm =>
  (algorithms as readonly unknown[]).includes(value);

function isNonce(value: unknown): value is string {
  try {
    return typeof value === 'string' && fromBase64url(value).length === 16;
  } catch {
    return false;
  }
}

/**
 * What the request says of its signature, for looking up the credential. **Not verified.**
 * @throws {CustodyError} `signature_invalid` if it is not of our form.
 */
export function signatureClaim(request: ActorRequest): SignatureClaim {
  const names = componentsOf(request).map(([name]) => name);
  const [, params] = onlyMember(request.signatureInput, 'signature-input');
  const created = params.get('created');
  const expires = params.get('expires');
  const nonce = params.get('nonce');
  const keyId = params.get('keyid');
  const algorithm = params.get('alg');
  if (!isTime(created) || !isTime(expires)) throw invalid('created and expires must be times');
  if (!isNonce(nonce)) throw invalid('nonce must be base64url of 16 bytes');
  if (typeof keyId !== 'string' || !/^[a-z0-9_]{1,64}\/[a-z0-9_]{1,64}$/.test(keyId))
    throw invalid('keyid is not an id');
  if (!isAlgorithm(algorithm)) throw invalid('alg is not supported');
  const claim = { created, expires, nonce, keyId, algorithm } as const;
  // This is the check of the covered components, of the parameters, of their order and of every flag.
  if (request.signatureInput !== `${label}=${paramsOf(names, claim)}`)
    throw invalid(`the signature must cover exactly ${names.join(' ')}, with the parameters in order`);
  return claim;
}

/**
 * Verifies a signed request against the credential that it names. Nothing of it is trusted before.
 * P-256 signatures may have either s: what makes a request single-use is its nonce, not its signature.
 * @param resolveCredential the registered credential of a key id.
 * @param verify another implementation of the same strict verification (a server has a faster one).
 * @throws {CustodyError} `signature_invalid`; `credential_unknown`; `authorisation_expired` if the clock
 * is outside [created - tolerance, expires].
 */
export function verifyHttpSignature(
  request: ActorRequest,
  resolveCredential: (keyId: string) => Credential | undefined,
  nowMs: number,
  verify: Verify = verifyWithCredential,
): VerifiedSignature {
  const claim = signatureClaim(request);
  const { created, expires, nonce, keyId, algorithm } = claim;
  if (!(expires > created && expires - created <= maxLifeSeconds))
    throw invalid(`a signature lives at most ${maxLifeSeconds} s`);
  const now = nowMs / 1000;
  if (!(now >= created - clockToleranceSeconds && now <= expires))
    throw new CustodyError('authorisation_expired', 'the signature is expired, or not yet valid');
  const [signature, flags] = onlyMember(request.signature, 'signature');
  if (!(signature instanceof ArrayBuffer) || flags.size !== 0) throw invalid('signature must be bytes');
  const credential = resolveCredential(keyId);
  if (!credential) throw new CustodyError('credential_unknown', 'no such credential');
  // The registered algorithm decides; the request only has to agree.
  if (credential.algorithm !== algorithm) throw invalid('alg is not the algorithm of the credential');
  const components = componentsOf(request);
  const base = signatureBase(
    components,
    paramsOf(
      components.map(([name]) => name),
      claim,
    ),
  );
  if (!verify(credential, base, new Uint8Array(signature))) throw invalid('the signature does not verify');
  return { keyId, nonce, created, expires, credential };
}

/** @throws {CustodyError} `signature_invalid` if the request is one that {@link verifyHttpSignature} refuses. */
export async function signHttpRequest(
  request: UnsignedRequest,
  signer: RequestSigner,
  times: SignatureTimes,
): Promise<ActorRequest> {
  const { method, path, query, idempotencyKey, body } = request;
  const contentDigest = method === 'GET' || method === 'HEAD' ? '' : contentDigestOf(body);
  const digested = { method, path, query, idempotencyKey, body, contentDigest };
  const components = componentsOf(digested);
  const { created, expires, nonce } = times;
  const claim = { created, expires, nonce, keyId: signer.keyId, algorithm: signer.algorithm };
  const params = paramsOf(
    components.map(([name]) => name),
    claim,
  );
  const bytes = await signer.sign(signatureBase(components, params));
  const signed = {
    ...digested,
    signatureInput: `${label}=${params}`,
    signature: `${label}=:${base64.encode(bytes)}:`,
  };
  signatureClaim(signed);
  return signed;
}

/** The headers of a signed request, lower-case names; without those that are empty. */
export function signatureHeaders(request: ActorRequest): Record<string, string> {
  const all = {
    'content-digest': request.contentDigest,
    'idempotency-key': request.idempotencyKey,
    'signature-input': request.signatureInput,
    signature: request.signature,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}
