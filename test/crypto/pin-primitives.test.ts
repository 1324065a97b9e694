import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Oprf, VOPRFClient, VOPRFServer } from '@cloudflare/voprf-ts';
import { CryptoNoble } from '@cloudflare/voprf-ts/crypto-noble';
import { describe, expect, test } from '@jest/globals';
import { p256 } from '@noble/curves/nist.js';
import { argon2id as nobleArgon2id } from '@noble/hashes/argon2.js';
import { type Bytes, concat, fromHex, type Random, toHex, utf8 } from '../../shared/bytes.ts';
import { type Argon2id, profiles, stretchingWith } from '../../shared/crypto/argon2id.ts';
import { wasmArgon2id } from '../../shared/crypto/argon2id-wasm.ts';
import { generateHpkeKey, hpkeSeal, sealOverhead } from '../../shared/crypto/hpke.ts';
import { blindInput, evaluate, finalize, generateVoprfKey } from '../../shared/crypto/voprf.ts';
import { seededRandom } from '../support/random.ts';

const slow = process.env['SLOW'] === '1';
const random: Random = (n) => new Uint8Array(randomBytes(n));
const flipped = (bytes: Bytes, i: number): Bytes => bytes.map((b, j) => (i === j ? b ^ 1 : b));

/** Randomness from which RandomScalar makes this scalar: it reduces 48 bytes to 1 … n − 1. */
const drawing =
  (scalar: string): Random =>
  (n) => {
    expect(n).toBe(48);
    return fromHex((BigInt(`0x${scalar}`) - 1n).toString(16).padStart(96, '0'));
  };

describe('VOPRF, P256-SHA256', () => {
  interface Vector {
    readonly Batch: number;
    readonly Blind: string;
    readonly BlindedElement: string;
    readonly EvaluationElement: string;
    readonly Input: string;
    readonly Output: string;
    readonly Proof: { readonly proof: string; readonly r: string };
  }
  const file = JSON.parse(readFileSync('test/vectors/voprf-rfc9497/p256-sha256-voprf.json', 'utf8'));
  const key = { secretKey: fromHex(file.skSm), publicKey: fromHex(file.pkSm) };
  // The third vector proves two evaluations at once, which nothing here does.
  const single = (file.vectors as readonly Vector[]).filter(({ Batch }) => Batch === 1);

  test.each(single)('gives what RFC 9497, A.3.2 says, step by step, for input $Input', (vector) => {
    const blinded = blindInput(fromHex(vector.Input), drawing(vector.Blind));
    expect(toHex(blinded.blind)).toBe(vector.Blind);
    expect(toHex(blinded.blinded)).toBe(vector.BlindedElement);
    const answer = evaluate(key, blinded.blinded, drawing(vector.Proof.r));
    expect(toHex(answer.evaluated)).toBe(vector.EvaluationElement);
    expect(toHex(answer.proof)).toBe(vector.Proof.proof);
    expect(toHex(finalize(blinded, answer, key.publicKey))).toBe(vector.Output);
  });

  test('there are two such vectors', () => expect(single).toHaveLength(2));

  test('a key of ours is a key of theirs, and client and server work with another implementation', async () => {
    const suite = Oprf.Suite.P256_SHA256;
    for (let i = 0; i < 2; i++) {
      const own = generateVoprfKey(random);
      expect(toHex(p256.getPublicKey(own.secretKey))).toBe(toHex(own.publicKey));
      const input = random(32);

      const theirClient = new VOPRFClient(suite, own.publicKey, CryptoNoble);
      const [kept, request] = await theirClient.blind([input]);
      const asked = request.blinded[0]?.serialize(true) as Bytes;
      const answer = evaluate(own, asked, random);
      const theirServer = new VOPRFServer(suite, own.secretKey, CryptoNoble);
      // count u16 ‖ evaluated ‖ mode ‖ proof: the wire form of that library.
      const template = (await theirServer.blindEvaluate(request)).serialize();
      const { Evaluation } = await import('@cloudflare/voprf-ts');
      const at = template.length - 64;
      const spliced = concat(
        template.subarray(0, 2),
        answer.evaluated,
        template.subarray(35, at),
        answer.proof,
      );
      expect(spliced).toHaveLength(template.length);
      const read = Evaluation.deserialize(suite, spliced, CryptoNoble);
      const [theirs] = await theirClient.finalize(kept, read);

      const ours = blindInput(input, random);
      expect(toHex(finalize(ours, evaluate(own, ours.blinded, random), own.publicKey))).toBe(
        toHex(theirs as Bytes),
      );
      expect(toHex(await theirServer.evaluate(input))).toBe(toHex(theirs as Bytes));
    }
  });

  test('an answer under any other key, and any changed answer, is noticed, with one error', () => {
    const [own, other] = [generateVoprfKey(random), generateVoprfKey(random)];
    const blind = () => blindInput(utf8('pwd'), seededRandom('blind'));
    const good = evaluate(own, blind().blinded, random);
    const elsewhere = evaluate(other, blind().blinded, random);
    const refused = 'the answer was not made with the attested key';
    const bad = [
      elsewhere,
      { ...elsewhere, proof: good.proof },
      { ...good, proof: elsewhere.proof },
      { ...good, evaluated: elsewhere.evaluated },
      { ...good, evaluated: flipped(good.evaluated, 0) },
      { ...good, evaluated: new Uint8Array(33) },
      { ...good, evaluated: Uint8Array.of(0) },
      { ...good, evaluated: good.evaluated.subarray(1) },
      { ...good, proof: good.proof.subarray(1) },
      { ...good, proof: new Uint8Array(64) },
      ...[0, 31, 32, 63].map((i) => ({ ...good, proof: flipped(good.proof, i) })),
    ];
    for (const answer of bad) expect(() => finalize(blind(), answer, own.publicKey)).toThrow(refused);
    expect(() => finalize(blind(), good, other.publicKey)).toThrow(refused);
    const used = blind();
    expect(finalize(used, good, own.publicKey)).toHaveLength(32);
    expect(used.blind).toEqual(new Uint8Array(32));
  });

  test('nothing but a point is evaluated', () => {
    const own = generateVoprfKey(random);
    const { blinded } = blindInput(utf8('x'), random);
    for (const bad of [
      new Uint8Array(33),
      new Uint8Array(),
      Uint8Array.of(0),
      blinded.subarray(1),
      p256.Point.fromBytes(blinded).toBytes(false).subarray(0, 33),
      concat(Uint8Array.of(2), new Uint8Array(32).fill(0xff)),
    ])
      expect(() => evaluate(own, bad, random)).toThrow();
  });

  test('blinding hides: two blindings of one input have nothing in common', () => {
    const [a, b] = [blindInput(utf8('123456'), random), blindInput(utf8('123456'), random)];
    expect(toHex(a.blinded)).not.toBe(toHex(b.blinded));
  });
});

