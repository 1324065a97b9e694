import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { checkpointText, cosign, signCheckpoint, withLine } from '../../shared/audit/checkpoint.ts';
import {
  hashRanges,
  inclusionPath,
  joinLevel,
  leafHash,
  rootOfLeaves,
  verifyInclusion,
} from '../../shared/audit/merkle.ts';
import { recordBytes, recordOf } from '../../shared/audit/record.ts';
import { type Pins, verifyExport } from '../../shared/audit/verify/verify.ts';
import { type Bytes, toBase64url, utf8 } from '../../shared/bytes.ts';
import type { NodeName } from '../../shared/crypto/attestation.ts';
import { exportFiles, ndjson, verifyFiles } from './exports.ts';
import { largeExport } from './large.ts';
import { flipped, type Scene, scene, settle } from './scene.ts';
import { type AuditNode, exportOf, facts, organization, type Pair, random, slow } from './support.ts';

const codes = async (files: ReadonlyMap<string, Bytes>, pins: Pins): Promise<string[]> => [
  ...new Set((await verifyFiles(files, pins)).findings.map(({ code }) => code)),
];
/** A checkpoint that both nodes sign over these records, whatever they are. */
async function resigned(pair: Pair, node: NodeName, records: readonly Bytes[]): Promise<Bytes> {
  const [own, peer] = node === 'node1' ? [pair.node1, pair.node2] : [pair.node2, pair.node1];
  const signer = (await own.keys.key('log', own.log)).signer;
  const witness = (await peer.keys.key('witness', `planbok.${peer.node}/witness`)).signer;
  const checkpoint = { origin: own.log, size: records.length, root: rootOfLeaves(records.map(leafHash)) };
  const line = cosign(checkpointText(checkpoint), Math.floor(pair.time.nowMs / 1_000), witness);
  return withLine(signCheckpoint(checkpoint, signer), line);
}

