/**
 * Clearing of secret buffers. JavaScript gives no promise that no copy is left; this shortens the time in
 * which a heap dump would show them.
 * @module
 */
import type { Bytes } from '../bytes.ts';

/** Overwrites every buffer with zeros. */
export function wipe(...secrets: readonly Bytes[]): void {
  for (const b of secrets) b.fill(0);
}
