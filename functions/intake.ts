/**
 * From an actor's signed request to an authorised operation. Both nodes run this, each on its own records:
 * it verifies who asks, decodes what is asked, and holds the one against the other. What Node 1 concluded is
 * never an input at Node 2.
 * @module
 */
import type { Bytes } from '#shared/bytes.ts';
import { type Decoded, decodePayload, type SignPayload, type WalletKey } from '#shared/chains/payload.ts';
import { CustodyError } from '#shared/errors.ts';
import {
  type Authorisation,
  assertAuthorises,
  assertFresh,
  authorisationDigest,
} from '#shared/intent/authorisation.ts';
import { signatureOperation, walletSetOperation, walletsOperation } from '#shared/intent/build.ts';
import type { ActorRequest } from '#shared/intent/http-signature.ts';
import {
  type CreateSignature,
  type CreateWalletSet,
  type CreateWallets,
  type Operation,
  operationDigest,
} from '#shared/intent/operation.ts';
import { parseApproval, type SignedApproval } from '#shared/policy/approval.ts';
import { knowsHead } from '#shared/registry/registry.ts';
import { may } from '#shared/registry/roles.ts';
import { parseJson } from '#shared/wire/json.ts';
import { readBody, readParams, readQuery } from '#shared/wire/parse.ts';
import { type Body, matchRoute, type Params, type RouteName, routes } from '#shared/wire/routes.ts';
import { type Actor, authenticate } from './authenticate.ts';
import { assertMay } from './guard.ts';
import type { Clock } from './ports.ts';
import { type ActiveKey, firstEpoch, type KeyEntry, type Ledger } from './stores/ledger.ts';
import type { RegistryStore } from './stores/registry.ts';
import type { Resources, Wallet } from './stores/resources.ts';
import { walletKeyOf } from './wallet-key.ts';

/** A request as the public sent it: with the address that it came from, and its `Authorization` header. */
export type IncomingRequest = ActorRequest & { readonly sourceIp?: string; readonly authorization?: string };

/** What of an actor limits are about. */
export type Admitted = Pick<Actor, 'organization' | 'keyId' | 'registry'> & {
  readonly credential: Pick<Actor['credential'], 'holder'>;
};

/** A request for a signature, and the approvals that Node 1 keeps for it: JSON each. No word of the actor's. */
export type SignatureRequest = ActorRequest & { readonly approvals?: readonly Bytes[] };

/**
 * Refuses an authenticated actor that asks too often, or from elsewhere than its key allows.
 * @throws {CustodyError} `rate_limited`, `address_refused`
 */
export type Admit = (actor: Admitted, request: IncomingRequest) => void;

export interface IntakePorts {
  readonly registry: RegistryStore;
  readonly resources: Resources;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Refuses an authenticated actor that asks too often. @throws {CustodyError} `rate_limited` */
  readonly admit?: Admit;
}

/** An operation that an actor with the right to it has asked for, freshly. */
export interface Authorised<O extends Operation = Operation> {
  readonly actor: Actor;
  readonly operation: O;
  /** 32 bytes. */
  readonly digest: Bytes;
  /** Digest of the authorisation, 32 bytes: protocol sessions derive from it. */
  readonly authorisation: Bytes;
}

export interface AuthorisedSignature extends Authorised<CreateSignature> {
  readonly wallet: Wallet;
  readonly walletKey: WalletKey;
  readonly key: ActiveKey;
  readonly payload: SignPayload;
  readonly decoded: Decoded;
  /** Of the right form; whether they count, the policy says. */
  readonly approvals: readonly SignedApproval[];
  readonly holdSeconds: number | undefined;
}

export async function readWalletSetRequest(
  ports: IntakePorts,
  request: ActorRequest,
): Promise<Authorised<CreateWalletSet>> {
  const { actor, body } = await openRequest(ports, request, 'createWalletSet');
  assertMay(actor, routes.createWalletSet, undefined, ports.clock());
  const operation = walletSetOperation(actor.organization, request.idempotencyKey, body);
  return authorise(ports, actor, body.authorisation, operation);
}

export async function readWalletsRequest(
  ports: IntakePorts,
  request: ActorRequest,
): Promise<Authorised<CreateWallets> & { readonly key: ActiveKey }> {
  const { actor, body } = await openRequest(ports, request, 'createWallets');
  assertMay(actor, routes.createWallets, body.walletSet, ports.clock());
  const operation = walletsOperation(actor.organization, request.idempotencyKey, body);
  const authorised = authorise(ports, actor, body.authorisation, operation);
  const entry = await ports.ledger.read(body.walletSet, firstEpoch);
  const key = activeKey(entry, actor.organization, body.walletSet);
  return { ...authorised, key };
}

