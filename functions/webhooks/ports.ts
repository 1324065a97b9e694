/**
 * What webhooks need of the world.
 * @module
 */
import type { Bytes } from '#shared/bytes.ts';

/** Why an attempt got no answer, or none that counts. */
export type Failure =
  | 'url_refused'
  | 'address_refused'
  | 'name_unknown'
  | 'timeout'
  | 'connection_failed'
  | 'tls_failed'
  | 'redirect_refused'
  | 'status';

/** What came of one attempt. Without `failure` it was answered with 2xx. */
export interface Attempt {
  readonly status?: number;
  readonly failure?: Failure;
  readonly durationMs: number;
  /** First bytes of the answer, printable. */
  readonly response: string;
  /** What the receiver asked for, milliseconds from now. */
  readonly retryAfterMs?: number;
}

/** Posts a message to a URL that a user chose. Never throws: what goes wrong is the outcome. */
export type Courier = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Bytes,
) => Promise<Attempt>;
