import { createCipheriv, createHmac, hkdfSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { memoryKeyService } from '../../functions/adapters/memory.ts';
import { nodeIdentity } from '../../functions/channel/identity.ts';
import { type Bytes, concat, lengthPrefixed, toHex, u8, u32be, utf8 } from '../../shared/bytes.ts';
import { defaultProfile, isProfile, profiles } from '../../shared/crypto/argon2id.ts';
import { generateHpkeKey } from '../../shared/crypto/hpke.ts';
import { evaluate, generateVoprfKey } from '../../shared/crypto/voprf.ts';
import {
  answerRule,
  answersBytes,
  answersFault,
  leastAnswers,
  longestAnswer,
  mostAnswers,
  normaliseAnswer,
} from '../../shared/custody/answers.ts';
import { commonPins } from '../../shared/custody/common-pins.ts';
import {
  evaluationKeyDocument,
  openEvaluationKey,
  openSealingKey,
  sealingKeyDocument,
  sealingKeyId,
} from '../../shared/custody/evaluation-key.ts';
import { labels } from '../../shared/custody/labels.ts';
import { answersSecret, blindAnswers, blindPin, pinKeys } from '../../shared/custody/pin.ts';
import { pinLabels } from '../../shared/custody/pin-labels.ts';
import { faultOf, mostDigits, normalisePin, pinFaults } from '../../shared/custody/pin-rules.ts';
import { wipeKeys, wrapKeys } from '../../shared/custody/wrap-keys.ts';
import { DoesNotOpen, unwrapSecret, wrappedBytes, wrapSecret } from '../../shared/custody/wrapped-secret.ts';
import { tags } from '../../shared/mpc/tags.ts';
import { seededRandom } from '../support/random.ts';
import { customer, device, pinName, quickStretch, random, scopeOf } from './support.ts';

const slow = process.env['SLOW'] === '1';
const flipped = (bytes: Bytes, i: number): Bytes => bytes.map((b, j) => (i === j ? b ^ 1 : b));
const arbitrary32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('a new PIN', () => {
  const refused: Readonly<Record<keyof typeof pinFaults, readonly string[]>> = {
    not_digits: ['12345a', '12 3456', '1234567x', '-123456', '𝔸12345', '¼23456'],
    too_short: ['', '1', '92745'],
    too_long: ['9274518362741'],
    repeated: ['000000', '121212', '122122', '123123', '112233', '123321', '12341234', '12344321', '7777777'],
    sequence: [
      '123456',
      '654321',
      '890123',
      '135791',
      '246802',
      '123489',
      '912345',
      '98765432',
      '012345678901',
    ],
    date: ['311299', '123199', '991231', '290200', '199912', '121999', '31121999', '12311999', '19991231'],
    common: ['159753', '147258', '31415926', '753951'],
  };

  test.each(Object.entries(refused))('is refused as %s, with words for people', (fault, pins) => {
    expect(pins.map((pin) => [pin, faultOf(pin)])).toEqual(pins.map((pin) => [pin, fault]));
    expect(pinFaults[fault as keyof typeof pinFaults]).toMatch(/\.$/);
  });

  test('is taken otherwise', () => {
    for (const pin of ['927451', '130013', '350472', '703000', '4170938', '66027419', '905817264083'])
      expect([pin, faultOf(pin)]).toEqual([pin, undefined]);
    expect(mostDigits).toBe(12);
  });

  test('nine of ten PINs of six digits are taken', () => {
    // 43 divides no small 10^n - 1: the sample falls on no pattern of the digits.
    const [step, counted] = slow ? [1, 1_000_000] : [43, 23_256];
    let [taken, all] = [0, 0];
    for (let n = 0; n < 1_000_000; n += step, all++)
      if (faultOf(String(n).padStart(6, '0')) === undefined) taken++;
    expect(all).toBe(counted);
    expect(taken / all).toBeGreaterThan(0.9);
    expect(taken / all).toBeLessThan(0.908);
  });

  test('the list holds only what no rule refuses anyway, each once', () => {
    expect(new Set(commonPins).size).toBe(commonPins.length);
    expect(commonPins.filter((pin) => !/^[0-9]{6,12}$/.test(pin) || faultOf(pin) !== 'common')).toEqual([]);
  });

  test('digits of other scripts count as what NFKC makes of them', () => {
    expect(normalisePin('９２７４５１')).toBe('927451');
    expect(faultOf('９２７４５１')).toBeUndefined();
    expect(faultOf('１２３４５６')).toBe('sequence');
  });
});

describe('a wrapped secret', () => {
  const secret = random(32);
  const scope = scopeOf(3);
  const keys = () => wrapKeys(pinLabels.pin, [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)], scope);

  test('is what the documents say, computed with other tools', async () => {
    const fields = [utf8(customer), utf8(device), u32be(3)];
    const info = lengthPrefixed(utf8('planbok/v1/pin'), ...fields);
    const ikm = concat(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2));
    const okm = new Uint8Array(hkdfSync('sha256', ikm, new Uint8Array(), info, 64));
    const nonce = seededRandom('nonce')(12);
    const cipher = createCipheriv('aes-256-gcm', okm.subarray(0, 32), nonce);
    cipher.setAAD(lengthPrefixed(utf8('planbok/v1/wrapped-secret'), ...fields));
    const body = concat(u8(1), nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag());
    const expected = concat(body, createHmac('sha256', okm.subarray(32)).update(body).digest());
    const wrapped = await wrapSecret(keys(), scope, secret, seededRandom('nonce'));
    expect(toHex(wrapped)).toBe(toHex(expected));
    expect(wrapped).toHaveLength(wrappedBytes);
    expect(await unwrapSecret(keys(), scope, wrapped)).toEqual(secret);
  });

  test('opens under its keys, for its customer, device and version, unchanged; else one error, whatever it was', async () => {
    const wrapped = await wrapSecret(keys(), scope, secret, random);
    const failures = await Promise.all(
      [
        ...Array.from({ length: wrappedBytes }, (_, i) => [keys(), scope, flipped(wrapped, i)] as const),
        [keys(), { ...scope, customer: 'cus_tesd' }, wrapped] as const,
        [keys(), { ...scope, device: '' }, wrapped] as const,
        [keys(), { ...scope, version: 2 }, wrapped] as const,
        [{ ...keys(), encrypt: new Uint8Array(32) }, scope, wrapped] as const,
        [{ ...keys(), commit: new Uint8Array(32) }, scope, wrapped] as const,
        [keys(), scope, wrapped.subarray(1)] as const,
        [keys(), scope, new Uint8Array()] as const,
        [keys(), scope, concat(wrapped, u8(0))] as const,
      ].map(([under, of, bytes]) =>
        unwrapSecret(under, of, bytes).then(
          () => 'opened',
          (error: Error) => `${error instanceof DoesNotOpen} ${error.message} ${String(error.cause)}`,
        ),
      ),
    );
    expect(new Set(failures)).toEqual(new Set(['true the secret does not open undefined']));
  });

  test('commits to its keys: a ciphertext whose tag fits another key is refused by the HMAC alone', async () => {
    // Encrypted under key A, bearing the HMAC of B: GCM would open it for who has A.
    const a = keys();
    const b = wrapKeys(pinLabels.pin, [new Uint8Array(32), new Uint8Array(32).fill(2)], scope);
    const crossed = await wrapSecret({ encrypt: a.encrypt, commit: b.commit }, scope, secret, random);
    await expect(unwrapSecret(a, scope, crossed)).rejects.toThrow(DoesNotOpen);
    await expect(unwrapSecret(b, scope, crossed)).rejects.toThrow(DoesNotOpen);
  });

  test('has a fresh nonce each time, and one size', async () => {
    const both = [
      await wrapSecret(keys(), scope, secret, random),
      await wrapSecret(keys(), scope, secret, random),
    ];
    expect(both.map(({ length }) => length)).toEqual([wrappedBytes, wrappedBytes]);
    expect(both[0]?.subarray(1, 13)).not.toEqual(both[1]?.subarray(1, 13));
    await expect(wrapSecret(keys(), scope, random(31), random)).rejects.toThrow(RangeError);
  });

  test('its keys depend on everything: both secrets in their order, label, customer, device, version', () => {
    fc.assert(
      fc.property(
        arbitrary32,
        arbitrary32,
        fc.string(),
        fc.string({ minLength: 1 }),
        fc.nat(),
        (a, b, of, on, version) => {
          fc.pre(toHex(a) !== toHex(b));
          const base = { customer: of, device: on, version };
          const all = [
            wrapKeys(pinLabels.pin, [a, b], base),
            wrapKeys(pinLabels.pin, [b, a], base),
            wrapKeys(pinLabels.pin, [a, flipped(b, 31)], base),
            wrapKeys(pinLabels.deviceAndMail, [a, b], base),
            wrapKeys(pinLabels.pin, [a, b], { ...base, customer: `${of}x` }),
            wrapKeys(pinLabels.pin, [a, b], { ...base, customer: `${of}x`, device: on.slice(1) }),
            wrapKeys(pinLabels.pin, [a, b], { ...base, device: `${on}x` }),
            wrapKeys(pinLabels.pin, [a, b], { ...base, version: version + 1 }),
          ].flatMap(({ encrypt, commit }) => [toHex(encrypt), toHex(commit)]);
          expect(new Set(all).size).toBe(all.length);
        },
      ),
      { numRuns: 50 },
    );
    expect(() => wrapKeys(pinLabels.pin, [random(31), random(33)], scope)).toThrow(RangeError);
    const wiped = keys();
    wipeKeys(wiped);
    expect(toHex(concat(wiped.encrypt, wiped.commit))).toBe('00'.repeat(64));
  });

  test('labels are distinct, and none begins another; nor is one used elsewhere', () => {
    const all = Object.values(pinLabels);
    const elsewhere: readonly string[] = [...Object.values(labels), ...Object.values(tags)];
    expect(all.filter((label) => elsewhere.includes(label))).toEqual([]);
    const clashes = all.filter((a, i) => all.some((b, j) => i !== j && b.startsWith(a)));
    expect(clashes).toEqual([]);
  });
});

