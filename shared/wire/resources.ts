/**
 * What the API answers with. `/v1` grows by addition only, so readers ignore members that they do not know.
 * @module
 */
import * as z from 'zod';
import { attested } from './attested.ts';
import {
  actorSignature,
  addressType,
  base64url,
  decimal,
  hex,
  id,
  keyType,
  listOf,
  nodeName,
  scope,
  signKind,
  time,
} from './fields.ts';

const alias = z.string();

/** Node 2's word that it committed a statement. */
export const headReceipt = z.strictObject({
  type: z.literal('planbok/head-receipt/v1'),
  node: nodeName,
  issued: decimal.describe('Epoch milliseconds'),
  organization: id,
  head: id,
  seq: decimal.optional().describe('Number of the statement; absent: 0, the founding one'),
});
export type HeadReceipt = z.infer<typeof headReceipt>;

/** A node's word that a record is, or will be within seconds, in its audit log. */
const auditPromise = z.strictObject({
  type: z.literal('planbok/audit-promise/v1'),
  node: nodeName,
  issued: decimal.describe('Epoch milliseconds'),
  log: z.string().describe('Origin of the log'),
  record: base64url(32).describe('Id of the record'),
});

/** A node's word that an address belongs to a key that it holds a share of. */
export const addressProof = z.strictObject({
  type: z.literal('planbok/address-proof/v1'),
  node: nodeName,
  issued: decimal.describe('Epoch milliseconds'),
  organization: id,
  walletSet: id,
  wallet: id,
  blockchain: alias,
  addressType: z.enum(['', 'p2wpkh', 'p2tr']).describe('Empty unless the blockchain is Bitcoin'),
  path: z.string(),
  publicKey: hex.describe('33 bytes compressed, or 32 bytes ed25519'),
  address: z.string(),
  accountKey: hex.describe('Public key of the wallet set, of the same type'),
  chainCode: hex.describe('32 bytes: with accountKey and path it gives publicKey'),
});
export type AddressProof = z.infer<typeof addressProof>;

const relyingParty = {
  rpId: z.string().optional().describe('Of passkeys'),
  origins: z.array(z.string()).optional().describe('Of passkeys: where they may be used'),
};

export const organization = z.object({
  id,
  name: z.string(),
  head: id.describe('Newest registry head'),
  credentials: z.array(
    z.object({
      id,
      algorithm: z.string(),
      publicKey: base64url(),
      ...relyingParty,
      scopes: z.array(scope),
      member: z.string(),
    }),
  ),
  created: time,
});

export const statementTaken = z.object({
  kind: z.string(),
  seq: decimal,
  head: id,
  receipt: attested(headReceipt),
  auditEventId: z.string(),
});

export const statementPage = z.object({
  data: z.array(
    z.object({
      statement: z.looseObject({ type: z.string(), kind: z.string() }),
      signature: actorSignature,
      cosignatures: z.array(z.object({ by: z.string(), signature: actorSignature })).optional(),
    }),
  ),
  /** Head after the last of all statements. */
  head: id,
  seq: decimal,
});

const scopeMap = z.record(z.string(), z.array(scope)).describe('By wallet set; `*` for all others');
const credentialOf = z.object({
  id,
  algorithm: z.string(),
  publicKey: base64url(),
  ...relyingParty,
  scopes: z.array(scope),
  added: z.string(),
  until: z.string().optional(),
});

export const members = z.object({
  data: z.array(
    z.object({
      id,
      name: z.string(),
      role: z.string(),
      grants: scopeMap,
      added: z.string(),
      credentials: z.array(credentialOf),
    }),
  ),
});

export const apiKeys = z.object({
  data: z.array(
    z.object({
      id,
      name: z.string(),
      role: z.string(),
      scopes: scopeMap,
      cidrs: z.array(z.string()).optional(),
      expires: z.string().optional(),
      added: z.string(),
      credentials: z.array(credentialOf),
    }),
  ),
});

export const organizationFounded = z.object({
  id,
  name: z.string(),
  head: id,
  receipt: attested(headReceipt),
  created: time,
  auditEventId: z.string(),
});

export const walletSet = z.object({
  id,
  name: z.string(),
  custody: z.literal('standard'),
  keyTypes: z.array(keyType),
  state: z.enum(['dkg_pending', 'active', 'quarantined']),
  publicKeys: z.object({ secp256k1: hex.optional(), ed25519: hex.optional() }),
  xpub: z.string().optional().describe('BIP-32 account key, for watch-only wallets'),
  created: time,
  auditEventId: z.string(),
});

export const wallet = z.object({
  id,
  walletSet: id,
  blockchain: alias,
  address: z.string(),
  publicKey: hex,
  path: z.string(),
  index: z.int(),
  addressType: addressType.optional(),
  name: z.string(),
  refId: z.string(),
  created: time,
});

export const walletsCreated = z.object({ data: z.array(wallet), auditEventId: z.string() });

export const addressProofs = z.object({ node1: attested(addressProof), node2: attested(addressProof) });

export const effect = z.object({
  type: z.string(),
  from: z.string().optional(),
  to: z.string().optional(),
  asset: z.string().optional(),
  amount: z.string().optional(),
  details: z.record(z.string(), z.string()).optional(),
});

export const intent = z.object({
  kind: signKind,
  blockchain: alias,
  summary: z.string().describe('One sentence for a person'),
  effects: z.array(effect),
});

