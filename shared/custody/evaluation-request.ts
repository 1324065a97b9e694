/**
 * A request for one evaluation: what the customer's device signs and seals to Node 2, so that nobody on the way
 * reads, repeats, redirects or makes one. On the wire:
 *
 *   v 1 ‖ key id 32 ‖ HPKE(info = (label, key id), aad = (label, customer), frame 1022 ‖ signature 64)
 *
 * The frame is padded: all requests have one size.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, toBase64url, u8, utf8 } from '../bytes.ts';
import { encBytes, type HpkeBinding, type HpkeOpen, hpkeSeal, sealOverhead } from '../crypto/hpke.ts';
import { pointBytes } from '../crypto/voprf.ts';
import { clockToleranceSeconds, maxLifeSeconds } from '../intent/authorisation.ts';
import { canonicalBytes } from '../intent/canonical.ts';
import { type KeyName, type Recipient, type Use, uses } from './evaluation-key.ts';
import { base64urlOf, type Fields, padDocument, unpadDocument } from './padded-document.ts';
import { labelled, pinLabels } from './pin-labels.ts';

/** What the PIN, or the answers, were given for. */
export const purposes = ['set_up', 'sign', 'export', 'change', 'recover', 'add_device'] as const;
export type Purpose = (typeof purposes)[number];

export interface EvaluationRequest extends KeyName {
  readonly type: 'planbok/evaluation-request/v1';
  /** Decimal: the version of the VOPRF key. */
  readonly version: string;
  /** The device whose key signs: of a PIN, the device that it is for. */
  readonly signer: string;
  readonly purpose: Purpose;
  /** base64url of 16 random bytes: the name of the evaluation, which a proof repeats. */
  readonly evaluation: string;
  /** base64url of the blinded element, 33 bytes. */
  readonly blinded: string;
  /** base64url of a fresh HPKE public key, 65 bytes: the answer is sealed to it. */
  readonly reply: string;
  /** base64url of 16 random bytes. */
  readonly nonce: string;
  /** Decimal epoch seconds, at most 120 apart. */
  readonly issued: string;
  readonly expires: string;
}

/** As it was opened; whether the signature is the device's is for the caller to check, over `signed`. */
export interface OpenedRequest {
  readonly request: EvaluationRequest;
  readonly signed: Bytes;
  /** 64 bytes. */
  readonly signature: Bytes;
}

const version = 1;
const idBytes = 32;
const frameBytes = 1022;
const signatureBytes = 64;
export const sealedRequestBytes = 1 + idBytes + sealOverhead + frameBytes + signatureBytes;

export const isEvaluationId = base64urlOf(16);
const decimal = (text: string): boolean => /^(?:0|[1-9][0-9]{0,14})$/.test(text);
const id = (text: string): boolean => /^[!-~]{1,80}$/.test(text);

const fields: Fields<EvaluationRequest> = {
  type: (text) => text === 'planbok/evaluation-request/v1',
  use: (text) => uses.includes(text as Use),
  customer: id,
  device: (text) => text === '' || id(text),
  version: decimal,
  signer: id,
  purpose: (text) => purposes.includes(text as Purpose),
  evaluation: isEvaluationId,
  blinded: base64urlOf(pointBytes),
  reply: base64urlOf(encBytes),
  nonce: base64urlOf(16),
  issued: decimal,
  expires: decimal,
};

const bindingOf = (keyId: Bytes, customer: string): HpkeBinding => ({
  info: labelled(pinLabels.request, keyId),
  aad: labelled(pinLabels.request, utf8(customer)),
});

const signedBytes = (request: EvaluationRequest): Bytes =>
  labelled(pinLabels.requestSignature, canonicalBytes(request));

/** SHA-256 of the canonical request, 32 bytes: what its answer is bound to. */
export const requestDigest = (request: EvaluationRequest): Bytes => sha256(canonicalBytes(request));

/** Is it of now? It lives as long as an authorisation. */
export function isFresh({ issued, expires }: EvaluationRequest, nowMs: number): boolean {
  const [from, to, now] = [Number(issued), Number(expires), nowMs / 1000];
  const short = to > from && to - from <= maxLifeSeconds;
  return short && now >= from - clockToleranceSeconds && now <= to;
}

/**
 * @param sign by the device key: 64 bytes
 * @returns {@link sealedRequestBytes} bytes
 * @throws {RangeError} on ids so long that the request does not fit
 */
export async function sealRequest(
  request: EvaluationRequest,
  sign: (message: Bytes) => Promise<Bytes>,
  { id: keyId, publicKey }: Recipient,
): Promise<Bytes> {
  const signature = await sign(signedBytes(request));
  const plaintext = concat(padDocument(request, frameBytes), signature);
  return concat(u8(version), keyId, await hpkeSeal(publicKey, bindingOf(keyId, request.customer), plaintext));
}

/**
 * @param customer as whoever brought the request says: it opens for no other
 * @param openerOf what opens requests to the key of this id (base64url), if it is one of this node's
 * @throws {Error} on anything but a well-formed request of this customer
 */
export async function openRequest(
  sealed: Bytes,
  customer: string,
  openerOf: (keyId: string) => HpkeOpen | undefined,
): Promise<OpenedRequest> {
  if (sealed.length !== sealedRequestBytes || sealed[0] !== version) throw new Error('not a request');
  const keyId = sealed.subarray(1, 1 + idBytes);
  const open = openerOf(toBase64url(keyId));
  if (open === undefined) throw new Error('sealed to another key');
  const plaintext = await open(sealed.subarray(1 + idBytes), bindingOf(keyId, customer));
  const request = unpadDocument(plaintext.subarray(0, frameBytes), frameBytes, fields);
  if (request.customer !== customer) throw new Error('of another customer');
  if (request.device !== (request.use === 'pin' ? request.signer : '')) throw new Error('of another device');
  return { request, signed: signedBytes(request), signature: plaintext.subarray(frameBytes) };
}
