/**
 * Sends to endpoints what the feed holds for them. Per endpoint in order and at least once: its position moves
 * past an event when the receiver has answered with 2xx, and the next one waits until then. Any number of
 * dispatchers may run: an endpoint is one's for as long as its lease lasts. What dies between an answer and the
 * move sends the event again, under the same id.
 * @module
 */
import { toBase32, toBase64url } from '#shared/bytes.ts';
import type { FeedEvent } from '#shared/wire/events.ts';
import { eventOf, type FeedEntry } from '../events/feed.ts';
import type { Node } from '../node.ts';
import type { Delivery } from '../stores/deliveries.ts';
import type { Endpoint } from '../stores/webhooks.ts';
import { eventOfDelivery, messageOf } from './message.ts';
import type { NodeWebhooks } from './node-webhooks.ts';
import type { Attempt, Courier } from './ports.ts';
import { delayAfter, disableAfterMs } from './retries.ts';

export interface DispatcherPorts {
  readonly node: Pick<Node, 'audit' | 'clock' | 'random' | 'log'>;
  readonly webhooks: NodeWebhooks;
  readonly courier: Courier;
}

export interface Dispatcher {
  /** Endpoints that something is due for; somebody may have them. */
  due(): Promise<readonly string[]>;
  /** Sends what is due to an endpoint, unless somebody else does. The number of attempts. */
  serve(id: string): Promise<number>;
}

/** Longer than an attempt may take, milliseconds. */
const leaseMs = 60_000;
/** Attempts in one go: then others have their turn. */
const turn = 100;
/** Records that are read at a time. */
const ahead = 64;
const pageLimit = 100;

export function dispatcherOf(ports: DispatcherPorts): Dispatcher {
  const { webhooks } = ports;
  const { clock, random, log } = ports.node;
  const { endpoints, feed } = webhooks;
  return {
    async due() {
      const sizes = new Map<string, Promise<number>>();
      const sizeOf = (organization: string): Promise<number> => {
        const known = sizes.get(organization) ?? feed.size(organization);
        sizes.set(organization, known);
        return known;
      };
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await endpoints.listAll({ limit: pageLimit, ...(cursor !== undefined && { cursor }) });
        for (const { id, organization, queue, enabled, dueMs, position } of page.items) {
          const waits = enabled && dueMs <= clock() && position < (await sizeOf(organization));
          if (waits || queue.length > 0) found.push(id);
        }
        cursor = page.cursor;
      } while (cursor !== undefined);
      return found;
    },
    async serve(id) {
      const holder = toBase64url(random(16));
      const taken = await endpoints.take(id, holder, clock(), clock() + leaseMs);
      if (taken === undefined) return 0;
      const turns = turnsOf(ports, holder);
      let attempts = 0;
      try {
        let now: Endpoint | undefined = taken;
        while (now !== undefined && attempts < turn) {
          const step: Step = (await turns.queued(now)) ?? (await turns.next(now));
          if (step.attempted) attempts++;
          now = step.now;
        }
      } catch (error) {
        log.warn('webhook turn failed', {
          endpoint: id,
          reason: error instanceof Error ? error.message : '',
        });
      }
      await endpoints.release(id, holder);
      return attempts;
    },
  };
}

/** Where the endpoint stands after it; undefined: there is no more to do, or it is somebody else's by now. */
interface Step {
  readonly attempted: boolean;
  readonly now: Endpoint | undefined;
}
const over: Step = { attempted: false, now: undefined };

