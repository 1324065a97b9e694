/**
 * How many calls to KMS and DynamoDB one ECDSA signature costs each node: counted, not timed.
 * @module
 */

import { fromHex } from '#shared/bytes.ts';
import { decodePayload, type SignPayload } from '#shared/chains/payload.ts';
import type { NodeName } from '#shared/crypto/attestation.ts';
import { signatureOperation, walletSetOperation, walletsOperation } from '#shared/intent/build.ts';
import type { NodePorts } from '../functions/node.ts';
import type { KeyService, Table, Tables } from '../functions/ports.ts';
import { owner, twoNodes } from '../test/support/two-nodes.ts';

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

/** Signs twice with counted ports and counts the second time, both nodes in this process over memory. */
export async function measureCalls(): Promise<CallsByNode> {
  const calls = {
    node1: { kms: 0, dynamodbReads: 0, dynamodbWrites: 0 },
    node2: { kms: 0, dynamodbReads: 0, dynamodbWrites: 0 },
  };
  const world = await twoNodes({ wrap: (node, ports) => countPorts(ports, calls[node]) });
  const alice = owner(world);
  await world.fetch(await alice.found());
  const set = { name: 'count', custody: 'standard', keyTypes: ['secp256k1'] } as const;
  const setOperation = walletSetOperation(alice.organization, 'set', set);
  const { id } = (await world.fetch(await alice.ask('/v1/wallet-sets', set, setOperation))).body;
  const wallets = { walletSet: id, blockchains: ['ETH'] as const };
  const walletsOf = walletsOperation(alice.organization, 'wallets', wallets);
  const [wallet] = (await world.fetch(await alice.ask('/v1/wallets', wallets, walletsOf))).body.data;
  const signOnce = async (key: string): Promise<void> => {
    const payload: SignPayload = { kind: 'message', blockchain: 'ETH', message: key };
    const decoded = decodePayload(payload, { ...wallet, publicKey: fromHex(wallet.publicKey) });
    const operation = signatureOperation(alice.organization, key, wallet, payload, decoded);
    const path = `/v1/wallets/${wallet.id}/signatures`;
    const { status } = await world.fetch(await alice.ask(path, { payload }, operation));
    if (status !== 201) throw new Error(`the signature was answered with ${status}`);
  };
  // The first one of a process also makes its hedge seed and looks the wallet up.
  await signOnce('first');
  for (const node of ['node1', 'node2'] as const)
    Object.assign(calls[node], { kms: 0, dynamodbReads: 0, dynamodbWrites: 0 });
  await signOnce('second');
  return calls;
}
