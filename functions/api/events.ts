/**
 * The pull feed: what happened, oldest first, from a cursor on.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import type { FeedEvent } from '#shared/wire/events.ts';
import type { Query, Answer as Reply } from '#shared/wire/routes.ts';
import { cursorAt, eventOf, type Feed, indexAt } from '../events/feed.ts';

/** Events of a page if the request does not say. */
const pageLimit = 20;
/** Records that one request looks at, at a time and in all: a page of rare types may be an empty one. */
const step = 128;
const most = 1_024;

/** @throws {CustodyError} `request_invalid` on a cursor that is none, or of a log that was longer */
export async function events(
  feed: Feed,
  organization: string,
  { cursor, limit = pageLimit, types }: Query<'listEvents'>,
): Promise<Reply<'listEvents'>> {
  if (cursor === 'end') return { data: [], nextCursor: cursorAt(await feed.size(organization)) };
  const from = cursor === undefined ? 0 : indexAt(cursor);
  const wanted = (event: FeedEvent): boolean =>
    types === undefined || (types as readonly string[]).includes(event.type);
  const data: FeedEvent[] = [];
  let at = from;
  while (at < from + most && data.length < limit) {
    const { entries, size } = await feed.read(organization, at, step);
    if (at > size) throw new CustodyError('request_invalid', 'the log is not as long as this cursor says');
    for (const entry of entries) {
      const event = eventOf(entry);
      if (event !== undefined && wanted(event)) data.push(event);
      at = entry.index + 1;
      if (data.length === limit) break;
    }
    if (at >= size) break;
  }
  return { data, nextCursor: cursorAt(at) };
}
