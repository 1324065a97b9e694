/**
 * What a route is, and what most reads and most changes have in common.
 * @module
 */
import * as z from 'zod';
import type { ErrorCode } from '../errors.ts';
import type { Act } from '../registry/roles.ts';
import type { Scope } from '../registry/statement.ts';

/** Which program serves it: `node1` leads the protocols and reaches Node 2, `api` reads. */
export type Program = 'api' | 'node1';

/**
 * Where a credential needs the scope of a route: on every wallet set (what concerns the organization), on any
 * one (lists, which show what may be seen), on that of the thing that is asked about; `none` on public routes.
 */
export type Reach = 'every' | 'some' | 'one' | 'none';

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Absolute, with `{name}` for a parameter; `{name+}` at the end takes all segments that are left. */
  readonly path: string;
  readonly program: Program;
  /** What the credential needs; `public` routes take unsigned requests. */
  readonly scope: Scope | 'public';
  /** The rest of the route's rule. No default: a route without a rule does not compile. */
  readonly on: Reach;
  /** Needs a request signature: by a registered credential, or by the key that founds. */
  readonly signed: boolean;
  /** It is recorded in the audit log, and by whom it was asked for in vain. */
  readonly changes: boolean;
  /** Besides: for the roles of this act alone. */
  readonly act?: Act;
  /** Needs an `Idempotency-Key`. */
  readonly idempotent: boolean;
  /** 0: takes no body. */
  readonly maxBodyBytes: number;
  /** Status of success. */
  readonly status: 200 | 201;
  /** Of answers that are not JSON. */
  readonly mediaTypes?: readonly string[];
  /** Codes it may answer with beyond those that its form brings along (errors-of.ts). */
  readonly errors: readonly ErrorCode[];
  readonly summary: string;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body: z.ZodType;
  readonly response: z.ZodType;
  /** Answer with status 202, when others have to say yes first. */
  readonly pending?: z.ZodType;
}

/** Does the route only read, for whoever may view? Such a read may carry a bearer token instead of a signature. */
export const takesBearer = ({ scope, changes, act }: Route): boolean =>
  scope === 'view' && !changes && act === undefined;

const none = z.strictObject({});
const noBody = z.undefined();

const small = 16_384;
/** A PSBT with the whole previous transaction of each of 64 inputs. */
export const large = 1_048_576;

export const read = {
  method: 'GET',
  program: 'api',
  scope: 'view',
  signed: true,
  changes: false,
  errors: [],
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
  signed: true,
  changes: true,
  errors: [],
  idempotent: true,
  maxBodyBytes: small,
  status: 201,
  params: none,
  query: none,
} as const;

/** For everybody: takes unsigned requests. */
export const open = { scope: 'public', on: 'none', signed: false } as const;
/** Takes something away: no body, and nothing more happens when it is repeated. */
export const removal = { ...change, method: 'DELETE', maxBodyBytes: 0, status: 200, body: noBody } as const;
