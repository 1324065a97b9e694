/**
 * An API key is revoked while many requests of it run. What began after the revocation's receipt is refused,
 * by both nodes: also by Node 2 alone, if Node 1 never heard of it.
 */
import { describe, expect, test } from '@jest/globals';
import type { RegistryStore } from '../../../functions/stores/registry.ts';
import { askSignature, done, hello, newKey } from '../../support/ask.ts';
import type { Person } from '../../support/two-nodes.ts';
import { addApiKey, type Home, homeOf, registryAt2, say, upToDate } from './home.ts';

const slow = process.env['SLOW'] === '1';
const [clients, beforeMs, afterMs] = slow ? [32, 5_000, 5_000] : [8, 400, 400];

interface Attempt {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly status: number;
  readonly code: string;
}

/** Signs without a pause until told to stop. */
async function keepSigning({ world, own }: Home, who: Person, stop: { now: boolean }): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  while (!stop.now) {
    // Over memory nothing waits for anything: without this no timer would ever ring.
    await new Promise((resolve) => setImmediate(resolve));
    const request = await askSignature(who, own.wallet, hello('SOL', newKey()));
    const startedMs = performance.now();
    const { status, body } = await world.fetch(request);
    attempts.push({ startedMs, endedMs: performance.now(), status, code: body.code ?? '' });
  }
  return attempts;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function revokeUnderLoad(home: Home, meanwhile: () => void = () => undefined) {
  const { world, ada, own } = home;
  const { key, apiKey } = await addApiKey(world, ada, { [own.walletSet]: ['view', 'sign'] });
  const who = await upToDate(world, key);
  const stop = { now: false };
  const running = Array.from({ length: clients }, () => keepSigning(home, who, stop));
  await pause(beforeMs);
  meanwhile();
  const statedMs = performance.now();
  await done(say(world, ada, { kind: 'api_key.revoke', apiKey }));
  const receiptMs = performance.now();
  await pause(afterMs);
  stop.now = true;
  const attempts = (await Promise.all(running)).flat();
  const signed = attempts.filter(({ status }) => status === 201);
  const late = attempts.filter(({ startedMs }) => startedMs > receiptMs);
  const lastMs = Math.max(...signed.map(({ endedMs }) => endedMs)) - receiptMs;
  process.stdout.write(
    `revocation: ${attempts.length} requests by ${clients} clients, ${signed.length} signed; stated and committed in ` +
      `${(receiptMs - statedMs).toFixed(0)} ms; the last signature came ${lastMs.toFixed(0)} ms after the receipt\n`,
  );
  return { signed, late, registry: await registryAt2(world, ada.organization), apiKey };
}

describe('revoked under load', () => {
  test('no request that began after the receipt is signed', async () => {
    const home = await homeOf({ realClock: true });
    const { signed, late, registry, apiKey } = await revokeUnderLoad(home);
    expect(registry.apiKeys[apiKey]).toBeUndefined();
    expect(signed.length).toBeGreaterThan(0);
    expect(late.length).toBeGreaterThan(0);
    expect(late.filter(({ code }) => code !== 'credential_inactive')).toEqual([]);
  });

  test('nor with a Node 1 that keeps to what it knew before', async () => {
    const home = await homeOf({ realClock: true });
    const { node } = home.world.lead;
    const { registry } = node;
    let asked = 0;
    const { wire } = home.world;
    const freeze = () => {
      const known = registry.read(home.ada.organization);
      const old: RegistryStore = { ...registry, read: async () => known, append: async () => true };
      Object.assign(node, { registry: old });
      home.world.wire = (method, envelope, deliver) => {
        if (method === 'SignSchnorr') asked++;
        return wire(method, envelope, deliver);
      };
    };
    const { signed, late } = await revokeUnderLoad(home, freeze);
    expect(signed.length).toBeGreaterThan(0);
    expect(late.length).toBeGreaterThan(0);
    // Node 1 let them through; Node 2 refused every one.
    expect(asked).toBeGreaterThan(late.length / 2);
    expect(late.filter(({ code }) => code !== 'credential_inactive')).toEqual([]);
  });
});
