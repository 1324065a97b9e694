/**
 * Exports in memory, as `shared/audit/verify/verify.ts` describes and reads them.
 * @module
 */
import type { Opening } from '../../shared/audit/record.ts';
import type { AuditKey, AuditPromise } from '../../shared/audit/statements.ts';
import { type Pins, type Verdict, verifyExport } from '../../shared/audit/verify/verify.ts';
import { type Bytes, concat, toBase64url, utf8 } from '../../shared/bytes.ts';
import type { Attested, NodeName } from '../../shared/crypto/attestation.ts';
import { canonicalBytes, type Tagged } from '../../shared/intent/canonical.ts';

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

/** @param piece bytes that come at a time */
export const verifyFiles = (
  files: ReadonlyMap<string, Bytes>,
  pins: Pins,
  piece = 65_536,
): Promise<Verdict> =>
  verifyExport(
    {
      names: [...files.keys()],
      async *read(name) {
        const bytes = files.get(name) ?? new Uint8Array(0);
        for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
      },
    },
    pins,
  );
