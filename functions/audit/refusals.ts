/**
 * Records what an authenticated actor asked for in vain. What the record says is read from the request alone,
 * so that both nodes say the same.
 * @module
 */
import { fromBase64url } from '#shared/bytes.ts';
import type { ActorRequest } from '#shared/intent/http-signature.ts';
import type { SignedLater } from '#shared/registry/reduce.ts';
import { entry, type Registry } from '#shared/registry/registry.ts';
import { type SignedStatement, statementBytes, statementHash } from '#shared/registry/statement.ts';
import { matchRoute, type RouteName } from '#shared/wire/routes.ts';
import { authenticate, verifyWithOpenssl } from '../authenticate.ts';
import type { Node } from '../node.ts';
import { type AuditEvent, failed, roleOf } from './recording.ts';

/** What operations are called in records. */
export const actions = {
  createOrganization: 'found',
  createWalletSet: 'create_wallet_set',
  createWallets: 'create_wallets',
  createSignature: 'sign',
  decideApproval: 'approval.decide',
  cancelApproval: 'approval.cancel',
  createWebhook: 'create_webhook',
  updateWebhook: 'update_webhook',
  deleteWebhook: 'delete_webhook',
  rotateWebhookKey: 'rotate_webhook_key',
  testWebhook: 'test_webhook',
  redeliverWebhook: 'redeliver_webhook',
  createInvitation: 'mail_invitation.create',
  resendInvitation: 'mail_invitation.resend',
  endInvitation: 'mail_invitation.end',
  requestToJoin: 'mail_invitation.request',
} as const satisfies Partial<Record<RouteName, string>>;

/** Runs what a request asks for; a refusal is recorded if its actor is known. */
export async function refusalsRecorded<T>(
  node: Node,
  request: ActorRequest | undefined,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const event = request && (await refusedEvent(node, request).catch(() => undefined));
    if (event !== undefined) await failed(node, event, error);
    throw error;
  }
}

/** @throws if nobody is known to have asked */
async function refusedEvent(node: Node, request: ActorRequest): Promise<AuditEvent | undefined> {
  const { name } = matchRoute(request.method, request.path);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(request.body);
  const body = JSON.parse(text === '' ? '{}' : text) as Readonly<Record<string, unknown>>;
  if (name === 'createStatement') return statedEvent(node, body as unknown as SignedLater);
  const actor = await authenticate(node.registry, request, node.clock());
  const { operation } = (body['authorisation'] ?? {}) as { readonly operation?: unknown };
  return {
    organization: actor.organization,
    actor: actor.credentialId,
    role: roleOf(actor.registry, actor.credential.holder),
    action: (actions as Readonly<Record<string, string>>)[name] ?? name,
    object: objectOf(name, request, body),
    operation: isDigest(operation) ? operation : '',
  };
}

function objectOf(name: RouteName, request: ActorRequest, body: Readonly<Record<string, unknown>>): string {
  const named =
    name === 'createWallets' ? body['walletSet'] : matchRoute(request.method, request.path).params['id'];
  return typeof named === 'string' ? named.slice(0, 80) : '';
}

function isDigest(value: unknown): value is string {
  try {
    return typeof value === 'string' && fromBase64url(value).length === 32;
  } catch {
    return false;
  }
}

/** A statement is its actor's if the actor's credential signed it. */
async function statedEvent(
  node: Node,
  { statement, signature }: SignedLater,
): Promise<AuditEvent | undefined> {
  const registry = await node.registry.read(statement.organization);
  const credential = entry(registry.credentials, statement.actor);
  if (credential === undefined) return undefined;
  if (!verifyWithOpenssl(credential, statementBytes(statement), fromBase64url(signature))) return undefined;
  return {
    organization: registry.organization,
    actor: statement.actor,
    role: roleOf(registry, credential.holder),
    action: statement.kind.slice(0, 40),
    object: registry.organization,
    operation: statementHash(statement),
  };
}

/** Of the founding of an organization: its founder is known by the statement alone. */
export function foundingEvent(
  { organization, members, credentials }: Registry,
  { statement }: SignedStatement,
): AuditEvent {
  const [actor = ''] = Object.keys(credentials);
  const [role = ''] = Object.values(members).map((member) => member.role);
  const event = { organization, actor, role, action: actions.createOrganization, object: organization };
  return { ...event, operation: statementHash(statement) };
}

/** Of a statement that counts at this node, or is about to. */
export async function statementEvent(node: Node, signed: SignedLater): Promise<AuditEvent> {
  const { statement } = signed;
  const registry = await node.registry.read(statement.organization);
  const holder = entry(registry.credentials, statement.actor)?.holder ?? '';
  return {
    organization: statement.organization,
    actor: statement.actor,
    role: roleOf(registry, holder),
    action: statement.kind,
    object: statement.organization,
    operation: statementHash(statement),
  };
}
