/**
 * Secrets that must not be used twice: a nonce kept between two messages is moved out before the peer's
 * answer is looked at, so that no answer, good or bad, can meet it a second time.
 * @module
 */
import { Abort } from '../errors.ts';

/** A value that can be taken out once. */
export interface Once<T> {
  /** @throws {Abort} `E_USED` on any call but the first */
  readonly take: () => T;
}

export function once<T>(value: T): Once<T> {
  let left: { readonly value: T } | null = { value };
  return {
    take: () => {
      if (left === null) throw new Abort('E_USED', 'this session was used before');
      const taken = left.value;
      left = null;
      return taken;
    },
  };
}
