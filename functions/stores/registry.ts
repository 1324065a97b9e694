/**
 * Each node's own copy of the organizations' registries: the signed statements, from which the state is
 * computed anew by the pure function that the other node runs too.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import { found, type Registry } from '#shared/registry/registry.ts';
import type { SignedStatement } from '#shared/registry/statement.ts';
import type { Table } from '../ports.ts';
import { recent } from '../recent.ts';

export interface RegistryStore {
  /** Strongly consistent. @throws {CustodyError} `credential_unknown` if there is no such organization */
  read(organization: string): Promise<Registry>;
  /** Stores a founding statement that was verified. Founding again with the same statement is no change. */
  found(registry: Registry, signed: SignedStatement): Promise<void>;
}

/** Organizations whose computed registries are kept in memory. */
const remembered = 1_000;

export function registryOver(table: Table): RegistryStore {
  // The state is a pure function of the statements that were read; only its computation is saved.
  const compute = recent(remembered, (statement) => found(JSON.parse(statement) as SignedStatement));
  return {
    async read(organization) {
      const item = await table.get({ organization, seq: '0' });
      if (item === undefined) throw new CustodyError('credential_unknown', 'no such credential');
      return compute(item['statement'] as string);
    },
    async found(registry, signed) {
      // The id is the hash of the statement, so whatever stands there already is this very statement.
      await table.put({ organization: registry.organization, seq: '0', statement: JSON.stringify(signed) }, [
        [['organization', 'absent']],
      ]);
    },
  };
}
