/**
 * Two nodes with their audit logs in memory, each the witness of the other, and a clock that the test moves.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { memoryKeyService, memoryTable } from '../../functions/adapters/memory.ts';
import { writeOnceTable } from '../../functions/adapters/write-once-table.ts';
import { type Auditor, auditorOf } from '../../functions/audit/append.ts';
import { type AuditKeys, auditKeys } from '../../functions/audit/keys.ts';
import type { WitnessPort, WriteOnce } from '../../functions/audit/ports.ts';
import { logReader } from '../../functions/audit/proofs.ts';
import { type Sequencer, sequencerOf } from '../../functions/audit/sequencer.ts';
import { type Witness, witnessOf } from '../../functions/audit/witness.ts';
import { nodeIdentity } from '../../functions/channel/identity.ts';
import type { Clock, Log, Table } from '../../functions/ports.ts';
import { type AuditStore, auditOver } from '../../functions/stores/audit.ts';
import { vaultOf } from '../../functions/stores/vault.ts';
import { type AuditFacts, logOf } from '../../shared/audit/record.ts';
import { witnessOf as witnessName } from '../../shared/audit/statements.ts';
import { decodeEntries, entriesPath, tileWidth } from '../../shared/audit/tile.ts';
import { encodeCosignRequest, parseCosignRequest } from '../../shared/audit/witness.ts';
import { type Bytes, toBase64url, utf8 } from '../../shared/bytes.ts';
import type { NodeName } from '../../shared/crypto/attestation.ts';
import type { NodeExport } from './exports.ts';

export const slow = process.env['SLOW'] === '1';
export const organization = 'org_test';
export const auditTable = { hash: 'id', listed: true, recoverable: true } as const;
export const random = (n: number): Bytes => new Uint8Array(randomBytes(n));

export const facts = (changes: Partial<AuditFacts> = {}): AuditFacts => ({
  actor: 'cred_owner',
  role: 'owner',
  action: 'sign',
  object: 'wal_one',
  operation: toBase64url(random(32)),
  policy: 'allowed',
  phase: 'intent',
  previous: '',
  ...changes,
});

export interface AuditNode {
  readonly node: NodeName;
  readonly log: string;
  readonly table: Table;
  readonly store: AuditStore;
  readonly files: WriteOnce;
  readonly keys: AuditKeys;
  readonly auditor: Auditor;
  readonly witness: Witness;
  readonly identity: Bytes;
  readonly alarms: string[];
  /** A sequencer of its own memory over the same stores, or over others. */
  sequencer(over?: { readonly store?: AuditStore; readonly files?: WriteOnce }): {
    readonly pass: Sequencer['pass'];
    /** With the other node as its witness. */
    drain(log: string): Promise<number>;
    cosign(log: string): Promise<boolean>;
  };
}

export interface Pair {
  readonly node1: AuditNode;
  readonly node2: AuditNode;
  readonly time: { nowMs: number };
  /** Node 1 and Node 2 do not reach each other. */
  readonly network: { cut: boolean };
}

type Stores = { readonly table?: Table; readonly files?: WriteOnce };

export async function auditPair(stores: Partial<Record<NodeName, Stores>> = {}): Promise<Pair> {
  const time = { nowMs: 1_790_000_000_000 };
  const network = { cut: false };
  const clock: Clock = () => time.nowMs;
  const nodes = new Map<NodeName, AuditNode>();
  const peerOf = (node: NodeName): AuditNode => {
    const peer = nodes.get(node === 'node1' ? 'node2' : 'node1');
    if (peer === undefined) throw new Error('no peer yet');
    return peer;
  };
  const make = async (node: NodeName): Promise<AuditNode> => {
    const service = memoryKeyService();
    const identity = nodeIdentity(node, { keys: service, clock, random });
    const spki = await service.identity();
    const table = stores[node]?.table ?? memoryTable(auditTable);
    const files = stores[node]?.files ?? writeOnceTable(memoryTable(auditTable));
    const store = auditOver(table);
    const alarms: string[] = [];
    const log: Log = { info() {}, warn() {}, alarm: (message) => void alarms.push(message) };
    const vault = vaultOf({ keys: service, random, node });
    const purpose = (key: string) => ({ purpose: 'share' as const, key, epoch: 1 });
    const sealer = {
      seal: (name: string, plaintext: Bytes) => vault.seal(purpose(name), utf8(name), plaintext),
      open: (name: string, sealed: { readonly wrapped: Bytes; readonly sealed: Bytes }) =>
        vault.open(purpose(name), utf8(name), sealed),
    };
    const keys = auditKeys({ table, sealer, identity, spki: async () => spki, clock, random });
    const port: WitnessPort = {
      async ask(of, request) {
        if (network.cut) throw new Error('cut');
        return peerOf(node).witness.cosign(of, parseCosignRequest(encodeCosignRequest(request)));
      },
      key: async () => (await peerOf(node).keys.key('witness', witnessName(peerOf(node).node))).signer,
    };
    const ports = {
      store,
      files,
      signer: async (of: string) => (await keys.key('log', of)).signer,
      clock,
      log,
    };
    return {
      node,
      log: logOf(node, organization),
      table,
      store,
      files,
      keys,
      auditor: auditorOf({ store, identity, clock, random }),
      witness: witnessOf({
        store,
        signer: async () => (await keys.key('witness', witnessName(node))).signer,
        keyOf: async (of) =>
          of === peerOf(node).log ? (await peerOf(node).keys.key('log', of)).signer : undefined,
        clock,
        log,
      }),
      identity: spki,
      alarms,
      sequencer(over = {}) {
        const sequencer = sequencerOf({ ...ports, ...over });
        return {
          pass: sequencer.pass,
          drain: (of) => sequencer.drain(of, port),
          cosign: (of) => sequencer.cosign(of, port),
        };
      },
    };
  };
  const node1 = await make('node1');
  nodes.set('node1', node1);
  const node2 = await make('node2');
  nodes.set('node2', node2);
  return { node1, node2, time, network };
}

/** Every leaf of a log, from its bundles. */
export async function leavesIn({ store, files, log }: AuditNode): Promise<readonly Bytes[]> {
  const head = await store.head(log);
  if (head === undefined) return [];
  const leaves: Bytes[] = [];
  for (let n = 0; n * tileWidth < head.size; n++) {
    const width = Math.min(tileWidth, head.size - n * tileWidth);
    const bundle = await logReader(store, files).resource(log, head, { level: 'entries', n, width });
    if (bundle === undefined) throw new Error(`no ${entriesPath(n)}`);
    leaves.push(...decodeEntries(bundle));
  }
  return leaves;
}

export async function exportOf(node: AuditNode): Promise<NodeExport> {
  const cosigned = await node.store.cosigned(node.log);
  if (cosigned === undefined) throw new Error('not cosigned');
  return {
    keys: {
      log: (await node.keys.key('log', node.log)).attested,
      witness: (await node.keys.key('witness', witnessName(node.node))).attested,
    },
    checkpoint: cosigned.note,
    records: (await leavesIn(node)).slice(0, cosigned.size),
  };
}
