/**
 * Creates a node's tables. On AWS the stacks do this, from the same specification.
 * @module
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
} from '@aws-sdk/client-dynamodb';
import { CustodyError } from '#shared/errors.ts';
import { type TableSpec, tables } from '../functions/tables.ts';

/**
 * The local database makes a table usable in two steps, and never takes the second one if it was killed in
 * between. A folder in which the tables were not all made holds nothing yet: it is begun again.
 * @param folder of the account.
 * @returns what to call when all tables are there
 */
export function beginTables(folder: string): () => void {
  const [tables, unfinished] = [join(folder, 'dynamodb'), join(folder, 'dynamodb.unfinished')];
  if (existsSync(unfinished)) rmSync(tables, { recursive: true, force: true });
  else if (!existsSync(tables)) writeFileSync(unfinished, '', { mode: 0o600 });
  return () => rmSync(unfinished, { force: true });
}

/** Creates the tables `<prefix><name>` that do not exist yet, and waits for them. */
export async function createTables(client: DynamoDBClient, prefix: string): Promise<void> {
  await Promise.all(
    Object.entries(tables).map(([name, spec]) => createTable(client, `${prefix}${name}`, spec)),
  );
}

async function createTable(client: DynamoDBClient, TableName: string, spec: TableSpec): Promise<void> {
  const schema = (hash: string, range?: string) => [
    { AttributeName: hash, KeyType: 'HASH' as const },
    ...(range ? [{ AttributeName: range, KeyType: 'RANGE' as const }] : []),
  ];
  const names = [
    spec.hash,
    ...(spec.range ? [spec.range] : []),
    ...(spec.listed ? ['list', 'parent', 'listOrder'] : []),
  ];
  const index = (IndexName: string, attribute: string) => ({
    IndexName,
    KeySchema: schema(attribute, 'listOrder'),
    Projection: { ProjectionType: 'ALL' as const },
  });
  try {
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const })),
        KeySchema: schema(spec.hash, spec.range),
        ...(spec.listed && {
          GlobalSecondaryIndexes: [index('byList', 'list'), index('byParent', 'parent')],
        }),
      }),
    );
  } catch (cause) {
    if (!(cause instanceof ResourceInUseException))
      throw new CustodyError('storage_unavailable', `cannot create table ${TableName}`, { cause });
  }
  for (let tries = 0; ; tries++) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName }));
    if (Table?.TableStatus === 'ACTIVE') return;
    if (tries > 300)
      throw new CustodyError('storage_unavailable', `table ${TableName} does not become active`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(10 * 1.3 ** tries, 200)));
  }
}
