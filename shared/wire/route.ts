/**
 * What a route is, and what most reads and most changes have in common.
 * @module
 */
import * as z from 'zod';
import type { Scope } from '../registry/statement.ts';

/** Which program serves it: `node1` leads the protocols and reaches Node 2, `api` reads. */
export type Program = 'api' | 'node1';

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Absolute, with `{name}` for a parameter; `{name+}` at the end takes all segments that are left. */
  readonly path: string;
  readonly program: Program;
  /** What the credential needs; `public` routes take unsigned requests. */
  readonly scope: Scope | 'public';
  /** Needs an `Idempotency-Key`. */
  readonly idempotent: boolean;
  /** 0: takes no body. */
  readonly maxBodyBytes: number;
  /** Status of success. */
  readonly status: 200 | 201;
  /** Of an answer that is not JSON. */
  readonly mediaType?: string;
  readonly summary: string;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body: z.ZodType;
  readonly response: z.ZodType;
}

const none = z.strictObject({});
const noBody = z.undefined();

const small = 16_384;
/** A PSBT with the whole previous transaction of each of 64 inputs. */
export const large = 1_048_576;

export const read = {
  method: 'GET',
  program: 'api',
  scope: 'view',
  idempotent: false,
  maxBodyBytes: 0,
  status: 200,
  params: none,
  query: none,
  body: noBody,
} as const;

export const change = {
  method: 'POST',
  program: 'node1',
  idempotent: true,
  maxBodyBytes: small,
  status: 201,
  params: none,
  query: none,
} as const;
