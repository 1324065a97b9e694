/**
 * Both nodes in one process, over memory: the same handlers, stores, envelopes and routes as everywhere, with
 * a transport that a test can listen to, change or cut.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ed25519 } from '@noble/curves/ed25519.js';
import type { APIGatewayProxyResult } from 'aws-lambda';
import { memoryKeyService, memoryTables } from '../../functions/adapters/memory.ts';
import { apiRoutes } from '../../functions/api/routes.ts';
import { peerOver } from '../../functions/channel/call.ts';
import { answer, type ServerPorts } from '../../functions/channel/serve.ts';
import { noPages, type PageOrigins } from '../../functions/cors.ts';
import { http } from '../../functions/http.ts';
import type { Mail } from '../../functions/mail/mailer.ts';
import { type Node, type NodePorts, nodeOf } from '../../functions/node.ts';
import { invitingOf } from '../../functions/node1/invitations.ts';
import type { Lead } from '../../functions/node1/lead.ts';
import { node1Routes } from '../../functions/node1/routes.ts';
import { methodsOf } from '../../functions/node2/methods.ts';
import type { Log, Transport } from '../../functions/ports.ts';
import { admitting, type Limits, rateLimiter } from '../../functions/rate-limit.ts';
import { idempotencyOver } from '../../functions/stores/idempotency.ts';
import { invitationsOver } from '../../functions/stores/invitations.ts';
import { tokensOf } from '../../functions/stores/tokens.ts';
import { nodeWebhooks } from '../../functions/webhooks/node-webhooks.ts';
import { EnvelopeSchema } from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { type Bytes, toBase64url, utf8 } from '../../shared/bytes.ts';
import type { NodeName } from '../../shared/crypto/attestation.ts';
import { CustodyError } from '../../shared/errors.ts';
import { type Authorisation, authorisationDigest } from '../../shared/intent/authorisation.ts';
import { organizationId } from '../../shared/intent/canonical.ts';
import { type ActorRequest, signatureHeaders, signHttpRequest } from '../../shared/intent/http-signature.ts';
import { type Operation, operationDigest } from '../../shared/intent/operation.ts';
import {
  type CredentialAlgorithm,
  credentialId,
  type FoundingStatement,
  type Scope,
  statementBytes,
} from '../../shared/registry/statement.ts';
import { programOf } from '../../shared/wire/routes.ts';

export const fresh = (n: number): Bytes => new Uint8Array(randomBytes(n));

/** What a log was told, for tests that look for alarms and for secrets. */
export interface Told {
  readonly level: 'info' | 'warn' | 'alarm';
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

const logInto = (told: Told[]): Log => {
  const at =
    (level: Told['level']) =>
    (message: string, fields: Told['fields'] = {}): void => {
      told.push({ level, message, fields });
    };
  return { info: at('info'), warn: at('warn'), alarm: at('alarm') };
};

/** May change a request, or its answer, or throw: `deliver` reaches Node 2. */
export type Wire = (
  method: string,
  envelope: Bytes,
  deliver: (envelope: Bytes) => Promise<Bytes>,
) => Promise<Bytes>;

export interface Reply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: any;
}

export interface World {
  readonly node1: NodePorts;
  readonly node2: NodePorts;
  /** Pinned identity keys, DER. */
  readonly identities: Readonly<Record<NodeName, Bytes>>;
  readonly told: Told[];
  /** Everything that was sent, in order. */
  readonly mails: Mail[];
  /** Node 1's program, and Node 2's node: new ones after a restart. */
  lead: Lead;
  second: Node;
  clockMs: number;
  wire: Wire;
  /** An envelope straight to Node 2, past the wire. */
  deliver(method: string, envelope: Bytes, tlsKey?: Bytes): Promise<Bytes>;
  /** Both processes anew over the same stores: what they had in memory is gone. */
  restart(): void;
  /** An HTTP request through the same wrapper as on Lambda. */
  fetch(request: ActorRequest): Promise<Reply>;
  /** The same from the gateway's event. */
  send(event: ReturnType<typeof eventOf>): Promise<Reply>;
}

export interface WorldOptions {
  readonly limits?: Limits;
  readonly invitation?: string;
  readonly leaseMs?: number;
  /** Node 1's and Node 2's clock runs, instead of standing where the test puts it. */
  readonly realClock?: boolean;
  /** Of whoever asks to join with a code. */
  readonly joinLimits?: Limits;
  /** Without: a deployment that sends no mail. */
  readonly mail?: false;
  /** Pages that may call the API; none if absent. */
  readonly origins?: PageOrigins;
  /** Puts something between a node and its stores. */
  readonly wrap?: (node: NodeName, ports: NodePorts) => NodePorts;
}

const honest: Wire = (_, envelope, deliver) => deliver(envelope);

/** SHA-256 of a TLS key that no TLS was made with: envelopes must name it all the same. */
export const tlsKeyHash = new Uint8Array(32).fill(7);

