/**
 * Randomness that a test can repeat.
 * @module
 */
import { createHash } from 'node:crypto';
import { concat, u32be, utf8 } from '#shared/bytes.ts';
import type { Random } from '#shared/mpc/hash.ts';

/** Call i returns the first n bytes of SHAKE256(seed ‖ 0 ‖ I4(i)): the same seed gives the same run. */
export function seededRandom(seed: string): Random {
  let calls = 0;
  return (n) => {
    const input = concat(utf8(seed), Uint8Array.of(0), u32be(calls++));
    return new Uint8Array(createHash('shake256', { outputLength: n }).update(input).digest());
  };
}
