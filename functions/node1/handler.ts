/**
 * Node 1 on Lambda: joins configuration, adapters and use cases once, at cold start.
 * @module
 */
import { outbox } from '../adapters/outbox.ts';
import { node1Ports } from '../adapters/ports.ts';
import { tokenKeys } from '../adapters/token-keys.ts';
import { peerOver } from '../channel/call.ts';
import { readNodeConfig } from '../config.ts';
import { http } from '../http.ts';
import { nodeOf } from '../node.ts';
import { admitting, rateLimiter } from '../rate-limit.ts';
import { idempotencyOver } from '../stores/idempotency.ts';
import { invitationsOver } from '../stores/invitations.ts';
import { tokensOf } from '../stores/tokens.ts';
import { nodeWebhooks } from '../webhooks/node-webhooks.ts';
import { invitingOf } from './invitations.ts';
import { node1Routes } from './routes.ts';

const config = readNodeConfig('node1');
const { peerIdentity, bundle } = config;
const ports = node1Ports(config);
const limiter = rateLimiter(ports.clock, config.rates);
export const node = nodeOf({ ...ports, admit: admitting(limiter) }, { node: 'node1', peerIdentity, bundle });
export const peer = peerOver({ ...ports, identity: node.identity, peerIdentity });
const idempotency = idempotencyOver(ports.tables.idempotency, ports.clock, config.leaseMs);
const tokens = tokensOf(ports.tables.tokens, { ...ports, keys: tokenKeys(config) }, 'makes');

const { outboxFolder } = config;
const mailer = outboxFolder === undefined ? undefined : outbox(outboxFolder, ports.clock);
const inviting = invitingOf(invitationsOver(ports.tables.invitations, ports.clock), mailer, ports.clock);

export const webhooks = nodeWebhooks(node, ports.tables.webhooks, config.local);

export const handler = http(
  node1Routes({ node, peer, idempotency, webhooks, tokens, inviting }, config.invitation),
  {
    log: ports.log,
    limiter,
    origins: config.origins,
  },
);
