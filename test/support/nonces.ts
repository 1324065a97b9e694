/**
 * Every nonce and commitment that either node ever sent, read off the wire: each may stand in one message only.
 * @module
 */
import { fromBinary } from '@bufbuild/protobuf';
import {
  EnvelopeSchema,
  Sign1RequestSchema,
  Sign1ResponseSchema,
  Sign2RequestSchema,
  Sign2ResponseSchema,
  SignedSchema,
  SignSchnorrRequestSchema,
  SignSchnorrResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { type Bytes, toHex } from '../../shared/bytes.ts';
import { split } from '../../shared/mpc/layout.ts';
import { s1Layout, s2Layout, s3Layout, s4Layout } from '../../shared/mpc/sign-ecdsa-messages.ts';
import type { Wire } from './two-nodes.ts';

export interface Nonces {
  /** To stand on the wire, in front of another one. */
  readonly wire: (next?: Wire) => Wire;
  /** Nonces seen, by message in order. */
  readonly sent: readonly (readonly string[])[];
  /** How many, and those that stood in two messages. */
  seen(): number;
  repeated(): readonly string[];
}

const bodyOf = (envelope: Bytes): Bytes => {
  const { body, errorCode } = fromBinary(SignedSchema, fromBinary(EnvelopeSchema, envelope).signed);
  return errorCode === '' ? body : new Uint8Array();
};

/** Two commitments of 32 or 33 bytes, and perhaps a scalar behind them. */
function schnorr(message: Bytes): Bytes[] {
  const size = message.length === 64 || message.length === 96 ? 32 : 33;
  return [message.slice(0, size), message.slice(size, 2 * size)];
}

const asked: Readonly<Record<string, (body: Bytes) => readonly Bytes[]>> = {
  Sign1(body) {
    const { n1, com1 } = split(s1Layout, fromBinary(Sign1RequestSchema, body).s1);
    return [n1, com1];
  },
  Sign2(body) {
    const { R, rho } = split(s3Layout, fromBinary(Sign2RequestSchema, body).s3);
    return [R, rho];
  },
  SignSchnorr: (body) => schnorr(fromBinary(SignSchnorrRequestSchema, body).s1),
};

const answered: typeof asked = {
  Sign1(body) {
    const { n2, com2, ssid } = split(s2Layout, fromBinary(Sign1ResponseSchema, body).s2);
    return [n2, com2, ssid];
  },
  Sign2(body) {
    const { R, rho } = split(s4Layout, fromBinary(Sign2ResponseSchema, body).s4);
    return [R, rho];
  },
  SignSchnorr: (body) => schnorr(fromBinary(SignSchnorrResponseSchema, body).s2),
};

export function nonces(): Nonces {
  const seen = new Set<string>();
  const repeated: string[] = [];
  const sent: string[][] = [];
  const note = (values: readonly Bytes[] = []) => {
    const all = values.map(toHex);
    if (all.length > 0) sent.push(all);
    for (const nonce of all) {
      if (seen.has(nonce)) repeated.push(nonce);
      seen.add(nonce);
    }
  };
  return {
    wire:
      (next = (_, envelope, deliver) => deliver(envelope)) =>
      async (method, envelope, deliver) => {
        note(asked[method]?.(bodyOf(envelope)));
        return next(method, envelope, async (bytes) => {
          const answer = await deliver(bytes);
          const body = bodyOf(answer);
          if (body.length > 0) note(answered[method]?.(body));
          return answer;
        });
      },
    sent,
    seen: () => seen.size,
    repeated: () => repeated,
  };
}
