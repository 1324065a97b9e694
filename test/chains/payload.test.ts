import { describe, expect, jest, test } from '@jest/globals';
import { base64 } from '@scure/base';
import * as esbuild from 'esbuild';
import fc from 'fast-check';
import { fromHex, toHex } from '#shared/bytes.ts';
import { escapeText, isHidden, quoteText } from '#shared/chains/display.ts';
import { type Decoded, decodePayload, type SignPayload } from '#shared/chains/payload.ts';
import { CustodyError } from '#shared/errors.ts';
import { type Sample, samples } from '../support/engines/payloads.ts';

jest.setTimeout(60_000);
const total = process.env['SLOW'] === '1' ? 200_000 : 10_000;
const runs = Math.ceil(total / samples.length);
const allowed = { allowRawDigest: true };

/** The decoded payload, or undefined if it was refused as it should be. */
function attempt({ wallet }: Sample, payload: SignPayload): Decoded | undefined {
  try {
    return decodePayload(payload, wallet, allowed);
  } catch (e) {
    if (!(e instanceof CustodyError)) throw e;
    expect(['internal', 'protocol_abort']).not.toContain(e.code);
    // The last net of decodePayload: every parser is expected to have said what it could not read.
    expect(e.message).not.toBe('The payload cannot be decoded');
    return undefined;
  }
}

function everyString(value: unknown, check: (s: string) => void): void {
  if (typeof value === 'string') check(value);
  else if (typeof value === 'object' && value !== null)
    for (const [name, item] of Object.entries(value)) {
      check(name);
      everyString(item, check);
    }
  else throw new Error(`an intent holds a ${typeof value}`);
}

/** What holds for everything that is decoded. */
function checkDecoded(decoded: Decoded): void {
  everyString(decoded.intent, (s) => {
    for (const c of s)
      if (isHidden(c.codePointAt(0) ?? 0)) throw new Error(`hidden character in ${JSON.stringify(s)}`);
  });
  expect(decoded.intent.summary.length).toBeGreaterThan(0);
  expect(decoded.intent.effects.length).toBeGreaterThan(0);
  expect(decoded.toSign.length).toBeGreaterThan(0);
  expect(decoded.payloadDigest).toHaveLength(32);
  for (const { algorithm, bytes, path } of decoded.toSign) {
    if (algorithm !== 'eddsa') expect(bytes).toHaveLength(32);
    expect(path).toMatch(/^m\/(44|84|86|501|397)\/[01]\/[0-9]+$/);
  }
}

/** Bytes behind a member: hex or base64, as the member has it. */
function codecOf({ payload }: Sample) {
  const { transaction, messageHex, psbt, digest } = payload;
  const text = transaction ?? messageHex ?? psbt ?? digest;
  if (text === undefined) return undefined;
  const member = (['transaction', 'messageHex', 'psbt', 'digest'] as const).find(
    (m) => payload[m] !== undefined,
  );
  const prefix = text.startsWith('0x') ? '0x' : '';
  const hex = prefix !== '' || member === 'digest' || member === 'messageHex';
  return {
    bytes: hex ? fromHex(text.slice(prefix.length)) : base64.decode(text),
    with: (b: Uint8Array): SignPayload => ({
      ...payload,
      [member ?? '']: hex ? prefix + toHex(b) : base64.encode(b),
    }),
  };
}

const edit = fc.oneof(
  fc.record({ op: fc.constant('set' as const), at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ op: fc.constant('flip' as const), at: fc.nat(), value: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ op: fc.constant('insert' as const), at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ op: fc.constant('remove' as const), at: fc.nat(), value: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ op: fc.constant('repeat' as const), at: fc.nat(), value: fc.integer({ min: 1, max: 40 }) }),
);
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

function apply(bytes: Uint8Array, { op, at, value }: Edit): Uint8Array {
  const list = [...bytes];
  const i = at % (list.length + 1);
  if (op === 'set') list[i] = value;
  if (op === 'flip') list[i] = (list[i] ?? 0) ^ (1 << value);
  if (op === 'insert') list.splice(i, 0, value);
  if (op === 'remove') list.splice(i, value);
  if (op === 'repeat') list.splice(i, 0, ...list.slice(i, i + value));
  return Uint8Array.from(list);
}

