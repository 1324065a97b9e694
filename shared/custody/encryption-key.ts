/**
 * The key that clients seal their secrets to: Node 1's, in KMS, for at most 90 days. Each node says the same of
 * it under its identity, so that neither alone can put another key in its place; a client that pins both
 * identities needs nobody else.
 *
 * Rotation: while a key is in use, its documents are issued again with `next`, the id of the key that follows.
 * A client that knows a key accepts no other than the one announced for it.
 * @module
 */
import { p256 } from '@noble/curves/nist.js';
import { type Bytes, equalBytes, fromBase64url, toBase64url } from '../bytes.ts';
import { type Attested, type NodeName, openAttested, type Said } from '../crypto/attestation.ts';
import { encBytes, encryptionKeyId } from './secret-format.ts';

/** Longest life of an encryption key, milliseconds: 90 days. KMS has no forward secrecy; an end has. */
export const maxEncryptionKeyMs = 90 * 86_400_000;

export interface EncryptionKeyDocument extends Said {
  readonly type: 'planbok/encryption-key/v1';
  /** base64url of SHA-256 of the SubjectPublicKeyInfo. */
  readonly kid: string;
  /** base64url of the uncompressed point on P-256, 65 bytes. */
  readonly publicKey: string;
  /** Decimal epoch milliseconds. */
  readonly notBefore: string;
  readonly notAfter: string;
  /** `kid` of the key that follows; empty while there is none. */
  readonly next: string;
}

/** One document of each node. */
export type AttestedEncryptionKey = Readonly<Record<NodeName, Attested<EncryptionKeyDocument>>>;

/** What a client keeps. */
export interface PinnedEncryptionKey {
  readonly kid: string;
  /** 65 bytes. */
  readonly point: Bytes;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly next: string;
}

/** What a node attests, before it says who and when. @param point 65 bytes */
export const encryptionKeyDocument = (
  said: Pick<Said, 'node' | 'issued'>,
  { point, notBeforeMs, notAfterMs, next }: Omit<PinnedEncryptionKey, 'kid'>,
): EncryptionKeyDocument => ({
  type: 'planbok/encryption-key/v1',
  node: said.node,
  issued: said.issued,
  kid: toBase64url(encryptionKeyId(point)),
  publicKey: toBase64url(point),
  notBefore: String(notBeforeMs),
  notAfter: String(notAfterMs),
  next,
});

const members = ['type', 'node', 'issued', 'kid', 'publicKey', 'notBefore', 'notAfter', 'next'];
const decimal = /^(0|[1-9][0-9]{0,14})$/;
const kidPattern = /^[A-Za-z0-9_-]{43}$/;

function must(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(message);
}

/**
 * A document that is sound by itself: what a node checks before it attests, and a client after it has verified.
 * @throws {Error} otherwise
 */
export function readEncryptionKey(document: EncryptionKeyDocument): PinnedEncryptionKey {
  const { type, kid, publicKey, notBefore, notAfter, next } = document;
  must(type === 'planbok/encryption-key/v1', 'not an encryption key');
  must(
    Object.keys(document).every((name) => members.includes(name)),
    'an unknown member',
  );
  const point = fromBase64url(publicKey);
  must(point.length === encBytes, 'not an uncompressed point');
  p256.Point.fromBytes(point).assertValidity();
  must(equalBytes(fromBase64url(kid), encryptionKeyId(point)), 'the id is of another key');
  must(decimal.test(notBefore) && decimal.test(notAfter), 'times are decimal milliseconds');
  const [notBeforeMs, notAfterMs] = [Number(notBefore), Number(notAfter)];
  must(notAfterMs > notBeforeMs, 'a key that ends before it begins');
  must(notAfterMs - notBeforeMs <= maxEncryptionKeyMs, 'an encryption key lives at most 90 days');
  must(next === '' || (kidPattern.test(next) && next !== kid), 'next is the id of another key, or empty');
  return { kid, point, notBeforeMs, notAfterMs, next };
}

/**
 * The key, if both nodes said the same of it under these identities (DER SubjectPublicKeyInfo).
 * @throws {Error} otherwise
 */
export function openEncryptionKey(
  attested: AttestedEncryptionKey,
  identities: Readonly<Record<NodeName, Bytes>>,
): PinnedEncryptionKey {
  const [one, two] = (['node1', 'node2'] as const).map((node) =>
    readEncryptionKey(openAttested(attested[node], node, identities[node])),
  ) as [PinnedEncryptionKey, PinnedEncryptionKey];
  must(isSame(one, two) && one.next === two.next, 'the nodes do not say the same');
  return one;
}

const isSame = (a: PinnedEncryptionKey, b: PinnedEncryptionKey): boolean =>
  a.kid === b.kid && a.notBeforeMs === b.notBeforeMs && a.notAfterMs === b.notAfterMs;

/**
 * What to keep instead of `known` once `offered` was opened: the same key, perhaps with a successor announced
 * by now, or that successor. A client that was away follows the documents one by one.
 * @throws {Error} if it is neither, or takes back what was said: a longer life, another successor
 */
export function followEncryptionKey(
  known: PinnedEncryptionKey,
  offered: PinnedEncryptionKey,
): PinnedEncryptionKey {
  if (offered.kid === known.kid) {
    must(isSame(known, offered), 'the times of an encryption key do not change');
    // An older copy of the document is true, and says less.
    if (offered.next === '') return known;
    must(known.next === '' || known.next === offered.next, 'another successor was announced before');
    return offered;
  }
  must(known.next !== '' && offered.kid === known.next, 'this key was not announced');
  must(
    offered.notBeforeMs > known.notBeforeMs && offered.notAfterMs > known.notAfterMs,
    'a successor begins and ends later',
  );
  return offered;
}

/** May a client seal to this key now? */
export const isUsable = ({ notBeforeMs, notAfterMs }: PinnedEncryptionKey, nowMs: number): boolean =>
  nowMs >= notBeforeMs && nowMs <= notAfterMs;
