/**
 * Share records of both forms: those without an inner layer load for ever; those with one open with the data
 * key and the entity's wrap key together, and with nothing less.
 */
import { hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { memoryKeyService, memoryTables } from '../../functions/adapters/memory.ts';
import { unwrapShare, type WrapContext, wrapShare } from '../../functions/custody/wrapped-share.ts';
import type { DataKeys, Item } from '../../functions/ports.ts';
import { decrypt } from '../../functions/stores/gcm.ts';
import { type ShareName, type Shares, sharesOver } from '../../functions/stores/shares.ts';
import { vaultOf } from '../../functions/stores/vault.ts';
import { type Bytes, concat, equalBytes, fromHex, toBase64url, toHex, u8 } from '../../shared/bytes.ts';
import { type WrapScope, wrapKeyOf } from '../../shared/custody/entity-secret.ts';
import { infoOf, labels } from '../../shared/custody/labels.ts';
import { decodeShareBlob } from '../../shared/mpc/share-blob.ts';
import { openingUnderBoth } from '../support/gcm-collision.ts';
import { seededRandom } from '../support/random.ts';

interface Fixture {
  readonly node: 'node1' | 'node2';
  readonly shareKey: string;
  readonly dataKey: string;
  readonly blob: string;
  readonly name: {
    readonly key: string;
    readonly epoch: number;
    readonly attempt: string;
    readonly ctx: string;
  };
  readonly item: Readonly<Record<'key' | 'record' | 'header' | 'sealed' | 'wrapped', string>>;
}
const fixtures = JSON.parse(readFileSync('test/vectors/share-record-1.json', 'utf8')) as readonly Fixture[];
const nameIn = ({ name }: Fixture): ShareName => ({
  ...name,
  attempt: fromHex(name.attempt),
  ctx: fromHex(name.ctx),
});
const itemIn = ({ item: { key, record, header, sealed, wrapped } }: Fixture): Item => ({
  key,
  record,
  header: fromHex(header),
  sealed: fromHex(sealed),
  wrapped: fromHex(wrapped),
});

describe.each(fixtures)('the record of $node from before there was an inner layer', (fixture) => {
  const random = seededRandom(`share-record-1/${fixture.node}/vault`);
  const at = (keys: DataKeys) => {
    const { shares: table } = memoryTables();
    return { table, shares: sharesOver(table, vaultOf({ keys, random, node: fixture.node }), random) };
  };

  test('opens, to a share of this node', async () => {
    const { table, shares } = at(memoryKeyService({ shareKey: fromHex(fixture.shareKey) }));
    await table.put(itemIn(fixture));
    const blob = await shares.open(nameIn(fixture));
    expect(toHex(blob)).toBe(fixture.blob);
    const { ed25519 } = decodeShareBlob(fixture.node === 'node1' ? 1 : 2, blob);
    expect(ed25519?.epoch).toBe(1);
  });

  test('is still what is written without a wrap key, byte for byte', async () => {
    const { table, shares } = at({
      generateDataKey: async () => ({
        key: fromHex(fixture.dataKey),
        wrapped: fromHex(fixture.item.wrapped),
      }),
      decryptDataKey: async () => fromHex(fixture.dataKey),
    });
    const name = nameIn(fixture);
    await shares.store(name, fromHex(fixture.blob));
    const { key, record } = fixture.item;
    expect(await table.get({ key, record })).toEqual(itemIn(fixture));
  });

  test('does not pass for one with an inner layer', async () => {
    const { table, shares } = at(memoryKeyService({ shareKey: fromHex(fixture.shareKey) }));
    await table.put(itemIn(fixture));
    await expect(shares.open(nameIn(fixture), new Uint8Array(32))).rejects.toMatchObject({
      code: 'share_unreadable',
    });
  });
});

const random = seededRandom('wrapped-shares');
const secret = random(32);
const scope: WrapScope = { walletSet: 'wset_a', key: 'wset_a', epoch: 1 };
const wrapKey = wrapKeyOf(secret, scope);
const name: ShareName = { key: 'wset_a', epoch: 1, attempt: random(16), ctx: random(32) };
const blob = random(12_800);
const placeOf = ({ key, epoch, attempt }: ShareName) => ({ key, record: `${epoch}/${toBase64url(attempt)}` });
const [mismatch, unreadable] = [{ name: 'SecretMismatch' }, { code: 'share_unreadable' }];

let keys: ReturnType<typeof memoryKeyService>;
let table: ReturnType<typeof memoryTables>['shares'];
let shares: Shares;
beforeEach(async () => {
  keys = memoryKeyService();
  table = memoryTables().shares;
  shares = sharesOver(table, vaultOf({ keys, random, node: 'node1' }), random);
  await shares.store(name, blob, wrapKey);
});
const stored = async (of = name) => (await table.get(placeOf(of))) as Readonly<Record<string, Bytes>>;

/** The data key of a record, as whoever may use the KMS key gets it. */
async function dataKeyOf(item: Readonly<Record<string, Bytes>>, { key, epoch } = name): Promise<Bytes> {
  return keys.decryptDataKey(item['wrapped'] as Bytes, {
    'planbok:app': 'planbok',
    'planbok:node': 'node1',
    'planbok:purpose': 'share',
    'planbok:key': key,
    'planbok:epoch': String(epoch),
  });
}

describe('a share locked with a wrap key', () => {
  test('opens with it, as often as it is asked for, and leaves the wrap key to the caller', async () => {
    for (let i = 0; i < 2; i++) expect(await shares.open(name, wrapKey)).toEqual(blob);
    expect(wrapKey).toEqual(wrapKeyOf(secret, scope));
    await shares.remove(name);
    await expect(shares.open(name, wrapKey)).rejects.toMatchObject(unreadable);
  });

  test('is a record of version 1, algorithm 2, with a salt of its own and the layers as written down', async () => {
    const { header, sealed, wrapped } = await stored();
    const salt = (header as Bytes).subarray(-32);
    expect(header).toEqual(concat(u8(1), u8(2), name.ctx, Uint8Array.of(0, 0, 0, 1), salt));
    const content = decrypt(await dataKeyOf({ wrapped } as any), header as Bytes, sealed as Bytes);
    expect(content).toHaveLength(12 + blob.length + 16 + 32);
    const keysOf = hkdfSync('sha256', wrapKey, salt, infoOf(labels.kek, name.ctx), 64);
    const kEnc = new Uint8Array(keysOf).subarray(0, 32);
    expect(decrypt(kEnc, header as Bytes, content.subarray(0, -32))).toEqual(blob);
    await shares.store(name, blob, wrapKey);
    const again = await stored();
    expect(toHex(again['header'] as Bytes)).not.toBe(toHex(header as Bytes));
  });

  test('does not open with the data key and all that is stored, and shows nothing of the share', async () => {
    const { header, sealed, wrapped } = (await stored()) as Record<'header' | 'sealed' | 'wrapped', Bytes>;
    const content = decrypt(await dataKeyOf({ header, sealed, wrapped }), header, sealed);
    for (let at = 0; at + 16 <= blob.length; at += 16)
      expect(toHex(content)).not.toContain(toHex(blob.subarray(at, at + 16)));
    const salt = header.slice(-32);
    const dataKey = await dataKeyOf({ header, sealed, wrapped });
    // Everything at hand but the entity's secret, as a wrap key.
    for (const guess of [dataKey, salt, name.ctx, new Uint8Array(32), content.slice(-32)]) {
      expect(() => unwrapShare(guess, { ctx: name.ctx, salt, header }, content)).toThrow(
        expect.objectContaining(mismatch),
      );
      expect(() => decrypt(guess, header, content.subarray(0, -32))).toThrow();
    }
  });

  test('does not open without a wrap key, nor with that of another secret, wallet set, key or epoch', async () => {
    await expect(shares.open(name)).rejects.toMatchObject(unreadable);
    for (const wrong of [
      random(32),
      wrapKeyOf(random(32), scope),
      wrapKeyOf(secret, { ...scope, walletSet: 'wset_b' }),
      wrapKeyOf(secret, { ...scope, key: 'wset_b' }),
      wrapKeyOf(secret, { ...scope, epoch: 2 }),
    ])
      await expect(shares.open(name, wrong)).rejects.toMatchObject(mismatch);
    await expect(shares.open(name, wrapKey.subarray(1))).rejects.toThrow(RangeError);
  });

  test('does not open when any byte of the record differs', async () => {
    const item = await stored();
    const short = { ...name, attempt: random(16) };
    await shares.store(short, blob.slice(0, 40), wrapKey);
    for (const [of, parts] of [
      [short, ['header', 'sealed', 'wrapped']],
      [name, ['header']],
    ] as const) {
      const good = await stored(of);
      for (const part of parts)
        for (let at = 0; at < (good[part] as Bytes).length; at++) {
          const bad = (good[part] as Bytes).slice();
          bad[at] = (bad[at] as number) ^ (1 << (at & 7));
          await table.put({ ...good, [part]: bad } as Item);
          await expect(shares.open(of, wrapKey)).rejects.toMatchObject(unreadable);
        }
      await table.put(good as Item);
      await expect(shares.open(of, wrapKey)).resolves.toBeDefined();
    }
    for (const cut of [new Uint8Array(), (item['header'] as Bytes).slice(1)]) {
      await table.put({ ...item, header: cut } as Item);
      await expect(shares.open(name, wrapKey)).rejects.toMatchObject(unreadable);
    }
  });

  test('moved to another key, epoch, wallet set or context does not open, whichever wrap key is given', async () => {
    const item = await stored();
    const places: ShareName[] = [
      { ...name, epoch: 2 },
      { ...name, key: 'wset_b' },
      { ...name, key: 'wset_b', epoch: 2 },
      { ...name, ctx: random(32) },
    ];
    for (const place of places) {
      await table.put({ ...item, ...placeOf(place) } as Item);
      for (const key of [
        wrapKey,
        wrapKeyOf(secret, { walletSet: place.key, key: place.key, epoch: place.epoch }),
      ]) {
        await expect(shares.open(place, key)).rejects.toMatchObject(unreadable);
        // With a header that fits the place: KMS and the cipher know better.
        const fitting = (item['header'] as Bytes).slice();
        fitting.set(place.ctx, 2);
        new DataView(fitting.buffer).setUint32(34, place.epoch);
        await table.put({ ...item, ...placeOf(place), header: fitting } as Item);
        await expect(shares.open(place, key)).rejects.toMatchObject(unreadable);
      }
    }
  });

  test('sealed anew by whoever may use the data keys, for another place: the commitment says no', async () => {
    const { header, sealed, wrapped } = (await stored()) as Record<'header' | 'sealed' | 'wrapped', Bytes>;
    const content = decrypt(await dataKeyOf({ header, sealed, wrapped }), header, sealed);
    const vault = vaultOf({ keys, random, node: 'node1' });
    for (const [place, key] of [
      [{ ...name, ctx: random(32) }, wrapKey],
      [{ ...name, epoch: 2 }, wrapKeyOf(secret, { ...scope, epoch: 2 })],
      [{ ...name, epoch: 2 }, wrapKey],
      [{ ...name, key: 'wset_b' }, wrapKeyOf(secret, { ...scope, walletSet: 'wset_b', key: 'wset_b' })],
    ] as const) {
      const fitting = header.slice();
      fitting.set(place.ctx, 2);
      new DataView(fitting.buffer).setUint32(34, place.epoch);
      const purpose = { purpose: 'share', key: place.key, epoch: place.epoch } as const;
      await table.put({
        ...placeOf(place),
        header: fitting,
        ...(await vault.seal(purpose, fitting, content)),
      });
      await expect(shares.open(place, key)).rejects.toMatchObject(mismatch);
    }
    // The inner layer stripped, the record called one without.
    const plain = concat(u8(1), u8(1), header.subarray(2, 38), new Uint8Array(32));
    const purpose = { purpose: 'share', key: name.key, epoch: 1 } as const;
    await table.put({ ...placeOf(name), header: plain, ...(await vault.seal(purpose, plain, blob)) });
    await expect(shares.open(name, wrapKey)).rejects.toMatchObject(unreadable);
  });

  test('other records stay apart: a wrap key opens only that of its key and epoch', async () => {
    const next = { ...name, epoch: 2, ctx: random(32) };
    const nextKey = wrapKeyOf(secret, { ...scope, epoch: 2 });
    await shares.store(next, blob, nextKey);
    await expect(shares.open(next, wrapKey)).rejects.toMatchObject(mismatch);
    await expect(shares.open(name, nextKey)).rejects.toMatchObject(mismatch);
    await expect(shares.open(next, nextKey)).resolves.toEqual(blob);
  });
});

describe('a ciphertext made to open under two keys', () => {
  const context: WrapContext = { ctx: random(32), salt: random(32), header: random(70) };
  const [mine, theirs] = [random(32), random(32)] as const;
  const keysOf = (key: Bytes) => {
    const both = hkdfSync('sha256', key, context.salt, infoOf(labels.kek, context.ctx), 64);
    return new Uint8Array(both).subarray(0, 32);
  };
  const crafted = openingUnderBoth(keysOf(mine), keysOf(theirs), random(12), context.header, random(256));

  test('exists: GCM alone opens it with either, to two plaintexts', () => {
    const [one, two] = [mine, theirs].map((key) => decrypt(keysOf(key), context.header, crafted));
    expect(one).toHaveLength(256);
    expect(two).toHaveLength(256);
    expect(equalBytes(one as Bytes, two as Bytes)).toBe(false);
    expect(() => decrypt(keysOf(random(32)), context.header, crafted)).toThrow();
  });

  test('opens with one at most: the commitment is to one', () => {
    // The attacker knows both keys, so each of the two commitments can be made.
    const commitTo = (key: Bytes): Bytes => {
      const honest = wrapShare(
        key,
        context,
        decrypt(keysOf(key), context.header, crafted),
        crafted.slice(0, 12),
      );
      expect(honest.subarray(0, -32)).toEqual(crafted);
      return honest.slice(-32);
    };
    for (const [to, other] of [
      [mine, theirs],
      [theirs, mine],
    ] as const) {
      const content = concat(crafted, commitTo(to));
      expect(unwrapShare(to, context, content)).toHaveLength(256);
      expect(() => unwrapShare(other, context, content)).toThrow(expect.objectContaining(mismatch));
    }
    for (const none of [new Uint8Array(32), random(32)])
      for (const key of [mine, theirs])
        expect(() => unwrapShare(key, context, concat(crafted, none))).toThrow(
          expect.objectContaining(mismatch),
        );
    expect(() => unwrapShare(mine, context, crafted.slice(0, 31))).toThrow(
      expect.objectContaining(unreadable),
    );
  });
});
