/**
 * Passkeys of members: made by an authenticator for this page's domain, and asked by this page for each
 * signature. Every signature is one gesture of a person who is recognised (PIN, fingerprint, face).
 *
 * What {@link createPasskey} returns is no secret: keep it (IndexedDB, a profile), since the statement that
 * registers the passkey does not name the id by which the browser finds it.
 * @module
 */
import { type Bytes, concat, equalBytes, fromBase64url, toBase64url, u16be } from '../shared/bytes.ts';
import { pointOfSpki } from '../shared/crypto/spki.ts';
import { CustodyError } from '../shared/errors.ts';
import { credential as credentialField } from '../shared/registry/fields.ts';
import type { RelyingParty } from '../shared/registry/relying-party.ts';
import { passkeyAlgorithm, verifyWithCredential } from '../shared/registry/statement.ts';
import {
  assertClientData,
  encodeAssertion,
  openAssertion,
  readAuthenticatorData,
  webauthnChallenge,
} from '../shared/registry/webauthn.ts';
import type { CredentialKey } from './credential.ts';
import { PlanbokError } from './errors.ts';
import { type Authenticators, browserAuthenticators, type Created, type Got } from './webauthn-api.ts';

export interface Passkey extends RelyingParty {
  /** base64url: by which its authenticator finds it. If absent, the browser lets the person choose. */
  readonly webauthnId?: string;
  /** base64url of the 65-byte uncompressed point. */
  readonly publicKey: string;
  /** How the browser may reach the authenticator: `internal`, `usb`, `hybrid`, … */
  readonly transports?: readonly string[];
}

export interface NewPasskey {
  /** `id`: this page's domain, or one above it; the name is shown to the person. */
  readonly rp: { readonly id: string; readonly name: string };
  /**
   * What the person sees when choosing among passkeys; it stays in the authenticator. `id`: 1 to 64 bytes, random
   * if absent; a passkey with the same one replaces the passkey before.
   */
  readonly user: { readonly name: string; readonly displayName: string; readonly id?: Bytes };
  /** Of all pages that shall be able to use it, 1 to 8; this page alone if absent. It cannot be changed later. */
  readonly origins?: readonly string[];
  /** `webauthnId`s of passkeys that the person has: their authenticators make no second one. */
  readonly exclude?: readonly string[];
}

export interface PasskeyOptions {
  /** How long the person may take, milliseconds; 90,000 if absent. A request is good for 120 s once it is begun. */
  readonly timeoutMs?: number;
  /** `navigator.credentials` if absent. */
  readonly authenticators?: Authenticators;
  /** For tests. */
  readonly random?: (length: number) => Bytes;
}

const usualTimeoutMs = 90_000;
/** ECDSA with SHA-256 on P-256 (RFC 9053, 2.1). */
const es256 = -7;

const failed = (message: string, cause?: unknown): PlanbokError =>
  new PlanbokError('passkey_failed', message, cause === undefined ? {} : { cause });

/** What the browser throws, in words: a refusal says no more than that it is one. */
function explained(what: string, error: unknown): PlanbokError {
  if (error instanceof PlanbokError) return error;
  if (error instanceof CustodyError) return failed(error.message, error);
  // A DOMException need not be an Error.
  const { name, message = 'the browser refused' } = (error ?? {}) as { name?: string; message?: string };
  const why = reasons[name ?? ''] ?? message;
  return failed(`${what}: ${why}`, error);
}

const reasons: Readonly<Record<string, string>> = {
  NotAllowedError: 'the person declined, or took too long',
  SecurityError: "this page is not of the passkey's domain",
  InvalidStateError: 'the authenticator has a passkey of this person already',
};

/**
 * Makes a passkey: one gesture. No attestation is asked for: nobody is told what kind of authenticator it is.
 * @throws {PlanbokError} `passkey_failed`: declined, not possible here, or not what was asked for
 */
export async function createPasskey(
  { rp, user, origins = [pageOrigin()], exclude = [] }: NewPasskey,
  {
    timeoutMs = usualTimeoutMs,
    authenticators = browserAuthenticators(),
    random = randomBytes,
  }: PasskeyOptions = {},
): Promise<Passkey> {
  const challenge = random(32);
  try {
    const created = await authenticators.create({
      publicKey: {
        rp,
        user: { name: user.name, displayName: user.displayName, id: Uint8Array.from(user.id ?? random(32)) },
        challenge: Uint8Array.from(challenge),
        pubKeyCredParams: [{ type: 'public-key', alg: es256 }],
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
        attestation: 'none',
        timeout: timeoutMs,
        excludeCredentials: exclude.map((id) => ({ type: 'public-key', id: idBytes(id) })),
      },
    });
    if (created === null) throw failed('the browser made no passkey');
    const json = new Uint8Array(created.response.clientDataJSON);
    assertClientData(json, { type: 'webauthn.create', challenge, origins });
    const passkey = { rpId: rp.id, origins: [...origins], ...madeBy(created, rp.id) };
    const { webauthnId: _, transports: __, ...registered } = passkey;
    const [problem] = credentialField.problems(
      { algorithm: passkeyAlgorithm, ...registered, scopes: [] },
      '',
    );
    if (problem !== undefined) throw failed(`${problem.pointer} ${problem.detail}`);
    return passkey;
  } catch (error) {
    throw explained('the passkey was not made', error);
  }
}

