/**
 * Node 1's side of the channel: seals a request, sends it once, opens the answer. Nothing here ever sends a
 * message twice.
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, equalBytes } from '#shared/bytes.ts';
import { CustodyError, type ErrorCode, errorCodes, type Problem } from '#shared/errors.ts';
import { EnvelopeSchema, type Signed } from '../../proto/generated/planbok/node/v1/node_pb.ts';
import type { Clock, Transport } from '../ports.ts';
import { Dropped, type Envelope, openEnvelope, sealEnvelope } from './envelope.ts';
import type { NodeIdentity } from './identity.ts';

/** Problems of one refusal that are passed on. */
const mostProblems = 100;

export interface Peer {
  /**
   * The body of Node 2's answer to step `step` of the session.
   * @throws {CustodyError} what Node 2 refuses with; `node_unavailable` if there is no authentic answer
   */
  call(method: string, session: Bytes, step: number, body: Bytes): Promise<Bytes>;
}

export interface PeerPorts {
  readonly identity: NodeIdentity;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Node 2's pinned identity key, DER SubjectPublicKeyInfo. */
  readonly peerIdentity: Bytes;
}

export function peerOver({ identity, transport, clock, peerIdentity }: PeerPorts): Peer {
  return {
    async call(method, session, step, body) {
      const [voice, tlsKeyHash] = await Promise.all([identity.voice(), transport.tlsKeyHash()]);
      const head = { from: 'node1', to: 'node2', method, session, step } as const;
      const request = sealEnvelope(voice, head, { body, tlsKeyHash }, clock());
      const answer = await transport.send(
        method,
        toBinary(EnvelopeSchema, create(EnvelopeSchema, request.envelope)),
      );
      const expected = { from: 'node2', to: 'node1', method, session, step: step + 1 } as const;
      try {
        const { content } = openEnvelope(parse(answer), expected, peerIdentity, clock());
        if (!equalBytes(content.answers, request.digest)) throw new Dropped('answers another message');
        if (content.errorCode !== '') throw refusal(content);
        return content.body;
      } catch (error) {
        if (error instanceof Dropped)
          throw new CustodyError('node_unavailable', 'Node 2 gave no authentic answer', { cause: error });
        throw error;
      }
    },
  };
}

function parse(bytes: Bytes): Envelope {
  try {
    return fromBinary(EnvelopeSchema, bytes);
  } catch (cause) {
    throw new Dropped('not an envelope', { cause });
  }
}

const refusal = ({ errorCode: code, errorDetail, body }: Signed): CustodyError =>
  Object.hasOwn(errorCodes, code)
    ? new CustodyError(code as ErrorCode, errorDetail, { problems: problemsIn(body) })
    : new CustodyError('node_unavailable', 'Node 2 refused with an unknown code');

/** The body of a refusal: JSON of what is wrong with the actor's request, or nothing. Anything else is ignored. */
function problemsIn(body: Bytes): readonly Problem[] {
  try {
    const said: unknown = body.length === 0 ? [] : JSON.parse(new TextDecoder().decode(body));
    if (!Array.isArray(said)) return [];
    return said.slice(0, mostProblems).flatMap((problem: Partial<Problem> | null) => {
      const { pointer, detail } = problem ?? {};
      return typeof pointer === 'string' && typeof detail === 'string' ? [{ pointer, detail }] : [];
    });
  } catch {
    return [];
  }
}
