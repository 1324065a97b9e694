/**
 * The pull feed: everything that happened, once and in order, from wherever one stopped.
 * @module
 */
import type { EventType } from '../shared/events/catalog.ts';
import type { Answer } from '../shared/wire/routes.ts';
import { read, type Session } from './session.ts';

export type EventPage = Answer<'listEvents'>;
export type PlanbokEvent = EventPage['data'][number];

export interface EventQuery {
  /** `cursor` of the last event that was handled, or `nextCursor`; `end`: from now on; absent: from the first. */
  readonly cursor?: string;
  /** All if absent. */
  readonly types?: readonly EventType[];
  readonly limit?: number;
}

export interface EventLoop extends EventQuery {
  /** Waits for more at the end, until the signal aborts. */
  readonly follow?: boolean;
  /** Between two looks at the end, milliseconds; 1,000 if absent. */
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
}

export function eventsOf(session: Session) {
  /** One page, oldest first. With the same cursor again there is nothing new yet. @throws {PlanbokError} */
  const list = ({ cursor, types, limit }: EventQuery = {}): Promise<EventPage> =>
    read(session, 'listEvents', { query: { cursor, limit, types: types?.join(',') } });

  /** All events from the cursor on. Keep `cursor` of each one that is handled. @throws {PlanbokError} */
  async function* iterate({
    follow = false,
    pollMs = 1_000,
    signal,
    ...query
  }: EventLoop = {}): AsyncGenerator<PlanbokEvent, void, undefined> {
    let { cursor } = query;
    while (!signal?.aborted) {
      const page = await list({ ...query, ...(cursor !== undefined && { cursor }) });
      yield* page.data;
      const more = page.nextCursor !== cursor && (cursor !== 'end' || follow);
      cursor = page.nextCursor;
      if (more) continue;
      if (!follow) return;
      await session.sleep(pollMs);
    }
  }
  return { list, iterate };
}
