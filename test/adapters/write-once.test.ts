/**
 * Write-once files: one suite for folders, tables and locked buckets; and what a locked bucket has to say besides.
 * With AWS_ENDPOINT_URL_S3 and PLANBOK_TEST_BUCKET (a bucket with Object Lock) the suite runs there, too. Nothing
 * of what it writes can be deleted for a day.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { memoryTable } from '../../functions/adapters/memory.ts';
import { writeOnceFiles } from '../../functions/adapters/write-once-files.ts';
import { s3Client, writeOnceS3 } from '../../functions/adapters/write-once-s3.ts';
import { writeOnceTable } from '../../functions/adapters/write-once-table.ts';
import type { WriteOnce } from '../../functions/audit/ports.ts';
import { tables } from '../../functions/tables.ts';
import { utf8 } from '../../shared/bytes.ts';
import { auditPair, facts, organization, random } from '../audit/support.ts';
import { type FakeS3, fakeS3 } from '../support/fake-s3.ts';

const day = 86_400_000;
const credentials = { accessKeyId: 'PLANBOKLOCAL0123456789AB', secretAccessKey: 'x' };
const cleaning: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const clean of cleaning) await clean();
});

const clientOf = (endpoint: string) =>
  s3Client({ region: 'us-east-1', endpoint, credentials, timeoutMs: 5_000 });
const bucket = { bucket: 'audit', retentionMs: 30 * day };

const kinds: Record<string, () => Promise<WriteOnce>> = {
  'a folder': async () => {
    const folder = await mkdtemp(join(tmpdir(), 'planbok-write-once-'));
    cleaning.push(() => rm(folder, { recursive: true, force: true }));
    return writeOnceFiles(folder);
  },
  'a table': async () => writeOnceTable(memoryTable(tables.audit)),
  'a bucket': async () => {
    const s3 = await fakeS3();
    cleaning.push(s3.close);
    return writeOnceS3(clientOf(s3.endpoint), bucket, Date.now);
  },
};
const {
  AWS_ENDPOINT_URL_S3: given,
  PLANBOK_TEST_BUCKET: named,
  AWS_REGION: region = 'us-east-1',
} = process.env;
if (given !== undefined && named !== undefined)
  kinds[`the bucket at ${given}`] = async () =>
    // With the credentials of the environment.
    writeOnceS3(
      s3Client({ region, endpoint: given, timeoutMs: 30_000 }),
      { bucket: named, retentionMs: day },
      Date.now,
    );

describe.each(Object.entries(kinds))('%s', (_, make) => {
  let files: WriteOnce;
  let prefix: string;
  beforeEach(async () => {
    files = await make();
    prefix = `planbok.node1/${Buffer.from(random(8)).toString('hex')}`;
  });

  test('keeps the first file of a name, byte for byte', async () => {
    const name = `${prefix}/tile/0/x001/000`;
    expect(await files.get(name)).toBeUndefined();
    expect(await files.put(name, utf8('first'))).toBe(true);
    expect(await files.put(name, utf8('first'))).toBe(false);
    expect(await files.put(name, utf8('second'))).toBe(false);
    expect(await files.get(name)).toEqual(utf8('first'));
    expect(await files.get(`${prefix}/tile/0/x001/001`)).toBeUndefined();
  });

  test('of any size that a log has, also none', async () => {
    for (const size of [0, 1, 8_192, 307_200]) {
      const bytes = random(size);
      expect(await files.put(`${prefix}/${size}`, bytes)).toBe(true);
      const found = await files.get(`${prefix}/${size}`);
      expect(found).toBeInstanceOf(Uint8Array);
      expect(Buffer.from(found ?? []).equals(Buffer.from(bytes))).toBe(true);
    }
  });

  test('of many who write one name at a time, one writes it', async () => {
    const name = `${prefix}/contended`;
    const texts = Array.from({ length: 16 }, (_one, i) => `writer ${i}`);
    const won = await Promise.all(texts.map((text) => files.put(name, utf8(text))));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await files.get(name)).toEqual(utf8(texts[won.indexOf(true)] ?? ''));
  });
});

describe('a bucket under Object Lock', () => {
  let s3: FakeS3;
  let files: WriteOnce;
  let nowMs = 1_900_000_000_000;
  beforeEach(async () => {
    s3 = await fakeS3(() => nowMs);
    cleaning.push(s3.close);
    files = writeOnceS3(clientOf(s3.endpoint), bucket, () => nowMs);
  });
  const erase = (name: string, query = '') =>
    fetch(`${s3.endpoint}/audit/${name}${query}`, { method: 'DELETE' });

  test('holds every file in COMPLIANCE mode for the configured time', async () => {
    await files.put('a/b', utf8('x'));
    const [version] = s3.versions.get('a/b') ?? [];
    expect(version).toMatchObject({ mode: 'COMPLIANCE', until: new Date(nowMs + 30 * day) });
    expect((await erase('a/b', '?versionId=v1')).status).toBe(403);
    nowMs += 30 * day + 1;
    expect((await erase('a/b', '?versionId=v1')).status).toBe(204);
  });

  test('a delete hides a file, and does not end it', async () => {
    await files.put('a/b', utf8('x'));
    expect((await erase('a/b')).status).toBe(204);
    expect(await files.get('a/b')).toBeUndefined();
    expect(s3.versions.get('a/b')?.[0]?.bytes?.toString()).toBe('x');
  });

  test('without Object Lock nothing is written or read, and it is looked at again later', async () => {
    const refused = { code: 'storage_unavailable', message: expect.stringContaining('Object Lock') };
    for (const lock of [false, 'empty'] as const) {
      s3.objectLock = lock;
      await expect(files.put('a', utf8('x'))).rejects.toMatchObject(refused);
      await expect(files.get('a')).rejects.toMatchObject(refused);
    }
    expect([s3.versions.size, new Set(s3.asked)]).toEqual([0, new Set(['GET object-lock'])]);
    s3.objectLock = true;
    expect(await files.put('a', utf8('x'))).toBe(true);
    await files.get('a');
    expect(s3.asked.slice(-3)).toEqual(['GET object-lock', 'PUT', 'GET']);
  });

  test('what comes back otherwise than it was stored is not believed', async () => {
    await files.put('a', utf8('x'));
    const [version] = s3.versions.get('a') ?? [];
    if (version) version.bytes = Buffer.from('y');
    await expect(files.get('a')).rejects.toMatchObject({ code: 'storage_unavailable' });
    // Nor is an answer without a hash.
    s3.versions.set('a', [{ id: 'v1', bytes: Buffer.from('x'), checksum: '' }]);
    await expect(files.get('a')).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  test('a write that collides is tried again; one whose answer is lost says that there is a file', async () => {
    s3.failures.push({ method: 'PUT', status: 409, code: 'ConditionalRequestConflict' });
    expect(await files.put('a', utf8('x'))).toBe(true);
    // Written, and then a 500: the client asks again by itself.
    s3.failures.push({ method: 'PUT', status: 500, code: 'InternalError', after: true });
    expect(await files.put('b', utf8('x'))).toBe(false);
    expect(await files.get('b')).toEqual(utf8('x'));
    for (let i = 0; i < 3; i++)
      s3.failures.push({ method: 'PUT', status: 409, code: 'ConditionalRequestConflict' });
    await expect(files.put('c', utf8('x'))).rejects.toMatchObject({ code: 'storage_unavailable' });
    s3.failures.push({ method: 'PUT', status: 403, code: 'AccessDenied' });
    await expect(files.put('d', utf8('x'))).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: 'S3: AccessDenied',
    });
    s3.failures.push({ method: 'GET', status: 403, code: 'AccessDenied' });
    await expect(files.get('a')).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  test('an audit log is integrated into it, and stops while it is away', async () => {
    const { node1 } = await auditPair({ node1: { files } });
    const sequencer = node1.sequencer();
    for (let i = 0; i < 300; i++) await node1.auditor.append(organization, facts());
    expect(await sequencer.drain(node1.log)).toBe(300);
    const names = [...s3.versions.keys()].filter((name) => name.startsWith(`${node1.log}/tile/`));
    expect(names.sort()).toEqual([`${node1.log}/tile/0/000`, `${node1.log}/tile/entries/000`]);
    await s3.close();
    for (let i = 0; i < 300; i++) await node1.auditor.append(organization, facts());
    await expect(sequencer.drain(node1.log)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});
