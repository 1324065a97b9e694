/**
 * Invitations: a token carries a one-time key, the organization, and the pinned identities of the nodes to
 * whoever is invited, who makes a key of their own and never shows it. Whoever has the token can use it.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import * as z from 'zod';
import { fromBase64url, toBase64url, utf8 } from '../shared/bytes.ts';
import { draft } from '../shared/registry/head.ts';
import type { Role } from '../shared/registry/kinds.ts';
import { headOf, type Registry } from '../shared/registry/registry.ts';
import { scopes as allScopes, type Scope, statementBytes } from '../shared/registry/statement.ts';
import { type Identities, identityKeys } from './address-proof.ts';
import { type CredentialKey, credentialOf, requestSigner } from './credential.ts';
import { PlanbokError } from './errors.ts';
import { newId } from './members.ts';
import { type RegistryClient, type Stated, submit } from './registry.ts';
import type { Line } from './session.ts';

export interface NewInvitation {
  readonly role: Role;
  /** The most that the invitee's credential may do; what the role gives by itself if absent. */
  readonly scopes: readonly Scope[];
  /** Milliseconds from now, at most 30 days; 7 days if absent. */
  readonly lifeMs?: number;
}

export interface Invited extends Stated {
  /** `inv_…` */
  readonly id: string;
  /** Secret: give it to the invitee, and to nobody else. */
  readonly token: string;
  readonly expires: string;
}

const prefix = 'planbok-invitation-';
const weekMs = 7 * 86_400_000;

const schema = z.object({
  version: z.literal(1),
  organization: z.string(),
  /** `inv_…` */
  invitation: z.string(),
  /** base64url of 32 bytes: the one-time private key. Secret. */
  seed: z.string(),
  scopes: z.array(z.enum(allScopes)),
  /** Where the log stood: number, hash and time of its last statement. */
  at: z.object({ seq: z.string(), last: z.string(), time: z.string() }),
  identities: z.object({ node1: z.string(), node2: z.string() }),
  /** Base URL of the API. */
  api: z.string(),
});
export type Invitation = Readonly<z.infer<typeof schema>>;

const tokenOf = (invitation: Invitation): string =>
  `${prefix}${toBase64url(utf8(JSON.stringify(invitation)))}`;

/** @throws {PlanbokError} `invitation_unusable` if it is no token. Never with its contents. */
export function readInvitation(token: string): Invitation {
  try {
    const text = token.trim();
    if (!text.startsWith(prefix)) throw new TypeError('another text');
    const json = new TextDecoder().decode(fromBase64url(text.slice(prefix.length)));
    const invitation = schema.parse(JSON.parse(json));
    if (fromBase64url(invitation.seed).length !== 32) throw new TypeError('no key');
    identityKeys(invitation.identities);
    return invitation;
  } catch {
    // No cause: a parser's message quotes what it read.
    throw new PlanbokError('invitation_unusable', 'this is not the token of an invitation');
  }
}

const standing = ({ seq, last, time }: Registry): Invitation['at'] => ({ seq, last, time });

export const invitationsOf = (
  registry: RegistryClient,
  { random, now, url }: Line,
  organization: string,
  identities: Identities,
) => ({
  async invite({ role, scopes, lifeMs = weekMs }: NewInvitation): Promise<Invited> {
    const [id, seed] = [newId('inv', random), random(32)];
    const expires = new Date(now() + lifeMs).toISOString();
    const publicKey = toBase64url(ed25519.getPublicKey(seed));
    const stated = await registry.state({
      kind: 'invitation.create',
      invitation: id,
      role,
      scopes,
      publicKey,
      expires,
    });
    const at = standing(await registry.refresh());
    const { node1, node2 } = identities;
    const token = tokenOf({
      version: 1,
      organization,
      invitation: id,
      seed: toBase64url(seed),
      scopes: [...scopes],
      at,
      identities: { node1, node2 },
      api: url,
    });
    return { ...stated, id, token, expires };
  },
  /** The same invitation on the newest head: after other statements the token of before is refused. */
  async renew(token: string): Promise<string> {
    return tokenOf({ ...readInvitation(token), at: standing(await registry.refresh()) });
  },
  revoke: (invitation: string): Promise<Stated> => registry.state({ kind: 'invitation.revoke', invitation }),
});

export interface Joined extends Stated {
  readonly organization: string;
  /** `mem_…` */
  readonly member: string;
  /** `organization/credential` */
  readonly keyId: string;
}

/**
 * Becomes a member, with a key that never left the invitee.
 * @param key its scopes are those of the invitation
 * @throws {PlanbokError} `statement_conflict` if the organization stated something since the token was made
 */
export async function joinWith(
  line: Line,
  invitation: Invitation,
  name: string,
  key: CredentialKey,
): Promise<Joined> {
  const { organization, invitation: actor, scopes, at, identities } = invitation;
  const member = newId('mem', line.random);
  const content = { kind: 'invitation.accept', member, name, credential: credentialOf(key, scopes) } as const;
  const when = { nowMs: line.now(), nonce: line.random(16) };
  // Of the registry a draft takes nothing but where it stands.
  const statement = draft({ organization, ...at }, actor, content, when);
  const signature = toBase64url(ed25519.sign(statementBytes(statement), fromBase64url(invitation.seed)));
  const after = { organization, head: headOf(statement), seq: statement.seq };
  try {
    const stated = await submit(line, identities, { statement, signature }, after);
    return { ...stated, organization, member, keyId: requestSigner(organization, key).keyId };
  } catch (error) {
    if (!(error instanceof PlanbokError) || error.code !== 'statement_conflict') throw error;
    const message = 'the organization stated something since: ask whoever invited you to renew the token';
    throw new PlanbokError(error.code, message, { ...error, cause: error });
  }
}
