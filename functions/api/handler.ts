/**
 * The reads on Lambda: no share, no key but the one to check bearer tokens with, no way to the other node.
 * @module
 */
import { auditFilesOf } from '../adapters/audit-files.ts';
import { programPorts } from '../adapters/program-ports.ts';
import { tokenKeys } from '../adapters/token-keys.ts';
import { writeOnceTable } from '../adapters/write-once-table.ts';
import { verifyWithOpenssl } from '../authenticate.ts';
import { readProgramConfig } from '../config.ts';
import { http } from '../http.ts';
import { rateLimiter } from '../rate-limit.ts';
import { approvalsOver } from '../stores/approvals.ts';
import { auditOver } from '../stores/audit.ts';
import { deliveriesOver } from '../stores/deliveries.ts';
import { idempotencyOver } from '../stores/idempotency.ts';
import { invitationsOver } from '../stores/invitations.ts';
import { ledgerOver } from '../stores/ledger.ts';
import { registryOver } from '../stores/registry.ts';
import { resourcesOver } from '../stores/resources.ts';
import { tokensOf } from '../stores/tokens.ts';
import { endpointsOver } from '../stores/webhooks.ts';
import { apiRoutes } from './routes.ts';

/** Part of the deployed bundle. */
const version = '0.1.0';

const config = readProgramConfig();
const ports = programPorts(config, 'api');
const { tables, clock, log } = ports;
const limiter = rateLimiter(clock, config.rates);
const files = auditFilesOf(config) ?? writeOnceTable(tables.audit);

export const handler = http(
  apiRoutes({
    registry: registryOver(tables.registry, verifyWithOpenssl),
    resources: resourcesOver(tables.resources, clock),
    approvals: approvalsOver(tables.resources, clock),
    ledger: ledgerOver(tables.keys, clock, log),
    // Only ever asked what became of a key: the lease is Node 1's.
    idempotency: idempotencyOver(tables.idempotency, clock, 0),
    limiter,
    invitations: invitationsOver(tables.invitations, clock),
    tokens: tokensOf(tables.tokens, { ...ports, keys: tokenKeys(config) }, 'opens'),
    audit: { store: auditOver(tables.audit), files },
    webhooks: {
      endpoints: endpointsOver(tables.webhooks, clock),
      deliveries: deliveriesOver(tables.webhooks, clock),
    },
    clock,
    log,
    version,
  }),
  { log, limiter, origins: config.origins },
);