const hostile: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  2 ** 53,
  '',
  '0x',
  '-1',
  '0x8',
  'uint256',
  'uint7',
  'A[]',
  '[',
  '\u202e',
  '__proto__',
  'constructor',
  [],
  {},
  [[]],
  'x'.repeat(300),
  { a: { b: {} } },
  '99999999999999999999999999999999999999999999999999999999999999999999999999999999',
];
/** Replaces the n-th value met on a walk through JSON. */
function replaceNth(value: unknown, n: { left: number }, by: unknown): unknown {
  if (n.left-- === 0) return by;
  if (Array.isArray(value)) return value.map((item) => replaceNth(item, n, by));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, replaceNth(v, n, by)]));
  return value;
}

describe.each(samples.map((sample) => [sample.name, sample] as const))('%s', (_, sample) => {
  test('decodes, twice alike', () => {
    const decoded = decodePayload(sample.payload, sample.wallet, allowed);
    checkDecoded(decoded);
    expect(decodePayload(structuredClone(sample.payload), sample.wallet, allowed)).toEqual(decoded);
  });

  test('changed anyhow, it is decoded or refused, and nothing else is thrown', () => {
    const codec = codecOf(sample);
    const { payload } = sample;
    const changed: fc.Arbitrary<SignPayload> =
      codec === undefined
        ? fc
            .tuple(fc.nat({ max: 60 }), fc.constantFrom(...hostile))
            .map(([left, by]) => replaceNth(payload, { left }, by) as SignPayload)
        : fc
            .array(edit, { minLength: 1, maxLength: 3 })
            .map((edits) => codec.with(edits.reduce(apply, codec.bytes)));
    const original = decodePayload(payload, sample.wallet, allowed);
    fc.assert(
      fc.property(changed, (mutant) => {
        const decoded = attempt(sample, mutant);
        if (decoded === undefined) return;
        checkDecoded(decoded);
        // One reading for each byte string: other bytes, other signature. (A PSBT carries more than is signed.)
        if (payload.kind === 'transaction' && JSON.stringify(mutant) !== JSON.stringify(payload))
          expect(toHex(decoded.toSign[0]?.bytes ?? new Uint8Array())).not.toBe(
            toHex(original.toSign[0]?.bytes ?? new Uint8Array()),
          );
      }),
      { numRuns: runs },
    );
  });

  test('any text in its place', () => {
    const { payload } = sample;
    const member = Object.keys(payload).find((name) => name !== 'kind' && name !== 'blockchain') ?? '';
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.base64String(),
      fc.jsonValue(),
      fc.constant('0x'),
    );
    fc.assert(
      fc.property(value, (v) => {
        const decoded = attempt(sample, { ...payload, [member]: v });
        if (decoded !== undefined) checkDecoded(decoded);
      }),
      { numRuns: 50 },
    );
  });
});

test('what a person reads: nothing hidden, nothing ambiguous', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(text, text, (a, b) => {
      for (const c of escapeText(a)) expect(isHidden(c.codePointAt(0) ?? 0)).toBe(false);
      if (a !== b) expect(escapeText(a)).not.toBe(escapeText(b));
    }),
  );
  expect(escapeText('a\u202eb\u0000\u200d\ud83d\ude00\ufeff\u2066\\')).toBe(
    'a\\u{202e}b\\u{0}\\u{200d}\ud83d\ude00\\u{feff}\\u{2066}\\\\',
  );
  expect(quoteText('x'.repeat(200))).toBe(`“${'x'.repeat(120)}…”`);
});

test('the folder fits a browser: below 600 kB, and nothing of Node', async () => {
  const { outputFiles, metafile } = await esbuild.build({
    entryPoints: ['shared/chains/payload.ts'],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    metafile: true,
  });
  expect(outputFiles[0]?.contents.length).toBeLessThan(600_000);
  expect(Object.keys(metafile.inputs).filter((name) => /shared\/mpc|aws-sdk|zod/.test(name))).toEqual([]);
});
