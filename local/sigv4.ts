/**
 * Who calls a local service: verifies the AWS Signature Version 4 of a request, as the real services do,
 * so that one account's processes cannot use the other account's keys and tables.
 * Source: AWS General Reference, "Create a signed AWS API request".
 * @module
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** A credential of one local account. Its form, `localAccessKey`, is one that AWS never issues. */
export interface LocalCredential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const maxSkewMs = 15 * 60_000;

/** Headers that must be signed: where, when, and what is asked. */
const required = ['host', 'x-amz-date', 'x-amz-target'];

/** Why a request is refused, in AWS's own words for it. */
export type Refusal =
  | 'MissingAuthenticationTokenException'
  | 'IncompleteSignatureException'
  | 'UnrecognizedClientException'
  | 'InvalidSignatureException';

const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: Uint8Array | string, data: string): Uint8Array =>
  createHmac('sha256', key).update(data).digest();

const form =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;

/** `20261120T094500Z` as epoch milliseconds; NaN if it is anything else. */
function parseAmzDate(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!parts) return Number.NaN;
  const [, year, month, day, hour, minute, second] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/**
 * Undefined if the request was signed, whole, with this account's credential for this service.
 * @param body the request's body, which the signature covers
 */
export function refusalOf(
  request: Pick<IncomingMessage, 'method' | 'url' | 'headers'>,
  body: Uint8Array,
  service: 'dynamodb' | 'kms',
  credential: LocalCredential,
  nowMs: number,
): Refusal | undefined {
  const { authorization } = request.headers;
  if (authorization === undefined) return 'MissingAuthenticationTokenException';
  const parts = form.exec(authorization);
  if (!parts) return 'IncompleteSignatureException';
  const [, keyId, date = '', region = '', signedFor, list = '', signature = ''] = parts;
  if (keyId !== credential.accessKeyId) return 'UnrecognizedClientException';
  const names = list.split(';');
  if (!required.every((name) => names.includes(name))) return 'IncompleteSignatureException';
  const time = String(request.headers['x-amz-date']);
  const scope = `${date}/${region}/${service}/aws4_request`;
  if (signedFor !== service || !time.startsWith(date)) return 'InvalidSignatureException';
  if (!(Math.abs(parseAmzDate(time) - nowMs) <= maxSkewMs)) return 'InvalidSignatureException';

  const headers = names.map((name) => {
    const value = request.headers[name];
    return `${name}:${String(value).trim().replace(/\s+/g, ' ')}\n`;
  });
  // The services of this protocol have one path and no query; anything else is not theirs.
  if (request.method !== 'POST' || request.url !== '/') return 'InvalidSignatureException';
  const canonical = ['POST', '/', '', headers.join(''), list, sha256(body)].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  const key = [region, service, 'aws4_request'].reduce<Uint8Array>(
    hmac,
    hmac(`AWS4${credential.secretAccessKey}`, date),
  );
  const expected = hmac(key, toSign);
  return timingSafeEqual(expected, Buffer.from(signature, 'hex')) ? undefined : 'InvalidSignatureException';
}
