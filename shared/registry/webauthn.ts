/**
 * Passkeys: a WebAuthn assertion in place of a signature. An authenticator signs no message of ours; it signs
 * its own data and the hash of what the browser says, which holds a challenge:
 *
 *   challenge = SHA-256(planbok/webauthn-challenge/v1 ‖ 0 ‖ message)
 *   signed    = authenticatorData ‖ SHA-256(clientDataJSON)      clientDataJSON names challenge and origin
 *
 * The message is exactly what the other kinds of credentials sign, so an assertion covers what they cover. What
 * travels as the signature is all three parts, each behind its length:
 *
 *   1 ‖ I2(n) ‖ authenticatorData ‖ I2(n) ‖ clientDataJSON ‖ I2(n) ‖ ECDSA signature, DER
 *
 * Source: Web Authentication Level 3, sections 6.1 (authenticator data), 5.8.1 (client data), 7.2 (verifying).
 * @module
 */
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, equalBytes, toBase64url, u8, u16be, utf8 } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import { parseJson } from '../wire/json.ts';
import type { RelyingParty } from './relying-party.ts';

/** Of a container; the usual one has about 300 bytes. */
export const maxAssertionBytes = 2_048;
const maxClientDataBytes = 1_024;
const version = 1;

/** What an authenticator and its browser give (`AuthenticatorAssertionResponse`). */
export interface Assertion {
  readonly authenticatorData: Bytes;
  readonly clientDataJSON: Bytes;
  /** ECDSA on P-256 with SHA-256, DER. */
  readonly signature: Bytes;
}

const refuse = (why: string, cause?: unknown): never => {
  throw new CustodyError('signature_invalid', `passkey: ${why}`, cause === undefined ? undefined : { cause });
};

/** 32 bytes: what an authenticator is asked to sign for a message. */
export const webauthnChallenge = (message: Bytes): Bytes =>
  sha256(concat(utf8('planbok/webauthn-challenge/v1\0'), message));

export const encodeAssertion = ({ authenticatorData, clientDataJSON, signature }: Assertion): Bytes =>
  concat(
    u8(version),
    ...[authenticatorData, clientDataJSON, signature].flatMap((part) => [u16be(part.length), part]),
  );

/** @throws {CustodyError} `signature_invalid` on anything but what {@link encodeAssertion} makes */
function decodeAssertion(container: Bytes): Assertion {
  if (container.length > maxAssertionBytes) refuse(`at most ${maxAssertionBytes} bytes`);
  if (container[0] !== version) refuse('this version is not known');
  let at = 1;
  const part = (): Bytes => {
    const length = ((container[at] ?? 0) << 8) | (container[at + 1] ?? 0);
    const bytes = container.subarray(at + 2, at + 2 + length);
    at += 2 + length;
    return bytes;
  };
  const [authenticatorData, clientDataJSON, signature] = [part(), part(), part()];
  // A part that was cut short, or bytes behind the last one.
  if (at !== container.length) refuse('the lengths do not add up');
  return { authenticatorData, clientDataJSON, signature };
}

const flag = {
  present: 0x01,
  verified: 0x04,
  eligible: 0x08,
  backedUp: 0x10,
  attested: 0x40,
  extended: 0x80,
};

export interface AuthenticatorData {
  /**
   * Read and not relied on: synced passkeys always say 0, each node sees only some of the assertions and in
   * another order than they were made, and what makes a request single-use is its nonce.
   */
  readonly signCount: number;
  /** Attested credential data: of a passkey that was just made. */
  readonly attested: boolean;
  /** Outputs of extensions. */
  readonly extended: boolean;
  /** What follows the 37 bytes that are always there. */
  readonly rest: Bytes;
}

/**
 * Somebody was there and was recognised (PIN, fingerprint, face), for this relying party.
 * @throws {CustodyError} `signature_invalid` with what is wrong
 */
export function readAuthenticatorData(data: Bytes, rpId: string): AuthenticatorData {
  if (data.length < 37) refuse('the authenticator data is cut short');
  if (!equalBytes(data.subarray(0, 32), sha256(utf8(rpId)))) refuse('it was made for another relying party');
  const flags = data[32] as number;
  const has = (bit: number): boolean => (flags & bit) !== 0;
  if (!has(flag.present)) refuse('nobody was present');
  if (!has(flag.verified)) refuse('the authenticator did not verify who was present');
  if (has(flag.backedUp) && !has(flag.eligible)) refuse('backed up, and not eligible for backup');
  return {
    signCount: new DataView(data.buffer, data.byteOffset).getUint32(33),
    attested: has(flag.attested),
    extended: has(flag.extended),
    rest: data.subarray(37),
  };
}

/**
 * A browser's word that a page of one of the origins asked for this, in no other page's frame. Members that
 * are not known are ignored, as section 5.8.1 demands.
 * @throws {CustodyError} `signature_invalid` with what is wrong
 */
export function assertClientData(
  json: Bytes,
  expected: {
    readonly type: 'webauthn.create' | 'webauthn.get';
    readonly challenge: Bytes;
    readonly origins: readonly string[];
  },
): void {
  const said = clientDataOf(json);
  if (said.get('type') !== expected.type) refuse(`the type is not ${expected.type}`);
  if (said.get('challenge') !== toBase64url(expected.challenge)) refuse('it is for another message');
  if (!(expected.origins as readonly unknown[]).includes(said.get('origin')))
    refuse('it is of another origin');
  // Some browsers leave it out where it is false.
  if (said.has('crossOrigin') && said.get('crossOrigin') !== false) refuse('it was asked for in a frame');
  if (said.has('topOrigin')) refuse('it was asked for in a frame');
}

function clientDataOf(json: Bytes): ReadonlyMap<string, unknown> {
  try {
    const parsed = parseJson(json, maxClientDataBytes);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return new Map<string, unknown>(Object.entries(parsed));
  } catch (cause) {
    return refuse('the client data is not what a browser writes', cause);
  }
  return refuse('the client data is no object');
}

/**
 * Everything that section 7.2 asks of an assertion but the equation of ECDSA, which is left to whoever has
 * the fastest implementation: `signature` (r‖s, 64 bytes, any s) has to be one over `signed` by the passkey.
 * @throws {CustodyError} `signature_invalid` with what is wrong
 */
export function openAssertion(
  { rpId, origins }: RelyingParty,
  message: Bytes,
  container: Bytes,
): { readonly signed: Bytes; readonly signature: Bytes } {
  const { authenticatorData, clientDataJSON, signature } = decodeAssertion(container);
  const challenge = webauthnChallenge(message);
  assertClientData(clientDataJSON, { type: 'webauthn.get', challenge, origins });
  const { attested, extended, rest } = readAuthenticatorData(authenticatorData, rpId);
  // Nobody asked for extensions.
  if (attested || extended || rest.length > 0)
    refuse('the authenticator data has more than an assertion has');
  return { signed: concat(authenticatorData, sha256(clientDataJSON)), signature: compactOf(signature) };
}

/** From DER in its one form, with r and s in 1..n-1. */
function compactOf(der: Bytes): Bytes {
  try {
    return p256.Signature.fromBytes(der, 'der').toBytes('compact');
  } catch (cause) {
    return refuse('the signature is not DER of two numbers below the order', cause);
  }
}