export async function twoNodes(options: WorldOptions = {}): Promise<World> {
  const { wrap = (_: NodeName, ports: NodePorts) => ports, origins = noPages } = options;
  const told: Told[] = [];
  const mails: Mail[] = [];
  const world = { clockMs: Date.now(), wire: honest, told, mails } as World;
  if (options.realClock) Object.defineProperty(world, 'clockMs', { get: Date.now });
  const clock = () => world.clockMs;
  const log = logInto(told);
  const ports = (): NodePorts => ({
    tables: memoryTables(),
    keys: memoryKeyService(),
    clock,
    random: fresh,
    log,
  });
  const [one, two] = [wrap('node1', ports()), wrap('node2', ports())];
  const tokenKeys = memoryKeyService();
  const identities = { node1: await one.keys.identity(), node2: await two.keys.identity() };
  const limiter = rateLimiter(clock, options.limits ?? { credential: 100_000, organization: 100_000 });
  const start = () => {
    const node1 = nodeOf(
      { ...one, admit: admitting(limiter) },
      { node: 'node1', peerIdentity: identities.node2 },
    );
    const second = nodeOf(two, { node: 'node2', peerIdentity: identities.node1 });
    const server: ServerPorts = { identity: second.identity, clock, log, peerIdentity: identities.node1 };
    const methods = methodsOf(second, options);
    const deliver: World['deliver'] = async (method, bytes, tlsKey = tlsKeyHash) => {
      const envelope = fromBinary(EnvelopeSchema, bytes);
      const reply = await answer(server, methods, method, envelope, tlsKey);
      return toBinary(EnvelopeSchema, create(EnvelopeSchema, reply));
    };
    const transport: Transport = {
      // As over a network: whatever goes wrong on the other side is no answer here.
      async send(method, envelope) {
        try {
          return await world.wire(method, envelope, (bytes) => deliver(method, bytes));
        } catch (cause) {
          throw new CustodyError('node_unavailable', 'no answer', { cause });
        }
      },
      tlsKeyHash: async () => tlsKeyHash,
    };
    const peer = peerOver({ identity: node1.identity, transport, clock, peerIdentity: identities.node2 });
    const idempotency = idempotencyOver(one.tables.idempotency, clock, options.leaseMs ?? 30_000);
    const webhooks = nodeWebhooks(node1, one.tables.webhooks, true);
    // The two programs of account 1 open the secret of tokens each for itself.
    const tokensFor = (role: 'makes' | 'opens') =>
      tokensOf(one.tables.tokens, { ...one, keys: tokenKeys }, role);
    const invitations = invitationsOver(one.tables.invitations, clock);
    const mailer = { send: async (mail: Mail) => void mails.push(mail) };
    const joinLimits = options.joinLimits ?? { credential: 100_000, organization: 100_000 };
    const inviting = invitingOf(invitations, options.mail === false ? undefined : mailer, clock, joinLimits);
    const lead: Lead = { node: node1, peer, idempotency, webhooks, inviting, tokens: tokensFor('makes') };
    const wrapped = {
      node1: http(node1Routes(lead, options.invitation), { log, limiter, origins }),
      api: http(
        apiRoutes({
          ...node1,
          idempotency,
          limiter,
          webhooks,
          invitations,
          tokens: tokensFor('opens'),
          version: 'test',
        }),
        {
          log,
          limiter,
          origins,
        },
      ),
    };
    return { lead, second, deliver, wrapped };
  };
  let running = start();
  const send = async (event: ReturnType<typeof eventOf>): Promise<Reply> => {
    let program: 'api' | 'node1' = 'api';
    try {
      program = programOf(event.httpMethod, event.path);
    } catch {
      // An unknown route is refused by either.
    }
    const result = await running.wrapped[program](event as any, {} as any);
    return { status: result.statusCode, headers: result.headers as any, body: bodyOf(result) };
  };
  return Object.assign(world, {
    node1: one,
    node2: two,
    identities,
    lead: running.lead,
    second: running.second,
    deliver: (...args: Parameters<World['deliver']>) => running.deliver(...args),
    restart() {
      running = start();
      world.lead = running.lead;
      world.second = running.second;
    },
    send,
    fetch: (request: ActorRequest): Promise<Reply> => send(eventOf(request)),
  });
}

/** As the other end of the gateway gets it. */
const bodyOf = ({ body, isBase64Encoded = false }: APIGatewayProxyResult): unknown => {
  if (isBase64Encoded) return new Uint8Array(Buffer.from(body, 'base64'));
  return body === '' ? undefined : JSON.parse(body);
};

/** The same world with a clock that is a millisecond later whenever it is read: no two records share a time. */
export function ticking(world: World): World {
  let now = world.clockMs;
  const set = (later: number) => {
    now = later;
  };
  return Object.defineProperty(world, 'clockMs', { get: () => now++, set });
}

