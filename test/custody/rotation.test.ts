import { describe, expect, test } from '@jest/globals';
import { memoryKeyService, memoryTable } from '../../functions/adapters/memory.ts';
import { mostPendingTries } from '../../functions/custody/voprf-keys.ts';
import type { Item, KeyService, Table } from '../../functions/ports.ts';
import { tables } from '../../functions/tables.ts';
import { type Bytes, toHex } from '../../shared/bytes.ts';
import { evaluate } from '../../shared/crypto/voprf.ts';
import { pinKeys } from '../../shared/custody/pin.ts';
import { unwrapSecret } from '../../shared/custody/wrapped-secret.ts';
import { CustodyError } from '../../shared/errors.ts';
import {
  ask,
  customer,
  device,
  type Node2,
  node2Over,
  openWith,
  pinName,
  proven,
  random,
  scopeOf,
  setUp,
  someId,
  type Wrap,
  wrapUnder,
} from './support.ts';

const [oldPin, newPin] = ['927451', '350472'];

/** A memory table that can be copied, and put back as it was. */
function copyable(): { readonly table: Table; copy(): Promise<readonly Item[]>; keysSeen: Set<string> } {
  const table = memoryTable(tables.counters);
  const keysSeen = new Set<string>();
  return {
    keysSeen,
    table: {
      ...table,
      put(item, when) {
        keysSeen.add(String(item['counter']));
        return table.put(item, when);
      },
    },
    copy: async () =>
      (await Promise.all([...keysSeen].map((counter) => table.get({ counter })))).filter(
        (item) => item !== undefined,
      ),
  };
}

/** The steps of a PIN change in the order of the protocol; what each leaves with device and platform is in `held`. */
async function changePin(
  node: Node2,
  pin: string,
  secret: Bytes,
  change: string,
  held: Wrap[],
): Promise<void> {
  const key = await node.keys.begin(pinName, change);
  const wrap = await wrapUnder(node, pin, key, secret);
  // The platform keeps the new wrap beside the old one until Node 2 has confirmed.
  held.push(wrap);
  await node.accept(proven(node, secret, wrap, wrap.evaluation));
}

/** The secret, by whichever held wrap Node 2 still answers for. */
async function openAny(
  node: Node2,
  held: readonly Wrap[],
  pins: readonly string[],
): Promise<string | undefined> {
  const { active } = await node.keys.find(pinName);
  for (const [i, wrap] of held.entries()) {
    if (wrap.version !== active?.version) continue;
    const asked = await ask(node, pins[i] as string, wrap);
    if (asked.answer.outcome !== 'evaluated') continue;
    const opened = await openWith(asked, wrap).catch(() => undefined);
    if (opened === undefined) continue;
    await node.accept(proven(node, opened, wrap, asked.evaluation));
    return toHex(opened);
  }
  return undefined;
}

