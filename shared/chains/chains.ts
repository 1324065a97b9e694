/**
 * The blockchains as data: short alias, CAIP-2 id, curve, native coin, branch of the wallet's path; and the
 * address of a derived public key.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { base58 } from '@scure/base';
import type { Bytes } from '../bytes.ts';
import { toHex } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import { type BitcoinNetwork, bitcoinAddress } from './bitcoin-script.ts';
import { evmAddress } from './evm-address.ts';

export type Family = 'evm' | 'bitcoin' | 'solana' | 'near';
export type Curve = 'secp256k1' | 'ed25519';
/** How a Bitcoin wallet locks its coins. The other families have one way only. */
export type AddressType = 'p2wpkh' | 'p2tr';

export interface ChainInfo {
  readonly name: string;
  readonly family: Family;
  readonly curve: Curve;
  /** CAIP-2. */
  readonly caip2: string;
  /** Symbol of the native coin. */
  readonly unit: string;
  /** Decimal places between the coin and its smallest unit. */
  readonly decimals: number;
  /** SLIP-44 coin type of the native coin, for its CAIP-19 name. */
  readonly slip44: number;
  readonly testnet: boolean;
  /** First component of the path under the account key; a P2TR wallet has branch 86 instead. */
  readonly branch: number;
  /** EVM rollups that charge for data on Ethereum beside gas: no transaction bounds that part of its fee. */
  readonly dataFee?: boolean;
  /** Bitcoin only: the prefix of its addresses. */
  readonly network?: BitcoinNetwork;
}

const evm = (name: string, chainId: number, unit = 'ETH', slip44 = 60, testnet = false): ChainInfo => ({
  name,
  family: 'evm',
  curve: 'secp256k1',
  caip2: `eip155:${chainId}`,
  unit,
  decimals: 18,
  slip44: testnet ? 1 : slip44,
  testnet,
  branch: 44,
});

const bitcoin = (name: string, genesis: string, network: BitcoinNetwork): ChainInfo => ({
  name,
  family: 'bitcoin',
  curve: 'secp256k1',
  caip2: `bip122:${genesis}`,
  unit: 'BTC',
  decimals: 8,
  slip44: network === 'bc' ? 0 : 1,
  testnet: network !== 'bc',
  branch: 84,
  network,
});

const solana = (name: string, genesis: string, testnet: boolean): ChainInfo => ({
  name,
  family: 'solana',
  curve: 'ed25519',
  caip2: `solana:${genesis}`,
  unit: 'SOL',
  decimals: 9,
  slip44: 501,
  testnet,
  branch: 501,
});

const near = (name: string, network: string, testnet: boolean): ChainInfo => ({
  name,
  family: 'near',
  curve: 'ed25519',
  caip2: `near:${network}`,
  unit: 'NEAR',
  decimals: 24,
  slip44: 397,
  testnet,
  branch: 397,
});

const table = {
  ETH: evm('Ethereum', 1),
  'ETH-SEPOLIA': evm('Ethereum Sepolia', 11155111, 'ETH', 60, true),
  'ETH-LOCAL': evm('Ethereum (local)', 31337, 'ETH', 60, true),
  BASE: { ...evm('Base', 8453), dataFee: true },
  'BASE-SEPOLIA': { ...evm('Base Sepolia', 84532, 'ETH', 60, true), dataFee: true },
  ARB: evm('Arbitrum One', 42161),
  OP: { ...evm('OP Mainnet', 10), dataFee: true },
  POLYGON: evm('Polygon', 137, 'POL', 966),
  BNB: evm('BNB Smart Chain', 56, 'BNB', 714),
  AVAX: evm('Avalanche C-Chain', 43114, 'AVAX', 9005),
  GNOSIS: evm('Gnosis', 100, 'XDAI', 700),
  LINEA: evm('Linea', 59144),
  SCROLL: { ...evm('Scroll', 534352), dataFee: true },
  BTC: bitcoin('Bitcoin', '000000000019d6689c085ae165831e93', 'bc'),
  'BTC-TESTNET': bitcoin('Bitcoin Testnet', '000000000933ea01ad0ee984209779ba', 'tb'),
  'BTC-REGTEST': bitcoin('Bitcoin (regtest)', '0f9188f13cb7b2c71f2a335e3a4fc328', 'bcrt'),
  SOL: solana('Solana', '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp', false),
  'SOL-DEVNET': solana('Solana Devnet', 'EtWTRABZaYq6iMfeYKouRu166VU2xqa1', true),
  NEAR: near('NEAR', 'mainnet', false),
  'NEAR-TESTNET': near('NEAR Testnet', 'testnet', true),
} as const satisfies Record<string, ChainInfo>;

