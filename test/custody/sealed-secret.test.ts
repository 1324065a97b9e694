/**
 * What clients seal to Node 1: against the vectors of RFC 9180, against an implementation by others in both
 * directions, and against everything that must not open.
 */
import { createCipheriv, createECDH, createPrivateKey, ECDH, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { memoryEncryptionKey } from '../../functions/adapters/memory.ts';
import { keySchedule, openBase, sharedSecretOf } from '../../functions/custody/hpke.ts';
import { openSecret } from '../../functions/custody/open-secret.ts';
import type { EncryptionKey } from '../../functions/ports.ts';
import { type Bytes, concat, fromHex, toHex, u8, utf8 } from '../../shared/bytes.ts';
import { pointOfSpki } from '../../shared/crypto/spki.ts';
import { sealSecret } from '../../shared/custody/sealed-secret.ts';
import {
  decodeSealed,
  encodeSealed,
  encryptionKeyId,
  secretInfo,
} from '../../shared/custody/secret-format.ts';
import { CustodyError } from '../../shared/errors.ts';
import { seededRandom } from '../support/random.ts';

const random = seededRandom('sealed-secret');
const suite = new CipherSuite({
  kem: new DhkemP256HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});
const buffer = (b: Bytes): ArrayBuffer => new Uint8Array(b).buffer;
const ecdhOf = (secret: Bytes): ECDH => {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(secret);
  return ecdh;
};

interface Vector {
  readonly mode: number;
  readonly aead_id: number;
  readonly encryptions: readonly Readonly<Record<'aad' | 'ct' | 'nonce' | 'pt', string>>[];
  readonly [member: string]: unknown;
}
const vectors = JSON.parse(
  readFileSync('test/vectors/hpke-p256-hkdfsha256-aesgcm.json', 'utf8'),
) as readonly Vector[];
const bytesOf = (vector: Vector, name: string): Bytes => fromHex(vector[name] as string);
const dhOf = (vector: Vector) => {
  const [skR, enc] = [bytesOf(vector, 'skRm'), bytesOf(vector, 'enc')];
  return { dh: new Uint8Array(ecdhOf(skR).computeSecret(enc)), enc, pkR: bytesOf(vector, 'pkRm') };
};
const of = (mode: number, aead: number) =>
  vectors.filter((vector) => vector.mode === mode && vector.aead_id === aead);

describe('the vectors of RFC 9180', () => {
  test('there are four: base and auth, AES-128 and AES-256', () => {
    expect(vectors.map(({ mode, aead_id }) => [mode, aead_id]).sort()).toEqual([
      [0, 1],
      [0, 2],
      [2, 1],
      [2, 2],
    ]);
  });

  test('base mode: from the raw Diffie-Hellman secret to key, nonce and plaintext', () => {
    for (const vector of of(0, 2)) {
      const { dh, enc, pkR } = dhOf(vector);
      const shared = sharedSecretOf(dh, enc, pkR);
      expect(shared).toEqual(bytesOf(vector, 'shared_secret'));
      const info = bytesOf(vector, 'info');
      expect(keySchedule(shared, info)).toEqual({
        key: bytesOf(vector, 'key'),
        nonce: bytesOf(vector, 'base_nonce'),
      });
      const [first, ...later] = vector.encryptions.map(({ aad, ct, pt }) => ({
        message: { enc, info, aad: fromHex(aad), ciphertext: fromHex(ct) },
        plaintext: fromHex(pt),
      }));
      expect(first && openBase(dh, pkR, first.message)).toEqual(first?.plaintext);
      // A context is good for one message: what was sealed second and later does not open.
      expect(later).toHaveLength(7);
      for (const { message } of later) expect(() => openBase(dh, pkR, message)).toThrow();
    }
  });

  test('AES-128: the same KEM, another key schedule, which does not open here', () => {
    for (const vector of of(0, 1)) {
      const { dh, enc, pkR } = dhOf(vector);
      expect(sharedSecretOf(dh, enc, pkR)).toEqual(bytesOf(vector, 'shared_secret'));
      expect(() => openFirst(vector)).toThrow();
    }
  });

  test('auth mode does not open as base mode', () => {
    for (const vector of [...of(2, 1), ...of(2, 2)]) {
      const { dh, enc, pkR } = dhOf(vector);
      expect(sharedSecretOf(dh, enc, pkR)).not.toEqual(bytesOf(vector, 'shared_secret'));
      expect(() => openFirst(vector)).toThrow();
    }
  });

  function openFirst(vector: Vector): Bytes {
    const { dh, enc, pkR } = dhOf(vector);
    const { aad, ct } = vector.encryptions[0] as Vector['encryptions'][number];
    const message = { enc, info: bytesOf(vector, 'info'), aad: fromHex(aad), ciphertext: fromHex(ct) };
    return openBase(dh, pkR, message);
  }
});

/** Node 1's key with its private half at hand; counts what is asked of it, and remembers what it gave. */
interface OpenKey extends EncryptionKey {
  readonly pkcs8: Bytes;
  readonly point: Bytes;
  readonly scalar: Bytes;
  readonly given: Bytes[];
}

async function openKey(): Promise<OpenKey> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pkcs8 = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }));
  const inner = memoryEncryptionKey(pkcs8);
  const { d } = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }).export({
    format: 'jwk',
  });
  const given: Bytes[] = [];
  return {
    pkcs8,
    point: pointOfSpki(await inner.publicKey()),
    scalar: new Uint8Array(Buffer.from(d as string, 'base64url')),
    given,
    publicKey: inner.publicKey,
    async deriveSharedSecret(spki) {
      const secret = await inner.deriveSharedSecret(spki);
      given.push(secret);
      return secret;
    },
  };
}

