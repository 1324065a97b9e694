/**
 * Recorded refreshes: the same records and randomness give the same bytes, in this version and in later ones.
 * `RECORD=1` writes the file anew, which a changed formula (and a new tag) alone justifies.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { toHex } from '#shared/bytes.ts';
import type { KeyType } from '#shared/mpc/context.ts';
import { encodeShareBlob } from '#shared/mpc/share-blob.ts';
import { generate } from '../support/dkg.ts';
import { type Both, nameOf, refresh } from '../support/refresh.ts';

const file = new URL('../vectors/refresh-sessions.json', import.meta.url);
const runs: readonly (readonly KeyType[])[] = [['ed25519'], ['secp256k1'], ['secp256k1', 'ed25519']];

const sha256 = (b: Uint8Array): string => createHash('sha256').update(b).digest('hex');
/** Short values as they are, long ones as their hash. */
const shown = (b: Uint8Array): string => (b.length <= 256 ? toHex(b) : `sha256:${sha256(b)}`);

async function record(types: readonly KeyType[]) {
  const seed = `vector/${types.join('+')}`;
  const { node1, node2 } = generate(types, seed);
  let before: Both = [node1.shares, node2.shares];
  const epochs = [];
  for (const epoch of [2, 3]) {
    const run = await refresh(before, `${seed}/${epoch}`, nameOf(epoch));
    before = run.after;
    epochs.push({
      epoch,
      seed: `${seed}/${epoch}`,
      F1: shown(run.F1),
      F2: shown(run.F2),
      F3: shown(run.F3),
      F4: shown(run.F4),
      state2: shown(run.state2),
      sid: toHex(run.node1.sid),
      transcript: toHex(run.node2.transcript),
      record1: shown(encodeShareBlob(run.after[0])),
      record2: shown(encodeShareBlob(run.after[1])),
    });
  }
  return { types, seed, epochs };
}

test('the recorded refreshes, byte for byte', async () => {
  const sessions = [];
  for (const types of runs) sessions.push(await record(types));
  const note =
    'Refreshes of keys that key generation made from the same seed (test/support/random.ts: call i of a seed is SHAKE256(seed, 00, I4(i)); Node 1 draws from seed/1, Node 2 from seed/2). In hex; what is longer than 256 bytes as its SHA-256.';
  if (process.env['RECORD'] === '1') writeFileSync(file, `${JSON.stringify({ note, sessions }, null, 1)}\n`);
  expect({ note, sessions }).toEqual(JSON.parse(readFileSync(file, 'utf8')));
});
