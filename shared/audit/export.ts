/**
 * Writes the files of an export, as `verify.ts` describes and reads them.
 * @module
 */
import { type Bytes, concat, toBase64url, utf8 } from '../bytes.ts';
import type { Attested, NodeName } from '../crypto/attestation.ts';
import { canonicalBytes, type Tagged } from '../intent/canonical.ts';
import type { AuditKey, AuditPromise } from './statements.ts';

/** What a commitment hides. */
export interface Opening {
  /** 32 bytes. */
  readonly nonce: Bytes;
  readonly payload: Bytes;
}

export interface NodeExport {
  readonly keys: { readonly log: Attested<AuditKey>; readonly witness: Attested<AuditKey> };
  /** The note, cosigned by the other node. */
  readonly checkpoint: Bytes;
  /** Leaves of the log, from the first to the checkpoint's last. */
  readonly records: readonly Bytes[];
  readonly promises?: readonly Attested<AuditPromise>[];
  readonly opened?: readonly (Opening & { readonly record: string })[];
}

// An attestation has no type of its own: the document inside has.
const canonical = (value: object): Bytes => canonicalBytes(value as Tagged);
const newline = utf8('\n');
/** One line per value. */
export const ndjson = (lines: readonly Bytes[]): Bytes => concat(...lines.flatMap((line) => [line, newline]));

/** File names, relative to the folder of the export, to their bytes. */
export function exportFiles(nodes: Readonly<Record<NodeName, NodeExport>>): ReadonlyMap<string, Bytes> {
  const files = new Map<string, Bytes>();
  for (const [node, { keys, checkpoint, records, promises, opened }] of Object.entries(nodes)) {
    files.set(`${node}/keys.json`, canonical(keys));
    files.set(`${node}/checkpoint`, checkpoint);
    files.set(`${node}/records.ndjson`, ndjson(records));
    if (promises !== undefined) files.set(`${node}/promises.ndjson`, ndjson(promises.map(canonical)));
    if (opened !== undefined)
      files.set(
        `${node}/opened.ndjson`,
        ndjson(
          opened.map(({ record, nonce, payload }) =>
            canonical({ record, nonce: toBase64url(nonce), payload: toBase64url(payload) }),
          ),
        ),
      );
  }
  return files;
}
