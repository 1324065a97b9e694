/**
 * Account keys for watch-only wallets.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { createBase58check } from '@scure/base';
import { type Bytes, concat, fromHex } from '../bytes.ts';

const base58check = createBase58check(sha256);

/**
 * The account key as a BIP-32 extended public key (mainnet `xpub`) of depth 0: any BIP-32 wallet derives the
 * same addresses from it. With it, one derived private key is enough for the account's private key.
 * @param Q 33 bytes, compressed  @param cc chain code, 32 bytes
 */
export const exportXpub = (Q: Bytes, cc: Bytes): string =>
  base58check.encode(concat(fromHex('0488b21e'), new Uint8Array(9), cc, Q));
