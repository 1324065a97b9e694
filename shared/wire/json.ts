/**
 * JSON as it may come from outside: one way to read it, or none. Size before anything else, strict UTF-8,
 * no member named twice, no `__proto__`, no lone surrogates, no number that a double would change.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import { CustodyError } from '../errors.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [member: string]: Json };

/** EIP-712 data and PSBTs stay far below. */
const deepest = 40;

const numberToken = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these.
const stringToken = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const blank = /[ \t\n\r]*/y;

const bad = (detail: string, at: number): CustodyError =>
  new CustodyError('json_invalid', `${detail}, at character ${at}`);

/**
 * @throws {CustodyError} `body_too_large` above `maxBytes` (nothing is parsed then); `json_invalid`.
 */
export function parseJson(bytes: Bytes, maxBytes: number): Json {
  if (bytes.length > maxBytes)
    throw new CustodyError(
      'body_too_large',
      `the body has ${bytes.length} bytes, at most ${maxBytes} are read`,
    );
  let text: string;
  try {
    // A byte order mark is not JSON: it is kept, and refused below.
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new CustodyError('json_invalid', 'the body is not UTF-8', { cause });
  }
  return parseText(text);
}

function parseText(text: string): Json {
  let at = 0;

  /** The token at the place, if the pattern matches exactly there. */
  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  }

  /** The next character that is not blank, not consumed. */
  function peek(): string {
    take(blank);
    return text.charAt(at);
  }

  function expect(character: string): void {
    if (peek() !== character) throw bad(`expected ${character}`, at);
    at++;
  }

  function parseString(): string {
    const start = at;
    const token = take(stringToken);
    if (token === undefined) throw bad('not a string', start);
    const value = JSON.parse(token) as string;
    if (!value.isWellFormed()) throw bad('half of a surrogate pair', start);
    return value;
  }

  function parseNumber(): number {
    const start = at;
    const token = take(numberToken);
    if (token === undefined) throw bad('not JSON', start);
    const value = Number(token);
    // Rounded, it would be another number than the one that was written.
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
      throw bad('write large numbers as strings', start);
    return value;
  }

  function parseObject(depth: number): Json {
    const members = new Map<string, Json>();
    at++;
    if (peek() === '}') {
      at++;
      return {};
    }
    for (;;) {
      if (peek() !== '"') throw bad('expected the name of a member', at);
      const start = at;
      const name = parseString();
      if (members.has(name)) throw bad('a member is named twice', start);
      // Assigning it would set a prototype in one program and a member in another.
      if (name === '__proto__') throw bad('a member may not have this name', start);
      expect(':');
      members.set(name, parseValue(depth + 1));
      if (peek() === '}') {
        at++;
        return Object.fromEntries(members);
      }
      expect(',');
    }
  }

  function parseArray(depth: number): Json {
    const elements: Json[] = [];
    at++;
    if (peek() === ']') {
      at++;
      return elements;
    }
    for (;;) {
      elements.push(parseValue(depth + 1));
      if (peek() === ']') {
        at++;
        return elements;
      }
      expect(',');
    }
  }

  function parseValue(depth: number): Json {
    if (depth > deepest) throw bad(`nested more than ${deepest} deep`, at);
    const first = peek();
    if (first === '{') return parseObject(depth);
    if (first === '[') return parseArray(depth);
    if (first === '"') return parseString();
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return value;
      }
    }
    return parseNumber();
  }

  const value = parseValue(1);
  if (peek() !== '') throw bad('something follows the value', at);
  return value;
}
