/**
 * The AWS of one local account: DynamoDB (dynalite) and a small KMS behind one port of 127.0.0.1, so that a
 * single AWS_ENDPOINT_URL reaches both. Every call must be signed with this account's credential.
 * @module
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import dynalite from 'dynalite';
import { privateFolder } from './files.ts';
import { KmsError, kmsOperations } from './kms.ts';
import { openKeyStore } from './kms-store.ts';
import { type LocalCredential, refusalOf } from './sigv4.ts';

export interface LocalAwsOptions {
  /** The account's folder. Without one the tables are in memory; the keys need a file all the same. */
  readonly folder: string;
  /** 12 digits, part of every ARN. */
  readonly account: string;
  readonly credential: LocalCredential;
  /** 0: any free one. */
  readonly port: number;
  readonly inMemory?: boolean;
}

export interface LocalAws {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  close(): Promise<void>;
}

/** Larger than any item; dynalite has its own limits below that. */
const maxBodyBytes = 2 * 1024 * 1024;

/** Serves until it is closed. @throws {Error} if the port is taken. */
export async function startLocalAws(options: LocalAwsOptions): Promise<LocalAws> {
  privateFolder(options.folder);
  const operations = kmsOperations(openKeyStore(join(options.folder, 'kms.json'), options.account));
  const server = dynalite({
    createTableMs: 0,
    ...(!options.inMemory && { path: privateFolder(join(options.folder, 'dynamodb')) }),
  });
  // Its own listener comes behind ours, which checks who calls; closing it still closes the store.
  const [dynamodb] = server.listeners('request') as RequestListener[];
  if (!dynamodb) throw new Error('dynalite has no request listener');
  server.removeAllListeners('request').on('request', (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response, dynamodb).catch(() => {
      // The caller went away, or sent more than it may: there is nobody to answer.
      response.destroy();
    });
  });

  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    dynamodb: RequestListener,
  ): Promise<void> {
    const body = await bodyOf(request);
    const [api = '', operation = ''] = String(request.headers['x-amz-target'] ?? '').split('.');
    const service = api === 'TrentService' ? 'kms' : 'dynamodb';
    const refusal = refusalOf(request, body, service, options.credential, Date.now());
    if (refusal) return refuse(response, service, refusal, 'the request is not signed by this account');
    if (service === 'dynamodb') {
      // Handed over as a stream that cannot fail: on an error of the socket dynalite would end the process.
      const { method, url, headers } = request;
      const safe = Object.assign(Readable.from([body]), { method, url, headers });
      // It reads no more of a request than these and the stream.
      dynamodb(safe as unknown as IncomingMessage, response as Parameters<RequestListener>[1]);
      return;
    }
    const run = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
    if (!run) return refuse(response, 'kms', 'UnknownOperationException', `no ${operation} here`);
    try {
      reply(response, 'kms', 200, run(JSON.parse(body.toString('utf8'))));
    } catch (error) {
      if (error instanceof KmsError) refuse(response, 'kms', error.type, error.message);
      else if (error instanceof SyntaxError) refuse(response, 'kms', 'SerializationException', 'not JSON');
      else {
        process.stderr.write(`${operation} failed: ${error instanceof Error ? error.stack : error}\n`);
        refuse(response, 'kms', 'KMSInternalException', 'see the log of the account', 500);
      }
    }
  }

  await listen(server, options.port);
  const { port } = server.address() as AddressInfo; // a TCP server: never a pipe's name
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve, reject) =>
        server.close((error) => (error ? reject(error) : resolve())),
      );
    },
  };
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > maxBodyBytes) throw new Error('the body is too large');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function reply(response: ServerResponse, service: 'kms' | 'dynamodb', status: number, body: object): void {
  const type = service === 'kms' ? 'application/x-amz-json-1.1' : 'application/x-amz-json-1.0';
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}

const refuse = (
  response: ServerResponse,
  service: 'kms' | 'dynamodb',
  type: string,
  message: string,
  status = 400,
): void => reply(response, service, status, { __type: type, message });
