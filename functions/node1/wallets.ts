/**
 * Wallets: Node 2 commits the indices, both nodes derive the addresses and put their name to them.
 * @module
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Blockchain } from '#shared/chains/chains.ts';
import type { Attested } from '#shared/crypto/attestation.ts';
import { CustodyError } from '#shared/errors.ts';
import { sessionIdOf } from '#shared/intent/authorisation.ts';
import { derivedId } from '#shared/intent/canonical.ts';
import type { ActorRequest } from '#shared/intent/http-signature.ts';
import type { CreateWallets } from '#shared/intent/operation.ts';
import { lastIndex } from '#shared/mpc/self-test.ts';
import type { AddressProof } from '#shared/wire/resources.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import {
  ActorRequestSchema,
  WalletsRequestSchema,
  WalletsResponseSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { proveAddress } from '../address-proof.ts';
import { eventId, eventOf, recorded } from '../audit/recording.ts';
import { type Allocation, branchOf, deriveWallets } from '../derive-wallets.ts';
import { readWalletsRequest } from '../intake.ts';
import type { Wallet } from '../stores/resources.ts';
import { walletView } from '../views.ts';
import { type Answer, type Lead, once } from './lead.ts';

type Created = Reply<'createWallets'>;

export async function createWallets(lead: Lead, request: ActorRequest): Promise<Answer<Created>> {
  const authorised = await readWalletsRequest(lead.node, request);
  const { digest, actor, authorisation } = authorised;
  const session = sessionIdOf(authorisation, 0);
  const total = Number(authorised.operation.count) * authorised.operation.blockchains.length;
  const ids = Array.from({ length: total }, (_, i) => derivedId('wal', digest, i));
  const answer = (wallets: readonly Wallet[]): Created => ({
    data: wallets.map(walletView),
    // A repeated request gets what the first one got.
    auditEventId: wallets[0]?.auditEventId ?? '',
  });
  return once(
    lead,
    { organization: actor.organization, digest },
    request,
    ids[0] ?? '',
    async () => {
      const known = await Promise.all(ids.map((id) => lead.node.resources.findWallet(id)));
      const all = known.filter((wallet) => wallet !== undefined);
      return all.length === ids.length ? answer(all) : undefined;
    },
    async () => {
      // Keys that have not signed once are not listed, and show nobody an address.
      await lead.node.resources.walletSet(actor.organization, authorised.operation.walletSet);
      const ask = create(WalletsRequestSchema, { request: create(ActorRequestSchema, request) });
      const event = eventOf(actor, 'create_wallets', authorised.operation.walletSet, digest);
      return recorded(lead.node, event, async (begun) => {
        const reply = await lead.peer.call('Wallets', session, 1, toBinary(WalletsRequestSchema, ask));
        const theirs = readReply(fromBinary(WalletsResponseSchema, reply).wallets, authorised.operation);
        return answer(await prove(lead, authorised, theirs.allocation, theirs.proofs, eventId(begun)));
      });
    },
  );
}

interface Theirs {
  readonly allocation: Allocation;
  readonly proofs: readonly Attested<AddressProof>[];
}

/** @throws {CustodyError} `protocol_abort` unless Node 2 gives an index to every branch, and a time */
function readReply(bytes: Uint8Array, operation: CreateWallets): Theirs {
  const highest = lastIndex - Number(operation.count);
  const isIndex = (index: unknown): boolean =>
    Number.isSafeInteger(index) && (index as number) >= 0 && (index as number) <= highest;
  try {
    const { allocation, proofs } = JSON.parse(new TextDecoder().decode(bytes)) as Theirs;
    const branches = operation.blockchains.map((name) => branchOf(name as Blockchain, operation));
    const timed = typeof allocation.created === 'string';
    if (timed && Array.isArray(proofs) && branches.every((branch) => isIndex(allocation.first[branch])))
      return { allocation, proofs };
  } catch {
    // Not JSON, or of another shape: refused below like any other answer that is none.
  }
  throw new CustodyError('protocol_abort', 'Node 2 answers something else');
}

/** @throws {CustodyError} `protocol_abort` unless both nodes come to the same addresses */
async function prove(
  { node }: Lead,
  authorised: Awaited<ReturnType<typeof readWalletsRequest>>,
  allocation: Allocation,
  theirs: readonly Attested<AddressProof>[],
  auditEvent: string,
): Promise<Wallet[]> {
  const { account } = authorised.key;
  const voice = await node.identity.voice();
  const wallets = deriveWallets(authorised, account, allocation).map((wallet, i): Wallet => {
    const [node1, node2] = [proveAddress(node, voice, account, wallet), theirs[i]];
    if (!sameWallet(node1.document, node2?.document))
      throw new CustodyError('protocol_abort', 'Node 2 derives another address');
    return { ...wallet, proofs: JSON.stringify({ node1, node2 }), auditEventId: auditEvent };
  });
  // A request that was cut short may have stored some of them: the first ones stay.
  return Promise.all(
    wallets.map(async (wallet) =>
      (await node.resources.addWallet(wallet))
        ? wallet
        : ((await node.resources.findWallet(wallet.id)) ?? wallet),
    ),
  );
}

const sameWallet = (a: AddressProof, b: AddressProof | undefined): boolean =>
  b !== undefined &&
  (Object.keys(a) as (keyof AddressProof)[]).every(
    (member) => member === 'node' || member === 'issued' || a[member] === b[member],
  );
