import { describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { base58, bech32, bech32m } from '@scure/base';
import { toHex } from '#shared/bytes.ts';
import { addressOf, type Blockchain, blockchains, walletPath } from '#shared/chains/chains.ts';

const secret = new Uint8Array(32).fill(1);
const keys = { secp256k1: secp256k1.getPublicKey(secret), ed25519: ed25519.getPublicKey(secret) };
const names = Object.keys(blockchains) as Blockchain[];

test('every blockchain has its own CAIP-2 name, and its curve and branch are those of its family', () => {
  expect(new Set(names.map((name) => blockchains[name].caip2)).size).toBe(names.length);
  const families = {
    evm: /^eip155:\d+\/secp256k1\/44\/18$/,
    bitcoin: /^bip122:[0-9a-f]{32}\/secp256k1\/84\/8$/,
    solana: /^solana:[1-9A-HJ-NP-Za-km-z]{32}\/ed25519\/501\/9$/,
    near: /^near:(mainnet|testnet)\/ed25519\/397\/24$/,
  };
  for (const name of names) {
    const { family, caip2, curve, branch, decimals } = blockchains[name];
    expect(`${caip2}/${curve}/${branch}/${decimals}`).toMatch(families[family]);
    // What a signed request and a shell both take without quoting.
    expect(name).toMatch(/^[A-Z]+(-[A-Z]+)?$/);
  }
});

describe('addresses of one key', () => {
  test('EVM: the same everywhere', () => {
    const evm = names.filter((name) => blockchains[name].family === 'evm');
    expect(evm.length).toBeGreaterThan(5);
    expect(new Set(evm.map((name) => addressOf(name, undefined, keys.secp256k1))).size).toBe(1);
    expect(new Set(evm.map((name) => walletPath(name, undefined, 5)))).toEqual(new Set(['m/44/0/5']));
  });

  test.each([
    ['BTC', 'bc'],
    ['BTC-TESTNET', 'tb'],
    ['BTC-REGTEST', 'bcrt'],
  ] as const)('%s: segwit version 0 and 1 under the prefix %s', (name, prefix) => {
    const v0 = bech32.decode(addressOf(name, 'p2wpkh', keys.secp256k1) as `${string}1${string}`);
    expect([v0.prefix, v0.words[0]]).toEqual([prefix, 0]);
    const v1 = bech32m.decode(addressOf(name, 'p2tr', keys.secp256k1) as `${string}1${string}`);
    expect([v1.prefix, v1.words[0]]).toEqual([prefix, 1]);
    expect(bech32m.fromWords(v1.words.slice(1))).toHaveLength(32);
    expect([walletPath(name, undefined, 1), walletPath(name, 'p2tr', 1)]).toEqual(['m/84/0/1', 'm/86/0/1']);
  });

  test('Solana and NEAR: the key itself', () => {
    expect(addressOf('SOL', undefined, keys.ed25519)).toBe(base58.encode(keys.ed25519));
    expect(addressOf('NEAR', undefined, keys.ed25519)).toBe(toHex(keys.ed25519));
    expect([walletPath('SOL', undefined, 2), walletPath('NEAR', undefined, 3)]).toEqual([
      'm/501/0/2',
      'm/397/0/3',
    ]);
  });

  test('a key of the other curve, or one that is no point', () => {
    const wrong = (name: Blockchain, key: Uint8Array, type?: 'p2tr') =>
      expect(() => addressOf(name, type, key)).toThrow('Not a public key');
    wrong('SOL', keys.secp256k1);
    wrong('BTC', keys.ed25519);
    for (const bad of [new Uint8Array(33).fill(5), Uint8Array.from([5, ...keys.secp256k1.slice(1)])]) {
      wrong('ETH', bad);
      wrong('BTC', bad);
      wrong('BTC', bad, 'p2tr');
    }
    wrong(
      'NEAR',
      Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 2 : 0)),
    );
    expect(() => addressOf('BTC', 'p2sh' as 'p2tr', keys.secp256k1)).toThrow('p2wpkh or p2tr');
  });
});
