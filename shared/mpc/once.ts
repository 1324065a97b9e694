/**
 * Secrets that must not be used twice: a nonce kept between two messages is moved out before the peer's
 * answer is looked at, so that no answer, good or bad, can meet it a second time.
 * @module
 */
import { Abort } from '../errors.ts';

/** @returns a function that hands out `value` on its first call. @throws {Abort} `E_USED` on any later one. */
export function once<T>(value: T): () => T {
  let left: { readonly value: T } | null = { value };
  return () => {
    if (left === null) throw new Abort('E_USED', 'this session was used before');
    const taken = left.value;
    left = null;
    return taken;
  };
}