describe('a PIN change', () => {
  test('kills the old wrap: with copies of everything from before and the old PIN, nothing opens', async () => {
    const store = copyable();
    const service = memoryKeyService();
    const node = await node2Over(store.table, service);
    const secret = random(32);
    const before = await setUp(node, oldPin, secret);
    const copies = await store.copy();
    expect(await openWith(await ask(node, oldPin, before), before)).toEqual(secret);

    const held = [before];
    await changePin(node, newPin, secret, 'change', held);
    const after = held[1] as Wrap;
    expect(await openWith(await ask(node, newPin, after), after)).toEqual(secret);
    expect(after.version).toBe(2);
    expect(toHex(after.salt)).not.toBe(toHex(before.salt));

    // Old PIN, old salt, old wrap: Node 2 has no key for it, and counts nothing.
    const asked = await ask(node, oldPin, before);
    expect(asked.answer).toEqual({ outcome: 'no_key', standing: { remaining: 0, nextMs: 0 } });
    // The old PIN under the new key opens neither wrap.
    const crossed = () => ask(node, oldPin, { salt: before.salt, version: 2 });
    const underNew = { ...before, publicKey: after.publicKey };
    for (const wrap of [after, underNew])
      await expect(openWith(await crossed(), wrap)).rejects.toThrow('the secret does not open');
    await expect(openWith(await ask(node, newPin, after), before)).rejects.toThrow('attested');
    // Nothing of the old key is left in the store.
    const names = JSON.stringify(
      (await store.copy()).map((item) =>
        Object.entries(item).map(([k, v]) => [k, v instanceof Uint8Array ? toHex(v) : v]),
      ),
    );
    for (const item of copies)
      for (const value of Object.values(item))
        if (value instanceof Uint8Array) expect(names).not.toContain(toHex(value));
    // The copy of Node 2's table opens only with Node 2's key service, which a thief of copies has not.
    const stolen = memoryTable(tables.counters);
    for (const item of copies) await stolen.put(item);
    const thief = await node2Over(stolen, memoryKeyService());
    await expect(ask(thief, oldPin, before)).rejects.toMatchObject({ code: 'share_unreadable' });
    // And it is that which protects: with live access to it besides, the copy would be worth a guess again.
    const insider = await node2Over(stolen, service);
    expect(await openWith(await ask(insider, oldPin, before), before)).toEqual(secret);
  });

  test('a key moved to another customer, device, use or version does not open', async () => {
    const table = memoryTable(tables.counters);
    const node = await node2Over(table, memoryKeyService());
    await setUp(node, oldPin, random(32));
    const item = (await table.get({ counter: `voprf#pin#${customer}#${device}` })) as Item;
    await table.put({ ...item, counter: `voprf#pin#cus_other#${device}` });
    await table.put({ ...item, counter: `voprf#pin#${customer}#key_other` });
    await table.put({ ...item, counter: `voprf#answers#${customer}#` });
    for (const other of [
      { ...pinName, customer: 'cus_other' },
      { ...pinName, device: 'key_other' },
      { use: 'answers', customer, device: '' } as const,
    ])
      await expect(node.keys.open(other, 1)).rejects.toMatchObject({ code: 'share_unreadable' });
    await table.put({ ...item, activeVersion: 7 });
    await expect(node.keys.open(pinName, 7)).rejects.toMatchObject({ code: 'share_unreadable' });
  });

  test('is confirmed only by a proof that names an evaluation under the pending key, and once', async () => {
    const node = await node2Over(memoryTable(tables.counters), memoryKeyService());
    const secret = random(32);
    const before = await setUp(node, oldPin, secret);
    const old = await ask(node, oldPin, before);
    const key = await node.keys.begin(pinName, 'change');
    const wrap = await wrapUnder(node, newPin, key, secret);
    const wrong = [
      proven(node, secret, wrap, someId()),
      proven(node, secret, wrap, old.evaluation),
      proven(node, secret, { ...wrap, version: 3 }, wrap.evaluation),
    ];
    for (const proof of wrong) expect(await node.keys.confirm(proof)).toBe(false);
    expect((await node.keys.find(pinName)).active?.version).toBe(1);
    const right = proven(node, secret, wrap, wrap.evaluation);
    expect(await node.accept(right)).toBe('confirmed');
    expect(await node.accept(right)).toBe('confirmed');
    expect(await node.keys.find(pinName)).toEqual({ active: key });
    // Sent again and again it forgives no tries.
    for (let i = 0; i < 5; i++) await ask(node, '111111', wrap);
    await node.accept(right);
    expect((await ask(node, '111111', wrap)).answer.outcome).toBe('wait');
  });

  test('works when the PIN is locked, and unlocks', async () => {
    const node = await node2Over(memoryTable(tables.counters), memoryKeyService());
    const secret = random(32);
    const before = await setUp(node, oldPin, secret);
    for (let i = 0; i < 10; i++) {
      node.nowMs += 24 * 3_600_000;
      await ask(node, '111111', before);
    }
    node.nowMs += 24 * 3_600_000;
    expect((await ask(node, oldPin, before)).answer.outcome).toBe('locked');
    const held: Wrap[] = [before];
    await changePin(node, newPin, secret, 'reset', held);
    const asked = await ask(node, newPin, held[1] as Wrap);
    expect(asked.answer).toMatchObject({ outcome: 'evaluated', standing: { remaining: 9 } });
  });

  test('a pending key answers three times, for nothing that needs a wrap, and the one in use meanwhile', async () => {
    const node = await node2Over(memoryTable(tables.counters), memoryKeyService());
    const secret = random(32);
    const before = await setUp(node, oldPin, secret);
    const { version } = await node.keys.begin(pinName, 'change');
    const salt = random(32);
    for (const purpose of ['sign', 'export'] as const)
      expect((await ask(node, newPin, { salt, version }, purpose)).answer.outcome).toBe('no_key');
    for (let i = 0; i < mostPendingTries; i++)
      expect((await ask(node, newPin, { salt, version }, 'change')).answer.outcome).toBe('evaluated');
    expect((await ask(node, newPin, { salt, version }, 'change')).answer.outcome).toBe('locked');
    expect(await openWith(await ask(node, oldPin, before), before)).toEqual(secret);
    await expect(node.keys.claim(pinName, version, someId())).resolves.toMatchObject({ outcome: 'locked' });
  });

  test('of concurrent claims of a pending key three count; of concurrent beginnings of one change one key is', async () => {
    const node = await node2Over(memoryTable(tables.counters), memoryKeyService());
    const made = await Promise.all(Array.from({ length: 4 }, () => node.keys.begin(pinName, 'one')));
    expect(new Set(made.map(({ version, publicKey }) => `${version} ${toHex(publicKey)}`)).size).toBe(1);
    const claims = await Promise.all(
      Array.from({ length: 20 }, () => node.keys.claim(pinName, made[0]?.version as number, someId())),
    );
    expect(claims.filter(({ outcome }) => outcome === 'counted')).toHaveLength(mostPendingTries);
    const id = someId();
    const other = await node.keys.begin(pinName, 'another');
    await node.keys.claim(pinName, other.version, id);
    await expect(node.keys.claim(pinName, other.version, id)).rejects.toMatchObject({
      code: 'authorisation_replayed',
    });
  });

  test('versions are never used twice: not one given up, replaced or revoked', async () => {
    const node = await node2Over(memoryTable(tables.counters), memoryKeyService());
    expect((await node.keys.begin(pinName, 'a')).version).toBe(1);
    expect((await node.keys.begin(pinName, 'a')).version).toBe(1);
    expect((await node.keys.begin(pinName, 'b')).version).toBe(2);
    expect(await node.keys.open(pinName, 1)).toBeUndefined();
    await node.keys.discard(pinName, 'a');
    expect((await node.keys.find(pinName)).pending?.version).toBe(2);
    await node.keys.discard(pinName, 'b');
    expect(await node.keys.find(pinName)).toEqual({});
    expect(await node.keys.open(pinName, 2)).toBeUndefined();
    const secret = random(32);
    const wrap = await setUp(node, oldPin, secret);
    expect(wrap.version).toBe(3);
    await node.keys.revoke(pinName);
    expect(await node.keys.open(pinName, 3)).toBeUndefined();
    expect((await ask(node, oldPin, wrap)).answer.outcome).toBe('no_key');
    expect((await node.keys.begin(pinName, 'c')).version).toBe(4);
  });

  test('an evaluation that comes between counting and the end of its key is not carried out', async () => {
    const node = await node2Over(memoryTable(tables.counters), memoryKeyService());
    const wrap = await setUp(node, oldPin, random(32));
    const { take } = node.ports.attempts;
    const slow: Node2['ports']['attempts'] = {
      ...node.ports.attempts,
      async take(...args) {
        const counted = await take(...args);
        await node.keys.revoke(pinName);
        return counted;
      },
    };
    Object.assign(node.ports, { attempts: slow });
    expect((await ask(node, oldPin, wrap)).answer.outcome).toBe('no_key');
  });
});

