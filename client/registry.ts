/**
 * The organization's registry, kept here: computed from its signed statements, from the founding one on, whose
 * hash is the organization's id. Neither node is asked what it says; a log that lost what was seen of it is
 * refused. Statements are made here too: on the newest head, tried out before anybody is asked.
 * @module
 */
import { type Bytes, toBase64url, utf8 } from '../shared/bytes.ts';
import { checkLog, draft, type KnownHead, rebase } from '../shared/registry/head.ts';
import type { Content, LaterStatement, Statement } from '../shared/registry/kinds.ts';
import { preview, reduce, type SignedLater } from '../shared/registry/reduce.ts';
import type { Registry } from '../shared/registry/registry.ts';
import { type SignedStatement, statementBytes } from '../shared/registry/statement.ts';
import { type Answer, pathOf, routes } from '../shared/wire/routes.ts';
import type { Identities } from './address-proof.ts';
import { locally, PlanbokError } from './errors.ts';
import { exchange } from './http.ts';
import { checkReceipt } from './receipt.ts';
import { assertSigns, type Line, read, repeating, type Session } from './session.ts';

/** A statement that counts: Node 2's receipt for it was checked. */
export type Stated = Answer<'createStatement'>;

/** Somebody else who signs the same statement. */
export interface Cosigner {
  /** A credential's id; `entity` and `previous_entity` for the keys of the Organization Secret. */
  readonly by: string;
  sign(message: Bytes): Promise<Bytes>;
}

export interface RegistryClient {
  /** The registry as of the newest statement, fetched and checked. @throws {PlanbokError} `registry_invalid` */
  refresh(): Promise<Registry>;
  /** The newest head that was seen: keep it, and give it as `known` the next time. */
  newest(): KnownHead;
  /**
   * States something with this credential; again on a newer head, if somebody else came first.
   * @throws {PlanbokError} what the reducer refuses, before anything is sent; `statement_conflict` if others
   * keep coming first; `proof_invalid` without Node 2's receipt: it may have been committed all the same
   */
  state(content: Content, cosigners?: readonly Cosigner[]): Promise<Stated>;
}

/** How often a statement is made again because another one came first. */
const mostConflicts = 5;
/** Statements of one page. */
const pageSize = 100;

export function registryOf(session: Session, identities: Identities): RegistryClient {
  const { organization, seen } = session;
  let registry: Registry | undefined;

  function keep(newer: Registry): Registry {
    registry = newer;
    seen.newest = { head: newer.head, seq: newer.seq };
    return newer;
  }

  async function refresh(): Promise<Registry> {
    const { log, head, seq } = await fetchSince(
      session,
      registry === undefined ? 0 : Number(registry.seq) + 1,
    );
    const next = believed(() => replayed(registry, log, seen.newest));
    if (next.organization !== organization) throw invalid(`the log is of ${next.organization}`);
    if (next.seq !== seq || next.head !== head)
      throw invalid(`the log is said to end at number ${seq}, not at ${next.seq} as computed here`);
    return keep(next);
  }

  async function state(content: Content, cosigners: readonly Cosigner[]): Promise<Stated> {
    assertSigns(session);
    const { signer } = session;
    const [, actor = ''] = signer.keyId.split('/');
    const names = cosigners.map(({ by }) => by);
    const when = () => ({ nowMs: session.now(), nonce: session.random(16) });
    let base = await refresh();
    let statement = draft(base, actor, content, when()) as LaterStatement;
    for (let conflicts = 0; ; conflicts++) {
      const after = locally(() => preview(base, statement, names));
      const message = statementBytes(statement);
      const signature = toBase64url(await signer.sign(message));
      const cosignatures = await Promise.all(
        cosigners.map(async ({ by, sign }) => ({ by, signature: toBase64url(await sign(message)) })),
      );
      const signed = { statement, signature, ...(cosignatures.length > 0 && { cosignatures }) };
      try {
        const stated = await submit(session, identities, signed, after);
        keep(after);
        return stated;
      } catch (error) {
        const conflict = error instanceof PlanbokError && error.code === 'statement_conflict';
        if (!conflict || conflicts >= mostConflicts) throw error;
      }
      base = await refresh();
      const [newest, lost] = [base, statement];
      statement = locally(() => rebase(newest, lost, when(), names));
    }
  }

  // One after the other: statements of one client need not conflict, and a log is not replayed twice.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(run: () => Promise<T>): Promise<T> => {
    const mine = turn.then(run, run);
    turn = mine.catch(() => {});
    return mine;
  };
  return {
    refresh: () => inTurn(refresh),
    newest: () => seen.newest,
    state: (content, cosigners = []) => inTurn(() => state(content, cosigners)),
  };
}

/**
 * Sends a signed statement and checks Node 2's receipt for it. Repeated, it is the same statement.
 * @param after what the registry is with it
 * @throws {PlanbokError}
 */
export async function submit(
  line: Line,
  identities: Identities,
  signed: SignedLater,
  after: Pick<Registry, 'organization' | 'head' | 'seq'>,
): Promise<Stated> {
  const { method } = routes.createStatement;
  const body = utf8(JSON.stringify(signed));
  const request = { method, path: pathOf('createStatement'), query: '?', idempotencyKey: '', body };
  const stated = await repeating(line, () => exchange(line, 'createStatement', request));
  checkReceipt(stated.receipt, identities, after);
  if (stated.head !== after.head || stated.seq !== after.seq)
    throw new PlanbokError('result_invalid', 'the answer is for another statement');
  return stated;
}

const invalid = (message: string, cause?: unknown): PlanbokError =>
  new PlanbokError('registry_invalid', message, cause === undefined ? {} : { cause });

/** What of a log does not hold is no fault of a request. */
function believed<T>(run: () => T): T {
  try {
    return locally(run);
  } catch (error) {
    if (!(error instanceof PlanbokError)) throw error;
    throw invalid(error.message, error);
  }
}

function replayed(
  registry: Registry | undefined,
  log: readonly SignedStatement<Statement>[],
  known: KnownHead,
): Registry {
  if (registry === undefined) return checkLog(log, { known });
  return log.reduce((before, signed) => reduce(before, signed as SignedLater), registry);
}

/** All statements from a number on, and what the server says their end is. */
async function fetchSince(session: Session, from: number) {
  const log: SignedStatement<Statement>[] = [];
  for (;;) {
    const query = { from: from + log.length, limit: pageSize };
    const { data, head, seq } = await read(session, 'listStatements', { query });
    log.push(...(data as unknown as SignedStatement<Statement>[]));
    if (data.length === 0 || from + log.length > Number(seq)) return { log, head, seq };
  }
}
