/**
 * A node's word for an address: derived by this node from its own record of the account.
 * @module
 */
import { toHex } from '#shared/bytes.ts';
import { chainInfo } from '#shared/chains/chains.ts';
import type { Attested } from '#shared/crypto/attestation.ts';
import type { AddressProof } from '#shared/wire/resources.ts';
import type { Voice } from './channel/identity.ts';
import type { Node } from './node.ts';
import type { AccountKeys } from './stores/ledger.ts';
import type { Wallet } from './stores/resources.ts';

export function proveAddress(
  node: Node,
  voice: Voice,
  account: AccountKeys,
  wallet: Wallet,
): Attested<AddressProof> {
  const accountKey = account[chainInfo(wallet.blockchain).curve];
  if (accountKey === undefined) throw new RangeError('a wallet has the key of its blockchain');
  return voice.attest({
    type: 'planbok/address-proof/v1',
    node: node.node,
    issued: String(node.clock()),
    organization: wallet.organization,
    walletSet: wallet.walletSet,
    wallet: wallet.id,
    blockchain: wallet.blockchain,
    addressType: wallet.addressType ?? '',
    path: wallet.path,
    publicKey: toHex(wallet.publicKey),
    address: wallet.address,
    accountKey: toHex(accountKey),
    chainCode: toHex(account.cc),
  });
}
