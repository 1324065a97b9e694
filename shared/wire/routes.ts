/**
 * Every route of the API, as data: gateway, handlers, guards, client and OpenAPI read this one table.
 * @module
 */
import * as z from 'zod';
import { CustodyError } from '../errors.ts';
import { idempotencyKeyPattern } from '../intent/http-signature.ts';
import * as audit from './audit.ts';
import { operationErrors, payloadErrors, protocolErrors } from './errors-of.ts';
import * as happened from './events.ts';
import { from, id, page } from './fields.ts';
import * as invitations from './invitations.ts';
import * as ask from './requests.ts';
import * as answer from './resources.ts';
import { change, large, open, type Program, type Route, read, removal } from './route.ts';
import * as tokens from './tokens.ts';
import * as hooks from './webhooks.ts';

export type { Program, Route } from './route.ts';

/** Whoever may not decide here, and what is decided already. */
const ofApprovals = ['approval_not_found', 'approver_refused', 'approval_closed', 'policy_denied'] as const;

/** For some roles, and what is not theirs is not there. */
const ofWebhooks = ['role_missing', 'webhook_not_found'] as const;

/** Invitations are for some roles, and their mails can fail. */
const ofInvitations = ['role_missing', 'invitation_not_found'] as const;
const ofMail = ['mail_unsupported', 'mail_unavailable', 'invitation_limit_reached'] as const;

const byId = z.strictObject({ id });

