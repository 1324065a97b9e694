/**
 * Who reads: an actor who signed the request, or whoever shows a bearer token. A token shows what it was made
 * for, and of that at most what the member who made it may see now.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import { inRanges } from '#shared/registry/cidr.ts';
import { entry, type RegisteredCredential, type Registry } from '#shared/registry/registry.ts';
import { rightsOfHolder, scopesIn } from '#shared/registry/roles.ts';
import { bearerIn, parseBearer } from '#shared/wire/bearer-token.ts';
import { authenticate } from './authenticate.ts';
import { type Rights, rightsNow } from './guard.ts';
import type { Admit, IncomingRequest } from './intake.ts';
import type { Clock, Log } from './ports.ts';
import type { RegistryStore } from './stores/registry.ts';
import type { StoredToken, TokenCheck } from './stores/tokens.ts';

export interface Reader {
  readonly organization: string;
  readonly registry: Registry;
  /** What its requests are counted by. */
  readonly keyId: string;
  /** The member or API key in whose place it reads. */
  readonly credential: Pick<RegisteredCredential, 'holder'>;
  readonly rights: Rights;
}

export interface ReaderPorts {
  readonly registry: RegistryStore;
  readonly tokens: TokenCheck;
  readonly clock: Clock;
  readonly log: Log;
  readonly admit?: Admit;
}

const invalid = (): CustodyError => new CustodyError('token_invalid', 'no such token, or not any more');

/**
 * @throws {CustodyError} `token_invalid`, `address_refused`, `rate_limited`; what `authenticate` throws;
 * `request_invalid` if the request is signed and shows a token
 */
export async function readerOf(ports: ReaderPorts, request: IncomingRequest): Promise<Reader> {
  const text = bearerIn(request.authorization ?? '');
  const reader = text === undefined ? await signing(ports, request) : await showing(ports, request, text);
  ports.admit?.(reader, request);
  return reader;
}

async function signing({ registry: known, clock }: ReaderPorts, request: IncomingRequest): Promise<Reader> {
  const actor = await authenticate(known, request, clock());
  const { organization, registry, keyId, credential } = actor;
  return { organization, registry, keyId, credential, rights: rightsNow(actor, clock()) };
}

async function showing(ports: ReaderPorts, request: IncomingRequest, text: string): Promise<Reader> {
  if (request.signature !== '' || request.signatureInput !== '')
    throw new CustodyError('request_invalid', 'a request is signed or shows a token, not both');
  const shown = parseBearer(text);
  if (shown === undefined) throw invalid();
  const token = await ports.tokens.check(shown);
  const { organization, member, id, cidrs } = token;
  const registry = await ports.registry.read(organization);
  // As good as who made it: a removed member's tokens show nothing.
  if (entry(registry.members, member) === undefined) throw invalid();
  if (cidrs.length > 0 && !(request.sourceIp !== undefined && inRanges(request.sourceIp, cidrs)))
    throw new CustodyError('address_refused', 'the token is not valid from this address');
  // Reading goes on if this cannot be noted.
  await ports.tokens
    .used(token)
    .catch(() => ports.log.warn('the use of a token is not noted', { token: id }));
  return {
    organization,
    registry,
    keyId: id,
    credential: { holder: member },
    rights: viewOf(registry, token),
  };
}

/** To view what the token names, cut down to what its maker may see. */
function viewOf(registry: Registry, { walletSets, member }: StoredToken): Rights {
  const rights = rightsOfHolder(registry, member);
  const sees = (walletSet: string): boolean =>
    (walletSets.includes('*') || walletSets.includes(walletSet)) &&
    scopesIn(rights, walletSet).includes('view');
  const missing = { code: 'scope_missing', message: 'the token does not show this' } as const;
  return {
    explain: (scope, walletSet) => (scope === 'view' && sees(walletSet ?? '*') ? undefined : missing),
    somewhere: (scope) => scope === 'view' && [...walletSets, ...Object.keys(rights)].some(sees),
    explainAct: () => ({ code: 'role_missing', message: 'a token has no role' }),
  };
}
