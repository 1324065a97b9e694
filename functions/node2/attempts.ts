/**
 * How many protocol sessions an operation is given: each attempt at one of its digests begins with a record
 * whose name counts, so that there is a first, a second, a third, and never a fourth.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, toBase32, u32be, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import { type AuditEvent, type Begun, beginOnce } from '../audit/recording.ts';
import type { Node } from '../node.ts';

/** Fresh protocol sessions that one digest of one operation may use. */
export const sessionsPerDigest = 3;

const nameOf = (operation: Bytes, index: number, attempt: number): string =>
  toBase32(
    sha256(concat(utf8('planbok/attempt/v1'), operation, u32be(index), u32be(attempt))).subarray(0, 20),
  );

/**
 * The record of the next attempt at digest `index` of an operation: `from`, or the first after it that is free.
 * @param operation digest of the operation, 32 bytes
 * @throws {CustodyError} `attempts_exhausted` if all below `to` were made; `audit_unavailable`
 */
export async function beginAttempt(
  node: Node,
  event: AuditEvent,
  operation: Bytes,
  index: number,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Begun> {
  for (let attempt = from; attempt < to; attempt++) {
    const begun = await beginOnce(node, event, nameOf(operation, index, attempt));
    if (begun !== undefined) return begun;
  }
  throw new CustodyError('attempts_exhausted', 'this operation has used all of its protocol sessions');
}
