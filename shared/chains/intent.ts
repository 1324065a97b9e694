/**
 * The vocabulary of this folder: what may be asked (`SignPayload`), for which key (`WalletKey`), what it does
 * (`Intent`), what there is to sign (`Decoded`), and what comes out (`Signed`).
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import canonicalizeModule from 'canonicalize';
import type { Bytes } from '../bytes.ts';
import { toHex, utf8 } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import type { AddressType, Blockchain } from './chains.ts';

export const signKinds = ['message', 'typed_data', 'transaction', 'psbt', 'raw_digest'] as const;
export type SignKind = (typeof signKinds)[number];

/** A message under NEP-413. `nonce` is base64 of 32 bytes. */
export interface Nep413 {
  readonly message: string;
  readonly recipient: string;
  readonly nonce: string;
  readonly callbackUrl?: string | undefined;
}

/**
 * | kind | member | families |
 * |---|---|---|
 * | `message` | `message`: text. EIP-191; on Solana the off-chain format is built around it | evm, solana |
 * | `message` | `messageHex`: bytes (EIP-191), or a whole serialised off-chain message (Solana) | evm, solana |
 * | `message` | `nep413` | near |
 * | `typed_data` | `typedData`: the JSON of `eth_signTypedData_v4` | evm |
 * | `transaction` | `transaction`: EVM unsigned serialised, 0x hex; Solana wire transaction, base64, the wallet's signature zero; NEAR borsh `Transaction`, base64 | evm, solana, near |
 * | `psbt` | `psbt`: BIP-174, base64 | bitcoin |
 * | `raw_digest` | `digest`: 32 bytes, hex | evm, bitcoin |
 *
 * Exactly the member of the kind is present.
 */
export interface SignPayload {
  readonly kind: SignKind;
  readonly blockchain: Blockchain;
  readonly message?: string | undefined;
  readonly messageHex?: string | undefined;
  readonly nep413?: Nep413 | undefined;
  readonly typedData?: object | undefined;
  readonly transaction?: string | undefined;
  readonly psbt?: string | undefined;
  readonly digest?: string | undefined;
}

/** The key that is to sign. */
export interface WalletKey {
  readonly blockchain: Blockchain;
  /** As `walletPath` writes it. */
  readonly path: string;
  /** 33 bytes compressed (for P2TR the internal key) or 32 bytes ed25519. */
  readonly publicKey: Bytes;
  readonly address: string;
  readonly addressType?: AddressType | undefined;
  /** Bitcoin: the account's public key (33 bytes) and chain code (32 bytes); without them no change is recognised. */
  readonly accountXpub?: { readonly Q: Bytes; readonly cc: Bytes } | undefined;
}

type EffectType =
  | 'transfer'
  | 'approve'
  | 'permit'
  | 'call'
  | 'deploy'
  | 'message'
  | 'typed_data'
  | 'raw_digest'
  | 'fee'
  | 'input'
  | 'change'
  | 'account'
  | 'key'
  | 'stake'
  | 'note'
  | 'warning';

/**
 * One thing that the signature brings about. Amounts are decimal strings in the smallest unit, assets CAIP-19
 * names where one exists, addresses in the chain's own form. `transfer`, `approve`, `permit` and `stake` spend;
 * `call`, `deploy`, `typed_data` and `raw_digest` may do anything.
 */
export interface Effect {
  readonly type: EffectType;
  readonly from?: string;
  readonly to?: string;
  readonly asset?: string;
  /** `unlimited` where the chain's convention says so. */
  readonly amount?: string;
  /** What else a reader or a policy needs: method, token id, selector, hash of the data, expiry. */
  readonly details?: Readonly<Record<string, string>>;
}

/** What it does. Strings, arrays and objects only, so that its canonical JSON is the same everywhere. */
export interface Intent {
  readonly kind: SignKind;
  readonly blockchain: Blockchain;
  /** One sentence for a person; hidden characters are escaped, here and in the effects. */
  readonly summary: string;
  readonly effects: readonly Effect[];
}

export interface ToSign {
  readonly path: string;
  readonly algorithm: 'ecdsa' | 'bip340' | 'eddsa';
  /** The 32-byte digest for ecdsa and bip340, the whole message for eddsa. */
  readonly bytes: Bytes;
  /** bip340 only: sign for the key tweaked with this Taproot merkle root (empty: BIP-86, no script tree). */
  readonly merkleRoot?: Bytes;
}

export interface Decoded {
  readonly intent: Intent;
  readonly toSign: readonly ToSign[];
  /** SHA-256 of the canonical JSON of the payload, under its own tag. */
  readonly payloadDigest: Bytes;
}

/** 32 bytes each, big-endian; low s; `recoveryId` 0 or 1. */
export interface EcdsaSignature {
  readonly r: Bytes;
  readonly s: Bytes;
  readonly recoveryId: number;
}

/** ECDSA, or the 64 bytes of BIP-340 and Ed25519. One per member of `toSign`, in order. */
export type Signature = EcdsaSignature | Bytes;

/** The 64 bytes, and not an ECDSA signature. True for bytes of another realm too. */
export const isBytes = (signature: Signature | undefined): signature is Bytes =>
  ArrayBuffer.isView(signature);

export interface Signed {
  /**
   * EVM: r, s, v as 65 bytes in 0x hex (v 27 or 28). Solana: base58. NEAR: `ed25519:` and base58 (transaction)
   * or base64 (NEP-413). Bitcoin: the signed PSBT, base64; for `raw_digest` as on EVM.
   */
  readonly signature: string;
  /** Ready to send. EVM 0x hex, Bitcoin hex, Solana and NEAR base64. Absent while other parties must sign (Bitcoin). */
  readonly signedTransaction?: string;
  /** As the chain names it, once no other signature can change it. */
  readonly transactionId?: string;
}

/** What a family makes of a payload; the digest of the payload is added above it. */
export type Reading = Omit<Decoded, 'payloadDigest'>;

/** One family of blockchains. */
export interface ChainFamily {
  decode(payload: SignPayload, wallet: WalletKey): Reading;
  assemble(
    payload: SignPayload,
    wallet: WalletKey,
    decoded: Reading,
    signatures: readonly Signature[],
  ): Signed;
  verify(payload: SignPayload, wallet: WalletKey, decoded: Reading, result: Signed): boolean;
}

// The package is CommonJS with the types of an ES module: what Node imports as the default is the function.
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined;

/** SHA-256 of the RFC 8785 form of the payload with `type: planbok/payload/v1`. */
export const payloadDigest = (payload: SignPayload): Bytes =>
  sha256(utf8(canonicalize({ ...payload, type: 'planbok/payload/v1' }) ?? ''));

/** How effects name data that they do not spell out. */
export const dataHash = (data: Bytes): string => `sha256:${toHex(sha256(data))}`;

export const undecodable = (message: string, cause?: unknown): CustodyError =>
  new CustodyError('payload_undecodable', message, cause === undefined ? undefined : { cause });
export const refused = (message: string): CustodyError => new CustodyError('payload_refused', message);

/** Runs a parser of somebody else's: whatever it throws means that the payload cannot be read. */
export function reading<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof CustodyError) throw cause;
    throw undecodable(what, cause);
  }
}
