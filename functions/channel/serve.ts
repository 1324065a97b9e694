/**
 * Node 2's side of the channel: opens a request, runs the method, seals the answer. A failure that this
 * system expects is answered inside a signed envelope; what is not an authentic request is dropped.
 * @module
 */
import { type Bytes, equalBytes, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Clock, Log } from '../ports.ts';
import { Dropped, type Envelope, type EnvelopeContent, openEnvelope, sealEnvelope } from './envelope.ts';
import type { NodeIdentity } from './identity.ts';

/** An authentic request of Node 1. */
export interface PeerRequest {
  readonly session: Bytes;
  readonly step: number;
  readonly body: Bytes;
  /** When this node received it, epoch ms: refusals of signing leave at a fixed time after it. */
  readonly receivedMs: number;
}

/** A method: body of the request in, body of the answer out. */
export type Method = (request: PeerRequest) => Promise<Bytes>;

/** Methods that take the third message of a session; all others take the first. */
const thirdMessages: ReadonlySet<string> = new Set(['Dkg2', 'Sign2']);

export interface ServerPorts {
  readonly identity: NodeIdentity;
  readonly clock: Clock;
  readonly log: Log;
  /** Node 1's pinned identity key, DER SubjectPublicKeyInfo. */
  readonly peerIdentity: Bytes;
}

/**
 * Answers one envelope.
 * @param tlsKeyHash SHA-256 of the key of the client certificate that this connection was made with
 * @throws {Dropped} if the envelope is not an authentic request for this method over this connection
 */
export async function answer(
  { identity, clock, log, peerIdentity }: ServerPorts,
  methods: Readonly<Record<string, Method>>,
  method: string,
  envelope: Envelope,
  tlsKeyHash: Bytes,
): Promise<Envelope> {
  const receivedMs = clock();
  const { content, digest } = openEnvelope(
    envelope,
    { from: 'node1', to: 'node2', method },
    peerIdentity,
    receivedMs,
  );
  if (!equalBytes(content.tlsKeyHash, tlsKeyHash)) throw new Dropped('another TLS key');
  const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (run === undefined) throw new Dropped('no such method');
  if (content.step !== (thirdMessages.has(method) ? 3 : 1)) throw new Dropped('another step');
  const { session, step, body } = content;
  const head = { from: 'node2', to: 'node1', method, session, step: step + 1 } as const;
  const reply = async (what: EnvelopeContent): Promise<Envelope> =>
    sealEnvelope(await identity.voice(), head, { ...what, answers: digest }, clock()).envelope;
  try {
    return await reply({ body: await run({ session, step, body, receivedMs }) });
  } catch (error) {
    if (!(error instanceof CustodyError)) throw error;
    log.warn('refused', { method, code: error.code });
    // The peer learns the code of a refusal and, for what is wrong with the actor's request, the reason.
    // What a cryptographic check found is never told: such failures carry the one generic code.
    const detail = error.code === 'protocol_abort' ? 'aborted' : error.message;
    const { problems } = error;
    const body = problems.length > 0 ? { body: utf8(JSON.stringify(problems)) } : {};
    return reply({ ...body, error: { code: error.code, detail } });
  }
}
