/**
 * Two nodes that recorded some signatures, and the export of their logs.
 * @module
 */
import type { Pins } from '../../shared/audit/verify/verify.ts';
import { type Bytes, toBase64url, utf8 } from '../../shared/bytes.ts';
import type { NodeName } from '../../shared/crypto/attestation.ts';
import { exportFiles, type NodeExport } from './exports.ts';
import { auditPair, exportOf, facts, organization, type Pair, random } from './support.ts';

type Files = Map<string, Bytes>;

export interface Scene {
  readonly pair: Pair;
  readonly pins: Pins;
  readonly nodes: Record<NodeName, NodeExport>;
  readonly files: Files;
}

/** Both nodes record `n` signatures; the export has a promise and an opened commitment. */
export async function scene(n: number): Promise<Scene> {
  const pair = await auditPair();
  const { node1, node2, time } = pair;
  const promises = [];
  const opened = [];
  for (let i = 0; i < n; i++) {
    const operation = toBase64url(random(32));
    time.nowMs += 10;
    for (const node of [node1, node2]) {
      const intent = await node.auditor.append(organization, facts({ operation }), utf8('Jane'));
      await node.auditor.append(organization, facts({ operation, phase: 'outcome', previous: intent.id }));
      if (node === node1 && i === 0) {
        promises.push(intent.promise);
        const stored = await node.store.find(node.log, intent.event);
        opened.push({ record: intent.id, nonce: stored?.openings[0]?.nonce as Bytes, payload: utf8('Jane') });
      }
    }
    if (i % 200 === 199) for (const node of [node1, node2]) await node.sequencer().drain(node.log);
  }
  await settle(pair);
  const nodes = { node1: { ...(await exportOf(node1)), promises, opened }, node2: await exportOf(node2) };
  const pins = { organization, identities: { node1: node1.identity, node2: node2.identity } };
  return { pair, pins, nodes, files: new Map(exportFiles(nodes)) };
}

/** Integrates everything, and has it cosigned when every record is old enough to be judged. */
export async function settle({ node1, node2, time }: Pair): Promise<void> {
  for (const node of [node1, node2]) await node.sequencer().drain(node.log);
  time.nowMs += 11_000;
  for (const node of [node1, node2]) await node.sequencer().cosign(node.log);
}

export const flipped = (bytes: Bytes, at: number, bit: number): Bytes => {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] as number) ^ (1 << bit);
  return copy;
};
