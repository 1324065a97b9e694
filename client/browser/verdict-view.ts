/**
 * The verdict in words. Whatever comes from the export is written as text, with what is invisible made visible.
 * @module
 */
import type { Finding } from '../../shared/audit/verify/findings.ts';
import { nodes } from '../../shared/audit/verify/formats.ts';
import type { Pins, Verdict } from '../../shared/audit/verify/verify.ts';
import { escapeText } from '../../shared/chains/display.ts';
import { made, part } from './elements.ts';
import { findingWords } from './finding-words.ts';
import { nodeText, numberText } from './numbers.ts';
import type { PinTexts } from './pins.ts';

/** As many findings as a verdict holds at most. */
const mostFindings = 100;

function around(tag: string, ...children: readonly HTMLElement[]): HTMLElement {
  const element = document.createElement(tag);
  element.append(...children);
  return element;
}

function meaningOf({ ok, findings }: Verdict): string {
  if (ok)
    return 'Every record up to the checkpoints is there, as its node signed for it and the other node witnessed it; and the two logs agree on what took effect.';
  const count = findings.length;
  const many =
    count >= mostFindings ? `These are the first ${count} findings` : `There are ${count} findings`;
  return `Do not rely on it. ${count === 1 ? 'There is one finding' : many}.`;
}

function findingItem({ code, file, detail }: Finding): HTMLElement {
  const where = around('p', made('code', code, 'code'), made('code', escapeText(file), 'file'));
  where.className = 'where';
  return around('li', where, made('p', findingWords[code]), made('p', escapeText(detail), 'detail'));
}

function logRow({ node, size, cosigned }: Verdict['logs'][number]): HTMLElement {
  const head = made('th', nodeText[node]);
  head.setAttribute('scope', 'row');
  return around('tr', head, made('td', numberText(size)), made('td', timeText(cosigned)));
}

function keptText({ ok }: Verdict, known: readonly string[]): string {
  if (known.length === 0) return 'none: a past that both nodes rewrote together would not be noticed';
  return `of ${known.join(' and of ')}${ok ? ': continued by this export' : ''}`;
}

function undecidedText({ logs, undecided }: Verdict): string {
  if (logs.length < nodes.length)
    return 'the two logs were not compared: that takes both as they were signed';
  if (undecided === 0) return 'nothing';
  const what = undecided === 1 ? '1 effect or promise' : `${numberText(undecided)} effects or promises`;
  return `${what} too young for the other log to have to know`;
}

/** @param when the check ended */
export function showVerdict(verdict: Verdict, pins: PinTexts, kept: Pins['kept'], when: Date): void {
  const { ok, findings, logs } = verdict;
  const { organization, node1, node2 } = pins;
  const known = nodes.filter((node) => kept?.[node] !== undefined);
  part('result').className = `panel ${ok ? 'ok' : 'broken'}`;
  part('verdict').textContent = ok ? 'Both logs hold' : 'This export does not hold';
  part('meaning').textContent = meaningOf(verdict);
  part('findings').replaceChildren(...findings.map(findingItem));
  part('logs').hidden = logs.length === 0;
  part('log-rows').replaceChildren(...logs.map(logRow));
  const facts = [
    ['Organization', escapeText(organization)],
    [
      'Kept checkpoints',
      keptText(
        verdict,
        known.map((node) => nodeText[node]),
      ),
    ],
    ['Undecided', undecidedText(verdict)],
    ['Checked', timeText(Math.floor(when.getTime() / 1_000))],
  ] as const;
  part('facts').replaceChildren(...facts.flatMap(([name, value]) => [made('dt', name), made('dd', value)]));
  const checked = when.toISOString();
  offerJson({ organization, identities: { node1, node2 }, kept: known, checked, verdict });
  part('result').hidden = false;
  part('result').scrollIntoView();
  part('verdict').focus({ preventScroll: true });
}

/** A file to keep with the papers of an audit; the next one can be filled in from it. */
function offerJson(value: object): void {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  part('save').onclick = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    link.download = 'audit-verdict.json';
    link.click();
    URL.revokeObjectURL(link.href);
  };
}

/** @param seconds since the epoch */
function timeText(seconds: number): string {
  const date = new Date(seconds * 1_000);
  // A cosignature that holds may still say any time.
  if (Number.isNaN(date.getTime())) return `${seconds} s after 1970`;
  return date.toISOString().replace('T', ' ').replace('.000Z', ' UTC');
}
