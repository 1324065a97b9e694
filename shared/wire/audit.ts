/**
 * What the API says of the audit logs.
 * @module
 */
import * as z from 'zod';
import { phases } from '../audit/record.ts';
import { parseTilePath, tileWidth } from '../audit/tile.ts';
import { attested } from './attested.ts';
import { base64url, decimal, from, id, nodeName, page, time } from './fields.ts';

/** Every member narrows. */
export const auditEventQuery = z.strictObject({
  object: id.optional().describe('What it was done to: a wallet, a wallet set, the organization'),
  actor: id.optional().describe('Credential that asked'),
  action: id.optional().describe('Such as `sign`'),
  phase: z.enum(phases).optional(),
  from: time.optional().describe('Not before this time'),
  to: time.optional().describe('Before this time'),
  ...page,
});

export const auditEvent = z.object({
  id: id.describe('As in `auditEventId`'),
  state: z.enum(['pending', 'integrated']),
  index: z.int().optional(),
  record: z.string().describe('Canonical JSON: the leaf'),
});

export const auditEventPage = z.object({
  data: z.array(auditEvent).describe('With filters perhaps none, although more follow'),
  nextCursor: z.string().optional().describe('Absent: there are no more'),
});

export const auditProof = z.object({
  ...auditEvent.shape,
  log: z.string(),
  cosigned: z.boolean().describe('By the other node'),
  checkpoint: z.string().describe('C2SP signed note'),
  proof: z.array(base64url(32)).describe('RFC 6962 inclusion path, from the leaf up'),
});

export const auditKey = z.strictObject({
  type: z.literal('planbok/audit-key/v1'),
  node: nodeName,
  issued: decimal.describe('Epoch milliseconds'),
  use: z.enum(['log', 'witness', 'webhook']),
  name: z.string(),
  publicKey: base64url(32),
});

const checkpoint = z.object({
  node: nodeName,
  log: z.string().describe('Origin of the log'),
  size: z.int().describe('Of the checkpoint'),
  checkpoint: z.string().describe('C2SP signed note, cosigned by the other node'),
  keys: z.object({ log: attested(auditKey), witness: attested(auditKey) }),
});
export type AuditCheckpoint = z.infer<typeof checkpoint>;

export const auditCheckpoints = z.object({
  node1: checkpoint.optional().describe('Absent until the first checkpoint is cosigned'),
  node2: checkpoint.optional(),
});

const size = z
  .string()
  .regex(/^[1-9][0-9]{0,14}$/)
  .transform(Number);

export const consistencyQuery = z.strictObject({
  log: nodeName,
  from: size.describe('Size of the older log'),
  to: size.describe('Size of the newer one'),
});

export const consistencyProof = z.object({
  log: z.string(),
  from: z.int(),
  to: z.int(),
  proof: z.array(base64url(32)).describe('RFC 6962; empty if the sizes are equal'),
});
export type ConsistencyProof = z.infer<typeof consistencyProof>;

export const exportQuery = z.strictObject({
  log: nodeName.optional().describe('node1 if absent'),
  from,
  limit: z
    .string()
    .regex(/^(?:[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-6])$/)
    .transform(Number)
    .optional()
    .describe(`At most this many, 1 to ${tileWidth}; 20 if absent`),
});

export const auditExport = z.object({
  ...checkpoint.shape,
  from: z.int(),
  records: z.array(z.string()).describe('Canonical JSON, one per leaf'),
});
export type AuditExportPage = z.infer<typeof auditExport>;

export const tlogParams = z.strictObject({
  node: nodeName,
  path: z
    .string()
    .max(60)
    .refine(
      (path) => path === 'checkpoint' || parseTilePath(path) !== undefined,
      'must be a path of tlog-tiles',
    )
    .describe('`checkpoint`, or the path of a tile or of a bundle of entries; contains slashes'),
});

export const tlogResource = z
  .string()
  .meta({ format: 'binary' })
  .describe('The bytes, as tlog-tiles has them');
