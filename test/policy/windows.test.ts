import { describe, expect, test } from '@jest/globals';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Reservation } from '#shared/policy/windows.ts';
import { memoryTable } from '../../functions/adapters/memory.ts';
import type { Item, Table } from '../../functions/ports.ts';
import { namedOperations, steps, windowsOver } from '../../functions/stores/windows.ts';
import { tables } from '../../functions/tables.ts';

const eth = 'eip155:1/slip44:60';
const t0 = 1_800_000_000_000;
const operation = (n: number | string) => sha256(utf8(String(n)));
const hour: Reservation = { rule: 'hour', asset: eth, seconds: 3600, amount: 10n, maxAmount: 100n };
const now = () => Promise.resolve();
const fresh = () => memoryTable(tables.counters);

/** Every call takes some turns of the event loop, so that calls overlap as they do with a real store. */
const slow = (table: Table): Table => ({
  ...table,
  get: async (key) => {
    await new Promise((resolve) => setImmediate(resolve));
    return table.get(key);
  },
  put: async (item, when) => {
    await new Promise((resolve) => setImmediate(resolve));
    return table.put(item, when);
  },
});

describe('windows', () => {
  test('of 50 operations at once exactly those pass that fit', async () => {
    const table = slow(fresh());
    const all = Array.from({ length: 50 }, (_, i) => operation(i));
    // Each from a process of its own.
    const results = await Promise.all(
      all.map((digest) => windowsOver(table, now).reserve('wset', digest, [hour], t0)),
    );
    expect(results.filter((result) => result === null)).toHaveLength(10);
    for (const full of results)
      if (full !== null) expect(full).toEqual({ rule: 'hour', asset: eth, amount: 100n, count: 10 });
    const spent = await windowsOver(table).spent('wset', operation('x'), t0);
    expect(spent('hour', eth, 3600)).toEqual({ amount: 100n, count: 10 });
  });

  test('of 50 of different sizes the sum never passes the limit, and nothing that fits is lost', async () => {
    const table = slow(fresh());
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) => {
        const amount = BigInt(1 + ((i * 7) % 13));
        return windowsOver(table, now)
          .reserve('wset', operation(i), [{ ...hour, amount }], t0)
          .then((full) => ({ amount, full }));
      }),
    );
    const passed = results.filter(({ full }) => full === null).reduce((sum, { amount }) => sum + amount, 0n);
    const spent = (await windowsOver(table).spent('wset', operation('x'), t0))('hour', eth, 3600);
    expect(spent.amount).toBe(passed);
    expect(passed <= 100n).toBe(true);
    for (const { amount, full } of results) if (full) expect(full.amount + amount > 100n).toBe(true);
  });

  test('a retry counts once, also 20 of them at once, and also when the window is full', async () => {
    const table = slow(fresh());
    const all = { ...hour, amount: 100n };
    const results = await Promise.all(
      Array.from({ length: 20 }, () => windowsOver(table, now).reserve('wset', operation(1), [all], t0)),
    );
    expect(results.every((result) => result === null)).toBe(true);
    const windows = windowsOver(table, now);
    expect((await windows.spent('wset', operation(2), t0))('hour', eth, 3600)).toEqual({
      amount: 100n,
      count: 1,
    });
    // For itself it is not spent yet: the decision about a retry is the decision about the first try.
    expect((await windows.spent('wset', operation(1), t0))('hour', eth, 3600)).toEqual({
      amount: 0n,
      count: 0,
    });
    expect(await windows.reserve('wset', operation(2), [{ ...hour, amount: 1n }], t0)).not.toBeNull();
    expect(await windows.reserve('wset', operation(1), [all], t0 + 5)).toBeNull();
  });

  test('all windows of an operation are counted, or none', async () => {
    const windows = windowsOver(fresh(), now);
    const narrow: Reservation = { rule: 'count', asset: '*', seconds: 60, amount: 0n, maxCount: 1 };
    expect(await windows.reserve('wset', operation(1), [hour, narrow], t0)).toBeNull();
    expect(await windows.reserve('wset', operation(2), [hour, narrow], t0)).toEqual({
      rule: 'count',
      asset: '*',
      amount: 0n,
      count: 1,
    });
    const spent = await windows.spent('wset', operation('x'), t0);
    expect(spent('hour', eth, 3600)).toEqual({ amount: 10n, count: 1 });
    expect(spent('count', '*', 60)).toEqual({ amount: 0n, count: 1 });
    // A rule that came later counts an operation that the older rules have counted.
    expect(await windows.reserve('wset', operation(1), [hour, { ...narrow, rule: 'new' }], t0)).toBeNull();
    expect((await windows.spent('wset', operation('x'), t0))('hour', eth, 3600).count).toBe(1);
  });

  test('wallet sets, rules and assets have counters of their own', async () => {
    const windows = windowsOver(fresh(), now);
    const all = { ...hour, amount: 100n };
    for (const [set, reservation] of [
      ['wset', all],
      ['other', all],
      ['wset', { ...all, rule: 'second' }],
      ['wset', { ...all, asset: '*' }],
    ] as const)
      expect(await windows.reserve(set, operation(1), [reservation], t0)).toBeNull();
    expect(await windows.reserve('wset', operation(2), [all], t0)).not.toBeNull();
  });

  test('the window rolls: to the millisecond for the newest operations', async () => {
    const windows = windowsOver(fresh(), now);
    const all = { ...hour, amount: 100n };
    await windows.reserve('wset', operation(1), [all], t0);
    expect(await windows.reserve('wset', operation(2), [all], t0 + 3_599_999)).not.toBeNull();
    expect(await windows.reserve('wset', operation(2), [all], t0 + 3_600_000)).toBeNull();
    // Back in time, by another clock, what was spent later still counts.
    expect(await windows.reserve('wset', operation(3), [all], t0 + 1_000_000)).not.toBeNull();
  });

  test('amounts of 78 digits are exact', async () => {
    const windows = windowsOver(fresh(), now);
    const maxAmount = 2n ** 256n - 1n;
    const most = { ...hour, maxAmount };
    expect(await windows.reserve('wset', operation(1), [{ ...most, amount: maxAmount - 1n }], t0)).toBeNull();
    expect(await windows.reserve('wset', operation(2), [{ ...most, amount: 2n }], t0)).not.toBeNull();
    expect(await windows.reserve('wset', operation(2), [{ ...most, amount: 1n }], t0)).toBeNull();
  });

  test('the item stays small, and a long window is never too short', async () => {
    const table = fresh();
    const windows = windowsOver(table, now);
    const all: number[] = [];
    const limited: Reservation = { ...hour, amount: 1n, maxAmount: 400n };
    // One operation every 5 s for two hours: 720 fit into an hour, 400 may.
    for (let i = 0; i < 1440; i++) {
      const atMs = t0 + i * 5000;
      if ((await windows.reserve('wset', operation(i), [limited], atMs)) === null) all.push(atMs);
      const inWindow = all.filter((at) => at > atMs - 3_600_000).length;
      expect(inWindow <= 400).toBe(true);
    }
    expect(all.length).toBeGreaterThan(700);
    const item = (await table.get({ counter: 'windows#wset' })) as Item;
    expect(String(item['counters']).length).toBeLessThan(60 * (namedOperations + steps + 2));
  });

  test('what is summed up leaves the window late, never early', async () => {
    const windows = windowsOver(fresh(), now);
    const most = { ...hour, amount: 1n, maxAmount: 150n };
    const begin = t0 + 100_000;
    for (let i = 0; i < 150; i++)
      expect(await windows.reserve('wset', operation(i), [most], begin + i)).toBeNull();
    expect(await windows.reserve('wset', operation('x'), [most], begin + 3_599_999)).not.toBeNull();
    // At the end of the step that the sum stands for.
    const step = Math.ceil(3_600_000 / steps);
    expect(await windows.reserve('wset', operation('x'), [most], t0 + 3_600_000 + step)).toBeNull();
    expect(
      (await windows.spent('wset', operation('y'), t0 + 3_600_000 + step))('hour', eth, 3600).count,
    ).toBe(1);
  });

  test('counters of rules that are gone disappear with their windows', async () => {
    const table = fresh();
    const windows = windowsOver(table, now);
    await windows.reserve('wset', operation(1), [{ ...hour, rule: 'gone' }], t0);
    await windows.reserve('wset', operation(2), [hour], t0 + 1);
    expect(String((await table.get({ counter: 'windows#wset' }))?.['counters'])).toContain('gone');
    await windows.reserve('wset', operation(3), [hour], t0 + 3_600_000);
    expect(String((await table.get({ counter: 'windows#wset' }))?.['counters'])).not.toContain('gone');
  });

  test('a write whose answer was lost counts once', async () => {
    const table = fresh();
    let lost = 0;
    const losing: Table = {
      ...table,
      put: async (item, when) => {
        const done = await table.put(item, when);
        if (lost++ === 0) throw new CustodyError('storage_unavailable', 'no answer');
        return done;
      },
    };
    const windows = windowsOver(losing, now);
    await expect(windows.reserve('wset', operation(1), [hour], t0)).rejects.toThrow('no answer');
    expect(await windows.reserve('wset', operation(1), [hour], t0)).toBeNull();
    expect((await windows.spent('wset', operation('x'), t0))('hour', eth, 3600).count).toBe(1);
  });

  test('a store where every write loses ends in an error, not in a signature', async () => {
    const table: Table = { ...fresh(), put: async () => false };
    await expect(windowsOver(table, now).reserve('wset', operation(1), [hour], t0)).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
  });

  test('without a window nothing is read or written', async () => {
    const table = { get: () => Promise.reject(new Error('read')) } as unknown as Table;
    expect(await windowsOver(table, now).reserve('wset', operation(1), [], t0)).toBeNull();
  });
});
