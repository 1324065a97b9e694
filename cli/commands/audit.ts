/**
 * The audit log on the command line: what happened, and the proof of it.
 * @module
 */
import type { AuditEvent, EventFilter } from '../../client/audit.ts';
import { escapeText } from '../../shared/chains/display.ts';
import { type Command, type Context, integerOf, UsageError } from '../command.ts';
import { collect, limitOption } from '../listing.ts';
import { fields, table, timeText } from '../text.ts';

const head = ['id', 'time', 'action', 'phase', 'policy', 'actor', 'object'];
const rowOf = ({ id, record }: AuditEvent): string[] =>
  [
    id,
    timeText(Number(record.time)),
    record.action,
    record.phase,
    record.policy,
    record.actor,
    record.object,
  ].map(escapeText);

const filterOptions = {
  object: { value: 'ID', help: 'What it was done to: a wallet, a wallet set, the organization' },
  actor: { value: 'ID', help: 'The credential that asked' },
  action: { value: 'NAME', help: 'What was done, such as sign or create_wallets' },
  phase: { value: 'PHASE', help: 'intent, outcome, denied or failed' },
  from: { value: 'TIME', help: 'Not before this time, such as 2026-01-31 or 2026-01-31T12:00:00Z' },
  to: { value: 'TIME', help: 'Before this time' },
} as const;

/** @throws {UsageError} */
function timeIn({ values }: Context, name: 'from' | 'to'): string | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const ms = /^\d{4}-\d{2}-\d{2}(T.*Z)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new UsageError(`--${name} is a time in UTC, such as 2026-01-31T12:00:00Z`);
  return timeText(ms);
}

async function listed(context: Context, filter: EventFilter) {
  const limit = integerOf(context, 'limit', 1, 100_000);
  const { audit } = await context.planbok();
  const data = await collect(audit.events.iterate({ ...filter, limit: Math.min(limit ?? 100, 100) }), limit);
  return { json: { data }, text: table(head, data.map(rowOf)) };
}

const events: Command = {
  name: 'audit events',
  summary: "What Node 1's audit log says, newest first",
  options: { ...filterOptions, ...limitOption },
  details: 'Filters are looked for from the newest event on: the older, the longer it takes.',
  async run(context) {
    const { object, actor, action, phase } = context.values;
    const filter = { object, actor, action, phase: phase as EventFilter['phase'] };
    return listed(context, { ...filter, from: timeIn(context, 'from'), to: timeIn(context, 'to') });
  },
};

const timeline: Command = {
  name: 'audit timeline',
  summary: 'What was done to a wallet, a wallet set or the organization, newest first',
  positionals: ['ID'],
  options: limitOption,
  run: async (context) => listed(context, { object: context.positionals[0] }),
};

const proof: Command = {
  name: 'audit proof',
  summary: 'Prove that an event is in the log: signed by both nodes, and the log has only grown',
  positionals: ['EVENT'],
  details:
    'Checks the keys under the pinned identities, the checkpoint, its cosignature and the path; and that the log\ncontinues what this command line saw before. The event id stands in the answer to every change.',
  async run({ positionals: [id = ''], planbok }) {
    const found = await (await planbok()).audit.proof(id);
    const { record, recordId, index, size, log, cosigned } = found;
    const { time, actor, role, action, object, operation, policy, phase } = record;
    const text = fields({
      event: id,
      record: recordId,
      time: timeText(Number(time)),
      actor: escapeText(`${actor} (${role})`),
      action: escapeText(`${action}: ${phase}`),
      object: escapeText(object),
      operation,
      policy: escapeText(policy),
      'in the log': `${log}, record ${index} of ${size}`,
      cosigned: timeText(cosigned * 1_000),
    });
    return { json: found, text };
  },
};

const checkpoints: Command = {
  name: 'audit checkpoints',
  summary: "The newest checkpoints of both nodes' logs, verified, and kept beside the credential",
  details: 'A log that is smaller than it was, or is not what it was, is refused: exit code 14.',
  async run({ planbok }) {
    const { node1, node2 } = await (await planbok()).audit.checkpoints();
    const text = [node1, node2]
      .map(({ node, log, size, root, cosigned }) =>
        fields({ node, log, records: String(size), root, cosigned: timeText(cosigned * 1_000) }),
      )
      .join('\n');
    return { json: { node1, node2 }, text };
  },
};

export const auditCommands: readonly Command[] = [events, timeline, proof, checkpoints];
