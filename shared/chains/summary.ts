/**
 * The sentence about a transaction. It has room for a few effects: when there are more, the grave ones and the
 * large amounts come first, so that nothing hides behind a row of trifles.
 * @module
 */
import type { Effect } from './intent.ts';

const room = 5;
const gravest: readonly Effect['type'][] = [
  'key',
  'account',
  'approve',
  'permit',
  'stake',
  'deploy',
  'call',
  'transfer',
];
/** What the sentence says elsewhere, or not at all. */
const silent: readonly Effect['type'][] = ['fee', 'note', 'warning', 'input', 'change'];

const rank = ({ type }: Effect): number => {
  const at = gravest.indexOf(type);
  return at < 0 ? gravest.length : at;
};
const amountOf = ({ amount = '0' }: Effect): bigint => (amount === 'unlimited' ? 2n ** 256n : BigInt(amount));

function byGravity(a: Effect, b: Effect): number {
  const [x, y] = [amountOf(a), amountOf(b)];
  return rank(a) - rank(b) || (x > y ? -1 : x < y ? 1 : 0);
}

/** `describe` makes half a sentence of one effect. */
export function summarise(effects: readonly Effect[], describe: (effect: Effect) => string): string {
  const acts = effects.filter(({ type }) => !silent.includes(type));
  if (acts.length <= room) return acts.map(describe).join('; ');
  const shown = acts.toSorted(byGravity).slice(0, room);
  return `${shown.map(describe).join('; ')}; and ${acts.length - room} more`;
}