let key: OpenKey;
let recipient: Awaited<ReturnType<typeof suite.kem.importKey>>;
beforeAll(async () => {
  key = await openKey();
  const jwk = createPrivateKey({ key: Buffer.from(key.pkcs8), format: 'der', type: 'pkcs8' }).export({
    format: 'jwk',
  });
  recipient = await suite.kem.importKey('jwk', jwk as Parameters<typeof suite.kem.importKey>[1], false);
});

const mismatch = { name: 'SecretMismatch' };

describe('both directions, 300 messages each', () => {
  test('what the client seals opens at Node 1 and with the other implementation, and is what was sealed', async () => {
    for (let i = 0; i < 300; i++) {
      const wrapKeys = i % 2 === 0 ? ([random(32)] as const) : ([random(32), random(32)] as const);
      const authorisation = random(32);
      const sealed = await sealSecret(key.point, wrapKeys, authorisation);
      expect(sealed).toHaveLength(i % 2 === 0 ? 147 : 179);
      const count = i % 2 === 0 ? 1 : 2;
      expect(await openSecret([key], sealed, authorisation, count)).toEqual(wrapKeys);
      const { enc, ciphertext, keyId } = decodeSealed(sealed, count);
      const theirs = await suite.open(
        { recipientKey: recipient, enc: buffer(enc), info: buffer(secretInfo(keyId)) },
        buffer(ciphertext),
        buffer(authorisation),
      );
      expect(new Uint8Array(theirs)).toEqual(concat(...wrapKeys));
    }
  });

  test('messages, info and additional data of any length, sealed by the other implementation', async () => {
    const recipientPublicKey = await suite.kem.deserializePublicKey(buffer(key.point));
    for (let i = 0; i < 300; i++) {
      const [info, aad, plaintext] = [random(i % 70), random((i * 7) % 90), random((i * 11) % 200)];
      const sealed = await suite.seal(
        { recipientPublicKey, info: buffer(info) },
        buffer(plaintext),
        buffer(aad),
      );
      const enc = new Uint8Array(sealed.enc);
      const dh = new Uint8Array(ecdhOf(key.scalar).computeSecret(enc));
      const message = { enc, info, aad, ciphertext: new Uint8Array(sealed.ct) };
      expect(openBase(dh, key.point, message)).toEqual(plaintext);
    }
  });

  test('messages sealed with our key schedule, opened by the other implementation', async () => {
    for (let i = 0; i < 300; i++) {
      const [info, aad, plaintext] = [random((i * 3) % 70), random(i % 90), random(1 + ((i * 13) % 200))];
      const { enc, ciphertext } = sealByHand(key.point, info, aad, plaintext);
      const opened = await suite.open(
        { recipientKey: recipient, enc: buffer(enc), info: buffer(info) },
        buffer(ciphertext),
        buffer(aad),
      );
      expect(new Uint8Array(opened)).toEqual(plaintext);
    }
  });
});

function sealByHand(
  pkR: Bytes,
  info: Bytes,
  aad: Bytes,
  plaintext: Bytes,
  ephemeral = createECDH('prime256v1'),
) {
  const enc = new Uint8Array(ephemeral.generateKeys());
  const dh = new Uint8Array(ephemeral.computeSecret(pkR));
  const schedule = keySchedule(sharedSecretOf(dh, enc, pkR), info);
  const cipher = createCipheriv('aes-256-gcm', schedule.key, schedule.nonce).setAAD(aad);
  const ciphertext = concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
  return { dh, enc, ciphertext };
}

