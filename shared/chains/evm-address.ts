/**
 * Ethereum addresses: Keccak-256 of the uncompressed key, written with the checksum of EIP-55.
 * @module
 */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import type { Bytes } from '../bytes.ts';
import { toHex, utf8 } from '../bytes.ts';

/** EIP-55 form of 40 hex digits in any case. */
export function checksummed(digits: string): `0x${string}` {
  const lower = digits.toLowerCase();
  const hash = toHex(keccak_256(utf8(lower)));
  let out = '';
  for (let i = 0; i < lower.length; i++) {
    const c = lower[i] ?? '';
    out += Number.parseInt(hash[i] ?? '0', 16) >= 8 ? c.toUpperCase() : c;
  }
  return `0x${out}`;
}

/** @param publicKey 33 bytes that are a point. */
export const evmAddress = (publicKey: Bytes): `0x${string}` =>
  checksummed(toHex(keccak_256(secp256k1.Point.fromBytes(publicKey).toBytes(false).slice(1)).slice(12)));
