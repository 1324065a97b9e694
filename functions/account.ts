/**
 * The public side of freshly made shares, as the ledger keeps it; and the shares' way into the store.
 * @module
 */
import type { Bytes } from '#shared/bytes.ts';
import type { CreateWalletSet } from '#shared/intent/operation.ts';
import { encodeShareBlob, type KeyShares } from '#shared/mpc/share-blob.ts';
import type { Node } from './node.ts';
import type { AccountKeys } from './stores/ledger.ts';
import type { ShareName } from './stores/shares.ts';

export function accountOf(
  { organization, name, custody, keyTypes }: CreateWalletSet,
  { secp256k1, ed25519 }: KeyShares,
  more: Pick<AccountKeys, 'ctx' | 'created' | 'confirmation'>,
): AccountKeys {
  const share = secp256k1 ?? ed25519;
  if (share === undefined) throw new RangeError('a key generation makes a key');
  const { sid, cc } = share;
  return {
    organization,
    name,
    custody,
    keyTypes,
    sid,
    cc,
    ...(secp256k1 && { secp256k1: secp256k1.Q }),
    ...(ed25519 && { ed25519: ed25519.A }),
    ...more,
  };
}

/** Encrypts and stores; the encoded copy is wiped, the shares are still the caller's. */
export async function storeShares(node: Node, name: ShareName, shares: KeyShares): Promise<void> {
  const blob: Bytes = encodeShareBlob(shares);
  try {
    await node.shares.store(name, blob);
  } finally {
    blob.fill(0);
  }
}