export const routes = {
  createOrganization: {
    ...change,
    ...open,
    signed: true,
    // Founding again with the same statement changes nothing.
    idempotent: false,
    path: '/v1/organizations',
    errors: ['invitation_invalid', 'statement_refused', 'credential_unknown'],
    summary: 'Found an organization: its id is the hash of the statement',
    body: ask.createOrganization,
    response: answer.organizationFounded,
  },
  getOrganization: {
    ...read,
    path: '/v1/organization',
    on: 'some',
    summary: 'The organization of the credential',
    response: answer.organization,
  },
  createStatement: {
    ...change,
    ...open,
    path: '/v1/statements',
    idempotent: false,
    // A policy of 32 KiB, and the assertions of 17 passkeys.
    maxBodyBytes: 131_072,
    errors: [
      'signature_invalid',
      'credential_unknown',
      'credential_inactive',
      'statement_refused',
      'statement_conflict',
      'role_missing',
      'grant_refused',
      'last_owner',
      'invitation_unusable',
      'cosignatures_missing',
      'approval_required',
    ],
    summary:
      "State something: members, credentials, API keys, scopes, policies; signed by its actor's credential",
    body: ask.createStatement,
    response: answer.statementTaken,
  },
  listStatements: {
    ...read,
    path: '/v1/statements',
    on: 'some',
    summary: "The organization's statements, by number: whoever has them computes the same registry",
    query: z.strictObject({ from, limit: page.limit }),
    response: answer.statementPage,
  },
  listMembers: {
    ...read,
    path: '/v1/members',
    on: 'some',
    summary: 'Members, their roles and credentials',
    response: answer.members,
  },
  listApiKeys: {
    ...read,
    path: '/v1/api-keys',
    on: 'some',
    summary: 'API keys: scopes, addresses, expiry',
    response: answer.apiKeys,
  },
  createToken: {
    ...change,
    path: '/v1/tokens',
    scope: 'view',
    on: 'some',
    act: 'tokens',
    errors: ['authorisation_mismatch', 'registry_behind', 'role_missing', 'grant_refused'],
    summary: 'Make a bearer token for reading; the answer is the only place where it stands',
    body: tokens.createToken,
    response: tokens.tokenCreated,
  },
  listTokens: {
    ...read,
    path: '/v1/tokens',
    on: 'some',
    act: 'tokens',
    errors: ['role_missing'],
    summary: 'Bearer tokens, newest first, without what makes them work',
    query: z.strictObject(page),
    response: tokens.tokenPage,
  },
  revokeToken: {
    ...removal,
    path: '/v1/tokens/{id}',
    scope: 'view',
    on: 'some',
    act: 'tokens',
    errors: ['role_missing', 'token_not_found'],
    summary: 'Revoke a bearer token: the next request with it is refused',
    params: byId,
    response: tokens.token,
  },
  createInvitation: {
    ...change,
    path: '/v1/invitations',
    scope: 'view',
    on: 'some',
    act: 'invitations',
    errors: ['role_missing', 'grant_refused', 'authorisation_mismatch', ...ofMail],
    summary: 'Invite somebody by mail: a code to ask to join with, which gives no rights',
    body: invitations.createInvitation,
    response: invitations.invitation,
  },
  listInvitations: {
    ...read,
    path: '/v1/invitations',
    on: 'some',
    act: 'invitations',
    errors: ['role_missing'],
    summary: 'Invitations by mail, newest first, and the requests to join that came with their codes',
    query: z.strictObject(page),
    response: invitations.invitationPage,
  },
  getInvitation: {
    ...read,
    path: '/v1/invitations/{id}',
    on: 'some',
    act: 'invitations',
    errors: ofInvitations,
    summary: 'One invitation by mail',
    params: byId,
    response: invitations.invitation,
  },
  resendInvitation: {
    ...change,
    path: '/v1/invitations/{id}/resend',
    scope: 'view',
    on: 'some',
    act: 'invitations',
    errors: [...ofInvitations, 'invitation_unusable', ...ofMail],
    maxBodyBytes: 0,
    summary: 'Send it again with a new code: the old one is void, and what was asked with it forgotten',
    params: byId,
    body: z.undefined(),
    response: invitations.invitation,
  },
  endInvitation: {
    ...removal,
    path: '/v1/invitations/{id}',
    scope: 'view',
    on: 'some',
    act: 'invitations',
    errors: ofInvitations,
    idempotent: false,
    summary:
      'End it: `admitted` if the key that asked is a member by now, `revoked` otherwise. Erases the address',
    params: byId,
    response: invitations.invitation,
  },
  requestToJoin: {
    ...change,
    ...open,
    path: '/v1/invitations/requests',
    errors: ['invitation_code_invalid', 'invitation_unusable'],
    idempotent: false,
    summary: 'Ask to join with the code of a mail: the first request is kept for whoever invited',
    body: invitations.requestToJoin,
    response: invitations.joinRequested,
  },
  createWalletSet: {
    ...change,
    path: '/v1/wallet-sets',
    scope: 'create_wallet',
    on: 'every',
    errors: [...operationErrors, ...protocolErrors, 'custody_unsupported', 'session_not_found'],
    summary: 'Make the keys of a wallet set: both nodes generate them together',
    body: ask.createWalletSet,
    response: answer.walletSet,
  },
  listWalletSets: {
    ...read,
    path: '/v1/wallet-sets',
    on: 'some',
    summary: 'Wallet sets, newest first',
    query: z.strictObject(page),
    response: answer.walletSetPage,
  },
  getWalletSet: {
    ...read,
    path: '/v1/wallet-sets/{id}',
    on: 'one',
    errors: ['wallet_set_not_found'],
    summary: 'One wallet set',
    params: byId,
    response: answer.walletSet,
  },
  createWallets: {
    ...change,
    path: '/v1/wallets',
    scope: 'create_wallet',
    on: 'one',
    errors: [
      ...operationErrors,
      'wallet_set_not_found',
      'wallet_set_not_active',
      'blockchain_unsupported',
      'key_type_missing',
    ],
    summary: 'Derive wallets, each with a proof of its address by both nodes',
    body: ask.createWallets,
    response: answer.walletsCreated,
  },
  listWallets: {
    ...read,
    path: '/v1/wallets',
    on: 'some',
    summary: 'Wallets, newest first',
    query: z.strictObject({ walletSet: id.optional(), ...page }),
    response: answer.walletPage,
  },
  getWallet: {
    ...read,
    path: '/v1/wallets/{id}',
    on: 'one',
    errors: ['wallet_not_found'],
    summary: 'One wallet',
    params: byId,
    response: answer.wallet,
  },
  getAddressProof: {
    ...read,
    path: '/v1/wallets/{id}/address-proof',
    on: 'one',
    errors: ['wallet_not_found'],
    summary: "Both nodes' signed word for the address",
    params: byId,
    response: answer.addressProofs,
  },
  createSignature: {
    ...change,
    path: '/v1/wallets/{id}/signatures',
    scope: 'sign',
    on: 'one',
    maxBodyBytes: large,
    errors: [
      ...operationErrors,
      ...protocolErrors,
      ...payloadErrors,
      'wallet_not_found',
      'wallet_set_not_found',
      'policy_denied',
      'approval_required',
    ],
    summary: 'Sign: both nodes decode, authorise and sign together',
    params: byId,
    body: ask.createSignature,
    response: answer.signature,
    pending: answer.approval,
  },
  listSignatures: {
    ...read,
    path: '/v1/signatures',
    on: 'some',
    summary: 'Signatures, newest first',
    query: z.strictObject({ wallet: id.optional(), ...page }),
    response: answer.signaturePage,
  },
  previewSignature: {
    ...read,
    method: 'POST',
    path: '/v1/signatures/preview',
    on: 'one',
    maxBodyBytes: large,
    errors: [...payloadErrors, 'wallet_not_found', 'wallet_set_not_found'],
    summary: 'Decode a payload: what it does, the operation to authorise, what would be signed',
    body: ask.previewSignature,
    response: answer.preview,
  },
  evaluatePolicy: {
    ...read,
    method: 'POST',
    path: '/v1/policies/evaluate',
    on: 'one',
    maxBodyBytes: large,
    errors: [...payloadErrors, 'wallet_not_found', 'wallet_set_not_found'],
    summary: 'What the policy in force, or a draft, says of a payload',
    body: ask.evaluatePolicy,
    response: answer.policyEvaluated,
  },
  listPolicies: {
    ...read,
    path: '/v1/policies',
    on: 'some',
    summary: 'Policies in force, by wallet set',
    response: answer.policies,
  },
  getSignature: {
    ...read,
    path: '/v1/signatures/{id}',
    on: 'one',
    errors: ['signature_not_found'],
    summary: 'One signature',
    params: byId,
    response: answer.signature,
  },
  listApprovals: {
    ...read,
    path: '/v1/approvals',
    on: 'some',
    summary: 'Signatures that wait for approvals, or did, newest first',
    query: z.strictObject({
      state: z.enum(answer.approvalStates).optional(),
      wallet: id.optional(),
      ...page,
    }),
    response: answer.approvalPage,
  },
  getApproval: {
    ...read,
    path: '/v1/approvals/{id}',
    on: 'one',
    errors: ['approval_not_found'],
    summary: 'One of them, with its payload',
    params: byId,
    response: answer.heldApproval,
  },
  decideApproval: {
    ...change,
    path: '/v1/approvals/{id}/decisions',
    scope: 'approve',
    on: 'one',
    errors: [...ofApprovals, 'authorisation_mismatch', 'authorisation_expired', 'registry_behind'],
    idempotent: false,
    summary: "Approve or reject: the approver's signed word over the operation's digest",
    params: byId,
    body: ask.signedApproval,
    response: answer.approval,
  },
  cancelApproval: {
    ...change,
    method: 'DELETE',
    path: '/v1/approvals/{id}',
    scope: 'sign',
    on: 'one',
    errors: ofApprovals,
    idempotent: false,
    maxBodyBytes: 0,
    status: 200,
    summary: 'Take it back: by who asked',
    params: byId,
    body: z.undefined(),
    response: answer.approval,
  },
  listAuditEvents: {
    ...read,
    path: '/v1/audit/events',
    on: 'one',
    summary: "What Node 1's audit log says, newest first; with `object`, the timeline of that thing",
    query: audit.auditEventQuery,
    response: audit.auditEventPage,
  },
  getAuditEvent: {
    ...read,
    path: '/v1/audit/events/{id}',
    on: 'one',
    errors: ['audit_event_not_found'],
    summary: 'One event, as soon as it is durable',
    params: byId,
    response: audit.auditEvent,
  },
  getAuditProof: {
    ...read,
    path: '/v1/audit/events/{id}/proof',
    on: 'one',
    errors: ['audit_event_not_found', 'audit_unavailable'],
    summary: 'Proof that an event is in the log',
    params: byId,
    response: audit.auditProof,
  },
  getAuditCheckpoints: {
    ...read,
    path: '/v1/audit/checkpoints/latest',
    // Sizes and hashes; records say more.
    on: 'some',
    program: 'node1',
    errors: ['node_unavailable'],
    summary: "The newest cosigned checkpoints of both nodes' logs, and the keys to verify them with",
    response: audit.auditCheckpoints,
  },
  getConsistencyProof: {
    ...read,
    path: '/v1/audit/consistency-proof',
    // Sizes and hashes; records say more.
    on: 'some',
    program: 'node1',
    errors: ['audit_unavailable', 'node_unavailable'],
    summary: 'Proof that a log of one size is the beginning of the log at another',
    query: audit.consistencyQuery,
    response: audit.consistencyProof,
  },
  exportAudit: {
    ...read,
    path: '/v1/audit/export',
    on: 'every',
    program: 'node1',
    errors: ['audit_unavailable', 'node_unavailable'],
    summary: 'Records of a log below its newest cosigned checkpoint, and the keys to verify them with',
    query: audit.exportQuery,
    response: audit.auditExport,
  },
  getTlog: {
    ...read,
    path: '/v1/tlog/{node}/{path+}',
    on: 'every',
    program: 'node1',
    mediaTypes: ['application/octet-stream', 'text/plain; charset=utf-8'],
    errors: ['audit_resource_not_found', 'audit_unavailable', 'node_unavailable'],
    summary: "A node's log as C2SP tlog-tiles: `checkpoint`, `tile/…`, `tile/entries/…`",
    params: audit.tlogParams,
    response: audit.tlogResource,
  },
  listEvents: {
    ...read,
    path: '/v1/events',
    // The feed says what happens to every wallet set.
    on: 'every',
    errors: ['audit_unavailable'],
    summary: 'What happened, oldest first, from a cursor on: for polling',
    query: happened.eventsQuery,
    response: happened.eventPage,
  },
  createWebhook: {
    ...change,
    path: '/v1/webhooks',
    scope: 'view',
    on: 'every',
    act: 'webhooks',
    errors: ['role_missing', 'webhook_url_refused', 'webhook_limit_reached'],
    summary: 'Have events sent to a URL, signed by a key of its own (Standard Webhooks, Ed25519)',
    body: hooks.createWebhook,
    response: hooks.webhook,
  },
  listWebhooks: {
    ...read,
    path: '/v1/webhooks',
    on: 'every',
    act: 'webhooks',
    errors: ['role_missing'],
    summary: 'Webhooks, newest first',
    query: hooks.listQuery,
    response: hooks.webhookPage,
  },
  getWebhook: {
    ...read,
    path: '/v1/webhooks/{id}',
    on: 'every',
    act: 'webhooks',
    errors: ofWebhooks,
    summary: 'One webhook, its keys, and where its deliveries stand',
    params: hooks.byId,
    response: hooks.webhook,
  },
  updateWebhook: {
    ...change,
    method: 'PATCH',
    path: '/v1/webhooks/{id}',
    scope: 'view',
    on: 'every',
    act: 'webhooks',
    errors: [...ofWebhooks, 'webhook_url_refused'],
    status: 200,
    summary: 'Change URL, name, types; switch it off, or on again; begin elsewhere in the feed',
    params: hooks.byId,
    body: hooks.updateWebhook,
    response: hooks.webhook,
  },
  deleteWebhook: {
    ...change,
    method: 'DELETE',
    path: '/v1/webhooks/{id}',
    scope: 'view',
    on: 'every',
    act: 'webhooks',
    errors: ofWebhooks,
    maxBodyBytes: 0,
    status: 200,
    summary: 'Delete a webhook and its keys',
    params: hooks.byId,
    body: z.undefined(),
    response: hooks.webhookDeleted,
  },
  rotateWebhookKey: {
    ...change,
    path: '/v1/webhooks/{id}/rotate',
    scope: 'view',
    on: 'every',
    act: 'webhooks',
    errors: ofWebhooks,
    summary: 'Make a new key; the old one signs beside it for a while',
    params: hooks.byId,
    body: hooks.rotateWebhookKey,
    response: hooks.webhook,
  },
  testWebhook: {
    ...change,
    path: '/v1/webhooks/{id}/test',
    scope: 'view',
    on: 'every',
    act: 'webhooks',
    errors: [...ofWebhooks, 'webhook_limit_reached'],
    maxBodyBytes: 0,
    summary: 'Send an event `webhook.test`, once',
    params: hooks.byId,
    body: z.undefined(),
    response: hooks.deliveryQueued,
  },
  listDeliveries: {
    ...read,
    path: '/v1/webhooks/{id}/deliveries',
    on: 'every',
    act: 'webhooks',
    errors: ofWebhooks,
    summary: 'Attempts of the last 7 days, newest first',
    params: hooks.byId,
    query: hooks.listQuery,
    response: hooks.deliveryPage,
  },
  redeliverWebhook: {
    ...change,
    path: '/v1/webhooks/{id}/deliveries/{delivery}/redeliver',
    scope: 'view',
    on: 'every',
    act: 'webhooks',
    errors: [...ofWebhooks, 'delivery_not_found', 'webhook_limit_reached'],
    maxBodyBytes: 0,
    summary: 'Send an event once more, out of turn, under the same id',
    params: hooks.byDelivery,
    body: z.undefined(),
    response: hooks.deliveryQueued,
  },
  getIdempotencyKey: {
    ...read,
    path: '/v1/idempotency-keys/{key}',
    on: 'some',
    errors: ['idempotency_key_not_found'],
    summary: 'Did it happen? What became of a request, by its Idempotency-Key',
    params: z.strictObject({ key: z.string().regex(idempotencyKeyPattern) }),
    response: answer.idempotencyRecord,
  },
  listChains: {
    ...read,
    ...open,
    path: '/v1/chains',
    summary: 'Blockchains and what can be signed for them',
    response: answer.chains,
  },
  getLimits: {
    ...read,
    ...open,
    path: '/v1/limits',
    summary: 'Limits of this deployment',
    response: answer.limits,
  },
  getHealth: {
    ...read,
    ...open,
    path: '/v1/health',
    summary: 'Is the API up, and what time is it there',
    response: answer.health,
  },
  getAttestations: {
    ...read,
    ...open,
    path: '/v1/attestations',
    program: 'node1',
    summary: 'Identity keys of both nodes, and the keys that they delegate to',
    response: answer.attestations,
  },
  getOpenapi: {
    ...read,
    ...open,
    path: '/v1/openapi.json',
    summary: 'This document',
    response: z.looseObject({ openapi: z.string() }),
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;
export type Params<N extends RouteName> = z.infer<(typeof routes)[N]['params']>;
export type Query<N extends RouteName> = z.infer<(typeof routes)[N]['query']>;
export type Body<N extends RouteName> = z.infer<(typeof routes)[N]['body']>;
export type Answer<N extends RouteName> = z.infer<(typeof routes)[N]['response']>;

export interface Match {
  readonly name: RouteName;
  readonly route: Route;
  /** Not yet validated. */
  readonly params: Readonly<Record<string, string>>;
}

const names = Object.keys(routes) as RouteName[];

/** The parameters, if the path fits the template. A fixed segment wins over a parameter: see {@link matchRoute}. */
function matchPath(template: string, path: string): Record<string, string> | undefined {
  const [want, have] = [template.split('/'), path.split('/')];
  const greedy = template.endsWith('+}');
  if (greedy ? have.length < want.length : want.length !== have.length) return undefined;
  const params: [string, string][] = [];
  for (const [i, segment] of want.entries()) {
    const rest = greedy && i === want.length - 1;
    const value = rest ? have.slice(i).join('/') : (have[i] ?? '');
    if (segment.startsWith('{')) {
      if (value === '') return undefined;
      params.push([segment.replace(/[{+}]/g, ''), value]);
    } else if (segment !== value) return undefined;
  }
  return Object.fromEntries(params);
}

/**
 * @param path without the query.
 * @throws {CustodyError} `route_not_found`; `method_not_allowed` if the path exists for another method.
 */
export function matchRoute(method: string, path: string): Match {
  const fitting = names.flatMap((name) => {
    const params = matchPath(routes[name].path, path);
    return params ? [{ name, route: routes[name] as Route, params }] : [];
  });
  const found = fitting
    .filter(({ route }) => route.method === method)
    .sort((a, b) => Object.keys(a.params).length - Object.keys(b.params).length)[0];
  if (found) return found;
  if (fitting.length > 0) throw new CustodyError('method_not_allowed', `${path} does not take ${method}`);
  throw noRoute();
}

/** What the path takes. @throws {CustodyError} `route_not_found` */
export function methodsOf(path: string): readonly Route['method'][] {
  const methods = names
    .filter((name) => matchPath(routes[name].path, path))
    .map((name) => routes[name].method);
  if (methods.length === 0) throw noRoute();
  return [...new Set(methods)];
}

const noRoute = (): CustodyError =>
  new CustodyError('route_not_found', 'no such route; see GET /v1/openapi.json');

/** @throws {CustodyError} as {@link matchRoute} */
export const programOf = (method: string, path: string): Program => matchRoute(method, path).route.program;

/** The path of a route with its parameters filled in. */
export const pathOf = (name: RouteName, params: Readonly<Record<string, string>> = {}): string =>
  routes[name].path.replace(/\{(\w+)\+?\}/g, (_, parameter: string) => params[parameter] ?? '');
