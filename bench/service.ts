/**
 * The running service over HTTP: start-up, memory, latency, throughput. Both nodes, both accounts' stores and
 * this client share the machine's cores.
 * @module
 */
import { spawn } from 'node:child_process';
import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { concat, fromBase64url, fromHex, toBase64url, utf8 } from '#shared/bytes.ts';
import { decodePayload, type SignPayload } from '#shared/chains/payload.ts';
import { signatureOperation } from '#shared/intent/build.ts';
import { signatureHeaders, signHttpRequest } from '#shared/intent/http-signature.ts';
import { operationDigest } from '#shared/intent/operation.ts';
import { Planbok, readOwner, type Wallet } from '../client/index.ts';
import { quantile, round } from './measure.ts';

export interface ServiceFigures {
  readonly http: {
    readonly p50: number;
    readonly p95: number;
    readonly p99: number;
    readonly perSecond: Readonly<Record<'1' | '4' | '16', number>>;
  };
  readonly start: { readonly readyMs: number; readonly firstSignatureMs: number; readonly rssMb: number };
  readonly eddsaHttpP50: number;
}

const clients = [1, 4, 16] as const;

/** @param seconds how long each number of clients is kept up */
export async function measureService(seconds: number): Promise<ServiceFigures> {
  const data = mkdtempSync(join(tmpdir(), 'planbok-bench-'));
  const rates = { PLANBOK_RATE_CREDENTIAL: '9999999', PLANBOK_RATE_ORGANIZATION: '9999999' };
  const startedMs = performance.now();
  const child = spawn(process.execPath, ['local/start.mjs', '--port', '0', '--data', data], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '', ...rates },
  });
  try {
    const url = await readyUrl(child.stdout);
    const readyMs = performance.now() - startedMs;
    const owner = readOwner(readFileSync(join(data, 'owner.json'), 'utf8'));
    const { organization, key: credential, identities } = owner;
    const planbok = new Planbok({ url, organization, credential, identities });
    const set = await planbok.walletSets.create({ name: 'bench', keyTypes: ['secp256k1', 'ed25519'] });
    const made = await planbok.wallets.create({ walletSet: set.id, blockchains: ['ETH', 'SOL'] });
    const [evm, solana] = made.data as [Wallet, Wallet];
    await planbok.signatures.create({ wallet: evm.id, payload: { kind: 'message', message: 'first' } });
    const firstSignatureMs = performance.now() - startedMs;

    const signOnce = signer(url, owner.keyId, organization, seedOf(join(data, 'owner.json')));
    await hold(4, 2, () => signOnce(evm));
    const perSecond: Record<string, number> = {};
    let latencies: readonly number[] = [];
    for (const count of clients) {
      const times = await hold(count, seconds, () => signOnce(evm));
      perSecond[count] = round(times.length / seconds);
      if (count === 1) latencies = times;
    }
    const eddsa = await hold(1, seconds / 2, () => signOnce(solana));
    return {
      http: {
        p50: round(quantile(latencies, 0.5)),
        p95: round(quantile(latencies, 0.95)),
        p99: round(quantile(latencies, 0.99)),
        perSecond: perSecond as ServiceFigures['http']['perSecond'],
      },
      start: {
        readyMs: round(readyMs),
        firstSignatureMs: round(firstSignatureMs),
        rssMb: rssOf(child.pid ?? 0),
      },
      eddsaHttpP50: round(quantile(eddsa, 0.5)),
    };
  } finally {
    child.kill('SIGINT');
    await new Promise((resolve) => child.once('exit', resolve));
    rmSync(data, { recursive: true, force: true });
  }
}

async function readyUrl(stdout: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: stdout })) {
    const url = /^planbok ready (http:\S+)$/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error('the service did not start');
}

const seedOf = (file: string): Uint8Array =>
  fromBase64url((JSON.parse(readFileSync(file, 'utf8')) as { seed: string }).seed);

/** Milliseconds of each run, with `count` of them at a time for some seconds. */
async function hold(count: number, seconds: number, run: () => Promise<void>): Promise<number[]> {
  const until = performance.now() + seconds * 1000;
  const times: number[] = [];
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      const from = performance.now();
      await run();
      times.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: count }, client));
  return times;
}

/** A lean client: it signs and sends, and leaves verifying to the nodes, so that mostly they are measured. */
function signer(url: string, keyId: string, organization: string, seed: Uint8Array) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const pkcs8 = concat(fromHex('302e020100300506032b657004220420'), seed);
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  const requestSigner = {
    keyId,
    algorithm: 'ed25519',
    sign: async (message: Uint8Array) => new Uint8Array(sign(null, message, key)),
  } as const;
  let n = 0;
  return async (wallet: Wallet): Promise<void> => {
    const payload = {
      kind: 'message',
      blockchain: wallet.blockchain,
      message: `bench ${n++}`,
    } as SignPayload;
    const walletKey = { ...wallet, publicKey: fromHex(wallet.publicKey) } as Parameters<
      typeof decodePayload
    >[1];
    const idempotencyKey = toBase64url(new Uint8Array(randomBytes(16)));
    const decoded = decodePayload(payload, walletKey);
    const operation = signatureOperation(organization, idempotencyKey, wallet, payload, decoded);
    const created = Math.floor(Date.now() / 1000);
    const nonce = toBase64url(new Uint8Array(randomBytes(16)));
    const authorisation = {
      type: 'planbok/authorisation/v1',
      operation: toBase64url(operationDigest(operation)),
      nonce,
      issued: String(created),
      expires: String(created + 60),
      keyId,
      registryHead: organization,
    };
    const path = `/v1/wallets/${wallet.id}/signatures`;
    const body = utf8(JSON.stringify({ payload, authorisation }));
    const asked = { method: 'POST', path, query: '?', idempotencyKey, body };
    const signed = await signHttpRequest(asked, requestSigner, { created, expires: created + 60, nonce });
    await post(`${url}${path}`, agent, signatureHeaders(signed), body);
  };
}

function post(url: string, agent: Agent, headers: Record<string, string>, body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const all = { ...headers, 'content-type': 'application/json', 'content-length': body.length };
    request(url, { method: 'POST', agent, headers: all }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        if (response.statusCode === 201) resolve();
        else reject(new Error(`answered ${response.statusCode}: ${Buffer.concat(chunks)}`));
      });
    })
      .on('error', reject)
      .end(body);
  });
}

/** Resident megabytes of a process and all of its descendants, from /proc. */
function rssOf(root: number): number {
  const status = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/status`, 'utf8');
    } catch {
      return '';
    }
  };
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      const text = status(pid);
      const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
      return { pid: Number(pid), parent: field('PPid'), kb: field('VmRSS') };
    });
  const sum = (pid: number): number =>
    (all.find((p) => p.pid === pid)?.kb ?? 0) +
    all.filter((p) => p.parent === pid).reduce((kb, p) => kb + sum(p.pid), 0);
  return Math.round(sum(root) / 1024);
}
