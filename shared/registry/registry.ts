/**
 * What both nodes know of an organization, computed from its statements alone. All leaves are strings, so
 * that the state has one text and one hash. Nothing here depends on the clock: what is over at some time says
 * so, and whoever asks names the time.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, fromBase64url, toBase32, utf8 } from '../bytes.ts';
import { CustodyError, type ErrorCode } from '../errors.ts';
import { canonicalBytes, digestOf, organizationId } from '../intent/canonical.ts';
import { type ApiKeyRole, problemsOf, type Role } from './kinds.ts';
import {
  type Credential,
  credentialId,
  type PublicKey,
  type Scope,
  type SignedStatement,
  statementBytes,
  statementHash,
  type Verify,
  verifyWithCredential,
} from './statement.ts';

/** Scopes by wallet set; `*` for those that are not named. */
export type ScopeMap = Readonly<Record<string, readonly Scope[]>>;

export interface Member {
  readonly name: string;
  readonly role: Role;
  /** Instead of what the role gives. Owners have none. */
  readonly grants: ScopeMap;
  readonly emailCommitment?: string;
  readonly added: string;
  /** The widest that the member's credentials ever were; absent before the first one. */
  readonly enrolled?: readonly Scope[];
}

export interface ApiKey {
  readonly name: string;
  readonly role: ApiKeyRole;
  readonly scopes: ScopeMap;
  readonly cidrs?: readonly string[];
  readonly expires?: string;
  readonly added: string;
}

export interface RegisteredCredential extends Credential {
  /** `mem_…` or `apk_…`. The scopes narrow what the holder may do; they give nothing. */
  readonly holder: string;
  readonly added: string;
  /** Not valid before, and not from then on. */
  readonly from?: string;
  readonly until?: string;
  /** Recovery: the credentials that end when this one begins. */
  readonly replaces?: readonly string[];
}

/** An invitation that may still be accepted, while the credential that made it is good. */
export interface Invitation {
  readonly role: Role;
  readonly scopes: readonly Scope[];
  readonly publicKey: string;
  readonly expires: string;
  readonly by: string;
  readonly emailCommitment?: string;
}

export interface Registry {
  readonly organization: string;
  readonly name: string;
  /** RFC 3339, UTC: as the founder said. */
  readonly created: string;
  /** Names the last statement; every authorisation names the newest head that its actor has seen. */
  readonly head: string;
  /** Hash and number of the last statement. */
  readonly last: string;
  readonly seq: string;
  /** The newest time that any statement names. */
  readonly time: string;
  /** The newest heads, oldest first, at most {@link headsKept}. */
  readonly heads: readonly string[];
  readonly members: Readonly<Record<string, Member>>;
  readonly apiKeys: Readonly<Record<string, ApiKey>>;
  /** Those that were not revoked. Whether one is valid now, {@link credentialAt} says. */
  readonly credentials: Readonly<Record<string, RegisteredCredential>>;
  readonly invitations: Readonly<Record<string, Invitation>>;
  /** Canonical JSON by wallet set. */
  readonly policies: Readonly<Record<string, string>>;
  readonly secret?: { readonly entityKey: string; readonly version: string };
  /** Ids that are used up, and since when. None is ever used again. */
  readonly retired: Readonly<Record<string, string>>;
}

export const headsKept = 32;

/** Why not. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}
export const refuse = ({ code, message }: Refusal): never => {
  throw new CustodyError(code, message);
};

export const entry = <T>(map: Readonly<Record<string, T>>, id: string): T | undefined =>
  Object.hasOwn(map, id) ? map[id] : undefined;

/** The head after a statement: of the founding one, the organization itself. */
export const headOf = (statement: SignedStatement<{ type: string; kind: string }>['statement']): string =>
  statement.kind === 'organization.found' ? organizationId(statement) : statementHash(statement);

/** Verifies a signature that is text. A text that does not decode verifies nothing. */
export function signs(verify: Verify, key: PublicKey, message: Uint8Array, signature: string): boolean {
  try {
    return verify(key, message, fromBase64url(signature));
  } catch {
    return false;
  }
}

