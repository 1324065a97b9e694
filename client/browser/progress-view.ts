/**
 * How far a check is, to be seen and heard.
 * @module
 */
import type { VerifyProgress } from '../../shared/audit/verify/verify.ts';
import { part } from './elements.ts';
import { nodeText, numberText } from './numbers.ts';

export function showProgress(): void {
  for (const node of ['node1', 'node2'] as const) {
    part(`${node}-progress`, HTMLProgressElement).value = 0;
    part(`${node}-read`).textContent = 'waiting';
  }
  part('running').hidden = false;
  part('running').scrollIntoView({ block: 'nearest' });
  part('status').textContent = 'Checking';
}

export function showRead({ node, read, size }: VerifyProgress): void {
  const share = size === 0 ? 1 : Math.min(1, read / size);
  part(`${node}-progress`, HTMLProgressElement).value = share;
  part(`${node}-read`).textContent = `${numberText(read)} of ${numberText(size)} records`;
  // Heard in quarters: not every number.
  const quarter = Math.floor(share * 4) * 25;
  const said = `${nodeText[node]}: ${quarter} %`;
  if (part('status').textContent !== said) part('status').textContent = said;
}
