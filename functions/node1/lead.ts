/**
 * What Node 1 leads with: its own stores, the channel to Node 2, and the idempotency keys of the API.
 * @module
 */
import type { Bytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { ActorRequest } from '#shared/intent/http-signature.ts';
import type { Peer } from '../channel/call.ts';
import type { Node } from '../node.ts';
import type { Idempotency } from '../stores/idempotency.ts';
import type { Tokens } from '../stores/tokens.ts';
import type { NodeWebhooks } from '../webhooks/node-webhooks.ts';
import type { Inviting } from './invitations.ts';

export interface Lead {
  readonly node: Node;
  readonly peer: Peer;
  readonly idempotency: Idempotency;
  readonly webhooks: NodeWebhooks;
  readonly tokens: Tokens;
  readonly inviting: Inviting;
}

/** An answer, and whether it is of an earlier request with the same idempotency key. */
export interface Answer<T> {
  readonly body: T;
  readonly replayed: boolean;
}

/**
 * Runs `work` under the idempotency key of the request, unless its result stands already. A failure that
 * this node sees frees the key; after a crash the lease does.
 */
export async function once<T>(
  { idempotency }: Lead,
  { organization, digest }: { readonly organization: string; readonly digest: Bytes },
  { idempotencyKey }: ActorRequest,
  resource: string,
  find: () => Promise<T | undefined>,
  work: () => Promise<T>,
): Promise<Answer<T>> {
  // Side by side: nobody finishes an operation while its key can be claimed, since a lease outlasts its work.
  const [claiming, finding] = await Promise.allSettled([
    idempotency.claim(organization, idempotencyKey, digest, resource),
    find(),
  ]);
  if (claiming.status === 'rejected') {
    const found = isBusy(claiming.reason) && finding.status === 'fulfilled' ? finding.value : undefined;
    if (found === undefined) throw claiming.reason;
    return { body: found, replayed: true };
  }
  try {
    if (finding.status === 'rejected') throw finding.reason;
    if (finding.value !== undefined) return { body: finding.value, replayed: true };
    return { body: await work(), replayed: false };
  } catch (error) {
    await claiming.value.release().catch((cause: unknown) => cause);
    throw error;
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof CustodyError && error.code === 'idempotency_in_progress';
