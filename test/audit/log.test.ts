import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { memoryTable } from '../../functions/adapters/memory.ts';
import { writeOnceFiles } from '../../functions/adapters/write-once-files.ts';
import { writeOnceTable } from '../../functions/adapters/write-once-table.ts';
import type { Receipt } from '../../functions/audit/append.ts';
import { eventAt, eventPage, findEvent } from '../../functions/audit/events.ts';
import type { WriteOnce } from '../../functions/audit/ports.ts';
import { logReader } from '../../functions/audit/proofs.ts';
import type { Table } from '../../functions/ports.ts';
import { auditOver } from '../../functions/stores/audit.ts';
import { openCheckpoint } from '../../shared/audit/checkpoint.ts';
import { leafHash, rootOfLeaves } from '../../shared/audit/merkle.ts';
import { encodeProof, openCosigned, parseProof, verifyProof } from '../../shared/audit/proof.ts';
import { commitmentOf, readRecord, recordBytes, recordOf } from '../../shared/audit/record.ts';
import { openPromise } from '../../shared/audit/statements.ts';
import { decodeEntries, encodeEntries, parseTilePath, tilePath } from '../../shared/audit/tile.ts';
import { type Bytes, equalBytes, toBase64url, utf8 } from '../../shared/bytes.ts';
import { CustodyError } from '../../shared/errors.ts';
import { exportFiles, verifyFiles } from './exports.ts';
import {
  type AuditNode,
  auditPair,
  auditTable,
  exportOf,
  facts,
  leavesIn,
  organization,
  random,
  slow,
} from './support.ts';

const codeOf = async (run: Promise<unknown>): Promise<string> => {
  try {
    await run;
  } catch (error) {
    return error instanceof CustodyError ? error.code : String(error);
  }
  return 'nothing was thrown';
};

/** Calls `before` and `after` around everything that reaches a store. */
function around<T extends object>(port: T, before: (name: string) => void, after: (name: string) => void): T {
  return new Proxy(port, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        before(String(name));
        const result = await method.apply(target, args);
        after(String(name));
        return result;
      };
    },
  });
}

type Named = Pick<Receipt, 'id' | 'event'>;

/** The log is dense, holds each of these records once, and its head is the root of them. */
async function expectLog(node: AuditNode, receipts: readonly Named[]): Promise<void> {
  const ids = receipts.map(({ id }) => id);
  const leaves = await leavesIn(node);
  const found = leaves.map((leaf) => toBase64url(leafHash(leaf)));
  expect([...found].sort()).toEqual([...ids].sort());
  const head = await node.store.head(node.log);
  const { signer } = await node.keys.key('log', node.log);
  const checkpoint = openCheckpoint(head?.note as Bytes, signer);
  expect([checkpoint.size, checkpoint.root]).toEqual([ids.length, rootOfLeaves(leaves.map(leafHash))]);
  const at = new Map(found.map((id, i) => [id, i]));
  const stored = await Promise.all(receipts.map(({ event }) => findEvent(node, node.log, event)));
  expect(stored.map((event) => event?.index)).toEqual(ids.map((id) => at.get(id)));
}

