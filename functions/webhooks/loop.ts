/**
 * Dispatches beside the requests, in a program that runs all the time: looks what is due, and serves several
 * endpoints at a time, so that a slow receiver holds up nobody but itself.
 * @module
 */
import type { Log } from '../ports.ts';
import type { Dispatcher } from './dispatch.ts';

/** Between two looks, milliseconds. */
const pauseMs = 500;
/** Endpoints that are served at a time. */
const most = 16;

/** @returns what stops it, after the attempts that are under way */
export function keepDispatching({ due, serve }: Dispatcher, log: Log): () => Promise<void> {
  const serving = new Map<string, Promise<void>>();
  let running = true;
  let wake = (): void => undefined;
  const begin = (id: string): void => {
    const work = serve(id)
      .catch((error: unknown) => {
        log.warn('webhook not served', { endpoint: id, reason: error instanceof Error ? error.message : '' });
      })
      .then(() => void serving.delete(id));
    serving.set(id, work);
  };
  const looks = (async () => {
    while (running) {
      try {
        for (const id of await due()) if (running && !serving.has(id) && serving.size < most) begin(id);
      } catch (error) {
        log.warn('webhooks not looked at', { reason: error instanceof Error ? error.message : '' });
      }
      if (running)
        await new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, pauseMs).unref();
        });
    }
  })();
  return async () => {
    running = false;
    wake();
    await looks;
    await Promise.all(serving.values());
  };
}
