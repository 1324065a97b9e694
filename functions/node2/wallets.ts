/**
 * Node 2 commits address indices: an index is given out once, and a repeated request gets what it got before.
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, utf8 } from '#shared/bytes.ts';
import type { Blockchain } from '#shared/chains/chains.ts';
import { CustodyError } from '#shared/errors.ts';
import { sessionIdOf } from '#shared/intent/authorisation.ts';
import type { CreateWallets } from '#shared/intent/operation.ts';
import { lastIndex } from '#shared/mpc/self-test.ts';
import {
  WalletsRequestSchema,
  WalletsResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { proveAddress } from '../address-proof.ts';
import { eventOf, recorded } from '../audit/recording.ts';
import { refusalsRecorded } from '../audit/refusals.ts';
import type { PeerRequest } from '../channel/serve.ts';
import { type Allocation, branchOf, deriveWallets } from '../derive-wallets.ts';
import { readWalletsRequest } from '../intake.ts';
import type { Node } from '../node.ts';
import type { Wallet } from '../stores/resources.ts';
import { requireSession } from './session.ts';

export async function wallets(node: Node, { session, body }: PeerRequest): Promise<Bytes> {
  const { request } = fromBinary(WalletsRequestSchema, body);
  if (request === undefined) throw new CustodyError('signature_invalid', 'no actor asked for this');
  return refusalsRecorded(node, request, async () => {
    const authorised = await readWalletsRequest(node, request);
    requireSession(session, sessionIdOf(authorised.authorisation, 0));
    const { actor, operation, digest } = authorised;
    const event = eventOf(actor, 'create_wallets', operation.walletSet, digest);
    return recorded(node, event, () => makeWallets(node, authorised));
  });
}

async function makeWallets(
  node: Node,
  authorised: Awaited<ReturnType<typeof readWalletsRequest>>,
): Promise<Bytes> {
  const allocation = await allocate(node, authorised.operation, authorised.digest);
  const { account } = authorised.key;
  const made = deriveWallets(authorised, account, allocation);
  // Before the answer: an address that leaves this node is one that it will sign for.
  await Promise.all(made.map((wallet) => store(node, wallet)));
  const voice = await node.identity.voice();
  const proofs = made.map((wallet) => proveAddress(node, voice, account, wallet));
  const answer = { wallets: utf8(JSON.stringify({ allocation, proofs })) };
  return toBinary(WalletsResponseSchema, create(WalletsResponseSchema, answer));
}

/** @throws {CustodyError} `storage_unavailable` if another wallet stands under this id: never show an address that would not sign */
async function store(node: Node, wallet: Wallet): Promise<void> {
  if (await node.resources.addWallet(wallet)) return;
  const stored = await node.resources.findWallet(wallet.id);
  if (stored?.path !== wallet.path || stored.address !== wallet.address)
    throw new CustodyError('storage_unavailable', 'the records of this wallet disagree');
}

/**
 * The operation's indices. Of two requests at once one commits; the indices that the other took are skipped,
 * never given out twice.
 */
async function allocate(node: Node, operation: CreateWallets, digest: Bytes): Promise<Allocation> {
  const known = await node.operations.committed(digest);
  if (known !== undefined) return JSON.parse(known) as Allocation;
  const count = Number(operation.count);
  const names = operation.blockchains as readonly Blockchain[];
  const branches = [...new Set(names.map((name) => branchOf(name, operation)))];
  const add = Object.fromEntries(branches.map((branch) => [branch, count]));
  const counted = await node.counters.update({ counter: operation.walletSet }, { add });
  if (counted === null) throw new CustodyError('storage_unavailable', 'the counters did not count');
  const first = Object.fromEntries(branches.map((b) => [b, (counted.after[b] as number) - count]));
  if (Object.values(first).some((index) => index + count > lastIndex))
    throw new CustodyError('request_invalid', 'this wallet set has no address indices left');
  const allocation: Allocation = { first, created: new Date(node.clock()).toISOString() };
  return JSON.parse(await node.operations.commit(digest, JSON.stringify(allocation))) as Allocation;
}
