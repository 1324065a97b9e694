/**
 * The signature that a new key makes before any address of it is shown. Both nodes compute what is signed
 * from the key's own session id: it is a hash under a tag of its own, so it can be no payload of any chain.
 * @module
 */
import { type Bytes, u32be, utf8 } from '../bytes.ts';
import type { KeyType } from './context.ts';
import { hash } from './hash.ts';
import { tags } from './tags.ts';

/** How many times a key may be tested: tests are cut short by crashes, not repeated at will. */
export const selfTestLimit = 1_000;

/** The last index of a branch: no wallet is ever given it. */
export const lastIndex = 2 ** 31 - 1;

/** Where a key is tested. */
export const selfTestPath = (keyType: KeyType): string =>
  keyType === 'secp256k1' ? `m/44/0/${lastIndex}` : `m/501/0/${lastIndex}`;

/** What is signed there, 32 bytes. @param sid of the DKG, 32 bytes */
export const selfTestDigest = (sid: Bytes, keyType: KeyType): Bytes =>
  hash(tags.selfTestDigest, sid, utf8(keyType));

/** Stands for an authorisation digest, 32 bytes: protocol session and request hash follow from it. */
export const selfTestAuthorisation = (sid: Bytes, keyType: KeyType, attempt: number): Bytes =>
  hash(tags.selfTestSession, sid, utf8(keyType), u32be(attempt));
