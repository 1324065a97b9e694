/**
 * The wallets of a request, from their committed indices: each node derives them from its own record.
 * @module
 */
import { type Blockchain, blockchains, walletPath } from '#shared/chains/chains.ts';
import { derivedId } from '#shared/intent/canonical.ts';
import type { CreateWallets } from '#shared/intent/operation.ts';
import type { Authorised } from './intake.ts';
import { walletKeyAt } from './keys-of.ts';
import type { AccountKeys } from './stores/ledger.ts';
import type { Wallet } from './stores/resources.ts';

/** What Node 2 commits for a request: the first index of each branch, and when. */
export interface Allocation {
  /** By branch, such as `44/0`. */
  readonly first: Readonly<Record<string, number>>;
  /** RFC 3339, UTC. */
  readonly created: string;
}

const addressTypeOf = (blockchain: Blockchain, { addressType }: CreateWallets) =>
  blockchains[blockchain].family === 'bitcoin' ? addressType : undefined;

/** The path without its last step: wallets on chains that share it (all EVM chains) share their indices. */
export const branchOf = (blockchain: Blockchain, operation: CreateWallets): string =>
  walletPath(blockchain, addressTypeOf(blockchain, operation), 0).split('/').slice(1, -1).join('/');

/** In the order of the request: every blockchain of the first index, then of the second, … */
export function deriveWallets(
  { operation, digest }: Pick<Authorised<CreateWallets>, 'operation' | 'digest'>,
  account: AccountKeys,
  { first, created }: Allocation,
): Wallet[] {
  const { organization, walletSet, name, refId, count } = operation;
  const names = operation.blockchains as readonly Blockchain[];
  return Array.from({ length: Number(count) }, (_, step) =>
    names.map((blockchain, at): Wallet => {
      const addressType = addressTypeOf(blockchain, operation);
      const index = (first[branchOf(blockchain, operation)] as number) + step;
      const path = walletPath(blockchain, addressType, index);
      const id = derivedId('wal', digest, step * names.length + at);
      const keys = walletKeyAt(account, blockchain, addressType, path);
      const common = { id, organization, walletSet, blockchain, path, index, name, refId, created };
      return { ...common, ...keys, ...(addressType && { addressType }) };
    }),
  ).flat();
}
