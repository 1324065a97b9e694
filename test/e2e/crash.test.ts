/**
 * Real processes, really killed: whatever was acknowledged stays, whatever was not is asked for again with the
 * same idempotency key and happens once. `SLOW=1` makes a thousand kills, `CRASHES=n` that many; `SEED=n` repeats a
 * choice of them.
 */
import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { PlanbokError } from '../../client/errors.ts';
import type { Planbok } from '../../client/planbok.ts';
import type { Wallet } from '../../client/wallets.ts';
import { beginTables } from '../../local/tables.ts';
import { errorCodes } from '../../shared/errors.ts';
import { spend } from '../support/ask.ts';
import { programNames } from '../support/processes.ts';
import { cutShort, newFolder, type Stack, startStack } from '../support/stack.ts';

const slow = process.env['SLOW'] === '1';
const cycles = Number(process.env['CRASHES'] ?? (slow ? 1_000 : 8));
const seed = Number(process.env['SEED'] ?? randomInt(2 ** 31));
const workers = 3;
// Processes are found through /proc.
const onLinux = process.platform === 'linux' ? test : test.skip;
jest.setTimeout(Math.max(300_000, cycles * 30_000));

/** Mulberry32: 0 up to 1. */
const random = ((state) => () => {
  state.at = (state.at + 0x6d2b79f5) | 0;
  let t = Math.imul(state.at ^ (state.at >>> 15), 1 | state.at);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
})({ at: seed });
const oneOf = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;

/** Something that was asked for, under one idempotency key for ever. */
interface Asked {
  readonly key: string;
  readonly kind: 'walletSet' | 'wallets' | 'signature';
  readonly run: (planbok: Planbok) => Promise<unknown>;
  /** What was acknowledged. */
  result?: any;
  /** Codes of what went wrong before. */
  readonly codes: string[];
}

let stack: Stack;
let planbok: Planbok;
const asked: Asked[] = [];
const sets: string[] = [];
const wallets: Wallet[] = [];
/** Bodies of all good answers, by idempotency key: what an app may have seen. */
const answers = new Map<string, unknown[]>();
/** Codes of all answers of 500 and more. */
const failures: string[] = [];
/** Milliseconds from a start until nothing was open any more. */
const recoveries: number[] = [];

const watched = async (url: string, init: RequestInit): Promise<Response> => {
  const response = await fetch(url, init);
  const body = (await response.clone().json()) as { code?: string };
  const key = new Headers(init.headers).get('idempotency-key');
  if (response.ok && key) answers.set(key, [...(answers.get(key) ?? []), body]);
  if (response.status >= 500) failures.push(String(body.code));
  return response;
};
const connect = () => {
  // One try each: what is not acknowledged is for this test to repeat.
  planbok = stack.client({ retries: 0, fetch: watched });
};

beforeAll(async () => {
  stack = await startStack({ PLANBOK_LEASE_MS: '1000' });
  connect();
});
afterAll(() => stack?.stop());

function newAsked(): Asked {
  const key = `crash-${seed}-${asked.length}`;
  const add = (kind: Asked['kind'], run: Asked['run']): Asked => {
    const one: Asked = { key, kind, run, codes: [] };
    asked.push(one);
    return one;
  };
  const dice = random();
  const walletSet = oneOf(sets);
  const wallet = oneOf(wallets);
  if (walletSet === undefined || dice < 0.15)
    return add('walletSet', (at) =>
      at.walletSets.create({ name: key, keyTypes: ['secp256k1', 'ed25519'], idempotencyKey: key }),
    );
  if (wallet === undefined || dice < 0.35) {
    const more = random() < 0.5 ? ({ addressType: 'p2tr' } as const) : { count: 2 };
    const blockchains = ['ETH', 'BTC-REGTEST', 'SOL'] as const;
    return add('wallets', (at) =>
      at.wallets.create({ walletSet, blockchains, ...more, idempotencyKey: key }),
    );
  }
  // P2WPKH and P2TR spends have two signatures each, ECDSA or BIP-340.
  const payload =
    wallet.blockchain === 'BTC-REGTEST'
      ? spend(wallet, 2, asked.length % 200)
      : ({ kind: 'message', message: `message ${key}` } as const);
  const request = { wallet: wallet.id, payload, idempotencyKey: key, preview: false };
  return add('signature', (at) => at.signatures.create(request));
}

/** Asks once. @throws {PlanbokError} that may be retried; anything else fails the test */
async function ask(one: Asked): Promise<void> {
  try {
    one.result = await one.run(planbok);
  } catch (error) {
    const passing = error instanceof PlanbokError && error.retryable;
    if (!passing) throw new Error(`${one.kind} ${one.key} after ${one.codes.join(', ')}`, { cause: error });
    one.codes.push(error.code);
    throw error;
  }
  if (one.kind === 'walletSet') sets.push(one.result.id);
  if (one.kind === 'wallets') wallets.push(...one.result.data);
}

