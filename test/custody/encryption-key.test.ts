import { describe, expect, test } from '@jest/globals';
import { memoryEncryptionKey, memoryKeyService } from '../../functions/adapters/memory.ts';
import { nodeIdentity } from '../../functions/channel/identity.ts';
import type { Bytes } from '../../shared/bytes.ts';
import { toBase64url } from '../../shared/bytes.ts';
import type { NodeName } from '../../shared/crypto/attestation.ts';
import { pointOfSpki } from '../../shared/crypto/spki.ts';
import {
  type AttestedEncryptionKey,
  type EncryptionKeyDocument,
  encryptionKeyDocument,
  followEncryptionKey,
  isUsable,
  maxEncryptionKeyMs,
  openEncryptionKey,
  type PinnedEncryptionKey,
} from '../../shared/custody/encryption-key.ts';
import { encryptionKeyId } from '../../shared/custody/secret-format.ts';
import { seededRandom } from '../support/random.ts';

const nowMs = 1_800_000_000_000;
const day = 86_400_000;
const random = seededRandom('encryption-key');

const nodes = Object.fromEntries(
  (['node1', 'node2'] as const).map((node) => {
    const keys = memoryKeyService();
    return [node, { keys, identity: nodeIdentity(node, { keys, clock: () => nowMs, random }) }];
  }),
) as Record<
  NodeName,
  { keys: ReturnType<typeof memoryKeyService>; identity: ReturnType<typeof nodeIdentity> }
>;
const identities = {
  node1: await nodes.node1.keys.identity(),
  node2: await nodes.node2.keys.identity(),
};
const newPoint = async (): Promise<Bytes> => pointOfSpki(await memoryEncryptionKey().publicKey());
const point = await newPoint();
const kidOf = (of: Bytes) => toBase64url(encryptionKeyId(of));

const first = { point, notBeforeMs: nowMs, notAfterMs: nowMs + 90 * day, next: '' };

type Key = Omit<PinnedEncryptionKey, 'kid'>;
type Change = (document: EncryptionKeyDocument) => EncryptionKeyDocument;

/** What both nodes say; `change` is what one of them, or both, say instead. */
async function attested(
  key: Key,
  change: Partial<Record<NodeName, Change>> = {},
): Promise<AttestedEncryptionKey> {
  const say = async (node: NodeName) => {
    const document = encryptionKeyDocument({ node, issued: String(nowMs) }, key);
    return (await nodes[node].identity.voice()).attest((change[node] ?? ((same) => same))(document));
  };
  return { node1: await say('node1'), node2: await say('node2') };
}
const both = (change: Change) => ({ node1: change, node2: change });
const opened = async (key: Key) => openEncryptionKey(await attested(key), identities);

