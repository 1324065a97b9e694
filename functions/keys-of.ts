/**
 * From a node's record of an account to the keys of its wallets: each node derives what it needs from its
 * own stored account keys and chain code.
 * @module
 */
import { type Bytes, toBase64url } from '#shared/bytes.ts';
import { type AddressType, addressOf, type Blockchain, chainInfo } from '#shared/chains/chains.ts';
import { CustodyError } from '#shared/errors.ts';
import {
  type DerivedEd25519,
  type DerivedSecp256k1,
  deriveEd25519,
  deriveSecp256k1,
} from '#shared/mpc/derive.ts';
import type { EdPoint } from '#shared/mpc/ed25519.ts';
import type { Point } from '#shared/mpc/secp256k1.ts';
import { recent } from './recent.ts';
import type { AccountKeys } from './stores/ledger.ts';

const missing = (keyType: string): CustodyError =>
  new CustodyError('key_type_missing', `the wallet set has no ${keyType} key`);

/** Public derivations kept: a wallet that signs often is derived once. */
const kept = 1_000;

interface Place {
  /** The account's keys were decoded when they were made; what this node stored itself is taken as it is. */
  readonly key: Bytes;
  readonly cc: Bytes;
  readonly path: string;
}

const nameOf = ({ key, cc, path }: Place): string => `${toBase64url(key)}/${toBase64url(cc)}/${path}`;
const deriveS = recent(kept, (_: string, { key, cc, path }: Place) =>
  deriveSecp256k1(key as Point, cc, path),
);
const deriveE = recent(kept, (_: string, { key, cc, path }: Place) =>
  deriveEd25519(key as EdPoint, cc, path),
);

export function secp256k1At({ secp256k1: key, cc }: AccountKeys, path: string): DerivedSecp256k1 {
  if (key === undefined) throw missing('secp256k1');
  const place = { key, cc, path };
  return deriveS(nameOf(place), place);
}

export function ed25519At({ ed25519: key, cc }: AccountKeys, path: string): DerivedEd25519 {
  if (key === undefined) throw missing('ed25519');
  const place = { key, cc, path };
  return deriveE(nameOf(place), place);
}

/** Derived public key and address of a wallet. @throws {CustodyError} `key_type_missing` */
export function walletKeyAt(
  account: AccountKeys,
  blockchain: Blockchain,
  addressType: AddressType | undefined,
  path: string,
): { readonly publicKey: Bytes; readonly address: string } {
  const publicKey =
    chainInfo(blockchain).curve === 'secp256k1' ? secp256k1At(account, path).Q : ed25519At(account, path).A;
  return { publicKey, address: addressOf(blockchain, addressType, publicKey) };
}
