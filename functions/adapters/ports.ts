/**
 * The ports of a node, joined from its configuration.
 * @module
 */
import type { Bytes } from '#shared/bytes.ts';
import type { WriteOnce } from '../audit/ports.ts';
import type { NodeConfig } from '../config.ts';
import type { KeyService, Transport } from '../ports.ts';
import { auditFilesOf } from './audit-files.ts';
import { kmsClient, kmsKeyService } from './kms.ts';
import { PeerRefused, verifyPeerCertificate } from './peer-certificate.ts';
import { type ProgramPorts, programPorts } from './program-ports.ts';
import { tlsFolder } from './tls-folder.ts';
import { httpsTransport } from './transport.ts';

export interface NodePorts extends ProgramPorts {
  readonly keys: KeyService;
  readonly auditFiles?: WriteOnce;
  /**
   * SHA-256 of the SubjectPublicKeyInfo of a client certificate (PEM), 32 bytes.
   * @throws {PeerRefused} unless it is the peer's, valid now and not revoked
   */
  readonly clientKeyHash: (pem: string | undefined) => Promise<Bytes>;
}

function nodePorts(config: NodeConfig, peer: 'node1' | 'node2') {
  const tls = tlsFolder(config.tlsFolder, peer);
  const auditFiles = auditFilesOf(config);
  const ports: NodePorts = {
    ...programPorts(config, config.node),
    keys: kmsKeyService(kmsClient(config.aws), config),
    ...(auditFiles && { auditFiles }),
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