describe('a PIN, from end to end', () => {
  const how = { stretch: quickStretch, profile: defaultProfile, salt: random(32), random };
  const key = generateVoprfKey(random);
  const keysOf = async (pin: string, changes: Partial<typeof how> = {}, answering = key) => {
    const blinded = await blindPin(pin, { ...how, ...changes });
    return pinKeys(blinded, evaluate(answering, blinded.blinded, random), answering.publicKey, scopeOf(1));
  };

  test('the same PIN and salt and key give the same keys; another of the three gives others', async () => {
    const first = toHex((await keysOf('927451')).encrypt);
    expect(toHex((await keysOf('９２７４５１')).encrypt)).toBe(first);
    const others = await Promise.all([
      keysOf('927452'),
      keysOf('927451', { salt: random(32) }),
      keysOf('927451', { profile: 2 as never }),
      keysOf('927451', {}, generateVoprfKey(random)),
    ]);
    for (const other of others) expect(toHex(other.encrypt)).not.toBe(first);
  });

  test('an answer under a key that Node 2 did not attest is an attack, not a wrong PIN; secrets are wiped', async () => {
    const blinded = await blindPin('927451', how);
    const own = generateVoprfKey(random);
    const byNode1 = evaluate(own, blinded.blinded, random);
    expect(() => pinKeys(blinded, byNode1, key.publicKey, scopeOf(1))).toThrow('attested');
    expect(toHex(concat(blinded.input, blinded.blind))).toBe('00'.repeat(64));
    const good = await blindPin('927451', how);
    pinKeys(good, evaluate(key, good.blinded, random), key.publicKey, scopeOf(1));
    expect(toHex(concat(good.input, good.blind))).toBe('00'.repeat(64));
  });

  test('answers lead to one recovery secret, however they are typed', async () => {
    const secretOf = async (answers: readonly string[]) => {
      const blinded = await blindAnswers(answers, how);
      const evaluation = evaluate(key, blinded.blinded, random);
      return toHex(answersSecret(blinded, evaluation, key.publicKey, { customer, device: '', version: 1 }));
    };
    const first = await secretOf(['Straße 5', 'Rex', 'O’Brien']);
    expect(await secretOf([' STRASSE   5', 'rex ', "o'brien"])).toBe(first);
    expect(await secretOf(['Straße 5', 'Rex', 'OBrien'])).not.toBe(first);
    expect(await secretOf(['Rex', 'Straße 5', 'O’Brien'])).not.toBe(first);
  });

  test('profiles are known by number', () => {
    expect(Object.keys(profiles).map(Number).every(isProfile)).toBe(true);
    for (const other of [0, 3, '1', undefined, 1.5]) expect(isProfile(other)).toBe(false);
  });
});

