/**
 * What the API says of the audit logs.
 * @module
 */
import * as z from 'zod';
import { attested } from './attested.ts';
import { base64url, decimal, id } from './fields.ts';

const nodeName = z.enum(['node1', 'node2']);

export const auditEvent = z.object({
  id: id.describe('As in `auditEventId`'),
  state: z.enum(['pending', 'integrated']),
  index: z.int().optional(),
  record: z.string().describe('Canonical JSON: the leaf'),
});

export const auditEventPage = z.object({ data: z.array(auditEvent), nextCursor: z.string().optional() });

export const auditProof = z.object({
  ...auditEvent.shape,
  log: z.string(),
  cosigned: z.boolean().describe('By the other node'),
  checkpoint: z.string().describe('C2SP signed note'),
  proof: z.array(base64url(32)).describe('RFC 6962 inclusion path, from the leaf up'),
});

const checkpoint = z.object({ log: z.string(), size: z.int(), checkpoint: z.string() });

export const auditCheckpoints = z.object({
  node1: checkpoint.optional().describe('Cosigned by Node 2'),
  node2: checkpoint.optional().describe("Node 2's, as Node 1 has seen and cosigned it"),
});

const auditKey = z.strictObject({
  type: z.literal('planbok/audit-key/v1'),
  node: nodeName,
  issued: decimal.describe('Epoch milliseconds'),
  use: z.enum(['log', 'witness']),
  name: z.string(),
  publicKey: base64url(32),
});

export const auditExport = z.object({
  node: nodeName,
  log: z.string(),
  size: z.int().describe('Of the checkpoint'),
  checkpoint: z.string().describe('C2SP signed note, cosigned by the other node'),
  keys: z.object({ log: attested(auditKey), witness: attested(auditKey) }),
  from: z.int(),
  records: z.array(z.string()).describe('Canonical JSON, one per leaf'),
});
export type AuditExportPage = z.infer<typeof auditExport>;
