/**
 * A local account for a test: DynamoDB in memory, keys in a folder of its own, both behind one port.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AwsOptions } from '../../functions/adapters/aws.ts';
import { startLocalAws } from '../../local/aws.ts';

export interface TestAccount {
  readonly options: AwsOptions & { readonly endpoint: string };
  readonly folder: string;
  close(): Promise<void>;
}

export const testCredential = (account: string) => ({
  accessKeyId: `PLANBOKLOCAL${account}`,
  secretAccessKey: `secret of ${account}`,
});

export async function startTestAccount(account = '000000000001'): Promise<TestAccount> {
  const folder = mkdtempSync(join(tmpdir(), 'planbok-test-'));
  const credential = testCredential(account);
  const aws = await startLocalAws({ folder, account, credential, port: 0, inMemory: true });
  return {
    options: { region: 'us-east-1', endpoint: aws.endpoint, credentials: credential, timeoutMs: 5_000 },
    folder,
    async close() {
      await aws.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