/** What the browser says of the key must be what the authenticator says. @throws {PlanbokError}, {CustodyError} */
function madeBy({ rawId, response }: Created, rpId: string) {
  if (response.getPublicKeyAlgorithm() !== es256) throw failed('the passkey is not of ES256');
  const spki = response.getPublicKey();
  if (spki === null) throw failed('the browser does not know the public key');
  const point = pointOfSpki(new Uint8Array(spki));
  const id = new Uint8Array(rawId);
  const data = readAuthenticatorData(new Uint8Array(response.getAuthenticatorData()), rpId);
  // Section 6.5.1: the authenticator's model (16 bytes, zero without attestation), the id behind its length, the key.
  const expected = concat(u16be(id.length), id, coseKey(point));
  const said = data.rest.subarray(16, 16 + expected.length);
  const ended = data.extended || data.rest.length === 16 + expected.length;
  if (!data.attested || !ended || !equalBytes(said, expected))
    throw failed('the authenticator made another key than the browser says');
  return {
    webauthnId: toBase64url(id),
    publicKey: toBase64url(point),
    transports: response.getTransports?.() ?? [],
  };
}

/** A point as COSE_Key in its one CTAP2 form (section 6.5.1.1): {1: 2, 3: -7, -1: 1, -2: x, -3: y}. */
const coseKey = (point: Bytes): Bytes =>
  concat(
    Uint8Array.of(0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20),
    point.subarray(1, 33),
    Uint8Array.of(0x22, 0x58, 0x20),
    point.subarray(33),
  );

/**
 * The passkey as a credential: everything that takes a credential takes it. Each signature asks the person, one
 * after the other; docs/api.md counts the gestures. What comes back is checked here as the nodes will.
 */
export function passkeyCredential(
  { webauthnId, publicKey, rpId, origins, transports = [] }: Passkey,
  { timeoutMs = usualTimeoutMs, authenticators }: Omit<PasskeyOptions, 'random'> = {},
): CredentialKey {
  const key = { algorithm: passkeyAlgorithm, publicKey, rpId, origins } as const;
  const allowed =
    webauthnId === undefined
      ? []
      : [{ type: 'public-key', id: idBytes(webauthnId), transports: [...transports] } as const];

  async function ask(message: Bytes): Promise<Bytes> {
    try {
      const got = await (authenticators ?? browserAuthenticators()).get({
        publicKey: {
          challenge: Uint8Array.from(webauthnChallenge(message)),
          rpId,
          allowCredentials: allowed,
          userVerification: 'required',
          timeout: timeoutMs,
        },
      });
      if (got === null) throw failed('the browser gave no assertion');
      const container = containerOf(got);
      openAssertion(key, message, container);
      if (!verifyWithCredential(key, message, container)) throw failed('it was another passkey');
      return container;
    } catch (error) {
      throw explained('the passkey did not sign', error);
    }
  }

  // A browser asks for one thing at a time, and refuses a second one meanwhile.
  let turn: Promise<unknown> = Promise.resolve();
  return {
    ...key,
    publicKey: fromBase64url(publicKey),
    sign(message) {
      const mine = turn.then(() => ask(message));
      turn = mine.catch(() => {});
      return mine;
    },
  };
}

const containerOf = ({ response }: Got): Bytes =>
  encodeAssertion({
    authenticatorData: new Uint8Array(response.authenticatorData),
    clientDataJSON: new Uint8Array(response.clientDataJSON),
    signature: new Uint8Array(response.signature),
  });

const idBytes = (id: string): Uint8Array<ArrayBuffer> => Uint8Array.from(fromBase64url(id));

const randomBytes = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length));

/** @throws {PlanbokError} where there is no page */
function pageOrigin(): string {
  const { location } = globalThis as { readonly location?: { readonly origin: string } };
  if (location === undefined) throw failed('there is no page here: name the origins');
  return location.origin;
}
