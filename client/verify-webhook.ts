/**
 * For receivers of webhooks: is this delivery of the endpoint, untouched and fresh? Needs the endpoint's public key
 * and nothing else.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { type Bytes, utf8 } from '../shared/bytes.ts';
import {
  readWebhookPublicKey,
  readWebhookSignatures,
  webhookHeaders,
  webhookSignedBytes,
  webhookToleranceSeconds,
} from '../shared/webhooks/signature.ts';
import { event } from '../shared/wire/events.ts';
import type { PlanbokEvent } from './events.ts';

/** The delivery is not to be believed. Answer with 400, and do nothing else. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
}

export interface VerifiedWebhook {
  /** The same in every attempt: what was handled under it is not handled again. */
  readonly id: string;
  /** Of this attempt, epoch seconds. */
  readonly timestamp: number;
  readonly event: PlanbokEvent;
}

/** As servers have them: `Headers`, or an object with names in any case. */
type HeadersLike = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

function headerOf(headers: HeadersLike, wanted: string): string {
  if (headers instanceof Headers) return headers.get(wanted) ?? '';
  const found = Object.entries(headers).filter(([name]) => name.toLowerCase() === wanted);
  const [value] = found.map(([, one]) => one);
  return found.length === 1 && typeof value === 'string' ? value : '';
}

/**
 * @param body as it was received, byte for byte: not parsed and written again
 * @param publicKeys `whpk_…`; several while one replaces another
 * @param nowMs of the receiver's clock: five minutes to either side are tolerated
 * @throws {WebhookError} if it is not signed by one of the keys, or not now; {TypeError} if a key is none
 */
export function verifyWebhook(
  headers: HeadersLike,
  body: string | Bytes,
  publicKeys: string | readonly string[],
  nowMs: number = Date.now(),
): VerifiedWebhook {
  const keys = (typeof publicKeys === 'string' ? [publicKeys] : publicKeys).map(readWebhookPublicKey);
  const id = headerOf(headers, webhookHeaders.id);
  const time = headerOf(headers, webhookHeaders.timestamp);
  const signatures = readWebhookSignatures(headerOf(headers, webhookHeaders.signature));
  if (!/^[A-Za-z0-9_-]{1,200}$/.test(id) || !/^[1-9]\d{0,11}$/.test(time) || signatures.length === 0)
    throw new WebhookError('the headers are not those of a webhook');
  const timestamp = Number(time);
  if (Math.abs(nowMs / 1_000 - timestamp) > webhookToleranceSeconds)
    throw new WebhookError('the delivery is too old, or the clocks differ');
  const bytes = typeof body === 'string' ? utf8(body) : body;
  const signed = webhookSignedBytes(id, timestamp, bytes);
  const holds = signatures.some((signature) =>
    keys.some((key) => ed25519.verify(signature, signed, key, { zip215: false })),
  );
  if (!holds) throw new WebhookError('the signature is not one of these keys');
  const parsed = event.safeParse(jsonOf(bytes));
  // The id is that of the event: a message under another one would be handled twice.
  if (!parsed.success || parsed.data.id !== id) throw new WebhookError('the body is not an event');
  return { id, timestamp, event: parsed.data };
}

function jsonOf(bytes: Bytes): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
