/**
 * One account: its DynamoDB and KMS (or the emulator that was asked for), its tables and keys, its
 * certificates. The only process that can read the account's key file.
 * @module
 */
import { join } from 'node:path';
import { toBase64url } from '#shared/bytes.ts';
import type { AwsOptions } from '../../functions/adapters/aws.ts';
import { dynamoClient, dynamoTables } from '../../functions/adapters/dynamo.ts';
import { kmsClient, kmsEncryptionKey, kmsKeyService } from '../../functions/adapters/kms.ts';
import { startLocalAws } from '../aws.ts';
import { keepCertificates } from '../certificates.ts';
import { ensureKeys, type NodeKeys } from '../keys.ts';
import { beginTables, createTables } from '../tables.ts';
import { runChild, setting } from './child.ts';

/** Runs one step against the emulator, and says what it lacks if it fails. */
async function needs<T>(what: string, endpoint: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`the AWS at ${endpoint} lacks what planbok needs: ${what} (${reason})`, { cause });
  }
}

/** Tries each kind of call that the nodes rely on once, so that a gap shows now and not in a signature. */
async function prove(
  options: AwsOptions & { endpoint: string },
  prefix: string,
  keys: NodeKeys,
): Promise<string> {
  const { endpoint } = options;
  const { counters } = dynamoTables(dynamoClient(options), prefix);
  await needs('conditional UpdateItem that returns ALL_OLD', endpoint, async () => {
    const counter = 'start/probe';
    const once = await counters.update({ counter }, { add: { n: 1 } });
    const refused = await counters.update({ counter }, { add: { n: 1 } }, [[['n', '<', 0]]]);
    if (refused !== null || Number(once?.after['n']) < 1) throw new Error('conditions are not honoured');
    await counters.delete({ counter });
  });
  const client = kmsClient(options);
  const service = kmsKeyService(client, keys);
  await needs('data keys bound to an encryption context', endpoint, async () => {
    const { key, wrapped } = await service.generateDataKey({ purpose: 'probe' });
    const again = await service.decryptDataKey(wrapped, { purpose: 'probe' });
    if (toBase64url(key) !== toBase64url(again)) throw new Error('another key came back');
    const opened = await service.decryptDataKey(wrapped, { purpose: 'another' }).catch(() => undefined);
    if (opened) throw new Error('the context is not honoured');
  });
  const { encryptionKeyId } = keys;
  if (encryptionKeyId !== undefined)
    await needs('DeriveSharedSecret with P-256', endpoint, async () => {
      const encryption = kmsEncryptionKey(client, encryptionKeyId);
      const secret = await encryption.deriveSharedSecret(await encryption.publicKey());
      if (secret.length !== 32) throw new Error('the secret does not have 32 bytes');
    });
  return needs('Sign and GetPublicKey with P-256', endpoint, async () => {
    await service.signIdentity(new Uint8Array(32));
    return toBase64url(await service.identity());
  });
}

runChild(async () => {
  const node = setting('PLANBOK_NODE') as 'node1' | 'node2';
  const folder = setting('PLANBOK_FOLDER');
  const credentials = {
    accessKeyId: setting('AWS_ACCESS_KEY_ID'),
    secretAccessKey: setting('AWS_SECRET_ACCESS_KEY'),
  };
  const given = process.env['AWS_ENDPOINT_URL'];
  const account = node === 'node1' ? '000000000001' : '000000000002';
  const tablesMade = given ? () => {} : beginTables(folder);
  const aws = given ? undefined : await startLocalAws({ folder, account, credential: credentials, port: 0 });
  const endpoint = given ?? aws?.endpoint ?? '';
  const options = { region: 'us-east-1', endpoint, credentials, timeoutMs: 10_000 };
  const kms = kmsClient(options);
  const prefix = `planbok-${node}-`;
  const [keys] = await Promise.all([
    needs('DescribeKey, CreateKey, CreateAlias', endpoint, () =>
      ensureKeys(kms, `planbok-${node}`, node === 'node1'),
    ),
    needs('CreateTable with two indices', endpoint, () => createTables(dynamoClient(options), prefix)),
  ]);
  tablesMade();
  const identity = await prove(options, prefix, keys);
  const certificates = await keepCertificates({
    kms,
    keyId: keys.authorityKeyId,
    node,
    folder: join(folder, 'tls'),
  });
  return {
    tells: {
      endpoint,
      prefix,
      identity,
      shareKeyId: keys.shareKeyId,
      identityKeyId: keys.identityKeyId,
      ...(keys.tokenKeyId !== undefined && { tokenKeyId: keys.tokenKeyId }),
      ...(keys.encryptionKeyId !== undefined && { encryptionKeyId: keys.encryptionKeyId }),
    },
    async stop() {
      certificates.stop();
      await aws?.close();
    },
  };
});
