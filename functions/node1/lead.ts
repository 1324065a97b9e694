/**
 * What Node 1 leads with: its own stores, the channel to Node 2, and the idempotency keys of the API.
 * @module
 */
import { type Bytes, toBase32 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { ActorRequest } from '#shared/intent/http-signature.ts';
import type { Peer } from '../channel/call.ts';
import type { Node } from '../node.ts';
import type { Claim, Idempotency } from '../stores/idempotency.ts';

export interface Lead {
  readonly node: Node;
  readonly peer: Peer;
  readonly idempotency: Idempotency;
}

/** An answer, and whether it is of an earlier request with the same idempotency key. */
export interface Answer<T> {
  readonly body: T;
  readonly replayed: boolean;
}

/** Names the record of a protocol session. */
export const auditEventId = (session: Bytes): string => `evt_${toBase32(session)}`;

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
  let claim: Claim;
  try {
    claim = await idempotency.claim(organization, idempotencyKey, digest, resource);
  } catch (error) {
    // Whoever holds the key may have finished: its lease goes on for a while.
    const busy = error instanceof CustodyError && error.code === 'idempotency_in_progress';
    const finished = busy ? await find() : undefined;
    if (finished === undefined) throw error;
    return { body: finished, replayed: true };
  }
  try {
    const finished = await find();
    if (finished !== undefined) return { body: finished, replayed: true };
    return { body: await work(), replayed: false };
  } catch (error) {
    await claim.release().catch((cause: unknown) => cause);
    throw error;
  }
}
