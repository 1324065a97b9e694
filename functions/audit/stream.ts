/**
 * Integration on AWS: the stream of the audit table wakes a program of its own. What the stream brings says
 * only whose log has something to integrate; what is integrated is read from the table, so a batch that is
 * brought again, late or in part does no harm.
 * @module
 */
import type { DynamoDBStreamEvent } from 'aws-lambda';
import type { Log } from '../ports.ts';

/** Organizations of the entries that a batch of the stream brings. */
const organizationsIn = ({ Records }: DynamoDBStreamEvent): readonly string[] => [
  ...new Set(Records.flatMap(({ dynamodb }) => dynamodb?.NewImage?.['organization']?.S ?? [])),
];

/**
 * @param integrate brings the log of an organization up to date
 * @returns a handler that fails, so that the stream comes again, if one organization could not be served; the
 * others are served all the same
 */
export function integratingOf(
  integrate: (organization: string) => Promise<unknown>,
  log: Log,
): (event: DynamoDBStreamEvent) => Promise<void> {
  return async (event) => {
    const failures: unknown[] = [];
    for (const organization of organizationsIn(event))
      await integrate(organization).catch((error: unknown) => {
        log.warn('audit round failed', { reason: error instanceof Error ? error.message : '' });
        failures.push(error);
      });
    if (failures.length > 0) throw new AggregateError(failures, 'not every log was integrated');
  };
}
