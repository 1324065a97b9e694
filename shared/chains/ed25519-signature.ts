/**
 * Ed25519 signatures as they come from the signers.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import type { Bytes } from '../bytes.ts';

/** RFC 8032 verification, strict about encodings as the networks are. False for whatever is not a signature. */
export function verifyEd25519(signature: Bytes, message: Bytes, publicKey: Bytes): boolean {
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false;
  }
}
