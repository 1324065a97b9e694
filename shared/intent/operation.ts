/**
 * An operation: the canonical form of what is to happen. No nonce and no time, so a retry is the same
 * operation. The client, Node 1 and Node 2 each build it from what they know themselves; its digest keys
 * idempotency, counting and the audit record.
 *
 * Each kind is listed here once, with all of its fields.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import { type Canonical, digestOf } from './canonical.ts';

interface Base {
  readonly type: 'planbok/operation/v1';
  readonly organization: string;
  readonly idempotencyKey: string;
}

export interface CreateWalletSet extends Base {
  readonly kind: 'wallet_set.create';
  readonly name: string;
  readonly custody: 'standard';
  /** In the order secp256k1, ed25519. */
  readonly keyTypes: readonly ('secp256k1' | 'ed25519')[];
}

export interface CreateWallets extends Base {
  readonly kind: 'wallets.create';
  readonly walletSet: string;
  readonly blockchains: readonly string[];
  /** Of Bitcoin wallets; `p2wpkh` if none is named. */
  readonly addressType: 'p2wpkh' | 'p2tr';
  /** Decimal, 1 to 50: wallets per blockchain. */
  readonly count: string;
  readonly name: string;
  readonly refId: string;
}

export interface CreateSignature extends Base {
  readonly kind: 'signature.create';
  readonly walletSet: string;
  readonly wallet: string;
  readonly path: string;
  readonly blockchain: string;
  readonly payloadKind: string;
  /** base64url of the SHA-256 of the payload as sent. */
  readonly payloadDigest: string;
  /** What it does, as decoded: amounts and destinations are part of what is authorised. */
  readonly effects: readonly Canonical[];
  /** What will be signed, in order: path, algorithm, base64url of SHA-256 of the bytes. */
  readonly toSign: readonly { readonly path: string; readonly algorithm: string; readonly digest: string }[];
}

export interface CreateToken extends Base {
  readonly kind: 'token.create';
  readonly name: string;
  /** Whose wallet sets it shows, in order; `*` for all. */
  readonly walletSets: readonly string[];
  /** Addresses that it may be used from, in order; empty: any. */
  readonly cidrs: readonly string[];
  /** RFC 3339, UTC. */
  readonly expires: string;
}

export interface RevokeToken extends Base {
  readonly kind: 'token.revoke';
  readonly token: string;
}

export type Operation = CreateWalletSet | CreateWallets | CreateSignature | CreateToken | RevokeToken;

/** SHA-256, 32 bytes. */
export const operationDigest = (operation: Operation): Bytes => digestOf(operation);
