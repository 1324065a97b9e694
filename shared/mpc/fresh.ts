/**
 * A guard around the source of randomness.
 * @module
 */
import type { Random } from './hash.ts';

/**
 * The same source, but a short read or a constant zero answer is an error and never becomes a key or a nonce.
 *
 * @throws {RangeError} from the returned function
 */
export const guarded =
  (random: Random): Random =>
  (n) => {
    const bytes = random(n);
    // 16 bytes or more are all zero with probability 2^-128 at most.
    if (bytes.length !== n || (n >= 16 && bytes.every((b) => b === 0)))
      throw new RangeError('randomness is broken');
    return bytes;
  };
