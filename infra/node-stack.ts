/**
 * What the stacks of both nodes share: account, region and zones from the config file, protection, names.
 * @module
 */
import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { ProgramName } from './access.ts';
import type { DeploymentConfig } from './config.ts';

/** A stack whose zones are known: with an account given, CDK would otherwise ask AWS for them. */
export class NodeStack extends Stack {
  private readonly zones: string[];

  constructor(scope: Construct, id: string, { env, nodes }: DeploymentConfig, node: 'node1' | 'node2') {
    const { account, region, azs } = nodes[node];
    super(scope, id, {
      env: { account, region },
      terminationProtection: true,
      description: `Planbok ${env}: ${node}`,
      tags: { 'planbok:env': env, 'planbok:node': node },
    });
    this.zones = azs;
  }

  override get availabilityZones(): string[] {
    return this.zones;
  }
}

/** Names of functions and roles. */
export const nameOf = ({ env }: DeploymentConfig, program: ProgramName): string =>
  `planbok-${env}-${program}`;

export const tablePrefixOf = ({ env }: DeploymentConfig, node: 'node1' | 'node2'): string =>
  `planbok-${env}-${node}-`;

/** What the config file says to a node's function; without its peer's identity a node does not start. */
export function peerEnvironment(
  { nodes, invitation }: DeploymentConfig,
  node: 'node1' | 'node2',
): Record<string, string> {
  const { identity } = nodes[node === 'node1' ? 'node2' : 'node1'];
  return {
    ...(identity !== undefined && { PLANBOK_PEER_IDENTITY: identity }),
    ...(invitation !== undefined && { PLANBOK_INVITATION: invitation }),
    // Empty: nothing issues certificates on AWS yet, and a node without them refuses its peer.
    PLANBOK_TLS_DIR: '/tmp/planbok-tls',
  };
}
