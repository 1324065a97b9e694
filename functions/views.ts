/**
 * Resources as the API shows them.
 * @module
 */
import { toHex } from '#shared/bytes.ts';
import { exportXpub } from '#shared/crypto/xpub.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import type { ShownToken } from '#shared/wire/tokens.ts';
import type { Wallet, WalletSet } from './stores/resources.ts';
import type { StoredToken } from './stores/tokens.ts';

export type WalletSetState = Reply<'getWalletSet'>['state'];

export function walletSetView(set: WalletSet, state: WalletSetState): Reply<'getWalletSet'> {
  const { id, name, custody, keyTypes, secp256k1, ed25519, cc, created, auditEventId } = set;
  return {
    id,
    name,
    custody,
    keyTypes: [...keyTypes],
    state,
    publicKeys: {
      ...(secp256k1 && { secp256k1: toHex(secp256k1) }),
      ...(ed25519 && { ed25519: toHex(ed25519) }),
    },
    ...(secp256k1 && { xpub: exportXpub(secp256k1, cc) }),
    created,
    auditEventId,
  };
}

export function walletView(wallet: Wallet): Reply<'getWallet'> {
  const { id, walletSet, blockchain, address, publicKey, path, index, addressType, name, refId, created } =
    wallet;
  return {
    id,
    walletSet,
    blockchain,
    address,
    publicKey: toHex(publicKey),
    path,
    index,
    ...(addressType && { addressType }),
    name,
    refId,
    created,
  };
}

const timeOf = (ms: number): string => new Date(ms).toISOString();

/** Never with its hash. */
export function tokenView(token: StoredToken): ShownToken {
  const { id, name, walletSets, cidrs, member, expiresMs, createdMs, usedMs, revokedMs } = token;
  return {
    id,
    name,
    walletSets: [...walletSets],
    ...(cidrs.length > 0 && { cidrs: [...cidrs] }),
    expires: timeOf(expiresMs),
    created: timeOf(createdMs),
    createdBy: member,
    ...(usedMs !== undefined && { lastUsed: timeOf(usedMs - (usedMs % 60_000)) }),
    ...(revokedMs !== undefined && { revoked: timeOf(revokedMs) }),
  };
}
