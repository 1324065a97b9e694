/**
 * Founding an organization, as both nodes check it: the statement is signed by the key that it names, the
 * request by the same key, and where the operator asks for one, an invitation is shown.
 * @module
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { fromHex, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import { type ActorRequest, verifyHttpSignature } from '#shared/intent/http-signature.ts';
import { found, type Registry } from '#shared/registry/registry.ts';
import type { SignedStatement } from '#shared/registry/statement.ts';
import { readBody } from '#shared/wire/parse.ts';
import { matchRoute } from '#shared/wire/routes.ts';
import type { Clock } from './ports.ts';

/** @param invitation hex SHA-256 of the operator's token; undefined: founding is open to everyone */
export function readFounding(
  request: ActorRequest,
  clock: Clock,
  invitation: string | undefined,
): { readonly registry: Registry; readonly signed: SignedStatement } {
  if (matchRoute(request.method, request.path).name !== 'createOrganization')
    throw new CustodyError('route_not_found', 'this call is for another route');
  const { statement, signature, invitation: token } = readBody('createOrganization', request.body);
  requireInvitation(token ?? '', invitation);
  const signed = { statement, signature };
  const registry = found(signed);
  const resolve = (keyId: string) => {
    const [organization = '', credential = ''] = keyId.split('/');
    return organization === registry.organization ? registry.credentials[credential] : undefined;
  };
  verifyHttpSignature(request, resolve, clock());
  return { registry, signed };
}

function requireInvitation(token: string, expected: string | undefined): void {
  if (expected === undefined) return;
  const hash = createHash('sha256').update(utf8(token)).digest();
  if (!timingSafeEqual(hash, fromHex(expected)))
    throw new CustodyError('invitation_invalid', 'founding an organization needs an invitation');
}
