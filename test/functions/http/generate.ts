/**
 * Values that fit a JSON Schema, and values that differ from a fitting one in exactly one way.
 * @module
 */
import fc from 'fast-check';
import type { Schema } from './document.ts';

export type Json = any;

/** Any JSON that this API reads: no numbers that a double would change, no `__proto__`. */
const anything = (maxDepth: number): fc.Arbitrary<Json> =>
  fc
    .jsonValue({ maxDepth })
    .filter((value) => !JSON.stringify(value).includes('__proto__'))
    .map((value) =>
      JSON.parse(JSON.stringify(value), (_, v) =>
        typeof v === 'number' && Number.isInteger(v) ? v % 1e9 : v,
      ),
    );

const printable = fc.string({ unit: 'grapheme', maxLength: 60 });

/** Any value of the schema: of its types, lengths, patterns and members. */
export function valuesOf(schema: Schema, depth = 0): fc.Arbitrary<Json> {
  if (schema['const'] !== undefined) return fc.constant(schema['const']);
  if (schema['enum']) return fc.constantFrom(...schema['enum']);
  const some = schema['anyOf'] ?? schema['oneOf'];
  if (some) return fc.oneof(...some.map((one: Schema) => valuesOf(one, depth)));
  switch (schema['type']) {
    case 'string':
      return stringsOf(schema);
    case 'integer':
    case 'number':
      return fc.integer({
        min: Math.max(schema['minimum'] ?? 0, -1e9),
        max: Math.min(schema['maximum'] ?? 1e6, 1e9),
      });
    case 'boolean':
      return fc.boolean();
    case 'array':
      return listsOf(schema, depth);
    case 'object':
      return objectsOf(schema, depth);
    default:
      return anything(2);
  }
}

function listsOf({ items = {}, minItems = 0, maxItems = 3, uniqueItems }: Schema, depth: number) {
  const item = valuesOf(items, depth + 1);
  const lengths = { minLength: minItems, maxLength: Math.min(maxItems, minItems + 3) };
  return uniqueItems ? fc.uniqueArray(item, lengths) : fc.array(item, lengths);
}

function stringsOf({
  pattern,
  minLength = 0,
  maxLength = pattern ? 10_000 : 80,
  format,
}: Schema): fc.Arbitrary<string> {
  const fits = (text: string) => [...text].length >= minLength && text.length <= maxLength;
  if (format === 'date-time')
    return fc
      .date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString());
  if (pattern) {
    const whole = new RegExp(pattern, 'u');
    // What must not follow is looked at afterwards: fast-check has no look-ahead.
    const loose = new RegExp(pattern.replace(/\(\?![^)]*\)/g, ''), 'u');
    return fc.stringMatching(loose).filter((text) => whole.test(text) && fits(text));
  }
  return printable.filter(fits);
}

function objectsOf({ properties = {}, required = [], additionalProperties }: Schema, depth: number) {
  const known = Object.fromEntries(
    Object.entries<Schema>(properties).map(([name, member]) => [name, valuesOf(member, depth + 1)]),
  );
  const object = fc.record(known, { requiredKeys: required });
  if (additionalProperties === false || depth > 2) return object;
  const more = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), anything(1), { maxKeys: 2 });
  return fc.tuple(more, object).map(([a, b]) => ({ ...a, ...b }));
}

/** One way in which a value does not fit any more. */
export interface Violation {
  /** RFC 6901 pointer and what is wrong there. */
  readonly name: string;
  readonly value: Json;
}

const others: readonly Json[] = [null, true, 7, 'x', [], {}];
const typeOf = (value: Json): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'array'
      : Number.isInteger(value)
        ? 'integer'
        : typeof value;

/** Every violation of the schema that this value lends itself to. */
export function violationsOf(schema: Schema, value: Json, pointer = ''): readonly Violation[] {
  const here = (what: string, changed: Json): Violation => ({
    name: `${pointer || '/'} ${what}`,
    value: changed,
  });
  const found: Violation[] = [];
  const types: readonly string[] = schema['type'] ? [schema['type']].flat() : [];
  if (types.length > 0)
    for (const other of others)
      if (!types.includes(typeOf(other)) && !(types.includes('number') && typeOf(other) === 'integer'))
        found.push(here(`is ${typeOf(other)}`, other));
  if (schema['const'] !== undefined || schema['enum'])
    found.push(here('is none of the list', 'none-of-these'));
  if (typeof value === 'string') found.push(...ofText(schema, here));
  if (typeof value === 'number') {
    const { minimum, maximum } = schema;
    if (minimum !== undefined) found.push(here('is too small', minimum - 1));
    if (maximum !== undefined && maximum < 2 ** 53 - 1) found.push(here('is too large', maximum + 1));
    found.push(here('is a fraction', 1.5));
  }
  if (Array.isArray(value)) found.push(...ofList(schema, value, pointer, here));
  else if (typeof value === 'object' && value !== null) found.push(...ofObject(schema, value, pointer, here));
  return found;
}

type Here = (what: string, changed: Json) => Violation;

function ofText({ maxLength, minLength, pattern, format }: Schema, here: Here): Violation[] {
  const found: Violation[] = [];
  if (maxLength !== undefined) found.push(here('is too long', 'x'.repeat(maxLength + 1)));
  if (minLength > 0) found.push(here('is too short', ''));
  if (pattern !== undefined) {
    const bad = ['\u0000', '!', 'x '].find((text) => !new RegExp(pattern, 'u').test(text));
    if (bad !== undefined) found.push(here('has other characters', bad));
  }
  if (format === 'date-time') found.push(here('is no time', '2026-13-01T00:00:00Z'));
  return found;
}

function ofList(schema: Schema, value: readonly Json[], pointer: string, here: Here): Violation[] {
  const found: Violation[] = [];
  const [first] = value;
  if (schema['minItems'] > 0) found.push(here('is empty', []));
  if (schema['maxItems'] !== undefined && first !== undefined)
    found.push(
      here(
        'is too long',
        Array.from({ length: schema['maxItems'] + 1 }, () => first),
      ),
    );
  if (schema['uniqueItems'] && first !== undefined) found.push(here('names one twice', [first, first]));
  if (first !== undefined)
    for (const { name, value: changed } of violationsOf(schema['items'] ?? {}, first, `${pointer}/0`))
      found.push({ name, value: [changed, ...value.slice(1)] });
  return found;
}

function ofObject(schema: Schema, value: Json, pointer: string, here: Here): Violation[] {
  const found: Violation[] = [];
  for (const name of schema['required'] ?? []) {
    const { [name]: _, ...rest } = value;
    found.push(here(`lacks ${name}`, rest));
  }
  if (schema['additionalProperties'] === false)
    for (const name of ['surprise', 'constructor', 'toString'])
      found.push(here(`has a member ${name}`, { ...value, [name]: 'x' }));
  for (const [name, member] of Object.entries<Schema>(schema['properties'] ?? {}))
    if (Object.hasOwn(value, name))
      for (const inner of violationsOf(member, value[name], `${pointer}/${name}`))
        found.push({ name: inner.name, value: { ...value, [name]: inner.value } });
  return found;
}
