/**
 * Bodies of requests.
 * @module
 */
import * as z from 'zod';
import { mostOrigins } from '../registry/relying-party.ts';
import { passkeyAlgorithm, plainAlgorithms } from '../registry/statement.ts';
import {
  actorSignature,
  addressType,
  base64url,
  blockchain,
  custody,
  decimal,
  id,
  keyType,
  scope,
  signKind,
  time,
  title,
} from './fields.ts';

export const authorisation = z
  .strictObject({
    type: z.literal('planbok/authorisation/v1'),
    operation: base64url(32).describe('Operation digest'),
    nonce: base64url(16).describe('The nonce of the request signature'),
    issued: decimal.describe('Epoch seconds; `created` of the request signature'),
    expires: decimal.describe('Epoch seconds; `expires` of the request signature'),
    keyId: z.string().max(140).describe('`keyid` of the request signature: organization/credential'),
    registryHead: id.describe('The newest registry head that the actor has seen'),
  })
  .describe("The actor's word for one operation; covered by the request signature");

const scopesOfCredential = z.array(scope).min(1).max(8);
const point = 'the 65-byte uncompressed point of P-256';
const plainCredential = z.strictObject({
  algorithm: z.enum(plainAlgorithms),
  publicKey: base64url().describe(`32 bytes for ed25519, ${point}`),
  scopes: scopesOfCredential,
});
const passkey = z.strictObject({
  algorithm: z.literal(passkeyAlgorithm),
  publicKey: base64url(65).describe(point),
  rpId: z.string().max(253).describe('Relying party: a domain'),
  origins: z.array(z.string().max(270)).min(1).max(mostOrigins).describe('Of pages that may use it'),
  scopes: scopesOfCredential,
});
export const credential = z.discriminatedUnion('algorithm', [plainCredential, passkey]);

export const foundingStatement = z.strictObject({
  type: z.literal('planbok/statement/v1'),
  kind: z.literal('organization.found'),
  name: title.min(1),
  owner: z.strictObject({ name: title.min(1), credential }),
  created: time,
  nonce: base64url(16),
});

export const createOrganization = z.strictObject({
  statement: foundingStatement,
  signature: actorSignature,
  invitation: z.string().max(200).optional().describe('Token of the operator; not needed locally'),
});

/** A later statement: its form is checked by the reducer that both nodes run. */
export const createStatement = z.strictObject({
  statement: z.looseObject({
    type: z.literal('planbok/statement/v1'),
    kind: z.string().max(40),
    organization: id,
    seq: decimal,
  }),
  signature: actorSignature,
  cosignatures: z
    .array(z.strictObject({ by: z.string().max(80), signature: actorSignature }))
    .max(16)
    .optional(),
});

export const createWalletSet = z.strictObject({
  name: title.min(1),
  custody,
  keyTypes: z
    .array(keyType)
    .min(1)
    .max(2)
    .refine((types) => new Set(types).size === types.length, 'must not name a key type twice')
    .meta({ uniqueItems: true }),
  authorisation,
});

/** At most this many wallets come out of one request. */
export const maxWallets = 50;

export const createWallets = z
  .strictObject({
    walletSet: id,
    blockchains: z
      .array(blockchain)
      .min(1)
      .max(20)
      .refine((names) => new Set(names).size === names.length, 'must not name a blockchain twice')
      .meta({ uniqueItems: true }),
    addressType: addressType.optional().describe('Of Bitcoin wallets; p2wpkh if absent'),
    count: z
      .int()
      .min(1)
      .max(maxWallets)
      .optional()
      .describe(`Wallets per blockchain; 1 if absent. At most ${maxWallets} wallets in all`),
    name: title.optional(),
    refId: title.optional().describe("The caller's own id"),
    authorisation,
  })
  .refine(({ blockchains, count }) => blockchains.length * (count ?? 1) <= maxWallets, {
    path: ['count'],
    message: `must not make more than ${maxWallets} wallets in all`,
  });

/** `SignPayload` of shared/chains/intent.ts, which says what stands where. */
export const signPayload = z
  .strictObject({
    kind: signKind,
    blockchain,
    message: z.string().optional().describe('message: text'),
    messageHex: z
      .string()
      .optional()
      .describe('message: bytes (EIP-191), or a whole off-chain message (Solana)'),
    nep413: z
      .strictObject({
        message: z.string(),
        recipient: z.string(),
        nonce: z.string().describe('base64 of 32 bytes'),
        callbackUrl: z.string().optional(),
      })
      .optional()
      .describe('message: NEAR, NEP-413'),
    typedData: z.looseObject({}).optional().describe('typed_data: as for eth_signTypedData_v4'),
    transaction: z
      .string()
      .optional()
      .describe('transaction: EVM unsigned, 0x hex; Solana wire format, base64; NEAR borsh, base64'),
    psbt: z.string().optional().describe('psbt: BIP-174, base64'),
    digest: z.string().optional().describe('raw_digest: 32 bytes, hex'),
  })
  .describe('What to sign: exactly the member of its kind');

/** `SignedApproval` of shared/policy/approval.ts. */
export const signedApproval = z.strictObject({
  approval: z.strictObject({
    type: z.literal('planbok/approval/v1'),
    operation: base64url(32).describe('Digest of the operation that is approved'),
    decision: z.enum(['approve', 'reject']),
    keyId: z.string().max(140).describe("The approver's own: organization/credential"),
    registryHead: id.describe('The newest registry head that the approver has seen'),
    issued: decimal.describe('Epoch seconds'),
    expires: decimal.describe('Epoch seconds; at most 7 days later'),
    nonce: base64url(16),
  }),
  signature: actorSignature,
});
const approvals = z
  .array(signedApproval)
  .max(16)
  .optional()
  .describe('For the policy; no part of the operation');
const idempotencyKey = z
  .string()
  .regex(/^[A-Za-z0-9._~:-]{1,128}$/)
  .describe('The key that the signature will be asked for with: it is part of the operation');

/** As long as an operation can be retried, and an approval lives. */
const mostHoldSeconds = 7 * 24 * 3600;

export const createSignature = z.strictObject({
  payload: signPayload,
  approvals,
  holdSeconds: z
    .int()
    .min(0)
    .max(mostHoldSeconds)
    .optional()
    .describe(
      'How long it is kept for approvals that are missing; 0: it is refused. If absent, 7 days, or 0 with approvals. No part of the operation',
    ),
  authorisation,
});

export const previewSignature = z.strictObject({
  wallet: id,
  payload: signPayload,
  idempotencyKey,
  approvals,
});

export const evaluatePolicy = z
  .strictObject({
    wallet: id,
    payload: signPayload,
    idempotencyKey: idempotencyKey.optional(),
    approvals,
    policy: z.looseObject({}).optional().describe('A draft, instead of the policy in force'),
  })
  .refine(({ approvals: given, idempotencyKey: key }) => given === undefined || key !== undefined, {
    path: ['idempotencyKey'],
    message: 'is needed with approvals: they are for one operation, which it is part of',
  });
