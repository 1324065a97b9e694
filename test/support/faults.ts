/**
 * Every effect of two nodes in order (reads, writes, calls of the key service, messages), and faults put into
 * the middle of them.
 *
 *   crash before, crash after   the process dies: nothing more of that request happens
 *   fail before, fail after     the call fails, with or without its effect; for a message: it, or its answer, is lost
 *
 * @module
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { NodePorts } from '../../functions/node.ts';
import type { KeyService, Table, Tables } from '../../functions/ports.ts';
import type { NodeName } from '../../shared/crypto/attestation.ts';
import { CustodyError } from '../../shared/errors.ts';
import type { Wire } from './two-nodes.ts';

export interface Effect {
  readonly node: NodeName;
  readonly kind: 'read' | 'write' | 'kms' | 'message';
  /** Such as `keys.update`, or the method of a message. */
  readonly name: string;
}

export const faultKinds = ['crash before', 'crash after', 'fail before', 'fail after'] as const;
export type Fault = (typeof faultKinds)[number];

/** One request at one node: what dies in a crash. */
interface Process {
  dead: boolean;
}

class Crash extends Error {
  override readonly name = 'Crash';
}

export interface Faults {
  /** What happened since {@link Faults.begin}. */
  readonly trace: Effect[];
  /** Forgets the trace, and plans faults by the index of an effect in the next one. */
  begin(
    plan?: Readonly<Record<number, Fault>> | ((effect: Effect, index: number) => Fault | undefined),
  ): void;
  /** How many planned faults happened. */
  fired(): number;
  readonly wrap: (node: NodeName, ports: NodePorts) => NodePorts;
  /** To stand on the wire, in front of another one. */
  readonly wire: (next?: Wire) => Wire;
  /** Runs a request at Node 1; undefined if Node 1 died of it. */
  request<T>(run: () => Promise<T>): Promise<T | undefined>;
}

const kinds: Readonly<Record<keyof Table, 'read' | 'write'>> = {
  get: 'read',
  list: 'read',
  put: 'write',
  update: 'write',
  delete: 'write',
};

export function faults(): Faults {
  const processes = new AsyncLocalStorage<Process>();
  const trace: Effect[] = [];
  let plan: (effect: Effect, index: number) => Fault | undefined = () => undefined;
  let fired = 0;

  async function effect<T>(what: Effect, failure: () => Error, run: () => Promise<T>): Promise<T> {
    const process = processes.getStore() ?? { dead: false };
    const alive = () => {
      if (process.dead) throw new Crash();
    };
    alive();
    const fault = plan(what, trace.push(what) - 1);
    if (fault !== undefined) fired++;
    const die = () => {
      process.dead = true;
      throw new Crash();
    };
    if (fault === 'crash before') die();
    if (fault === 'fail before') throw failure();
    const result = await run();
    if (fault === 'crash after') die();
    if (fault === 'fail after') throw failure();
    alive();
    return result;
  }

  const unavailable = () => new CustodyError('storage_unavailable', 'injected');
  const around = <T extends object>(
    node: NodeName,
    name: string,
    port: T,
    kindOf: (method: string) => Effect['kind'],
  ): T =>
    Object.fromEntries(
      Object.entries(port).map(([method, run]) => [
        method,
        (...args: unknown[]) =>
          effect({ node, kind: kindOf(method), name: `${name}.${method}` }, unavailable, () => run(...args)),
      ]),
    ) as T;

  /** A request at Node 2: one that died gives no answer, whatever its code made of its own death. */
  const ofNode2 = async (run: () => Promise<Uint8Array>): Promise<Uint8Array> => {
    const process = { dead: false };
    const answer = await processes.run(process, run);
    if (process.dead) throw new Crash();
    return answer;
  };

  return {
    trace,
    begin(next = {}) {
      trace.length = 0;
      fired = 0;
      plan = typeof next === 'function' ? next : (_, index) => next[index];
    },
    fired: () => fired,
    wrap(node, ports) {
      const tables = Object.fromEntries(
        Object.entries(ports.tables).map(([name, table]) => [
          name,
          around(node, name, table, (method) => kinds[method as keyof Table]),
        ]),
      ) as unknown as Tables;
      const { identity, ...calls } = ports.keys;
      // The public key is read once at cold start.
      const keys: KeyService = { ...around(node, 'kms', calls, () => 'kms'), identity };
      return { ...ports, tables, keys };
    },
    wire:
      (next = (_, envelope, deliver) => deliver(envelope)) =>
      (method, envelope, deliver) =>
        effect(
          { node: 'node1', kind: 'message', name: method },
          () => new Error('lost'),
          () => next(method, envelope, (bytes) => ofNode2(() => deliver(bytes))),
        ),
    async request(run) {
      const process = { dead: false };
      const result = await processes.run(process, async () => {
        try {
          return await run();
        } catch (error) {
          if (process.dead) return undefined;
          throw error;
        }
      });
      return process.dead ? undefined : result;
    },
  };
}
