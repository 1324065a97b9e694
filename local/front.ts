/**
 * What stands in front of a function on AWS, on loopback: reads a request, hands it to the handler as a
 * proxy event, sends back its result. With TLS it is the private door of a node: TLS 1.3, client
 * certificates, revocation list, fail closed. Without, it is the application's API.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { CustodyError } from '#shared/errors.ts';
import { problemMediaType, problemOf } from '#shared/wire/problem.ts';
import { verifyPeerCertificate } from '../functions/adapters/peer-certificate.ts';
import { serverDemands, type TlsFolder } from '../functions/adapters/tls-folder.ts';
import { lambdaContext, proxyEvent } from './event.ts';

export type LambdaHandler = (event: APIGatewayProxyEvent, context: Context) => Promise<APIGatewayProxyResult>;

export interface FrontOptions {
  readonly handler: LambdaHandler;
  /** 0: any free one. */
  readonly port: number;
  readonly maxBodyBytes: number;
  /** How long the handler may take; the gateway's own limit is 29 s. */
  readonly timeoutMs?: number;
  /** Demands client certificates of the folder's peer. */
  readonly tls?: TlsFolder;
  /** How often renewed certificates and lists are looked for. */
  readonly renewEveryMs?: number;
}

export interface Front {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves on 127.0.0.1 until it is closed.
 * @throws {PeerRefused} if the TLS folder is incomplete; {Error} if the port is taken
 */
export async function startFront(options: FrontOptions): Promise<Front> {
  const { tls, renewEveryMs = 1_000 } = options;
  const limits = { headersTimeout: 10_000, requestTimeout: 20_000, maxHeaderSize: 16_384 };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    serve(request, response, options).catch(() => response.destroy());
  };
  let material = tls && (await tls());
  const tlsServer = material && createTlsServer({ ...limits, ...serverDemands(material) }, listener);
  const server: Server = tlsServer ?? createServer(limits, listener);
  // Longer than clients keep an idle connection: the one that closes is the one that may still send.
  server.keepAliveTimeout = 65_000;
  // A client that waits for leave to send its body gets it only if the body may be read.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (declaredLength(request) <= options.maxBodyBytes) response.writeContinue();
    listener(request, response);
  });

  const renewal = setInterval(async () => {
    try {
      const newest = await tls?.();
      if (newest && newest !== material) tlsServer?.setSecureContext(serverDemands(newest));
      material = newest;
    } catch {
      // Nothing to renew with. Requests are refused for as long as the folder is incomplete.
    }
  }, renewEveryMs);
  renewal.unref();

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port, // a TCP server: never a pipe's name
    close() {
      clearInterval(renewal);
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/** NaN if the request does not say. */
const declaredLength = (request: IncomingMessage): number => Number(request.headers['content-length'] ?? NaN);

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { handler, maxBodyBytes, timeoutMs = 29_000, tls }: FrontOptions,
): Promise<void> {
  const requestId = randomUUID();
  const [path = '/', ...rest] = (request.url ?? '/').split('?');
  const refuse = (status: number, thrown?: CustodyError) => {
    const problem = { ...problemOf(thrown, { instance: path, requestId }), status };
    // The rest of the request is not wanted.
    response.writeHead(status, { 'content-type': problemMediaType, connection: 'close' });
    response.end(JSON.stringify(problem));
  };
  if (tls && !(await isPeer(request.socket as TLSSocket, tls)))
    return refuse(403, new CustodyError('credential_unknown', 'the certificate is not the peer’s'));
  const body = await readBody(request, maxBodyBytes);
  if (!body) return refuse(413, new CustodyError('body_too_large', `at most ${maxBodyBytes} bytes`));
  const event = proxyEvent(request, path, new URLSearchParams(rest.join('?')), body, requestId);
  const result = await outcome(handler(event, lambdaContext(requestId, timeoutMs)), timeoutMs);
  if (result === 'late') return refuse(504);
  if (result === 'failed') return refuse(502);
  for (const [name, value] of Object.entries({ ...result.headers, ...result.multiValueHeaders }))
    response.setHeader(name, Array.isArray(value) ? value.map(String) : String(value));
  response.writeHead(result.statusCode);
  response.end(Buffer.from(result.body, result.isBase64Encoded ? 'base64' : 'utf8'));
}

/** The certificate's name and its standing are checked on each request: connections outlive lists. */
async function isPeer(socket: TLSSocket, tls: TlsFolder): Promise<boolean> {
  const pem = socket.getPeerX509Certificate()?.toString();
  if (pem === undefined || !socket.authorized) return false;
  try {
    const { trust } = await tls();
    verifyPeerCertificate(trust, pem, 'client', Date.now());
    return true;
  } catch {
    return false;
  }
}

/** The result; `failed` if the handler threw; `late` if it took too long. */
async function outcome(
  running: Promise<APIGatewayProxyResult>,
  timeoutMs: number,
): Promise<APIGatewayProxyResult | 'failed' | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), timeoutMs);
  });
  try {
    return await Promise.race([running, late]);
  } catch {
    return 'failed';
  } finally {
    clearTimeout(timer);
  }
}

/** Undefined if it is larger than `most`; no more of it is read then. */
async function readBody(request: IncomingMessage, most: number): Promise<Uint8Array | undefined> {
  if (declaredLength(request) > most) return undefined;
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    length += part.length;
    if (length > most) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
