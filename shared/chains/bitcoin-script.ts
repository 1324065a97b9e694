/**
 * Bitcoin addresses of the two kinds of wallet: P2WPKH (BIP-84 style) and P2TR with the tweak of BIP-86.
 * @module
 */
import { NETWORK, p2tr, p2wpkh, TEST_NETWORK } from '@scure/btc-signer';
import type { Bytes } from '../bytes.ts';

/** Prefix of segwit addresses: mainnet, testnets, regtest. */
export type BitcoinNetwork = 'bc' | 'tb' | 'bcrt';

/** Base58 versions and Bech32 prefix, as @scure/btc-signer wants them. */
export const networkOf = (network: BitcoinNetwork): typeof NETWORK =>
  network === 'bc' ? NETWORK : { ...TEST_NETWORK, bech32: network };

interface Lock {
  readonly script: Bytes;
  readonly address: string;
}

/** @param publicKey 33 bytes that are a point; for P2TR the internal key, of which the x-coordinate counts. */
export function lockOf(network: BitcoinNetwork, type: 'p2wpkh' | 'p2tr', publicKey: Bytes): Lock {
  const net = networkOf(network);
  const { script, address } =
    type === 'p2tr' ? p2tr(publicKey.slice(1), undefined, net) : p2wpkh(publicKey, net);
  if (address === undefined) throw new Error('a witness script has an address');
  return { script, address };
}

export const bitcoinAddress = (network: BitcoinNetwork, type: 'p2wpkh' | 'p2tr', publicKey: Bytes): string =>
  lockOf(network, type, publicKey).address;