describe('a crash during a PIN change', () => {
  /** Stops for good at the n-th call of store or key service, before or after its effect. */
  const crashing = (at: number, after: boolean, table: Table, service: KeyService) => {
    let calls = 0;
    const crash = () => new CustodyError('storage_unavailable', 'crashed');
    const around = async <T>(run: () => Promise<T>): Promise<T> => {
      const call = calls++;
      if (call > at || (call === at && !after)) throw crash();
      const result = await run();
      if (call === at) throw crash();
      return result;
    };
    const wrappedTable: Table = {
      get: (...args) => around(() => table.get(...args)),
      put: (...args) => around(() => table.put(...args)),
      update: (...args) => around(() => table.update(...args)),
      delete: (...args) => around(() => table.delete(...args)),
      list: (...args) => around(() => table.list(...args)),
    };
    const wrappedService: KeyService = {
      ...service,
      generateDataKey: (...args) => around(() => service.generateDataKey(...args)),
      decryptDataKey: (...args) => around(() => service.decryptDataKey(...args)),
    };
    return { table: wrappedTable, service: wrappedService, calls: () => calls };
  };

  test('at every step, before and after it, leaves a PIN that opens; and the change can be finished', async () => {
    let steps = 0;
    for (let at = 0; ; at++) {
      let done = false;
      for (const after of [false, true]) {
        const table = memoryTable(tables.counters);
        const service = memoryKeyService();
        const well = await node2Over(table, service);
        const secret = random(32);
        const held = [await setUp(well, oldPin, secret)];
        const faulty = crashing(at, after, table, service);
        const node = await node2Over(faulty.table, faulty.service);
        const ended = await changePin(node, newPin, secret, 'change', held).then(
          () => true,
          ({ code }) => {
            expect(code).toBe('storage_unavailable');
            return false;
          },
        );
        done ||= ended;
        // Whatever happened, one of the wraps opens with its PIN.
        expect(await openAny(well, held, [oldPin, newPin])).toBe(toHex(secret));
        // The client tries again, with the same change while its key is pending, else with another.
        const again = [...held];
        await changePin(well, newPin, secret, 'change', again);
        const last = again.at(-1) as Wrap;
        expect(await openWith(await ask(well, newPin, last), last)).toEqual(secret);
        const { active, pending } = await well.keys.find(pinName);
        expect([active?.version, pending]).toEqual([last.version, undefined]);
        for (const old of again.slice(0, -1).filter(({ version }) => version < last.version))
          expect((await ask(well, oldPin, old)).answer.outcome).toBe('no_key');
        steps++;
      }
      if (done) break;
    }
    // begin: 3 reads, a seal and a write; claim, open, confirm, start over.
    expect(steps).toBeGreaterThanOrEqual(20);
  });
});

test('what Node 2 evaluates without counting would still need salt and wrap: neither is enough alone', async () => {
  const node = await node2Over(memoryTable(tables.counters), memoryKeyService());
  const secret = random(32);
  const wrap = await setUp(node, oldPin, secret);
  const key = await node.keys.open(pinName, 1);
  if (key === undefined) throw new Error('no key');
  // A Node 2 gone bad evaluates as often as it likes; with another salt than the device's nothing opens.
  for (const salt of [random(32), new Uint8Array(32)]) {
    const asked = await ask(node, oldPin, { salt, version: 1 });
    const answer = evaluate(key, asked.blinded.blinded, random);
    const keys = pinKeys(asked.blinded, answer, key.publicKey, scopeOf(1));
    await expect(unwrapSecret(keys, scopeOf(1), wrap.wrapped)).rejects.toThrow('the secret does not open');
  }
});
