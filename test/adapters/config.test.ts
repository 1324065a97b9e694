import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { dynamoClient } from '../../functions/adapters/dynamo.ts';
import { kmsClient } from '../../functions/adapters/kms.ts';
import { tokenKeys } from '../../functions/adapters/token-keys.ts';
import { ConfigError, readNodeConfig, readProgramConfig } from '../../functions/config.ts';

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const identity = publicKey.export({ format: 'der', type: 'spki' }).toString('base64url');

const aws = {
  PLANBOK_NODE: 'node1',
  PLANBOK_TABLE_PREFIX: 'planbok-',
  PLANBOK_SHARE_KEY: 'alias/share',
  PLANBOK_IDENTITY_KEY: 'alias/identity',
  PLANBOK_PEER_IDENTITY: identity,
  PLANBOK_PEER_URL: 'https://node2.example',
  PLANBOK_TLS_DIR: '/tls',
};
const local = {
  ...aws,
  PLANBOK_LOCAL: '1',
  PLANBOK_PEER_URL: 'https://127.0.0.1:7072',
  AWS_ENDPOINT_URL: 'http://127.0.0.1:7073',
  AWS_ACCESS_KEY_ID: 'PLANBOKLOCAL0123456789AB',
  AWS_SECRET_ACCESS_KEY: 'secret-of-the-test',
};

