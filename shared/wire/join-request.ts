/**
 * A request to join, as text: signed by the key that asks, and worth nothing by itself. Whoever may add members
 * compares its fingerprint with what the person reads out. Node 1 may carry it, and only looks whether it is one.
 * @module
 */
import * as z from 'zod';
import { type Bytes, concat, fromBase64url, toBase32, toBase64url, utf8 } from '../bytes.ts';
import { canonicalBytes, digestOf } from '../intent/canonical.ts';
import { type PublicKey, verifyWithCredential } from '../registry/statement.ts';

const schema = z.object({
  type: z.literal('planbok/join-request/v1'),
  organization: z.string(),
  name: z.string(),
  key: z.looseObject({ algorithm: z.string(), publicKey: z.string() }),
  /** As whoever asks has them: what their client will check everything against. */
  identities: z.object({ node1: z.string(), node2: z.string() }),
  /** base64url of 16 random bytes. */
  nonce: z.string(),
});
const signedSchema = z.object({ request: schema, signature: z.string() });
export type JoinRequestDocument = Readonly<z.infer<typeof schema>>;

/** Longest text: with the assertion of a passkey. */
export const mostJoinRequestCharacters = 8_192;

const prefix = 'planbok-join-request-';

/** What the key that asks signs. */
export const joinRequestBytes = (request: JoinRequestDocument): Bytes =>
  concat(utf8('planbok/join-request-signature/v1\0'), canonicalBytes(request));

/** SHA-256 of the whole request, 32 bytes. */
export const joinRequestDigest = (request: JoinRequestDocument): Bytes => digestOf(request);

/** 100 bits of that hash, also of what the asker takes the nodes to be: five groups of four of `a-z2-7`. */
export const fingerprintOf = (request: JoinRequestDocument): string =>
  (toBase32(joinRequestDigest(request)).slice(0, 20).match(/.{4}/g) ?? []).join('-');

export const keyOf = ({ key }: JoinRequestDocument): PublicKey => key as unknown as PublicKey;

/** @param signature base64url over {@link joinRequestBytes} */
export const formatJoinRequest = (request: JoinRequestDocument, signature: string): string =>
  `${prefix}${toBase64url(utf8(JSON.stringify({ request, signature })))}`;

/** A request that somebody holds the key of. @throws {TypeError} if it is none */
export function parseJoinRequest(text: string): JoinRequestDocument {
  const encoded = text.trim();
  if (!encoded.startsWith(prefix) || encoded.length > mostJoinRequestCharacters)
    throw new TypeError('this is no request to join');
  let signed: z.infer<typeof signedSchema>;
  let holds: boolean;
  try {
    const json = new TextDecoder('utf-8', { fatal: true }).decode(
      fromBase64url(encoded.slice(prefix.length)),
    );
    signed = signedSchema.parse(JSON.parse(json));
    const { request, signature } = signed;
    holds = verifyWithCredential(keyOf(request), joinRequestBytes(request), fromBase64url(signature));
  } catch (cause) {
    throw new TypeError('this is no request to join', { cause });
  }
  if (!holds) throw new TypeError('the request is not signed by the key that it names');
  return signed.request;
}
