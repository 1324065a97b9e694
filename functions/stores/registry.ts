/**
 * Each node's own copy of the organizations' registries: the signed statements, one item each, from which the
 * state is computed by the pure function that the other node runs too. A statement is committed when its
 * number is taken; a snapshot of the state is kept only to save the computation.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import type { LaterStatement } from '#shared/registry/kinds.ts';
import { reduce, type SignedLater } from '#shared/registry/reduce.ts';
import { decodeRegistry, encodeRegistry, found, headOf, type Registry } from '#shared/registry/registry.ts';
import type { FoundingStatement, SignedStatement, Verify } from '#shared/registry/statement.ts';
import type { Item, Table } from '../ports.ts';

export type AnyStatement = SignedStatement<FoundingStatement | LaterStatement>;

export interface RegistryStore {
  /** Strongly consistent. @throws {CustodyError} `credential_unknown` if there is no such organization */
  read(organization: string): Promise<Registry>;
  /** Stores a founding statement that was verified. Founding again with the same statement is no change. */
  found(registry: Registry, signed: SignedStatement): Promise<void>;
  /**
   * Commits the statement that leads to this state: of all that want the same number one does. Committing
   * the same statement again is no change, and false. @throws {CustodyError} `statement_conflict`
   */
  append(after: Registry, signed: SignedLater): Promise<boolean>;
  /** Statements by number, from one on, at most `limit`. */
  log(organization: string, from: number, limit: number): Promise<readonly AnyStatement[]>;
}

/** Organizations whose states are kept in memory. */
const remembered = 1_000;
/** A snapshot is stored whenever this many statements came after the last one. */
const snapshotEvery = 20;

export function registryOver(table: Table, verify: Verify): RegistryStore {
  const states = new Map<string, Registry>();
  const statementAt = async (organization: string, seq: number): Promise<AnyStatement | undefined> => {
    const item = await table.get({ organization, seq: String(seq) });
    return item && (JSON.parse(item['statement'] as string) as AnyStatement);
  };
  /** Where to go on from: the state in memory, a snapshot, or the founding statement. */
  const known = async (organization: string): Promise<Registry> => {
    const state = states.get(organization);
    if (state !== undefined) return state;
    const snapshot = await table.get({ organization, seq: 'snapshot' });
    if (snapshot !== undefined) return decodeRegistry(snapshot['state'] as string);
    const founding = await statementAt(organization, 0);
    if (founding === undefined) throw new CustodyError('credential_unknown', 'no such credential');
    return found(founding as SignedStatement, verify);
  };
  const keep = (state: Registry): Registry => {
    if (states.size >= remembered) states.clear();
    states.set(state.organization, state);
    return state;
  };
  return {
    async read(organization) {
      let state = await known(organization);
      for (;;) {
        // Consistent: that there is no next statement is true now.
        const next = await statementAt(organization, Number(state.seq) + 1);
        if (next === undefined) return keep(state);
        state = reduce(state, next as SignedLater, { verify });
      }
    },
    async found({ organization }, signed) {
      // The id is the hash of the statement, so whatever stands there already is this very statement.
      await table.put(itemOf(organization, '0', signed), [[['organization', 'absent']]]);
    },
    async append(after, signed) {
      const { organization, seq, head } = after;
      const fresh = await table.put(itemOf(organization, seq, signed), [[['organization', 'absent']]]);
      if (!fresh) {
        const standing = await statementAt(organization, Number(seq));
        if (standing === undefined || headOf(standing.statement) !== head)
          throw new CustodyError('statement_conflict', 'another statement came first');
      }
      keep(after);
      if (Number(seq) % snapshotEvery !== 0) return fresh;
      const snapshot = { organization, seq: 'snapshot', number: Number(seq), state: encodeRegistry(after) };
      await table.put(snapshot, [[['organization', 'absent']], [['number', '<', Number(seq)]]]);
      return fresh;
    },
    async log(organization, from, limit) {
      const numbers = Array.from({ length: limit }, (_, i) => from + i);
      const found = await Promise.all(numbers.map((seq) => statementAt(organization, seq)));
      const end = found.indexOf(undefined);
      return (end < 0 ? found : found.slice(0, end)) as AnyStatement[];
    },
  };
}

const itemOf = (organization: string, seq: string, signed: AnyStatement): Item => ({
  organization,
  seq,
  statement: JSON.stringify(signed),
});
