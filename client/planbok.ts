/**
 * The client. It decodes what it asks to be signed, checks what it is told, and verifies what it gets, all
 * here: with the pinned identities of the two nodes, no single node and nothing between can deceive it.
 * @module
 */
import { idempotencyKeyPattern } from '../shared/intent/http-signature.ts';
import type { KnownHead } from '../shared/registry/head.ts';
import { parseBearer } from '../shared/wire/bearer-token.ts';
import { type Answer, pathOf, routes } from '../shared/wire/routes.ts';
import { type Identities, identityKeys } from './address-proof.ts';
import { approvalsOf } from './approvals.ts';
import { auditOf } from './audit.ts';
import { type CheckpointStore, memoryCheckpoints } from './checkpoint-store.ts';
import { type CredentialKey, requestSigner } from './credential.ts';
import { draftsOf } from './drafts.ts';
import { PlanbokError } from './errors.ts';
import { eventsOf } from './events.ts';
import { exchange, type Fetch } from './http.ts';
import { type Invitation, invitationsOf, type Joined, joinWith } from './invitations.ts';
import { leaveRequest, mailInvitationsOf } from './mail-invitations.ts';
import { apiKeysOf, credentialsApi, membersOf, scopesOf } from './members.ts';
import { type Founded, type Founding, foundOrganization, organizationsOf } from './organizations.ts';
import { policiesOf } from './policies.ts';
import { type RegistryClient, registryOf } from './registry.ts';
import { type Line, type Progress, read, repeating, type Seen, type Session } from './session.ts';
import { signaturesOf } from './signatures.ts';
import { noSigner, tokensOf } from './tokens.ts';
import { walletSetsOf } from './wallet-sets.ts';
import { walletsOf } from './wallets.ts';
import { webhooksOf } from './webhooks.ts';

export interface Connection {
  /** Base URL of the API, without a path. */
  readonly url: string;
  /** Of both nodes: get them once, from a place that you trust, and keep them. */
  readonly identities: Identities;
  readonly fetch?: Fetch;
  readonly onProgress?: (progress: Progress) => void;
  /** Longest time for one attempt, milliseconds; 60,000 if absent. */
  readonly timeoutMs?: number;
  /** How often a request that may succeed later is repeated; 4 if absent. */
  readonly retries?: number;
  /** For tests: epoch milliseconds, random bytes, waiting. */
  readonly now?: () => number;
  readonly random?: (length: number) => Uint8Array;
  readonly sleep?: (ms: number) => Promise<void>;
}

/** A bearer token (`tokens.create`) in place of a key: it reads, and signs nothing. */
export interface TokenCredential {
  readonly token: string;
}

export interface PlanbokOptions extends Connection {
  /** `org_…` */
  readonly organization: string;
  readonly credential: CredentialKey | TokenCredential;
  /**
   * Another credential of the same holder, with the scope `view`, that signs what changes nothing; the credential
   * itself if absent. With a passkey it saves the person a gesture for each read.
   */
  readonly reader?: CredentialKey;
  /** The newest registry head that was seen before: a log without it is refused. */
  readonly known?: KnownHead;
  /** Remembers the newest checkpoints of the audit logs; for as long as the program runs if absent. */
  readonly checkpoints?: CheckpointStore;
}

const lineOf = (options: Omit<Connection, 'identities'>): Line => ({
  url: baseUrl(options.url),
  fetch: options.fetch ?? ((url, init) => fetch(url, init)),
  now: options.now ?? Date.now,
  random: options.random ?? ((length) => crypto.getRandomValues(new Uint8Array(length))),
  sleep: options.sleep ?? ((ms) => new Promise((done) => setTimeout(done, ms))),
  timeoutMs: options.timeoutMs ?? 60_000,
  retries: options.retries ?? 4,
  onProgress: options.onProgress ?? (() => {}),
});

/** Signatures cover the path, so the base may have none. @throws {TypeError} */
function baseUrl(url: string): string {
  const { protocol, origin, pathname, search, username } = new URL(url);
  if (protocol !== 'https:' && protocol !== 'http:') throw new TypeError(`not an HTTP URL: ${url}`);
  if (pathname !== '/' || search !== '' || username !== '') throw new TypeError(`not a bare origin: ${url}`);
  return origin;
}

/** Founds an organization: {@link foundOrganization} with the defaults of the client. */
export const found = (connection: Connection, founding: Founding): Promise<Founded> =>
  foundOrganization(lineOf(connection), connection.identities, founding);

/**
 * Accepts an invitation ({@link readInvitation}) with a key of the invitee's own.
 * @throws {PlanbokError}
 */
export const join = (
  connection: Omit<Connection, 'identities' | 'url'> & { readonly url?: string },
  invitation: Invitation,
  name: string,
  key: CredentialKey,
): Promise<Joined> => joinWith(lineOf({ url: invitation.api, ...connection }), invitation, name, key);