describe('what does not open', () => {
  const authorisation = random(32);
  const wrapKeys = [random(32), random(32)] as const;
  let sealed: Bytes;
  beforeAll(async () => {
    sealed = await sealSecret(key.point, wrapKeys, authorisation);
  });
  const open = (bytes: Bytes, count: 1 | 2 = 2) => openSecret([key], bytes, authorisation, count);

  test('a message in which any byte differs; KMS is asked only for what can be a message', async () => {
    for (let i = 0; i < sealed.length; i++) {
      const bad = sealed.slice();
      bad[i] = (bad[i] as number) ^ (1 << (i & 7));
      key.given.length = 0;
      await expect(open(bad)).rejects.toMatchObject(mismatch);
      // Version, key id and a point that is none are seen before; ciphertext and tag only after.
      expect([i, key.given.length]).toEqual([i, i < 2 + 32 + 65 ? 0 : 1]);
    }
    await expect(open(sealed)).resolves.toEqual(wrapKeys);
  });

  test('another length, and one wrap key where two are due', async () => {
    const one = await sealSecret(key.point, [wrapKeys[0]], authorisation);
    await expect(open(one, 1)).resolves.toEqual([wrapKeys[0]]);
    key.given.length = 0;
    for (const [bytes, count] of [
      [sealed.slice(0, -1), 2],
      [sealed.slice(1), 2],
      [concat(sealed, u8(0)), 2],
      [sealed, 1],
      [one, 2],
      [new Uint8Array(), 1],
    ] as const)
      await expect(open(bytes, count)).rejects.toMatchObject(mismatch);
    expect(key.given).toHaveLength(0);
  });

  const X = new Uint8Array(32).fill(0x11);
  const p = fromHex('ffffffff00000001000000000000000000000000ffffffffffffffffffffffff');
  test.each<[string, (enc: Bytes) => Bytes]>([
    ['the hybrid form 06', (enc) => concat(u8(6), enc.subarray(1))],
    ['the hybrid form 07', (enc) => concat(u8(7), enc.subarray(1))],
    ['a compressed point, filled up', (enc) => concat(u8(2), enc.subarray(1, 33), new Uint8Array(32))],
    ['infinity', () => new Uint8Array(65)],
    ['the origin', () => concat(u8(4), new Uint8Array(64))],
    ['a point beside the curve', () => concat(u8(4), X, X)],
    ['a coordinate that is p', (enc) => concat(u8(4), p, enc.subarray(33))],
    ['a coordinate beyond p', (enc) => concat(u8(4), enc.subarray(1, 33), new Uint8Array(32).fill(0xff))],
  ])('%s', async (_, change) => {
    const parts = decodeSealed(sealed, 2);
    key.given.length = 0;
    await expect(open(encodeSealed({ ...parts, enc: change(parts.enc) }))).rejects.toMatchObject(mismatch);
    expect(key.given).toHaveLength(0);
  });

  test('a coordinate that is a valid one plus p: one point has one form', async () => {
    // The first x from 1 on that is on the curve; x + p fits 32 bytes, since p < 2^256 - x.
    let point: Bytes | undefined;
    for (let x = 1; point === undefined; x++)
      try {
        const compressed = concat(u8(2), new Uint8Array(31), u8(x));
        const whole = ECDH.convertKey(compressed, 'prime256v1', undefined, undefined, 'uncompressed');
        point = new Uint8Array(whole as Buffer);
      } catch {
        // Not on the curve.
      }
    const parts = decodeSealed(sealed, 2);
    const shifted = concat(u8(4), plus(p, point[32] as number), point.subarray(33));
    key.given.length = 0;
    await expect(open(encodeSealed({ ...parts, enc: point }))).rejects.toMatchObject(mismatch);
    expect(key.given).toHaveLength(1);
    await expect(open(encodeSealed({ ...parts, enc: shifted }))).rejects.toMatchObject(mismatch);
    expect(key.given).toHaveLength(1);
  });

  test('the mirror image of the point, which has the same Diffie-Hellman secret', async () => {
    const parts = decodeSealed(sealed, 2);
    const y = BigInt(`0x${toHex(parts.enc.subarray(33))}`);
    const mirrored = fromHex((BigInt(`0x${toHex(p)}`) - y).toString(16).padStart(64, '0'));
    const enc = concat(parts.enc.subarray(0, 33), mirrored);
    key.given.length = 0;
    await expect(open(encodeSealed({ ...parts, enc }))).rejects.toMatchObject(mismatch);
    expect(key.given).toHaveLength(1);
  });

  test('with another authorisation, at another key, or after its key was replaced', async () => {
    await expect(openSecret([key], sealed, random(32), 2)).rejects.toMatchObject(mismatch);
    const other = await openKey();
    await expect(openSecret([other], sealed, authorisation, 2)).rejects.toMatchObject(mismatch);
    await expect(openSecret([], sealed, authorisation, 2)).rejects.toMatchObject(mismatch);
    // Sealed to one key and relabelled as sealed to another.
    const relabelled = encodeSealed({ ...decodeSealed(sealed, 2), keyId: encryptionKeyId(other.point) });
    await expect(openSecret([key, other], relabelled, authorisation, 2)).rejects.toMatchObject(mismatch);
    // Both in use, the newer one first.
    await expect(openSecret([other, key], sealed, authorisation, 2)).resolves.toEqual(wrapKeys);
  });

  test('sealed for another purpose than this', async () => {
    const keyId = encryptionKeyId(key.point);
    for (const info of [new Uint8Array(), utf8('planbok/v1/entity-secret'), secretInfo(random(32))]) {
      const { enc, ciphertext } = sealByHand(key.point, info, authorisation, concat(...wrapKeys));
      await expect(open(encodeSealed({ keyId, enc, ciphertext }))).rejects.toMatchObject(mismatch);
    }
    const { enc, ciphertext } = sealByHand(key.point, secretInfo(keyId), authorisation, concat(...wrapKeys));
    await expect(open(encodeSealed({ keyId, enc, ciphertext }))).resolves.toEqual(wrapKeys);
  });

  test('a client seals nothing of a wrong length, and to nothing but a whole point', async () => {
    const good = random(32);
    await expect(sealSecret(key.point, [good.subarray(1)], authorisation)).rejects.toThrow(RangeError);
    await expect(sealSecret(key.point, [good], authorisation.subarray(1))).rejects.toThrow(RangeError);
    const compressed = concat(u8(2 + ((key.point[64] as number) & 1)), key.point.subarray(1, 33));
    await expect(sealSecret(compressed, [good], authorisation)).rejects.toThrow(RangeError);
    await expect(sealSecret(concat(u8(4), X, X), [good], authorisation)).rejects.toThrow();
  });
});