export const signature = z.object({
  id,
  state: z.literal('completed'),
  wallet: id,
  kind: signKind,
  blockchain: alias,
  signature: z.string().describe("In the blockchain's own form"),
  signedTransaction: z.string().optional().describe('Ready to send'),
  transactionId: z.string().optional(),
  intent,
  created: time,
  auditEventId: z.string(),
  auditPromises: z
    .object({ node1: attested(auditPromise), node2: attested(auditPromise) })
    .describe(
      'That both logs will hold the records of its intent; of the first digest, if there are several',
    ),
});

const outcome = z.enum(['allow', 'deny', 'needs_approval']);
const reasons = z.array(
  z.object({
    rule: z.string().describe('Id of the rule; `default`: what the policy does not understand'),
    code: z.string(),
    pointer: z.string().describe('RFC 6901, into the operation'),
    value: z.string(),
    limit: z.string(),
  }),
);

export const policyEvaluated = z.object({
  outcome,
  reasons,
  spends: z.array(
    z.object({ asset: z.string(), amount: z.string().describe('Smallest units, or `unlimited`') }),
  ),
});

export const approvalStates = [
  'pending_approval',
  'approved',
  'completed',
  'denied',
  'cancelled',
  'expired',
] as const;

/** A signature that waits for approvals. What it does is decoded by Node 1: whoever approves decodes it again. */
export const approval = z.object({
  id: id.describe('Follows from the operation'),
  state: z
    .enum(approvalStates)
    .describe('`approved`: whoever asked sends the same request again; `denied`: somebody rejected it'),
  operation: base64url(32).describe('Digest of the operation'),
  idempotencyKey: z.string(),
  wallet: id,
  walletSet: id,
  kind: signKind,
  blockchain: alias,
  intent,
  requester: id.describe('The member or API key that asks, as Node 1 says'),
  quorums: z
    .array(
      z.object({
        rule: z.string().describe('Id of the rule of the policy'),
        required: decimal,
        approvers: z.array(id).describe('Members or credentials'),
        have: z.array(id).describe('Members whose approval counts now'),
      }),
    )
    .describe('Of the rules that ask for approvals of this operation now'),
  policy: z.object({ outcome, reasons }).describe('As of now, with the approvals that are there'),
  created: time,
  expires: time,
  closed: z
    .object({ by: id.describe('Member or API key'), time })
    .optional()
    .describe('Who rejected or cancelled it'),
  signature: id.optional().describe('Once it is completed'),
});

export const heldApproval = approval.extend({
  payload: z.looseObject({ kind: signKind, blockchain: alias }).describe('What to sign, as it was sent'),
});

export const policies = z.object({
  data: z.array(
    z.object({
      walletSet: id.describe('`*`: of all that have none of their own'),
      policy: z.looseObject({ type: z.string() }),
      digest: base64url(32).optional().describe('Absent if this version cannot read it'),
    }),
  ),
});

export const preview = z.object({
  operation: z.object({
    type: z.literal('planbok/operation/v1'),
    organization: id,
    idempotencyKey: z.string(),
    kind: z.literal('signature.create'),
    walletSet: id,
    wallet: id,
    path: z.string(),
    blockchain: alias,
    payloadKind: signKind,
    payloadDigest: base64url(32),
    effects: z.array(effect),
    toSign: z.array(z.object({ path: z.string(), algorithm: z.string(), digest: base64url(32) })),
  }),
  operationDigest: base64url(32),
  intent,
  toSign: z.array(
    z.object({
      path: z.string(),
      algorithm: z.enum(['ecdsa', 'bip340', 'eddsa']),
      bytes: hex,
      merkleRoot: hex.optional(),
    }),
  ),
  policy: z
    .object({ outcome, reasons })
    .optional()
    .describe('As if the one who previews asked, and nothing had been counted in windows'),
});

export const idempotencyRecord = z.object({
  key: z.string(),
  operation: base64url(32).describe('Digest of the operation that the key was used for'),
  state: z.enum(['in_progress', 'completed', 'failed', 'pending_approval']),
  resources: z.array(id).describe('What it made'),
  created: time,
});

export const chains = z.object({
  data: z.array(
    z.object({
      blockchain: alias,
      name: z.string(),
      family: z.enum(['evm', 'bitcoin', 'solana', 'near']),
      caip2: z.string(),
      keyType,
      unit: z.string(),
      decimals: z.int(),
      testnet: z.boolean(),
      kinds: z.array(signKind),
    }),
  ),
});

export const limits = z.object({
  maxBodyBytes: z.record(z.string(), z.int()).describe('By route'),
  walletsPerRequest: z.int(),
  pageLimit: z.int(),
  authorisationSeconds: z.int(),
  clockToleranceSeconds: z.int(),
  requestsPerMinute: z.object({ credential: z.int(), organization: z.int() }),
});

export const health = z.object({ status: z.literal('ok'), version: z.string(), time });

export const attestations = z.object({
  nodes: z.array(
    z.object({
      node: nodeName,
      identity: base64url(91).describe('P-256 SubjectPublicKeyInfo; pin it'),
      delegation: z
        .object({ signed: base64url(), signature: base64url() })
        .optional()
        .describe('Of the node that answers'),
    }),
  ),
});

export const walletSetPage = listOf(walletSet);
export const walletPage = listOf(wallet);
export const signaturePage = listOf(signature);
export const approvalPage = listOf(approval);
