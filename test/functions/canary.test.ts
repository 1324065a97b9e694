/**
 * I9: no secret in any output. The main job runs, well and badly, with secrets that this test knows; then every
 * log line, answer, header, stored clear attribute and message on the wire is searched for them.
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { NodePorts } from '../../functions/node.ts';
import type { Change, Item, Tables } from '../../functions/ports.ts';
import { openShares } from '../../functions/signing.ts';
import { type Bytes, toBase64url, toHex } from '../../shared/bytes.ts';
import type { NodeName } from '../../shared/crypto/attestation.ts';
import { s3Layout } from '../../shared/mpc/sign-ecdsa-messages.ts';
import {
  askSet,
  askSignature,
  askWallets,
  done,
  type Household,
  hello,
  newKey,
  settle,
  spend,
} from '../support/ask.ts';
import { patch } from '../support/ecdsa-session.ts';
import { faultKinds, faults } from '../support/faults.ts';
import { openEcdsa } from '../support/hostile.ts';
import { hurry } from '../support/hurry.ts';
import { fresh, owner, type Reply, twoNodes, type World } from '../support/two-nodes.ts';

hurry();

/** What must not be seen, by name. */
const secrets: [string, Bytes][] = [];
/** Everything that came out, as text and as bytes. */
const texts: string[] = [];
const binaries: Uint8Array[] = [];

const watch = faults();
let world: World;
let home: Household;

/** Ciphertexts and wrapped keys may hold anything: they are what the secrets are sealed in. */
const sealedAttributes = ['sealed', 'wrapped'];

function seeItem(item: Item): void {
  for (const [name, value] of Object.entries(item)) {
    if (sealedAttributes.includes(name)) continue;
    if (value instanceof Uint8Array) binaries.push(value);
    else texts.push(`${name}=${value}`);
  }
}

function tapped(node: NodeName, ports: NodePorts): NodePorts {
  const tables = Object.fromEntries(
    Object.entries(ports.tables).map(([name, table]) => [
      name,
      {
        ...table,
        put: (item: Item, ...more: [any?]) => {
          seeItem(item);
          return table.put(item, ...more);
        },
        update: (key: Item, change: Change, ...more: [any?]) => {
          seeItem({ ...key, ...change.set });
          return table.update(key, change, ...more);
        },
      },
    ]),
  ) as unknown as Tables;
  const { keys } = ports;
  const note = (what: string, key: Bytes): Bytes => {
    secrets.push([`${what} of ${node}`, key.slice()]);
    return key;
  };
  return watch.wrap(node, {
    ...ports,
    tables,
    keys: {
      ...keys,
      async generateDataKey(context) {
        const made = await keys.generateDataKey(context);
        note('a new data key', made.key);
        return made;
      },
      decryptDataKey: async (wrapped, context) =>
        note('a data key', await keys.decryptDataKey(wrapped, context)),
    },
  });
}

