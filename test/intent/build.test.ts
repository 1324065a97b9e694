import { describe, expect, test } from '@jest/globals';
import type { Decoded, SignPayload } from '../../shared/chains/intent.ts';
import { CustodyError } from '../../shared/errors.ts';
import { signatureOperation, walletSetOperation, walletsOperation } from '../../shared/intent/build.ts';
import { canonicalBytes } from '../../shared/intent/canonical.ts';
import { type Operation, operationDigest } from '../../shared/intent/operation.ts';

const payload: SignPayload = { kind: 'message', blockchain: 'ETH', message: 'hi' };
const decoded: Decoded = {
  intent: {
    kind: 'message',
    blockchain: 'ETH',
    summary: 'Sign hi',
    effects: [{ type: 'message', details: { text: 'hi' } }],
  },
  toSign: [{ path: 'm/44/0/0', algorithm: 'ecdsa', bytes: new Uint8Array(32).fill(1) }],
  payloadDigest: new Uint8Array(32).fill(2),
};
const wallet = { id: 'wal_a', walletSet: 'wset_a', path: 'm/44/0/0', blockchain: 'ETH' };
const sign = (d: Decoded = decoded, p = payload, w = wallet, key = 'k', organization = 'org_a') =>
  signatureOperation(organization, key, w, p, d);
const hex = (operation: Operation) => Buffer.from(operationDigest(operation)).toString('hex');

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (e) {
    if (e instanceof CustodyError) return e.code;
    throw e;
  }
  return 'accepted';
}

describe('operations', () => {
  test('leaves are strings, so the canonical form exists', () => {
    const all = [
      walletSetOperation('org_a', 'k', {
        name: 'Main',
        custody: 'standard',
        keyTypes: ['ed25519', 'secp256k1'],
      }),
      walletsOperation('org_a', 'k', { walletSet: 'wset_a', blockchains: ['ETH', 'SOL'], count: 3 }),
      sign(),
    ];
    for (const operation of all) expect(canonicalBytes(operation).length).toBeGreaterThan(100);
  });

  test('the order in which key types are named, and defaults that are written out, change nothing', () => {
    const request = { name: 'Main', custody: 'standard' };
    expect(walletSetOperation('o', 'k', { ...request, keyTypes: ['ed25519', 'secp256k1'] })).toEqual(
      walletSetOperation('o', 'k', { ...request, keyTypes: ['secp256k1', 'ed25519'] }),
    );
    const wallets = { walletSet: 'w', blockchains: ['BTC'] as const };
    expect(walletsOperation('o', 'k', wallets)).toEqual(
      walletsOperation('o', 'k', { ...wallets, addressType: 'p2wpkh', count: 1, name: '', refId: '' }),
    );
  });

  test('an effect without a member and one whose member is undefined are the same', () => {
    const effects = [
      { type: 'message', to: undefined, details: { text: 'hi' } },
    ] as unknown as Decoded['intent']['effects'];
    expect(sign({ ...decoded, intent: { ...decoded.intent, effects } })).toEqual(sign());
  });

  test('whatever differs in what is to happen gives another digest', () => {
    const transfer = { type: 'transfer', to: 'a', amount: '1' } as const;
    const digests = [
      sign(),
      sign(decoded, payload, { ...wallet, id: 'wal_b' }),
      sign(decoded, payload, { ...wallet, walletSet: 'wset_b' }),
      sign(decoded, payload, { ...wallet, path: 'm/44/0/1' }),
      sign(decoded, payload, wallet, 'other'),
      sign(decoded, payload, wallet, 'k', 'org_b'),
      sign(decoded, { ...payload, kind: 'raw_digest' }),
      sign({ ...decoded, payloadDigest: new Uint8Array(32) }),
      sign({ ...decoded, toSign: [] }),
      sign({ ...decoded, toSign: [{ path: 'm/44/0/0', algorithm: 'ecdsa', bytes: new Uint8Array(32) }] }),
      sign({
        ...decoded,
        toSign: [{ path: 'm/44/0/0', algorithm: 'bip340', bytes: new Uint8Array(32).fill(1) }],
      }),
      sign({ ...decoded, intent: { ...decoded.intent, effects: [transfer] } }),
      sign({ ...decoded, intent: { ...decoded.intent, effects: [{ ...transfer, amount: '2' }] } }),
    ].map(hex);
    expect(new Set(digests).size).toBe(digests.length);
  });

  test('what cannot be an operation is refused by its own code', () => {
    const set = { name: 'n', custody: 'standard', keyTypes: ['ed25519'] as const };
    expect(codeOf(() => walletSetOperation('o', 'k', { ...set, custody: 'trustless' }))).toBe(
      'custody_unsupported',
    );
    expect(codeOf(() => walletSetOperation('o', 'k', { ...set, keyTypes: [] }))).toBe('request_invalid');
    expect(codeOf(() => walletSetOperation('o', 'k', { ...set, keyTypes: ['ed25519', 'ed25519'] }))).toBe(
      'request_invalid',
    );
    const wallets = { walletSet: 'w', blockchains: ['ETH'] as const };
    expect(codeOf(() => walletsOperation('o', 'k', { ...wallets, blockchains: ['DOGE' as 'ETH'] }))).toBe(
      'blockchain_unsupported',
    );
    expect(codeOf(() => walletsOperation('o', 'k', { ...wallets, addressType: 'p2tr' }))).toBe(
      'request_invalid',
    );
    expect(codeOf(() => walletsOperation('o', 'k', { ...wallets, count: 51 }))).toBe('request_invalid');
    expect(codeOf(() => sign(decoded, { ...payload, blockchain: 'BASE' }))).toBe('chain_id_mismatch');
  });
});
