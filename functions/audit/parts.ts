/**
 * The parts of a node's log that it shows to whoever may see it: pages of records, proofs that it only grew, the
 * tiles that other tools read. Both nodes make them here; Node 1 passes Node 2's on.
 * @module
 */
import { logOf } from '#shared/audit/record.ts';
import { parseTilePath } from '#shared/audit/tile.ts';
import { type Bytes, toBase64url, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { ConsistencyProof } from '#shared/wire/audit.ts';
import type { AuditLogRequest } from '../../proto/generated/planbok/node/v1/node_pb.ts';
import type { Node } from '../node.ts';
import { exportPage } from './page.ts';
import { logReader } from './proofs.ts';

export type LogPart = AuditLogRequest['part'];

const json = (value: unknown): Bytes => utf8(JSON.stringify(value));

/**
 * JSON; of a resource, its bytes.
 * @throws {CustodyError} `audit_unavailable` if nothing is cosigned yet; `request_invalid` on sizes that the log
 * never had; `audit_resource_not_found`
 */
export async function partOf(node: Node, organization: string, part: LogPart): Promise<Bytes> {
  switch (part.case) {
    case 'page':
      return json(await exportPage(node, organization, Number(part.value.from), part.value.limit));
    case 'consistency':
      return json(await consistency(node, organization, Number(part.value.from), Number(part.value.to)));
    case 'resource':
      return resource(node, organization, part.value);
    default:
      throw new CustodyError('request_invalid', 'not a part of a log');
  }
}

async function headOf({ node, audit }: Node, organization: string) {
  const log = logOf(node, organization);
  const head = await audit.store.head(log);
  if (head === undefined) throw new CustodyError('audit_unavailable', 'the log is empty yet');
  return { log, head, reader: logReader(audit.store, audit.files) };
}

async function consistency(
  node: Node,
  organization: string,
  from: number,
  to: number,
): Promise<ConsistencyProof> {
  const { log, head, reader } = await headOf(node, organization);
  if (!(from > 0 && from <= to && to <= head.size))
    throw new CustodyError('request_invalid', `the log has ${head.size} records: not two sizes of it`);
  const proof = await reader.consistency(log, head, from, to);
  return { log, from, to, proof: proof.map(toBase64url) };
}

async function resource(node: Node, organization: string, path: string): Promise<Bytes> {
  const absent = new CustodyError('audit_resource_not_found', `the log has no ${path}`);
  if (path === 'checkpoint') {
    const cosigned = await node.audit.store.cosigned(logOf(node.node, organization));
    if (cosigned === undefined) throw absent;
    return cosigned.note;
  }
  const name = parseTilePath(path);
  if (name === undefined) throw absent;
  const { log, head, reader } = await headOf(node, organization);
  const found = await reader.resource(log, head, name);
  if (found === undefined) throw absent;
  return found;
}