export async function readSignatureRequest(
  ports: IntakePorts,
  request: SignatureRequest,
): Promise<AuthorisedSignature> {
  // Looked up beside the check of who asks; nothing is done with it, or said of it, before that is known.
  const { id } = paramsOf(request, 'createSignature');
  const found = ports.resources.findWallet(id);
  const [{ actor, body }, wallet, entry] = await Promise.all([
    openRequest(ports, request, 'createSignature'),
    found,
    found.then((known) => known && ports.ledger.read(known.walletSet, firstEpoch)),
  ]);
  if (wallet?.organization !== actor.organization)
    throw new CustodyError('wallet_not_found', `no wallet ${id}`);
  const key = activeKey(entry, actor.organization, wallet.walletSet);
  const nowMs = ports.clock();
  assertMay(actor, routes.createSignature, wallet.walletSet, nowMs);
  const { payload } = body;
  const approvals = [...approvalsOf(body.approvals), ...keptApprovals(request)];
  // Whoever collects approvals themselves does not wait for them here, unless they say so.
  const { holdSeconds = body.approvals && 0 } = body;
  const walletKey = walletKeyOf(key.account, wallet);
  const allowRawDigest = may(actor.registry, actor.credentialId, 'sign_raw', wallet.walletSet, nowMs);
  const decoded = decodePayload(payload, walletKey, { allowRawDigest });
  const operation = signatureOperation(actor.organization, request.idempotencyKey, wallet, payload, decoded);
  const authorised = authorise(ports, actor, body.authorisation, operation);
  return {
    ...authorised,
    wallet,
    walletKey,
    key,
    payload,
    decoded,
    approvals,
    holdSeconds,
  };
}

/** @throws {CustodyError} `request_invalid` */
export const approvalsOf = (given: readonly unknown[] = []): readonly SignedApproval[] =>
  given.map(parseApproval);

/** As many as a policy may name approvers. */
const mostKept = 50;
const mostApprovalBytes = 4_096;

/** @throws {CustodyError} `request_invalid`, `json_invalid`, `body_too_large`: no Node 1 of ours sends that */
function keptApprovals({ approvals = [] }: SignatureRequest): readonly SignedApproval[] {
  if (approvals.length > mostKept) throw new CustodyError('request_invalid', 'too many approvals');
  return approvals.map((bytes) => parseApproval(parseJson(bytes, mostApprovalBytes)));
}

/** @throws {CustodyError} `route_not_found` if the request is for another route */
function paramsOf<N extends RouteName>(request: ActorRequest, name: N): Params<N> {
  const match = matchRoute(request.method, request.path);
  if (match.name !== name) throw new CustodyError('route_not_found', 'this call is for another route');
  return readParams(name, match.params);
}

type Opened =
  | 'createWalletSet'
  | 'createWallets'
  | 'createSignature'
  | 'createToken'
  | 'revokeToken'
  | 'createInvitation'
  | 'resendInvitation';

/** Who asks, and the parts of the request; nothing is said yet of whether they may. */
export async function openRequest<N extends Opened>(
  { registry, clock, admit }: Pick<IntakePorts, 'registry' | 'clock' | 'admit'>,
  request: IncomingRequest,
  name: N & RouteName,
): Promise<{ readonly actor: Actor; readonly params: Params<N>; readonly body: Body<N> }> {
  const actor = await authenticate(registry, request, clock());
  admit?.(actor, request);
  const params = paramsOf(request, name);
  if (request.idempotencyKey === '')
    throw new CustodyError('idempotency_key_required', 'send an Idempotency-Key header');
  readQuery(name, request.query);
  return { actor, params, body: readBody(name, request.body) };
}

/** The actor's authorisation is for exactly this operation, is fresh, and is the one its signature covers. */
export function authorise<O extends Operation>(
  { clock }: Pick<IntakePorts, 'clock'>,
  actor: Actor,
  authorisation: Authorisation,
  operation: O,
): Authorised<O> {
  const { nonce, issued, expires, keyId, registryHead } = authorisation;
  const agrees =
    nonce === actor.nonce &&
    issued === String(actor.created) &&
    expires === String(actor.expires) &&
    keyId === actor.keyId;
  if (!agrees)
    throw new CustodyError('authorisation_mismatch', 'the authorisation is not the one that was signed');
  assertFresh(authorisation, clock());
  // An actor that has seen more than this node, a revocation perhaps, is not served on less.
  if (!knowsHead(actor.registry, registryHead))
    throw new CustodyError(
      'registry_behind',
      'the authorisation names a registry head that is not known here',
    );
  const digest = operationDigest(operation);
  assertAuthorises(authorisation, digest);
  return { actor, operation, digest, authorisation: authorisationDigest(authorisation) };
}

/** @throws {CustodyError} `wallet_set_not_found`, `wallet_set_not_active`, `key_quarantined` */
function activeKey(entry: KeyEntry | undefined, organization: string, walletSet: string): ActiveKey {
  if (entry?.account?.organization !== organization)
    throw new CustodyError('wallet_set_not_found', `no wallet set ${walletSet}`);
  if (entry.state === 'PENDING') throw new CustodyError('wallet_set_not_active', 'its keys are being made');
  if (entry.state !== 'ACTIVE') throw new CustodyError('key_quarantined', 'its keys are locked');
  return entry as ActiveKey;
}
