/**
 * Taking a statement into a node's registry: verified by the node itself, at its own time, on its own log.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import { reduce, type SignedLater } from '#shared/registry/reduce.ts';
import { headOf, type Registry } from '#shared/registry/registry.ts';
import { begin, ended, failed } from './audit/recording.ts';
import { statementEvent } from './audit/refusals.ts';
import { verifyWithOpenssl } from './authenticate.ts';
import type { Node } from './node.ts';
import { assertPolicy } from './policy-change.ts';

/** What is said of a committed statement. */
export type Taken = Pick<Registry, 'organization' | 'head' | 'seq'>;

/**
 * Commits the statement, unless it stands already.
 * @param intent record of the intent, if there is one; otherwise one is made before the statement counts
 * @throws {CustodyError} what `reduce` throws; `statement_conflict` if another one has its number;
 * `statement_refused` for what is no policy; `approval_required` for a change that others must approve
 */
export async function takeIn(node: Node, signed: SignedLater, intent?: string): Promise<Taken> {
  const standing = await alreadyIn(node, signed);
  if (standing !== undefined) return standing;
  const before = await node.registry.read(signed.statement.organization);
  const after = reduce(before, signed, { nowMs: node.clock(), verify: verifyWithOpenssl });
  assertPolicy(signed);
  const event = await statementEvent(node, signed);
  const previous = intent ?? (await begin(node, event)).id;
  try {
    // Of two that append it, one made it count.
    if (await node.registry.append(after, signed)) await ended(node, event, previous);
  } catch (error) {
    if (intent === undefined) await failed(node, event, error, previous);
    throw error;
  }
  return after;
}

/** Takes over what the peer committed: verified alike, but its time has passed. */
export async function catchUp(node: Node, log: readonly SignedLater[]): Promise<void> {
  for (const signed of log) {
    const before = await node.registry.read(signed.statement.organization);
    if (Number(signed.statement.seq) <= Number(before.seq)) continue;
    const after = reduce(before, signed, { verify: verifyWithOpenssl });
    const event = await statementEvent(node, signed);
    const { id } = await begin(node, event);
    if (await node.registry.append(after, signed)) await ended(node, event, id);
  }
}

/** A repeated request finds its statement in place. */
async function alreadyIn(node: Node, { statement }: SignedLater): Promise<Taken | undefined> {
  const { organization, seq } = statement;
  if (typeof seq !== 'string' || !/^[1-9][0-9]{0,14}$/.test(seq) || typeof organization !== 'string')
    throw new CustodyError('statement_refused', 'the statement has no number or no organization');
  const [standing] = await node.registry.log(organization, Number(seq), 1);
  const head = headOf(statement);
  return standing !== undefined && headOf(standing.statement) === head
    ? { organization, head, seq }
    : undefined;
}