function turnsOf(ports: DispatcherPorts, holder: string) {
  const { webhooks, courier, node } = ports;
  const { clock, random } = node;
  const { endpoints, deliveries, feed } = webhooks;
  let read: readonly FeedEntry[] = [];

  const progress = (before: Endpoint, changes: Parameters<typeof endpoints.progress>[3]) =>
    endpoints.progress(before, holder, clock() + leaseMs, changes);

  const attempt = async (endpoint: Endpoint, event: FeedEvent): Promise<Attempt> => {
    const { headers, body } = await messageOf(webhooks, endpoint, event, clock());
    return courier(endpoint.url, headers, body);
  };

  /** The entries from a position on; read again only where they end. */
  const from = async ({ organization, position }: Endpoint): Promise<readonly FeedEntry[]> => {
    const known = read.findIndex(({ index }) => index === position);
    if (known < 0) read = (await feed.read(organization, position, ahead)).entries;
    return known < 0 ? read : read.slice(known);
  };

  return {
    /** What was asked for out of turn: one attempt each. Undefined if there is nothing. */
    async queued(endpoint: Endpoint): Promise<Step | undefined> {
      const [id] = endpoint.queue;
      if (id === undefined) return undefined;
      const asked = await deliveries.find(id);
      const pending = asked?.state === 'pending' ? asked : undefined;
      if (pending !== undefined) {
        const event = await eventOfDelivery(webhooks, endpoint, pending);
        await deliveries.settle(settled(pending, await attempt(endpoint, event)));
      }
      const now = await progress(endpoint, { queue: endpoint.queue.slice(1) });
      return { attempted: pending !== undefined, now };
    },

    async next(endpoint: Endpoint): Promise<Step> {
      if (!endpoint.enabled || endpoint.dueMs > clock()) return over;
      const entries = await from(endpoint);
      const found = entries
        .map((entry) => ({ entry, event: eventOf(entry) }))
        .find(({ event }) => event !== undefined && wanted(endpoint, event));
      if (found?.event === undefined) {
        // Nothing of all this is for it: that is remembered, too.
        if (entries.length === 0) return over;
        return {
          attempted: false,
          now: await progress(endpoint, { position: endpoint.position + entries.length }),
        };
      }
      const { event, entry } = found;
      const outcome = await attempt(endpoint, event);
      const failures = endpoint.failures + 1;
      const failed = outcome.failure !== undefined;
      const nowMs = clock();
      const since = endpoint.failingSinceMs ?? nowMs;
      const reason =
        outcome.status === 410 ? 'gone' : nowMs - since >= disableAfterMs ? 'failing' : undefined;
      const dueMs = nowMs + (failed ? delayAfter(failures, outcome, random) : 0);
      await deliveries.add({
        ...settled(
          {
            id: `whd_${toBase32(random(16))}`,
            endpoint: endpoint.id,
            event: event.id,
            type: event.type,
            index: entry.index,
            state: 'pending',
            attempt: endpoint.failures,
            createdMs: nowMs,
          },
          outcome,
        ),
        ...(failed && reason === undefined && { nextMs: dueMs }),
      });
      if (!failed) {
        const done = { position: entry.index + 1, failures: 0, dueMs: 0, failingSinceMs: undefined };
        return { attempted: true, now: await progress(endpoint, done) };
      }
      // Told before it is so: twice rather than never.
      if (reason !== undefined) await recordDisabled(node, endpoint, reason);
      const now = await progress(endpoint, {
        position: entry.index,
        failures,
        dueMs,
        failingSinceMs: since,
        ...(reason !== undefined && { enabled: false, disabled: reason }),
      });
      return { attempted: true, now };
    },
  };
}

/** An event of its own, by Node 1 itself: other endpoints, and whoever reads the feed, learn of it. */
const recordDisabled = (
  { audit }: DispatcherPorts['node'],
  { id, organization }: Endpoint,
  reason: 'gone' | 'failing',
): Promise<unknown> =>
  audit.append(organization, {
    actor: 'node1',
    role: 'node1',
    action: 'disable_webhook',
    object: id,
    operation: '',
    policy: reason,
    phase: 'outcome',
    previous: '',
  });

const wanted = ({ types }: Endpoint, { type }: FeedEvent): boolean =>
  types.length === 0 || types.includes(type);

/** What came of an attempt. */
const settled = (delivery: Delivery, { status, failure, durationMs, response }: Attempt): Delivery => ({
  ...delivery,
  state: failure === undefined ? 'delivered' : 'failed',
  attempt: delivery.attempt + 1,
  durationMs,
  response,
  ...(status !== undefined && { status }),
  ...(failure !== undefined && { failure }),
});
