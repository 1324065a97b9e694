/**
 * An HTTP server that receives webhooks: keeps what came, and answers as the test says.
 * @module
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
  readonly id: string;
  readonly event: any;
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** Of the n-th request, from 0; 204 if it answers nothing. */
  answer: (received: Received, n: number, response: ServerResponse) => void | Promise<void>;
  close(): Promise<void>;
}

export const status =
  (code: number, headers: Record<string, string> = {}): Receiver['answer'] =>
  (_, __, response) =>
    void response.writeHead(code, headers).end('noted\u0007');

export async function receiver(): Promise<Receiver> {
  const server = createServer(async (request, response) => {
    const body = new Uint8Array(await buffer(request));
    const parsed = (): unknown => {
      try {
        return JSON.parse(new TextDecoder().decode(body));
      } catch {
        return undefined;
      }
    };
    const one = {
      headers: request.headers,
      body,
      id: String(request.headers['webhook-id']),
      event: parsed(),
    };
    self.received.push(one);
    await self.answer(one, self.received.length - 1, response);
    if (!response.writableEnded && !response.destroyed) response.writeHead(204).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const self: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    received: [],
    answer: () => undefined,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
  return self;
}
