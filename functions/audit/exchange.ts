/**
 * Both nodes cosign each other's checkpoints. Node 2 calls nobody, so Node 1 does all the asking:
 *
 *   cosign   Node 1's checkpoint, for Node 2's witness
 *   pull     what Node 2 would ask its witness, once its own log is integrated
 *   answer   what Node 1's witness said to that
 *
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { logOf } from '#shared/audit/record.ts';
import { type AuditKey, openAuditKey, witnessOf as witnessName } from '#shared/audit/statements.ts';
import {
  type CosignAnswer,
  type CosignRequest,
  encodeCosignRequest,
  parseCosignRequest,
} from '#shared/audit/witness.ts';
import { type Bytes, equalBytes, fromBase64url, toBase64url, utf8 } from '#shared/bytes.ts';
import type { Attested } from '#shared/crypto/attestation.ts';
import { CustodyError } from '#shared/errors.ts';
import {
  CheckpointRequestSchema,
  CheckpointResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import type { Peer } from '../channel/call.ts';
import type { PeerRequest } from '../channel/serve.ts';
import type { Node } from '../node.ts';
import type { WitnessPort } from './ports.ts';
import { logReader } from './proofs.ts';
import { witnessOf } from './witness.ts';

const json = (value: unknown): Bytes => utf8(JSON.stringify(value));
const readJson = (bytes: Bytes): unknown =>
  JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));

const encodeAnswer = (answer: CosignAnswer): Bytes =>
  json(answer.state === 'behind' ? { ...answer, seen: toBase64url(answer.seen) } : answer);

function decodeAnswer(bytes: Bytes): CosignAnswer {
  const answer = readJson(bytes) as { state?: unknown; line?: unknown; size?: unknown; seen?: unknown };
  const { state, line, size, seen } = answer;
  if (state === 'cosigned' && typeof line === 'string') return { state, line };
  if (state === 'conflict' && Number.isSafeInteger(size) && (size as number) >= 0)
    return { state, size: size as number };
  if (state === 'behind' && typeof seen === 'string') return { state, seen: fromBase64url(seen) };
  if (state === 'refused') return { state };
  throw new CustodyError('protocol_abort', 'not an answer of a witness');
}

const peerOf = ({ node }: Node) => (node === 'node1' ? 'node2' : 'node1');

/** The peer's key, by the word of its pinned identity. */
async function openPeerKey(node: Node, attested: Bytes, use: AuditKey['use'], name: string) {
  const peer = peerOf(node);
  const identities = await node.identities();
  try {
    return openAuditKey(
      readJson(attested) as Attested<AuditKey>,
      { node: peer, use, name },
      identities[peer],
    );
  } catch (cause) {
    throw new CustodyError('request_invalid', 'not a key that the peer attested', { cause });
  }
}

const attestedKey = async (node: Node, use: AuditKey['use'], name: string): Promise<Bytes> =>
  json((await node.audit.keys.key(use, name)).attested);

/** This node's word for a checkpoint of the peer's log. */
const cosignFor = (node: Node, log: string, key: Bytes, request: CosignRequest): Promise<CosignAnswer> =>
  witnessOf({
    store: node.audit.store,
    signer: async () => (await node.audit.keys.key('witness', witnessName(node.node))).signer,
    keyOf: (name) => openPeerKey(node, key, 'log', name),
    clock: node.clock,
    log: node.log,
  }).cosign(log, request);

/**
 * One round for an organization, led by Node 1: both logs are integrated, and their checkpoints cosigned.
 * @throws {CustodyError} `audit_unavailable`, `node_unavailable`; a later round goes on
 */
