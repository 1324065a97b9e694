/**
 * Where webhooks are sent to, and what is believed of the other side: no address of ours, whatever notation or name
 * it has, no redirect, no endless answer.
 */
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { courierOf } from '../../functions/adapters/courier.ts';
import { isLoopbackAddress, isPublicAddress } from '../../functions/webhooks/address.ts';
import { delayAfter, delaysMs } from '../../functions/webhooks/retries.ts';
import { webhookUrl } from '../../functions/webhooks/url.ts';
import { utf8 } from '../../shared/bytes.ts';
import { errorCodes } from '../../shared/errors.ts';
import { newAuthority, newLeaf } from '../support/pki.ts';
import { type Receiver, receiver, status } from '../support/receiver.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
async function listen(): Promise<Receiver> {
  const made = await receiver();
  closing.push(made.close);
  return made;
}
const headers = { 'content-type': 'application/json' };
const body = utf8('{}');
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'accepted';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test('addresses of the public internet, and no other', () => {
  const open = [
    '8.8.8.8',
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '169.253.1.1',
    '223.255.255.254',
    '192.0.1.1',
    '198.20.0.1',
  ];
  const open6 = ['2606:4700:4700::1111', '2a00:1450:4001:80b::200e', '2001:4860:4860::8888'];
  expect([...open, ...open6].filter((address) => !isPublicAddress(address))).toEqual([]);
  const closed = [
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '10.255.255.255',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.0.1',
    '169.254.169.254',
    '169.254.170.2',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.7',
    '203.0.113.9',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::ffff:a9fe:a9fe',
    '::8.8.8.8',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::1',
    '100::1',
    'fe80::1',
    'fec0::1',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '2001::1',
    '2001:db8::1',
    '2002:a9fe:a9fe::1',
    '3fff::1',
    '4000::1',
    'fe80::1%eth0',
    'localhost',
    '',
    '8.8.8',
    '08.8.8.8',
    '8.8.8.8 ',
  ];
  expect(closed.filter(isPublicAddress)).toEqual([]);
  expect(['127.0.0.1', '127.9.9.9', '::1'].filter((one) => !isLoopbackAddress(one))).toEqual([]);
  expect(['128.0.0.1', '::2', '::ffff:8.8.8.8', '0.0.0.0', 'localhost'].filter(isLoopbackAddress)).toEqual(
    [],
  );
});

describe('URLs', () => {
  const good = [
    'https://example.com/hooks?a=b',
    'https://example.com:8443/',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/x',
    'https://xn--bcher-kva.example/',
  ];
  const bad = [
    'http://example.com/',
    'ftp://example.com/',
    'https://example.com:22/',
    'https://example.com:80/',
    'https://u:p@example.com/',
    'https://u@example.com/',
    'https://example.com/#x',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://127.1/',
    'https://0/',
    'https://[::1]/',
    'https://[::ffff:169.254.169.254]/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://localhost/',
    'https://metadata/',
    'https://１２７.0.0.1/',
    'https://10.0.0.1./',
    'https://example.com./',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'nothing',
    '',
    'https://',
    'http://127.0.0.1:8080/',
  ];
  test.each(good)('%s is taken', (url) => expect(codeOf(() => webhookUrl(url, false))).toBe('accepted'));
  test.each(bad)('%s is refused', (url) =>
    expect(codeOf(() => webhookUrl(url, false))).toBe('webhook_url_refused'),
  );
  test('plain HTTP to this machine, and to no other, on a laptop only', () => {
    for (const url of ['http://127.0.0.1:8080/', 'http://localhost:1/x', 'http://[::1]:9/'])
      expect([codeOf(() => webhookUrl(url, true)), codeOf(() => webhookUrl(url, false))]).toEqual([
        'accepted',
        'webhook_url_refused',
      ]);
    for (const url of [
      'http://10.0.0.1/',
      'http://0.0.0.0/',
      'http://example.com/',
      'http://127.0.0.1.nip.io/',
    ])
      expect([url, codeOf(() => webhookUrl(url, true))]).toEqual([url, 'webhook_url_refused']);
    expect(errorCodes.webhook_url_refused.status).toBe(422);
  });
});

describe('names', () => {
  test.each([
    [['10.0.0.5']],
    [['169.254.169.254']],
    [['::1']],
    [['::ffff:10.0.0.1']],
    [['8.8.8.8', '127.0.0.1']],
    [['2606:4700::1111', 'fd00::1']],
  ])('that resolve to %j are not connected to', async (addresses) => {
    const asked: string[] = [];
    const courier = courierOf({
      local: true,
      resolve: async (host) => {
        asked.push(host);
        return addresses;
      },
    });
    const { failure, status: code } = await courier('https://rebind.example/', headers, body);
    expect([failure, code, asked]).toEqual(['address_refused', undefined, ['rebind.example']]);
  });
  test('that do not resolve, or never do, are failures', async () => {
    const send = (resolve: () => Promise<string[]>) =>
      courierOf({ local: false, resolve, timeoutMs: 100 })('https://gone.example/', headers, body);
    expect((await send(async () => [])).failure).toBe('name_unknown');
    expect((await send(() => Promise.reject(new Error('ENOTFOUND')))).failure).toBe('name_unknown');
    expect((await send(() => new Promise(() => undefined))).failure).toBe('timeout');
  });
  test('that say localhost lead nowhere else, even on a laptop', async () => {
    const courier = courierOf({ local: true, resolve: async () => ['10.0.0.1'] });
    expect((await courier('http://localhost:8080/', headers, body)).failure).toBe('address_refused');
  });
  test('are resolved once: the connection goes to the address that was checked', async () => {
    const there = await listen();
    let times = 0;
    const courier = courierOf({
      local: true,
      resolve: async () => {
        times++;
        return ['127.0.0.1'];
      },
    });
    const { port } = new URL(there.url);
    expect(await courier(`http://localhost:${port}/`, headers, body)).toMatchObject({ status: 204 });
    expect([times, there.received[0]?.headers.host]).toEqual([1, `localhost:${port}`]);
  });
});

