import { beforeAll, describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { hexToBytes } from '@noble/hashes/utils.js';
import { base58 } from '@scure/base';
import { HDKey } from '@scure/bip32';
import { build } from 'esbuild';
import fc from 'fast-check';
import {
  createWalletClient,
  custom,
  hashTypedData,
  parseEther,
  parseTransaction,
  recoverMessageAddress,
  recoverTransactionAddress,
  recoverTypedDataAddress,
  serializeTransaction,
} from 'viem';
import { mainnet } from 'viem/chains';
import { checkAddressProofs } from '../../client/address-proof.ts';
import {
  type CredentialKey,
  ed25519Key,
  generateWebCryptoKeys,
  requestSigner,
  webCryptoKey,
} from '../../client/credential.ts';
import { derivePublicKey } from '../../client/derive.ts';
import { parseRetryAfter } from '../../client/http.ts';
import {
  found,
  Planbok,
  PlanbokError,
  type PlanbokOptions,
  type Progress,
  readPublic,
} from '../../client/index.ts';
import { ownerFile, readOwner } from '../../client/owner.ts';
import type { Payload } from '../../client/prepare.ts';
import { typedDataJson, viemAccount } from '../../client/viem.ts';
import { fromHex, toBase64url, toHex } from '../../shared/bytes.ts';
import { parseTypedData } from '../../shared/chains/evm-typed-data.ts';
import { CustodyError } from '../../shared/errors.ts';
import { deriveEd25519, deriveSecp256k1 } from '../../shared/mpc/derive.ts';
import type { EdPoint } from '../../shared/mpc/ed25519.ts';
import type { Point } from '../../shared/mpc/secp256k1.ts';
import { problemOf } from '../../shared/wire/problem.ts';
import { bodyOf, fakeApi } from './fake-api.ts';

const url = 'http://127.0.0.1:9';
const seed = new Uint8Array(32).fill(5);
const credential = ed25519Key(seed);

type Own = Partial<Omit<PlanbokOptions, 'credential'>> & { readonly credential?: CredentialKey };

async function setUp(options: Own = {}) {
  const api = fakeApi(options.now);
  const waits: number[] = [];
  const progress: Progress[] = [];
  const connection = {
    url,
    fetch: api.fetch,
    identities: api.identities,
    sleep: async (ms: number) => void waits.push(ms),
    onProgress: (p: Progress) => void progress.push(p),
    ...options,
  };
  const key = options.credential ?? credential;
  const founded = await found(connection, { name: 'Acme', owner: { name: 'Ada', credential: key } });
  const planbok = new Planbok({ ...connection, organization: founded.id, credential: key });
  return { api, planbok, waits, progress, founded, connection };
}

async function withWallets(options: Own = {}) {
  const all = await setUp(options);
  const set = await all.planbok.walletSets.create({ name: 'Main', keyTypes: ['ed25519', 'secp256k1'] });
  const { data } = await all.planbok.wallets.create({
    walletSet: set.id,
    blockchains: ['ETH', 'SOL', 'BTC'],
  });
  const [eth, sol, btc] = data;
  if (!eth || !sol || !btc) throw new Error('wallets are missing');
  all.api.seen.length = 0;
  return { ...all, set, eth, sol, btc };
}

async function errorOf(run: () => Promise<unknown>): Promise<PlanbokError> {
  try {
    await run();
  } catch (e) {
    if (e instanceof PlanbokError) return e;
    throw e;
  }
  throw new Error('nothing was thrown');
}

const problem = (
  code: ConstructorParameters<typeof CustodyError>[0],
  headers: Record<string, string> = {},
) => {
  const document = problemOf(new CustodyError(code, 'because'), { instance: '/', requestId: 'req_9' });
  return new Response(JSON.stringify(document), { status: document.status, headers });
};

const message: Payload = { kind: 'message', message: 'hello' };
const transfer = serializeTransaction({
  chainId: 1,
  nonce: 3,
  gas: 21_000n,
  maxFeePerGas: 20_000_000_000n,
  maxPriorityFeePerGas: 1n,
  to: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  value: parseEther('0.5'),
});

describe('an organization', () => {
  test('is founded, and its id is the hash of what its owner signed', async () => {
    const { founded, planbok } = await setUp();
    expect(founded.id).toMatch(/^org_[a-z2-7]{52}$/);
    expect(await planbok.organizations.get()).toMatchObject({
      id: founded.id,
      name: 'Acme',
      head: founded.id,
    });
  });

  test('is not believed in without the receipt of the pinned Node 2', async () => {
    const api = fakeApi();
    const { node1, node2 } = api.identities;
    const owner = { name: 'Ada', credential };
    const swapped = { url, fetch: api.fetch, identities: { node1: node2, node2: node1 } };
    expect((await errorOf(() => found(swapped, { name: 'Acme', owner }))).code).toBe('proof_invalid');
    api.mischief.answer = (_, value) => ({
      ...value,
      receipt: { ...(value['receipt'] as object), signature: toBase64url(new Uint8Array(64)) },
    });
    const right = { url, fetch: api.fetch, identities: api.identities };
    expect((await errorOf(() => found(right, { name: 'Acme', owner }))).code).toBe('proof_invalid');
  });

  test('can have a P-256 key of the platform as its owner, which cannot be read out', async () => {
    const keys = await generateWebCryptoKeys();
    await expect(crypto.subtle.exportKey('pkcs8', keys.privateKey)).rejects.toThrow();
    const { planbok, eth } = await withWallets({ credential: await webCryptoKey(keys) });
    const { signature } = await planbok.signatures.create({ wallet: eth.id, payload: message });
    expect(await recoverMessageAddress({ message: 'hello', signature: signature as `0x${string}` })).toBe(
      eth.address,
    );
  });
});

describe('wallets', () => {
  test('are created with keys in any order, listed over pages, and found again', async () => {
    const { planbok, set, eth, sol, btc } = await withWallets();
    expect(set.keyTypes).toEqual(['secp256k1', 'ed25519']);
    expect([eth.blockchain, sol.blockchain, btc.blockchain]).toEqual(['ETH', 'SOL', 'BTC']);
    expect(await planbok.wallets.get(eth.id)).toEqual(eth);
    const listed = [];
    for await (const wallet of planbok.wallets.list({ walletSet: set.id, limit: 2 })) listed.push(wallet.id);
    expect(listed).toEqual([btc.id, sol.id, eth.id]);
    const sets = [];
    for await (const one of planbok.walletSets.list()) sets.push(one);
    expect(sets).toEqual([await planbok.walletSets.get(set.id)]);
  });

  test('have addresses that both nodes prove, and say what was checked', async () => {
    const { planbok, btc } = await withWallets();
    const proven = await planbok.wallets.verifyAddress(btc.id);
    expect(proven).toMatchObject({
      wallet: btc.id,
      address: btc.address,
      path: btc.path,
      publicKey: btc.publicKey,
    });
    expect(proven.checks).toHaveLength(5);
    expect(proven.key.accountXpub?.Q).toHaveLength(33);
  });

  describe('with a proof that', () => {
    let all: Awaited<ReturnType<typeof withWallets>>;
    beforeAll(async () => {
      all = await withWallets();
    });
    const claim = async (
      change: Record<string, string>,
      nodes: readonly ('node1' | 'node2')[] = ['node1', 'node2'],
    ) => {
      const { api, planbok, eth } = all;
      delete api.mischief.answer;
      const proofs = await planbok.wallets.addressProof(eth.id);
      const say = (node: 'node1' | 'node2') =>
        nodes.includes(node) ? api.nodes[node].say({ ...proofs[node].document, ...change }) : proofs[node];
      api.mischief.answer = (name, value) =>
        name === 'getAddressProof' ? { node1: say('node1'), node2: say('node2') } : value;
      return errorOf(() => planbok.wallets.verifyAddress(eth.id));
    };

    test.each([
      ['is for another wallet', { wallet: 'wal_other' }],
      ['is for another organization', { organization: 'org_other' }],
      ['has another address', { address: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8' }],
      ['has another path', { path: 'm/44/0/7' }],
      ['has the path of another algorithm', { path: 'm/86/0/0' }],
      ['has a hardened path', { path: "m/44'/0/0" }],
      [
        'has another public key',
        { publicKey: `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}` },
      ],
      [
        'has another account key',
        { accountKey: `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}` },
      ],
      ['has another chain code', { chainCode: '00'.repeat(32) }],
      ['is for another chain', { blockchain: 'SOL' }],
      ['is for no chain', { blockchain: 'XXX' }],
      ['has an address type', { addressType: 'p2tr' }],
      ['is another document', { type: 'planbok/other/v1' }],
      ['names the other node', { node: 'node2' }],
      ['has an account key that is no key', { accountKey: 'zz' }],
    ])('%s is refused, though both nodes signed it', async (_, change) => {
      // What is not even of the form is refused by the form.
      expect((await claim(change)).code).toMatch(/^(?:proof|response)_invalid$/);
    });

    test('only one node stands for is refused', async () => {
      expect((await claim({ added: 'x' }, ['node1'])).message).toContain('do not agree');
      expect((await claim({ added: 'x' }, ['node2'])).message).toContain('do not agree');
    });

    test('is said twice by one node is refused', async () => {
      const { api, planbok, eth } = all;
      delete api.mischief.answer;
      const proofs = await planbok.wallets.addressProof(eth.id);
      const expected = { organization: planbok.organization, wallet: eth.id };
      const twice = { node1: proofs.node1, node2: proofs.node1 };
      expect(() => checkAddressProofs(twice, api.identities, expected)).toThrow(PlanbokError);
      const same = { node1: api.identities.node1, node2: api.identities.node1 };
      expect(() => checkAddressProofs(proofs, same, expected)).toThrow('same identity');
      const forged = { ...proofs, node2: api.nodes.node1.say({ ...proofs.node2.document }) };
      expect(() => checkAddressProofs(forged, api.identities, expected)).toThrow(PlanbokError);
    });

    test('was signed after the delegation ended is refused', async () => {
      expect((await claim({ issued: String(Date.now() + 7_200_000) })).message).toContain(
        'not valid at that time',
      );
    });
  });

  test('that are not those asked for are not handed out', async () => {
    const { planbok, api, set } = await withWallets();
    const request = { walletSet: set.id, blockchains: ['ETH', 'SOL'] as const };
    for (const change of [
      (data: object[]) => data.slice(1),
      (data: object[]) => [data[0], data[0]],
      (data: object[]) => data.map((w) => ({ ...w, walletSet: 'wset_other' })),
      (data: object[]) => data.map((w) => ({ ...w, blockchain: 'ETH' })),
    ]) {
      api.mischief.answer = (name, value) =>
        name === 'createWallets' ? { ...value, data: change(value['data'] as object[]) } : value;
      expect((await errorOf(() => planbok.wallets.create(request))).code).toBe('result_invalid');
    }
    api.mischief.answer = (name, value) =>
      name === 'createWallets'
        ? {
            ...value,
            data: (value['data'] as object[]).map((w) => ({
              ...w,
              address: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
            })),
          }
        : value;
    expect((await errorOf(() => planbok.wallets.create(request))).code).toBe('proof_invalid');
  });
});

test('keys derive here as at the nodes, and as in a BIP-32 wallet', () => {
  const index = fc.integer({ min: 0, max: 2 ** 31 - 1 });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), index, index, (cc, i, j) => {
      const path = `m/44/${i}/${j}`;
      const root = new HDKey({ privateKey: new Uint8Array(32).fill(7), chainCode: cc });
      const Q = root.publicKey as Uint8Array;
      expect(derivePublicKey('secp256k1', Q, cc, path)).toEqual(root.derive(path).publicKey);
      expect(derivePublicKey('secp256k1', Q, cc, path)).toEqual(deriveSecp256k1(Q as Point, cc, path).Q);
      const A = ed25519.getPublicKey(seed);
      expect(derivePublicKey('ed25519', A, cc, path)).toEqual(deriveEd25519(A as EdPoint, cc, path).A);
    }),
    { numRuns: 10 },
  );
  for (const bad of ['m', '', "m/44'", 'm/2147483648', 'm/01', '44/0', 'm/-1', 'm//1'])
    expect(() => derivePublicKey('ed25519', ed25519.getPublicKey(seed), new Uint8Array(32), bad)).toThrow(
      'not a path',
    );
});

