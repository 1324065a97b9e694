import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { dynamoClient, dynamoTables } from '../../functions/adapters/dynamo.ts';
import { writeOnceTable } from '../../functions/adapters/write-once-table.ts';
import type { Table } from '../../functions/ports.ts';
import { createTables } from '../../local/tables.ts';
import { startTestAccount, type TestAccount } from '../support/local-aws.ts';
import { exportFiles, verifyFiles } from './exports.ts';
import { auditPair, exportOf, facts, organization, slow } from './support.ts';

let account: TestAccount;
let table: Table;
beforeAll(async () => {
  account = await startTestAccount();
  const client = dynamoClient(account.options);
  await createTables(client, 'audit-');
  // Of the same keys and indices as a table of its own.
  table = dynamoTables(client, 'audit-').resources;
}, 30_000);
afterAll(() => account.close());

test('32 writers over DynamoDB, one sequencer beside them: an export that verifies', async () => {
  const { node1, node2 } = await auditPair({ node1: { table, files: writeOnceTable(table) } });
  const perWriter = slow ? 200 : 15;
  const sequencer = node1.sequencer();
  await node2.auditor.append(organization, facts({ operation: '' }));
  await node2.sequencer().drain(node2.log);
  const from = performance.now();
  let writing = true;
  const sequencing = (async () => {
    while (writing) {
      await sequencer.pass(node1.log);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await sequencer.drain(node1.log);
  })();
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (let i = 0; i < perWriter; i++)
        await node1.auditor.append(organization, facts({ operation: '', phase: 'denied' }));
    }),
  );
  const appended = (performance.now() - from) / 1_000;
  writing = false;
  await sequencing;
  const seconds = (performance.now() - from) / 1_000;
  const n = 32 * perWriter;
  process.stdout.write(
    `audit on dynalite: ${Math.round(n / appended)} appends/s, ${Math.round(n / seconds)}/s with integration\n`,
  );
  const exported = exportFiles({ node1: await exportOf(node1), node2: await exportOf(node2) });
  const identities = { node1: node1.identity, node2: node2.identity };
  const { findings, logs } = await verifyFiles(exported, { organization, identities });
  expect(findings).toEqual([]);
  expect(logs[0]?.size).toBe(n);
}, 300_000);
