/**
 * Node 2 as a long-running server, for a container: the same methods as on Lambda, over gRPC.
 * @module
 */
import { createContextValues } from '@connectrpc/connect';
import { startGrpcServer } from '../adapters/grpc-server.ts';
import { node2Ports } from '../adapters/ports.ts';
import { tlsFolder } from '../adapters/tls-folder.ts';
import { readNodeConfig } from '../config.ts';
import { nodeOf } from '../node.ts';
import { methodsOf } from './methods.ts';
import { routesOf, tlsKeyHashKey } from './router.ts';

const config = readNodeConfig('node2');
const { peerIdentity, invitation, bundle } = config;
const ports = node2Ports(config);
const node = nodeOf(ports, { node: 'node2', peerIdentity, bundle });
const methods = methodsOf(node, invitation === undefined ? {} : { invitation });

const server = await startGrpcServer({
  routes: routesOf({ ...ports, identity: node.identity, peerIdentity }, methods),
  contextOf: (tlsKeyHash) => createContextValues().set(tlsKeyHashKey, tlsKeyHash),
  tls: tlsFolder(config.tlsFolder, 'node1'),
  // A laptop's node is nobody else's business; a container has its own network.
  host: config.local ? '127.0.0.1' : '0.0.0.0',
  port: Number(process.env['PORT'] ?? 7443),
  maxMessageBytes: 2 * 1024 * 1024,
});
ports.log.info('serving', { port: server.port });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
