import { rmSync } from 'node:fs';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createClient, createContextValues } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startGrpcServer } from '../../functions/adapters/grpc-server.ts';
import { verifyPeerCertificate } from '../../functions/adapters/peer-certificate.ts';
import { type TlsFolder, tlsFolder } from '../../functions/adapters/tls-folder.ts';
import { httpsTransport } from '../../functions/adapters/transport.ts';
import { peerOver } from '../../functions/channel/call.ts';
import { noPages } from '../../functions/cors.ts';
import { http } from '../../functions/http.ts';
import { node1Routes } from '../../functions/node1/routes.ts';
import { lambdaOf } from '../../functions/node2/lambda.ts';
import { methodsOf } from '../../functions/node2/methods.ts';
import { routesOf, tlsKeyHashKey } from '../../functions/node2/router.ts';
import type { Log, Transport } from '../../functions/ports.ts';
import { rateLimiter } from '../../functions/rate-limit.ts';
import { startFront } from '../../local/front.ts';
import { EnvelopeSchema, NodeService } from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { askSet, askSignature, askWallets, hello } from '../support/ask.ts';
import { newAuthority, newCrl, newLeaf, type TestAuthority, tlsFiles } from '../support/pki.ts';
import { eventOf, owner, twoNodes, type World } from '../support/two-nodes.ts';

let ca1: TestAuthority;
let ca2: TestAuthority;
let serverTls: TlsFolder;
const closing: (() => Promise<void> | void)[] = [];

const folderOf = (files: Parameters<typeof tlsFiles>[0], peer: 'node1' | 'node2'): TlsFolder => {
  const folder = tlsFiles(files);
  closing.push(() => rmSync(folder, { recursive: true }));
  return tlsFolder(folder, peer, 0);
};

beforeAll(async () => {
  [ca1, ca2] = [await newAuthority('CN=one'), await newAuthority('CN=two')];
  const { own } = await newLeaf(ca2, 'server');
  serverTls = folderOf({ own, ca: ca1.certificate, crl: await newCrl(ca1) }, 'node1');
});
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

const clientTls = async (own?: string): Promise<TlsFolder> =>
  folderOf(
    { own: own ?? (await newLeaf(ca1, 'client')).own, ca: ca2.certificate, crl: await newCrl(ca2) },
    'node2',
  );

/** Envelopes over gRPC, as a client in another language would send them. */
async function grpcTransport(port: number, tls: TlsFolder): Promise<Transport> {
  const { own, keyHash, trust } = await tls();
  const wire = createGrpcTransport({
    baseUrl: `https://127.0.0.1:${port}`,
    defaultTimeoutMs: 5_000,
    nodeOptions: {
      key: own,
      cert: own,
      ca: trust.ca,
      crl: trust.crl,
      minVersion: 'TLSv1.3',
      checkServerIdentity: (_, { raw }) => {
        const pem = `-----BEGIN CERTIFICATE-----\n${raw.toString('base64')}\n-----END CERTIFICATE-----\n`;
        verifyPeerCertificate(trust, pem, 'server', Date.now());
        return undefined;
      },
    },
  });
  const client = createClient(NodeService, wire);
  const calls = client as unknown as Record<string, (envelope: unknown) => Promise<never>>;
  return {
    async send(method, envelope) {
      const name = method.charAt(0).toLowerCase() + method.slice(1);
      const call = calls[name];
      if (!call) throw new Error(`no method ${name}`);
      return toBinary(
        EnvelopeSchema,
        create(EnvelopeSchema, await call(fromBinary(EnvelopeSchema, envelope))),
      );
    },
    tlsKeyHash: async () => keyHash,
  };
}

const silent: Log = { info: () => {}, warn: () => {}, alarm: () => {} };

function node2Of(world: World) {
  const ports = {
    identity: world.second.identity,
    clock: world.second.clock,
    log: silent,
    peerIdentity: world.identities.node1,
  };
  return { ports, methods: methodsOf(world.second, {}) };
}