describe('a record', () => {
  test('is durable with one put, and promised; the promise verifies against the identity alone', async () => {
    const { node1 } = await auditPair();
    const { id, event, promise } = await node1.auditor.append(organization, facts(), utf8('Jane Doe'));
    const stored = await node1.store.find(node1.log, event);
    const [leaf] = stored?.leaves ?? [];
    const [opening] = stored?.openings ?? [];
    const record = readRecord(leaf as Bytes);
    expect(record.commitment).toBe(
      toBase64url(commitmentOf(opening?.nonce as Bytes, opening?.payload as Bytes)),
    );
    expect(new TextDecoder().decode(leaf)).not.toContain('Jane');
    const said = openPromise(promise, { node: 'node1', log: node1.log, record: id }, node1.identity);
    expect(said.record).toBe(id);
    const other = { node: 'node1', log: node1.log, record: toBase64url(random(32)) } as const;
    expect(() => openPromise(promise, other, node1.identity)).toThrow();
  });

  test('is written in one form only', () => {
    const record = recordOf('planbok.node1/x', 1_790_000_000_000, facts(), random(32));
    const bytes = recordBytes(record);
    expect(readRecord(bytes)).toEqual(record);
    const text = new TextDecoder().decode(bytes);
    const wrong = [
      ` ${text}`,
      text.replace('intent', 'intended'),
      text.replace('"time":"1', '"time":"01'),
      text.replace('"role"', '"rule"'),
      text.replace('"owner"', '1'),
      text.replace('{', '{"a":"b",'),
      text.slice(0, -1),
      'null',
      '',
    ];
    for (const form of wrong) expect(() => readRecord(utf8(form))).toThrow(TypeError);
    expect(() => recordBytes({ ...record, object: 'x'.repeat(1_200) })).toThrow(RangeError);
  });

  test('what a commitment hides is erased without a trace in the tree', async () => {
    const pair = await auditPair();
    const { node1 } = pair;
    const append = (name: string) => node1.auditor.append(organization, facts(), utf8(name));
    const [first, ...others] = await Promise.all(['first', 'Jane Doe', 'John Doe'].map(append));
    const [jane, john] = others as [Receipt, Receipt];
    await node1.sequencer().drain(node1.log);
    // The second of two that went together: nothing else is erased.
    expect(john.event).toBe(`${jane.event}.1`);
    await node1.store.erase(node1.log, jane.event, 1);
    const stored = await node1.store.find(node1.log, jane.event);
    expect(stored?.openings).toEqual([
      { nonce: expect.any(Uint8Array), payload: utf8('Jane Doe') },
      undefined,
    ]);
    await expectLog(node1, [first as Receipt, jane, john]);
  });
});

