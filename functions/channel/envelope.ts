/**
 * The signed envelope around everything that one node says to the other. It is verified before its body is
 * parsed; one that does not verify is dropped and can change nothing: above all, it never locks a key.
 * @module
 */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, concat, equalBytes, fromBase64url, toBase64url, utf8 } from '#shared/bytes.ts';
import {
  type Delegation,
  type DelegationBody,
  delegationAt,
  type NodeName,
  verifyDelegation,
} from '#shared/crypto/attestation.ts';
import { spkiOfEd25519 } from '#shared/crypto/spki.ts';
import { type Signed, SignedSchema } from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { recent } from '../recent.ts';
import type { Voice } from './identity.ts';

/** How old an envelope may be, and how far ahead its sender's clock, milliseconds. */
const maxAgeMs = 60_000;

/** The envelope is not one: not authentic, not for us, not now. Nothing happened. */
export class Dropped extends Error {
  override readonly name = 'Dropped';
}

/** `signed` is a serialized Signed; `signature` 64 bytes. */
export interface Envelope {
  readonly signed: Bytes;
  readonly signature: Bytes;
}

/** What sender and receiver must agree on besides the body. */
export interface EnvelopeHead {
  readonly from: NodeName;
  readonly to: NodeName;
  readonly method: string;
  /** 16 bytes. */
  readonly session: Bytes;
  readonly step: number;
}

export interface EnvelopeContent {
  readonly body?: Bytes;
  readonly error?: { readonly code: string; readonly detail: string };
  /** Answers: SHA-256 of the `signed` bytes of the request. */
  readonly answers?: Bytes;
  /** Requests: SHA-256 of the sender's TLS key. */
  readonly tlsKeyHash?: Bytes;
}

export const hashOf = (bytes: Bytes): Bytes => new Uint8Array(createHash('sha256').update(bytes).digest());

const signatureInput = (signed: Bytes): Bytes => concat(utf8('planbok/envelope/v1\0'), signed);

/** A sealed envelope, and the hash that its answer must carry. */
export function sealEnvelope(
  voice: Voice,
  head: EnvelopeHead,
  content: EnvelopeContent,
  nowMs: number,
): { readonly envelope: Envelope; readonly digest: Bytes } {
  const signed = toBinary(
    SignedSchema,
    create(SignedSchema, {
      version: 1,
      ...head,
      answers: content.answers ?? new Uint8Array(),
      tlsKeyHash: content.tlsKeyHash ?? new Uint8Array(),
      delegation: voice.delegation,
      issuedMs: BigInt(nowMs),
      body: content.body ?? new Uint8Array(),
      errorCode: content.error?.code ?? '',
      errorDetail: content.error?.detail ?? '',
    }),
  );
  const signature = voice.sign(signatureInput(signed));
  return { envelope: { signed, signature }, digest: hashOf(signed) };
}

/**
 * The content of an authentic envelope, and its hash.
 * @param identity the sender's pinned P-256 identity key, DER SubjectPublicKeyInfo
 * @throws {Dropped} on anything else
 */
export function openEnvelope(
  { signed, signature }: Envelope,
  expected: Partial<EnvelopeHead> & Pick<EnvelopeHead, 'from' | 'to' | 'method'>,
  identity: Bytes,
  nowMs: number,
): { readonly content: Signed; readonly digest: Bytes } {
  try {
    const content = fromBinary(SignedSchema, signed);
    if (content.delegation === undefined) throw new Dropped('no delegation');
    const delegation = openPeerDelegation(content.delegation, identity, nowMs);
    if (delegation.node !== expected.from) throw new Dropped('the delegation is of another node');
    const key = ed25519Key(delegation.publicKey);
    if (!verify(null, signatureInput(signed), key, signature))
      throw new Dropped('the signature does not verify');
    assertHead(content, expected);
    if (Math.abs(Number(content.issuedMs) - nowMs) > maxAgeMs) throw new Dropped('not of this minute');
    return { content, digest: hashOf(signed) };
  } catch (cause) {
    throw cause instanceof Dropped ? cause : new Dropped('not an envelope', { cause });
  }
}

/**
 * By identity key, the delegation whose P-256 signature was verified last: a peer's is the same for most of
 * an hour.
 */
const verified = new Map<string, Delegation>();

function openPeerDelegation(delegation: Delegation, identity: Bytes, nowMs: number): DelegationBody {
  const peer = toBase64url(identity);
  const known = verified.get(peer);
  const same =
    known !== undefined &&
    equalBytes(known.signed, delegation.signed) &&
    equalBytes(known.signature, delegation.signature);
  if (!same) {
    if (!verifyDelegation(delegation, identity)) throw new Dropped('not delegated by the pinned identity');
    verified.set(peer, delegation);
  }
  return delegationAt(delegation, nowMs);
}

function assertHead(content: Signed, expected: Partial<EnvelopeHead>): void {
  if (content.version !== 1) throw new Dropped('another version');
  if (content.session.length !== 16) throw new Dropped('no session');
  for (const name of ['from', 'to', 'method', 'step'] as const)
    if (expected[name] !== undefined && content[name] !== expected[name])
      throw new Dropped(`another ${name}`);
  if (expected.session !== undefined && !equalBytes(content.session, expected.session))
    throw new Dropped('another session');
}

/** Of the few keys that a peer speaks with. */
const ed25519Key = recent(4, (publicKey: string): KeyObject => {
  const raw = fromBase64url(publicKey);
  if (raw.length !== 32) throw new Dropped('not a key');
  return createPublicKey({ key: Buffer.from(spkiOfEd25519(raw)), format: 'der', type: 'spki' });
});
