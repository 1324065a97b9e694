import { toHex } from '../../shared/bytes.ts';
import type { Effect } from '../../shared/chains/payload.ts';
import type { Command } from '../command.ts';
import { formats } from '../payload.ts';
import { fields } from '../text.ts';
import { payloadOptions, readPayload } from './sign.ts';

export const signaturesPreview: Command = {
  name: 'signatures preview',
  summary: 'What a payload does, and what would be signed; signs nothing',
  options: payloadOptions,
  details: formats,
  async run(context) {
    const request = await readPayload(context);
    const key = context.values['idempotency-key'];
    const planbok = await context.planbok();
    const { operation, operationDigest, intent, toSign, idempotencyKey } = await planbok.signatures.preview({
      ...request,
      ...(key === undefined ? {} : { idempotencyKey: key }),
    });
    const shown = toSign.map(({ path, algorithm, bytes }) => ({ path, algorithm, bytes: toHex(bytes) }));
    const json = { operation, operationDigest, intent, toSign: shown, idempotencyKey };
    const head = fields({
      what: intent.summary,
      operation: operationDigest,
      'idempotency key': idempotencyKey,
    });
    return { json, text: `${head}\n${intent.effects.map(effectText).join('')}` };
  },
};

function effectText({ type, from, to, asset, amount, details = {} }: Effect): string {
  const line = [type, amount, asset, from && `from ${from}`, to && `to ${to}`].filter(Boolean).join(' ');
  const more = Object.entries(details).map(([name, value]) => `    ${name}: ${value}\n`);
  return `  - ${line}\n${more.join('')}`;
}
