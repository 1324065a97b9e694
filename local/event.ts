/**
 * An HTTP request as API Gateway (REST API, proxy integration) hands it to a function.
 * @module
 */
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { APIGatewayEventClientCertificate, APIGatewayProxyEvent, Context } from 'aws-lambda';

/** A connection has one certificate for all of its requests. */
const described = new WeakMap<TLSSocket, APIGatewayEventClientCertificate | null>();

/** The client's certificate as the gateway describes it. Functions rely on `clientCertPem` alone. */
function clientCertificate(socket: TLSSocket): APIGatewayEventClientCertificate | null {
  const known = described.get(socket);
  if (known !== undefined) return known;
  const certificate = describe(socket);
  described.set(socket, certificate);
  return certificate;
}

function describe(socket: TLSSocket): APIGatewayEventClientCertificate | null {
  const raw = socket.getPeerCertificate().raw as Buffer | undefined;
  if (!raw) return null;
  const certificate = new X509Certificate(raw);
  return {
    clientCertPem: certificate.toString(),
    issuerDN: certificate.issuer,
    serialNumber: certificate.serialNumber,
    subjectDN: certificate.subject,
    validity: { notBefore: certificate.validFrom, notAfter: certificate.validTo },
  };
}

/** First value of each header, and all of them, by lower-case name. */
function headersOf(request: IncomingMessage) {
  const all: Record<string, string[]> = {};
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = String(request.rawHeaders[i]).toLowerCase();
    all[name] = [...(all[name] ?? []), String(request.rawHeaders[i + 1])];
  }
  const headers = Object.fromEntries(Object.entries(all).map(([name, values]) => [name, values.at(-1)]));
  return { headers, multiValueHeaders: all };
}

/** @param path as it was sent, without the query */
export function proxyEvent(
  request: IncomingMessage,
  path: string,
  query: URLSearchParams,
  body: Uint8Array,
  requestId: string,
): APIGatewayProxyEvent {
  const method = request.method ?? 'GET';
  const values: Record<string, string[]> = {};
  for (const [name, value] of query) values[name] = [...(values[name] ?? []), value];
  const { socket } = request;
  const hasQuery = Object.keys(values).length > 0;
  const clientCert = 'getPeerCertificate' in socket ? clientCertificate(socket as TLSSocket) : null;
  return {
    resource: '/{proxy+}',
    path,
    httpMethod: method,
    ...headersOf(request),
    queryStringParameters: hasQuery
      ? Object.fromEntries(Object.entries(values).map(([name, all]) => [name, all.at(-1)]))
      : null,
    multiValueQueryStringParameters: hasQuery ? values : null,
    pathParameters: { proxy: path.slice(1) },
    stageVariables: null,
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      authorizer: null,
      protocol: 'HTTP/1.1',
      httpMethod: method,
      identity: {
        accessKey: null,
        accountId: null,
        apiKey: null,
        apiKeyId: null,
        caller: null,
        clientCert,
        cognitoAuthenticationProvider: null,
        cognitoAuthenticationType: null,
        cognitoIdentityId: null,
        cognitoIdentityPoolId: null,
        principalOrgId: null,
        sourceIp: socket.remoteAddress ?? '127.0.0.1',
        user: null,
        userAgent: request.headers['user-agent'] ?? null,
        userArn: null,
      },
      path,
      stage: 'local',
      requestId,
      requestTimeEpoch: Date.now(),
      resourceId: 'local',
      resourcePath: '/{proxy+}',
    },
    body: body.length > 0 ? Buffer.from(body).toString('base64') : null,
    isBase64Encoded: body.length > 0,
  };
}

/** What functions read of their context: the request id and the time that is left. */
export function lambdaContext(requestId: string, timeoutMs: number): Context {
  const end = Date.now() + timeoutMs;
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: 'local',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:local',
    memoryLimitInMB: '1769',
    awsRequestId: requestId,
    logGroupName: 'local',
    logStreamName: 'local',
    getRemainingTimeInMillis: () => end - Date.now(),
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}
