/**
 * An actor's line to the API: signs each request, authorises each change, repeats what may be repeated.
 * @module
 */
import { type Bytes, toBase64url, utf8 } from '../shared/bytes.ts';
import { type Authorisation, maxLifeSeconds } from '../shared/intent/authorisation.ts';
import {
  idempotencyKeyPattern,
  type RequestSigner,
  signHttpRequest,
} from '../shared/intent/http-signature.ts';
import { type Operation, operationDigest } from '../shared/intent/operation.ts';
import type { KnownHead } from '../shared/registry/head.ts';
import { canonicalQuery } from '../shared/wire/query.ts';
import { type Answer, pathOf, type RouteName, routes } from '../shared/wire/routes.ts';
import { PlanbokError } from './errors.ts';
import { exchange, type Wire } from './http.ts';

/** What slow work is at. */
export interface Progress {
  readonly step:
    | 'make_keys'
    | 'derive_wallets'
    | 'check_proof'
    | 'decode'
    | 'preview'
    | 'confirm'
    | 'sign'
    | 'verify'
    | 'wait';
  readonly detail?: string;
}

/** A line to the API, for anybody. */
export interface Line extends Wire {
  readonly random: (length: number) => Bytes;
  readonly sleep: (ms: number) => Promise<void>;
  /** How often a request is repeated after the first time. */
  readonly retries: number;
  readonly onProgress: (progress: Progress) => void;
}

/** What an actor has seen of the registry: every operation names the newest head. */
export interface Seen {
  newest: KnownHead;
  /** Sees what was stated since. @throws {PlanbokError} */
  refresh(): Promise<unknown>;
}

/** A line to the API for one actor. */
export interface Session extends Line {
  readonly organization: string;
  /** Of a client that reads with a token: one that refuses. */
  readonly signer: RequestSigner;
  /** Signs what changes nothing, where the signer would ask a person each time. */
  readonly reader: RequestSigner;
  /** Shown with every read, in place of a signature. */
  readonly token?: string;
  readonly seen: Seen;
}

type Parameters = Readonly<Record<string, string>>;
type Search = Readonly<Record<string, string | number | undefined>>;

const firstWaitMs = 250;
const longestWaitMs = 8_000;
/** A server that asks for a longer pause gets its error passed on. */
const longestRetryAfterMs = 60_000;

export const newIdempotencyKey = (line: Line): string => toBase64url(line.random(16));

/** Fresh times and nonce for one attempt. */
export function freshTimes({ now, random }: Line) {
  const created = Math.floor(now() / 1000);
  return { created, expires: created + maxLifeSeconds, nonce: toBase64url(random(16)) };
}

const queryOf = (search: Search): string =>
  canonicalQuery(
    Object.entries(search).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as const],
    ),
  );

/**
 * Runs an attempt again while it fails in a way that may pass: no answer, an overload, a node away. Each
 * attempt signs afresh; the idempotency key and the operation stay, so nothing happens twice.
 */
export async function repeating<T>(
  session: Pick<Session, 'retries' | 'random' | 'sleep' | 'onProgress'>,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failed = 0; ; failed++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof PlanbokError) || !error.retryable || failed >= session.retries) throw error;
      const { retryAfterMs } = error;
      if (retryAfterMs !== undefined && retryAfterMs > longestRetryAfterMs) throw error;
      const backoff = Math.min(longestWaitMs, firstWaitMs * 2 ** failed);
      // Half of it is random, so that clients that failed together do not come back together.
      const jitter = ((session.random(1)[0] ?? 0) / 256) * (backoff / 2);
      const wait = retryAfterMs ?? backoff / 2 + jitter;
      session.onProgress({ step: 'wait', detail: `${error.code}: trying again in ${Math.ceil(wait)} ms` });
      await session.sleep(wait);
    }
  }
}

interface Asked {
  readonly params?: Parameters;
  readonly query?: Search;
  readonly idempotencyKey?: string;
  readonly body?: object;
}

/** @throws {PlanbokError} `request_invalid` if an id or the key could not be one */
function unsigned(name: RouteName, { params = {}, query = {}, idempotencyKey = '', body }: Asked) {
  const refuse = (what: string) => {
    throw new PlanbokError('request_invalid', `not ${what}: letters, digits and . _ ~ : - only`);
  };
  if (!Object.values(params).every((value) => idempotencyKeyPattern.test(value))) refuse('an id');
  if (idempotencyKey !== '' && !idempotencyKeyPattern.test(idempotencyKey)) refuse('an idempotency key');
  return {
    method: routes[name].method,
    path: pathOf(name, params),
    query: queryOf(query),
    idempotencyKey,
    body: body === undefined ? new Uint8Array() : utf8(JSON.stringify(body)),
  };
}

