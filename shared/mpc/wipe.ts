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

/** Where a computation says which of its buffers are secret. */
export interface SecretScope {
  /** Wiped when the computation ends. @returns the same buffer */
  readonly secret: <B extends Bytes>(b: B) => B;
  /** Wiped if the computation fails; what it returns otherwise is the caller's to wipe. @returns the same buffer */
  readonly kept: <B extends Bytes>(b: B) => B;
}

/** A scope, and what ends it. */
function scope(): { readonly scope: SecretScope; readonly fail: () => void; readonly end: () => void } {
  const always: Bytes[] = [];
  const onFailure: Bytes[] = [];
  const into =
    (list: Bytes[]) =>
    <B extends Bytes>(b: B): B => {
      list.push(b);
      return b;
    };
  return {
    scope: { secret: into(always), kept: into(onFailure) },
    fail: () => wipe(...onFailure),
    end: () => wipe(...always),
  };
}

/** Runs a computation and wipes what it declared secret, also when it throws. */
export function wiping<T>(computation: (scope: SecretScope) => T): T {
  const secrets = scope();
  try {
    return computation(secrets.scope);
  } catch (failure) {
    secrets.fail();
    throw failure;
  } finally {
    secrets.end();
  }
}

/** {@link wiping} of a computation that waits. */
export async function wipingLater<T>(computation: (scope: SecretScope) => Promise<T>): Promise<T> {
  const secrets = scope();
  try {
    return await computation(secrets.scope);
  } catch (failure) {
    secrets.fail();
    throw failure;
  } finally {
    secrets.end();
  }
}