async function askUntilDone(one: Asked): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (one.result === undefined) {
    try {
      await ask(one);
    } catch (error) {
      if (!(error instanceof PlanbokError) || Date.now() > deadline) throw error;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

/** Asks for one thing after the other until something fails in a way that may pass. */
async function work(until: { over: boolean }): Promise<void> {
  while (!until.over) {
    try {
      await ask(newAsked());
    } catch (error) {
      if (error instanceof PlanbokError) return;
      throw error;
    }
  }
}

async function crashOnce(): Promise<void> {
  const until = { over: false };
  const working = Promise.all(Array.from({ length: workers }, () => work(until)));
  // Handled at once, looked at below.
  working.catch(() => undefined);
  await new Promise((done) => setTimeout(done, random() * 1_200));
  const victim = oneOf([...programNames, 'node1', 'node2', 'supervisor', 'all'] as const);
  await stack.kill(...(victim === 'all' ? (['supervisor', ...programNames] as const) : [victim]));
  until.over = true;
  await working;
  const before = performance.now();
  await stack.start();
  connect();
  await Promise.all(asked.filter(({ result }) => result === undefined).map(askUntilDone));
  recoveries.push(performance.now() - before);
}

const all = async <T>(items: AsyncGenerator<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
};

onLinux(
  `${cycles} times kill -9 (SEED=${seed}): nothing acknowledged is lost, nothing happens twice`,
  async () => {
    await askUntilDone(newAsked());
    await askUntilDone(newAsked());
    for (let cycle = 0; cycle < cycles; cycle++) await crashOnce();
    if (cycles > 8) {
      const sorted = [...recoveries].sort((a, b) => a - b);
      const at = (part: number) => Math.round(sorted[Math.floor(part * (sorted.length - 1))] ?? 0);
      const codes = new Map<string, number>();
      for (const code of asked.flatMap((one) => one.codes)) codes.set(code, (codes.get(code) ?? 0) + 1);
      process.stderr.write(
        `${cycles} kills, ${asked.length} operations; recovery ${at(0.5)} ms median, ${at(0.99)} ms p99\n` +
          [...codes].map(([code, times]) => `  ${times} x ${code}\n`).join(''),
      );
    }

    expect(failures.filter((code) => !errorCodes[code as keyof typeof errorCodes]?.retryable)).toEqual([]);
    const of = (kind: Asked['kind']) => asked.filter((one) => one.kind === kind).map(({ result }) => result);
    const byId = (items: readonly { readonly id: string }[]) =>
      [...items].sort((a, b) => (a.id < b.id ? -1 : 1));

    // Exactly what was asked for is there, as it was acknowledged.
    expect(byId(await all(planbok.walletSets.list()))).toEqual(byId(of('walletSet')));
    expect(byId(await all(planbok.wallets.list()))).toEqual(byId(of('wallets').flatMap(({ data }) => data)));
    expect(byId(await all(planbok.signatures.list()))).toEqual(byId(of('signature')));

    // However often a key was asked, and is asked again: one answer.
    for (const one of asked) expect(await one.run(planbok)).toEqual(one.result);
    for (const [key, bodies] of answers)
      for (const body of bodies) expect([key, body]).toEqual([key, bodies[0]]);

    // An address index is given out once: all EVM chains share theirs.
    const places = wallets.map(({ walletSet, path }) => `${walletSet} ${path}`);
    expect(new Set(places).size).toBe(places.length);
    const signatures = of('signature').map(({ signature }) => signature);
    expect(new Set(signatures).size).toBe(signatures.length);

    // Every key that is listed still signs, on both curves; the client verifies.
    for (const walletSet of sets) {
      const { data } = await planbok.wallets.create({ walletSet, blockchains: ['ETH', 'SOL'] });
      for (const { id: wallet } of data)
        await planbok.signatures.create({ wallet, payload: { kind: 'message', message: 'still here' } });
    }
  },
);

onLinux(`killed during its first start, three times (SEED=${seed}), it starts all the same`, async () => {
  for (let i = 0; i < (slow ? 50 : 1); i++) {
    const folder = newFolder();
    for (let cut = 0; cut < 3; cut++) await cutShort(folder, 200 + random() * 2_300);
    const other = await startStack({}, folder);
    try {
      const { id: walletSet } = await other.planbok.walletSets.create({ name: 'x', keyTypes: ['ed25519'] });
      const { data } = await other.planbok.wallets.create({ walletSet, blockchains: ['SOL'] });
      const payload = { kind: 'message', message: 'here' } as const;
      await other.planbok.signatures.create({ wallet: data[0]?.id ?? '', payload });
    } finally {
      await other.stop();
    }
  }
});

test('tables whose making was cut short are begun again; tables that were made stay', () => {
  const folder = newFolder();
  const inside = join(folder, 'dynamodb', 'CURRENT');
  const write = () => {
    mkdirSync(join(folder, 'dynamodb'), { recursive: true });
    writeFileSync(inside, 'data');
  };
  beginTables(folder);
  write();
  // Killed here. The second start finds nothing, and gets to the end.
  const made = beginTables(folder);
  expect(existsSync(inside)).toBe(false);
  write();
  made();
  for (let starts = 0; starts < 2; starts++) {
    beginTables(folder)();
    expect(existsSync(inside)).toBe(true);
  }
  rmSync(folder, { recursive: true });
});