describe('the encryption key that both nodes attest', () => {
  test('opens under the pinned identities, today and in a hundred years', async () => {
    expect(openEncryptionKey(await attested(first), identities)).toEqual({ kid: kidOf(point), ...first });
  });

  test('is refused if one node alone says it, or the two swap places, or an identity is another', async () => {
    const good = await attested(first);
    const { node1, node2 } = good;
    const stranger = await memoryKeyService().identity();
    for (const [pair, pinned] of [
      [{ node1, node2: node1 }, identities],
      [{ node1: node2, node2 }, identities],
      [{ node1: node2, node2: node1 }, identities],
      [good, { ...identities, node1: stranger }],
      [good, { ...identities, node2: stranger }],
      [good, { node1: identities.node2, node2: identities.node1 }],
      // Node 1 alone knows another key, and puts it under the word of Node 2.
      [
        {
          node1,
          node2: { ...node2, document: { ...node2.document, publicKey: toBase64url(await newPoint()) } },
        },
        identities,
      ],
    ] as const)
      expect(() => openEncryptionKey(pair, pinned)).toThrow();
  });

  const other = toBase64url(random(32));
  test.each<[string, Change]>([
    ['another next', (said) => ({ ...said, next: other })],
    ['another end', (said) => ({ ...said, notAfter: String(nowMs + 89 * day) })],
    ['another beginning', (said) => ({ ...said, notBefore: String(nowMs + 1) })],
  ])('is refused if one of the nodes says %s', async (_, change) => {
    for (const only of [{ node1: change }, { node2: change }])
      await expect(
        (async () => openEncryptionKey(await attested(first, only), identities))(),
      ).rejects.toThrow('do not say the same');
    expect(openEncryptionKey(await attested(first, both(change)), identities)).toBeDefined();
  });

  test('is refused if one of the nodes says another key', async () => {
    const elsewhere = await newPoint();
    const change: Change = (said) => ({
      ...said,
      kid: kidOf(elsewhere),
      publicKey: toBase64url(elsewhere),
    });
    for (const only of [{ node1: change }, { node2: change }]) {
      const pair = await attested(first, only);
      expect(() => openEncryptionKey(pair, identities)).toThrow('do not say the same');
    }
  });

  test.each<[string, Change]>([
    ['another type', (said) => ({ ...said, type: 'planbok/audit-key/v1' as never })],
    ['an id that is not the key’s', (said) => ({ ...said, kid: other })],
    ['a member more', (said) => ({ ...said, more: '1' })],
    ['a key off the curve', (said) => withPoint(said, Uint8Array.from([4, ...new Uint8Array(64).fill(17)]))],
    ['a compressed key', (said) => withPoint(said, Uint8Array.from([2, ...point.subarray(1, 33)]))],
    ['91 days', (said) => ({ ...said, notAfter: String(nowMs + 91 * day) })],
    ['90 days and a millisecond', (said) => ({ ...said, notAfter: String(nowMs + maxEncryptionKeyMs + 1) })],
    ['an end before the beginning', (said) => ({ ...said, notAfter: String(nowMs) })],
    ['a time that is no number', (said) => ({ ...said, notAfter: '1e13' })],
    ['a beginning that is empty', (said) => ({ ...said, notBefore: '' })],
    ['itself as the next', (said) => ({ ...said, next: said.kid })],
    ['a next that is no id', (said) => ({ ...said, next: 'soon' })],
  ])('is refused with %s, though both nodes say so', async (_, change) => {
    const pair = await attested(first, both(change));
    expect(() => openEncryptionKey(pair, identities)).toThrow();
  });

  test('may be used from its beginning to its end', async () => {
    const key = await opened(first);
    const at = (ms: number) => isUsable(key, ms);
    expect([nowMs - 1, nowMs, nowMs + 90 * day, nowMs + 90 * day + 1].map(at)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});

function withPoint(said: EncryptionKeyDocument, of: Bytes): EncryptionKeyDocument {
  return { ...said, publicKey: toBase64url(of), kid: kidOf(of) };
}

describe('rotation', () => {
  test('from key to key as each was announced, also for a client that was away', async () => {
    const points = [point, await newPoint(), await newPoint()] as const;
    const documents = await Promise.all(
      points.map((of, i) =>
        opened({
          point: of,
          notBeforeMs: nowMs + i * 80 * day,
          notAfterMs: nowMs + (i * 80 + 90) * day,
          next: kidOf(points[i + 1] ?? of) === kidOf(of) ? '' : kidOf(points[i + 1] as Bytes),
        }),
      ),
    );
    const known = await opened(first);
    expect(documents.reduce(followEncryptionKey, known)).toEqual(documents[2]);
    // None is left out.
    expect(() => followEncryptionKey(known, documents[1] as PinnedEncryptionKey)).toThrow('not announced');
    expect(() =>
      followEncryptionKey(documents[0] as PinnedEncryptionKey, documents[2] as PinnedEncryptionKey),
    ).toThrow('not announced');
    // And there is no way back.
    expect(() =>
      followEncryptionKey(documents[1] as PinnedEncryptionKey, documents[0] as PinnedEncryptionKey),
    ).toThrow('not announced');
  });

  test('what was said of a key is not taken back', async () => {
    const successor = await newPoint();
    const known = await opened(first);
    const announced = await opened({ ...first, next: kidOf(successor) });
    expect(followEncryptionKey(known, announced)).toEqual(announced);
    // An older copy changes nothing.
    expect(followEncryptionKey(announced, known)).toEqual(announced);
    const another = await opened({ ...first, next: kidOf(await newPoint()) });
    expect(() => followEncryptionKey(announced, another)).toThrow('another successor');
    const longer = { ...first, notBeforeMs: nowMs + day, notAfterMs: nowMs + 91 * day };
    expect(() => followEncryptionKey(known, { kid: known.kid, ...longer })).toThrow('do not change');
  });

  test.each([
    ['begins before the key that it follows', { notBeforeMs: nowMs - day, notAfterMs: nowMs + 60 * day }],
    ['ends before it', { notBeforeMs: nowMs + day, notAfterMs: nowMs + 2 * day }],
  ])('a successor that %s is refused', async (_, times) => {
    const successor = await newPoint();
    const announced = await opened({ ...first, notAfterMs: nowMs + 30 * day, next: kidOf(successor) });
    const offered = await opened({ point: successor, next: '', ...times });
    expect(() => followEncryptionKey(announced, offered)).toThrow('begins and ends later');
  });
});