/** What is said of an environment. */
function complaint(env: Record<string, string | undefined>): string {
  try {
    readNodeConfig('node1', env);
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
}

test('a complete environment is read', () => {
  expect(readNodeConfig('node1', aws)).toMatchObject({
    node: 'node1',
    local: false,
    shareKeyId: 'alias/share',
    aws: { region: 'us-east-1' },
    rates: { credential: 600, organization: 3_000 },
  });
  expect(readNodeConfig('node1', aws).peerIdentity).toHaveLength(91);
  expect(readNodeConfig('node1', local)).toMatchObject({ local: true, invitation: undefined });
  expect(readProgramConfig(local)).not.toHaveProperty('shareKeyId');
});

test('the programs of account 1 do not start without the key of tokens', () => {
  expect(() => tokenKeys(readProgramConfig(local))).toThrow('PLANBOK_TOKEN_KEY');
  expect(tokenKeys(readProgramConfig({ ...local, PLANBOK_TOKEN_KEY: 'alias/token' }))).toHaveProperty(
    'decryptDataKey',
  );
});

test('pages that may call: none unless named; on a laptop those of the laptop besides', () => {
  const PLANBOK_ORIGINS = 'https://wallet.example.com,https://a.example:8443';
  const named = ['https://wallet.example.com', 'https://a.example:8443'];
  expect(readProgramConfig(aws).origins).toEqual({ exact: [], local: false });
  expect(readProgramConfig({ ...aws, PLANBOK_ORIGINS }).origins).toEqual({ exact: named, local: false });
  expect(readProgramConfig({ ...local, PLANBOK_ORIGINS }).origins).toEqual({ exact: named, local: true });
  for (const wrong of [
    '*',
    '',
    'null',
    'http://a.example',
    'https://a.example/',
    'https://a.example, https://b.example',
  ])
    expect(complaint({ ...aws, PLANBOK_ORIGINS: wrong })).toContain('PLANBOK_ORIGINS: must be origins');
});

test('a bucket for the audit log: with the time that its files are held, and no folder beside it', () => {
  const held = { PLANBOK_AUDIT_BUCKET: 'planbok-audit', PLANBOK_AUDIT_RETENTION_DAYS: '3650' };
  expect(readProgramConfig(aws).auditBucket).toBeUndefined();
  const { auditBucket } = readProgramConfig({ ...aws, ...held });
  expect(auditBucket).toMatchObject({ bucket: 'planbok-audit', retentionMs: 3_650 * 86_400_000 });
  expect(auditBucket?.aws).not.toHaveProperty('endpoint');
  const AWS_ENDPOINT_URL_S3 = 'http://127.0.0.1:9000';
  expect(readProgramConfig({ ...local, ...held }).auditBucket?.aws.endpoint).toBe(local.AWS_ENDPOINT_URL);
  const other = readProgramConfig({ ...local, ...held, AWS_ENDPOINT_URL_S3 });
  expect([other.auditBucket?.aws.endpoint, other.aws.endpoint]).toEqual([
    AWS_ENDPOINT_URL_S3,
    local.AWS_ENDPOINT_URL,
  ]);
  for (const [more, words] of [
    [{ PLANBOK_AUDIT_RETENTION_DAYS: undefined }, 'PLANBOK_AUDIT_RETENTION_DAYS'],
    [{ PLANBOK_AUDIT_RETENTION_DAYS: '0' }, 'must be days'],
    [{ PLANBOK_AUDIT_BUCKET: 'Not_A_Bucket' }, 'must be the name of a bucket'],
    [{ PLANBOK_AUDIT_DIR: '/audit' }, 'not both'],
    [{ AWS_ENDPOINT_URL_S3: 'https://s3.example' }, 'loopback'],
  ] as const)
    expect(complaint({ ...local, ...held, ...more })).toContain(words);
  expect(complaint({ ...aws, AWS_ENDPOINT_URL_S3 })).toContain('PLANBOK_LOCAL');
});

test('everything that is missing is named at once, and no value is', () => {
  const text = complaint({ PLANBOK_LOCAL: '1', PLANBOK_PEER_IDENTITY: 'a-secret' });
  for (const name of ['PLANBOK_NODE', 'PLANBOK_SHARE_KEY', 'PLANBOK_PEER_IDENTITY', 'PLANBOK_TLS_DIR'])
    expect(text).toContain(name);
  expect(text).not.toContain('a-secret');
});

test.each([
  ['another node', { PLANBOK_NODE: 'node2' }, 'PLANBOK_NODE says node2'],
  ['no peer', { PLANBOK_PEER_URL: undefined }, 'PLANBOK_PEER_URL'],
  ['a peer without TLS', { PLANBOK_PEER_URL: 'http://127.0.0.1:1' }, 'PLANBOK_PEER_URL'],
  ['a peer that is far away', { PLANBOK_PEER_URL: 'https://node2.example' }, 'loopback'],
  ['no endpoint', { AWS_ENDPOINT_URL: undefined }, 'AWS_ENDPOINT_URL'],
  ['real AWS', { AWS_ENDPOINT_URL: 'https://kms.us-east-1.amazonaws.com' }, 'loopback'],
  ['a name that only begins like loopback', { AWS_ENDPOINT_URL: 'http://127.0.0.1.example' }, 'loopback'],
  ['a name before the real one', { AWS_ENDPOINT_URL: 'http://localhost@evil.example' }, 'loopback'],
  ['credentials that look real', { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE' }, 'credentials'],
  ['no credentials', { AWS_ACCESS_KEY_ID: undefined }, 'credentials'],
  ['an endpoint away from local mode', { PLANBOK_LOCAL: undefined }, 'PLANBOK_LOCAL'],
  ['an identity of another kind', { PLANBOK_PEER_IDENTITY: 'AAAA' }, 'P-256'],
  ['no rate', { PLANBOK_RATE_CREDENTIAL: '0' }, 'requests per minute'],
])('%s: the program does not start', (_, change, words) => {
  const text = complaint({ ...local, ...change });
  expect(text).toContain(words);
  expect(text).not.toContain(local.AWS_SECRET_ACCESS_KEY);
});

describe('in local mode', () => {
  test('every AWS client resolves to loopback', async () => {
    const { aws: options } = readNodeConfig('node1', local);
    for (const client of [dynamoClient(options), kmsClient(options)]) {
      const endpoint = await client.config.endpoint?.();
      expect(endpoint).toMatchObject({ protocol: 'http:', hostname: '127.0.0.1', port: 7073 });
    }
  });
});

test('away from local mode founding needs an invitation, and without one nobody founds', () => {
  expect(readNodeConfig('node1', aws).invitation).toBe('0'.repeat(64));
  const hash = 'ab'.repeat(32);
  expect(readNodeConfig('node1', { ...aws, PLANBOK_INVITATION: hash }).invitation).toBe(hash);
  expect(complaint({ ...aws, PLANBOK_INVITATION: 'token itself' })).toContain('SHA-256');
});
