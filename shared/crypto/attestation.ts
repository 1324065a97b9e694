/**
 * What a node says of itself, so that anybody can check it offline with the node's pinned identity key:
 * a delegation (identity key, P-256 in KMS, speaks for an Ed25519 key for at most an hour) and documents
 * signed by the delegated key (address proofs, head receipts).
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { type Bytes, concat, fromBase64url, toBase64url, utf8 } from '../bytes.ts';
import { canonicalBytes, type Tagged } from '../intent/canonical.ts';
import { pointOfSpki } from './spki.ts';

export type NodeName = 'node1' | 'node2';

/** Longest life of a delegation, milliseconds. */
export const maxDelegationMs = 3_600_000;

export interface DelegationBody {
  readonly type: 'planbok/delegation/v1';
  readonly node: NodeName;
  /** base64url of the Ed25519 public key, 32 bytes. */
  readonly publicKey: string;
  /** Decimal epoch milliseconds. */
  readonly notBefore: string;
  readonly notAfter: string;
  /** base64url of the SHA-256 of the program that holds the key; empty if it is not known. */
  readonly bundle: string;
  readonly nonce: string;
}

/** Canonical JSON of a {@link DelegationBody}, and the identity key's DER signature over it. */
export interface Delegation {
  readonly signed: Bytes;
  readonly signature: Bytes;
}

/** What a node can attest: it names itself and the time, decimal epoch milliseconds. */
export interface Said extends Tagged {
  readonly node: NodeName;
  readonly issued: string;
}

/** A document with a node's word for it. Bytes are base64url. */
export interface Attested<D extends Said = Said> {
  readonly document: D;
  readonly delegation: { readonly signed: string; readonly signature: string };
  readonly signature: string;
}

/** Did the identity key sign this delegation? */
export function verifyDelegation({ signed, signature }: Delegation, identity: Bytes): boolean {
  try {
    // Low-s is not required: KMS returns either, and nothing here is identified by its signature.
    return p256.verify(signature, signed, pointOfSpki(identity), { format: 'der', lowS: false });
  } catch {
    return false;
  }
}

/**
 * The body of a delegation whose signature was verified, if `atMs` lies within its hour.
 * @throws {Error} otherwise.
 */
export function delegationAt({ signed }: Delegation, atMs: number): DelegationBody {
  const body = JSON.parse(new TextDecoder().decode(signed)) as DelegationBody;
  const [from, to] = [Number(body.notBefore), Number(body.notAfter)];
  if (body.type !== 'planbok/delegation/v1') throw new Error('not a delegation');
  if (!(to > from && to - from <= maxDelegationMs)) throw new Error('a delegation lives at most an hour');
  if (!(atMs >= from && atMs <= to)) throw new Error('the delegation was not valid at that time');
  return body;
}

const attestedBytes = (document: Tagged): Bytes =>
  concat(utf8('planbok/attested/v1\0'), canonicalBytes(document));

/** Signs a document with the delegated key. */
export function attest<D extends Said>(
  document: D,
  delegation: Delegation,
  sign: (m: Bytes) => Bytes,
): Attested<D> {
  return {
    document,
    delegation: { signed: toBase64url(delegation.signed), signature: toBase64url(delegation.signature) },
    signature: toBase64url(sign(attestedBytes(document))),
  };
}

/**
 * The document, if `node` said it under this identity at the time it names as `issued`.
 * @throws {Error} otherwise.
 */
export function openAttested<D extends Said>(attested: Attested<D>, node: NodeName, identity: Bytes): D {
  const { document } = attested;
  if (document.node !== node) throw new Error(`not said by ${node}`);
  const delegation = {
    signed: fromBase64url(attested.delegation.signed),
    signature: fromBase64url(attested.delegation.signature),
  };
  if (!verifyDelegation(delegation, identity)) throw new Error('not delegated by the pinned identity');
  const body = delegationAt(delegation, Number(document.issued));
  if (body.node !== node) throw new Error('the delegation is of the other node');
  const signature = fromBase64url(attested.signature);
  if (!ed25519.verify(signature, attestedBytes(document), fromBase64url(body.publicKey), { zip215: false }))
    throw new Error('the signature does not verify');
  return document;
}
