/**
 * What the API shows: wallet sets, wallets, signatures. Each node keeps its own; what a node signs is
 * decided from its own records alone.
 * @module
 */
import type { Bytes } from '#shared/bytes.ts';
import type { AddressType, Blockchain } from '#shared/chains/chains.ts';
import { CustodyError, type ErrorCode } from '#shared/errors.ts';
import type { KeyType } from '#shared/mpc/context.ts';
import type { Clock, Item, Page, Table } from '../ports.ts';

/** A wallet set as the API lists it: only finished ones are here. What signs is decided from the ledger. */
export interface WalletSet {
  readonly id: string;
  readonly organization: string;
  readonly name: string;
  readonly custody: 'standard';
  readonly keyTypes: readonly KeyType[];
  /** Account public keys: 33 bytes compressed, 32 bytes; absent without that key type. */
  readonly secp256k1?: Bytes;
  readonly ed25519?: Bytes;
  /** Chain code, 32 bytes; public, as in an extended public key. */
  readonly cc: Bytes;
  /** RFC 3339, UTC. */
  readonly created: string;
  readonly auditEventId: string;
}

export interface Wallet {
  readonly id: string;
  readonly organization: string;
  readonly walletSet: string;
  readonly blockchain: Blockchain;
  readonly addressType?: AddressType;
  readonly path: string;
  readonly index: number;
  /** Derived: 33 or 32 bytes. */
  readonly publicKey: Bytes;
  readonly address: string;
  readonly name: string;
  readonly refId: string;
  readonly created: string;
  /** JSON of the two nodes' attested address proofs; at Node 1 only, as the next. */
  readonly proofs?: string;
  /** Of the request that made it. */
  readonly auditEventId?: string;
}

/** A finished signature. `answer` is the JSON that the API gives. */
export interface SignatureRecord {
  readonly id: string;
  readonly organization: string;
  readonly wallet: string;
  readonly created: string;
  readonly answer: string;
}

export interface Resources {
  /** @throws {CustodyError} `wallet_set_not_found`, also if it belongs to somebody else */
  walletSet(organization: string, id: string): Promise<WalletSet>;
  wallet(organization: string, id: string): Promise<Wallet>;
  signature(organization: string, id: string): Promise<SignatureRecord>;
  findWalletSet(id: string): Promise<WalletSet | undefined>;
  findWallet(id: string): Promise<Wallet | undefined>;
  findSignature(id: string): Promise<SignatureRecord | undefined>;
  /** Stores a resource under its id; the first one stays. False if there is one already. */
  addWalletSet(walletSet: WalletSet): Promise<boolean>;
  addWallet(wallet: Wallet): Promise<boolean>;
  addSignature(signature: SignatureRecord): Promise<boolean>;
  /** Newest first. `parent` narrows wallets to a wallet set, signatures to a wallet. */
  list<K extends keyof Listed>(
    kind: K,
    organization: string,
    parent: string | undefined,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<{ readonly items: readonly Listed[K][]; readonly cursor?: string }>;
}

interface Listed {
  readonly walletSet: WalletSet;
  readonly wallet: Wallet;
  readonly signature: SignatureRecord;
}

/** Wallets kept in memory. */
const walletsKept = 1_000;

export function resourcesOver(table: Table, clock: Clock): Resources {
  const add = (kind: keyof Listed, record: Record<string, unknown>, parent: string): Promise<boolean> => {
    const id = record['id'] as string;
    return table.put(
      {
        ...(encode(record) as Item),
        kind,
        list: `${record['organization']}/${kind}`,
        // With the organization: a list under somebody else's parent is an empty one.
        parent: `${record['organization']}/${parent}/${kind}`,
        // Sorts by time of creation; the id keeps two of one millisecond apart.
        listOrder: `${String(clock()).padStart(15, '0')}/${id}`,
      },
      [[['id', 'absent']]],
    );
  };
  const find = async <K extends keyof Listed>(kind: K, id: string): Promise<Listed[K] | undefined> => {
    const item = await table.get({ id });
    return item?.['kind'] === kind ? (decode(item) as unknown as Listed[K]) : undefined;
  };
  /** What belongs to another organization is answered exactly as what does not exist. */
  const owned =
    <K extends keyof Listed>(kind: K, absent: ErrorCode) =>
    async (organization: string, id: string): Promise<Listed[K]> => {
      const found = await find(kind, id);
      if (found?.organization !== organization) throw new CustodyError(absent, `no ${kind} ${id}`);
      return found;
    };
  // A wallet never changes, so one that was found is kept; that there is none is asked for anew.
  const wallets = new Map<string, Wallet>();
  const findWallet = async (id: string): Promise<Wallet | undefined> => {
    const wallet = wallets.get(id) ?? (await find('wallet', id));
    if (wallets.size >= walletsKept) wallets.clear();
    if (wallet !== undefined) wallets.set(id, wallet);
    return wallet;
  };
  return {
    walletSet: owned('walletSet', 'wallet_set_not_found'),
    async wallet(organization, id) {
      const wallet = await findWallet(id);
      if (wallet?.organization !== organization)
        throw new CustodyError('wallet_not_found', `no wallet ${id}`);
      return wallet;
    },
    signature: owned('signature', 'signature_not_found'),
    findWalletSet: (id) => find('walletSet', id),
    findWallet,
    findSignature: (id) => find('signature', id),
    addWalletSet: (set) => add('walletSet', { ...set }, set.organization),
    addWallet: (wallet) => add('wallet', { ...wallet }, wallet.walletSet),
    addSignature: (signature) => add('signature', { ...signature }, signature.wallet),
    async list(kind, organization, parent, page) {
      const by =
        parent === undefined
          ? { list: `${organization}/${kind}` }
          : { parent: `${organization}/${parent}/${kind}` };
      const { items, cursor }: Page = await table.list(by, page);
      const decoded = items.map(decode) as unknown as Listed[typeof kind][];
      const mine = decoded.filter((item) => item.organization === organization);
      return cursor === undefined ? { items: mine } : { items: mine, cursor };
    },
  };
}

/** Key types are the one member that is not a plain attribute. */
function encode(record: Record<string, unknown>): Record<string, unknown> {
  const { keyTypes, ...rest } = record;
  const present = Object.entries(rest).filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(present),
    ...(keyTypes !== undefined && { keyTypes: (keyTypes as readonly string[]).join(',') }),
  };
}

function decode(item: Item): Record<string, unknown> {
  const { keyTypes, ...rest } = item;
  return { ...rest, ...(keyTypes !== undefined && { keyTypes: String(keyTypes).split(',') }) };
}
