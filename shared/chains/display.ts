/**
 * Text that a person will read, made of parts that a stranger chose: nothing in it may move the cursor, turn
 * the direction of writing, or be invisible. The ranges are spelled out, not taken from the Unicode tables
 * of the runtime, so that both nodes and every client escape alike whatever their version.
 * @module
 */

/** First and last code point of each range that is written as `\u{…}`. */
const hidden: readonly (readonly [number, number])[] = [
  [0x00, 0x1f], // C0 controls
  [0x7f, 0x9f], // DEL and C1 controls
  [0xad, 0xad], // soft hyphen
  [0x34f, 0x34f], // combining grapheme joiner
  [0x600, 0x605], // Arabic number signs
  [0x61c, 0x61c], // Arabic letter mark
  [0x6dd, 0x6dd],
  [0x70f, 0x70f],
  [0x890, 0x891],
  [0x8e2, 0x8e2],
  [0x115f, 0x1160], // Hangul fillers
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f], // zero width, left-to-right and right-to-left marks
  [0x2028, 0x202e], // line and paragraph separators, bidirectional embeddings and overrides
  [0x2060, 0x206f], // word joiner, isolates
  [0x2800, 0x2800], // blank Braille pattern
  [0x3164, 0x3164],
  [0xd800, 0xf8ff], // lone surrogates, private use
  [0xfe00, 0xfe0f], // variation selectors
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xffff],
  [0x110bd, 0x110bd],
  [0x110cd, 0x110cd],
  [0x13430, 0x1345f],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0xe0000, 0x10ffff], // tags, supplementary private use
];

export const isHidden = (codePoint: number): boolean =>
  hidden.some(([first, last]) => codePoint >= first && codePoint <= last);

/** Injective: a backslash is doubled, what is hidden becomes `\u{hex}`. */
export function escapeText(s: string): string {
  let out = '';
  for (const c of s) {
    const point = c.codePointAt(0) ?? 0;
    if (c === '\\') out += '\\\\';
    else out += isHidden(point) ? `\\u{${point.toString(16)}}` : c;
  }
  return out;
}

/** Escaped, in quotes, and cut for a summary; the whole text stands in the effects. */
export function quoteText(s: string, limit = 120): string {
  const points = [...s];
  const head = escapeText(points.slice(0, limit).join(''));
  return points.length > limit ? `“${head}…”` : `“${head}”`;
}

/** An amount of smallest units as a decimal number of coins, without trailing zeros. */
export function formatUnits(amount: bigint, decimals: number): string {
  const digits = amount.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
