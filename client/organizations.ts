/**
 * Founding an organization, and what is known of one.
 * @module
 */
import { type Bytes, toBase64url, utf8 } from '../shared/bytes.ts';
import { organizationId } from '../shared/intent/canonical.ts';
import { signHttpRequest } from '../shared/intent/http-signature.ts';
import { type FoundingStatement, type Scope, statementBytes } from '../shared/registry/statement.ts';
import { type Answer, pathOf, routes } from '../shared/wire/routes.ts';
import type { Identities } from './address-proof.ts';
import { type CredentialKey, credentialOf, requestSigner } from './credential.ts';
import { PlanbokError } from './errors.ts';
import { exchange } from './http.ts';
import { checkReceipt } from './receipt.ts';
import { freshTimes, type Line, newIdempotencyKey, read, repeating, type Session } from './session.ts';

export interface Founding {
  readonly name: string;
  /** The first Owner: a name, and the key that is to sign for them. */
  readonly owner: { readonly name: string; readonly credential: CredentialKey };
  /** What the Owner's credential may do; everything but `sign_raw` if absent. */
  readonly scopes?: readonly Scope[];
  /** Token of the operator; not needed locally. */
  readonly invitation?: string;
}

export type Founded = Answer<'createOrganization'>;

/** The statement that makes the organization, and its id: fixed before anybody is asked. */
export function foundingStatement(
  { name, owner, scopes = ['view', 'create_wallet', 'sign', 'approve'] }: Founding,
  nowMs: number,
  nonce: Bytes,
): { readonly statement: FoundingStatement; readonly organization: string } {
  const statement: FoundingStatement = {
    type: 'planbok/statement/v1',
    kind: 'organization.found',
    name,
    owner: { name: owner.name, credential: credentialOf(owner.credential, scopes) },
    created: new Date(nowMs).toISOString(),
    nonce: toBase64url(nonce),
  };
  return { statement, organization: organizationId(statement) };
}

/**
 * Founds an organization. It exists only once Node 2's receipt has been checked, which this does.
 * @throws {PlanbokError} `proof_invalid` if the receipt is not Node 2's, or not for this organization
 */
export async function foundOrganization(
  line: Line,
  identities: Identities,
  founding: Founding,
): Promise<Founded> {
  const { credential } = founding.owner;
  const { statement, organization } = foundingStatement(founding, line.now(), line.random(16));
  const signature = toBase64url(await credential.sign(statementBytes(statement)));
  const { invitation } = founding;
  const body = { statement, signature, ...(invitation === undefined ? {} : { invitation }) };
  const signer = requestSigner(organization, credential);
  const idempotencyKey = newIdempotencyKey(line);
  const { method } = routes.createOrganization;
  const founded = await repeating(line, async () => {
    const path = pathOf('createOrganization');
    const request = { method, path, query: '?', idempotencyKey, body: utf8(JSON.stringify(body)) };
    const signed = await signHttpRequest(request, signer, freshTimes(line));
    return exchange(line, 'createOrganization', signed);
  });
  checkReceipt(founded.receipt, identities, { organization, head: organization, seq: '0' });
  if (founded.id !== organization)
    throw new PlanbokError('result_invalid', 'the answer is for another organization');
  return founded;
}

export const organizationsOf = (session: Session) => ({
  /** The organization of this credential, as the API has it. */
  get: (): Promise<Answer<'getOrganization'>> => read(session, 'getOrganization'),
});
