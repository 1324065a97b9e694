/**
 * Policies: which are in force, putting one in force, and asking what one says of a payload.
 * @module
 */
import { policyStatement } from '../../client/policies.ts';
import { toBase64url } from '../../shared/bytes.ts';
import { parsePolicy, policyDigest } from '../../shared/policy/policy.ts';
import { type Command, type Context, required, UsageError } from '../command.ts';
import { drafted } from '../draft-files.ts';
import { outcomeExit } from '../exit-codes.ts';
import { readApprovals, readJsonFile } from '../json-files.ts';
import { formats } from '../payload.ts';
import { jsonText, outcomeText } from '../policy-text.ts';
import { fields, statedText, table } from '../text.ts';
import { approvalOption, payloadOptions, readPayload } from './sign.ts';

const example = {
  type: 'planbok/policy/v1',
  rules: [
    { id: 'once', kind: 'amount', asset: 'eip155:1/slip44:60', max: '2000000000000000000' },
    {
      id: 'daily',
      kind: 'window',
      asset: 'eip155:1/slip44:60',
      seconds: '86400',
      amount: '5000000000000000000',
    },
    {
      id: 'large',
      kind: 'approvals',
      asset: 'eip155:1/slip44:60',
      above: '1000000000000000000',
      required: '2',
      approvers: [
        'mem_aaaaaaaaaaaaaaaaaaaaaaaaaa',
        'mem_bbbbbbbbbbbbbbbbbbbbbbbbbb',
        'mem_cccccccccccccccccccccccccc',
      ],
    },
  ],
  allow: [{ allow: 'message' }],
};

const help = `
A policy is a JSON document. Every rule must hold; amounts are decimal strings of smallest units:
at most 2 ETH at once and 5 ETH in any 24 hours, above 1 ETH with two approvals out of three, and messages.
${JSON.stringify(example, null, 2)}
Kinds of rules: blockchains, kinds, assets, destinations, amount, window, approvals, hours. What no rule can
bound (calls, permits, messages, raw digests) is denied unless "allow" names it. docs/policies.md says more.
`;

const list: Command = {
  name: 'policies list',
  summary: "Policies in force, from the organization's own statements",
  async run({ planbok }) {
    const data = await (await planbok()).policies.list();
    const rows = data.map(({ walletSet, policy: { rules, allow }, digest }) => [
      walletSet,
      digest === undefined ? '?' : String(rules.length),
      digest === undefined ? '?' : String(allow.length),
      digest ?? 'not readable by this version',
    ]);
    return { json: { data }, text: table(['wallet set', 'rules', 'permissions', 'digest'], rows) };
  },
};

const show: Command = {
  name: 'policies show',
  summary: 'The policy that governs a wallet set: its own, or the one of *',
  positionals: ['WSET'],
  async run({ planbok, positionals: [walletSet = ''] }) {
    const found = await (await planbok()).policies.get(walletSet);
    if (found === undefined)
      return { json: { walletSet, policy: null }, text: 'none: roles and scopes decide alone\n' };
    const { walletSet: of, policy, digest } = found;
    const head = fields({ of, digest: digest ?? 'not readable by this version' });
    return { json: { walletSet, of, policy, digest }, text: `${head}\n${jsonText(policy)}` };
  },
};

const set: Command = {
  name: 'policies set',
  summary: 'Put a policy in force for a wallet set, or for * (all that have none of their own)',
  positionals: ['WSET'],
  options: {
    file: { value: 'POLICY', help: 'The policy; - is standard input', required: true },
    out: { value: 'FILE', help: 'Do not send it: a file for those whom the policy before it asks to sign' },
  },
  details: `${help}
A policy with "changes" is replaced with the signatures of those it names: --out change.json, then planbok cosign
change.json by each of them, then planbok submit change.json.`,
  async run(context) {
    const [walletSet = ''] = context.positionals;
    const policy = await readJsonFile(context, required(context, 'file'));
    const { out } = context.values;
    if (out !== undefined) {
      const { statements } = await context.planbok();
      return drafted(context, out, await statements.draft(policyStatement(walletSet, policy)));
    }
    const stated = await (await context.planbok()).policies.set(walletSet, policy);
    const digest = toBase64url(policyDigest(parsePolicy(policy)));
    return {
      json: { ...stated, walletSet, policy, digest },
      text: statedText(stated, { 'wallet set': walletSet, digest }),
    };
  },
};

const draftOf = async (context: Context): Promise<{ readonly policy?: object }> => {
  const path = context.values['policy'];
  if (path === undefined) return {};
  if (path === '-' && context.values['file'] === '-')
    throw new UsageError('--file and --policy cannot both be standard input');
  return { policy: await readJsonFile(context, path) };
};

const test: Command = {
  name: 'policies test',
  summary: 'What the policy in force, or a draft, says of a payload; signs nothing',
  options: {
    ...payloadOptions,
    policy: { value: 'POLICY', help: 'A draft, instead of the policy in force; - is standard input' },
    ...approvalOption,
  },
  details: `${formats}${help}
It is answered as if you asked for the signature, and as if nothing had been counted in windows.`,
  async run(context) {
    const draft = await draftOf(context);
    const approvals = await readApprovals(context);
    const request = await readPayload(context);
    const key = context.values['idempotency-key'];
    const { policies } = await context.planbok();
    const said = await policies.evaluate({
      ...request,
      ...draft,
      ...(key !== undefined && { idempotencyKey: key }),
      ...(approvals && { approvals }),
    });
    const spends = said.spends.map(({ asset, amount }) => `  spends ${amount} of ${asset}\n`);
    return { json: said, text: `${outcomeText(said)}${spends.join('')}`, exit: outcomeExit[said.outcome] };
  },
};

export const policiesCommands: readonly Command[] = [list, show, set, test];