/**
 * Asks to join with the code of a mail ({@link leaveRequest}).
 * @param request its text, of `joinRequest`
 * @throws {PlanbokError}
 */
export const askToJoin = (
  connection: Omit<Connection, 'identities'>,
  code: string,
  request: string,
): Promise<Answer<'requestToJoin'>> => leaveRequest(lineOf(connection), code, request);

/** Routes that anybody may read. @throws {PlanbokError} */
export async function readPublic<
  N extends 'listChains' | 'getLimits' | 'getHealth' | 'getAttestations' | 'getOpenapi',
>(connection: Omit<Connection, 'identities'>, name: N): Promise<Answer<N>> {
  const line = lineOf(connection);
  const { method } = routes[name];
  const request = { method, path: pathOf(name), query: '?', idempotencyKey: '', body: new Uint8Array() };
  return repeating(line, () => exchange(line, name, request));
}

export class Planbok {
  readonly organization: string;
  readonly organizations: ReturnType<typeof organizationsOf>;
  readonly walletSets: ReturnType<typeof walletSetsOf>;
  readonly wallets: ReturnType<typeof walletsOf>;
  readonly signatures: ReturnType<typeof signaturesOf>;
  readonly registry: RegistryClient;
  readonly members: ReturnType<typeof membersOf>;
  readonly invitations: ReturnType<typeof invitationsOf>;
  readonly mailInvitations: ReturnType<typeof mailInvitationsOf>;
  readonly credentials: ReturnType<typeof credentialsApi>;
  readonly apiKeys: ReturnType<typeof apiKeysOf>;
  readonly scopes: ReturnType<typeof scopesOf>;
  readonly tokens: ReturnType<typeof tokensOf>;
  readonly policies: ReturnType<typeof policiesOf>;
  readonly approvals: ReturnType<typeof approvalsOf>;
  readonly statements: ReturnType<typeof draftsOf>;
  readonly events: ReturnType<typeof eventsOf>;
  readonly audit: ReturnType<typeof auditOf>;
  readonly webhooks: ReturnType<typeof webhooksOf>;
  readonly #session: Session;

  /** @throws {PlanbokError} `token_invalid` if the token is mistyped. @throws {Error} if the identities are not two different P-256 public keys, or the URL has a path */
  constructor(options: PlanbokOptions) {
    const { organization, credential, reader = credential, identities } = options;
    identityKeys(identities);
    const seen: Seen = {
      newest: options.known ?? { head: organization, seq: '0' },
      refresh: () => this.registry.refresh(),
    };
    const signerOf = (key: CredentialKey | TokenCredential) =>
      'token' in key ? noSigner(organization) : requestSigner(organization, key);
    const token = 'token' in credential ? credential.token : undefined;
    if (token !== undefined && parseBearer(token) === undefined)
      throw new PlanbokError('token_invalid', 'this is no token, or it was mistyped');
    const session: Session = {
      ...lineOf(options),
      organization,
      signer: signerOf(credential),
      reader: signerOf(reader),
      seen,
      ...(token !== undefined && { token }),
    };
    this.#session = session;
    this.organization = organization;
    const registry = registryOf(session, identities);
    this.registry = registry;
    this.members = membersOf(registry, session, identities);
    this.invitations = invitationsOf(registry, session, organization, identities);
    this.mailInvitations = mailInvitationsOf(session, registry, this.members, identities);
    this.credentials = credentialsApi(registry);
    this.apiKeys = apiKeysOf(registry, session);
    this.scopes = scopesOf(registry);
    this.events = eventsOf(session);
    this.webhooks = webhooksOf(session, identities);
    this.tokens = tokensOf(session);
    this.organizations = organizationsOf(session);
    this.walletSets = walletSetsOf(session);
    this.wallets = walletsOf(session, identities);
    const { proven } = this.wallets;
    this.signatures = signaturesOf(session, identities, proven);
    this.policies = policiesOf(session, registry, proven);
    this.approvals = approvalsOf(session, registry, proven);
    this.statements = draftsOf(session, registry, identities);
    this.audit = auditOf(session, identities, options.checkpoints ?? memoryCheckpoints());
  }

  /**
   * What became of a request, by its idempotency key; undefined if it never arrived.
   * @throws {PlanbokError}
   */
  async lookUp(idempotencyKey: string): Promise<Answer<'getIdempotencyKey'> | undefined> {
    if (!idempotencyKeyPattern.test(idempotencyKey)) return undefined;
    try {
      return await read(this.#session, 'getIdempotencyKey', { params: { key: idempotencyKey } });
    } catch (error) {
      if (error instanceof PlanbokError && error.code === 'idempotency_key_not_found') return undefined;
      throw error;
    }
  }
}
