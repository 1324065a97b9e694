/**
 * Founding an organization, and what is known of one.
 * @module
 */
import { type Bytes, fromBase64url, toBase64url, utf8 } from '../shared/bytes.ts';
import { type Attested, openAttested } from '../shared/crypto/attestation.ts';
import { organizationId } from '../shared/intent/canonical.ts';
import { signHttpRequest } from '../shared/intent/http-signature.ts';
import { type FoundingStatement, type Scope, statementBytes } from '../shared/registry/statement.ts';
import type { HeadReceipt } from '../shared/wire/resources.ts';
import { type Answer, pathOf, routes } from '../shared/wire/routes.ts';
import type { Identities } from './address-proof.ts';
import { type CredentialKey, credentialOf, requestSigner } from './credential.ts';
import { PlanbokError } from './errors.ts';
import { exchange } from './http.ts';
import { freshTimes, newIdempotencyKey, read, repeating, type Session } from './session.ts';

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
  { name, owner, scopes = ['view', 'create_wallet', 'sign'] }: Founding,
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
  wire: Omit<Session, 'organization' | 'signer'>,
  identities: Identities,
  founding: Founding,
): Promise<Founded> {
  const { credential } = founding.owner;
  const { statement, organization } = foundingStatement(founding, wire.now(), wire.random(16));
  const signature = toBase64url(await credential.sign(statementBytes(statement)));
  const { invitation } = founding;
  const body = { statement, signature, ...(invitation === undefined ? {} : { invitation }) };
  const session: Session = { ...wire, organization, signer: requestSigner(organization, credential) };
  const idempotencyKey = newIdempotencyKey(session);
  const { method } = routes.createOrganization;
  const founded = await repeating(session, async () => {
    const path = pathOf('createOrganization');
    const request = { method, path, query: '?', idempotencyKey, body: utf8(JSON.stringify(body)) };
    return exchange(
      session,
      'createOrganization',
      await signHttpRequest(request, session.signer, freshTimes(session)),
    );
  });
  checkReceipt(founded.receipt as Attested<HeadReceipt>, identities, organization);
  if (founded.id !== organization)
    throw new PlanbokError('result_invalid', 'the answer is for another organization');
  return founded;
}

function checkReceipt(receipt: Attested<HeadReceipt>, identities: Identities, organization: string): void {
  let document: HeadReceipt;
  try {
    document = openAttested(receipt, 'node2', fromBase64url(identities.node2));
  } catch (cause) {
    throw new PlanbokError('proof_invalid', "the receipt is not Node 2's", { cause });
  }
  const { type, head } = document;
  if (type !== 'planbok/head-receipt/v1' || document.organization !== organization || head !== organization)
    throw new PlanbokError('proof_invalid', 'the receipt is for something else');
}

export const organizationsOf = (session: Session) => ({
  /** The organization of this credential, as the API has it. */
  get: (): Promise<Answer<'getOrganization'>> => read(session, 'getOrganization'),
});
