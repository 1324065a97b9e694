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
export const selfTestLimit = 16;

/** What is signed under path `m`, 32 bytes. @param sid of the DKG, 32 bytes */
export const selfTestDigest = (sid: Bytes, keyType: KeyType): Bytes =>
  hash(tags.selfTestDigest, sid, utf8(keyType));

/** Stands for an authorisation digest, 32 bytes: protocol session and request hash follow from it. */
export const selfTestAuthorisation = (sid: Bytes, keyType: KeyType, attempt: number): Bytes =>
  hash(tags.selfTestSession, sid, utf8(keyType), u32be(attempt));
