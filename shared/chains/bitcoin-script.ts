/**
 * Bitcoin addresses of the two kinds of wallet: P2WPKH (BIP-84 style) and P2TR with the tweak of BIP-86.
 * @module
 */
import { NETWORK, p2tr, p2wpkh, TEST_NETWORK } from '@scure/btc-signer';
import type { Bytes } from '../bytes.ts';
import { CustodyError } from '../errors.ts';

/** Prefix of segwit addresses: mainnet, testnets, regtest. */
export type BitcoinNetwork = 'bc' | 'tb' | 'bcrt';

/** Base58 versions and Bech32 prefix, as @scure/btc-signer wants them. */
export const networkOf = (network: BitcoinNetwork): typeof NETWORK =>
  network === 'bc' ? NETWORK : { ...TEST_NETWORK, bech32: network };

export interface Lock {
  readonly script: Bytes;
  readonly address: string;
}

/**
 * @param publicKey 33 bytes; for P2TR the internal key, of which the x-coordinate counts.
 * @throws {CustodyError} `request_invalid` unless it is a point.
 */
export function lockOf(network: BitcoinNetwork, type: 'p2wpkh' | 'p2tr', publicKey: Bytes): Lock {
  try {
    const net = networkOf(network);
    const { script, address } =
      type === 'p2tr' ? p2tr(publicKey.slice(1), undefined, net) : p2wpkh(publicKey, net);
    if (address === undefined) throw new Error('no address');
    return { script, address };
  } catch (cause) {
    throw new CustodyError('request_invalid', 'Not a secp256k1 public key', { cause });
  }
}

export const bitcoinAddress = (network: BitcoinNetwork, type: 'p2wpkh' | 'p2tr', publicKey: Bytes): string =>
  lockOf(network, type, publicKey).address;
