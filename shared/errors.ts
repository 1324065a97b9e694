/**
 * Every failure this system expects, by stable code. One table makes the HTTP status, the title, the
 * SDK's error classes, the CLI's exit codes and the documentation.
 * @module
 */

interface CodeInfo {
  /** HTTP status of the answer. */
  readonly status: number;
  readonly title: string;
  /** May the same request, sent again with a fresh authorisation, succeed without being changed? */
  readonly retryable: boolean;
}

const code = (status: number, title: string, retryable = false): CodeInfo => ({ status, title, retryable });

export const errorCodes = {
  // The request itself.
  request_invalid: code(400, 'The request is not what this route accepts'),
  json_invalid: code(400, 'The body is not JSON, or names a member twice'),
  body_too_large: code(413, 'The body is larger than this route accepts'),
  media_type_unsupported: code(415, 'The body must be application/json'),
  route_not_found: code(404, 'No such route'),
  method_not_allowed: code(405, 'This route does not take this method'),
  idempotency_key_required: code(400, 'An Idempotency-Key header is required on this route'),
  idempotency_key_reused: code(422, 'This Idempotency-Key was used for another operation'),
  idempotency_key_not_found: code(404, 'This Idempotency-Key was never used'),
  idempotency_in_progress: code(409, 'The first request with this Idempotency-Key is still running', true),
  rate_limited: code(429, 'Too many requests', true),
  // Who asks.
  signature_invalid: code(401, 'The request signature is missing or does not verify'),
  credential_unknown: code(401, 'No such credential'),
  authorisation_expired: code(401, 'The authorisation is expired, or not yet valid'),
  authorisation_replayed: code(409, 'This authorisation was used before'),
  authorisation_mismatch: code(401, 'The authorisation is for another operation'),
  registry_behind: code(409, 'The authorisation names a registry head that this node does not know'),
  scope_missing: code(403, 'The credential lacks the scope that this operation needs'),
  invitation_invalid: code(403, 'Founding an organization needs a valid invitation'),
  credential_inactive: code(401, 'The credential is expired, replaced, or not yet active'),
  address_refused: code(403, 'The API key or token is not for requests from this address'),
  token_invalid: code(401, 'No such token, or not any more'),
  bearer_refused: code(403, 'A bearer token only reads: this request must be signed'),
  // What an organization says of itself.
  statement_refused: code(422, 'The statement does not fit what is known of the organization'),
  statement_conflict: code(409, 'Another statement came first; state it again on the newest one'),
  role_missing: code(403, 'The role does not allow this'),
  grant_refused: code(403, 'Nobody gives rights that they do not have'),
  last_owner: code(409, 'An organization keeps at least one Owner who can sign'),
  invitation_unusable: code(409, 'The invitation was used or withdrawn, or is over'),
  cosignatures_missing: code(403, 'The statement needs more signatures'),
  // What is asked.
  wallet_set_not_found: code(404, 'No such wallet set'),
  wallet_not_found: code(404, 'No such wallet'),
  signature_not_found: code(404, 'No such signature'),
  approval_not_found: code(404, 'No such approval'),
  webhook_not_found: code(404, 'No such webhook'),
  delivery_not_found: code(404, 'No such delivery'),
  webhook_limit_reached: code(409, 'The organization has as many webhooks as it may have, or too much waits'),
  webhook_url_refused: code(422, 'A webhook cannot have this URL'),
  token_not_found: code(404, 'No such token'),
  invitation_not_found: code(404, 'No such invitation'),
  invitation_code_invalid: code(403, 'No invitation has this code, or not any more'),
  invitation_limit_reached: code(
    409,
    'The organization has as many invitations as it may have, or sent this one too often',
  ),
  mail_unsupported: code(501, 'This deployment sends no mail'),
  audit_event_not_found: code(404, 'No such audit event'),
  audit_resource_not_found: code(404, 'The log has no such tile or checkpoint'),
  wallet_set_not_active: code(409, 'The wallet set is not active'),
  blockchain_unsupported: code(422, 'This blockchain is not supported'),
  key_type_missing: code(422, 'The wallet set has no key of the type that this blockchain needs'),
  custody_unsupported: code(422, 'This custody model is not available yet'),
  kind_unsupported: code(422, 'This kind of signature does not exist for this blockchain'),
  payload_undecodable: code(422, 'The payload cannot be decoded; nothing that cannot be read is signed'),
  payload_refused: code(422, 'The payload is readable, and not allowed'),
  chain_id_mismatch: code(422, 'The payload is for another chain'),
  raw_digest_disabled: code(403, 'Raw digests are off for this credential'),
  policy_denied: code(403, 'A policy denies this operation'),
  approval_required: code(403, 'A policy asks for approvals that are missing'),
  approval_closed: code(
    409,
    'This request for approvals is over: rejected, cancelled, expired or carried out',
  ),
  approver_refused: code(403, 'This credential is not among those who may approve this'),
  // The keys.
  key_quarantined: code(423, 'The key is locked after a failed check and waits for a refresh'),
  session_not_found: code(404, 'No such protocol session'),
  attempts_exhausted: code(409, 'This operation has used all of its protocol sessions'),
  protocol_abort: code(502, 'The nodes could not finish the protocol; nothing was signed', true),
  share_unreadable: code(500, 'A stored share does not open'),
  // The machine room.
  node_unavailable: code(503, 'The other node does not answer', true),
  storage_unavailable: code(503, 'A store or the key service does not answer', true),
  mail_unavailable: code(503, 'The mail cannot be sent', true),
  audit_unavailable: code(503, 'The audit log cannot be written; nothing is signed', true),
  internal: code(500, 'Something went wrong on our side'),
} as const satisfies Record<string, CodeInfo>;

export type ErrorCode = keyof typeof errorCodes;

/** One thing wrong with one member of a request: RFC 6901 pointer, and what. */
export interface Problem {
  readonly pointer: string;
  readonly detail: string;
}

/** A failure this system expects. Anything else that is thrown is a bug and becomes a bare 500. */
export class CustodyError extends Error {
  override readonly name: string = 'CustodyError';
  readonly code: ErrorCode;
  readonly problems: readonly Problem[];
  constructor(code: ErrorCode, message: string, options?: ErrorOptions & { problems?: readonly Problem[] }) {
    super(message, options);
    this.code = code;
    this.problems = options?.problems ?? [];
  }
}

/**
 * What a protocol round can find wrong with a peer's message (docs/protocol.md). `E_OT`, `E_VOLE`, `E_GAMMA`
 * lock the key at the node that sees them; `E_COM`, `E_PK`, `E_SIG`, `E_POK` count a strike; the others
 * only close the session.
 */
export type AbortCode =
  | 'E_REQ'
  | 'E_MSG'
  | 'E_USED'
  | 'E_STATE'
  | 'E_COM'
  | 'E_PK'
  | 'E_SIG'
  | 'E_POK'
  | 'E_OT'
  | 'E_VOLE'
  | 'E_GAMMA'
  | 'E_CONF';

/** The peer did what no honest peer does. The session stays closed. Never sent to the peer as such. */
export class Abort extends CustodyError {
  override readonly name = 'Abort';
  readonly abort: AbortCode;
  constructor(abort: AbortCode, message: string) {
    super('protocol_abort', `${abort}: ${message}`);
    this.abort = abort;
  }
}
