/**
 * A stored wallet as the chain decoders know it.
 * @module
 */
import type { WalletKey } from '#shared/chains/payload.ts';
import type { AccountKeys } from './stores/ledger.ts';
import type { Wallet } from './stores/resources.ts';

/** What the chain decoders need to know of a wallet. */
export function walletKeyOf(account: AccountKeys, wallet: Wallet): WalletKey {
  const { blockchain, path, publicKey, address, addressType } = wallet;
  const xpub = account.secp256k1 && { accountXpub: { Q: account.secp256k1, cc: account.cc } };
  return { blockchain, path, publicKey, address, ...(addressType && { addressType }), ...xpub };
}
