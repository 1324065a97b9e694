/**
 * A policy in words, a line for each rule and permission, and what another one says instead.
 * @module
 */
import type { Permission, Policy, Quorum, Rule } from '../shared/policy/rules.ts';

const list = (names: readonly string[]): string => names.join(', ');
const quorum = ({ required, approvers }: Quorum): string => `${required} of ${list(approvers)}`;

function ruleWords(rule: Rule): string {
  switch (rule.kind) {
    case 'blockchains':
      return `only on ${list(rule.blockchains)}`;
    case 'kinds':
      return `only payloads of the kinds ${list(rule.kinds)}`;
    case 'assets':
      return `only these assets are spent: ${list(rule.assets)}`;
    case 'destinations':
      return `only to ${list(rule.destinations.map(({ blockchain, address }) => `${address} on ${blockchain}`))}`;
    case 'amount':
      return `at most ${rule.max} of ${rule.asset} at once`;
    case 'window': {
      const count = rule.count === undefined ? [] : [`${rule.count} operations`];
      const amount = rule.amount === undefined ? [] : [`${rule.amount}`];
      const what = [...amount, ...count].join(' and ');
      return `at most ${what} of ${rule.asset === '*' ? 'all assets' : rule.asset} in ${rule.seconds} s`;
    }
    case 'approvals': {
      const when = rule.asset === undefined ? 'always' : `above ${rule.above} of ${rule.asset}`;
      return `${when} with approvals: ${quorum(rule)}`;
    }
    case 'hours':
      return `only ${rule.periods.map(({ days, from, to }) => `${list(days)} ${from}-${to} UTC`).join('; ')}`;
  }
}

function permissionWords({ allow, ...more }: Permission): string {
  const details = Object.entries(more).map(([name, value]) => `${name} ${[value].flat().join(', ')}`);
  return details.length === 0 ? `allows ${allow}` : `allows ${allow}: ${details.join('; ')}`;
}

/** One line each. */
export const policyWords = ({ rules, allow, changes }: Policy): readonly string[] => [
  ...rules.map((rule) => `rule ${rule.id}: ${ruleWords(rule)}`),
  ...allow.map(permissionWords),
  changes === undefined ? 'changes with an Owner alone' : `changes with an Owner and ${quorum(changes)}`,
];

/** Lines of both: `-` of the old one only, `+` of the new one only. */
export function changeWords(before: readonly string[], after: readonly string[]): readonly string[] {
  const gone = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`);
  const kept = after.map((line) => `${before.includes(line) ? ' ' : '+'} ${line}`);
  return [...gone, ...kept];
}