describe('answers', () => {
  const send = async (answer: Receiver['answer'], timeoutMs = 2_000) => {
    const there = await listen();
    there.answer = answer;
    return courierOf({ local: true, timeoutMs })(there.url, headers, body);
  };
  test.each([
    [200, undefined],
    [299, undefined],
    [400, 'status'],
    [410, 'status'],
    [500, 'status'],
  ])('%i: %s', async (code, failure) => {
    const outcome = await send(status(code));
    expect([outcome.status, outcome.failure]).toEqual([code, failure]);
    expect(outcome.response).toBe('noted·');
  });
  test('a redirect is not followed', async () => {
    const elsewhere = await listen();
    for (const code of [301, 302, 303, 307, 308])
      expect(await send(status(code, { location: elsewhere.url }))).toMatchObject({
        status: code,
        failure: 'redirect_refused',
      });
    expect(elsewhere.received).toEqual([]);
  });
  test('one that does not come is a timeout; one that ends in the middle is what it began with', async () => {
    expect(await send(() => new Promise(() => undefined), 150)).toMatchObject({ failure: 'timeout' });
    const slow = await send((_, __, response) => {
      response.writeHead(200).write('x');
      return new Promise(() => undefined);
    }, 150);
    expect(slow).toMatchObject({ status: 200, response: 'x' });
    expect(slow.durationMs).toBeLessThan(1_500);
    const cut = await send((_, __, response) => void response.destroy());
    expect(cut.failure).toBe('connection_failed');
  });
  test('little of an endless one is read, less is kept', async () => {
    let sent = 0;
    const outcome = await send((_, __, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && sent < 50_000_000 && response.write('y'.repeat(10_000))) sent += 10_000;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
      return new Promise((done) => response.once('close', done));
    });
    expect(outcome).toMatchObject({ status: 200, response: 'y'.repeat(256) });
    expect(sent).toBeLessThan(10_000_000);
    // More headers than anybody needs are no answer.
    expect((await send(status(200, { 'x-much': 'z'.repeat(20_000) }))).failure).toBe('connection_failed');
  });
  test('Retry-After is understood', async () => {
    expect((await send(status(503, { 'retry-after': '120' }))).retryAfterMs).toBe(120_000);
    const at = new Date(Date.now() + 60_000).toUTCString();
    const { retryAfterMs = 0 } = await send(status(429, { 'retry-after': at }));
    expect(Math.abs(retryAfterMs - 60_000)).toBeLessThan(3_000);
  });
});

test('nobody listening is a failure, and a certificate that nobody vouches for', async () => {
  const there = await receiver();
  await there.close();
  expect((await courierOf({ local: true })(there.url, headers, body)).failure).toBe('connection_failed');
  const authority = await newAuthority();
  const { own } = await newLeaf(authority, 'server');
  const server = createTlsServer({ key: own, cert: own }, (_, response) => response.writeHead(202).end());
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  closing.push(() => new Promise((closed) => void server.close(() => closed())));
  const { port } = server.address() as AddressInfo;
  const send = (ca?: string) =>
    courierOf({ local: true, ...(ca && { ca }) })(`https://localhost:${port}/`, headers, body);
  expect(await send()).toMatchObject({ failure: 'tls_failed' });
  expect(await send((await newAuthority()).certificate)).toMatchObject({ failure: 'tls_failed' });
  expect(await send(authority.certificate)).toMatchObject({ status: 202 });
});

test('the schedule is the suggested one, a little later, and no shorter than the receiver asks for', () => {
  const attempt = { durationMs: 1, response: '' };
  const none = () => new Uint8Array(1);
  const most = () => Uint8Array.of(255);
  expect(delaysMs.map((ms) => ms / 1_000)).toEqual([
    5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
  ]);
  for (const [i, ms] of delaysMs.entries()) {
    expect(delayAfter(i + 1, attempt, none)).toBe(ms);
    const later = delayAfter(i + 1, attempt, most);
    expect(later > ms && later < ms * 1.1).toBe(true);
  }
  expect(delayAfter(99, attempt, none)).toBe(86_400_000);
  expect(delayAfter(1, { ...attempt, retryAfterMs: 90_000 }, none)).toBe(90_000);
  expect(delayAfter(1, { ...attempt, retryAfterMs: 1e12 }, none)).toBe(86_400_000);
});
