import { describe, expect, test } from '@jest/globals';
import { memoryTable } from '../../functions/adapters/memory.ts';
import { writeOnceTable } from '../../functions/adapters/write-once-table.ts';
import { logReader } from '../../functions/audit/proofs.ts';
import type { Item, Table } from '../../functions/ports.ts';
import {
  checkpointText,
  cosign,
  cosignedAt,
  parseCheckpoint,
  signCheckpoint,
  withLine,
} from '../../shared/audit/checkpoint.ts';
import { parseNote, signNote, verifierKey, verifyNote } from '../../shared/audit/note.ts';
import { continuation } from '../../shared/audit/proof.ts';
import { parseCosignRequest } from '../../shared/audit/witness.ts';
import { type Bytes, utf8 } from '../../shared/bytes.ts';
import { CustodyError } from '../../shared/errors.ts';
import { auditPair, auditTable, facts, organization, random } from './support.ts';

const codeOf = async (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => 'nothing was thrown',
    (error) => (error instanceof CustodyError ? error.code : String(error)),
  );

/** A table whose whole content can be put back to what it was. */
function restorable(): { table: Table; save: () => () => Promise<void> } {
  let inner = memoryTable(auditTable);
  const items = new Map<string, Item>();
  const table: Table = {
    get: (key) => inner.get(key),
    list: (by, options) => inner.list(by, options),
    delete: (key, when) => inner.delete(key, when),
    async put(item, when) {
      const done = await inner.put(item, when);
      if (done) items.set(item['id'] as string, item);
      return done;
    },
    async update(key, change, when) {
      const result = await inner.update(key, change, when);
      if (result !== null) items.set(key['id'] as string, result.after);
      return result;
    },
  };
  return {
    table,
    save() {
      const saved = new Map(items);
      return async () => {
        inner = memoryTable(auditTable);
        items.clear();
        for (const item of saved.values()) await table.put(item);
      };
    },
  };
}

describe('notes', () => {
  // The example of C2SP signed-note.
  const note = utf8(
    'This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n',
  );
  const vkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
  const publicKey = new Uint8Array(Buffer.from(vkey.split('+').slice(2).join('+'), 'base64').subarray(1));
  const key = { name: 'example.com/foo', publicKey };

  test('are those of the specification', () => {
    expect(verifyNote(parseNote(note), key)).toBe(true);
    expect(verifierKey({ ...key, type: 1 })).toBe(vkey);
    for (let i = 0; i < note.length; i++) {
      const flipped = Uint8Array.from(note);
      flipped[i] = (flipped[i] as number) ^ 1;
      const holds = () => verifyNote(parseNote(flipped), key);
      let held = false;
      try {
        held = holds();
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
      }
      expect(held).toBe(false);
    }
  });

  test('nothing else is read as one', () => {
    const text = new TextDecoder().decode(note);
    const wrong = [
      text.slice(0, -1),
      text.replace('\n\n', '\n'),
      text.replace('— ', '- '),
      text.replace('message', 'mess\tage'),
      text.replace('foo U', 'foo  U'),
      `${text}\n`,
      `${text}${'— a AAAAAAAA\n'.repeat(16)}`,
      '',
    ];
    for (const form of wrong) expect(() => parseNote(utf8(form))).toThrow(TypeError);
    expect(() => parseNote(Uint8Array.of(0xff, ...note))).toThrow(TypeError);
    expect(() => signNote('no newline', { ...key, sign: (m) => m })).toThrow(TypeError);
    expect(() => signNote('x\n', { name: 'a b', publicKey, sign: (m) => m })).toThrow(TypeError);
    for (const bad of [
      'a\n01\n',
      'a\n1\nAAAA\n',
      `a\n1\n${'A'.repeat(43)}=\nextension\n`,
      `\n1\n${'A'.repeat(43)}=\n`,
    ])
      expect(() => parseCheckpoint(bad)).toThrow(TypeError);
  });

  test('a cosignature is over the time and the text, and of its witness only', async () => {
    const { node1, node2 } = await auditPair();
    const log = (await node1.keys.key('log', node1.log)).signer;
    const witness = (await node2.keys.key('witness', 'planbok.node2/witness')).signer;
    const checkpoint = { origin: node1.log, size: 7, root: random(32) };
    const signed = signCheckpoint(checkpoint, log);
    const cosigned = parseNote(withLine(signed, cosign(checkpointText(checkpoint), 1_790_000_000, witness)));
    expect(cosignedAt(cosigned, witness)).toBe(1_790_000_000);
    expect(cosignedAt(cosigned, log)).toBeUndefined();
    expect(cosignedAt(parseNote(signed), witness)).toBeUndefined();
    const other = checkpointText({ ...checkpoint, size: 8 });
    expect(cosignedAt({ ...cosigned, text: other }, witness)).toBeUndefined();
  });
});