async function grpcServer(world: World): Promise<number> {
  const { ports, methods } = node2Of(world);
  const server = await startGrpcServer({
    routes: routesOf(ports, methods),
    contextOf: (hash) => createContextValues().set(tlsKeyHashKey, hash),
    tls: serverTls,
    host: '127.0.0.1',
    port: 0,
    maxMessageBytes: 2 * 1024 * 1024,
  });
  closing.push(server.close);
  return server.port;
}

async function lambdaFront(world: World): Promise<number> {
  const { ports, methods } = node2Of(world);
  const check = async (pem = '') =>
    verifyPeerCertificate((await serverTls()).trust, pem, 'client', Date.now());
  const handler = lambdaOf(ports, methods, check);
  const front = await startFront({ handler, port: 0, maxBodyBytes: 2 * 1024 * 1024, tls: serverTls });
  closing.push(front.close);
  return front.port;
}

const carriages = {
  'gRPC over HTTP/2': async (world: World) => grpcTransport(await grpcServer(world), await clientTls()),
  'Connect over HTTP/1.1 and proxy events': async (world: World) =>
    httpsTransport({
      url: `https://127.0.0.1:${await lambdaFront(world)}`,
      tls: await clientTls(),
      timeoutMs: 5_000,
    }),
};

describe.each(Object.entries(carriages))('over %s with mTLS', (_, carriage) => {
  test('the nodes found an organization, make keys and sign with both, through the same handlers', async () => {
    const world = await twoNodes({ realClock: true });
    const { node } = world.lead;
    const peerIdentity = world.identities.node2;
    const transport = await carriage(world);
    const peer = peerOver({ identity: node.identity, transport, clock: node.clock, peerIdentity });
    const limiter = rateLimiter(Date.now, { credential: 1_000, organization: 1_000 });
    const handler = http(node1Routes({ ...world.lead, peer }, undefined), {
      log: silent,
      limiter,
      origins: noPages,
    });
    const send = async (request: Parameters<typeof eventOf>[0]) => {
      const result = await handler(eventOf(request) as never, {} as never);
      return { status: result.statusCode, body: JSON.parse(result.body) };
    };
    const someone = owner(world);
    expect(await send(await someone.found())).toMatchObject({
      status: 201,
      body: { id: someone.organization },
    });
    const made = await send(await askSet(someone, ['secp256k1', 'ed25519']));
    expect(made).toMatchObject({ status: 201, body: { state: 'active' } });
    const asked = { walletSet: made.body.id, blockchains: ['ETH', 'SOL'] };
    const wallets = await send(await askWallets(someone, asked));
    expect(wallets.status).toBe(201);
    for (const wallet of wallets.body.data) {
      const signed = await send(await askSignature(someone, wallet, hello(wallet.blockchain)));
      expect(signed).toMatchObject({ status: 201, body: { state: 'completed' } });
    }
  }, 30_000);
});

describe('the gRPC server refuses', () => {
  test('a client without the right certificate, and its handlers never run', async () => {
    const world = await twoNodes({ realClock: true });
    const port = await grpcServer(world);
    const strangers = [
      await newLeaf(await newAuthority(ca1.name), 'client'),
      await newLeaf(ca1, 'client', { uri: 'planbok://node3' }),
      await newLeaf(ca1, 'client', { usage: 'server', uri: 'planbok://node1' }),
      await newLeaf(ca1, 'client', { fromMs: Date.now() - 7_200_000, untilMs: Date.now() - 1_000 }),
    ];
    const empty = toBinary(EnvelopeSchema, create(EnvelopeSchema));
    for (const { own } of strangers) {
      const transport = await grpcTransport(port, await clientTls(own));
      await expect(transport.send('Status', empty)).rejects.not.toThrow('dropped');
    }
    // The peer itself gets as far as the envelope, which is none.
    const transport = await grpcTransport(port, await clientTls());
    await expect(transport.send('Status', empty)).rejects.toThrow('dropped');
  });
});
