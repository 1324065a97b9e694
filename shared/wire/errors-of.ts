/**
 * Which codes a route may answer with: what its form brings along, and what the table says beyond. OpenAPI
 * documents them, and a test holds every answer against them.
 * @module
 */
import type { ErrorCode } from '../errors.ts';
import { type Route, takesBearer } from './route.ts';

/** Of payloads, while they are decoded. */
export const payloadErrors = [
  'blockchain_unsupported',
  'kind_unsupported',
  'payload_undecodable',
  'payload_refused',
  'chain_id_mismatch',
  'raw_digest_disabled',
] as const satisfies readonly ErrorCode[];

/** Of operations, which both nodes authorise and carry out. */
export const operationErrors = [
  'authorisation_mismatch',
  'registry_behind',
  'key_quarantined',
  'protocol_abort',
] as const satisfies readonly ErrorCode[];

/** Of protocols that run on shares. */
export const protocolErrors = [
  'authorisation_replayed',
  'attempts_exhausted',
  'share_unreadable',
] as const satisfies readonly ErrorCode[];

/** Of a path that is no route's, or not with this method: no operation answers with them. */
export const routingErrors = [
  'route_not_found',
  'method_not_allowed',
] as const satisfies readonly ErrorCode[];

/** In the order of the table of codes' sections, without repetition. */
export function errorsOf(route: Route): readonly ErrorCode[] {
  const { scope, program, signed, changes, idempotent, maxBodyBytes, errors } = route;
  const when = (is: boolean, ...codes: readonly ErrorCode[]) => (is ? codes : []);
  const registered = scope !== 'public';
  const all = [
    ...when(true, 'request_invalid', 'body_too_large'),
    ...when(takesBearer(route), 'token_invalid'),
    ...when(!takesBearer(route) && (registered || changes), 'bearer_refused'),
    ...when(maxBodyBytes > 0, 'json_invalid', 'media_type_unsupported'),
    ...when(idempotent, 'idempotency_key_required', 'idempotency_key_reused', 'idempotency_in_progress'),
    ...when(registered || changes, 'rate_limited'),
    ...when(signed, 'signature_invalid', 'authorisation_expired'),
    ...when(registered, 'credential_unknown', 'credential_inactive', 'address_refused', 'scope_missing'),
    ...errors,
    ...when(changes, 'node_unavailable', 'audit_unavailable'),
    // What needs neither a table nor a key is always there.
    ...when(registered || program === 'node1', 'storage_unavailable'),
    ...when(true, 'internal'),
  ] as const;
  return [...new Set(all)];
}