describe('answers to security questions, rule 1', () => {
  test.each([
    ['Straße', 'STRASSE', 'strasse'],
    ['  New   York\u00a0City ', 'new york\tcity', 'new york city'],
    ['ﬁnal Å', 'FINAL A\u030a', 'final å'],
    ['O’Brien', 'o´brien', "o'brien"],
    ['“Rex”', '"REX"', '"rex"'],
    ['Anna–Lena', 'anna‑lena', 'anna-lena'],
    ['ΟΔΟΣ', 'οδος', 'οδος'],
    ['Ｒｅｘ', 'Rex', 'rex'],
    ['soft\u00adhyphen\u200b', 'softhyphen', 'softhyphen'],
    ['ǅ', 'Ǆ', 'dž'],
    ['é', 'e\u0301', 'é'],
    ['한글', '\u1112\u1161\u11ab\u1100\u1173\u11af', '한글'],
    ['\u3000東京\u3000', '東京', '東京'],
    ['👩\u200d🚀', '👩🚀', '👩🚀'],
  ])('%j and %j are one: %j', (a, b, normal) => {
    expect([normaliseAnswer(a), normaliseAnswer(b)]).toEqual([normal, normal]);
  });

  // The rule is in no language: in Turkish these would be one.
  test('a dotted capital I is not an i', () => {
    expect(normaliseAnswer('İzmir')).not.toBe(normaliseAnswer('izmir'));
    expect(normaliseAnswer('IZMIR')).toBe('izmir');
  });

  test('normal answers stay as they are', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    fc.assert(
      fc.property(text, (answer) => {
        fc.pre(answersFault([answer, 'b', 'c']) !== 'not_text');
        const normal = normaliseAnswer(answer);
        expect(normaliseAnswer(normal)).toBe(normal);
      }),
      { numRuns: slow ? 100_000 : 1_000 },
    );
  });

  test('what is stretched says where one answer ends, and which rule made it', () => {
    expect(toHex(answersBytes(['a b', 'c', 'd']))).not.toBe(toHex(answersBytes(['a', 'b c', 'd'])));
    expect(toHex(answersBytes(['x', 'y', 'z']))).toBe(
      toHex(lengthPrefixed(u8(answerRule), utf8('x'), utf8('y'), utf8('z'))),
    );
  });

  test('new answers are three to ten different texts', () => {
    const good = ['Rex', 'Blue', 'Ada'];
    expect(answersFault(good)).toBeUndefined();
    expect(answersFault(good.slice(1))).toBe('too_few');
    expect(answersFault(Array.from({ length: mostAnswers + 1 }, (_, i) => `a${i}`))).toBe('too_many');
    expect(answersFault([...good, 'REX '])).toBe('same_twice');
    expect(answersFault([...good, ' \u200b'])).toBe('empty');
    expect(answersFault([...good, 'x'.repeat(longestAnswer + 1)])).toBe('too_long');
    for (const odd of ['a\u0000', '\ud800', '\u{e000}x', '\u{10ffff}'])
      expect(answersFault([...good, odd])).toBe('not_text');
    expect(leastAnswers).toBe(3);
  });
});

