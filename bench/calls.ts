/**
 * How many calls to KMS and DynamoDB one ECDSA signature costs each node: counted, not timed.
 * @module
 */
import type { NodePorts } from '../functions/node.ts';
import type { KeyService, Table, Tables } from '../functions/ports.ts';
import type { NodeName } from '#shared/crypto/attestation.ts';

export interface Calls {
  kms: number;
  dynamodbReads: number;
  dynamodbWrites: number;
}

const writes: readonly string[] = ['put', 'update', 'delete'];

const counting = <T extends object>(target: T, count: (method: string) => void): T =>
  new Proxy(target, {
    get(object, name) {
      const member = Reflect.get(object, name) as unknown;
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        count(String(name));
        return Reflect.apply(member, object, args) as unknown;
      };
    },
  });

/** The same ports, counted into `calls`. The identity key is remembered after the first time, as on AWS. */
export function countPorts(ports: NodePorts, calls: Calls): NodePorts {
  const table = (t: Table): Table =>
    counting(t, (method) => {
      if (writes.includes(method)) calls.dynamodbWrites++;
      else calls.dynamodbReads++;
    });
  const tables = Object.fromEntries(Object.entries(ports.tables).map(([name, t]) => [name, table(t)]));
  const keys: KeyService = counting(ports.keys, (method) => {
    if (method !== 'identity') calls.kms++;
  });
  return { ...ports, tables: tables as unknown as Tables, keys };
}

export type CallsByNode = Readonly<Record<NodeName, Calls>>;
