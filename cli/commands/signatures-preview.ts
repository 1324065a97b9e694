import { toHex } from '../../shared/bytes.ts';
import type { Command } from '../command.ts';
import { readApprovals } from '../json-files.ts';
import { formats } from '../payload.ts';
import { effectText, outcomeText } from '../policy-text.ts';
import { fields } from '../text.ts';
import { approvalOption, payloadOptions, readPayload } from './sign.ts';

export const signaturesPreview: Command = {
  name: 'signatures preview',
  summary: 'What a payload does, and what would be signed; signs nothing',
  options: { ...payloadOptions, ...approvalOption },
  details: formats,
  async run(context) {
    const approvals = await readApprovals(context);
    const request = await readPayload(context);
    const key = context.values['idempotency-key'];
    const planbok = await context.planbok();
    const previewed = await planbok.signatures.preview({
      ...request,
      ...(key === undefined ? {} : { idempotencyKey: key }),
      ...(approvals && { approvals }),
    });
    const { operation, operationDigest, intent, toSign, idempotencyKey, policy } = previewed;
    const shown = toSign.map(({ path, algorithm, bytes }) => ({ path, algorithm, bytes: toHex(bytes) }));
    const json = { operation, operationDigest, intent, toSign: shown, idempotencyKey, policy };
    const head = fields({
      what: intent.summary,
      operation: operationDigest,
      'idempotency key': idempotencyKey,
    });
    const effects = intent.effects.map(effectText).join('');
    return { json, text: `${head}\n${effects}${policy ? outcomeText(policy) : ''}` };
  },
};
