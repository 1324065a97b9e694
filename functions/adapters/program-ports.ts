/**
 * The ports that every program has: tables, time, randomness, a log. Reads need no more.
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { ProgramConfig } from '../config.ts';
import type { Clock, Log, Random, Tables } from '../ports.ts';
import { dynamoClient, dynamoTables } from './dynamo.ts';
import { powertoolsLog } from './log.ts';

export interface ProgramPorts {
  readonly tables: Tables;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What every program starts from: no key, no way to the other node. */
export const programPorts = (config: ProgramConfig, name: string): ProgramPorts => ({
  tables: dynamoTables(dynamoClient(config.aws), config.tablePrefix),
  clock: Date.now,
  random: (n) => new Uint8Array(randomBytes(n)),
  log: powertoolsLog(name),
});
