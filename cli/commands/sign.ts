import type { Payload } from '../../client/prepare.ts';
import { type SignKind, signKinds } from '../../shared/chains/intent.ts';
import {
  type Command,
  type Context,
  idempotencyOption,
  integerOf,
  type Option,
  required,
  UsageError,
} from '../command.ts';
import { readApprovals } from '../json-files.ts';
import { formats, payloadOf } from '../payload.ts';
import { lifeOf } from '../registry-options.ts';
import { signatureText } from '../text.ts';

/** Of every command that takes a payload. */
export const payloadOptions: Readonly<Record<string, Option>> = {
  wallet: { value: 'ID', help: 'Whose key signs', required: true },
  kind: { value: 'KIND', help: signKinds.join(', '), required: true },
  message: { value: 'TEXT', help: 'The message, instead of --file' },
  file: { value: 'F', help: 'What to sign, in the format of its kind' },
  recipient: { value: 'NAME', help: 'Whom a message on NEAR is for (NEP-413)' },
  ...idempotencyOption,
};

export const approvalOption = {
  approval: {
    value: 'FILE',
    help: 'An approval by somebody else; may be repeated, and needs --idempotency-key',
    multiple: true,
  },
} as const satisfies Readonly<Record<string, Option>>;

export const waitOption = {
  wait: { value: 'SECONDS', help: 'How long to wait for approvals that are missing, up to 604800' },
} as const satisfies Readonly<Record<string, Option>>;

/** @throws {UsageError} */
export function waitMsOf(context: Context): { readonly waitMs?: number } {
  const seconds = integerOf(context, 'wait', 0, 604_800);
  return seconds === undefined ? {} : { waitMs: seconds * 1000 };
}

/** @throws {UsageError} */
function holdOf(context: Context): { readonly holdSeconds?: number } {
  const [isRefused, holdMs] = [context.values['no-hold'] !== undefined, lifeOf(context, 'hold')];
  if (isRefused && holdMs !== undefined) throw new UsageError('give either --hold or --no-hold');
  if (holdMs !== undefined && holdMs > 604_800_000) throw new UsageError('--hold is at most 7d');
  if (isRefused) return { holdSeconds: 0 };
  return holdMs === undefined ? {} : { holdSeconds: holdMs / 1000 };
}

/** The payload that the options name; the wallet's blockchain says how to read the file. */
export async function readPayload(context: Context): Promise<{ wallet: string; payload: Payload }> {
  const { io, values } = context;
  const wallet = required(context, 'wallet');
  const kind = required(context, 'kind') as SignKind;
  if (!signKinds.includes(kind))
    throw new UsageError(`no such kind: ${kind}; one of ${signKinds.join(', ')}`);
  const { message, recipient } = values;
  const idempotencyKey = values['idempotency-key'];
  const path = values['file'];
  if ((message === undefined) === (path === undefined))
    throw new UsageError('give either --message TEXT or --file F');
  let file: Uint8Array | undefined;
  if (path !== undefined)
    file = await (path === '-' ? io.readStdin() : io.readFile(path)).catch((cause: unknown) => {
      throw new UsageError(`${path} cannot be read`, { cause });
    });
  const planbok = await context.planbok();
  const { blockchain } = await planbok.wallets.proven(wallet);
  return { wallet, payload: payloadOf(kind, blockchain, { message, file, recipient, idempotencyKey }) };
}

export const sign: Command = {
  name: 'sign',
  summary: 'Sign: decoded here and by both nodes, verified here before it is printed',
  options: {
    ...payloadOptions,
    ...approvalOption,
    ...waitOption,
    hold: { value: 'TIME', help: 'How long it is kept for approvals that are missing, as 12h; 7d if absent' },
    'no-hold': { help: 'Without the approvals it is refused, not kept' },
    'skip-preview': { help: 'Save a round trip: the nodes compare all the same' },
  },
  details: `${formats}
Nothing is sent to a blockchain: "signedTransaction" is ready for you to send.
A policy that denies it, or asks for approvals, is named with rule, value and limit. What lacks approvals is kept
for those whom the policy names (planbok approvals approve ID); planbok approvals continue ID then signs it.`,
  async run(context) {
    const approvals = await readApprovals(context);
    const request = await readPayload(context);
    const idempotencyKey = context.values['idempotency-key'];
    const asked = { ...waitMsOf(context), ...holdOf(context) };
    const planbok = await context.planbok();
    const made = await planbok.signatures.create({
      ...request,
      ...asked,
      preview: context.values['skip-preview'] === undefined,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(approvals && { approvals }),
    });
    return { json: made, text: signatureText(made) };
  },
};
