/**
 * ECDSA signatures as they come from the signers: checked before anything is built from them.
 * @module
 */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { Bytes } from '../bytes.ts';
import { concat, equalBytes, fromHex, toHex } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import { type EcdsaSignature, isBytes, type Signature } from './intent.ts';

/** Low s, valid for the key, and the recovery id gives back that key. */
export function ecdsaVerifies(
  { r, s, recoveryId }: EcdsaSignature,
  digest: Bytes,
  publicKey: Bytes,
): boolean {
  if (r.length !== 32 || s.length !== 32 || (recoveryId !== 0 && recoveryId !== 1)) return false;
  try {
    const signature = secp256k1.Signature.fromBytes(concat(r, s), 'compact');
    if (signature.hasHighS()) return false;
    // Recovering the key is verifying: the R that the equation gives for it has this r.
    const recovered = signature.addRecoveryBit(recoveryId).recoverPublicKey(digest).toBytes(true);
    return equalBytes(recovered, publicKey);
  } catch {
    return false;
  }
}

/** @throws {CustodyError} `internal`: the signers returned something else than they were asked for. */
export function oneEcdsa(signatures: readonly Signature[], digest: Bytes, publicKey: Bytes): EcdsaSignature {
  const [signature] = signatures;
  if (
    signatures.length !== 1 ||
    signature === undefined ||
    isBytes(signature) ||
    !ecdsaVerifies(signature, digest, publicKey)
  )
    throw new CustodyError('internal', 'The signature does not verify');
  return signature;
}

/** r, s, v (27 or 28) as 65 bytes in 0x hex. */
export const rsvHex = ({ r, s, recoveryId }: EcdsaSignature): string =>
  `0x${toHex(concat(r, s, Uint8Array.of(27 + recoveryId)))}`;

/** The inverse of `rsvHex`; undefined if the text is not such a signature. */
export function parseRsv(hex: string): EcdsaSignature | undefined {
  if (!/^0x[0-9a-f]{128}1[bc]$/.test(hex)) return undefined;
  const bytes = fromHex(hex.slice(2));
  return { r: bytes.slice(0, 32), s: bytes.slice(32, 64), recoveryId: (bytes[64] ?? 27) - 27 };
}