export type Blockchain = keyof typeof table;
export const blockchains: Readonly<Record<Blockchain, ChainInfo>> = table;

export const isBlockchain = (name: unknown): name is Blockchain =>
  typeof name === 'string' && Object.hasOwn(table, name);

/** @throws {CustodyError} `blockchain_unsupported` */
export function chainInfo(name: unknown): ChainInfo {
  if (!isBlockchain(name))
    throw new CustodyError(
      'blockchain_unsupported',
      `no such blockchain: ${JSON.stringify(name)?.slice(0, 40)}; one of ${Object.keys(table).join(', ')}`,
    );
  return blockchains[name];
}

/** CAIP-19 name of the native coin. */
export const nativeAsset = (chain: ChainInfo): string => `${chain.caip2}/slip44:${chain.slip44}`;

/** @throws {CustodyError} `request_invalid` if the address type does not exist on this chain. */
function typeFor(chain: ChainInfo, addressType: AddressType | undefined): AddressType | undefined {
  if (chain.family === 'bitcoin') {
    const type = addressType ?? 'p2wpkh';
    if (type !== 'p2wpkh' && type !== 'p2tr')
      throw new CustodyError('request_invalid', 'The address type of a Bitcoin wallet is p2wpkh or p2tr');
    return type;
  }
  if (addressType !== undefined)
    throw new CustodyError('request_invalid', 'Only Bitcoin wallets have an address type');
  return undefined;
}

/**
 * Path of a wallet under the account key: `m/44/0/i` for every EVM chain (one address on all of them),
 * `m/84/0/i` P2WPKH, `m/86/0/i` P2TR, `m/501/0/i` Solana, `m/397/0/i` NEAR. Nothing is hardened.
 * @throws {CustodyError} `blockchain_unsupported`, `request_invalid`
 */
export function walletPath(chain: Blockchain, addressType: AddressType | undefined, index: number): string {
  const info = chainInfo(chain);
  const branch = typeFor(info, addressType) === 'p2tr' ? 86 : info.branch;
  if (!Number.isInteger(index) || index < 0 || index > 0x7fffffff)
    throw new CustodyError('request_invalid', 'An address index is an integer from 0 to 2^31 - 1');
  return `m/${branch}/0/${index}`;
}

/** 33 bytes compressed, or 32 bytes of RFC 8032. */
function isPoint(curve: Curve, publicKey: Bytes): boolean {
  try {
    const { Point } = curve === 'secp256k1' ? secp256k1 : ed25519;
    return publicKey.length === (curve === 'secp256k1' ? 33 : 32) && Point.fromBytes(publicKey) !== undefined;
  } catch {
    return false;
  }
}

/**
 * @param publicKey the derived key: 33 bytes compressed (for P2TR the internal key, tweaked here as BIP-86
 * says) or 32 bytes ed25519.
 * @throws {CustodyError} `blockchain_unsupported`, `request_invalid`
 */
export function addressOf(chain: Blockchain, addressType: AddressType | undefined, publicKey: Bytes): string {
  const info = chainInfo(chain);
  const type = typeFor(info, addressType);
  if (!isPoint(info.curve, publicKey))
    throw new CustodyError('request_invalid', `Not a public key of the curve ${info.curve}`);
  switch (info.family) {
    case 'evm':
      return evmAddress(publicKey);
    case 'bitcoin':
      return bitcoinAddress(info.network ?? 'bc', type ?? 'p2wpkh', publicKey);
    case 'solana':
      return base58.encode(publicKey);
    case 'near':
      return toHex(publicKey);
  }
}