describe('attested keys of Node 2', () => {
  const nowMs = 1_800_000_000_000;
  const speaking = async (node: 'node1' | 'node2', service = memoryKeyService()) => {
    const voice = await nodeIdentity(node, { keys: service, clock: () => nowMs, random }).voice();
    return { voice, identity: await service.identity() };
  };

  test('a VOPRF key is taken if Node 2 says that it is of this use, customer, device and version', async () => {
    const { voice, identity } = await speaking('node2');
    const { publicKey } = generateVoprfKey(random);
    const expected = { ...pinName, version: 2 };
    const attested = voice.attest(evaluationKeyDocument(pinName, 2, publicKey, nowMs));
    expect(openEvaluationKey(attested, expected, identity)).toEqual(publicKey);
    for (const other of [
      { ...expected, use: 'answers' as const },
      { ...expected, customer: 'cus_other' },
      { ...expected, device: 'key_other' },
      { ...expected, version: 1 },
    ])
      expect(() => openEvaluationKey(attested, other, identity)).toThrow('a key for something else');
    const changed = {
      ...attested,
      document: { ...attested.document, publicKey: attested.document.publicKey.replace(/..$/, 'AA') },
    };
    expect(() => openEvaluationKey(changed, expected, identity)).toThrow();
    const short = voice.attest(evaluationKeyDocument(pinName, 2, publicKey.subarray(1), nowMs));
    expect(() => openEvaluationKey(short, expected, identity)).toThrow('not a key');
  });

  test('Node 1, which has an identity of its own and any key it likes, is not believed', async () => {
    const { identity } = await speaking('node2');
    const own = evaluationKeyDocument(pinName, 2, generateVoprfKey(random).publicKey, nowMs);
    const expected = { ...pinName, version: 2 };
    const asItself = (await speaking('node1')).voice;
    const asNode2 = (await speaking('node2')).voice;
    expect(() => openEvaluationKey(asNode2.attest(own), expected, identity)).toThrow('pinned identity');
    expect(() => openEvaluationKey(asItself.attest(own), expected, identity)).toThrow('pinned identity');
    expect(() => openEvaluationKey(asItself.attest({ ...own, node: 'node1' }), expected, identity)).toThrow(
      'not said by node2',
    );
    // Even the identity key of Node 2 does not make Node 1's word Node 2's.
    const service = memoryKeyService();
    const { voice, identity: same } = await speaking('node1', service);
    expect(() => openEvaluationKey(voice.attest(own), expected, same)).toThrow('other node');
  });

  test('a sealing key has an end, and an id of its own', async () => {
    const { voice, identity } = await speaking('node2');
    const { publicKey } = await generateHpkeKey();
    const attested = voice.attest(sealingKeyDocument(publicKey, { issuedMs: nowMs, notAfterMs: nowMs + 10 }));
    expect(openSealingKey(attested, identity, nowMs + 10)).toEqual({
      id: sealingKeyId(publicKey),
      publicKey,
    });
    expect(() => openSealingKey(attested, identity, nowMs + 11)).toThrow('no longer in use');
    const other = voice.attest(evaluationKeyDocument(pinName, 1, publicKey, nowMs));
    expect(() => openSealingKey(other as never, identity, nowMs)).toThrow('something else');
    expect(toHex(sealingKeyId(publicKey))).not.toBe(toHex(sealingKeyId((await generateHpkeKey()).publicKey)));
  });
});