/** @throws {CustodyError} `statement_refused` with every problem of the form. */
export function assertForm(signed: unknown): void {
  const problems = problemsOf(signed);
  if (problems.length > 0)
    throw new CustodyError('statement_refused', 'the statement is not of the form of its kind', { problems });
}

/**
 * The registry after its founding statement.
 * @throws {CustodyError} `statement_refused` unless it is of the form; `signature_invalid` unless the owner's
 * own key signed it.
 */
export function found(
  { statement, signature }: SignedStatement,
  verify: Verify = verifyWithCredential,
): Registry {
  assertForm({ statement, signature });
  if (statement.kind !== 'organization.found')
    throw new CustodyError('statement_refused', 'an organization begins with its founding statement');
  const { name, created, owner } = statement;
  const { credential } = owner;
  if (!signs(verify, credential, statementBytes(statement), signature))
    throw new CustodyError('signature_invalid', 'the founding statement is not signed by the key it names');
  const organization = organizationId(statement);
  const time = new Date(Date.parse(created)).toISOString();
  const holder = founderId(digestOf(statement));
  const founder: Member = {
    name: owner.name,
    role: 'owner',
    grants: {},
    added: time,
    enrolled: credential.scopes,
  };
  return {
    organization,
    name,
    created,
    head: organization,
    last: statementHash(statement),
    seq: '0',
    time,
    heads: [organization],
    members: { [holder]: founder },
    apiKeys: {},
    credentials: { [credentialId(credential)]: { ...credential, holder, added: time } },
    invitations: {},
    policies: {},
    retired: {},
  };
}

/** The founder's member id follows from the statement, which cannot name it. */
const founderId = (digest: Uint8Array): string =>
  `mem_${toBase32(sha256(concat(utf8('planbok/founder/v1\0'), digest)).subarray(0, 16))}`;

/** Why the credential cannot be used at the time. */
export function explainCredential(registry: Registry, id: string, atMs: number): Refusal | undefined {
  const inactive = (message: string): Refusal => ({ code: 'credential_inactive', message });
  const credential = entry(registry.credentials, id);
  if (credential === undefined)
    return entry(registry.retired, id) === undefined
      ? { code: 'credential_unknown', message: 'no such credential' }
      : inactive('the credential was revoked');
  const { from, until, holder } = credential;
  if (from !== undefined && atMs < Date.parse(from)) return inactive('the credential is not active yet');
  if (until !== undefined && atMs >= Date.parse(until)) return inactive('the credential was replaced');
  const expires = entry(registry.apiKeys, holder)?.expires;
  if (expires !== undefined && atMs >= Date.parse(expires)) return inactive('the API key is expired');
  return undefined;
}

/** The credential, if it can be used at the time. */
export const credentialAt = (
  registry: Registry,
  id: string,
  atMs: number,
): RegisteredCredential | undefined =>
  explainCredential(registry, id, atMs) === undefined ? registry.credentials[id] : undefined;

/** Who holds it, as people call it. */
export const holderName = ({ members, apiKeys }: Registry, holder: string): string =>
  (entry(members, holder) ?? entry(apiKeys, holder))?.name ?? holder;

/** Is the head among the newest ones? If not, the actor has seen what this node has not, or is far behind. */
export const knowsHead = ({ heads }: Registry, head: string): boolean => heads.includes(head);

/** Canonical JSON text, for a node to store. */
export const encodeRegistry = (registry: Registry): string =>
  new TextDecoder().decode(canonicalBytes({ type: 'planbok/registry/v1', ...registry }));

/**
 * @param text what {@link encodeRegistry} gave. It is a node's own: nothing of it is verified but its form.
 * @throws {TypeError} on other text
 */
export function decodeRegistry(text: string): Registry {
  const { type, ...registry } = JSON.parse(text) as Registry & { readonly type: string };
  if (type !== 'planbok/registry/v1' || encodeRegistry(registry) !== text)
    throw new TypeError('not a stored registry');
  return registry;
}
