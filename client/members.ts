/**
 * Members of an organization, their credentials, API keys and scopes: what people state, as calls.
 * @module
 */
import { type Bytes, toBase32 } from '../shared/bytes.ts';
import type { ApiKeyRole, Content, Role } from '../shared/registry/kinds.ts';
import type {
  ApiKey,
  Member,
  RegisteredCredential,
  Registry,
  ScopeMap,
} from '../shared/registry/registry.ts';
import { type Credential, type PlainKey, publicKeyOf, type Scope } from '../shared/registry/statement.ts';
import type { Identities } from './address-proof.ts';
import { type Admission, confirmedRequest, type JoinRequest, readJoinRequest } from './join-request.ts';
import type { Cosigner, RegistryClient, Stated } from './registry.ts';
import type { Line } from './session.ts';

export interface ListedCredential extends RegisteredCredential {
  readonly id: string;
}
export type ListedMember = Member & {
  readonly id: string;
  readonly credentials: readonly ListedCredential[];
};
export type ListedApiKey = ApiKey & {
  readonly id: string;
  readonly credentials: readonly ListedCredential[];
};

export interface NewMember {
  readonly name: string;
  readonly role: Role;
  /** Its first credential; the member has none if absent. */
  readonly credential?: Credential;
}

export interface NewApiKey {
  readonly name: string;
  /** `read`: a reader, whatever its scopes say. */
  readonly role: ApiKeyRole;
  /** By wallet set; `*` for all that are not named. */
  readonly scopes: ScopeMap;
  /** The private half stays with whoever uses the key. No passkey: those are for people. */
  readonly publicKey: PlainKey;
  /** Addresses that it may be used from; any if absent. */
  readonly cidrs?: readonly string[];
  /** As 2026-01-02T03:04:05.678Z; never if absent. */
  readonly expires?: string;
}

export const newId = (prefix: 'mem' | 'apk' | 'inv', random: (length: number) => Bytes): string =>
  `${prefix}_${toBase32(random(16))}`;

const credentialsOf = ({ credentials }: Registry, holder: string): readonly ListedCredential[] =>
  Object.entries(credentials).flatMap(([id, one]) => (one.holder === holder ? [{ id, ...one }] : []));

const listed = <T extends object>(registry: Registry, map: Readonly<Record<string, T>>) =>
  Object.entries(map).map(([id, one]) => ({ id, ...one, credentials: credentialsOf(registry, id) }));

const bare = ({ algorithm, publicKey }: PlainKey): PlainKey => ({ algorithm, publicKey });

export const membersOf = (
  registry: RegistryClient,
  { random, organization }: Line & { readonly organization: string },
  identities: Identities,
) => ({
  /** Reads a request to join, whose key was proven: who asks, its fingerprint says to whoever hears it read out. */
  readRequest: (text: string): JoinRequest => readJoinRequest(text, organization, identities),
  /**
   * Adds whoever made the request, with the key that the statement names.
   * @throws {PlanbokError} `join_request_invalid` if the fingerprint is another request's; nothing was stated then
   */
  async admit(admission: Admission): Promise<Stated & { readonly id: string; readonly name: string }> {
    const request = confirmedRequest(admission, organization, identities);
    const { role, scopes, name = request.name } = admission;
    const credential = { ...publicKeyOf(request.key), scopes };
    const id = newId('mem', random);
    const stated = await registry.state({ kind: 'member.add', member: id, name, role, credential });
    return { ...stated, id, name };
  },
  /** As computed here from the organization's statements. */
  async list(): Promise<readonly ListedMember[]> {
    const known = await registry.refresh();
    return listed(known, known.members);
  },
  async add({ name, role, credential }: NewMember): Promise<Stated & { readonly id: string }> {
    const id = newId('mem', random);
    const first = credential && { credential: { ...publicKeyOf(credential), scopes: credential.scopes } };
    const stated = await registry.state({ kind: 'member.add', member: id, name, role, ...first });
    return { ...stated, id };
  },
  /** With all of its credentials. */
  remove: (member: string): Promise<Stated> => registry.state({ kind: 'member.remove', member }),
  /** Clears what was granted to the member per wallet set. */
  setRole: (member: string, role: Role): Promise<Stated> =>
    registry.state({ kind: 'member.role', member, role }),
  /** The member becomes an Owner, and whoever states it `role`. */
  transferOwnership: (member: string, role: 'admin' | 'member'): Promise<Stated> =>
    registry.state({ kind: 'ownership.transfer', member, role }),
  /**
   * A new credential for a member who lost theirs: in force after a delay, in which it can be revoked.
   * @param cosigners other Owners or Admins, so that there are two with this one; a draft collects them too
   */
  recover: (member: string, credential: Credential, cosigners: readonly Cosigner[]): Promise<Stated> =>
    registry.state(recoveryOf(member, credential), cosigners),
});

/** What a recovery states; `statements.draft` makes it a document for others to sign. */
export const recoveryOf = (
  member: string,
  { scopes, ...key }: Credential,
): Content<'recovery.credential'> => ({
  kind: 'recovery.credential',
  member,
  credential: { ...publicKeyOf(key), scopes },
});

export const credentialsApi = (registry: RegistryClient) => ({
  add: (member: string, { scopes, ...key }: Credential): Promise<Stated> =>
    registry.state({ kind: 'credential.add', member, credential: { ...publicKeyOf(key), scopes } }),
  revoke: (credential: string): Promise<Stated> => registry.state({ kind: 'credential.revoke', credential }),
});

export const apiKeysOf = (registry: RegistryClient, { random }: Line) => ({
  /** As computed here from the organization's statements. */
  async list(): Promise<readonly ListedApiKey[]> {
    const known = await registry.refresh();
    return listed(known, known.apiKeys);
  },
  async create({ publicKey, ...asked }: NewApiKey): Promise<Stated & { readonly id: string }> {
    const id = newId('apk', random);
    const { name, role, scopes, cidrs, expires } = asked;
    const limits = { ...(cidrs !== undefined && { cidrs }), ...(expires !== undefined && { expires }) };
    const credential = bare(publicKey);
    const said = { kind: 'api_key.create', apiKey: id, name, role, credential, scopes, ...limits } as const;
    return { ...(await registry.state(said)), id };
  },
  /** @param overlapUntil until when the keys before stay valid, as 2026-01-02T03:04:05.678Z */
  rotate: (apiKey: string, publicKey: PlainKey, overlapUntil: string): Promise<Stated> =>
    registry.state({ kind: 'api_key.rotate', apiKey, credential: bare(publicKey), overlapUntil }),
  revoke: (apiKey: string): Promise<Stated> => registry.state({ kind: 'api_key.revoke', apiKey }),
});

export const scopesOf = (registry: RegistryClient) => ({
  /** Replaces what a member or an API key may do with a wallet set; `*` for all that are not named. */
  set: (holder: string, walletSet: string, scopes: readonly Scope[]): Promise<Stated> =>
    registry.state({ kind: 'wallet_set.scopes', holder, walletSet, scopes }),
});