describe('the sequencer', () => {
  test('makes a log of what was appended, with tiles, proofs, lists, and the cosignature of the peer', async () => {
    const { node1, node2 } = await auditPair();
    const made: Receipt[] = [];
    const sequencer = node1.sequencer();
    for (let i = 0; i < 600; i += 3) {
      // Two of an object that come at once, and one that is alone: entries of one record and of more.
      const objects = ['wal_a', 'wal_b', 'wal_b'];
      const receipts = objects.map((object) => node1.auditor.append(organization, facts({ object })));
      made.push(...(await Promise.all(receipts)));
      if (i % 97 === 0) await sequencer.drain(node1.log);
    }
    await sequencer.drain(node1.log);
    await expectLog(node1, made);
    const head = await node1.store.head(node1.log);
    const keys = {
      log: (await node1.keys.key('log', node1.log)).signer,
      witness: (await node2.keys.key('witness', 'planbok.node2/witness')).signer,
    };
    const cosigned = (await node1.store.cosigned(node1.log))?.note as Bytes;
    expect(openCosigned(cosigned, keys).size).toBe(600);
    expect(() => openCosigned((head as { note: Bytes }).note, keys)).toThrow();
    const reader = logReader(node1.store, node1.files);
    for (const { event } of [made[0], made[255], made[256], made[599]] as Receipt[]) {
      const found = await findEvent(node1, node1.log, event);
      const { leaf, index } = found as { leaf: Bytes; index: number };
      const hashes = await reader.inclusion(node1.log, head as never, index, 600);
      const text = encodeProof({ index, hashes, checkpoint: cosigned });
      expect(verifyProof(leaf, parseProof(text), keys).size).toBe(600);
      // A record is also found by its place, under its own hash only.
      const id = toBase64url(leafHash(leaf));
      expect((await findEvent(node1, node1.log, eventAt(index, id)))?.leaf).toEqual(leaf);
      expect(await findEvent(node1, node1.log, eventAt(index ^ 1, id))).toBeUndefined();
      expect(await findEvent(node1, node1.log, eventAt(600, id))).toBeUndefined();
      expect(() => verifyProof(leaf, { ...parseProof(text), index: index ^ 1 }, keys)).toThrow();
    }
    // What tlog-tiles serves.
    const resource = async (path: string) =>
      reader.resource(node1.log, head as never, parseTilePath(path) as never);
    expect((await resource(tilePath(0, 1)))?.length).toBe(8_192);
    expect((await resource('tile/0/002.p/88'))?.length).toBe(88 * 32);
    expect((await resource('tile/1/000.p/2'))?.length).toBe(64);
    expect(await resource('tile/0/002.p/89')).toBeUndefined();
    expect(await resource('tile/0/002')).toBeUndefined();
    expect(decodeEntries((await resource('tile/entries/002.p/88')) as Bytes)).toHaveLength(88);
    // Lists.
    const newest = await eventPage(node1.store, node1.log, undefined, { limit: 3 });
    expect(newest.events.map(({ index }) => index)).toEqual([599, 598, 597]);
    const timeline = await node1.store.entries(node1.log, 'wal_a', { limit: 1_000 });
    expect(timeline.entries).toHaveLength(200);
    expect((await node1.store.pending(node1.log, { limit: 1 })).entries).toEqual([]);
    expect(await codeOf(eventPage(node1.store, node1.log, undefined, { limit: 3, cursor: 'x' }))).toBe(
      'request_invalid',
    );
  });

  const writers = 32;
  const perWriter = slow ? 1_000 : 20;
  test(`${writers} writers x ${perWriter} records, three sequencers: each once, indices dense`, async () => {
    const { node1 } = await auditPair();
    const from = performance.now();
    const made: Receipt[] = [];
    let writing = true;
    const sequencing = [1, 2, 3].map(async () => {
      const sequencer = node1.sequencer();
      while (writing) {
        await sequencer.pass(node1.log);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return sequencer.drain(node1.log);
    });
    await Promise.all(
      Array.from({ length: writers }, async () => {
        for (let i = 0; i < perWriter; i++)
          made.push(await node1.auditor.append(organization, facts({ phase: 'denied' })));
      }),
    );
    const appended = performance.now();
    writing = false;
    await Promise.all(sequencing);
    const seconds = (performance.now() - from) / 1_000;
    process.stdout.write(
      `audit: ${made.length} records: ${Math.round(made.length / ((appended - from) / 1_000))} appends/s, ` +
        `${Math.round(made.length / seconds)}/s with integration\n`,
    );
    await expectLog(node1, made);
    expect(new Set(made.map(({ id }) => id)).size).toBe(writers * perWriter);
    // The pages of a list hold each record once, whatever entries they are in.
    const listed: (number | undefined)[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await eventPage(node1.store, node1.log, 'wal_one', {
        limit: 7,
        ...(cursor && { cursor }),
      });
      listed.push(...page.events.map(({ index }) => index));
      cursor = page.cursor;
      if (cursor === undefined) break;
    }
    expect(listed).toEqual(made.map((_, i) => made.length - 1 - i));
  }, 300_000);

  test('costs one put a record that comes alone, one update when it is integrated, and two writes a batch', async () => {
    const counts = new Map<string, number>();
    const count = (name: string) => void counts.set(name, (counts.get(name) ?? 0) + 1);
    const table = around(memoryTable(auditTable), count, () => {});
    const { node1 } = await auditPair({ node1: { table } });
    await node1.auditor.append(organization, facts());
    const sequencer = node1.sequencer();
    await sequencer.drain(node1.log);
    counts.clear();
    for (let i = 0; i < 200; i++) await node1.auditor.append(organization, facts());
    expect([counts.get('put'), counts.get('update')]).toEqual([200, undefined]);
    await sequencer.drain(node1.log);
    // The head, and what was cosigned.
    expect([counts.get('put'), counts.get('update'), counts.get('delete')]).toEqual([202, 200, undefined]);
  });

  /** Disturbs a batch of 4 on top of `first` records at one step; was it reached? */
  async function crash(first: number, crashAt: number, when: 'before' | 'after', counts: readonly string[]) {
    const inner = { table: memoryTable(auditTable), files: writeOnceTable(memoryTable(auditTable)) };
    const { node1 } = await auditPair({ node1: inner });
    const made: Named[] = [];
    const append = async (n: number) => {
      const receipts = Array.from({ length: n }, (_, i) =>
        node1.auditor.append(organization, facts({ object: `wal_${i % 3}` })),
      );
      made.push(...(await Promise.all(receipts)));
    };
    let [armed, dead, step] = [false, false, 0];
    const at = (moment: 'before' | 'after') => (name: string) => {
      if (armed && moment === when && counts.includes(name) && step++ === crashAt) dead = true;
      if (dead) throw new Error('crash');
    };
    const guard = <T extends object>(port: T): T => around(port, at('before'), at('after'));
    const sequencer = node1.sequencer({
      store: auditOver(guard<Table>(inner.table)),
      files: guard<WriteOnce>(inner.files),
    });
    await append(first);
    // Warm where only writes count, so that the many steps of an earlier batch are not seen again.
    await (counts.includes('get') ? node1.sequencer() : sequencer).drain(node1.log);
    await append(4);
    armed = true;
    await sequencer.drain(node1.log).catch(() => undefined);
    const reached = dead;
    await append(2);
    await node1.sequencer().drain(node1.log);
    await expectLog(node1, made);
    expect((await node1.store.cosigned(node1.log))?.size).toBe(made.length);
    return reached;
  }

  const writes = ['put', 'update', 'delete'];
  for (const [what, first, counts] of [
    ['a crash at any step of a small batch', 3, [...writes, 'get', 'list']],
    ['a crash at any write of a batch that fills a tile', 254, writes],
  ] as const)
    test(`${what}, before or after it, loses nothing and repeats nothing`, async () => {
      for (const when of ['before', 'after'] as const) {
        let steps = 0;
        while (steps < 200 && (await crash(first, steps, when, counts))) steps++;
        expect(steps).toBeGreaterThan(8);
        expect(steps).toBeLessThan(200);
      }
    }, 60_000);

  test('a swap whose answer is lost is found by reading, and one that failed is not repeated blindly', async () => {
    for (const effect of [true, false]) {
      const inner = memoryTable(auditTable);
      const { node1 } = await auditPair({ node1: { table: inner } });
      const receipt = await node1.auditor.append(organization, facts());
      let lose = true;
      const table: Table = {
        ...inner,
        async put(item, when) {
          if (!lose || !String(item['id']).endsWith('/head')) return inner.put(item, when);
          lose = false;
          if (effect) await inner.put(item, when);
          throw new CustodyError('storage_unavailable', 'the answer is lost');
        },
      };
      const sequencer = node1.sequencer({ store: auditOver(table) });
      if (effect) expect(await sequencer.drain(node1.log)).toBe(1);
      else {
        expect(await codeOf(sequencer.drain(node1.log))).toBe('storage_unavailable');
        await sequencer.drain(node1.log);
      }
      await expectLog(node1, [receipt]);
    }
  });

  test('an altered pending record stops the log, with an alarm', async () => {
    const { node1 } = await auditPair();
    const { event } = await node1.auditor.append(organization, facts());
    const other = recordBytes(recordOf('planbok.node1/other', 1, facts(), random(32)));
    for (const data of [encodeEntries([other]), encodeEntries([utf8('{}')]), new Uint8Array(0)]) {
      await node1.table.update({ id: `${node1.log}/entry/${event}` }, { set: { data } });
      expect(await codeOf(node1.sequencer().pass(node1.log))).toBe('audit_unavailable');
    }
    expect(node1.alarms).toEqual(Array(3).fill('audit record altered'));
  });

  test('a record that was altered after it was integrated is not served, nor put into a bundle', async () => {
    const { node1 } = await auditPair();
    const append = (n: number) =>
      Promise.all(
        Array.from({ length: n }, (_, i) =>
          node1.auditor.append(organization, facts({ object: `wal_${i}` })),
        ),
      );
    const [first] = await append(3);
    await node1.sequencer().drain(node1.log);
    const data = encodeEntries([recordBytes(recordOf(node1.log, 1, facts(), random(32)))]);
    await node1.table.update({ id: `${node1.log}/entry/${first?.event}` }, { set: { data } });
    expect(await codeOf(leavesIn(node1))).toBe('audit_unavailable');
    await append(253);
    expect(await codeOf(node1.sequencer().drain(node1.log))).toBe('audit_unavailable');
  });

  test('a name is taken once: of fifty that claim it at a time one has it', async () => {
    const { node1 } = await auditPair();
    const claims = await Promise.all(
      Array.from({ length: 50 }, () => node1.auditor.claim(organization, 'session', facts())),
    );
    const [won, ...others] = claims.filter((receipt) => receipt !== undefined);
    expect([won?.event, others]).toEqual(['session', []]);
    await node1.sequencer().drain(node1.log);
    expect(await node1.auditor.claim(organization, 'session', facts())).toBeUndefined();
    await expectLog(node1, [won as Receipt]);
  });
});

describe('nothing begins', () => {
  test('when integration is more than 10 s behind; and again when it has caught up', async () => {
    const { node1, time } = await auditPair();
    await node1.auditor.append(organization, facts());
    time.nowMs += 10_000;
    await node1.auditor.append(organization, facts());
    time.nowMs += 1_001;
    expect(await codeOf(node1.auditor.append(organization, facts()))).toBe('audit_unavailable');
    // What must be recorded though nothing begins is recorded.
    await node1.auditor.append(organization, facts({ phase: 'denied' }));
    await node1.sequencer().drain(node1.log);
    await node1.auditor.append(organization, facts());
  });

  test('when the store does not answer', async () => {
    for (const method of ['put', 'get', 'list'] as const) {
      const table = memoryTable(auditTable);
      const { node1 } = await auditPair({
        node1: {
          table: {
            ...table,
            [method]: async () => {
              throw new CustodyError('storage_unavailable', 'down');
            },
          },
        },
      });
      expect(await codeOf(node1.auditor.append(organization, facts()))).toBe('audit_unavailable');
    }
  });
});

describe('keys', () => {
  test('of several programs that make one at a time the first counts, and it is sealed at rest', async () => {
    const table = memoryTable(auditTable);
    const first = await auditPair({ node1: { table } });
    const { log } = first.node1;
    const keys = await Promise.all([1, 2, 3].map(() => first.node1.keys.key('log', log)));
    expect(new Set(keys.map(({ signer }) => toBase64url(signer.publicKey))).size).toBe(1);
    const item = await table.get({ id: `${log}/key/log` });
    expect(Object.keys(item ?? {}).sort()).toEqual(['attested', 'id', 'sealed', 'wrapped']);
    // Another identity does not take over a key that the first one attested.
    const second = await auditPair({ node1: { table } });
    await expect(second.node1.keys.key('log', log)).rejects.toThrow();
  });
});

describe('write-once files', () => {
  test('are read-only, never overwritten, never outside of their folder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'planbok-once-'));
    try {
      const files = writeOnceFiles(folder);
      const name = 'planbok.node1/abc/tile/0/x001/000';
      expect(await files.get(name)).toBeUndefined();
      const results = await Promise.all([1, 2, 3, 4].map((n) => files.put(name, Uint8Array.of(n))));
      expect(results.filter(Boolean)).toHaveLength(1);
      const kept = await files.get(name);
      expect(await files.put(name, utf8('other'))).toBe(false);
      expect(equalBytes(kept as Bytes, (await files.get(name)) as Bytes)).toBe(true);
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o400);
      for (const bad of ['../x', 'a/../../x', '/x', 'a//b', '.hidden', 'a/.b', '', 'a\0b', 'å'])
        await expect(files.put(bad, kept as Bytes)).rejects.toThrow(TypeError);
      // A whole log in files.
      const pair = await auditPair({ node1: { files } });
      const { node1, node2 } = pair;
      for (let i = 0; i < 300; i++) await node1.auditor.append(organization, facts({ operation: '' }));
      await node2.auditor.append(organization, facts({ operation: '' }));
      await node1.sequencer().drain(node1.log);
      await node2.sequencer().drain(node2.log);
      const exported = exportFiles({ node1: await exportOf(node1), node2: await exportOf(node2) });
      const identities = { node1: node1.identity, node2: node2.identity };
      expect((await verifyFiles(exported, { organization, identities })).findings).toEqual([]);
      // A file that was changed is not taken for the one that was written.
      const changed: WriteOnce = { ...files, get: async () => utf8('changed') };
      await node1.auditor.append(organization, facts());
      const put = files.put;
      const clash: WriteOnce = { ...changed, put: async (n, b) => (await put(n, b)) && false };
      expect(await codeOf(node1.sequencer({ files: clash }).drain(node1.log))).toBe('audit_unavailable');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
