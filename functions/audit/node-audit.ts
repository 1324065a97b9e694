/**
 * The audit log of a node: its store, its keys, and the logs of the organizations that it serves.
 * @module
 */
import { type AuditFacts, logOf } from '#shared/audit/record.ts';
import { type Bytes, utf8 } from '#shared/bytes.ts';
import type { NodeName } from '#shared/crypto/attestation.ts';
import { CustodyError } from '#shared/errors.ts';
import { writeOnceTable } from '../adapters/write-once-table.ts';
import type { NodeIdentity } from '../channel/identity.ts';
import type { Clock, Log, Random, Table } from '../ports.ts';
import { type AuditStore, auditOver } from '../stores/audit.ts';
import type { Vault } from '../stores/vault.ts';
import { auditorOf, type Receipt } from './append.ts';
import { keepBounded } from './bounded.ts';
import { type AuditKeys, auditKeys } from './keys.ts';
import type { WriteOnce } from './ports.ts';
import { type Sequencer, sequencerOf } from './sequencer.ts';

export interface NodeAudit {
  readonly store: AuditStore;
  readonly keys: AuditKeys;
  readonly files: WriteOnce;
  readonly sequencer: Sequencer;
  /**
   * A record in the log of an organization at this node. An intent needs a log that is not stopped and not
   * behind; what is behind is integrated here and now, where no sequencer runs beside.
   * @throws {CustodyError} `audit_unavailable`
   */
  append(organization: string, facts: AuditFacts, payload?: Bytes): Promise<Receipt>;
  /** The same under a name that can be taken once; undefined if it was. */
  claim(organization: string, name: string, facts: AuditFacts): Promise<Receipt | undefined>;
  /** Organizations whose logs this process has appended to since it was asked last. */
  pendingOrganizations(): readonly string[];
  /** Named again the next time. */
  stillPending(organization: string): void;
}

export interface NodeAuditPorts {
  readonly table: Table;
  readonly vault: Vault;
  readonly identity: NodeIdentity;
  readonly spki: () => Promise<Bytes>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly node: NodeName;
  /** Absent: write-once items of the table. */
  readonly files?: WriteOnce;
}

export function nodeAudit(ports: NodeAuditPorts): NodeAudit {
  const { table, vault, identity, spki, clock, random, log, node } = ports;
  const { files = writeOnceTable(table) } = ports;
  const store = auditOver(table);
  const purposeOf = (key: string) => ({ purpose: 'audit', key, epoch: 0 }) as const;
  const sealer = {
    seal: (name: string, plaintext: Bytes) => vault.seal(purposeOf(name), utf8(name), plaintext),
    open: (name: string, sealed: Parameters<Vault['open']>[2]) =>
      vault.open(purposeOf(name), utf8(name), sealed),
  };
  const keys = auditKeys({ table, sealer, identity, spki, clock, random });
  const served = new Map<string, true>();
  const auditor = auditorOf({ store, identity, clock, random });
  const signer = async (name: string) => (await keys.key('log', name)).signer;
  const sequencer = sequencerOf({ store, files, signer, clock, log });
  const prepared = async <T>(
    organization: string,
    { phase }: AuditFacts,
    run: () => Promise<T>,
  ): Promise<T> => {
    if (phase === 'intent')
      await auditor.ready(organization).catch(async (error: unknown) => {
        log.warn('audit log not ready', { reason: error instanceof Error ? error.message : '' });
        try {
          await sequencer.drain(logOf(node, organization));
        } catch (cause) {
          throw new CustodyError('audit_unavailable', 'integration is behind', { cause });
        }
      });
    try {
      return await run();
    } finally {
      keepBounded(served, organization, true);
    }
  };
  return {
    store,
    keys,
    files,
    sequencer,
    pendingOrganizations() {
      const names = [...served.keys()];
      served.clear();
      return names;
    },
    stillPending: (organization) => keepBounded(served, organization, true),
    append: (organization, facts, payload) =>
      prepared(organization, facts, () => auditor.append(organization, facts, payload)),
    claim: (organization, once, facts) =>
      prepared(organization, facts, () => auditor.claim(organization, once, facts)),
  };
}
