/**
 * Signs what `decodePayload` asks for with one ordinary key, where the product has two nodes: so that engines
 * can judge decoding and assembly by themselves.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { taprootTweakPrivKey } from '@scure/btc-signer/utils.js';
import type { Bytes } from '#shared/bytes.ts';
import {
  type AddressType,
  addressOf,
  type Blockchain,
  blockchains,
  walletPath,
} from '#shared/chains/chains.ts';
import type { Decoded, Signature, ToSign, WalletKey } from '#shared/chains/payload.ts';

export interface SingleKey {
  readonly wallet: WalletKey;
  /** One signature for each member of `toSign`. */
  sign(decoded: Decoded): readonly Signature[];
}

export function ecdsa(secret: Bytes, digest: Bytes): Signature {
  const [recoveryId = 0, ...rs] = secp256k1.sign(digest, secret, { prehash: false, format: 'recovered' });
  return { r: Uint8Array.from(rs.slice(0, 32)), s: Uint8Array.from(rs.slice(32)), recoveryId };
}

export function signOne(secret: Bytes, { algorithm, bytes, merkleRoot }: ToSign): Signature {
  switch (algorithm) {
    case 'ecdsa':
      return ecdsa(secret, bytes);
    case 'eddsa':
      return ed25519.sign(bytes, secret);
    case 'bip340':
      return schnorr.sign(bytes, merkleRoot === undefined ? secret : taprootTweakPrivKey(secret, merkleRoot));
  }
}

/** @param secret 32 bytes. @param index of the wallet. */
export function singleKey(
  blockchain: Blockchain,
  secret: Bytes = new Uint8Array(32).fill(7),
  addressType?: AddressType,
  index = 0,
): SingleKey {
  const curve = blockchains[blockchain].curve;
  const publicKey = curve === 'ed25519' ? ed25519.getPublicKey(secret) : secp256k1.getPublicKey(secret);
  return {
    wallet: {
      blockchain,
      path: walletPath(blockchain, addressType, index),
      publicKey,
      address: addressOf(blockchain, addressType, publicKey),
      addressType,
    },
    sign: (decoded) => decoded.toSign.map((item) => signOne(secret, item)),
  };
}
