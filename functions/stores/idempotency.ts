/**
 * Idempotency keys at Node 1: which operation a key stands for, and who is at work on it. The result itself
 * is not kept here: its id follows from the operation, so it is found, or not yet, among the resources.
 * @module
 */
import { type Bytes, toBase64url } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Clock, Table } from '../ports.ts';

/** How long a key is remembered, seconds. */
export const idempotencySeconds = 7 * 24 * 3600;

export interface Claim {
  /** Lets the next request with this key start at once: called when this one failed. */
  release(): Promise<void>;
}

export interface IdempotencyRecord {
  readonly operation: string;
  readonly id: string;
  /** `failed`: nobody is at work on it; whether it finished, its resource says. */
  readonly state: 'in_progress' | 'failed';
  /** RFC 3339, UTC. */
  readonly created: string;
}

export interface Idempotency {
  /**
   * Takes the key for this operation until the lease ends.
   * @throws {CustodyError} `idempotency_key_reused` if it stands for another operation,
   * `idempotency_in_progress` if somebody is at work on it
   */
  claim(organization: string, key: string, operation: Bytes, resource: string): Promise<Claim>;
  find(organization: string, key: string): Promise<IdempotencyRecord | undefined>;
}

/** @param leaseMs longer than any request may run: nobody works on a key whose lease is over */
export function idempotencyOver(table: Table, clock: Clock, leaseMs: number): Idempotency {
  return {
    async claim(organization, key, operation, resource) {
      const digest = toBase64url(operation);
      const now = clock();
      const item = { organization, key };
      const taken = await table.put(
        {
          ...item,
          digest,
          resource,
          leaseMs: now + leaseMs,
          keptMs: now + idempotencySeconds * 1000,
          ttl: Math.floor(now / 1000) + idempotencySeconds,
        },
        [
          [['key', 'absent']],
          [['keptMs', '<', now]],
          [
            ['digest', '=', digest],
            ['leaseMs', '<', now],
          ],
        ],
      );
      if (!taken) {
        const holder = await table.get(item);
        if (holder !== undefined && holder['digest'] !== digest)
          throw new CustodyError('idempotency_key_reused', 'this key was used for another operation');
        throw new CustodyError('idempotency_in_progress', 'a request with this key is still running');
      }
      return {
        async release() {
          const mine = [
            [
              ['digest', '=', digest],
              ['leaseMs', '=', now + leaseMs],
            ],
          ] as const;
          await table.update(item, { set: { leaseMs: 0 } }, mine);
        },
      };
    },
    async find(organization, key) {
      const item = await table.get({ organization, key });
      if (item === undefined || (item['keptMs'] as number) < clock()) return undefined;
      return {
        operation: item['digest'] as string,
        id: item['resource'] as string,
        state: (item['leaseMs'] as number) > clock() ? 'in_progress' : 'failed',
        created: new Date((item['keptMs'] as number) - idempotencySeconds * 1000).toISOString(),
      };
    },
  };
}
