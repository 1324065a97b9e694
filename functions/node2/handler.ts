/**
 * Node 2 on Lambda: joins configuration, adapters and methods once, at cold start.
 * @module
 */
import { node2Ports } from '../adapters/ports.ts';
import { readNodeConfig } from '../config.ts';
import { nodeOf } from '../node.ts';
import { lambdaOf } from './lambda.ts';
import { methodsOf } from './methods.ts';

const config = readNodeConfig('node2');
const { peerIdentity, invitation, bundle } = config;
const ports = node2Ports(config);
const node = nodeOf(ports, { node: 'node2', peerIdentity, bundle });

export const handler = lambdaOf(
  { ...ports, identity: node.identity, peerIdentity },
  methodsOf(node, invitation === undefined ? {} : { invitation }),
  ports.clientKeyHash,
);
