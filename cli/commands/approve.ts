/**
 * Approvals: one's own word on an operation that somebody else asks for, as a file for them.
 * @module
 */
import type { Intent } from '../../shared/chains/payload.ts';
import { type Command, required, UsageError } from '../command.ts';
import { formats } from '../payload.ts';
import { effectText } from '../policy-text.ts';
import { fields } from '../text.ts';
import { payloadOptions, readPayload } from './sign.ts';

/** What is approved: in a sentence, then effect by effect. */
export const shown = ({ summary, effects }: Intent, operation: string): string =>
  `${fields({ what: summary, operation })}${effects.map(effectText).join('')}`;

export const approve: Command = {
  name: 'approve',
  summary: 'Approve, or reject, what somebody else wants to be signed: a file for them, nothing is sent',
  options: {
    ...payloadOptions,
    'idempotency-key': {
      value: 'KEY',
      help: 'The one that the signature is asked for with: it is part of the operation',
      required: true,
    },
    out: { value: 'FILE', help: 'Where to put the approval', required: true },
    reject: { help: 'Reject it instead' },
  },
  details: `${formats}
Prints first what the payload does, as decoded here. Whoever asks passes the file on with --approval. It is
good for this wallet, payload and idempotency key, for 7 days.`,
  async run(context) {
    const { io, values } = context;
    const out = required(context, 'out');
    const idempotencyKey = required(context, 'idempotency-key');
    const decision = values['reject'] === undefined ? 'approve' : 'reject';
    const request = await readPayload(context);
    const { approvals } = await context.planbok();
    let seen: { readonly intent: Intent; readonly operation: string } | undefined;
    const signed = await approvals.make({
      ...request,
      idempotencyKey,
      decision,
      confirm(intent, operation) {
        seen = { intent, operation };
        if (values['json'] === undefined) io.err(shown(intent, operation));
        return true;
      },
    });
    try {
      await io.createSecret(out, `${JSON.stringify(signed, null, 2)}\n`);
    } catch (cause) {
      const there = (cause as { code?: string }).code === 'EEXIST';
      throw new UsageError(there ? `${out} is there already` : `${out} cannot be made`, { cause });
    }
    const until = new Date(Number(signed.approval.expires) * 1000).toISOString();
    const { keyId } = signed.approval;
    return {
      json: { ...seen, decision, file: out, until, approval: signed },
      text: fields({ decision, operation: seen?.operation, by: keyId, until, file: out }),
    };
  },
};