describe('a witness', () => {
  test('refuses a log that was put back to any older size, and the log stops by its own word', async () => {
    for (let size = 1; size <= 5; size++) {
      const { table, save } = restorable();
      const { node1, node2, time } = await auditPair({ node1: { table } });
      let back = async () => {};
      for (let i = 1; i <= 6; i++) {
        await node1.auditor.append(organization, facts({ phase: 'denied' }));
        await node1.sequencer().drain(node1.log);
        if (i === size) back = save();
      }
      await back();
      time.nowMs += 61_000;
      expect(await codeOf(node1.sequencer().cosign(node1.log))).toBe('audit_unavailable');
      expect(node1.alarms).toEqual(['audit log stopped']);
      expect(node2.alarms).toEqual(['audit log of the peer went back']);
      expect(await codeOf(node1.auditor.append(organization, facts()))).toBe('audit_unavailable');
      expect(await codeOf(node1.sequencer().pass(node1.log))).toBe('audit_unavailable');
    }
  });

  test('refuses a second history, and from then on nothing begins at either node', async () => {
    const { table, save } = restorable();
    // The thief of Node 1's store also gives it write-once files that forget.
    let files = writeOnceTable(memoryTable(auditTable));
    const forgetful = { put: (n: string, b: Bytes) => files.put(n, b), get: (n: string) => files.get(n) };
    const { node1, node2 } = await auditPair({ node1: { table, files: forgetful } });
    const grow = async (n: number) => {
      for (let i = 0; i < n; i++) await node1.auditor.append(organization, facts({ phase: 'denied' }));
      return node1.sequencer().drain(node1.log);
    };
    await grow(3);
    const back = save();
    await grow(2);
    await back();
    files = writeOnceTable(memoryTable(auditTable));
    // Longer than what the witness saw, from a beginning that it also saw: only the proof tells.
    expect(await codeOf(grow(4))).toBe('audit_unavailable');
    expect(node2.alarms).toEqual(['audit log of the peer refused']);
    expect(await codeOf(node2.auditor.append(organization, facts()))).toBe('audit_unavailable');
    expect(await codeOf(node1.auditor.append(organization, facts()))).toBe('audit_unavailable');
  });

  test('cosigns one of two heads', async () => {
    const { node1, node2 } = await auditPair();
    const log = (await node1.keys.key('log', node1.log)).signer;
    const heads = [1, 2].map(() => signCheckpoint({ origin: node1.log, size: 5, root: random(32) }, log));
    const ask = (checkpoint: Bytes, oldSize = 0) =>
      node2.witness.cosign(node1.log, { oldSize, proof: [], checkpoint });
    const answers = await Promise.all(heads.map((head) => ask(head)));
    expect(answers.map(({ state }) => state).sort()).toEqual(['cosigned', 'refused']);
    expect((await ask(heads[0] as Bytes)).state).toBe('refused');
  });

  test('asks for the size it has seen, cosigns the same again, and nothing that is not the log', async () => {
    const { node1, node2, time, network } = await auditPair();
    const sequencer = node1.sequencer();
    await node1.auditor.append(organization, facts({ phase: 'denied' }));
    await sequencer.drain(node1.log);
    network.cut = true;
    await node1.auditor.append(organization, facts({ phase: 'denied' }));
    await sequencer.drain(node1.log);
    expect((await node1.store.cosigned(node1.log))?.size).toBe(1);
    network.cut = false;
    // Also when this log has forgotten what was cosigned.
    await node1.table.delete({ id: `${node1.log}/cosigned` });
    expect(await sequencer.cosign(node1.log)).toBe(true);
    time.nowMs += 5_000;
    expect(await sequencer.cosign(node1.log)).toBe(true);
    const note = parseNote((await node1.store.cosigned(node1.log))?.note as Bytes);
    const { signer } = await node2.keys.key('witness', 'planbok.node2/witness');
    expect(cosignedAt(note, signer)).toBe(time.nowMs / 1_000);
    const head = await node1.store.head(node1.log);
    const request = { oldSize: 2, proof: [], checkpoint: head?.note as Bytes };
    expect(await codeOf(node2.witness.cosign(node2.log, request))).toBe('request_invalid');
    const forged = Uint8Array.from(head?.note as Bytes);
    forged[forged.length - 10] = (forged[forged.length - 10] as number) ^ 1;
    const bad = { ...request, checkpoint: forged };
    expect(await codeOf(node2.witness.cosign(node1.log, bad))).toBe('request_invalid');
    for (const body of ['old 01\n\nx', 'old 1\nAAAA\n\nx', 'old 1\n\n', 'old -1\n\nx', ''])
      expect(() => parseCosignRequest(body)).toThrow(TypeError);
    expect(node2.alarms).toEqual([]);
  });

  test('a client refuses a log that goes back or was rewritten', async () => {
    const { node1 } = await auditPair();
    const roots: { size: number; root: Bytes }[] = [];
    for (let i = 0; i < 9; i++) {
      await node1.auditor.append(organization, facts({ phase: 'denied' }));
      await node1.sequencer().drain(node1.log);
      const head = await node1.store.head(node1.log);
      roots.push(parseCheckpoint(parseNote(head?.note as Bytes).text));
    }
    const head = (await node1.store.head(node1.log)) as never;
    const reader = logReader(node1.store, node1.files);
    const last = roots.at(-1) as { size: number; root: Bytes };
    for (const kept of roots) {
      const proof = await reader.consistency(node1.log, head, kept.size, last.size);
      expect(continuation(kept, last, proof)).toBe('continues');
      expect(continuation({ ...kept, root: random(32) }, last, proof)).toBe('rewritten');
      if (kept.size < last.size) expect(continuation(last, kept, proof)).toBe('went_back');
    }
  });
});
