import { createHash, X509Certificate } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { PeerRefused, peerTrust, verifyPeerCertificate } from '../../functions/adapters/peer-certificate.ts';
import { tlsFolder } from '../../functions/adapters/tls-folder.ts';
import { httpsTransport } from '../../functions/adapters/transport.ts';
import { writeWhole } from '../../local/files.ts';
import { type Front, startFront } from '../../local/front.ts';
import {
  newAuthority,
  newCrl,
  newLeaf,
  type TestAuthority,
  type TestLeaf,
  tlsFiles,
} from '../support/pki.ts';

const hour = 3_600_000;
const day = 24 * hour;
const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());

let ca1: TestAuthority;
let ca2: TestAuthority;
let client: TestLeaf;
let server: TestLeaf;
let crl1: string;
let crl2: string;
const folders: string[] = [];
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  [ca1, ca2] = [await newAuthority('CN=one'), await newAuthority('CN=two')];
  client = await newLeaf(ca1, 'client');
  server = await newLeaf(ca2, 'server');
  [crl1, crl2] = [await newCrl(ca1), await newCrl(ca2)];
});
afterAll(async () => {
  for (const close of closing) await close();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const folderOf = (files: Parameters<typeof tlsFiles>[0]): string => {
  const folder = tlsFiles(files);
  folders.push(folder);
  return folder;
};

/** Node 2's door; its handler answers with what it was sent, and keeps the events. */
async function door(crl: string | undefined = crl1, own = server.own) {
  const events: APIGatewayProxyEvent[] = [];
  const folder = folderOf({ own, ca: ca1.certificate, crl });
  const front = await startFront({
    port: 0,
    maxBodyBytes: 1_000,
    tls: tlsFolder(folder, 'node1', 0),
    renewEveryMs: 20,
    handler: async (event) => {
      events.push(event);
      const headers = { 'content-type': 'application/proto' };
      return { statusCode: 200, headers, body: event.body ?? '', isBase64Encoded: true };
    },
  });
  closing.push(front.close);
  return { front, events, folder };
}

/** Node 1's transport to a port, with this certificate. */
function transportTo(port: number, own = client.own, crl: string | undefined = crl2, ca = ca2.certificate) {
  const tls = tlsFolder(folderOf({ own, ca, crl }), 'node2', 0);
  return httpsTransport({ url: `https://127.0.0.1:${port}`, tls, timeoutMs: 3_000 });
}

const message = Uint8Array.of(1, 2, 3);
const unavailable = { code: 'node_unavailable' };

test('with good certificates on both sides a message goes through, once, over TLS 1.3', async () => {
  const { front, events } = await door();
  const transport = transportTo(front.port);
  expect(await transport.send('Sign1', message)).toEqual(message);
  expect(events).toHaveLength(1);
  const event = events[0] as APIGatewayProxyEvent;
  expect(event).toMatchObject({ httpMethod: 'POST', path: '/planbok.node.v1.NodeService/Sign1' });
  expect(event.headers['content-type']).toBe('application/proto');
  const pem = event.requestContext.identity.clientCert?.clientCertPem as string;
  expect(new X509Certificate(pem).fingerprint256).toBe(
    new X509Certificate(client.certificate).fingerprint256,
  );
  // What Node 2 learns of the TLS key is what Node 1 says of it in its envelopes.
  const trust = await peerTrust('node1', ca1.certificate, crl1);
  expect(verifyPeerCertificate(trust, pem, 'client', Date.now())).toEqual(await transport.tlsKeyHash());
  const spki = new X509Certificate(client.certificate).publicKey.export({ format: 'der', type: 'spki' });
  expect(await transport.tlsKeyHash()).toEqual(sha256(spki));
});

/** Every certificate that is not the peer's, for either side. */
async function wrongLeaves(side: 'client' | 'server') {
  const [ca, other] = side === 'client' ? [ca1, ca2] : [ca2, ca1];
  const now = Date.now();
  const name = side === 'client' ? 'planbok://node1' : 'planbok://node2';
  return {
    'an authority of the same name': await newLeaf(await newAuthority(ca.name), side),
    'the own authority': await newLeaf(other, side, { uri: name }),
    'another name of the right authority': await newLeaf(ca, side, { uri: 'planbok://node3' }),
    'the name of the other node': await newLeaf(ca, side, {
      uri: side === 'client' ? 'planbok://node2' : 'planbok://node1',
    }),
    'the wrong usage': await newLeaf(ca, side, { usage: side === 'client' ? 'server' : 'client', uri: name }),
    'a certificate that has expired': await newLeaf(ca, side, {
      fromMs: now - 3 * hour,
      untilMs: now - 1_000,
    }),
    'a certificate that is not valid yet': await newLeaf(ca, side, {
      fromMs: now + hour,
      untilMs: now + 2 * hour,
    }),
    'a certificate that lives longer than a day': await newLeaf(ca, side, {
      fromMs: now - hour,
      untilMs: now - hour + day + 60_000,
    }),
  };
}

describe('the client is refused, and the handler never runs, with', () => {
  test('each wrong certificate', async () => {
    const { front, events } = await door();
    for (const [what, leaf] of Object.entries(await wrongLeaves('client')))
      await expect(
        transportTo(front.port, leaf.own)
          .send('Sign1', message)
          .then(() => what),
      ).rejects.toMatchObject(unavailable);
    expect(events).toHaveLength(0);
    // The door still stands: it was the certificates.
    expect(await transportTo(front.port).send('Sign1', message)).toEqual(message);
  });

  test('a revoked certificate, also on a connection that was open before', async () => {
    const { front, events, folder } = await door();
    const transport = transportTo(front.port);
    expect(await transport.send('Sign1', message)).toEqual(message);
    writeFileSync(join(folder, 'peer-crl.pem'), await newCrl(ca1, ['ab01', client.serial]));
    await expect(transport.send('Sign1', message)).rejects.toMatchObject(unavailable);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await expect(transportTo(front.port).send('Sign1', message)).rejects.toMatchObject(unavailable);
    expect(events).toHaveLength(1);
    // Another leaf of the same authority still gets in.
    const renewed = await newLeaf(ca1, 'client');
    expect(await transportTo(front.port, renewed.own).send('Sign1', message)).toEqual(message);
  });

  test('no certificate, TLS 1.2, or no TLS at all', async () => {
    const { front, events } = await door();
    /** What the server says to a client that asks over this connection. */
    const ask = (options: object) =>
      new Promise<string>((resolve) => {
        let heard = '';
        const socket = connect({ host: '127.0.0.1', port: front.port, ca: ca2.certificate, ...options }, () =>
          socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n'),
        );
        socket.on('data', (data) => {
          heard += data;
        });
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(`${error.code}`));
        socket.on('close', () => resolve(heard));
      });
    const good = { key: client.own, cert: client.own };
    expect(await ask({})).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
    expect(await ask({ ...good, maxVersion: 'TLSv1.2' })).toMatch(/PROTOCOL_VERSION|ECONNRESET/);
    const plain = await new Promise((resolve) => {
      request({ host: '127.0.0.1', port: front.port, method: 'POST' }, (response) =>
        resolve(response.statusCode),
      )
        .on('error', () => resolve('refused'))
        .end();
    });
    expect(plain).toBe('refused');
    expect(events).toHaveLength(0);
  });

  test('a revocation list that is missing, of another authority, or not readable: the door does not open', async () => {
    const another = await newCrl(ca2);
    const impostor = await newCrl(await newAuthority(ca1.name));
    for (const crl of [another, impostor, 'nonsense', ''])
      await expect(door(crl)).rejects.toThrow(PeerRefused);
    const tls = tlsFolder(folderOf({ own: server.own, ca: ca1.certificate, crl: undefined }), 'node1', 0);
    const handler = async () => ({ statusCode: 200, body: '' });
    await expect(startFront({ port: 0, maxBodyBytes: 1, tls, handler })).rejects.toThrow(PeerRefused);
  });

  test('a revocation list that has expired, and one that is taken away while the door is open', async () => {
    const stale = await newCrl(ca1, [], { fromMs: Date.now() - 2 * hour, untilMs: Date.now() - hour });
    const closed = await door(stale);
    await expect(transportTo(closed.front.port).send('Sign1', message)).rejects.toMatchObject(unavailable);
    expect(closed.events).toHaveLength(0);
    const { front, folder, events } = await door();
    const transport = transportTo(front.port);
    await transport.send('Sign1', message);
    rmSync(join(folder, 'peer-crl.pem'));
    await expect(transport.send('Sign1', message)).rejects.toMatchObject(unavailable);
    expect(events).toHaveLength(1);
    writeFileSync(join(folder, 'peer-crl.pem'), crl1);
    expect(await transport.send('Sign1', message)).toEqual(message);
  });
});

describe('the server is refused, and nothing is sent to it, with', () => {
  /** A server that takes anybody, and counts what it is asked. */
  async function impostor(leaf: TestLeaf, options: object = {}) {
    let requests = 0;
    const listening = createServer({ key: leaf.own, cert: leaf.own, ...options }, (_, response) => {
      requests++;
      response.setHeader('content-type', 'application/proto').end('\x01');
    });
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    closing.push(
      () =>
        new Promise((resolve) => {
          listening.closeAllConnections();
          listening.close(() => resolve());
        }),
    );
    return { port: (listening.address() as AddressInfo).port, requests: () => requests };
  }

  test('each wrong certificate', async () => {
    for (const [what, leaf] of Object.entries(await wrongLeaves('server'))) {
      const { port, requests } = await impostor(leaf);
      await expect(
        transportTo(port)
          .send('Sign1', message)
          .then(() => what),
      ).rejects.toMatchObject(unavailable);
      expect([what, requests()]).toEqual([what, 0]);
    }
    const good = await impostor(server);
    expect(await transportTo(good.port).send('Sign1', message)).toEqual(Uint8Array.of(1));
    expect(good.requests()).toBe(1);
  });

  test('a revoked certificate, a list that has expired, a list that is missing, TLS 1.2', async () => {
    const { port, requests } = await impostor(server);
    const revoked = await newCrl(ca2, [server.serial]);
    const stale = await newCrl(ca2, [], { fromMs: Date.now() - 2 * hour, untilMs: Date.now() - hour });
    for (const crl of [revoked, stale, crl1])
      await expect(transportTo(port, client.own, crl).send('Sign1', message)).rejects.toMatchObject(
        unavailable,
      );
    const tls = tlsFolder(folderOf({ own: client.own, ca: ca2.certificate, crl: undefined }), 'node2', 0);
    const blind = httpsTransport({ url: `https://127.0.0.1:${port}`, tls, timeoutMs: 1_000 });
    await expect(blind.send('Sign1', message)).rejects.toMatchObject(unavailable);
    await expect(blind.tlsKeyHash()).rejects.toMatchObject(unavailable);
    expect(requests()).toBe(0);
    const old = await impostor(server, { maxVersion: 'TLSv1.2' });
    await expect(transportTo(old.port).send('Sign1', message)).rejects.toMatchObject(unavailable);
    expect(old.requests()).toBe(0);
  });

  test('plain HTTP: no such address is accepted', () => {
    const tls = tlsFolder(folderOf({ own: client.own, ca: ca2.certificate, crl: crl2 }), 'node2');
    expect(() => httpsTransport({ url: 'http://127.0.0.1:1', tls, timeoutMs: 1 })).toThrow(TypeError);
  });
});

describe("a node's own check of a certificate in an event", () => {
  test('refuses each wrong certificate by itself, whatever the gateway let through', async () => {
    const trust = await peerTrust('node1', ca1.certificate, crl1);
    const now = Date.now();
    expect(verifyPeerCertificate(trust, client.certificate, 'client', now)).toHaveLength(32);
    for (const leaf of Object.values(await wrongLeaves('client')))
      expect(() => verifyPeerCertificate(trust, leaf.certificate, 'client', now)).toThrow(PeerRefused);
    const chain = client.certificate + ca1.certificate;
    for (const pem of [chain, ca1.certificate, '', 'x'])
      expect(() => verifyPeerCertificate(trust, pem, 'client', now)).toThrow(PeerRefused);
    expect(() => verifyPeerCertificate(trust, client.certificate, 'server', now)).toThrow(PeerRefused);
  });

  test('looks at the time and at the list again, also for a certificate that was good before', async () => {
    const trust = await peerTrust('node1', ca1.certificate, crl1);
    const now = Date.now();
    const check = (atMs: number) => verifyPeerCertificate(trust, client.certificate, 'client', atMs);
    expect(check(now)).toHaveLength(32);
    expect(() => check(now - 2 * hour)).toThrow('not current');
    expect(() => check(now + 21 * hour)).toThrow('not current');
    const long = await peerTrust('node1', ca1.certificate, await newCrl(ca1, [], { untilMs: now + 9 * day }));
    expect(() => verifyPeerCertificate(long, client.certificate, 'client', now + day)).toThrow('has expired');
    const zeros = await peerTrust('node1', ca1.certificate, await newCrl(ca1, [client.serial.toUpperCase()]));
    expect(() => verifyPeerCertificate(zeros, client.certificate, 'client', now)).toThrow('revoked');
  });
});

test('renewal of both certificates needs no restart, and drops no request', async () => {
  const { front, folder, events } = await door();
  const own = folderOf({ own: client.own, ca: ca2.certificate, crl: crl2 });
  const tls = tlsFolder(own, 'node2', 0);
  const transport = httpsTransport({ url: `https://127.0.0.1:${front.port}`, tls, timeoutMs: 3_000 });
  const before = await transport.tlsKeyHash();
  let running = true;
  let sent = 0;
  const load = (async () => {
    for (; running; sent++) await transport.send('Sign1', message);
  })();
  const renewed = await newLeaf(ca1, 'client');
  for (const [where, leaf] of [
    [own, renewed],
    [folder, await newLeaf(ca2, 'server')],
  ] as const)
    writeWhole(join(where, 'own.pem'), leaf.own);
  await new Promise((resolve) => setTimeout(resolve, 200));
  running = false;
  await load;
  expect(await transport.tlsKeyHash()).not.toEqual(before);
  const last = events.at(-1)?.requestContext.identity.clientCert?.serialNumber;
  expect(last?.toLowerCase()).toBe(renewed.serial.toLowerCase());
  expect(events.length).toBe(sent);
});

describe('the plain front', () => {
  let front: Front;
  const events: APIGatewayProxyEvent[] = [];
  beforeAll(async () => {
    front = await startFront({
      port: 0,
      maxBodyBytes: 1_000,
      timeoutMs: 200,
      handler: async (event) => {
        events.push(event);
        if (event.path === '/throw') throw new Error('a secret of the inside');
        if (event.path === '/late') return new Promise(() => {});
        const headers = { 'content-type': 'text/plain', 'x-one': 'a' };
        return { statusCode: 201, headers, multiValueHeaders: { 'x-two': ['b', 'c'] }, body: 'done å' };
      },
    });
    closing.push(front.close);
  });
  const url = (path: string) => `http://127.0.0.1:${front.port}${path}`;

  test('hands the request over as a proxy event, and the result back', async () => {
    const sent = { method: 'POST', body: 'body å', headers: { 'X-Thing': 'å'.normalize('NFD').slice(0, 1) } };
    const answer = await fetch(url('/v1/a%20b?x=1&x=2&y=%2F'), sent);
    expect(answer.status).toBe(201);
    expect(await answer.text()).toBe('done å');
    expect(answer.headers.get('x-one')).toBe('a');
    expect(answer.headers.get('x-two')).toBe('b, c');
    const event = events.at(-1) as APIGatewayProxyEvent;
    expect(event).toMatchObject({
      httpMethod: 'POST',
      path: '/v1/a%20b',
      isBase64Encoded: true,
      queryStringParameters: { x: '2', y: '/' },
      multiValueQueryStringParameters: { x: ['1', '2'], y: ['/'] },
      headers: { 'x-thing': 'a' },
      requestContext: { identity: { clientCert: null } },
    });
    expect(Buffer.from(event.body ?? '', 'base64').toString()).toBe('body å');
    await fetch(url('/'));
    expect(events.at(-1)).toMatchObject({ body: null, isBase64Encoded: false, queryStringParameters: null });
  });

  test('does not read a body that is too large, and the handler never sees it', async () => {
    const before = events.length;
    const answer = await fetch(url('/'), { method: 'POST', body: 'x'.repeat(1_001) });
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ code: 'body_too_large', status: 413 });
    // Without a length it is counted as it comes.
    const chunked = await new Promise((resolve) => {
      const sending = request({ host: '127.0.0.1', port: front.port, method: 'POST' }, (response) => {
        resolve(response.statusCode);
        sending.destroy();
      });
      sending.on('error', () => {});
      for (let i = 0; i < 20; i++) sending.write('y'.repeat(100));
    });
    expect(chunked).toBe(413);
    expect(events).toHaveLength(before);
  });

  test('answers for a handler that fails or is late, without its words', async () => {
    const failed = await fetch(url('/throw'));
    expect(failed.status).toBe(502);
    expect(await failed.text()).not.toContain('secret');
    expect((await fetch(url('/late'))).status).toBe(504);
  });
});
