/**
 * Operations from what was asked. The client, Node 1 and Node 2 each build theirs with these functions, from
 * the request and from their own records, and compare digests.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { toBase64url } from '../bytes.ts';
import { type AddressType, type Blockchain, type Curve, chainInfo } from '../chains/chains.ts';
import type { Decoded, Effect, SignPayload } from '../chains/intent.ts';
import { CustodyError } from '../errors.ts';
import type { Canonical } from './canonical.ts';
import type {
  CreateSignature,
  CreateToken,
  CreateWalletSet,
  CreateWallets,
  RevokeToken,
} from './operation.ts';

export interface WalletSetRequest {
  readonly name: string;
  readonly custody: string;
  /** In any order. */
  readonly keyTypes: readonly Curve[];
}

export interface WalletsRequest {
  readonly walletSet: string;
  readonly blockchains: readonly Blockchain[];
  readonly addressType?: AddressType | undefined;
  readonly count?: number | undefined;
  readonly name?: string | undefined;
  readonly refId?: string | undefined;
}

/** What an operation says of the wallet that signs. */
export interface SigningWallet {
  readonly id: string;
  readonly walletSet: string;
  readonly path: string;
  readonly blockchain: string;
}

/** @throws {CustodyError} `custody_unsupported`; `request_invalid` without a key type. */
export function walletSetOperation(
  organization: string,
  idempotencyKey: string,
  { name, custody, keyTypes }: WalletSetRequest,
): CreateWalletSet {
  if (custody !== 'standard')
    throw new CustodyError('custody_unsupported', 'only standard custody exists yet');
  const ordered = (['secp256k1', 'ed25519'] as const).filter((type) => keyTypes.includes(type));
  if (ordered.length === 0 || ordered.length !== keyTypes.length)
    throw new CustodyError('request_invalid', 'keyTypes must name secp256k1, ed25519 or both, once each');
  return {
    type: 'planbok/operation/v1',
    kind: 'wallet_set.create',
    organization,
    idempotencyKey,
    name,
    custody,
    keyTypes: ordered,
  };
}

/** Absent fields become their defaults. @throws {CustodyError} `blockchain_unsupported`, `request_invalid` */
export function walletsOperation(
  organization: string,
  idempotencyKey: string,
  { walletSet, blockchains, addressType, count = 1, name = '', refId = '' }: WalletsRequest,
): CreateWallets {
  const families = blockchains.map((blockchain) => chainInfo(blockchain).family);
  if (addressType !== undefined && !families.includes('bitcoin'))
    throw new CustodyError('request_invalid', 'only Bitcoin wallets have an address type');
  if (!Number.isInteger(count) || count < 1 || count > 50)
    throw new CustodyError('request_invalid', 'count must be an integer from 1 to 50');
  return {
    type: 'planbok/operation/v1',
    kind: 'wallets.create',
    organization,
    idempotencyKey,
    walletSet,
    blockchains: [...blockchains],
    addressType: addressType ?? 'p2wpkh',
    count: String(count),
    name,
    refId,
  };
}

export interface TokenRequest {
  readonly name: string;
  readonly walletSets: readonly string[];
  readonly cidrs?: readonly string[] | undefined;
  readonly expires: string;
}

/** The order of lists, which means nothing, is made one. */
export const tokenOperation = (
  organization: string,
  idempotencyKey: string,
  { name, walletSets, cidrs = [], expires }: TokenRequest,
): CreateToken => ({
  type: 'planbok/operation/v1',
  kind: 'token.create',
  organization,
  idempotencyKey,
  name,
  walletSets: [...walletSets].sort(),
  cidrs: [...cidrs].sort(),
  expires,
});

export const tokenRevocation = (
  organization: string,
  idempotencyKey: string,
  token: string,
): RevokeToken => ({
  type: 'planbok/operation/v1',
  kind: 'token.revoke',
  organization,
  idempotencyKey,
  token,
});

/** As canonical JSON has it: members that are undefined are not there. */
function canonicalEffect(effect: Effect): Canonical {
  const { details, ...rest } = effect;
  const members: [string, Canonical][] = Object.entries(rest).filter(([, value]) => value !== undefined);
  return Object.fromEntries(details === undefined ? members : [...members, ['details', { ...details }]]);
}

/**
 * @param decoded what this program itself decoded from the payload.
 * @throws {CustodyError} `chain_id_mismatch` if the payload is for another blockchain than the wallet.
 */
export function signatureOperation(
  organization: string,
  idempotencyKey: string,
  wallet: SigningWallet,
  payload: SignPayload,
  { intent, toSign, payloadDigest }: Decoded,
): CreateSignature {
  if (payload.blockchain !== wallet.blockchain)
    throw new CustodyError('chain_id_mismatch', `the wallet is for ${wallet.blockchain}, the payload is not`);
  return {
    type: 'planbok/operation/v1',
    kind: 'signature.create',
    organization,
    idempotencyKey,
    walletSet: wallet.walletSet,
    wallet: wallet.id,
    path: wallet.path,
    blockchain: wallet.blockchain,
    payloadKind: payload.kind,
    payloadDigest: toBase64url(payloadDigest),
    effects: intent.effects.map(canonicalEffect),
    toSign: toSign.map(({ path, algorithm, bytes }) => ({
      path,
      algorithm,
      digest: toBase64url(sha256(bytes)),
    })),
  };
}