/** A request that changes nothing, signed by the reader or with a token, with a body or without. @throws {PlanbokError} */
export const read = <N extends RouteName>(session: Session, name: N, asked: Asked = {}): Promise<Answer<N>> =>
  repeating(session, async () => {
    const request = unsigned(name, asked);
    const { token } = session;
    if (token !== undefined) return exchange(session, name, request, token);
    return exchange(session, name, await signHttpRequest(request, session.reader, freshTimes(session)));
  });

/**
 * Carries out an operation: the request, with a fresh authorisation for the operation in its body.
 * @throws {PlanbokError} with the idempotency key, under which it can be asked for again.
 */
export async function carryOut<
  N extends 'createWalletSet' | 'createWallets' | 'createSignature' | 'createToken',
>(
  session: Session,
  name: N,
  operation: Operation,
  body: object,
  params: Parameters = {},
): Promise<Answer<N>> {
  assertSigns(session);
  const { idempotencyKey } = operation;
  const digest = toBase64url(operationDigest(operation));
  const attempt = () =>
    repeating(session, async () => {
      const times = freshTimes(session);
      const authorisation: Authorisation = {
        type: 'planbok/authorisation/v1',
        operation: digest,
        nonce: times.nonce,
        issued: String(times.created),
        expires: String(times.expires),
        keyId: session.signer.keyId,
        registryHead: session.seen.newest.head,
      };
      const request = unsigned(name, { params, idempotencyKey, body: { ...body, authorisation } });
      return exchange(session, name, await signHttpRequest(request, session.signer, times));
    });
  try {
    return await attempt().catch(async (error: unknown) => {
      if (await sawMore(session, error)) return attempt();
      throw error;
    });
  } catch (error) {
    if (!(error instanceof PlanbokError)) throw error;
    throw new PlanbokError(error.code, error.message, { ...error, idempotencyKey, cause: error.cause });
  }
}

/** Before work that ends in a signature. @throws {PlanbokError} `bearer_refused` if there is only a token */
export function assertSigns({ token }: Session): void {
  if (token !== undefined)
    throw new PlanbokError('bearer_refused', 'a token only reads: this takes a credential that signs');
}

/**
 * A head that the nodes do not know (any more) may be too old: then there is a newer one to name, once.
 * @throws {PlanbokError} `registry_invalid` if the log has lost what was seen of it
 */
async function sawMore({ seen }: Session, error: unknown): Promise<boolean> {
  if (!(error instanceof PlanbokError) || error.code !== 'registry_behind') return false;
  const { head } = seen.newest;
  try {
    await seen.refresh();
  } catch (cause) {
    if (cause instanceof PlanbokError && cause.code === 'registry_invalid') throw cause;
    return false;
  }
  return seen.newest.head !== head;
}

/**
 * A change that needs no authorisation of an operation: the signed request says all.
 * @throws {PlanbokError} with the idempotency key, under which it can be asked for again.
 */
export async function change<N extends RouteName>(
  session: Session,
  name: N,
  asked: Asked,
): Promise<Answer<N>> {
  const idempotencyKey = asked.idempotencyKey ?? newIdempotencyKey(session);
  try {
    return await repeating(session, async () => {
      const request = unsigned(name, { ...asked, idempotencyKey });
      return exchange(session, name, await signHttpRequest(request, session.signer, freshTimes(session)));
    });
  } catch (error) {
    if (!(error instanceof PlanbokError)) throw error;
    throw new PlanbokError(error.code, error.message, { ...error, idempotencyKey, cause: error.cause });
  }
}

/** All items of all pages, newest first, fetched as they are asked for. */
export async function* pages<
  N extends
    | 'listWalletSets'
    | 'listWallets'
    | 'listSignatures'
    | 'listApprovals'
    | 'listAuditEvents'
    | 'listWebhooks'
    | 'listDeliveries'
    | 'listTokens'
    | 'listInvitations',
>(
  session: Session,
  name: N,
  query: Search,
  params: Parameters = {},
): AsyncGenerator<Answer<N>['data'][number], void, undefined> {
  let cursor: string | undefined;
  do {
    const page: Answer<N> = await read(session, name, { params, query: { ...query, cursor } });
    yield* page.data as Answer<N>['data'][number][];
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}