describe('Argon2id', () => {
  const noble: Argon2id = async (password, salt, { memoryKiB, passes, lanes }) =>
    nobleArgon2id(password, salt, { m: memoryKiB, t: passes, p: lanes, dkLen: 32 });

  test('the WebAssembly agrees with another implementation on small costs, for any password', async () => {
    const draw = seededRandom('argon2id');
    for (const length of [1, 6, 63, 64, 65, 300]) {
      const costs = { memoryKiB: 64 + length, passes: 1 + (length % 3), lanes: 1 };
      const [password, salt] = [draw(length), draw(32)];
      expect(toHex(await wasmArgon2id(password, salt, costs))).toBe(
        toHex(await noble(password, salt, costs)),
      );
    }
  });

  test('the numbers of a profile never change', () => {
    expect(profiles).toEqual({
      1: { memoryKiB: 65_536, passes: 3, lanes: 1 },
      2: { memoryKiB: 19_456, passes: 2, lanes: 1 },
    });
  });

  test('an implementation is tested in each profile before it is used, once', async () => {
    const salt = random(32);
    const asked: string[] = [];
    const stretch = stretchingWith((password, ...rest) => {
      asked.push(toHex(password));
      return wasmArgon2id(password, ...rest);
    });
    const known = toHex(utf8('123456'));
    const own = toHex(utf8('own'));
    const [first, second] = await Promise.all([stretch(2, utf8('own'), salt), stretch(2, utf8('own'), salt)]);
    expect(toHex(first)).toBe(toHex(second));
    expect(asked).toEqual([known, own, own]);
    const large = await stretch(1, utf8('own'), salt);
    expect(asked).toEqual([known, own, own, known, own]);
    expect(toHex(large)).toBe(toHex(await wasmArgon2id(utf8('own'), salt, profiles[1])));
    expect(toHex(large)).not.toBe(toHex(first));
  });

  // 20 s in jest, where typed arrays are slow.
  (slow ? test : test.skip)('the second implementation gives the known answer of the floor', async () => {
    expect(await stretchingWith(noble)(2, utf8('own'), random(32))).toHaveLength(32);
  });

  test('one that computes wrongly is never shown a password; one that failed may try again', async () => {
    const shown: string[] = [];
    const wrong = stretchingWith(async (password) => {
      shown.push(toHex(password));
      return new Uint8Array(createHash('sha256').update(password).digest());
    });
    await expect(wrong(1, utf8('secret'), random(32))).rejects.toThrow(
      'Argon2id computes wrongly on this device',
    );
    expect(shown).toEqual([toHex(utf8('123456'))]);
    let memory = false;
    const scarce = stretchingWith((...input) => {
      if (!memory) return Promise.reject(new RangeError('out of memory'));
      return wasmArgon2id(...input);
    });
    await expect(scarce(2, utf8('p'), random(32))).rejects.toThrow('out of memory');
    memory = true;
    expect(await scarce(2, utf8('p'), random(32))).toHaveLength(32);
    await expect(scarce(2, utf8('p'), random(16))).rejects.toThrow(RangeError);
  });
});

describe('HPKE', () => {
  const binding = { info: utf8('info'), aad: utf8('aad') };

  test('opens with its key, info and aad, and with nothing else, with one error', async () => {
    const [key, other] = await Promise.all([generateHpkeKey(), generateHpkeKey()]);
    const sealed = await hpkeSeal(key.publicKey, binding, utf8('for you'));
    expect(sealed).toHaveLength(7 + sealOverhead);
    expect(await key.open(sealed, binding)).toEqual(utf8('for you'));
    // Views into a larger buffer are what they show, no more.
    const larger = concat(utf8('before'), sealed, utf8('after'));
    expect(await key.open(larger.subarray(6, 6 + sealed.length), binding)).toEqual(utf8('for you'));
    const refused = 'the ciphertext does not open';
    await expect(other.open(sealed, binding)).rejects.toThrow(refused);
    await expect(key.open(sealed, { ...binding, info: utf8('inf') })).rejects.toThrow(refused);
    await expect(key.open(sealed, { ...binding, aad: utf8('') })).rejects.toThrow(refused);
    for (const i of [0, 1, 64, 65, sealed.length - 1])
      await expect(key.open(flipped(sealed, i), binding)).rejects.toThrow(refused);
    for (const length of [0, 64, 65, 80, sealed.length - 1])
      await expect(key.open(sealed.subarray(0, length), binding)).rejects.toThrow(refused);
    await expect(hpkeSeal(key.publicKey.subarray(1), binding, utf8('x'))).rejects.toThrow();
  });
});
