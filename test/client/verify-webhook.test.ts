/**
 * The receiver's side, against implementations that are not ours: a vector of the reference library, signatures by
 * libsodium, and every way of touching a delivery.
 */

import { beforeAll, describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import sodium from 'libsodium-wrappers-sumo';
import { verifyWebhook, WebhookError } from '../../client/index.ts';
import { utf8 } from '../../shared/bytes.ts';
import {
  readWebhookPublicKey,
  readWebhookSignatures,
  webhookPublicKey,
  webhookSignature,
  webhookSignedBytes,
} from '../../shared/webhooks/signature.ts';

beforeAll(() => sodium.ready);

test('a signature of the reference library (standard-webhooks, libraries/go, TestAsymmetricWebhookSign)', () => {
  const seed = new Uint8Array(Buffer.from('VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=', 'base64'));
  const bytes = webhookSignedBytes(
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    1_614_265_330,
    utf8('{"test": 2432232314}'),
  );
  const expected =
    'v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==';
  expect(webhookSignature(ed25519.sign(bytes, seed))).toBe(expected);
  const [signature = new Uint8Array()] = readWebhookSignatures(expected);
  const key = readWebhookPublicKey(webhookPublicKey(ed25519.getPublicKey(seed)));
  expect(ed25519.verify(signature, bytes, key)).toBe(true);
});

describe('a delivery', () => {
  const id = 'evt_one';
  const event = {
    id,
    type: 'signature.completed',
    created: '2030-01-01T00:00:00.000Z',
    object: 'wal_1',
    data: { action: 'sign' },
  };
  const text = JSON.stringify(event);
  const nowMs = 1_900_000_000_000;
  const seconds = nowMs / 1_000;
  const pair = () => {
    const { publicKey, privateKey } = sodium.crypto_sign_keypair();
    const sign = (content: string) =>
      Buffer.from(sodium.crypto_sign_detached(content, privateKey)).toString('base64');
    return { publicKey: `whpk_${Buffer.from(publicKey).toString('base64')}`, sign };
  };
  const headersOf = (signature: string, more: Record<string, string> = {}) => ({
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': signature,
    ...more,
  });
  const signedBy = ({ sign }: ReturnType<typeof pair>, body = text, at = seconds, name = id) =>
    `v1a,${sign(`${name}.${at}.${body}`)}`;

  test('signed by libsodium is taken: bytes or text, any case of header names, Headers, one key of several', () => {
    const [key, other] = [pair(), pair()];
    const headers = headersOf(signedBy(key));
    const upper = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
    );
    for (const given of [headers, upper, new Headers(headers)])
      for (const body of [text, utf8(text)])
        expect(verifyWebhook(given, body, key.publicKey, nowMs)).toEqual({ id, timestamp: seconds, event });
    expect(verifyWebhook(headers, text, [other.publicKey, key.publicKey], nowMs).id).toBe(id);
    const several = headersOf(
      `v1,${Buffer.alloc(32).toString('base64')} v2,x ${signedBy(other)} ${signedBy(key)} v1a,`,
    );
    expect(verifyWebhook(several, text, key.publicKey, nowMs).id).toBe(id);
  });

  test('five minutes to either side are tolerated, not more', () => {
    const key = pair();
    for (const off of [0, 300, -300])
      expect(verifyWebhook(headersOf(signedBy(key)), text, key.publicKey, nowMs + off * 1_000).id).toBe(id);
    for (const off of [301, -301, 86_400])
      expect(() => verifyWebhook(headersOf(signedBy(key)), text, key.publicKey, nowMs + off * 1_000)).toThrow(
        WebhookError,
      );
  });

  test('that was touched, replayed under another id or time, or signed by nobody is refused', () => {
    const [key, other] = [pair(), pair()];
    const good = signedBy(key);
    const refused = (headers: Record<string, any>, body: string | Uint8Array = text) =>
      expect(() => verifyWebhook(headers, body, key.publicKey, nowMs)).toThrow(WebhookError);
    const bytes = utf8(text);
    for (let i = 0; i < bytes.length; i++) {
      const changed = Uint8Array.from(bytes);
      changed[i] = (changed[i] as number) ^ 1;
      refused(headersOf(good), changed);
    }
    refused(headersOf(good), `${text} `);
    refused(headersOf(good, { 'webhook-id': 'evt_two' }));
    refused(headersOf(good, { 'webhook-timestamp': String(seconds + 1) }));
    refused(headersOf(signedBy(other)));
    refused(headersOf(good.replace('v1a,', 'v1,')));
    refused(headersOf(good.slice(0, -4)));
    refused(headersOf(''));
    for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
      refused(headersOf(good, { [name]: '' }));
      refused({ ...headersOf(good), [name]: [good, good] });
      refused({ ...headersOf(good), [name.toUpperCase()]: headersOf(good)[name as 'webhook-id'] });
    }
    for (const at of ['1.9e9', ' 1900000000', '01900000000', '-1', 'NaN', '9'.repeat(13)]) {
      const odd = { 'webhook-timestamp': at };
      refused(headersOf(`v1a,${key.sign(`${id}.${at}.${text}`)}`, odd));
    }
    // A full stop in the id would move the border between id and time.
    const dotted = `${id}.${seconds}`;
    refused(headersOf(`v1a,${key.sign(`${dotted}.${seconds}.${text}`)}`, { 'webhook-id': dotted }));
    // Signed, but an event under another id than its own, or none at all.
    refused(headersOf(signedBy(key, text, seconds, 'evt_two'), { 'webhook-id': 'evt_two' }));
    refused(headersOf(signedBy(key, '[]')), '[]');
    refused(headersOf(signedBy(key, '{')), '{');
  });

  test('a key that is none is a mistake of the caller', () => {
    for (const key of [
      '',
      'whpk_',
      'whsk_AAAA',
      `whpk_${Buffer.alloc(31).toString('base64')}`,
      `whsec_${Buffer.alloc(32).toString('base64')}`,
    ])
      expect(() => verifyWebhook({}, text, key, nowMs)).toThrow(TypeError);
  });
});
