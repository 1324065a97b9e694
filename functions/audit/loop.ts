/**
 * Integrates and cosigns beside the requests, in a program that runs all the time. On AWS the stream of the table
 * does that (`stream.ts`).
 * @module
 */
import type { Peer } from '../channel/call.ts';
import type { Node } from '../node.ts';
import { exchangeCheckpoints } from './exchange.ts';

/** Between the end of a round and the next one, milliseconds. */
const pauseMs = 200;

/** @returns what stops it, after the round that is under way */
export function keepIntegrating(node: Node, peer: Peer): () => Promise<void> {
  let running = true;
  let wake = (): void => undefined;
  const rounds = (async () => {
    while (running) {
      for (const organization of node.audit.pendingOrganizations()) {
        try {
          await exchangeCheckpoints(node, peer, organization);
        } catch (error) {
          node.audit.stillPending(organization);
          node.log.warn('audit round failed', { reason: error instanceof Error ? error.message : '' });
        }
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
    await rounds;
  };
}
