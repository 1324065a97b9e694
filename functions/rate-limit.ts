/**
 * How often a credential and an organization may ask. Token buckets in the memory of one instance: a cheap
 * brake in front of the cryptography, beside the gateway's own throttles, not an exact account.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import { requireAddress } from './authenticate.ts';
import type { Admit } from './intake.ts';
import type { Clock } from './ports.ts';

export interface Limits {
  /** Requests per minute. */
  readonly credential: number;
  readonly organization: number;
}

export interface RateLimiter {
  readonly limits: Limits;
  /**
   * Takes one request from both buckets of an authenticated actor.
   * @throws {RateLimited} with the seconds to wait
   */
  take(actor: { readonly keyId: string; readonly organization: string }): void;
  /** The `RateLimit` and `RateLimit-Policy` fields of an answer to this key id. */
  headers(keyId: string): Record<string, string>;
}

export class RateLimited extends CustodyError {
  readonly retryAfterSeconds: number;
  constructor(retryAfterSeconds: number) {
    super('rate_limited', `try again in ${retryAfterSeconds} s`);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Lets an authenticated actor in: from an address that its key allows, and not too often. */
export const admitting =
  (limiter: RateLimiter): Admit =>
  (actor, { sourceIp }) => {
    requireAddress(actor, sourceIp);
    limiter.take(actor);
  };

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** Buckets kept. The one that was asked for longest ago goes first: a crowd of new names frees no busy one. */
const remembered = 10_000;
const minuteMs = 60_000;

export function rateLimiter(clock: Clock, limits: Limits): RateLimiter {
  const buckets = new Map<string, Bucket>();
  const tokensOf = (name: string, limit: number): number => {
    const bucket = buckets.get(name);
    if (bucket === undefined) return limit;
    // A clock that was put back takes nothing away.
    const elapsedMs = Math.max(0, clock() - bucket.atMs);
    return Math.min(limit, bucket.tokens + (elapsedMs / minuteMs) * limit);
  };
  const takeFrom = (name: string, limit: number): void => {
    const tokens = tokensOf(name, limit);
    if (tokens < 1) throw new RateLimited(Math.ceil(((1 - tokens) / limit) * (minuteMs / 1000)));
    buckets.delete(name);
    const [oldest] = buckets.keys();
    if (oldest !== undefined && buckets.size >= remembered) buckets.delete(oldest);
    buckets.set(name, { tokens: tokens - 1, atMs: clock() });
  };
  return {
    limits,
    take({ keyId, organization }) {
      takeFrom(keyId, limits.credential);
      takeFrom(organization, limits.organization);
    },
    headers(keyId) {
      const left = Math.floor(tokensOf(keyId, limits.credential));
      const seconds = Math.ceil(((limits.credential - left) / limits.credential) * 60);
      return {
        ratelimit: `"credential";r=${left};t=${seconds}`,
        'ratelimit-policy': `"credential";q=${limits.credential};w=60, "organization";q=${limits.organization};w=60`,
      };
    },
  };
}
