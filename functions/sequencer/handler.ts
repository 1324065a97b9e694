/**
 * The sequencer of a node's audit logs on Lambda, woken by the stream of its audit table, one at a time. Node 1's
 * also leads the exchange of checkpoints; Node 2's integrates, so that its log grows while Node 1 is silent.
 * @module
 */
import { powertoolsLog } from '../adapters/log.ts';
import { node1Ports, node2Ports } from '../adapters/ports.ts';
import { exchangeCheckpoints, integrateOwn } from '../audit/exchange.ts';
import { integratingOf } from '../audit/stream.ts';
import { peerOver } from '../channel/call.ts';
import { readNodeConfig } from '../config.ts';
import { nodeOf } from '../node.ts';

const config = readNodeConfig(process.env['PLANBOK_NODE'] === 'node1' ? 'node1' : 'node2');
const { node: name, peerIdentity, bundle } = config;

function roundsOf(): (organization: string) => Promise<unknown> {
  if (name === 'node2') {
    const node = nodeOf(node2Ports(config), { node: name, peerIdentity, bundle });
    return (organization) => integrateOwn(node, organization);
  }
  const ports = node1Ports(config);
  const node = nodeOf(ports, { node: name, peerIdentity, bundle });
  const peer = peerOver({ ...ports, identity: node.identity, peerIdentity });
  return (organization) => exchangeCheckpoints(node, peer, organization);
}

export const handler = integratingOf(roundsOf(), powertoolsLog('sequencer'));
