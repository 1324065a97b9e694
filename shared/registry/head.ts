/**
 * The log as a whole: checking one from its founding statement, what a node says of its head, and stating
 * something on the newest head, again if somebody else came first.
 * @module
 */
import { type Bytes, toBase64url } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import type { Content, LaterStatement, Statement } from './kinds.ts';
import { preview, type ReduceOptions, reduce, type SignedLater } from './reduce.ts';
import { found, headOf, type Registry } from './registry.ts';
import type { SignedStatement } from './statement.ts';

/** A head that somebody has seen before. */
export interface KnownHead {
  readonly head: string;
  /** Decimal. */
  readonly seq: string;
}

/**
 * Computes everything from the founding statement.
 * @param known a head seen before, which the log must still have: logs only grow
 * @throws {CustodyError} what {@link reduce} throws, with the number of the statement
 */
export function checkLog(
  log: readonly SignedStatement<Statement>[],
  { known, ...options }: ReduceOptions & { readonly known?: KnownHead | undefined } = {},
): Registry {
  const [founding, ...later] = log;
  if (founding === undefined) throw new CustodyError('statement_refused', 'the log is empty');
  const seen = known && log[Number(known.seq)];
  if (known && (seen === undefined || headOf(seen.statement) !== known.head))
    throw new CustodyError(
      'statement_refused',
      `the log does not have the head known as number ${known.seq}`,
    );
  let registry = found(founding as SignedStatement, options.verify);
  for (const [i, signed] of later.entries()) {
    try {
      registry = reduce(registry, signed as SignedLater, options);
    } catch (cause) {
      if (!(cause instanceof CustodyError)) throw cause;
      const { code, message, problems } = cause;
      throw new CustodyError(code, `statement ${i + 1}: ${message}`, { cause, problems });
    }
  }
  return registry;
}

/** Node 2's word that it committed a statement; to be attested (shared/crypto/attestation.ts). */
export const headReceipt = (
  { organization, head, seq }: Pick<Registry, 'organization' | 'head' | 'seq'>,
  nowMs: number,
) =>
  ({
    type: 'planbok/head-receipt/v1',
    node: 'node2',
    issued: String(nowMs),
    organization,
    head,
    seq,
  }) as const;

/** Is an opened receipt for exactly this state? One without a number is for the founding statement. */
export const isReceiptFor = (
  receipt: {
    readonly type: string;
    readonly organization: string;
    readonly head: string;
    readonly seq?: string | undefined;
  },
  { organization, head, seq }: Pick<Registry, 'organization' | 'head' | 'seq'>,
): boolean =>
  receipt.type === 'planbok/head-receipt/v1' &&
  receipt.organization === organization &&
  receipt.head === head &&
  (receipt.seq ?? '0') === seq;

interface When {
  readonly nowMs: number;
  /** 16 random bytes. */
  readonly nonce: Bytes;
}

/** The next statement of an actor, to be signed over `statementBytes`. */
export const draft = <C extends Content>(
  { organization, seq, last, time }: Pick<Registry, 'organization' | 'seq' | 'last' | 'time'>,
  actor: string,
  content: C,
  { nowMs, nonce }: When,
) => ({
  ...content,
  type: 'planbok/statement/v1' as const,
  organization,
  seq: String(Number(seq) + 1),
  previous: last,
  actor,
  // A clock that is a little behind must not make the log run backwards.
  created: new Date(Math.max(nowMs, Date.parse(time))).toISOString(),
  nonce: toBase64url(nonce),
});

/**
 * What an actor wanted to state, on a newer head. It has to be signed again, by cosigners too.
 * @throws {CustodyError} as {@link reduce}, if it is not possible any more
 */
export function rebase(
  registry: Registry,
  statement: LaterStatement,
  when: When,
  cosigners: readonly string[] = [],
): LaterStatement {
  const { type, organization, seq, previous, actor, created, nonce, ...content } = statement;
  if (organization !== registry.organization)
    throw new CustodyError('statement_refused', 'the statement is for another organization');
  const again = draft(registry, actor, content as Content, when) as LaterStatement;
  preview(registry, again, cosigners);
  return again;
}
