/**
 * Security questions: the answers, written as people write them, made into bytes that come out the same another
 * day on another keyboard. The rule has a number, which is stored with the questions and never changes meaning.
 *
 * Rule 1, in this order: typographic apostrophes, quotation marks and dashes as on a typewriter; code points
 * without an appearance (Default_Ignorable_Code_Point) dropped; Unicode NFKC; upper case, then lower case, in no
 * language (so that Straße is STRASSE); NFKC again; white space of any kind and length one space, none outside.
 * @module
 */
import { type Bytes, lengthPrefixed, u8, utf8 } from '../bytes.ts';

export const answerRule = 1;
export const leastAnswers = 3;
export const mostAnswers = 10;
/** UTF-16 units, before the rule. */
export const longestAnswer = 200;

export type AnswerFault = 'too_few' | 'too_many' | 'empty' | 'too_long' | 'not_text' | 'same_twice';

/** One answer by rule 1. */
export const normaliseAnswer = (answer: string): string =>
  answer
    .replace(/[\u2018-\u201b\u2032\u02bc\u00b4\u0060]/g, "'")
    .replace(/[\u201c-\u201f\u2033\u00ab\u00bb]/g, '"')
    .replace(/[\u2010-\u2015\u2212]/g, '-')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .normalize('NFKC')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
    .replace(/\p{White_Space}+/gu, ' ')
    .replace(/^ | $/g, '');

/** What is wrong with them as new answers; undefined if nothing is. Given again later, they are not judged. */
export function answersFault(answers: readonly string[]): AnswerFault | undefined {
  if (answers.length < leastAnswers) return 'too_few';
  if (answers.length > mostAnswers) return 'too_many';
  if (answers.some(({ length }) => length > longestAnswer)) return 'too_long';
  // What this Unicode has not assigned may be normalised otherwise by the next.
  if (answers.some((answer) => !answer.isWellFormed() || /[\p{Cn}\p{Co}\p{Cc}]/u.test(answer)))
    return 'not_text';
  const normal = answers.map(normaliseAnswer);
  if (normal.includes('')) return 'empty';
  return new Set(normal).size < normal.length ? 'same_twice' : undefined;
}

/** What is stretched: rule number, then each answer behind its length, in the order of the questions. */
export const answersBytes = (answers: readonly string[]): Bytes =>
  lengthPrefixed(u8(answerRule), ...answers.map((answer) => utf8(normaliseAnswer(answer))));
