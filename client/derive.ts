/**
 * The public key of a path, from an account key and its chain code: public data only. The nodes have their
 * own code for this; that both agree is part of what an address proof is checked for.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, u8, u32be } from '../shared/bytes.ts';
import type { Curve } from '../shared/chains/chains.ts';

/** A key and the chain code below it, 32 bytes. */
interface Extended {
  readonly key: Bytes;
  readonly chainCode: Bytes;
}

/** The indices of `m/…`. @throws {Error} on a hardened step or anything else that is not a path */
function indicesOf(path: string): number[] {
  if (!/^m(?:\/(?:0|[1-9][0-9]{0,9})){1,10}$/.test(path)) throw new Error(`not a path: ${path}`);
  const indices = path.slice(2).split('/').map(Number);
  if (indices.some((i) => i >= 2 ** 31)) throw new Error(`not a path: ${path}`);
  return indices;
}

/** BIP-32, CKDpub. */
function stepSecp256k1({ key, chainCode }: Extended, index: number): Extended {
  const I = hmac(sha512, chainCode, concat(key, u32be(index)));
  const tweak = secp256k1.Point.Fn.fromBytes(I.slice(0, 32));
  const child = secp256k1.Point.fromBytes(key).add(secp256k1.Point.BASE.multiply(tweak));
  return { key: child.toBytes(true), chainCode: I.slice(32) };
}

/** BIP32-Ed25519 (Khovratovich and Law, 2017), soft derivation, version 2. */
function stepEd25519({ key, chainCode }: Extended, index: number): Extended {
  const data = concat(key, u32be(index).reverse());
  const Z = hmac(sha512, chainCode, concat(u8(2), data));
  let tweak = 0n;
  for (let i = 27; i >= 0; i--) tweak = (tweak << 8n) | BigInt(Z[i] as number);
  const child = ed25519.Point.fromBytes(key).add(ed25519.Point.BASE.multiply(8n * tweak));
  return { key: child.toBytes(), chainCode: hmac(sha512, chainCode, concat(u8(3), data)).slice(32) };
}

/**
 * @param account 33 bytes compressed or 32 bytes ed25519.
 * @returns the derived key in the same form.
 * @throws {Error} if the path, the key or the chain code is not one
 */
export function derivePublicKey(curve: Curve, account: Bytes, chainCode: Bytes, path: string): Bytes {
  if (chainCode.length !== 32) throw new Error('a chain code has 32 bytes');
  const step = curve === 'secp256k1' ? stepSecp256k1 : stepEd25519;
  return indicesOf(path).reduce<Extended>((at, index) => step(at, index), { key: account, chainCode }).key;
}