function plus(a: Bytes, n: number): Bytes {
  return fromHex((BigInt(`0x${toHex(a)}`) + BigInt(n)).toString(16).padStart(64, '0'));
}

describe('the shared secret that KMS gives', () => {
  const authorisation = random(32);
  const answering = (secret: (real: Bytes) => Bytes): EncryptionKey => ({
    ...key,
    deriveSharedSecret: async (spki) => secret(await key.deriveSharedSecret(spki)),
  });

  test('may begin with zeros: they count', async () => {
    const wrapKeys = [random(32)] as const;
    for (let tries = 1; ; tries++) {
      expect(tries).toBeLessThan(10_000);
      const sealed = await sealSecret(key.point, wrapKeys, authorisation);
      const { enc } = decodeSealed(sealed, 1);
      const dh = ecdhOf(key.scalar).computeSecret(enc);
      if (dh[0] !== 0) continue;
      expect(await openSecret([key], sealed, authorisation, 1)).toEqual(wrapKeys);
      // A key service that drops them is not guessed at.
      const stripped = openSecret([answering((real) => real.slice(1))], sealed, authorisation, 1);
      await expect(stripped).rejects.toMatchObject({ code: 'storage_unavailable' });
      return;
    }
  });

  test('has 32 bytes, or nothing is computed from it', async () => {
    const sealed = await sealSecret(key.point, [random(32)], authorisation);
    for (const wrong of [
      (real: Bytes) => real.slice(0, 31),
      (real: Bytes) => concat(u8(0), real),
      () => new Uint8Array(),
    ])
      await expect(openSecret([answering(wrong)], sealed, authorisation, 1)).rejects.toMatchObject({
        code: 'storage_unavailable',
      });
  });

  test('is wiped, whether the message opened or not', async () => {
    const sealed = await sealSecret(key.point, [random(32)], authorisation);
    key.given.length = 0;
    await openSecret([key], sealed, authorisation, 1);
    await openSecret([key], sealed, random(32), 1).catch(() => undefined);
    expect(key.given).toEqual([new Uint8Array(32), new Uint8Array(32)]);
  });

  test('that does not come is a failure of the key service, and not of the message', async () => {
    const sealed = await sealSecret(key.point, [random(32)], authorisation);
    const failing = answering(() => {
      throw new CustodyError('storage_unavailable', 'KMS');
    });
    await expect(openSecret([failing], sealed, authorisation, 1)).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
  });
});