export async function exchangeCheckpoints(node: Node, peer: Peer, organization: string): Promise<void> {
  const [mine, theirs] = [logOf('node1', organization), logOf('node2', organization)];
  type Step = Parameters<typeof create<typeof CheckpointRequestSchema>>[1];
  const ask = async (step: Step) => {
    const body = toBinary(CheckpointRequestSchema, create(CheckpointRequestSchema, step));
    return fromBinary(CheckpointResponseSchema, await peer.call('Checkpoint', node.random(16), 1, body));
  };
  let witnessKey: Bytes | undefined;
  const witness: WitnessPort = {
    async ask(log, request) {
      const logKey = await attestedKey(node, 'log', log);
      const value = encodeCosignRequest(request);
      const reply = await ask({ organization, logKey, step: { case: 'cosign', value } });
      witnessKey = reply.key;
      return decodeAnswer(reply.answer);
    },
    async key() {
      if (witnessKey === undefined) throw new CustodyError('node_unavailable', 'the witness was not asked');
      return openPeerKey(node, witnessKey, 'witness', witnessName('node2'));
    },
  };
  await node.audit.sequencer.drain(mine, witness);
  const seen = await node.audit.store.seen(theirs);
  const pulled = await ask({ organization, step: { case: 'pull', value: BigInt(seen?.size ?? 0) } });
  if (pulled.request === '') return;
  const answer = await cosignFor(node, theirs, pulled.key, parseCosignRequest(pulled.request));
  const logKey = await attestedKey(node, 'witness', witnessName('node1'));
  await ask({ organization, logKey, step: { case: 'answer', value: encodeAnswer(answer) } });
}

/** Integrates this node's own log, which the other node cosigns when it is asked, or asks, next. */
export const integrateOwn = ({ node, audit }: Node, organization: string): Promise<number> =>
  audit.sequencer.drain(logOf(node, organization));

/** Node 2's side. */
export async function checkpoint(node: Node, { body }: PeerRequest): Promise<Bytes> {
  const { organization, logKey, step } = fromBinary(CheckpointRequestSchema, body);
  if (organization === '' || organization.length > 80)
    throw new CustodyError('request_invalid', 'no organization is named');
  const [mine, theirs] = [logOf('node2', organization), logOf('node1', organization)];
  const reply = (answer: { key?: Bytes; answer?: Bytes; request?: string }): Bytes =>
    toBinary(CheckpointResponseSchema, create(CheckpointResponseSchema, answer));
  switch (step.case) {
    case 'cosign': {
      const answer = await cosignFor(node, theirs, logKey, parseCosignRequest(step.value));
      const key = await attestedKey(node, 'witness', witnessName('node2'));
      return reply({ key, answer: encodeAnswer(answer) });
    }
    case 'pull': {
      await integrateOwn(node, organization);
      const request = await requestFrom(node, mine, Number(step.value));
      if (request === undefined) return reply({});
      return reply({ key: await attestedKey(node, 'log', mine), request: encodeCosignRequest(request) });
    }
    case 'answer': {
      await takeAnswer(node, mine, logKey, decodeAnswer(step.value));
      return reply({});
    }
    default:
      throw new CustodyError('request_invalid', 'not a step of cosigning');
  }
}

/** What this log asks a witness that has seen it at a size. */
async function requestFrom(node: Node, log: string, oldSize: number): Promise<CosignRequest | undefined> {
  const { store, files } = node.audit;
  const head = await store.head(log);
  if (head === undefined) return undefined;
  const proof =
    oldSize === 0 || oldSize > head.size
      ? []
      : await logReader(store, files).consistency(log, head, oldSize, head.size);
  return { oldSize, proof, checkpoint: head.note };
}

/** Takes the witness's answer as if it had been asked now. */
async function takeAnswer(node: Node, log: string, witnessKey: Bytes, answer: CosignAnswer): Promise<void> {
  const asked = (await node.audit.store.head(log))?.note;
  let used = false;
  await node.audit.sequencer.cosign(log, {
    async ask(_, request) {
      const same = asked !== undefined && equalBytes(asked, request.checkpoint);
      if (used || !same) throw new CustodyError('node_unavailable', 'the witness was asked about another');
      used = true;
      return answer;
    },
    key: () => openPeerKey(node, witnessKey, 'witness', witnessName('node1')),
  });
}
