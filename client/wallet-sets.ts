/**
 * Wallet sets: the keys that both nodes hold together.
 * @module
 */
import type { Curve } from '../shared/chains/chains.ts';
import { walletSetOperation } from '../shared/intent/build.ts';
import type { Answer } from '../shared/wire/routes.ts';
import { locally, PlanbokError } from './errors.ts';
import { carryOut, newIdempotencyKey, pages, read, type Session } from './session.ts';

export type WalletSet = Answer<'getWalletSet'>;

export interface NewWalletSet {
  readonly name: string;
  readonly custody?: 'standard';
  readonly keyTypes: readonly Curve[];
  /** Made if absent; a repeated call with the same key is the same wallet set. */
  readonly idempotencyKey?: string;
}

export const walletSetsOf = (session: Session) => ({
  /** Both nodes generate the keys together. @throws {PlanbokError} */
  async create({ name, custody = 'standard', keyTypes, idempotencyKey }: NewWalletSet): Promise<WalletSet> {
    const key = idempotencyKey ?? newIdempotencyKey(session);
    const operation = locally(() =>
      walletSetOperation(session.organization, key, { name, custody, keyTypes }),
    );
    session.onProgress({ step: 'make_keys', detail: keyTypes.join(', ') });
    const body = { name, custody, keyTypes: operation.keyTypes };
    const made = await carryOut(session, 'createWalletSet', operation, body);
    const wanted = operation.keyTypes.every((type) => made.publicKeys[type] !== undefined);
    if (made.name !== name || made.custody !== custody || !wanted)
      throw new PlanbokError('result_invalid', 'the wallet set is not the one that was asked for', {
        idempotencyKey: key,
      });
    return made;
  },
  get: (id: string): Promise<WalletSet> => read(session, 'getWalletSet', { params: { id } }),
  /** All, newest first; pages are fetched as they are asked for. */
  list: (options: { readonly limit?: number } = {}): AsyncGenerator<WalletSet, void, undefined> =>
    pages(session, 'listWalletSets', { limit: options.limit }),
});
