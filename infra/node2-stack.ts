/**
 * Account 2: Node 2 behind its private API.
 * @module
 */
import type { Construct } from 'constructs';
import { access } from './access.ts';
import type { DeploymentConfig } from './config.ts';
import { NodeKeys } from './constructs/node-keys.ts';
import { NodeTables } from './constructs/node-tables.ts';
import { PrivateApi } from './constructs/private-api.ts';
import { Program } from './constructs/program.ts';
import { ProgramRole } from './constructs/program-role.ts';
import { Sequencer } from './constructs/sequencer.ts';
import { NodeStack, nameOf, peerEnvironment, tablePrefixOf } from './node-stack.ts';

export class Node2Stack extends NodeStack {
  constructor(scope: Construct, id: string, config: DeploymentConfig) {
    super(scope, id, config, 'node2');
    const { keyAdministrators, apiEndpoint } = config.nodes.node2;
    const prefix = tablePrefixOf(config, 'node2');

    const nodeRole = new ProgramRole(this, 'NodeRole', { name: nameOf(config, 'node2') });
    const sequencerRole = new ProgramRole(this, 'SequencerRole', {
      name: `${nameOf(config, 'sequencer')}-node2`,
    });
    const keys = new NodeKeys(this, 'Keys', {
      node: 'node2',
      role: nodeRole.role,
      sequencer: sequencerRole.role,
      readers: [],
      administrators: keyAdministrators,
    });
    const tables = new NodeTables(this, 'Tables', { prefix, key: keys.table, node: nodeRole.role });
    tables.grant(nodeRole.role, access.node2, nodeRole.functionArn);
    tables.grant(sequencerRole.role, access.sequencer, sequencerRole.functionArn);

    const environment = {
      PLANBOK_TABLE_PREFIX: prefix,
      ...keys.environment,
      ...peerEnvironment(config, 'node2'),
    };
    const node2 = new Program(this, 'Node', {
      program: 'node2',
      role: nodeRole,
      environment,
      reservedConcurrency: config.concurrency.node2,
    });
    new Sequencer(this, 'Sequencer', {
      role: sequencerRole,
      environment,
      stream: tables.streamArn('audit'),
    });
    new PrivateApi(this, 'Private', {
      name: `planbok-${config.env}-node2`,
      program: node2.function,
      endpoint: apiEndpoint,
    });
  }
}
