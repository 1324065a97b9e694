/**
 * The Borsh form of NEAR transactions (nearcore `Transaction::V0`), written with the codecs of @solana/kit,
 * whose integers, prefixes, options and tagged unions are Borsh's.
 * @module
 */
import {
  addCodecSizePrefix,
  fixCodecSize,
  getArrayCodec,
  getBytesCodec,
  getDiscriminatedUnionCodec,
  getNullableCodec,
  getStructCodec,
  getU32Codec,
  getU64Codec,
  getU128Codec,
  getUnitCodec,
  getUtf8Codec,
} from '@solana/kit';

const text = addCodecSizePrefix(getUtf8Codec(), getU32Codec());
const bytes = addCodecSizePrefix(getBytesCodec(), getU32Codec());
const fixed = (size: number) => fixCodecSize(getBytesCodec(), size);

/** Key type (0 ed25519, 1 secp256k1) and the key. */
const publicKey = getDiscriminatedUnionCodec([
  ['ed25519', getStructCodec([['key', fixed(32)]])],
  ['secp256k1', getStructCodec([['key', fixed(64)]])],
]);

const permission = getDiscriminatedUnionCodec([
  [
    'functionCall',
    getStructCodec([
      ['allowance', getNullableCodec(getU128Codec())],
      ['receiverId', text],
      ['methodNames', getArrayCodec(text)],
    ]),
  ],
  ['fullAccess', getUnitCodec()],
]);

/** In the order of their tags. Those that follow (delegate, global contracts) are not read. */
const action = getDiscriminatedUnionCodec([
  ['createAccount', getUnitCodec()],
  ['deployContract', getStructCodec([['code', bytes]])],
  [
    'functionCall',
    getStructCodec([
      ['methodName', text],
      ['args', bytes],
      ['gas', getU64Codec()],
      ['deposit', getU128Codec()],
    ]),
  ],
  ['transfer', getStructCodec([['deposit', getU128Codec()]])],
  [
    'stake',
    getStructCodec([
      ['stake', getU128Codec()],
      ['publicKey', publicKey],
    ]),
  ],
  [
    'addKey',
    getStructCodec([
      ['publicKey', publicKey],
      ['nonce', getU64Codec()],
      ['permission', permission],
    ]),
  ],
  ['deleteKey', getStructCodec([['publicKey', publicKey]])],
  ['deleteAccount', getStructCodec([['beneficiaryId', text]])],
]);

export const transactionCodec = getStructCodec([
  ['signerId', text],
  ['publicKey', publicKey],
  ['nonce', getU64Codec()],
  ['receiverId', text],
  ['blockHash', fixed(32)],
  ['actions', getArrayCodec(action)],
]);

export type NearTransaction = ReturnType<typeof transactionCodec.decode>;
export type NearAction = NearTransaction['actions'][number];
export type NearPublicKey = NearTransaction['publicKey'];

/** NEP-413: what is hashed, behind the tag 2^31 + 413 that no transaction starts with. */
export const nep413Codec = getStructCodec([
  ['tag', getU32Codec()],
  ['message', text],
  ['nonce', fixed(32)],
  ['recipient', text],
  ['callbackUrl', getNullableCodec(text)],
]);
export const nep413Tag = 2 ** 31 + 413;
