/**
 * A node: its stores, keys and identity, joined once at cold start from the ports that an adapter provides.
 * @module
 */
import { createHash } from 'node:crypto';
import type { Bytes } from '#shared/bytes.ts';
import type { NodeName } from '#shared/crypto/attestation.ts';
import { type Context, contextOf, type KeyType } from '#shared/mpc/context.ts';
import { guarded } from '#shared/mpc/fresh.ts';
import { type NodeAudit, nodeAudit } from './audit/node-audit.ts';
import type { WriteOnce } from './audit/ports.ts';
import { verifyWithOpenssl } from './authenticate.ts';
import { type NodeIdentity, nodeIdentity } from './channel/identity.ts';
import type { Admit } from './intake.ts';
import type { Clock, KeyService, Log, Random, Table, Tables } from './ports.ts';
import { type Approvals, approvalsOver } from './stores/approvals.ts';
import { firstEpoch, type Ledger, ledgerOver } from './stores/ledger.ts';
import { type Operations, operationsOver } from './stores/operations.ts';
import { type RegistryStore, registryOver } from './stores/registry.ts';
import { type Resources, resourcesOver } from './stores/resources.ts';
import { type Sessions, sessionsOver } from './stores/sessions.ts';
import { type Shares, sharesOver } from './stores/shares.ts';
import { type Vault, vaultOf } from './stores/vault.ts';
import { type Windows, windowsOver } from './stores/windows.ts';

export interface NodePorts {
  readonly tables: Tables;
  readonly keys: KeyService;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Refuses an authenticated actor that asks too often: at Node 1, which the public reaches. */
  readonly admit?: Admit;
  /** Of the audit log; absent: items of its table. */
  readonly auditFiles?: WriteOnce;
}

export interface NodeSettings {
  readonly node: NodeName;
  /** The peer's pinned identity key, DER SubjectPublicKeyInfo, 91 bytes. */
  readonly peerIdentity: Bytes;
  /** base64url SHA-256 of this program's bundle; empty in tests. */
  readonly bundle?: string;
}

export interface Node {
  readonly node: NodeName;
  readonly identity: NodeIdentity;
  /** Identity keys of both nodes, DER SubjectPublicKeyInfo. */
  readonly identities: () => Promise<Readonly<Record<NodeName, Bytes>>>;
  readonly registry: RegistryStore;
  readonly resources: Resources;
  /** Signatures that wait for approvals: at Node 1. */
  readonly approvals: Approvals;
  readonly ledger: Ledger;
  readonly sessions: Sessions;
  readonly operations: Operations;
  readonly shares: Shares;
  readonly vault: Vault;
  readonly audit: NodeAudit;
  readonly counters: Table;
  /** Of policies; counted at Node 2. */
  readonly windows: Windows;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * 32 secret bytes that do not come from this process's randomness: KMS made them. They hedge a nonce that is
   * drawn before the share is unwrapped. One KMS call in the life of the process.
   */
  readonly hedgeSeed: () => Promise<Bytes>;
  readonly log: Log;
  readonly admit?: Admit;
}

/** Runs once; a failure is not remembered. */
function onceDone<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= run().catch((error) => {
      running = undefined;
      throw error;
    });
    return running;
  };
}

export function nodeOf(ports: NodePorts, { node, peerIdentity, bundle }: NodeSettings): Node {
  const { tables, keys, clock, random: source, log, admit, auditFiles } = ports;
  const random = guarded(source);
  const vault = vaultOf({ keys, random, node });
  const peer = node === 'node1' ? 'node2' : 'node1';
  const identity = nodeIdentity(node, { keys, clock, random }, bundle);
  return {
    node,
    identity,
    identities: async () =>
      ({ [node]: await keys.identity(), [peer]: peerIdentity }) as Record<NodeName, Bytes>,
    registry: registryOver(tables.registry, verifyWithOpenssl),
    resources: resourcesOver(tables.resources, clock),
    approvals: approvalsOver(tables.resources, clock),
    ledger: ledgerOver(tables.keys, clock, log),
    sessions: sessionsOver(tables.sessions, clock),
    operations: operationsOver(tables.operations),
    shares: sharesOver(tables.shares, vault, random),
    vault,
    audit: nodeAudit({
      table: tables.audit,
      vault,
      identity,
      spki: () => keys.identity(),
      clock,
      random,
      log,
      node,
      ...(auditFiles && { files: auditFiles }),
    }),
    counters: tables.counters,
    windows: windowsOver(tables.counters),
    clock,
    random,
    log,
    hedgeSeed: onceDone(() => vault.freshKey({ purpose: 'hedge', key: node, epoch: 0 })),
    ...(admit && { admit }),
  };
}

const sha256 = (bytes: Bytes): Bytes => new Uint8Array(createHash('sha256').update(bytes).digest());

/** The protocol context of a wallet set's first keys: both nodes compute it from what they know. */
export async function keyContext(
  node: Node,
  organization: string,
  walletSet: string,
  keyTypes: readonly KeyType[],
): Promise<Context> {
  const { node1, node2 } = await node.identities();
  return contextOf({
    keyTypes,
    orgId: organization,
    walletSetId: walletSet,
    keyId: walletSet,
    epoch: firstEpoch,
    identity1: sha256(node1),
    identity2: sha256(node2),
  });
}
