/**
 * What a webhook signature covers, and how keys and signatures are written: Standard Webhooks 1.0.0, asymmetric
 * scheme (`v1a`, Ed25519).
 * @module
 */
import { base64 } from '@scure/base';
import { type Bytes, concat, utf8 } from '../bytes.ts';

/** Headers of a delivery. `webhook-signature` is a list between spaces: of several keys while one replaces another. */
export const webhookHeaders = {
  id: 'webhook-id',
  timestamp: 'webhook-timestamp',
  signature: 'webhook-signature',
} as const;

/** How far a delivery's time may be from the receiver's clock, seconds. */
export const webhookToleranceSeconds = 300;

/** @param id without full stops, which separate the parts @param timestamp epoch seconds, of this attempt */
export function webhookSignedBytes(id: string, timestamp: number, body: Bytes): Bytes {
  if (!/^[A-Za-z0-9_-]+$/.test(id)) throw new TypeError('not an id of a message');
  return concat(utf8(`${id}.${timestamp}.`), body);
}

const keyPrefix = 'whpk_';
const signaturePrefix = 'v1a,';

export const webhookPublicKey = (publicKey: Bytes): string => keyPrefix + base64.encode(publicKey);

/** 32 bytes. @throws {TypeError} */
export function readWebhookPublicKey(text: string): Bytes {
  try {
    const bytes = base64.decode(text.slice(keyPrefix.length));
    if (text.startsWith(keyPrefix) && bytes.length === 32) return bytes;
  } catch {
    // Not base64: no key either.
  }
  throw new TypeError('not a public key of webhooks (whpk_…)');
}

export const webhookSignature = (signature: Bytes): string => signaturePrefix + base64.encode(signature);

/** The signatures of this scheme, 64 bytes each; what is of another one, or of none, is left out. */
export function readWebhookSignatures(header: string): Bytes[] {
  return header.split(' ').flatMap((text) => {
    try {
      const bytes = base64.decode(text.slice(signaturePrefix.length));
      return text.startsWith(signaturePrefix) && bytes.length === 64 ? [bytes] : [];
    } catch {
      return [];
    }
  });
}
