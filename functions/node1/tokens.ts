/**
 * Bearer tokens: made and revoked by Owners and Admins, for reading at this account. Node 2 has no part in it:
 * nothing that a token does reaches it.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import { tokenOperation, tokenRevocation } from '#shared/intent/build.ts';
import { derivedId } from '#shared/intent/canonical.ts';
import { operationDigest } from '#shared/intent/operation.ts';
import { assertMayGive } from '#shared/registry/roles.ts';
import type { Scope } from '#shared/registry/statement.ts';
import { formatBearer } from '#shared/wire/bearer-token.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import { maxTokenMs } from '#shared/wire/tokens.ts';
import { type AuditEvent, eventId, eventOf, failed, recorded } from '../audit/recording.ts';
import { type Actor, authenticate } from '../authenticate.ts';
import { assertMay } from '../guard.ts';
import type { HttpRequest } from '../http.ts';
import { authorise, openRequest } from '../intake.ts';
import type { StoredToken } from '../stores/tokens.ts';
import { tokenView } from '../views.ts';
import { type Answer, type Lead, once } from './lead.ts';
import { upToDate } from './statements.ts';

/** What operations on tokens are called in records. They have an effect at Node 1 alone. */
const actions = { create: 'create_token', revoke: 'revoke_token' } as const;

export async function createToken(lead: Lead, request: HttpRequest): Promise<Answer<Reply<'createToken'>>> {
  const { node, tokens } = lead;
  const { actor, body } = await upToDate(lead, request, () => openRequest(node, request, 'createToken'));
  const { organization } = actor;
  const operation = tokenOperation(organization, request.idempotencyKey, body);
  const digest = operationDigest(operation);
  const id = derivedId('tok', digest, 0);
  const event = eventOf(actor, actions.create, id, digest);
  return attempted(lead, request, event, async ({ registry, credentialId, credential, ...rest }) => {
    const { walletSets, cidrs, name } = operation;
    const view = Object.fromEntries(walletSets.map((set): [string, Scope[]] => [set, ['view']]));
    assertMayGive(registry, credentialId, view);
    authorise(node, { registry, credentialId, credential, ...rest }, body.authorisation, operation);
    const expiresMs = expiryOf(operation.expires, node.clock());
    const find = async () => {
      const known = await tokens.find(id);
      return known && createdView(known);
    };
    return once(lead, { organization, digest }, request, id, find, () =>
      recorded(node, event, async (begun) => {
        const secret = node.random(32);
        const own = { id, organization, name, member: credential.holder, walletSets, cidrs, expiresMs };
        const terms = { ...own, createdMs: node.clock(), auditEventId: eventId(begun) };
        // Nobody else works under this idempotency key while its lease lasts.
        if (!(await tokens.add(terms, secret)))
          throw new CustodyError('idempotency_in_progress', 'another request was faster');
        return { ...createdView(terms), token: formatBearer({ id, secret }) };
      }),
    );
  });
}

/** Repeated, it says when the token was revoked first. */
export async function revokeToken(lead: Lead, request: HttpRequest): Promise<Answer<Reply<'revokeToken'>>> {
  const { node, tokens } = lead;
  const { actor, params } = await upToDate(lead, request, () => openRequest(node, request, 'revokeToken'));
  const { organization } = actor;
  const { id } = params;
  const digest = operationDigest(tokenRevocation(organization, request.idempotencyKey, id));
  const event = eventOf(actor, actions.revoke, id, digest);
  return attempted(lead, request, event, async () => {
    const known = await tokens.find(id);
    if (known?.organization !== organization) throw new CustodyError('token_not_found', `no token ${id}`);
    const find = async () => {
      const stored = await tokens.find(id);
      return stored?.revokedMs === undefined ? undefined : tokenView(stored);
    };
    return once(lead, { organization, digest }, request, id, find, () =>
      recorded(node, event, async () => tokenView(await tokens.revoke(organization, id))),
    );
  });
}

/** Runs it for an actor whose role allows it. What a known actor asks for in vain is recorded. */
async function attempted<T>(
  lead: Lead,
  request: HttpRequest,
  event: AuditEvent,
  run: (actor: Actor) => Promise<T>,
): Promise<T> {
  const { node } = lead;
  try {
    return await upToDate(lead, request, async () => {
      const actor = await authenticate(node.registry, request, node.clock());
      assertMay(actor, request.match.route, undefined, node.clock());
      return run(actor);
    });
  } catch (error) {
    await failed(node, event, error);
    throw error;
  }
}

/** @throws {CustodyError} `request_invalid` unless it lies ahead, by a year at most */
function expiryOf(expires: string, nowMs: number): number {
  const ms = Date.parse(expires);
  if (ms > nowMs && ms <= nowMs + maxTokenMs) return ms;
  const problems = [{ pointer: '/expires', detail: 'must lie ahead, by a year at most' }];
  throw new CustodyError('request_invalid', 'a token expires within a year', { problems });
}

const createdView = (token: StoredToken): Reply<'createToken'> => ({
  ...tokenView(token),
  auditEventId: token.auditEventId,
});
