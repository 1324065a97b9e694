/**
 * What the running processes of two accounts can reach, of each other and from outside; and what an app is told
 * when one of them is not there.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { PlanbokError } from '../../client/errors.ts';
import { listening, type ProgramName, programNames } from '../support/processes.ts';
import { newFolder, type Stack, startStack } from '../support/stack.ts';

jest.setTimeout(120_000);
const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('a running stack', () => {
  let stack: Stack;
  let walletSet: string;
  let wallets: { readonly id: string; readonly blockchain: string }[];
  let signature: string;
  const away = newFolder();

  beforeAll(async () => {
    stack = await startStack();
    const { planbok } = stack;
    walletSet = (await planbok.walletSets.create({ name: 'x', keyTypes: ['secp256k1', 'ed25519'] })).id;
    wallets = (await planbok.wallets.create({ walletSet, blockchains: ['ETH', 'SOL'] })).data;
    const payload = { kind: 'message', message: 'before' } as const;
    signature = (await planbok.signatures.create({ wallet: wallets[0]?.id ?? '', payload })).id;
  });
  afterAll(async () => {
    await stack?.stop();
    rmSync(away, { recursive: true, force: true });
  });

  const portOf = (name: ProgramName): number => listening(stack.pids()[name])[0]?.port ?? 0;

  test('listens on 127.0.0.1 and nowhere else', async () => {
    const sockets = [stack.pid(), ...Object.values(stack.pids())].flatMap(listening);
    expect(sockets).toHaveLength(4);
    for (const { address } of sockets) expect(address).toBe('0100007F');
    const others = Object.values(networkInterfaces())
      .flat()
      .flatMap((one) => (one && !one.internal && one.family === 'IPv4' ? [one.address] : []));
    for (const host of ['::1', ...others])
      for (const { port } of sockets) {
        const reached = await new Promise((done) => {
          const socket = connect({ host, port, timeout: 2_000 });
          socket.once('connect', () => done(true));
          socket.once('error', () => done(false));
          socket.once('timeout', () => done(false));
          socket.once('close', () => socket.destroy());
        });
        expect([host, port, reached]).toEqual([host, port, false]);
      }
  });

  test('no process of one account, under the flags that it runs with, reads what is the other’s', () => {
    const probe = join(away, 'probe.mjs');
    writeFileSync(
      probe,
      `import { readFileSync } from 'node:fs';
       const read = (path) => { try { readFileSync(path); return 'read'; } catch ({ code }) { return code; } };
       console.log(JSON.stringify(Object.fromEntries(process.argv.slice(2).map((path) => [path, read(path)]))));`,
    );
    const secrets = ['account1', 'account2'].flatMap((account) =>
      ['credential.json', 'kms.json', 'tls/own.pem', 'dynamodb/CURRENT'].map((file) => `${account}/${file}`),
    );
    const paths = [...secrets, 'owner.json', 'logs/node2.log'];
    const readable: Record<ProgramName, readonly string[]> = {
      account1: paths.filter((path) => path.startsWith('account1/')),
      account2: paths.filter((path) => path.startsWith('account2/')),
      node1: ['account1/tls/own.pem'],
      node2: ['account2/tls/own.pem'],
    };
    for (const [name, pid] of Object.entries(stack.pids()) as [ProgramName, number][]) {
      const flags = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        .split('\0')
        .filter((word) => /^--(?:experimental-)?(?:permission|allow-)/.test(word));
      const run = spawnSync(
        process.execPath,
        [...flags, `--allow-fs-read=${probe}`, probe, ...paths.map((path) => join(stack.data, path))],
        { env: {}, encoding: 'utf8' },
      );
      const found = Object.entries(JSON.parse(run.stdout) as Record<string, string>);
      const seen = found
        .filter(([, how]) => how === 'read')
        .map(([path]) => path.slice(stack.data.length + 1));
      expect([name, seen]).toEqual([name, readable[name]]);
      for (const [path, how] of found)
        if (how !== 'read') expect([path, how]).toEqual([path, 'ERR_ACCESS_DENIED']);
    }
  });

  test('Node 2 answers nobody without a certificate, and an account nobody without its credential', async () => {
    const ask = (send: typeof httpRequest, port: number, more: object = {}) =>
      new Promise<number | string>((done) => {
        const path = '/planbok.node.v1.NodeService/Wallets';
        const request = send({ host: '127.0.0.1', port, method: 'POST', path, timeout: 5_000, ...more });
        request.once('response', (response) => done(response.statusCode ?? 0));
        request.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'));
        request.end('{}');
      });
    const node2 = portOf('node2');
    const pem = readFileSync(join(stack.data, 'account2', 'tls', 'own.pem'), 'utf8');
    const cases = [
      ask(httpRequest, node2),
      ask(httpsRequest, node2, { rejectUnauthorized: false }),
      // Its own certificate is of another authority than Node 1's, and of another name.
      ask(httpsRequest, node2, { rejectUnauthorized: false, cert: pem, key: pem }),
    ];
    for (const answer of await Promise.all(cases)) expect(typeof answer).toBe('string');
    const scope = '20261120/us-east-1/dynamodb/aws4_request';
    const { accessKeyId } = JSON.parse(readFileSync(join(stack.data, 'account1', 'credential.json'), 'utf8'));
    const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=host;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`;
    for (const name of ['account1', 'account2'] as const)
      for (const headers of [{}, { authorization, 'x-amz-date': '20261120T000000Z' }])
        expect(
          await ask(httpRequest, portOf(name), {
            headers: { ...headers, 'x-amz-target': 'TrentService.ListKeys' },
          }),
        ).toBe(400);
  });

  test('no log and no file for reading holds a secret', () => {
    const seed = JSON.parse(readFileSync(join(stack.data, 'owner.json'), 'utf8')).seed as string;
    const secrets = ['account1', 'account2'].map(
      (account) =>
        JSON.parse(readFileSync(join(stack.data, account, 'credential.json'), 'utf8')).secretAccessKey,
    );
    const logs = readdirSync(join(stack.data, 'logs')).map((name) => join(stack.data, 'logs', name));
    expect(logs.length).toBeGreaterThanOrEqual(4);
    for (const path of [...logs, join(stack.data, 'run.json')])
      for (const secret of [seed, ...secrets])
        expect(readFileSync(path, 'utf8').includes(secret)).toBe(false);
    for (const pid of [stack.pid(), ...Object.values(stack.pids())])
      for (const secret of [seed, ...secrets])
        expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(secret)).toBe(false);
  });

  /** What becomes of each kind of request: `ok`, or the code and whether it may be tried again. */
  async function tried(): Promise<Record<string, string>> {
    const planbok = stack.client({ retries: 0, timeoutMs: 20_000 });
    const [eth, sol] = wallets;
    const payload = { kind: 'message', message: 'meanwhile' } as const;
    const attempts: Record<string, () => Promise<unknown>> = {
      'make keys': () => planbok.walletSets.create({ name: 'y', keyTypes: ['ed25519'] }),
      'derive wallets': () => planbok.wallets.create({ walletSet, blockchains: ['NEAR'] }),
      'sign ECDSA': () => planbok.signatures.create({ wallet: eth?.id ?? '', payload }),
      'sign Ed25519': () => planbok.signatures.create({ wallet: sol?.id ?? '', payload }),
      'read a wallet set': () => planbok.walletSets.get(walletSet),
      'read a signature': () => planbok.signatures.get(signature),
      'prove an address': () => planbok.wallets.verifyAddress(eth?.id ?? ''),
    };
    const result: Record<string, string> = {};
    for (const [name, attempt] of Object.entries(attempts)) {
      try {
        await attempt();
        result[name] = 'ok';
      } catch (error) {
        if (!(error instanceof PlanbokError)) throw error;
        result[name] = `${error.code}, ${error.retryable ? 'may pass' : 'final'}`;
      }
    }
    return result;
  }
  const allAs = (code: string) => ({
    'make keys': code,
    'derive wallets': code,
    'sign ECDSA': code,
    'sign Ed25519': code,
  });
  const reads = (code: string) => ({
    'read a wallet set': code,
    'read a signature': code,
    'prove an address': code,
  });

  test.each<readonly [ProgramName, Record<string, string>]>([
    ['node2', { ...allAs('node_unavailable, may pass'), ...reads('ok') }],
    ['account2', { ...allAs('storage_unavailable, may pass'), ...reads('ok') }],
    ['account1', { ...allAs('storage_unavailable, may pass'), ...reads('storage_unavailable, may pass') }],
    ['node1', { ...allAs('network_error, may pass'), ...reads('network_error, may pass') }],
  ])(
    'without %s: what cannot be done says so, and may be tried again; afterwards it works',
    async (name, expected) => {
      // The supervisor would end everything: it is kept from noticing.
      process.kill(stack.pid(), 'SIGSTOP');
      try {
        process.kill(stack.pids()[name], 'SIGKILL');
        expect(await tried()).toEqual(expected);
      } finally {
        process.kill(stack.pid(), 'SIGCONT');
        await stack.kill();
        await stack.start();
      }
      expect(new Set(Object.values(await tried()))).toEqual(new Set(['ok']));
    },
  );

  test('a node that hangs is given up; when it goes on, the same request signs', async () => {
    const planbok = stack.client({ retries: 0 });
    const wallet = wallets[0]?.id ?? '';
    const payload = { kind: 'message', message: 'patience' } as const;
    const sign = () => planbok.signatures.create({ wallet, payload, idempotencyKey: 'hanging' });
    const { node2 } = stack.pids();
    process.kill(node2, 'SIGSTOP');
    try {
      await expect(sign()).rejects.toMatchObject({ code: 'node_unavailable', retryable: true });
    } finally {
      process.kill(node2, 'SIGCONT');
    }
    const { id } = await sign();
    expect((await sign()).id).toBe(id);
  });

  test('all four programs were there', () => {
    expect(Object.keys(stack.pids()).sort()).toEqual([...programNames].sort());
  });
});
