/**
 * Account 1: Node 1, the programs that read, and the public API before both.
 * @module
 */
import type { Construct } from 'constructs';
import { access } from './access.ts';
import type { DeploymentConfig } from './config.ts';
import { EncryptionKey } from './constructs/encryption-key.ts';
import { NodeKeys } from './constructs/node-keys.ts';
import { NodeTables } from './constructs/node-tables.ts';
import { Program } from './constructs/program.ts';
import { ProgramRole } from './constructs/program-role.ts';
import { PublicApi } from './constructs/public-api.ts';
import { Sequencer } from './constructs/sequencer.ts';
import { TokenKey } from './constructs/token-key.ts';
import { NodeStack, nameOf, peerEnvironment, tablePrefixOf } from './node-stack.ts';

/** There is no way to Node 2 on AWS yet. A name that never resolves (RFC 2606, 2): every request fails. */
const peerUrl = 'https://node2.planbok.invalid';

export class Node1Stack extends NodeStack {
  constructor(scope: Construct, id: string, config: DeploymentConfig) {
    super(scope, id, config, 'node1');
    const { nodes, concurrency, throttle, origins = [] } = config;
    const pages: Record<string, string> = origins.length > 0 ? { PLANBOK_ORIGINS: origins.join(',') } : {};
    const administrators = nodes.node1.keyAdministrators;
    const prefix = tablePrefixOf(config, 'node1');

    const nodeRole = new ProgramRole(this, 'NodeRole', { name: nameOf(config, 'node1') });
    const apiRole = new ProgramRole(this, 'ReadRole', { name: nameOf(config, 'api') });
    const sequencerRole = new ProgramRole(this, 'SequencerRole', {
      name: `${nameOf(config, 'sequencer')}-node1`,
    });
    const keys = new NodeKeys(this, 'Keys', {
      node: 'node1',
      role: nodeRole.role,
      sequencer: sequencerRole.role,
      readers: [apiRole.role],
      administrators,
    });
    const tokenKey = new TokenKey(this, 'TokenKey', {
      maker: nodeRole.role,
      reader: apiRole.role,
      administrators,
    });
    new EncryptionKey(this, 'EncryptionKey1', { role: nodeRole.role, administrators });
    const tables = new NodeTables(this, 'Tables', { prefix, key: keys.table, node: nodeRole.role });
    tables.grant(nodeRole.role, access.node1, nodeRole.functionArn);
    tables.grant(sequencerRole.role, access.sequencer, sequencerRole.functionArn);
    tables.grant(apiRole.role, access.api, apiRole.functionArn);

    const environment = {
      PLANBOK_TABLE_PREFIX: prefix,
      ...keys.environment,
      ...peerEnvironment(config, 'node1'),
      PLANBOK_PEER_URL: peerUrl,
    };
    const node1 = new Program(this, 'Node', {
      program: 'node1',
      role: nodeRole,
      environment: { ...environment, ...pages, PLANBOK_TOKEN_KEY: tokenKey.keyArn },
      reservedConcurrency: concurrency.node1,
    });
    new Sequencer(this, 'Sequencer', {
      role: sequencerRole,
      environment,
      stream: tables.streamArn('audit'),
    });
    const api = new Program(this, 'Read', {
      program: 'api',
      role: apiRole,
      environment: {
        PLANBOK_TABLE_PREFIX: prefix,
        ...pages,
        PLANBOK_TOKEN_KEY: tokenKey.keyArn,
      },
      reservedConcurrency: concurrency.api,
    });
    new PublicApi(this, 'Public', {
      name: `planbok-${config.env}`,
      programs: { node1: node1.function, api: api.function },
      throttle,
      pages: origins.length > 0,
    });
  }
}