describe('an export', () => {
  let small: Scene;
  let large: Scene;
  beforeAll(async () => {
    small = await scene(3);
    large = await scene(500);
  }, 60_000);

  test('verifies', async () => {
    for (const { files, pins } of [small, large]) {
      const { ok, findings, logs, undecided } = await verifyFiles(files, pins);
      expect([ok, findings, undecided]).toEqual([true, [], 0]);
      expect(logs.map(({ node }) => node)).toEqual(['node1', 'node2']);
    }
    expect(large.nodes.node1.records).toHaveLength(1_000);
  });

  test('verifies in whatever pieces its files come', async () => {
    for (const piece of [1, 7, 1_000])
      expect((await verifyFiles(small.files, small.pins, piece)).ok).toBe(true);
  });

  test('of another organization, or of other identities, does not', async () => {
    const { files, pins } = small;
    const { node1, node2 } = pins.identities;
    expect(await codes(files, { ...pins, organization: 'org_other' })).toContain('key_not_attested');
    const swapped = { ...pins, identities: { node1: node2, node2: node1 } };
    expect(await codes(files, swapped)).toContain('key_not_attested');
  });

  test(`any change of any byte of any file is detected (${slow ? 'every byte' : 'sampled'})`, async () => {
    const { files, pins } = small;
    const missed: string[] = [];
    for (const [name, bytes] of files) {
      // Of a short run: what gives the file its form, and samples of the rest.
      const structural = [...bytes.keys()].filter((at) =>
        /[{}",:\n—]/.test(String.fromCharCode(bytes[at] ?? 0)),
      );
      const positions = slow
        ? bytes.keys()
        : [
            0,
            bytes.length - 1,
            ...structural.filter((_, i) => i % 24 === 0 || i > structural.length - 4),
            ...Array.from({ length: 10 }, (_, i) => Math.floor(((i + Math.random()) * bytes.length) / 10)),
          ];
      for (const at of positions) {
        const bit = Math.floor(Math.random() * 8);
        if ((await verifyFiles(new Map(files).set(name, flipped(bytes, at, bit)), pins)).ok)
          missed.push(`${name} byte ${at} bit ${bit}`);
      }
      for (const cut of [bytes.subarray(0, -1), bytes.subarray(1), new Uint8Array([...bytes, 10])])
        if ((await verifyFiles(new Map(files).set(name, cut), pins)).ok) missed.push(`${name} cut`);
    }
    expect(missed).toEqual([]);
  }, 3_600_000);

  test(`every bit of a log of 1,000 records counts (${slow ? 'all' : 'sampled'})`, async () => {
    const { records } = large.nodes.node1;
    const hashes = records.map(leafHash);
    const root = rootOfLeaves(hashes);
    let missed = 0;
    for (const [index, record] of records.entries()) {
      const proof = hashRanges(inclusionPath(index, 1_000), ({ height, index: i }) =>
        joinLevel(hashes.slice(i * 2 ** height, (i + 1) * 2 ** height)),
      );
      expect(verifyInclusion(hashes[index] as Bytes, index, 1_000, proof, root)).toBe(true);
      const bits = slow ? record.length * 8 : 1;
      for (let i = 0; i < bits; i++) {
        const bit = slow ? i : Math.floor(Math.random() * record.length * 8);
        if (verifyInclusion(leafHash(flipped(record, bit >> 3, bit & 7)), index, 1_000, proof, root))
          missed++;
      }
    }
    expect(missed).toBe(0);
  }, 3_600_000);

  test('records dropped, repeated, reordered, cut off, added, or of the other log are detected', async () => {
    const { files, pins, nodes } = large;
    const { records } = nodes.node1;
    const at = slow ? [0, 1, 255, 256, 511, 998, 999] : [0, 256, 999];
    const altered: [string, readonly Bytes[]][] = at.flatMap((i): [string, readonly Bytes[]][] => [
      [`dropped ${i}`, records.toSpliced(i, 1)],
      [`repeated ${i}`, records.toSpliced(i, 0, records[i] as Bytes)],
      [`replaced ${i}`, records.toSpliced(i, 1, records[(i + 1) % 1_000] as Bytes)],
      [
        `swapped ${i}`,
        records.with(i, records[(i + 1) % 1_000] as Bytes).with((i + 1) % 1_000, records[i] as Bytes),
      ],
      [`cut off at ${i}`, records.slice(0, i)],
    ]);
    altered.push(['added', [...records, recordBytes(recordOf('x', 1, facts(), random(32)))]]);
    altered.push(['of the other log', nodes.node2.records]);
    for (const [what, list] of altered) {
      const found = await codes(new Map(files).set('node1/records.ndjson', ndjson(list)), pins);
      expect([what, found.length]).not.toEqual([what, 0]);
    }
    const dropped = new Map(files).set('node1/records.ndjson', ndjson(records.slice(1)));
    expect(await codes(dropped, pins)).toContain('size_mismatch');
    const last = new Map(files).set(
      'node1/records.ndjson',
      ndjson(records.with(999, nodes.node2.records[0] as Bytes)),
    );
    expect(await codes(last, pins)).toContain('root_mismatch');
  });

  test('files that are missing or do not belong are named', async () => {
    const { files, pins } = small;
    for (const name of ['node1/keys.json', 'node2/checkpoint', 'node2/records.ndjson']) {
      const without = new Map(files);
      without.delete(name);
      expect((await codes(without, pins))[0]).toBe('file_missing');
    }
    expect(await codes(new Map(files).set('node1/notes.txt', utf8('x')), pins)).toEqual(['file_unknown']);
    expect((await codes(new Map(), pins))[0]).toBe('file_missing');
  });
});

describe('a log that both nodes signed', () => {
  test('and that went back to any older size, or was rewritten, is caught by the kept checkpoint', async () => {
    const { pair, pins, nodes } = await scene(5);
    const { records } = nodes.node1;
    const kept = { node1: nodes.node1.checkpoint };
    expect(await codes(exportFiles(nodes), { ...pins, kept })).toEqual([]);
    for (let size = 0; size < records.length; size++) {
      const older = records.slice(0, size);
      const checkpoint = await resigned(pair, 'node1', older);
      const { promises: _, opened: __, ...rest } = nodes.node1;
      const back = exportFiles({ ...nodes, node1: { ...rest, records: older, checkpoint } });
      expect(await codes(back, { ...pins, kept })).toContain('log_went_back');
      // An older checkpoint is no contradiction to the longer log.
      expect(await codes(exportFiles(nodes), { ...pins, kept: { node1: checkpoint } })).toEqual([]);
      // Two heads of one size, and a longer second history.
      const other = records.with(size, newRecord(pair.node1));
      for (const history of [other, [...other, newRecord(pair.node1)]]) {
        const forked = await resigned(pair, 'node1', history);
        const fork = exportFiles({ ...nodes, node1: { ...rest, records: history, checkpoint: forked } });
        expect(await codes(fork, { ...pins, kept })).toContain('history_rewritten');
      }
    }
  });

  test('and that breaks a promise is named', async () => {
    const { pair, pins, nodes } = await scene(2);
    const records = nodes.node1.records.slice(1);
    const checkpoint = await resigned(pair, 'node1', records);
    const { opened: _, ...rest } = nodes.node1;
    const broken = exportFiles({ ...nodes, node1: { ...rest, records, checkpoint } });
    expect(await codes(broken, pins)).toContain('promise_broken');
    // A promise younger than the cosignature can tell is not judged.
    const young = await pair.node1.auditor.append(organization, facts({ phase: 'denied' }));
    const promises = [young.promise];
    const verdict = await verifyFiles(exportFiles({ ...nodes, node1: { ...nodes.node1, promises } }), pins);
    expect([verdict.ok, verdict.undecided]).toEqual([true, 1]);
  });

  test('with an effect that one node has by itself is whole; under its name no signature hides', async () => {
    const { pair, pins } = await scene(2);
    const { node1, node2 } = pair;
    const record = async (node: typeof node1, action: string, operation: string) => {
      const begun = await node.auditor.append(organization, facts({ action, operation }));
      const outcome = facts({ action, operation, phase: 'outcome', previous: begun.id });
      await node.auditor.append(organization, outcome);
    };
    const now = async () => {
      await settle(pair);
      const files = exportFiles({ node1: await exportOf(node1), node2: await exportOf(node2) });
      return (await verifyFiles(files, pins)).findings.map(({ code }) => code);
    };
    for (const action of ['create_token', 'revoke_token', 'mail_invitation.request', 'mail_invitation.end'])
      await record(node1, action, toBase64url(random(32)));
    expect(await now()).toEqual([]);
    // Node 2 signed, and Node 1 calls its part of it by such a name.
    const operation = toBase64url(random(32));
    await record(node1, 'create_token', operation);
    await record(node2, 'sign', operation);
    expect(await now()).toEqual(['effect_without_peer']);
    // Node 2 has no such actions: what it calls so is joined like everything.
    await record(node2, 'create_token', toBase64url(random(32)));
    expect(await now()).toEqual(['effect_without_peer', 'effect_without_peer']);
  });

  test('with an effect that the other node does not know is named, with its operation', async () => {
    const { pair, pins } = await scene(2);
    const { node1, node2 } = pair;
    const operation = toBase64url(random(32));
    const begun = await node2.auditor.append(organization, facts({ operation }));
    await node2.auditor.append(organization, facts({ operation, phase: 'outcome', previous: begun.id }));
    await node2.sequencer().drain(node2.log);
    const nodes = { node1: await exportOf(node1), node2: await exportOf(node2) };
    const early = await verifyFiles(exportFiles(nodes), pins);
    expect([early.ok, early.undecided]).toEqual([true, 1]);
    await settle(pair);
    const late = await verifyFiles(
      exportFiles({ node1: await exportOf(node1), node2: await exportOf(node2) }),
      pins,
    );
    expect(late.findings.map(({ code }) => code)).toEqual(['effect_without_peer']);
    expect(late.findings[0]?.detail).toContain(operation);
    // One intent covers one effect, not two.
    await node1.auditor.append(organization, facts({ operation }));
    await settle(pair);
    expect(
      await codes(exportFiles({ node1: await exportOf(node1), node2: await exportOf(node2) }), pins),
    ).toEqual([]);
    await node2.auditor.append(organization, facts({ operation, phase: 'outcome', previous: begun.id }));
    await settle(pair);
    const twice = exportFiles({ node1: await exportOf(node1), node2: await exportOf(node2) });
    expect(await codes(twice, pins)).toEqual(['effect_without_peer']);
  });

  test('with an outcome that no intent announced is named', async () => {
    const { pair, pins } = await scene(1);
    const { node1, node2 } = pair;
    const previous = toBase64url(random(32));
    await node1.auditor.append(organization, facts({ phase: 'outcome', operation: '', previous }));
    await settle(pair);
    const files = exportFiles({ node1: await exportOf(node1), node2: await exportOf(node2) });
    expect(await codes(files, pins)).toEqual(['effect_without_intent']);
  });
});

const newRecord = ({ log }: AuditNode): Bytes =>
  recordBytes(recordOf(log, 1_790_000_000_000, facts({ phase: 'denied' }), random(32)));

const many = slow ? 1_000_000 : 20_000;
test(`verifying ${many} records, which are never all in memory`, async () => {
  const { source, pins } = await largeExport(many / 2);
  // Of the processor, because a machine may be busy with other things.
  const busy = (since = { user: 0, system: 0 }) => {
    const { user, system } = process.cpuUsage();
    return (user + system - since.user - since.system) / 1e6;
  };
  const started = process.cpuUsage();
  for (const name of source.names) for await (const _ of source.read(name));
  const making = busy(started);
  let peak = 0;
  const [from, cpu] = [performance.now(), process.cpuUsage()];
  const { findings, logs } = await verifyExport(source, pins, () => {
    peak = Math.max(peak, process.memoryUsage.rss());
  });
  // What it takes to make the records again is not the verifier's.
  const seconds = busy(cpu) - making;
  const clock = ((performance.now() - from) / 1_000).toFixed(1);
  process.stdout.write(
    `audit: ${many} records verified in ${seconds.toFixed(1)} s of processor time (${clock} s by the clock, with ` +
      `making them), ${Math.round(peak / 1e6)} MB of memory at most, with all of the test\n`,
  );
  expect(findings).toEqual([]);
  expect(logs.map(({ size }) => size)).toEqual([many / 2, many / 2]);
  if (slow) expect(seconds).toBeLessThan(60);
}, 900_000);

test('the verifier stands on noble and on itself alone', () => {
  const folder = new URL('../../shared/audit/verify/', import.meta.url);
  const files = readdirSync(folder);
  expect(files.length).toBeGreaterThan(2);
  for (const file of files) {
    const text = readFileSync(new URL(file, folder), 'utf8');
    for (const [, from = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
      const own = files.includes(from.replace(/^\.\//, ''));
      expect([file, from, own || from.startsWith('@noble/')]).toEqual([file, from, true]);
    }
    expect(text).not.toMatch(/\b(?:require|fetch|process|Buffer)\b\(/);
  }
});
