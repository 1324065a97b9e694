/**
 * What a policy says, as a person reads it.
 * @module
 */
import type { PolicyOutcome } from '../client/policies.ts';
import { escapeText } from '../shared/chains/display.ts';
import type { Effect } from '../shared/chains/payload.ts';

const outcomes = {
  allow: 'allowed',
  deny: 'denied',
  needs_approval: 'needs approvals',
} as const satisfies Record<PolicyOutcome['outcome'], string>;

/** The outcome, and each reason with its rule, value and limit. */
export const outcomeText = ({ outcome, reasons }: PolicyOutcome): string =>
  [
    `policy: ${outcomes[outcome]}\n`,
    ...reasons.map(({ rule, code, value, limit }) =>
      escapedLine(`  - ${code}: rule ${rule}: ${value} (limit: ${limit})`),
    ),
  ].join('');

const escapedLine = (line: string): string => `${escapeText(line)}\n`;

/** Indented. Text in it was written by others: nothing in it may move the cursor. */
export const jsonText = (document: object): string =>
  JSON.stringify(document, null, 2).split('\n').map(escapedLine).join('');

/** One effect of a payload, with its details. */
export function effectText({ type, from, to, asset, amount, details = {} }: Effect): string {
  const line = [type, amount, asset, from && `from ${from}`, to && `to ${to}`].filter(Boolean).join(' ');
  const more = Object.entries(details).map(([name, value]) => `    ${name}: ${value}\n`);
  return `  - ${line}\n${more.join('')}`;
}
