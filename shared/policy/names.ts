/**
 * Addresses and assets in a policy: when is one the one that an effect names, and is it one at all? A name
 * that can never match would be a limit that limits nothing, so such a policy is refused.
 * @module
 */
import { base58 } from '@scure/base';
import { Address, OutScript } from '@scure/btc-signer';
import { networkOf } from '../chains/bitcoin-script.ts';
import { type Blockchain, blockchains, type ChainInfo, chainInfo, nativeAsset } from '../chains/chains.ts';
import { checksummed } from '../chains/evm-address.ts';

const passes = (check: () => boolean): boolean => {
  try {
    return check();
  } catch {
    return false;
  }
};

/** 20 bytes of hex; in mixed case they must have the checksum of EIP-55. */
function isEvmAddress(address: string): boolean {
  if (!/^0x[0-9a-fA-F]{40}$/.test(address)) return false;
  const digits = address.slice(2);
  return (
    digits === digits.toLowerCase() || digits === digits.toUpperCase() || checksummed(digits) === address
  );
}

/** Bitcoin addresses have one spelling here: what the decoder writes. */
function isBitcoinAddress({ network = 'bc' }: ChainInfo, address: string): boolean {
  if (/^script:(?:[0-9a-f]{2})*$/.test(address)) return true;
  const coder = Address(networkOf(network));
  return coder.encode(OutScript.decode(OutScript.encode(coder.decode(address)))) === address;
}

const isSolanaAddress = (address: string): boolean =>
  address.length <= 44 && base58.decode(address).length === 32;

/** Account ids as nearcore has them, named or implicit. */
const nearAccount = /^(?=.{2,64}$)(?:[a-z\d]+[-_])*[a-z\d]+(?:\.(?:[a-z\d]+[-_])*[a-z\d]+)*$/;

export function isAddressOn(blockchain: Blockchain, address: string): boolean {
  const chain = chainInfo(blockchain);
  switch (chain.family) {
    case 'evm':
      return isEvmAddress(address);
    case 'bitcoin':
      return passes(() => isBitcoinAddress(chain, address));
    case 'solana':
      return passes(() => isSolanaAddress(address));
    case 'near':
      return nearAccount.test(address);
  }
}

/** EVM addresses are equal in any case, all others only if they are the same text. */
export const sameAddress = (blockchain: Blockchain, a: string, b: string): boolean =>
  a === b || (chainInfo(blockchain).family === 'evm' && a.toLowerCase() === b.toLowerCase());

const evmToken = /^(eip155:[0-9]+)\/erc(?:20|721|1155):(0x[0-9a-f]{40})(?:\/.*)?$/;

/** Equal for names of one asset. An EVM contract is one asset under every token standard and id. */
export function assetKey(asset: string): string {
  if (!asset.startsWith('eip155:')) return asset;
  const lower = asset.toLowerCase();
  const [, chain, contract] = evmToken.exec(lower) ?? [];
  return chain === undefined ? lower : `${chain}/contract:${contract}`;
}

export const isNative = (asset: string): boolean => asset.includes('/slip44:');
/** Each NFT is one; its id is no amount. */
export const isNft = (asset: string): boolean => asset.includes('/erc721:');

/** CAIP-19, without a token id, of an asset that the decoders name like this. */
export function isAsset(asset: string): boolean {
  const [caip2 = '', name = ''] = asset.split('/', 2);
  const known = Object.entries(blockchains).find(([, { caip2: id }]) => id === caip2);
  if (known === undefined || asset !== `${caip2}/${name}`) return false;
  const [blockchain, chain] = known as [Blockchain, ChainInfo];
  if (asset === nativeAsset(chain)) return true;
  const [standard = '', reference = ''] = name.split(':', 2);
  const standards = { evm: ['erc20', 'erc721', 'erc1155'], solana: ['token'], near: ['nep141'], bitcoin: [] };
  const listed: readonly string[] = standards[chain.family];
  return (
    listed.includes(standard) && name === `${standard}:${reference}` && isAddressOn(blockchain, reference)
  );
}
