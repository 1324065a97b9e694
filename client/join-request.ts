/**
 * Joining without a secret that travels: who wants to join makes a key, and asks with it. The request is public: it
 * gives nobody anything, on whatever way it comes. Whoever may add members compares its fingerprint with what the
 * person reads out, and states the key.
 *
 *   invitee  --request, by any way-->  inviter
 *            --fingerprint, by voice-> inviter  --member.add, signed--> both nodes
 * @module
 */
import { type Bytes, toBase64url } from '../shared/bytes.ts';
import type { Role } from '../shared/registry/kinds.ts';
import { type PublicKey, publicKeyOf, type Scope } from '../shared/registry/statement.ts';
import {
  fingerprintOf,
  formatJoinRequest,
  type JoinRequestDocument,
  joinRequestBytes,
  keyOf,
  parseJoinRequest,
} from '../shared/wire/join-request.ts';
import type { Identities } from './address-proof.ts';
import { type CredentialKey, credentialOf } from './credential.ts';
import { PlanbokError } from './errors.ts';

export interface JoinRequest {
  /** The request as text: no secret. */
  readonly text: string;
  /** Five groups of four letters and digits, to be read out. */
  readonly fingerprint: string;
  readonly organization: string;
  readonly name: string;
  readonly key: PublicKey;
}

const shown = (request: JoinRequestDocument, text: string): JoinRequest => ({
  text,
  fingerprint: fingerprintOf(request),
  organization: request.organization,
  name: request.name,
  key: keyOf(request),
});

/**
 * @param identities of the nodes; they need not be trusted yet: the fingerprint covers them
 * @param random 16 bytes
 */
export async function joinRequest(
  { organization, identities, name }: { organization: string; identities: Identities; name: string },
  key: CredentialKey,
  random: Bytes,
): Promise<JoinRequest> {
  const { node1, node2 } = identities;
  const request = {
    type: 'planbok/join-request/v1',
    organization,
    name,
    key: { ...publicKeyOf(credentialOf(key, [])) },
    identities: { node1, node2 },
    nonce: toBase64url(random),
  } as const;
  const signature = toBase64url(await key.sign(joinRequestBytes(request)));
  return shown(request, formatJoinRequest(request, signature));
}

const refuse = (message: string, cause?: unknown): PlanbokError =>
  new PlanbokError('join_request_invalid', message, cause === undefined ? {} : { cause });

/**
 * A request that somebody holds the key of, for this organization on these nodes. Who it is, it does not say.
 * @throws {PlanbokError} `join_request_invalid`
 */
export function readJoinRequest(text: string, organization: string, identities: Identities): JoinRequest {
  let request: JoinRequestDocument;
  try {
    request = parseJoinRequest(text);
  } catch (cause) {
    throw refuse(cause instanceof Error ? cause.message : 'this is no request to join', cause);
  }
  if (request.organization !== organization) throw refuse('the request is for another organization');
  if (request.identities.node1 !== identities.node1 || request.identities.node2 !== identities.node2)
    throw refuse('who asks takes the nodes for others than they are: something between you deceives them');
  return shown(request, text.trim());
}

export interface Admission {
  /** The text of the request. */
  readonly request: string;
  /** As the person who asked read it out. */
  readonly fingerprint: string;
  readonly role: Role;
  /** The most that the credential may do. */
  readonly scopes: readonly Scope[];
  /** What the organization calls them; what they call themselves if absent. */
  readonly name?: string;
}

const plain = (fingerprint: string): string => fingerprint.toLowerCase().replace(/[^a-z0-9]/g, '');

/** The request that the fingerprint was read from. @throws {PlanbokError} `join_request_invalid` */
export function confirmedRequest(
  { request: text, fingerprint }: Pick<Admission, 'request' | 'fingerprint'>,
  organization: string,
  identities: Identities,
): JoinRequest {
  const request = readJoinRequest(text, organization, identities);
  if (plain(fingerprint) !== plain(request.fingerprint))
    throw refuse(
      `this request has the fingerprint ${request.fingerprint}: it is not the one that was read out`,
    );
  return request;
}
