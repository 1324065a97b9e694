/**
 * Every kind of statement, as data: the members that it has besides those of {@link envelope}. Types and
 * checks come from this one table.
 * @module
 */
import type { Problem } from '../errors.ts';
import * as f from './fields.ts';
import type { FoundingStatement, SignedStatement } from './statement.ts';

export const roles = ['owner', 'admin', 'member'] as const;
export type Role = (typeof roles)[number];
/** What an API key may be: as far as its scopes go, or a reader whatever is granted to it. */
export const apiKeyRoles = ['member', 'read'] as const;
export type ApiKeyRole = (typeof apiKeyRoles)[number];

const role = f.oneOf(roles);

export const kinds = {
  /** `emailCommitment`: salted hash of the address; the address itself is no part of the log. */
  'member.add': {
    member: f.memberId,
    name: f.title,
    role,
    emailCommitment: f.optional(f.bytes(32)),
    credential: f.optional(f.credential),
  },
  'member.remove': { member: f.memberId },
  /** Clears what was granted to the member per wallet set. */
  'member.role': { member: f.memberId, role },
  'credential.add': { member: f.memberId, credential: f.credential },
  'credential.revoke': { credential: f.credentialIdField },
  /** `publicKey`: one-time Ed25519 key, whose private half travels with the invitation. `scopes`: the most. */
  'invitation.create': {
    invitation: f.invitationId,
    role,
    scopes: f.scopeList,
    publicKey: f.ed25519Key,
    expires: f.time,
    emailCommitment: f.optional(f.bytes(32)),
  },
  'invitation.revoke': { invitation: f.invitationId },
  /** Signed by the invitation's key, which is its actor. */
  'invitation.accept': { member: f.memberId, name: f.title, credential: f.credential },
  'api_key.create': {
    apiKey: f.apiKeyId,
    name: f.title,
    role: f.oneOf(apiKeyRoles),
    credential: f.plainKey,
    scopes: f.scopeMap,
    cidrs: f.optional(f.cidrList),
    expires: f.optional(f.time),
  },
  /** The credentials before stay valid until the time given. */
  'api_key.rotate': { apiKey: f.apiKeyId, credential: f.plainKey, overlapUntil: f.time },
  'api_key.revoke': { apiKey: f.apiKeyId },
  /** Replaces what the holder may do with the wallet set. */
  'wallet_set.scopes': { holder: f.holderId, walletSet: f.walletSetId, scopes: f.scopeList },
  'policy.set': { walletSet: f.walletSetId, policy: f.canonicalJson },
  /** The actor becomes `role`, the member an Owner. */
  'ownership.transfer': { member: f.memberId, role: f.oneOf(['admin', 'member']) },
  /** Cosigned by `entity`: whoever registers a key has it. */
  'secret.register': { entityKey: f.ed25519Key, version: f.literal('1') },
  /** Cosigned by `entity` and `previous_entity`. */
  'secret.rotate': { entityKey: f.ed25519Key, version: f.decimal },
  /** The credentials before stay valid until the new one is active. Cosigned by others (roles.ts). */
  'recovery.credential': { member: f.memberId, credential: f.credential },
} as const satisfies Record<string, f.Fields>;

export type Kind = keyof typeof kinds;

/** What every statement after the founding one has. */
const envelope = {
  type: f.literal('planbok/statement/v1'),
  organization: f.organizationIdField,
  /** The founding statement is 0. */
  seq: f.decimal,
  /** Hash of the statement before. */
  previous: f.bytes(32),
  /** Id of the credential that signs; of the invitation, when one is accepted. */
  actor: f.actorId,
  created: f.time,
  nonce: f.bytes(16),
} as const;

type Envelope = f.Shape<typeof envelope>;
/** What a statement of the kind says, without its envelope. */
export type Content<K extends Kind = Kind> = {
  [N in K]: { readonly kind: N } & f.Shape<(typeof kinds)[N]>;
}[K];
export type LaterStatement<K extends Kind = Kind> = { [N in K]: Envelope & Content<N> }[K];
export type Statement = FoundingStatement | LaterStatement;

const founding = f.record({
  type: f.literal('planbok/statement/v1'),
  kind: f.literal('organization.found'),
  name: f.title,
  owner: f.record({ name: f.title, credential: f.credential }),
  created: f.looseTime,
  nonce: f.bytes(16),
});

const shapes = new Map(
  Object.entries(kinds).map(([kind, fields]) => [
    kind,
    f.record({ ...envelope, kind: f.literal(kind), ...(fields as f.Fields) }),
  ]),
);
const cosignature = f.record({
  by: f.oneOf(['entity', 'previous_entity']),
  signature: f.bytes(64),
});
const credentialCosignature = f.record({ by: f.credentialIdField, signature: f.signature });
const mostCosignatures = 16;

/** What is wrong with the form of a signed statement; nothing is said of whether it holds. */
export function problemsOf(signed: unknown): readonly Problem[] {
  if (typeof signed !== 'object' || signed === null) return [{ pointer: '', detail: 'must be an object' }];
  const { statement, cosignatures } = signed as SignedStatement<{ kind?: unknown } | undefined>;
  const kind = statement?.kind;
  const shape = kind === 'organization.found' ? founding : shapes.get(kind as string);
  if (shape === undefined)
    return [{ pointer: '/statement/kind', detail: `must be one of ${[...shapes.keys()].join(', ')}` }];
  const own = f.record({
    statement: shape,
    signature: f.signature,
    cosignatures: f.optional<unknown>({ problems: cosignatureProblems }),
  });
  return own.problems(cosignatures === undefined ? withoutUndefined(signed) : signed, '');
}

/** A member that is there and undefined is the same as none: bodies are built that way. */
const withoutUndefined = (signed: object): object =>
  Object.fromEntries(Object.entries(signed).filter(([, value]) => value !== undefined));

function cosignatureProblems(value: unknown, pointer: string): readonly Problem[] {
  if (!Array.isArray(value) || value.length > mostCosignatures)
    return [{ pointer, detail: `must be a list of at most ${mostCosignatures}` }];
  return value.flatMap((entry, i) =>
    cosignature.problems(entry, '').length === 0
      ? []
      : credentialCosignature.problems(entry, `${pointer}/${i}`),
  );
}
