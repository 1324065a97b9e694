/**
 * An export of any size, record by record: both nodes begin the same operations.
 * @module
 */
import { checkpointText, cosign, signCheckpoint, withLine } from '../../shared/audit/checkpoint.ts';
import { appendLeaf, emptyFrontier, leafHash, rootOf } from '../../shared/audit/merkle.ts';
import { recordBytes, recordOf } from '../../shared/audit/record.ts';
import { witnessOf } from '../../shared/audit/statements.ts';
import type { ExportSource, Pins } from '../../shared/audit/verify/verify.ts';
import { type Bytes, concat, toBase64url, u64be, utf8 } from '../../shared/bytes.ts';
import { canonicalBytes, type Tagged } from '../../shared/intent/canonical.ts';
import { type AuditNode, auditPair, facts, organization } from './support.ts';

const startMs = 1_790_000_000_000;
const nonce = new Uint8Array(32).fill(7);

function* leavesOf({ log }: AuditNode, count: number): Generator<Bytes> {
  for (let i = 0; i < count; i++) {
    const operation = toBase64url(concat(new Uint8Array(24).fill(1), u64be(Math.floor(i / 2))));
    const phase = i % 2 === 0 ? 'intent' : 'failed';
    yield recordBytes(recordOf(log, startMs + i, facts({ operation, phase }), nonce));
  }
}

/** Lines in pieces of about 64 KiB. */
async function* linesOf(leaves: Iterable<Bytes>): AsyncGenerator<Bytes> {
  let parts: Bytes[] = [];
  let length = 0;
  for (const leaf of leaves) {
    parts.push(leaf, Uint8Array.of(10));
    length += leaf.length + 1;
    if (length < 65_536) continue;
    yield concat(...parts);
    [parts, length] = [[], 0];
  }
  yield concat(...parts);
}

/** An export of `perNode` records at each node, made as it is read: nothing of it stays in memory. */
export async function largeExport(
  perNode: number,
): Promise<{ readonly source: ExportSource; readonly pins: Pins }> {
  const { node1, node2 } = await auditPair();
  const files = new Map<string, () => AsyncIterable<Bytes>>();
  for (const [node, peer] of [
    [node1, node2],
    [node2, node1],
  ] as const) {
    let frontier = emptyFrontier;
    for (const leaf of leavesOf(node, perNode)) frontier = appendLeaf(frontier, leafHash(leaf));
    const keys = {
      log: (await node.keys.key('log', node.log)).attested,
      witness: (await node.keys.key('witness', witnessOf(node.node))).attested,
    };
    const checkpoint = { origin: node.log, size: perNode, root: rootOf(frontier) };
    const { signer } = await peer.keys.key('witness', witnessOf(peer.node));
    const line = cosign(checkpointText(checkpoint), startMs / 1_000 + perNode, signer);
    const note = withLine(signCheckpoint(checkpoint, (await node.keys.key('log', node.log)).signer), line);
    const once = (bytes: Bytes) =>
      async function* () {
        yield bytes;
      };
    files.set(`${node.node}/keys.json`, once(canonicalBytes(keys as unknown as Tagged)));
    files.set(`${node.node}/checkpoint`, once(note));
    files.set(`${node.node}/records.ndjson`, () => linesOf(leavesOf(node, perNode)));
  }
  const pins = { organization, identities: { node1: node1.identity, node2: node2.identity } };
  const nothing = async function* () {
    yield utf8('');
  };
  return { source: { names: [...files.keys()], read: (name) => (files.get(name) ?? nothing)() }, pins };
}
