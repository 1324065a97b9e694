/**
 * An invitation by mail as the API shows it. Whether who asked was admitted, the registry says.
 * @module
 */
import { entry, type Registry } from '#shared/registry/registry.ts';
import { credentialId } from '#shared/registry/statement.ts';
import type { ShownInvitation } from '#shared/wire/invitations.ts';
import { keyOf, parseJoinRequest } from '#shared/wire/join-request.ts';
import type { StoredInvitation } from './stores/invitations.ts';

/** Is the key of the request a credential of the organization? */
export const isAdmitted = ({ request }: StoredInvitation, { credentials }: Registry): boolean =>
  request !== undefined && entry(credentials, credentialId(keyOf(parseJoinRequest(request)))) !== undefined;

export function stateOf(invitation: StoredInvitation, registry: Registry, nowMs: number) {
  if (invitation.ended !== undefined) return invitation.ended;
  if (isAdmitted(invitation, registry)) return 'admitted';
  if (nowMs >= invitation.expiresMs) return 'expired';
  return invitation.request === undefined ? 'sent' : 'requested';
}

const timeOf = (ms: number): string => new Date(ms).toISOString();

/** Never with the hash of its code; with an address only while it is open. */
export function invitationView(
  invitation: StoredInvitation,
  registry: Registry,
  nowMs: number,
): ShownInvitation {
  const {
    id,
    terms,
    signature,
    createdMs,
    sentMs = createdMs,
    resends,
    contested,
    auditEventId,
  } = invitation;
  const { addressee, request, requestedMs } = invitation;
  const state = stateOf(invitation, registry, nowMs);
  const open = state === 'sent' || state === 'requested';
  return {
    id,
    state,
    terms: { ...terms, scopes: [...terms.scopes] },
    signature,
    ...(open && addressee && { email: addressee.email, salt: addressee.salt }),
    created: timeOf(createdMs),
    sent: timeOf(sentMs),
    resends,
    ...(open && request !== undefined && { request }),
    ...(open && requestedMs !== undefined && { requested: timeOf(requestedMs) }),
    contested,
    auditEventId,
  };
}