/** Every name under which 16 bytes or more could be written. */
function spellings(secret: Bytes): string[] {
  const base64 = [0, 1, 2].flatMap((shift) => {
    const text = Buffer.from([...new Uint8Array(shift), ...secret]).toString('base64');
    // Without the characters that hold bits of the neighbours.
    const inner = text.replace(/=+$/, '').slice(shift === 0 ? 0 : 4, -1);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const hex = toHex(secret);
  return [hex, hex.toUpperCase(), [...secret].join(','), BigInt(`0x${hex}`).toString(), ...new Set(base64)];
}

function found(): string[] {
  const text = texts.join('\n');
  const bytes = Buffer.concat(binaries.flatMap((b) => [b, Uint8Array.of(0)]));
  return secrets.flatMap(([name, secret]) => [
    ...(bytes.includes(Buffer.from(secret)) ? [`${name}, as bytes`] : []),
    ...spellings(secret)
      .filter((spelling) => text.includes(spelling))
      .map((spelling) => `${name}, as ${spelling.slice(0, 6)}…`),
  ]);
}

async function see(reply: Promise<Reply | undefined>): Promise<Reply | undefined> {
  const answer = await reply;
  texts.push(JSON.stringify(answer) ?? '');
  return answer;
}

async function knowShares(): Promise<void> {
  for (const node of [world.lead.node, world.second]) {
    const key = await node.ledger.read(home.set.id, 1);
    const { secp256k1, ed25519 } = await openShares(node, key as any, ['secp256k1', 'ed25519']);
    if (secp256k1 === undefined || ed25519 === undefined) throw new Error('no shares');
    const { x, K, delta, Kd, zseed, hedgeSeed } = secp256k1;
    for (const [name, secret] of Object.entries({
      x,
      delta,
      zseed,
      hedgeSeed,
      a: ed25519.x,
      seed: ed25519.hedgeSeed,
    }))
      secrets.push([`${name} of ${node.node}`, secret]);
    for (let i = 0; i < K.length; i += 1024) secrets.push([`K ${i} of ${node.node}`, K.slice(i, i + 32)]);
    for (let i = 0; i < Kd.length; i += 1024) secrets.push([`Kd ${i} of ${node.node}`, Kd.slice(i, i + 32)]);
  }
}

beforeAll(async () => {
  world = await twoNodes({ wrap: tapped });
  world.wire = watch.wire(async (_, envelope, deliver) => {
    binaries.push(envelope);
    const answer = await deliver(envelope);
    binaries.push(answer);
    return answer;
  });
  home = await settle(world, owner(world, ['view', 'create_wallet', 'sign', 'sign_raw']), [
    'ETH',
    'SOL',
    'NEAR',
    'BTC-REGTEST',
  ]);
  await knowShares();
}, 60_000);

describe('what comes out', () => {
  test('when all goes well', async () => {
    for (const [wallet, payload] of [
      ['ETH', hello('ETH')],
      ['ETH', { kind: 'raw_digest', blockchain: 'ETH', digest: '11'.repeat(32) }],
      ['SOL', hello('SOL')],
      ['BTC-REGTEST', spend(home.wallets['BTC-REGTEST'], 3)],
    ] as const)
      await see(
        world.fetch(
          await askSignature(home.who, home.wallets[wallet], payload as any, newKey(), { raw: true }),
        ),
      );
    const taproot = { walletSet: home.set.id, blockchains: ['BTC-REGTEST'], addressType: 'p2tr' } as const;
    const made = await see(world.fetch(await askWallets(home.who, taproot)));
    const wallet = made?.body.data[0];
    await see(world.fetch(await askSignature(home.who, wallet, spend(wallet, 1))));
    for (const path of [
      '/v1/wallet-sets',
      '/v1/wallets',
      '/v1/signatures',
      '/v1/organization',
      '/v1/attestations',
      '/v1/limits',
    ])
      await see(world.fetch(await home.who.get(path)));
    await see(world.fetch(await home.who.get(`/v1/wallets/${wallet.id}/address-proof`)));
  });

  test('when every store, key service and message fails once, at every place', async () => {
    const asks = {
      ecdsa: () => askSignature(home.who, home.wallets['ETH'], hello('ETH')),
      eddsa: () => askSignature(home.who, home.wallets['SOL'], hello('SOL')),
      set: () => askSet(home.who, ['ed25519']),
    };
    for (const ask of Object.values(asks)) {
      watch.begin();
      await done(world.fetch(await ask()));
      const steps = watch.trace.length;
      for (let i = 0; i < steps; i++) {
        watch.begin({ [i]: faultKinds[i % 4] as (typeof faultKinds)[number] });
        await see(watch.request(async () => world.fetch(await ask())));
      }
    }
    watch.begin();
  }, 60_000);

  test('when a stored share was changed, and when one side lies', async () => {
    const entry = await world.lead.node.ledger.read(home.set.id, 1);
    const name = { key: home.set.id, record: `1/${toBase64url(entry?.attempt as Bytes)}` };
    for (const node of [world.node1, world.node2]) {
      const item = (await node.tables.shares.get(name)) as Item;
      for (const attribute of ['sealed', 'wrapped', 'header']) {
        const value = (item[attribute] as Bytes).map((b, i) => (i === 20 ? b ^ 1 : b));
        await node.tables.shares.put({ ...item, [attribute]: value });
        const reply = await see(world.fetch(await askSignature(home.who, home.wallets['SOL'], hello('SOL'))));
        expect([attribute, reply?.status]).toEqual([attribute, 500]);
        expect(reply?.body.code).toBe('share_unreadable');
      }
      await node.tables.shares.put(item);
    }
    const ask = () => askSignature(home.who, home.wallets['ETH'], hello('ETH'));
    for (const field of ['tr', 'rho', 'xTilde'] as const) {
      const { finish, S3 } = await openEcdsa(world, await ask());
      await finish(patch(s3Layout, S3, (raw) => ({ [field]: raw[field].map((b) => b ^ 1) })));
    }
    await see(world.fetch(await ask()));
    await see(
      world.fetch(await home.who.post('/v1/wallet-sets', newKey(), { name: 'x'.repeat(9), custody: 'none' })),
    );
  });

  test('none of it holds a secret', () => {
    for (const { message, fields } of world.told) texts.push(`${message} ${JSON.stringify(fields)}`);
    expect(world.told.some(({ level }) => level === 'alarm')).toBe(true);
    expect(texts.join('').length).toBeGreaterThan(50_000);
    expect(Buffer.concat(binaries).length).toBeGreaterThan(1_000_000);
    expect(secrets.length).toBeGreaterThan(100);
    expect(found()).toEqual([]);
  });

  test('the search would have found one, in every spelling', () => {
    const secret = fresh(32);
    secrets.push(['planted', secret]);
    for (const spelling of [
      toHex(secret),
      toBase64url(secret),
      Buffer.from(secret).toString('base64'),
      Buffer.from([1, ...secret, 2]).toString('base64'),
      Buffer.from([1, 2, ...secret, 3]).toString('base64'),
      JSON.stringify([...secret]),
      BigInt(`0x${toHex(secret)}`).toString(),
    ]) {
      texts.push(`detail: ${spelling} end`);
      expect(found().length).toBeGreaterThan(0);
      texts.pop();
    }
    binaries.push(Uint8Array.from([9, ...secret, 9]));
    expect(found()).toEqual(['planted, as bytes']);
    binaries.pop();
    // And it sees what is public: the key that the API shows.
    const Q = Buffer.from(home.set.publicKeys.secp256k1, 'hex');
    secrets.push(['public', new Uint8Array(Q)]);
    expect(found().some((name) => name.startsWith('public'))).toBe(true);
  });
});
