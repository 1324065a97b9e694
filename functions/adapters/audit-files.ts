/**
 * Where a program keeps the write-once files of audit logs, by its configuration.
 * @module
 */
import type { WriteOnce } from '../audit/ports.ts';
import type { ProgramConfig } from '../config.ts';
import { writeOnceFiles } from './write-once-files.ts';
import { s3Client, writeOnceS3 } from './write-once-s3.ts';

/** Undefined: items of the audit table. */
export function auditFilesOf({ auditFolder, auditBucket }: ProgramConfig): WriteOnce | undefined {
  if (auditBucket !== undefined) return writeOnceS3(s3Client(auditBucket.aws), auditBucket, Date.now);
  return auditFolder === undefined ? undefined : writeOnceFiles(auditFolder);
}
