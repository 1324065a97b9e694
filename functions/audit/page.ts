/**
 * What a node shows of its log: pages of records, with what it takes to verify them offline.
 * @module
 */
import { logOf } from '#shared/audit/record.ts';
import { witnessOf } from '#shared/audit/statements.ts';
import { tileWidth } from '#shared/audit/tile.ts';
import { CustodyError } from '#shared/errors.ts';
import type { AuditExportPage } from '#shared/wire/audit.ts';
import type { Node } from '../node.ts';
import { logReader } from './proofs.ts';

/** Records of one page at most. */
const most = tileWidth;

/**
 * Records from an index on, below the newest cosigned checkpoint.
 * @throws {CustodyError} `audit_unavailable` if nothing is cosigned yet
 */
export async function exportPage(
  { node, audit }: Node,
  organization: string,
  from: number,
  limit: number,
): Promise<AuditExportPage> {
  const { store, files, keys } = audit;
  const log = logOf(node, organization);
  const [head, cosigned] = await Promise.all([store.head(log), store.cosigned(log)]);
  if (head === undefined || cosigned === undefined)
    throw new CustodyError('audit_unavailable', 'no checkpoint of this log is cosigned yet');
  const to = Math.min(cosigned.size, from + Math.min(limit, most));
  const leaves = from < to ? await logReader(store, files).leaves(log, head, from, to) : [];
  const [logKey, witnessKey] = await Promise.all([
    keys.key('log', log),
    keys.key('witness', witnessOf(node)),
  ]);
  return {
    node,
    log,
    size: cosigned.size,
    checkpoint: new TextDecoder().decode(cosigned.note),
    keys: { log: logKey.attested, witness: witnessKey.attested },
    from,
    records: leaves.map((leaf) => new TextDecoder().decode(leaf)),
  };
}
