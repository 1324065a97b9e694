/**
 * The one answer to everything that must not be told apart: a check failed, the key is locked, the session
 * was claimed or seen before. Same bytes, at a fixed time after the request came in, whatever was found.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import type { Clock } from '../ports.ts';

/** Milliseconds after receipt: longer than any check takes. */
export const genericAfterMs = 300;

/** @throws {CustodyError} `protocol_abort`, always */
export async function refuseGenerically(clock: Clock, receivedMs: number): Promise<never> {
  const left = Math.max(0, Math.min(genericAfterMs, receivedMs + genericAfterMs - clock()));
  await new Promise((resolve) => setTimeout(resolve, left));
  throw new CustodyError('protocol_abort', 'aborted');
}
