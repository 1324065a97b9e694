/**
 * Write-once files as objects of a bucket under S3 Object Lock: written if there is none (`If-None-Match: *`), and
 * held in COMPLIANCE mode, in which nobody, the account's root neither, shortens the time or deletes the version.
 * What the bucket gives back is compared with the hash that it was stored with.
 * @module
 */
import { createHash } from 'node:crypto';
import {
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { Bytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { WriteOnce } from '../audit/ports.ts';
import type { Clock } from '../ports.ts';
import type { AwsOptions } from './aws.ts';

export interface LockedBucket {
  readonly bucket: string;
  /** How long each file is held, milliseconds. */
  readonly retentionMs: number;
}

/** Repeats are harmless: a write that came through makes the repeated one say that there is a file already. */
export const s3Client = ({ timeoutMs, ...options }: AwsOptions): S3Client =>
  new S3Client({
    ...options,
    // An emulator has no name for each bucket.
    forcePathStyle: options.endpoint !== undefined,
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: timeoutMs, throwOnRequestTimeout: true },
  });

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');
const unavailable = (what: string, cause?: unknown): CustodyError =>
  new CustodyError('storage_unavailable', `S3: ${what}`, { cause });
const checksumOf = (bytes: Bytes): string => createHash('sha256').update(bytes).digest('base64');

/** How often a write is tried that collides with another one under way (409). */
const tries = 3;

/** @throws {CustodyError} `storage_unavailable` from every call unless the bucket has Object Lock */
export function writeOnceS3(
  client: S3Client,
  { bucket: Bucket, retentionMs }: LockedBucket,
  clock: Clock,
): WriteOnce {
  let checking: Promise<void> | undefined;
  /** Once, before anything is written or believed. A failure is not remembered. */
  const locked = (): Promise<void> => {
    checking ??= assertLocked(client, Bucket).catch((error) => {
      checking = undefined;
      throw error;
    });
    return checking;
  };
  return {
    async put(name, bytes) {
      await locked();
      const command = new PutObjectCommand({
        Bucket,
        Key: name,
        Body: bytes,
        ContentType: 'application/octet-stream',
        IfNoneMatch: '*',
        ChecksumSHA256: checksumOf(bytes),
        ObjectLockMode: 'COMPLIANCE',
        ObjectLockRetainUntilDate: new Date(clock() + retentionMs),
      });
      for (let tried = 1; ; tried++) {
        try {
          await client.send(command);
          return true;
        } catch (cause) {
          if (nameOf(cause) === 'PreconditionFailed') return false;
          if (nameOf(cause) !== 'ConditionalRequestConflict' || tried >= tries)
            throw unavailable(nameOf(cause), cause);
        }
      }
    },
    async get(name) {
      await locked();
      let found: { readonly bytes: Bytes; readonly checksum: string | undefined };
      try {
        const command = new GetObjectCommand({ Bucket, Key: name, ChecksumMode: 'ENABLED' });
        const { Body, ChecksumSHA256 } = await client.send(command);
        found = {
          bytes: Uint8Array.from((await Body?.transformToByteArray()) ?? []),
          checksum: ChecksumSHA256,
        };
      } catch (cause) {
        if (nameOf(cause) === 'NoSuchKey') return undefined;
        throw unavailable(nameOf(cause), cause);
      }
      if (found.checksum !== checksumOf(found.bytes)) throw unavailable('another content than was stored');
      return found.bytes;
    },
  };
}

/** @throws {CustodyError} `storage_unavailable` */
async function assertLocked(client: S3Client, Bucket: string): Promise<void> {
  let enabled: string | undefined;
  try {
    const { ObjectLockConfiguration } = await client.send(new GetObjectLockConfigurationCommand({ Bucket }));
    enabled = ObjectLockConfiguration?.ObjectLockEnabled;
  } catch (cause) {
    throw unavailable(`Object Lock of the bucket is not known: ${nameOf(cause)}`, cause);
  }
  if (enabled !== 'Enabled') throw unavailable('the bucket has no Object Lock');
}
