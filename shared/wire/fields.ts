/**
 * The fields that requests and answers are made of.
 * @module
 */
import * as z from 'zod';
import { type Blockchain, blockchains, isBlockchain } from '../chains/chains.ts';
import { type SignKind, signKinds } from '../chains/intent.ts';
import type { ErrorCode } from '../errors.ts';
import { isSignature, mostSignatureCharacters, scopes } from '../registry/statement.ts';

/** An issue with a code of its own, for which `request_invalid` says too little. */
export const coded = (code: ErrorCode, message: string) => ({ message, params: { code } });

/** Ids are looked up, so any short text may be asked for: what does not exist is not found. */
export const id = z.string().min(1).max(80);

/** Exactly the canonical texts: what is left of the last character's bits is zero. */
function base64urlPattern(bytes: number | undefined): RegExp {
  const [any, ends] = ['[A-Za-z0-9_-]', { 1: '[AQgw]', 2: '[AEIMQUYcgkosw048]' }];
  if (bytes === undefined) return new RegExp(`^(?:${any}{4})*(?:${any}${ends[1]}|${any}{2}${ends[2]})?$`);
  const whole = Math.floor(bytes / 3) * 4;
  const rest = { 0: '', 1: `${any}${ends[1]}`, 2: `${any}{2}${ends[2]}` }[bytes % 3];
  return new RegExp(`^${any}{${whole}}${rest}$`);
}

/** Canonical base64url without padding; of `bytes` bytes, if given. */
export const base64url = (bytes?: number) =>
  z
    .string()
    .regex(
      base64urlPattern(bytes),
      `must be base64url without padding${bytes === undefined ? '' : ` of ${bytes} bytes`}`,
    );

/** Of a credential of any kind. */
export const actorSignature = z
  .string()
  .regex(/^[A-Za-z0-9_-]*$/)
  .max(mostSignatureCharacters)
  .refine(isSignature, 'must be base64url without padding of a signature')
  .describe('base64url of 64 bytes; of a passkey, of the container of its assertion');

/** Decimal digits without leading zeros. */
export const decimal = z.string().regex(/^(?:0|[1-9][0-9]{0,77})$/);

/** Text that a person gives a thing: no control characters, whole Unicode characters. */
export const title = z
  .string()
  .max(100)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  .regex(/^[^\u0000-\u001f\u007f-\u009f]*$/, 'must not contain control characters')
  .refine((text) => text.isWellFormed(), { message: 'must be whole Unicode characters' });

export const time = z.iso.datetime().describe('RFC 3339, UTC');
export const hex = z.string().regex(/^[0-9a-f]*$/);

export const keyType = z.enum(['secp256k1', 'ed25519']);
export const addressType = z.enum(['p2wpkh', 'p2tr']);
export const scope = z.enum(scopes);
export const nodeName = z.enum(['node1', 'node2']);

/** Only `standard` exists yet; the others are planned and have a code of their own. */
export const custody = z
  .string()
  .max(40)
  .refine((text) => text === 'standard', coded('custody_unsupported', 'only standard custody exists yet'))
  .describe('`standard`') as unknown as z.ZodType<'standard', string>; // refine does not narrow

export const blockchain = z
  .string()
  .max(40)
  .refine(isBlockchain, coded('blockchain_unsupported', 'no such blockchain; see GET /v1/chains'))
  .meta({ enum: Object.keys(blockchains) })
  .describe('Alias of a blockchain, such as ETH') as unknown as z.ZodType<Blockchain, string>; // likewise

const isSignKind = (text: string): boolean => (signKinds as readonly string[]).includes(text);

export const signKind = z
  .string()
  .max(40)
  .refine(isSignKind, coded('kind_unsupported', `must be one of: ${signKinds.join(', ')}`))
  .meta({ enum: [...signKinds] }) as unknown as z.ZodType<SignKind, string>; // likewise

export const from = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,9})$/)
  .transform(Number)
  .optional()
  .describe('Number of the first; 0 if absent');

export const page = {
  limit: z
    .string()
    .regex(/^(?:[1-9][0-9]?|100)$/)
    .transform(Number)
    .optional()
    .describe('At most this many, 1 to 100; 20 if absent'),
  cursor: z.string().max(500).optional().describe('`nextCursor` of the page before'),
};

export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({ data: z.array(item), nextCursor: z.string().optional() });
