/**
 * A node as a long-running server: gRPC (and Connect) over HTTP/2 and TLS 1.3 with client certificates. The
 * router is the one that serves behind a gateway; the certificate is checked in the same way.
 * @module
 */
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ConnectRouter, ContextValues } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { Bytes } from '#shared/bytes.ts';
import { verifyPeerCertificate } from './peer-certificate.ts';
import { serverDemands, type TlsFolder } from './tls-folder.ts';

export interface GrpcServerOptions {
  readonly routes: (router: ConnectRouter) => void;
  /** What handlers learn of the client: SHA-256 of its key. */
  readonly contextOf: (tlsKeyHash: Bytes) => ContextValues;
  readonly tls: TlsFolder;
  readonly host: string;
  readonly port: number;
  readonly maxMessageBytes: number;
  readonly renewEveryMs?: number;
}

export interface GrpcServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves until it is closed. @throws {PeerRefused} if the TLS folder is incomplete */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { tls, routes, contextOf, maxMessageBytes, renewEveryMs = 1_000 } = options;
  let material = await tls();
  const keyHashes = new WeakMap<object, Bytes>();
  const adapter = connectNodeAdapter({
    routes,
    readMaxBytes: maxMessageBytes,
    acceptCompression: [],
    contextValues: (request) => contextOf(keyHashes.get(request) ?? new Uint8Array()),
  });
  const server = createSecureServer(serverDemands(material), (request, response) => {
    keyHashOf(request, tls).then(
      (keyHash) => {
        keyHashes.set(request, keyHash);
        adapter(request, response);
      },
      // Not the peer, or not any more: there is nothing to say.
      () => request.stream.session?.destroy(),
    );
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  const renewal = setInterval(async () => {
    try {
      const newest = await tls();
      if (newest !== material) server.setSecureContext(serverDemands(newest));
      material = newest;
    } catch {
      // Nothing to renew with. Requests are refused for as long as the folder is incomplete.
    }
  }, renewEveryMs);
  renewal.unref();
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port, // a TCP server: never a pipe's name
    async close() {
      clearInterval(renewal);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

const listen = (server: Http2SecureServer, { host, port }: GrpcServerOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });

/** On every request: connections outlive revocation lists. @throws {PeerRefused} */
async function keyHashOf(request: Http2ServerRequest, tls: TlsFolder): Promise<Bytes> {
  // HTTP/2 hands out a stand-in for the socket; it passes on what TLS knows of the peer.
  const pem = (request.socket as TLSSocket).getPeerX509Certificate()?.toString() ?? '';
  const { trust } = await tls();
  return verifyPeerCertificate(trust, pem, 'client', Date.now());
}
