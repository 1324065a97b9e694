import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { kmsClient } from '../../functions/adapters/kms.ts';
import { peerTrust, verifyPeerCertificate } from '../../functions/adapters/peer-certificate.ts';
import { keepCertificates } from '../../local/certificates.ts';
import { ensureKeys } from '../../local/keys.ts';
import { startTestAccount, type TestAccount } from '../support/local-aws.ts';

const hour = 3_600_000;
let account: TestAccount;
const folder = mkdtempSync(join(tmpdir(), 'planbok-certificates-'));

beforeAll(async () => {
  account = await startTestAccount();
});
afterAll(async () => {
  await account.close();
  rmSync(folder, { recursive: true });
});

const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const certificateOf = (own: string) => own.slice(own.indexOf('-----BEGIN CERTIFICATE'));
const spkiOf = (pem: string) => new X509Certificate(pem).publicKey.export({ format: 'pem', type: 'spki' });

test('the authority in KMS is made once, and its leaves and lists are renewed after two thirds of their life', async () => {
  const kms = kmsClient(account.options);
  const { authorityKeyId: keyId } = await ensureKeys(kms, 'test');
  let time = Date.now();
  const options = { kms, keyId, node: 'node1', folder, everyMs: 10, now: () => time } as const;
  const first = await keepCertificates(options);
  const [ca, own] = [read('ca.pem'), read('own.pem')];
  const check = async (atMs: number) => {
    const trust = await peerTrust('node1', read('ca.pem'), read('crl.pem'));
    return verifyPeerCertificate(trust, certificateOf(read('own.pem')), 'client', atMs);
  };
  expect(await check(time)).toHaveLength(32);
  await expect(check(time + 24 * hour)).rejects.toThrow();

  time += 15 * hour;
  await new Promise((done) => setTimeout(done, 60));
  expect(read('own.pem')).toBe(own);
  time += hour;
  for (let tries = 0; read('own.pem') === own && tries < 100; tries++)
    await new Promise((done) => setTimeout(done, 20));
  expect(read('own.pem')).not.toBe(own);
  // The key stays for the run, so that envelopes that name it stay true.
  expect(spkiOf(certificateOf(read('own.pem')))).toBe(spkiOf(certificateOf(own)));
  expect(await check(time + 22 * hour)).toHaveLength(32);
  first.stop();

  const second = await keepCertificates(options);
  second.stop();
  expect(read('ca.pem')).toBe(ca);
  expect(spkiOf(certificateOf(read('own.pem')))).not.toBe(spkiOf(certificateOf(own)));
  expect(await check(time)).toHaveLength(32);

  const { authorityKeyId: another } = await ensureKeys(kms, 'another');
  await expect(keepCertificates({ ...options, keyId: another })).rejects.toThrow('npm run reset');
  kms.destroy();
});

test('no private key but the leaf’s is in the folder, and nobody else can read it', () => {
  expect(read('own.pem').match(/PRIVATE KEY-----\n[^-]/g)).toHaveLength(1);
  expect(read('ca.pem') + read('crl.pem')).not.toContain('PRIVATE');
  expect(statSync(join(folder, 'own.pem')).mode & 0o077).toBe(0);
});
