/**
 * Signatures that wait for approvals: which there are, what one does, and one's own word on it.
 * @module
 */
import type { PendingApproval } from '../../client/errors.ts';
import { escapeText } from '../../shared/chains/display.ts';
import { approvalStates } from '../../shared/wire/resources.ts';
import { type Command, type Context, integerOf, UsageError } from '../command.ts';
import { effectText } from '../policy-text.ts';
import { fields, signatureText, table } from '../text.ts';
import { shown } from './approve.ts';
import { waitMsOf, waitOption } from './sign.ts';

const quorumText = ({ quorums }: Pick<PendingApproval, 'quorums'>): string =>
  quorums
    .map(({ rule, required, approvers, have }) => {
      const by = have.length > 0 ? `: ${have.join(', ')}` : '';
      return `rule ${rule} has ${have.length} of ${required}${by}; may approve: ${approvers.join(', ')}\n`;
    })
    .join('');

const approvalText = (approval: PendingApproval, summary = approval.intent.summary): string => {
  const { id, state, wallet, requester, created, expires, closed, operation } = approval;
  const ended = closed && `${closed.time} by ${closed.by}`;
  const what = escapeText(summary);
  const key = approval.idempotencyKey;
  return [
    fields({ id, state, what, wallet, operation, 'idempotency key': key, 'asked by': requester, created }),
    fields({ expires, closed: ended, signature: approval.signature }),
    quorumText(approval),
  ].join('');
};

function stateOf({ values }: Context): PendingApproval['state'] | undefined {
  const { state } = values;
  if (state === undefined) return undefined;
  const found = approvalStates.find((one) => one === state);
  if (found === undefined) throw new UsageError(`--state is one of ${approvalStates.join(', ')}`);
  return found;
}

const list: Command = {
  name: 'approvals list',
  summary: 'Signatures that wait for approvals, or did, newest first',
  options: {
    state: { value: 'STATE', help: approvalStates.join(', ') },
    wallet: { value: 'ID', help: 'Of this wallet only' },
    limit: { value: 'N', help: 'At most this many, 1 to 1000; 50 if absent' },
  },
  async run(context) {
    const [state, most] = [stateOf(context), integerOf(context, 'limit', 1, 1_000) ?? 50];
    const { wallet } = context.values;
    const { approvals } = await context.planbok();
    const data: PendingApproval[] = [];
    for await (const one of approvals.list({ ...(state && { state }), ...(wallet && { wallet }) })) {
      data.push(one);
      if (data.length === most) break;
    }
    const rows = data.map(({ id, state: stands, wallet: of, intent, expires }) => [
      id,
      stands,
      of,
      expires,
      escapeText(intent.summary),
    ]);
    return { json: { data }, text: table(['id', 'state', 'wallet', 'until', 'what, as Node 1 says'], rows) };
  },
};

const show: Command = {
  name: 'approvals show',
  summary: 'What it does, decoded here, and who has approved it',
  positionals: ['ID'],
  async run({ planbok, positionals: [id = ''] }) {
    const { held, prepared } = await (await planbok()).approvals.get(id);
    const { intent } = prepared;
    const text = `${approvalText(held, intent.summary)}${intent.effects.map(effectText).join('')}`;
    return { json: { ...held, intent }, text };
  },
};

const decision = (name: 'approve' | 'reject', summary: string, more: string): Command => ({
  name: `approvals ${name}`,
  summary,
  positionals: ['ID'],
  details: `Prints first what the payload does, as decoded here. The id belongs to this wallet, payload and
idempotency key: what is kept under it and is something else is refused. ${more}`,
  async run({ io, values, planbok, positionals: [id = ''] }) {
    const { approvals } = await planbok();
    const decided = await approvals[name](id, {
      confirm(intent, operation) {
        if (values['json'] === undefined) io.err(shown(intent, operation));
        return true;
      },
    });
    return { json: decided, text: approvalText(decided) };
  },
});

const approve = decision(
  'approve',
  'Approve what somebody else wants to be signed, as decoded here',
  'Both nodes check the approval; it counts for 7 days, while you may approve.',
);
const reject = decision(
  'reject',
  'Reject it: nobody can approve it any more',
  'Whoever asked needs a new idempotency key to ask again.',
);

const cancel: Command = {
  name: 'approvals cancel',
  summary: 'Take back what you asked for',
  positionals: ['ID'],
  async run({ planbok, positionals: [id = ''] }) {
    const cancelled = await (await planbok()).approvals.cancel(id);
    return { json: cancelled, text: approvalText(cancelled) };
  },
};

const goOn: Command = {
  name: 'approvals continue',
  summary: 'Sign what you asked for, once it is approved',
  positionals: ['ID'],
  options: { ...waitOption },
  details: 'Needs a credential that may sign: the authorisation is made anew, for what is decoded here.',
  async run(context) {
    const [id = ''] = context.positionals;
    const made = await (await context.planbok()).signatures.continue(id, { ...waitMsOf(context) });
    return { json: made, text: signatureText(made) };
  },
};

export const approvalsCommands: readonly Command[] = [list, show, approve, reject, cancel, goOn];
