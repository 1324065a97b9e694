/**
 * The session id of a call follows from the actor's authorisation, so that its replay record is the record of
 * the authorisation too.
 * @module
 */
import { type Bytes, equalBytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';

/** @throws {CustodyError} `authorisation_mismatch` */
export function requireSession(given: Bytes, expected: Bytes): void {
  if (!equalBytes(given, expected))
    throw new CustodyError('authorisation_mismatch', 'the session is not the one of this authorisation');
}
