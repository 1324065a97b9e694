/**
 * What Node 1 serves over HTTP.
 * @module
 */
import { toBase64url } from '#shared/bytes.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import { refusalsRecorded } from '../audit/refusals.ts';
import type { Handlers, HttpAnswer, HttpRequest, RouteHandler } from '../http.ts';
import { cancelApproval, decideApproval } from './approvals.ts';
import { auditCheckpoints, consistencyProof, exportAudit, tlog } from './audit.ts';
import { createInvitation, endInvitation, requestToJoin, resendInvitation } from './invitations.ts';
import type { Lead } from './lead.ts';
import { createOrganization } from './organizations.ts';
import { createSignature } from './signatures.ts';
import { createStatement, upToDate } from './statements.ts';
import { createToken, revokeToken } from './tokens.ts';
import { createWalletSet } from './wallet-sets.ts';
import { createWallets } from './wallets.ts';
import {
  createWebhook,
  deleteWebhook,
  redeliverWebhook,
  rotateWebhookKey,
  testWebhook,
  updateWebhook,
} from './webhooks.ts';

/** @param invitation hex SHA-256 of the token that founding an organization needs; undefined: open */
export const node1Routes = (lead: Lead, invitation?: string): Handlers<'node1'> => ({
  createOrganization: (request) => createOrganization(lead, request, invitation),
  createStatement: (request) => refusalsRecorded(lead.node, request, () => createStatement(lead, request)),
  createWalletSet: (request) =>
    refusalsRecorded(lead.node, request, () => upToDate(lead, request, () => createWalletSet(lead, request))),
  createWallets: (request) =>
    refusalsRecorded(lead.node, request, () => upToDate(lead, request, () => createWallets(lead, request))),
  createSignature: (request) =>
    refusalsRecorded(lead.node, request, () => upToDate(lead, request, () => createSignature(lead, request))),
  decideApproval: (request) =>
    refusalsRecorded(lead.node, request, () => upToDate(lead, request, () => decideApproval(lead, request))),
  cancelApproval: (request) =>
    refusalsRecorded(lead.node, request, () => upToDate(lead, request, () => cancelApproval(lead, request))),
  getAuditCheckpoints: (request) => auditCheckpoints(lead, request),
  getConsistencyProof: (request) => consistencyProof(lead, request),
  createWebhook: changing(lead, createWebhook),
  updateWebhook: changing(lead, updateWebhook),
  deleteWebhook: changing(lead, deleteWebhook),
  rotateWebhookKey: changing(lead, rotateWebhookKey),
  testWebhook: changing(lead, testWebhook),
  redeliverWebhook: changing(lead, redeliverWebhook),
  createToken: (request) => createToken(lead, request),
  revokeToken: (request) => revokeToken(lead, request),
  createInvitation: changing(lead, createInvitation),
  resendInvitation: changing(lead, resendInvitation),
  endInvitation: changing(lead, endInvitation),
  requestToJoin: (request) => requestToJoin(lead, request),
  exportAudit: (request) => exportAudit(lead, request),
  getTlog: (request) => tlog(lead, request),
  getAttestations: async () => ({ body: await attestations(lead) }),
});

const changing =
  (lead: Lead, change: (lead: Lead, request: HttpRequest) => Promise<HttpAnswer>): RouteHandler =>
  (request) =>
    refusalsRecorded(lead.node, request, () => upToDate(lead, request, () => change(lead, request)));

/** Node 1 knows its peer's identity by configuration, and says its own from its key. */
async function attestations({ node }: Lead): Promise<Reply<'getAttestations'>> {
  const [identities, voice] = await Promise.all([node.identities(), node.identity.voice()]);
  const { signed, signature } = voice.delegation;
  return {
    nodes: [
      {
        node: 'node1',
        identity: toBase64url(identities.node1),
        delegation: { signed: toBase64url(signed), signature: toBase64url(signature) },
      },
      { node: 'node2', identity: toBase64url(identities.node2) },
    ],
  };
}
