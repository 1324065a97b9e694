/**
 * NEAR has no engine that starts without a download. Two other implementations judge instead: the Borsh of
 * NEAR's own library (@near-js/transactions) reads the signed transaction, and node:crypto (OpenSSL) verifies
 * the signature.
 * @module
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { decodeSignedTransaction, encodeTransaction } from '@near-js/transactions';
import { base58, base64 } from '@scure/base';
import type { Bytes } from '#shared/bytes.ts';

/** Ed25519 by OpenSSL. */
export function opensslVerifies(signature: Bytes, message: Bytes, publicKey: Bytes): boolean {
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
  return verify(null, message, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature);
}

interface NearVerdict {
  readonly accepted: boolean;
  readonly signerId: string;
  readonly receiverId: string;
  /** Base58, as the network names the transaction. */
  readonly hash: string;
}

/** @param signed base64 of the Borsh `SignedTransaction`. */
export function nearVerdict(signed: string): NearVerdict {
  try {
    const { transaction, signature } = decodeSignedTransaction(base64.decode(signed));
    const { signerId, receiverId, publicKey } = transaction;
    const digest = Uint8Array.from(createHash('sha256').update(encodeTransaction(transaction)).digest());
    const key = Uint8Array.from(publicKey.ed25519Key?.data ?? []);
    const accepted = opensslVerifies(Uint8Array.from(signature.ed25519Signature?.data ?? []), digest, key);
    return { accepted, signerId, receiverId, hash: base58.encode(digest) };
  } catch {
    return { accepted: false, signerId: '', receiverId: '', hash: '' };
  }
}
