/**
 * The ports of a program, joined from its configuration.
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { Bytes } from '#shared/bytes.ts';
import type { NodeConfig, ProgramConfig } from '../config.ts';
import type { Clock, KeyService, Log, Random, Tables, Transport } from '../ports.ts';
import { dynamoClient, dynamoTables } from './dynamo.ts';
import { kmsClient, kmsKeyService } from './kms.ts';
import { powertoolsLog } from './log.ts';
import { PeerRefused, verifyPeerCertificate } from './peer-certificate.ts';
import { tlsFolder } from './tls-folder.ts';
import { httpsTransport } from './transport.ts';

export interface ProgramPorts {
  readonly tables: Tables;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What reads need: no key, no way to the other node. */
export const programPorts = (config: ProgramConfig, name: string): ProgramPorts => ({
  tables: dynamoTables(dynamoClient(config.aws), config.tablePrefix),
  clock: Date.now,
  random: (n) => new Uint8Array(randomBytes(n)),
  log: powertoolsLog(name),
});

export interface NodePorts extends ProgramPorts {
  readonly keys: KeyService;
  /**
   * SHA-256 of the SubjectPublicKeyInfo of a client certificate (PEM), 32 bytes.
   * @throws {PeerRefused} unless it is the peer's, valid now and not revoked
   */
  readonly clientKeyHash: (pem: string | undefined) => Promise<Bytes>;
}

function nodePorts(config: NodeConfig, peer: 'node1' | 'node2') {
  const tls = tlsFolder(config.tlsFolder, peer);
  const ports: NodePorts = {
    ...programPorts(config, config.node),
    keys: kmsKeyService(kmsClient(config.aws), config),
    async clientKeyHash(pem) {
      if (pem === undefined) throw new PeerRefused('no client certificate');
      const { trust } = await tls();
      return verifyPeerCertificate(trust, pem, 'client', Date.now());
    },
  };
  return { ports, tls };
}

/** Longest wait for Node 2: a key generation takes it a second on a small machine. */
const peerTimeoutMs = 10_000;

/** @throws {TypeError} if the configuration does not say where Node 2 is. */
export function node1Ports(config: NodeConfig): NodePorts & { readonly transport: Transport } {
  if (config.peerUrl === undefined) throw new TypeError('Node 1 needs to know where Node 2 is');
  const { ports, tls } = nodePorts(config, 'node2');
  return { ...ports, transport: httpsTransport({ url: config.peerUrl, tls, timeoutMs: peerTimeoutMs }) };
}

export const node2Ports = (config: NodeConfig): NodePorts => nodePorts(config, 'node1').ports;