describe('signing', () => {
  test('an EVM message, typed data and a transaction verify in viem', async () => {
    const { planbok, eth } = await withWallets();
    const signed = await planbok.signatures.create({
      wallet: eth.id,
      payload: { kind: 'transaction', transaction: transfer },
    });
    expect(
      await recoverTransactionAddress({ serializedTransaction: signed.signedTransaction as `0x02${string}` }),
    ).toBe(eth.address);
    expect(await planbok.signatures.get(signed.id)).toEqual(signed);
    const all = [];
    for await (const one of planbok.signatures.list({ limit: 1 })) all.push(one.id);
    expect(all).toEqual([signed.id]);
  });

  test('a Solana message verifies', async () => {
    const { planbok, sol } = await withWallets();
    const { signature } = await planbok.signatures.create({ wallet: sol.id, payload: message });
    expect(base58.decode(signature)).toHaveLength(64);
  });

  test('what it does is decoded here and shown before anything is authorised', async () => {
    const { planbok, eth, api } = await withWallets();
    const payload: Payload = { kind: 'transaction', transaction: transfer };
    const seen: string[] = [];
    const confirm = (intent: { summary: string }) => {
      seen.push(intent.summary);
      return false;
    };
    const error = await errorOf(() => planbok.signatures.create({ wallet: eth.id, payload, confirm }));
    expect(error.code).toBe('not_confirmed');
    expect(seen[0]).toContain('Send 0.5 ETH to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8');
    expect(api.seen.map(({ name }) => name)).not.toContain('createSignature');
  });

  test('a preview says what would be signed, and signs nothing', async () => {
    const { planbok, eth, api } = await withWallets();
    const preview = await planbok.signatures.preview({ wallet: eth.id, payload: message });
    expect(preview.toSign).toHaveLength(1);
    expect(preview.intent.summary).toContain('hello');
    const signed = await planbok.signatures.create({
      wallet: eth.id,
      payload: message,
      idempotencyKey: preview.idempotencyKey,
    });
    expect(signed.intent).toEqual(preview.intent);
    expect(api.seen.filter(({ name }) => name === 'createSignature')).toHaveLength(1);
  });

  test.each([
    ['operationDigest', { operationDigest: toBase64url(new Uint8Array(32)) }],
    ['intent', { intent: { kind: 'message', blockchain: 'ETH', summary: 'harmless', effects: [] } }],
    ['toSign', { toSign: [] }],
    ['toSign', { toSign: [{ path: 'm/44/0/0', algorithm: 'ecdsa', bytes: '00'.repeat(32) }] }],
  ])('nothing is authorised when the server previews another %s', async (_, change) => {
    const { planbok, eth, api } = await withWallets();
    api.mischief.answer = (name, value) => (name === 'previewSignature' ? { ...value, ...change } : value);
    const error = await errorOf(() => planbok.signatures.create({ wallet: eth.id, payload: message }));
    expect(error.code).toBe('preview_mismatch');
    expect(api.seen.map(({ name }) => name)).not.toContain('createSignature');
  });

  test('a signature that is wrong, or for something else, is not handed out', async () => {
    const { planbok, eth, api } = await withWallets();
    const other = await planbok.signatures.create({
      wallet: eth.id,
      payload: { kind: 'message', message: 'other' },
    });
    for (const change of [
      { signature: other.signature },
      { signature: '0x' },
      { wallet: 'wal_other' },
      { signature: `0x${'11'.repeat(64)}1b` },
    ]) {
      api.mischief.answer = (name, value) => (name === 'createSignature' ? { ...value, ...change } : value);
      const error = await errorOf(() => planbok.signatures.create({ wallet: eth.id, payload: message }));
      expect(error.code).toBe('result_invalid');
    }
  });

  test('a signed transaction that was exchanged is not handed out', async () => {
    const { planbok, eth, api } = await withWallets();
    const sign = (transaction: string) =>
      planbok.signatures.create({ wallet: eth.id, payload: { kind: 'transaction', transaction } });
    const other = await sign(serializeTransaction({ ...parseTransaction(transfer), nonce: 4 }));
    api.mischief.answer = (name, value) =>
      name === 'createSignature' ? { ...value, signedTransaction: other.signedTransaction } : value;
    expect((await errorOf(() => sign(transfer))).code).toBe('result_invalid');
  });

  test('what cannot be decoded is refused here, without a request', async () => {
    const { planbok, eth, api } = await withWallets();
    const sign = (payload: Payload) => errorOf(() => planbok.signatures.create({ wallet: eth.id, payload }));
    expect((await sign({ kind: 'transaction', transaction: '0x1234' })).code).toBe('payload_undecodable');
    expect((await sign({ kind: 'psbt', psbt: 'AA==' })).code).toBe('kind_unsupported');
    expect((await sign({ kind: 'message', message: 'x', blockchain: 'BASE' })).code).toBe(
      'chain_id_mismatch',
    );
    expect(api.seen.map(({ name }) => name)).not.toContain('createSignature');
    expect(api.seen.map(({ name }) => name)).not.toContain('previewSignature');
  });

  test('without a preview it is one request, and what comes back is verified all the same', async () => {
    const { planbok, eth, api } = await withWallets();
    await planbok.signatures.create({ wallet: eth.id, payload: message, preview: false });
    expect(api.seen.map(({ name }) => name)).toEqual(['createSignature']);
  });
});

