/**
 * Wallets: addresses of a wallet set, each proven by both nodes.
 * @module
 */
import type { AddressType, Blockchain } from '../shared/chains/chains.ts';
import { type WalletsRequest, walletsOperation } from '../shared/intent/build.ts';
import type { Answer } from '../shared/wire/routes.ts';
import { checkAddressProofs, type Expected, type Identities, type ProvenAddress } from './address-proof.ts';
import { locally, PlanbokError } from './errors.ts';
import { carryOut, newIdempotencyKey, pages, read, type Session } from './session.ts';

export type Wallet = Answer<'getWallet'>;
export type AddressProofs = Answer<'getAddressProof'>;

export interface NewWallets {
  readonly walletSet: string;
  readonly blockchains: readonly Blockchain[];
  /** Of Bitcoin wallets; p2wpkh if absent. */
  readonly addressType?: AddressType;
  /** Per blockchain, 1 to 50; 1 if absent. */
  readonly count?: number;
  readonly name?: string;
  readonly refId?: string;
  readonly idempotencyKey?: string;
}

/** Proofs that are fetched at once. */
const atOnce = 4;

export function walletsOf(session: Session, identities: Identities) {
  const { organization } = session;
  const addressProof = (id: string): Promise<AddressProofs> =>
    read(session, 'getAddressProof', { params: { id } });
  const proven = new Map<string, ProvenAddress>();

  /** Fetches both proofs and checks them offline against the pinned identities. */
  async function verifyAddress(id: string, expected: Partial<Expected> = {}): Promise<ProvenAddress> {
    session.onProgress({ step: 'check_proof', detail: id });
    const proofs = await addressProof(id);
    const address = checkAddressProofs(proofs, identities, { ...expected, organization, wallet: id });
    proven.set(id, address);
    return address;
  }

  return {
    /**
     * Derives wallets, and checks the address of each before it hands them out.
     * @throws {PlanbokError} `proof_invalid` if one is not proven by both nodes
     */
    async create(request: NewWallets): Promise<{ data: Wallet[]; auditEventId: string }> {
      const { idempotencyKey, ...asked } = request;
      const key = idempotencyKey ?? newIdempotencyKey(session);
      const operation = locally(() => walletsOperation(organization, key, asked));
      session.onProgress({ step: 'derive_wallets', detail: asked.blockchains.join(', ') });
      const made = await carryOut(session, 'createWallets', operation, asked);
      assertAsked(asked, made.data, key);
      const waiting = made.data.values();
      const worker = async () => {
        for (const wallet of waiting) await verifyAddress(wallet.id, expectedOf(wallet));
      };
      await Promise.all(Array.from({ length: atOnce }, worker));
      return made;
    },
    get: (id: string): Promise<Wallet> => read(session, 'getWallet', { params: { id } }),
    /** All, newest first; pages are fetched as they are asked for. */
    list: (
      options: { readonly walletSet?: string; readonly limit?: number } = {},
    ): AsyncGenerator<Wallet, void, undefined> =>
      pages(session, 'listWallets', { walletSet: options.walletSet, limit: options.limit }),
    /** Each node's signed word, as it came. Not checked: see `verifyAddress`. */
    addressProof,
    verifyAddress: (id: string): Promise<ProvenAddress> => verifyAddress(id),
    /** A proof holds for ever, so one that was checked is kept. */
    async proven(id: string): Promise<ProvenAddress> {
      return proven.get(id) ?? verifyAddress(id);
    },
  };
}

/** What a wallet record says must be what the nodes proved. */
const expectedOf = (wallet: Wallet): Partial<Expected> => ({
  walletSet: wallet.walletSet,
  blockchain: wallet.blockchain,
  address: wallet.address,
  addressType: wallet.addressType,
  path: wallet.path,
  publicKey: wallet.publicKey,
});

/** As many of each blockchain as were asked for, all different, in the right wallet set. */
function assertAsked(asked: WalletsRequest, made: readonly Wallet[], idempotencyKey: string): void {
  const { walletSet, blockchains, addressType = 'p2wpkh', count = 1 } = asked;
  const each = blockchains.every((name) => made.filter((w) => w.blockchain === name).length === count);
  const right = made.every(
    (w) => w.walletSet === walletSet && (w.addressType === undefined || w.addressType === addressType),
  );
  const different = new Set(made.map(({ id }) => id)).size === made.length;
  if (!each || !right || !different || made.length !== blockchains.length * count)
    throw new PlanbokError('result_invalid', 'the wallets are not those that were asked for', {
      idempotencyKey,
    });
}
