/**
 * The log port over Powertools: one JSON object a line, ids and codes only.
 * @module
 */
import { Logger } from '@aws-lambda-powertools/logger';
import type { Log } from '../ports.ts';

export function powertoolsLog(serviceName: string): Log {
  const logger = new Logger({ serviceName });
  return {
    info: (message, fields = {}) => logger.info(message, { ...fields }),
    warn: (message, fields = {}) => logger.warn(message, { ...fields }),
    // The alarm is a metric filter on this member.
    alarm: (message, fields = {}) => logger.error(message, { ...fields, alarm: 'true' }),
  };
}