export function eventOf(request: ActorRequest, more: Record<string, string> = {}) {
  const headers = { ...signatureHeaders(request), 'content-type': 'application/json', ...more };
  const query = [...new URLSearchParams(request.query)];
  return {
    httpMethod: request.method,
    path: request.path,
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, [v]])) as Record<
      string,
      string[]
    >,
    multiValueQueryStringParameters: Object.fromEntries(query.map(([k, v]) => [k, [v]])),
    requestContext: { requestId: toBase64url(fresh(9)), identity: {} },
    body: request.body.length > 0 ? Buffer.from(request.body).toString('base64') : null,
    isBase64Encoded: request.body.length > 0,
  };
}

/** Somebody with a key, and what they can ask. */
export interface Person {
  readonly organization: string;
  readonly keyId: string;
  sign(message: Bytes): Bytes;
  /** The same, having seen another registry head. */
  at(head: string): this;
  /** A signed request with a body: an object becomes JSON, bytes are sent as they are. */
  post(path: string, idempotencyKey: string, body: object | Bytes): Promise<ActorRequest>;
  /** A signed read. */
  get(path: string, query?: string): Promise<ActorRequest>;
  /** A signed request that takes something away. */
  delete(path: string, idempotencyKey?: string): Promise<ActorRequest>;
  patch(path: string, idempotencyKey: string, body: object): Promise<ActorRequest>;
  /** A signed request for an operation, freshly authorised. */
  ask(path: string, body: object, operation: Operation, times?: Asked): Promise<ActorRequest>;
}

/** An Owner with an Ed25519 key. */
export interface Owner extends Person {
  /** The founding request. */
  found(invitation?: string): Promise<ActorRequest>;
}

/** When it is authorised, for how many seconds, and what the authorisation says besides the truth. */
export interface Asked {
  readonly nowMs?: number;
  readonly life?: number;
  readonly lie?: Partial<Authorisation>;
}

export function personOf(
  world: Pick<World, 'clockMs'>,
  organization: string,
  credential: string,
  sign: (message: Bytes) => Bytes,
  head = organization,
  algorithm: CredentialAlgorithm = 'ed25519',
): Person {
  const keyId = `${organization}/${credential}`;
  const signer = { keyId, algorithm, sign: async (m: Bytes) => sign(m) } as const;
  const times = (nowMs = world.clockMs, life = 60) => {
    const created = Math.floor(nowMs / 1000);
    return { created, expires: created + life, nonce: toBase64url(fresh(16)) };
  };
  const post = (path: string, idempotencyKey: string, body: object | Bytes, at = times()) => {
    const bytes = body instanceof Uint8Array ? body : utf8(JSON.stringify(body));
    return signHttpRequest({ method: 'POST', path, query: '?', idempotencyKey, body: bytes }, signer, at);
  };
  return {
    organization,
    keyId,
    sign,
    at(newest) {
      return { ...this, ...personOf(world, organization, credential, sign, newest, algorithm) };
    },
    post: (path, idempotencyKey, body) => post(path, idempotencyKey, body),
    get: (path, query = '?') =>
      signHttpRequest(
        { method: 'GET', path, query, idempotencyKey: '', body: new Uint8Array() },
        signer,
        times(),
      ),
    delete: (path, idempotencyKey = '') =>
      signHttpRequest(
        { method: 'DELETE', path, query: '?', idempotencyKey, body: new Uint8Array() },
        signer,
        times(),
      ),
    patch: (path, idempotencyKey, body) =>
      signHttpRequest(
        { method: 'PATCH', path, query: '?', idempotencyKey, body: utf8(JSON.stringify(body)) },
        signer,
        times(),
      ),
    ask(path, body, operation, { nowMs, life, lie } = {}) {
      const at = times(nowMs, life);
      const authorisation: Authorisation = {
        type: 'planbok/authorisation/v1',
        operation: toBase64url(operationDigest(operation)),
        nonce: at.nonce,
        issued: String(at.created),
        expires: String(at.expires),
        keyId,
        registryHead: head,
        ...lie,
      };
      authorisationDigest(authorisation);
      return post(path, operation.idempotencyKey, { ...body, authorisation }, at);
    },
  };
}

export function owner(
  world: Pick<World, 'clockMs'>,
  scopes: readonly Scope[] = ['view', 'create_wallet', 'sign'],
): Owner {
  const seed = fresh(32);
  const sign = (message: Bytes): Bytes => ed25519.sign(message, seed);
  const credential = {
    algorithm: 'ed25519',
    publicKey: toBase64url(ed25519.getPublicKey(seed)),
    scopes,
  } as const;
  const statement: FoundingStatement = {
    type: 'planbok/statement/v1',
    kind: 'organization.found',
    name: 'Test',
    owner: { name: 'Owner', credential },
    created: new Date(world.clockMs).toISOString(),
    nonce: toBase64url(fresh(16)),
  };
  const person = personOf(world, organizationId(statement), credentialId(credential), sign);
  return {
    ...person,
    found: (invitation) =>
      person.post('/v1/organizations', toBase64url(fresh(9)), {
        statement,
        signature: toBase64url(sign(statementBytes(statement))),
        ...(invitation && { invitation }),
      }),
  } as Owner;
}
