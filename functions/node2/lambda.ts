/**
 * Node 2 behind a gateway: an API Gateway proxy event in, a proxy result out, the Connect router between.
 * @module
 */
import { createConnectRouter, createContextValues } from '@connectrpc/connect';
import {
  type UniversalHandler,
  universalServerRequestFromFetch,
  universalServerResponseToFetch,
} from '@connectrpc/connect/protocol';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import type { Bytes } from '#shared/bytes.ts';
import type { Method, ServerPorts } from '../channel/serve.ts';
import { routesOf, tlsKeyHashKey } from './router.ts';

/** Larger than any message of the protocols: S3 is the longest, 78 KB, and an actor's request 1 MB. */
const maxBodyBytes = 2 * 1024 * 1024;

/**
 * @param checkCertificate verifies the client certificate (PEM) as the peer's, now; resolves to the SHA-256 of
 * its key. Throws if it is not.
 */
export function lambdaOf(
  ports: ServerPorts,
  methods: Readonly<Record<string, Method>>,
  checkCertificate: (pem: string | undefined) => Promise<Bytes>,
): (event: APIGatewayProxyEvent) => Promise<APIGatewayProxyResult> {
  const router = createConnectRouter({ grpc: false, grpcWeb: false, readMaxBytes: maxBodyBytes });
  routesOf(ports, methods)(router);
  const handlers = new Map<string, UniversalHandler>(router.handlers.map((h) => [h.requestPath, h]));
  return async (event) => {
    const handler = handlers.get(event.path);
    if (handler === undefined) return plain(404);
    let tlsKeyHash: Bytes;
    try {
      tlsKeyHash = await checkCertificate(event.requestContext.identity.clientCert?.clientCertPem);
    } catch (error) {
      ports.log.alarm('peer certificate refused', { reason: (error as Error).message });
      return plain(403);
    }
    const request = universalServerRequestFromFetch(fetchRequestOf(event), { httpVersion: '1.1' });
    const contextValues = createContextValues().set(tlsKeyHashKey, tlsKeyHash);
    return resultOf(universalServerResponseToFetch(await handler({ ...request, contextValues })));
  };
}

const plain = (statusCode: number): APIGatewayProxyResult => ({ statusCode, body: '' });

function fetchRequestOf({ body, isBase64Encoded, path, headers, httpMethod }: APIGatewayProxyEvent): Request {
  const bytes = new Uint8Array(Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8'));
  const type = headers['content-type'] ?? headers['Content-Type'] ?? '';
  const init = { method: httpMethod, headers: { 'content-type': type, 'connect-protocol-version': '1' } };
  // The host is of no interest: the path names the method.
  return new Request(`https://node2${path}`, httpMethod === 'GET' ? init : { ...init, body: bytes });
}

async function resultOf(response: Response): Promise<APIGatewayProxyResult> {
  return {
    statusCode: response.status,
    headers: { 'content-type': response.headers.get('content-type') ?? 'application/proto' },
    body: Buffer.from(await response.arrayBuffer()).toString('base64'),
    isBase64Encoded: true,
  };
}