describe('retries', () => {
  test('keep key and operation, and sign a fresh authorisation each time', async () => {
    const { planbok, eth, api, waits } = await withWallets();
    api.mischief.before = (name, attempt) =>
      name === 'createSignature' && attempt < 4
        ? problem(attempt === 1 ? 'node_unavailable' : 'storage_unavailable')
        : undefined;
    await planbok.signatures.create({ wallet: eth.id, payload: message });
    const tries = api.seen.filter(({ name }) => name === 'createSignature').map(({ request }) => request);
    expect(tries).toHaveLength(4);
    expect(new Set(tries.map((r) => r.idempotencyKey)).size).toBe(1);
    const authorisations = tries.map((r) => bodyOf(r)['authorisation'] as Record<string, string>);
    expect(new Set(authorisations.map((a) => a['operation'])).size).toBe(1);
    expect(new Set(authorisations.map((a) => a['nonce'])).size).toBe(4);
    expect(waits).toHaveLength(3);
    for (const [i, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(125 * 2 ** i);
      expect(wait).toBeLessThanOrEqual(250 * 2 ** i);
    }
  });

  test('after a lost answer find what was done, once', async () => {
    const { planbok, eth, api } = await withWallets();
    api.mischief.after = (name, attempt) => {
      if (name === 'createSignature' && attempt === 1) throw new TypeError('socket hang up');
    };
    const signed = await planbok.signatures.create({ wallet: eth.id, payload: message });
    expect([...api.signatures.keys()]).toEqual([signed.id]);
  });

  test('wait as long as the server says, and not for ever', async () => {
    const { planbok, api, waits } = await withWallets();
    api.mischief.before = (_, attempt) =>
      attempt === 1 ? problem('rate_limited', { 'retry-after': '3' }) : undefined;
    await planbok.organizations.get();
    expect(waits).toEqual([3000]);
    api.mischief.before = () => problem('rate_limited', { 'retry-after': '3600' });
    const error = await errorOf(() => planbok.organizations.get());
    expect(error).toMatchObject({
      code: 'rate_limited',
      status: 429,
      retryable: true,
      retryAfterMs: 3_600_000,
      requestId: 'req_9',
    });
    expect(waits).toEqual([3000]);
  });

  test('end, and the error names the key under which to ask again', async () => {
    const { planbok, eth, api, waits } = await withWallets({ retries: 2 });
    api.mischief.before = (name) => {
      if (name === 'createSignature') throw new TypeError('refused');
      return undefined;
    };
    const error = await errorOf(() =>
      planbok.signatures.create({ wallet: eth.id, payload: message, idempotencyKey: 'mine' }),
    );
    expect(error).toMatchObject({
      code: 'network_error',
      status: 0,
      retryable: true,
      idempotencyKey: 'mine',
    });
    expect(waits).toHaveLength(2);
    expect(await planbok.lookUp('mine')).toBeUndefined();
    api.mischief.before = () => undefined;
    await planbok.signatures.create({ wallet: eth.id, payload: message, idempotencyKey: 'mine' });
    expect(await planbok.lookUp('mine')).toMatchObject({ key: 'mine', state: 'completed' });
  });

  test('are not made for what cannot succeed', async () => {
    const { planbok, eth, waits } = await withWallets();
    await planbok.signatures.create({ wallet: eth.id, payload: message, idempotencyKey: 'k' });
    const error = await errorOf(() =>
      planbok.signatures.create({
        wallet: eth.id,
        payload: { kind: 'message', message: 'other' },
        idempotencyKey: 'k',
      }),
    );
    expect(error).toMatchObject({ code: 'idempotency_key_reused', status: 422, retryable: false });
    expect((await errorOf(() => planbok.wallets.get('wal_none'))).code).toBe('wallet_not_found');
    expect((await errorOf(() => planbok.wallets.get('../x'))).code).toBe('request_invalid');
    expect(waits).toEqual([]);
  });

  test('a gateway that speaks no problem documents is understood by its status', async () => {
    const { planbok, api } = await withWallets({ retries: 0 });
    const answer = async (status: number, text = '<html>') => {
      api.mischief.before = () => new Response(text, { status });
      return (await errorOf(() => planbok.organizations.get())).code;
    };
    expect(await answer(503)).toBe('node_unavailable');
    expect(await answer(429)).toBe('rate_limited');
    expect(await answer(404)).toBe('response_invalid');
    expect(await answer(200)).toBe('response_invalid');
    expect(await answer(200, '{}')).toBe('response_invalid');
  });

  test('a clock that is wrong is named as the cause', async () => {
    const now = 1_800_000_000_000;
    const { connection, founded } = await setUp({ now: () => now });
    const later = new Planbok({
      ...connection,
      now: () => now + 300_000,
      organization: founded.id,
      credential,
    });
    const error = await errorOf(() => later.organizations.get());
    expect(error.code).toBe('authorisation_expired');
    expect(error.message).toMatch(/300 s ahead of/);
  });

  test('Retry-After is seconds or a date', () => {
    expect(parseRetryAfter('5', 0)).toBe(5000);
    expect(parseRetryAfter('Thu, 01 Jan 1970 00:00:10 GMT', 4000)).toBe(6000);
    expect(parseRetryAfter('Thu, 01 Jan 1970 00:00:10 GMT', 40_000)).toBe(0);
    expect(parseRetryAfter('soon', 0)).toBeUndefined();
    expect(parseRetryAfter(null, 0)).toBeUndefined();
  });
});

describe('owner.json', () => {
  const organization = `org_${'a'.repeat(52)}`;
  const file = ownerFile(organization, seed, fakeApi().identities);

  test('comes back as it was written', () => {
    const owner = readOwner(JSON.stringify(file));
    expect(owner).toMatchObject({ organization, keyId: requestSigner(organization, credential).keyId });
    expect(toHex(owner.key.publicKey)).toBe(toHex(credential.publicKey));
  });

  test.each([
    ['no JSON', 'x'],
    ['another version', JSON.stringify({ ...file, version: 2 })],
    ['a short seed', JSON.stringify({ ...file, seed: file.seed.slice(4) })],
    ['the seed of somebody else', JSON.stringify({ ...file, seed: toBase64url(new Uint8Array(32)) })],
    ['another organization', JSON.stringify({ ...file, organization: `org_${'b'.repeat(52)}` })],
    [
      'an identity that is no key',
      JSON.stringify({ ...file, identities: { ...file.identities, node2: 'AAAA' } }),
    ],
  ])('%s is refused, and the error does not quote the seed', (_, text) => {
    let error: unknown;
    try {
      readOwner(text);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(Error);
    expect(`${(error as Error).message}${String((error as Error).cause)}`).not.toContain(
      file.seed.slice(8, 20),
    );
  });
});

test('a client does not start with identities or a URL that cannot be right', async () => {
  const { connection, founded } = await setUp();
  const options = { ...connection, organization: founded.id, credential };
  const { node1, node2 } = options.identities;
  expect(() => new Planbok({ ...options, identities: { node1, node2: node1 } })).toThrow('same identity');
  expect(() => new Planbok({ ...options, identities: { node1: 'AAAA', node2 } })).toThrow();
  expect(() => new Planbok({ ...options, url: 'http://a/b' })).toThrow('bare origin');
  expect(() => new Planbok({ ...options, url: 'ftp://a' })).toThrow('not an HTTP URL');
});

test('public routes are read without a signature', async () => {
  const { connection, api } = await setUp();
  expect((await readPublic(connection, 'getHealth')).status).toBe('ok');
  expect(api.seen.at(-1)?.request.signature).toBe('');
});

describe('viem', () => {
  const typed = {
    domain: {
      name: 'Ether Mail',
      version: '1',
      chainId: 1n,
      verifyingContract: '0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC',
    },
    types: {
      Mail: [
        { name: 'to', type: 'address' },
        { name: 'amount', type: 'uint256' },
        { name: 'text', type: 'string' },
      ],
    },
    primaryType: 'Mail',
    message: { to: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8', amount: 2n ** 200n, text: 'hi' },
  } as const;

  test('a wallet is an account: messages, raw messages, typed data, transactions', async () => {
    const { planbok, eth } = await withWallets();
    const account = await viemAccount(planbok, eth.id);
    expect(account.address).toBe(eth.address);
    const client = createWalletClient({
      account,
      chain: mainnet,
      transport: custom({ request: async () => '0x1' }),
    });
    const signature = await client.signMessage({ message: 'hello' });
    expect(await recoverMessageAddress({ message: 'hello', signature })).toBe(eth.address);
    for (const raw of ['0x00ff', hexToBytes('00ff')] as const) {
      const rawSignature = await client.signMessage({ message: { raw } });
      expect(await recoverMessageAddress({ message: { raw: '0x00ff' }, signature: rawSignature })).toBe(
        eth.address,
      );
    }
    const typedSignature = await client.signTypedData(typed);
    expect(await recoverTypedDataAddress({ ...typed, signature: typedSignature })).toBe(eth.address);
    const serialized = await client.signTransaction({
      to: typed.message.to,
      value: 1n,
      nonce: 0,
      gas: 21_000n,
      maxFeePerGas: 1n,
      maxPriorityFeePerGas: 1n,
      type: 'eip1559',
    });
    expect(parseTransaction(serialized)).toMatchObject({ chainId: 1, value: 1n });
    expect(await recoverTransactionAddress({ serializedTransaction: serialized })).toBe(eth.address);
  });

  test('typed data becomes JSON that hashes to the same digest', () => {
    const variants = [
      typed,
      { ...typed, domain: { ...typed.domain, version: '' } },
      { ...typed, domain: {} },
      { ...typed, domain: { salt: `0x${'11'.repeat(32)}` as const, name: '' } },
    ];
    for (const variant of variants) {
      const json = JSON.parse(JSON.stringify(typedDataJson(variant))) as object;
      const { digest } = parseTypedData(json);
      expect(toHex(digest)).toBe(toHex(fromHex(hashTypedData(variant).slice(2))));
    }
  });

  test('a wallet of another family is not an account', async () => {
    const { planbok, sol } = await withWallets();
    expect((await errorOf(() => viemAccount(planbok, sol.id))).code).toBe('kind_unsupported');
  });
});

test.each(['client/index.ts', 'client/viem.ts'])(
  '%s bundles for a browser without anything of Node',
  async (entry) => {
    const result = await build({
      entryPoints: [entry],
      bundle: true,
      platform: 'browser',
      format: 'esm',
      write: false,
      metafile: true,
      logLevel: 'silent',
    });
    const imports = Object.values(result.metafile.inputs).flatMap((input) =>
      input.imports.map(({ path }) => path),
    );
    expect(imports.length).toBeGreaterThan(50);
    expect(
      imports.filter((path) => path.startsWith('node:') || /shared\/mpc|functions\//.test(path)),
    ).toEqual([]);
    expect(Object.keys(result.metafile.inputs).filter((name) => name.includes('(disabled)'))).toEqual([]);
  },
);
