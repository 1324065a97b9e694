import { expect, test } from '@jest/globals';
import { rateLimiter } from '../../functions/rate-limit.ts';

test('a crowd of new names does not refill the bucket of one that keeps asking', () => {
  const limiter = rateLimiter(() => 0, { credential: 20_000, organization: 1_000_000 });
  const busy = { keyId: 'org/busy', organization: 'org' };
  for (let n = 0; n < 12_000; n++) {
    limiter.take({ keyId: `other${n}/key`, organization: 'crowd' });
    limiter.take(busy);
  }
  expect(limiter.headers(busy.keyId)['ratelimit']).toContain(';r=8000;');
});

test('an empty bucket refuses, says how long to wait, and fills with time', () => {
  let nowMs = 0;
  const limiter = rateLimiter(() => nowMs, { credential: 2, organization: 100 });
  const actor = { keyId: 'org/key', organization: 'org' };
  limiter.take(actor);
  limiter.take(actor);
  expect(() => limiter.take(actor)).toThrow(expect.objectContaining({ retryAfterSeconds: 30 }));
  nowMs = 30_000;
  limiter.take(actor);
  expect(() => limiter.take(actor)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
});
