/**
 * What may be a PIN: 6 to 12 digits that are not among the first that somebody tries. Checked on the device,
 * which alone ever sees the PIN. A stolen device has ten tries, so what matters is the head of the list.
 * @module
 */
import { type Bytes, utf8 } from '../bytes.ts';
import { commonPins } from './common-pins.ts';

export const leastDigits = 6;
export const mostDigits = 12;

/** Why a PIN is refused. */
export type PinFault = 'not_digits' | 'too_short' | 'too_long' | 'repeated' | 'sequence' | 'date' | 'common';

/** For people. */
export const pinFaults: Readonly<Record<PinFault, string>> = {
  not_digits: 'Use digits only.',
  too_short: `Use at least ${leastDigits} digits.`,
  too_long: `Use at most ${mostDigits} digits.`,
  repeated: 'This repeats or mirrors a few digits: it would be tried early.',
  sequence: 'This counts up or down: it would be tried early.',
  date: 'This looks like a date: birthdays and anniversaries are tried early.',
  common: 'Many people have this PIN: it would be tried early.',
};

/** Full-width and other digits are the digits they stand for (Unicode NFKC). */
export const normalisePin = (pin: string): string => pin.normalize('NFKC');

/** What is stretched. The caller wipes it. */
export const pinBytes = (pin: string): Bytes => utf8(normalisePin(pin));

/** What is wrong with it as a new PIN; undefined if nothing is. An old PIN is not judged again. */
export function faultOf(pin: string): PinFault | undefined {
  const text = normalisePin(pin);
  if (!/^[0-9]*$/.test(text)) return 'not_digits';
  if (text.length < leastDigits) return 'too_short';
  if (text.length > mostDigits) return 'too_long';
  const digits = [...text].map(Number);
  if (isRepeated(text)) return 'repeated';
  if (isSequence(digits)) return 'sequence';
  if (isDate(text)) return 'date';
  return commonPins.includes(text) ? 'common' : undefined;
}

const reversed = (text: string): string => [...text].reverse().join('');

/** Two digits at most; a block again and again (123123); each digit doubled (112233); mirrored (123321). */
function isRepeated(text: string): boolean {
  if (new Set(text).size <= 2) return true;
  const blocks = [2, 3, 4, 5, 6].filter((n) => text.length % n === 0 && n < text.length);
  if (blocks.some((n) => text === text.slice(0, n).repeat(text.length / n))) return true;
  if (text.length % 2 !== 0) return false;
  return /^(?:(.)\1)+$/.test(text) || text === reversed(text);
}

/** Steps of one size throughout, modulo ten (135791); or more than half of it one run up or down (123489). */
function isSequence(digits: readonly number[]): boolean {
  const steps = digits.slice(1).map((digit, i) => (digit - (digits[i] ?? 0) + 10) % 10);
  if (new Set(steps).size === 1) return true;
  const longest = (step: number): number => {
    let [run, most] = [1, 1];
    for (const one of steps) {
      run = one === step ? run + 1 : 1;
      most = Math.max(most, run);
    }
    return most;
  };
  return Math.max(longest(1), longest(9)) * 2 > digits.length;
}

const daysOf = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const isDay = (month: string, day: string): boolean => {
  const days = daysOf[Number(month) - 1];
  return days !== undefined && Number(day) >= 1 && Number(day) <= days;
};
const isMonth = (month: string): boolean => Number(month) >= 1 && Number(month) <= 12;
const isYear = (year: string): boolean => Number(year) >= 1900 && Number(year) <= 2099;

/** A day of a year of two or four digits in any order that people write; in six digits also month and year. */
function isDate(text: string): boolean {
  const [a, b, c, d] = [text.slice(0, 2), text.slice(2, 4), text.slice(4, 6), text.slice(6)];
  if (text.length === 6)
    return (
      isDay(b, a) ||
      isDay(a, b) ||
      isDay(b, c) ||
      (isYear(a + b) && isMonth(c)) ||
      (isMonth(a) && isYear(b + c))
    );
  if (text.length !== 8) return false;
  return (isYear(c + d) && (isDay(b, a) || isDay(a, b))) || (isYear(a + b) && isDay(c, d));
}
