import type { PlanbokEvent } from '../../client/events.ts';
import { escapeText } from '../../shared/chains/display.ts';
import { eventTypes } from '../../shared/events/catalog.ts';
import { type Command, integerOf } from '../command.ts';
import { eventTypesOf } from '../event-types.ts';
import { limitOption } from '../listing.ts';
import { table } from '../text.ts';

const row = ({ created, type, object, data }: PlanbokEvent): string[] =>
  [created, type, object, data['actor'] ?? '', data['reason'] ?? ''].map(escapeText);

export const events: Command = {
  name: 'events',
  summary: 'What happened, oldest first: from a cursor on, or as it happens',
  options: {
    cursor: { value: 'CURSOR', help: 'After the event with this cursor; end: from now on; absent: all' },
    types: { value: 'TYPES', help: 'Only these, between commas, such as signature.completed' },
    follow: { help: 'Go on as more happens, until interrupted; with --json one event per line' },
    ...limitOption,
  },
  details: `Types: ${eventTypes.join(', ')}.`,
  async run(context) {
    const { io, values } = context;
    const most = integerOf(context, 'limit', 1, 100_000);
    const types = eventTypesOf(context);
    const follow = values['follow'] !== undefined;
    const limit = most ?? (follow ? Number.POSITIVE_INFINITY : 100);
    const planbok = await context.planbok();
    const given = values['cursor'];
    // A place to go on from, also if nothing comes.
    const cursor = given === 'end' ? (await planbok.events.list({ cursor: given })).nextCursor : given;
    const data: PlanbokEvent[] = [];
    let [seen, last] = [0, cursor];
    for await (const event of planbok.events.iterate({
      follow,
      ...(cursor !== undefined && { cursor }),
      ...(types && { types }),
    })) {
      last = event.cursor ?? last;
      if (!follow) data.push(event);
      else io.out(values['json'] === undefined ? `${row(event).join('  ')}\n` : `${JSON.stringify(event)}\n`);
      if (++seen >= limit) break;
    }
    if (follow) return { text: '' };
    const head = ['time', 'type', 'object', 'actor', 'reason'];
    const shown = table(head, data.map(row));
    return {
      json: { data, cursor: last },
      text: last === undefined ? shown : `${shown}\nto go on: --cursor ${last}\n`,
    };
  },
};
