/**
 * Types of events on the command line.
 * @module
 */
import { type EventType, eventTypes } from '../shared/events/catalog.ts';
import { type Context, listOf, UsageError } from './command.ts';

const known = (name: string): name is EventType => (eventTypes as readonly string[]).includes(name);

/** Of `--types`; undefined if it is absent. @throws {UsageError} */
export function eventTypesOf(context: Context): readonly EventType[] | undefined {
  if (context.values['types'] === undefined) return undefined;
  return listOf(context, 'types').map((name) => {
    if (!known(name)) throw new UsageError(`no such type of event: ${name}`);
    return name;
  });
}
