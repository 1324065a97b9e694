import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { base64 } from '@scure/base';
import { HDKey } from '@scure/bip32';
import { RawTx, Transaction } from '@scure/btc-signer';
import { fromHex, toHex } from '#shared/bytes.ts';
import { lockOf } from '#shared/chains/bitcoin-script.ts';
import { type AddressType, addressOf, walletPath } from '#shared/chains/chains.ts';
import {
  assemble,
  decodePayload,
  type SignPayload,
  verifySigned,
  type WalletKey,
} from '#shared/chains/payload.ts';
import type { ErrorCode } from '#shared/errors.ts';
import { type Coin, makeCoin } from '../support/engines/bitcoin.ts';
import { signOne } from '../support/engines/single-key.ts';

const root = HDKey.fromMasterSeed(new Uint8Array(32).fill(1));
const stranger = HDKey.fromMasterSeed(new Uint8Array(32).fill(2));

const keyAt = (path: string, account = root) => {
  const { publicKey, privateKey } = account.derive(path);
  if (publicKey === null || privateKey === null) throw new Error('no key');
  return { publicKey, privateKey };
};
const scriptAt = (path: string, account = root) =>
  lockOf('bcrt', path.startsWith('m/86') ? 'p2tr' : 'p2wpkh', keyAt(path, account).publicKey).script;

function walletOf(addressType: AddressType): WalletKey {
  const path = walletPath('BTC-REGTEST', addressType, 0);
  const { publicKey } = keyAt(path);
  const { publicKey: Q, chainCode: cc } = root;
  if (Q === null || cc === null) throw new Error('no root');
  const address = addressOf('BTC-REGTEST', addressType, publicKey);
  return { blockchain: 'BTC-REGTEST', path, publicKey, address, addressType, accountXpub: { Q, cc } };
}
const wallets = { p2wpkh: walletOf('p2wpkh'), p2tr: walletOf('p2tr') };

interface Spend {
  readonly coin: Coin;
  /** Proposed path; none for foreign coins. */
  readonly path?: string;
  readonly sighashType?: number;
  readonly witnessOnly?: boolean;
}
interface Pay {
  readonly script: Uint8Array;
  readonly amount: bigint;
  readonly path?: string;
  /** The key that the derivation field names; by default the right one. */
  readonly claimed?: Uint8Array;
}
const numbers = (path: string): number[] => path.split('/').slice(1).map(Number);
function derivation(path: string | undefined, claimed?: Uint8Array) {
  if (path === undefined) return {};
  const publicKey = claimed ?? keyAt(path).publicKey;
  const der = { fingerprint: root.fingerprint, path: numbers(path) };
  return path.startsWith('m/86')
    ? { tapBip32Derivation: [[publicKey.slice(1), { hashes: [], der }]], tapInternalKey: publicKey.slice(1) }
    : { bip32Derivation: [[publicKey, der]] };
}
function psbt(spends: readonly Spend[], pays: readonly Pay[]): SignPayload {
  const transaction = new Transaction({ allowUnknownOutputs: true, allowUnknownInputs: true });
  for (const { coin, path, sighashType, witnessOnly } of spends)
    transaction.addInput({
      txid: coin.txid,
      index: coin.index,
      witnessUtxo: { script: coin.script, amount: coin.amount },
      ...(witnessOnly ? {} : { nonWitnessUtxo: coin.previous }),
      ...(sighashType === undefined ? {} : { sighashType }),
      ...derivation(path),
    } as Parameters<Transaction['addInput']>[0]);
  for (const { script, amount, path, claimed } of pays)
    transaction.addOutput({ script, amount, ...derivation(path, claimed) } as Parameters<
      Transaction['addOutput']
    >[0]);
  return { kind: 'psbt', blockchain: 'BTC-REGTEST', psbt: base64.encode(transaction.toPSBT(0)) };
}
function signAll(payload: SignPayload, wallet: WalletKey) {
  const decoded = decodePayload(payload, wallet);
  const signatures = decoded.toSign.map((item) => signOne(keyAt(item.path).privateKey, item));
  return { decoded, signatures, result: assemble(payload, wallet, decoded, signatures) };
}
const codeOf = (run: () => unknown): ErrorCode | 'none' => {
  try {
    run();
    return 'none';
  } catch (e) {
    return (e as { code: ErrorCode }).code;
  }
};
const elsewhere = scriptAt('m/84/0/0', stranger);
const typesOf = (payload: SignPayload, wallet: WalletKey) =>
  decodePayload(payload, wallet).intent.effects.map(({ type }) => type);

describe.each(['p2wpkh', 'p2tr'] as const)('%s', (type) => {
  const wallet = wallets[type];
  const purpose = type === 'p2tr' ? 86 : 84;
  const at = (rest: string) => `m/${purpose}/${rest}`;
  const coin = makeCoin(scriptAt(at('0/0')), 100_000n);
  const pay: Pay = { script: elsewhere, amount: 60_000n };

  test('a payment with change: effects, algorithm, complete transaction', () => {
    const payload = psbt(
      [{ coin }, { coin: makeCoin(scriptAt(at('0/7')), 50_000n, 1), path: at('0/7') }],
      [pay, { script: scriptAt(at('1/3')), amount: 85_000n, path: at('1/3') }],
    );
    const { decoded, result } = signAll(payload, wallet);
    expect(decoded.toSign.map(({ path }) => path)).toEqual([at('0/0'), at('0/7')]);
    expect(decoded.toSign[0]?.algorithm).toBe(type === 'p2tr' ? 'bip340' : 'ecdsa');
    expect(decoded.toSign[0]?.merkleRoot).toEqual(type === 'p2tr' ? new Uint8Array() : undefined);
    expect(decoded.intent.effects.map(({ type: t, amount }) => [t, amount])).toEqual([
      ['transfer', '60000'],
      ['change', '85000'],
      ['input', '100000'],
      ['input', '50000'],
      ['fee', '5000'],
    ]);
    expect(decoded.intent.summary).toBe(
      `Send 0.0006 BTC to ${lockOf('bcrt', 'p2wpkh', keyAt('m/84/0/0', stranger).publicKey).address} on Bitcoin (regtest), change 0.00085 BTC, for a fee of 0.00005 BTC`,
    );
    expect(verifySigned(payload, wallet, decoded, result)).toBe(true);
    expect(result.signedTransaction).toMatch(/^02000000/);
    expect(result.transactionId).toMatch(/^[0-9a-f]{64}$/);
    const other = psbt([{ coin }], [{ ...pay, amount: 60_001n }]);
    const otherDecoded = decodePayload(other, wallet);
    expect(verifySigned(other, wallet, otherDecoded, result)).toBe(false);
    const raw = result.signedTransaction ?? '';
    for (const at of [raw.length - 20, 90, raw.length - 140]) {
      const digit = raw[at] === '0' ? '1' : '0';
      const forged = { ...result, signedTransaction: raw.slice(0, at) + digit + raw.slice(at + 1) };
      expect(verifySigned(payload, wallet, decoded, forged)).toBe(false);
    }
  });

  test('change is what the own xpub derives, not what a field claims', () => {
    const change = (output: Omit<Pay, 'amount'>) =>
      typesOf(psbt([{ coin }], [pay, { amount: 35_000n, ...output }]), wallet).slice(0, 2);
    expect(change({ script: scriptAt(at('1/3')), path: at('1/3') })[1]).toBe('change');
    // Without the field nothing proposes a path.
    expect(change({ script: scriptAt(at('1/3')) })[1]).toBe('transfer');
    // A stranger's script under our path, with our key or theirs in the field.
    const theirs = scriptAt(at('1/3'), stranger);
    if (type === 'p2wpkh') expect(change({ script: theirs, path: at('1/3') })[1]).toBe('transfer');
    const claimed = keyAt(at('1/3'), stranger).publicKey;
    expect(change({ script: theirs, path: at('1/3'), claimed })[1]).toBe('transfer');
    // A receiving address of ours is a transfer, and so is a change address too far out.
    expect(change({ script: scriptAt(at('0/9')), path: at('0/9') })[1]).toBe('transfer');
    expect(change({ script: scriptAt(at('1/1000000')), path: at('1/1000000') })[1]).toBe('transfer');
    // Without the xpub nothing is change.
    const { accountXpub: _, ...bare } = wallet;
    const payload = psbt(
      [{ coin }],
      [pay, { script: scriptAt(at('1/3')), amount: 35_000n, path: at('1/3') }],
    );
    expect(typesOf(payload, bare)[1]).toBe('transfer');
  });

  test('somebody else spends too: signed PSBT, no transaction yet', () => {
    const foreign = makeCoin(elsewhere, 30_000n, 5);
    const payload = psbt([{ coin }, { coin: foreign }], [{ script: elsewhere, amount: 120_000n }]);
    const { decoded, result } = signAll(payload, wallet);
    expect(decoded.toSign).toHaveLength(1);
    expect(decoded.intent.effects.map(({ type: t }) => t)).toContain('warning');
    expect(result.signedTransaction).toBeUndefined();
    expect(verifySigned(payload, wallet, decoded, result)).toBe(true);
    expect(verifySigned(payload, wallet, decoded, { signature: payload.psbt ?? '' })).toBe(false);
    // The other party signs the PSBT that came back, and it is complete.
    const rest = Transaction.fromPSBT(base64.decode(result.signature));
    rest.signIdx(keyAt('m/84/0/0', stranger).privateKey, 1);
    rest.finalize();
    expect(rest.isFinal).toBe(true);
  });

  test('an absurd fee is a warning', () => {
    const effects = decodePayload(psbt([{ coin }], [pay]), wallet).intent;
    expect(effects.summary).toContain('(very high)');
    expect(effects.effects).toContainEqual(expect.objectContaining({ type: 'warning' }));
  });

  test('refusals', () => {
    const refusals: readonly (readonly [ErrorCode, SignPayload])[] = [
      ['payload_refused', psbt([{ coin: makeCoin(elsewhere, 100_000n) }], [pay])],
      ...[2, 3, 0x81, 0x83].map(
        (sighashType) => ['payload_refused', psbt([{ coin, sighashType }], [pay])] as const,
      ),
      ['payload_undecodable', psbt([{ coin }], [{ script: elsewhere, amount: 100_001n }])],
      ['payload_undecodable', { kind: 'psbt', blockchain: 'BTC-REGTEST', psbt: 'AAAA' }],
      ['payload_undecodable', { kind: 'psbt', blockchain: 'BTC-REGTEST', psbt: '***' }],
      ['kind_unsupported', { kind: 'message', blockchain: 'BTC-REGTEST', message: 'hello' }],
      ['kind_unsupported', { kind: 'transaction', blockchain: 'BTC-REGTEST', transaction: '00' }],
      ['kind_unsupported', { kind: 'typed_data', blockchain: 'BTC-REGTEST', typedData: {} }],
      ['chain_id_mismatch', { kind: 'psbt', blockchain: 'BTC', psbt: '' }],
    ];
    for (const [code, payload] of refusals) expect(codeOf(() => decodePayload(payload, wallet))).toBe(code);
    const { result } = signAll(psbt([{ coin }], [pay]), wallet);
    const again: SignPayload = { kind: 'psbt', blockchain: 'BTC-REGTEST', psbt: result.signature };
    expect(codeOf(() => decodePayload(again, wallet))).toBe('payload_refused');
    const stray = { ...wallet, accountXpub: { Q: keyAt('m/1').publicKey, cc: new Uint8Array(32) } };
    expect(codeOf(() => decodePayload(psbt([{ coin }], [pay]), stray))).toBe('request_invalid');
  });

  test('many proposed paths are refused, not derived one by one', () => {
    const pays = Array.from({ length: 300 }, (_, i) => ({
      script: elsewhere,
      amount: 1n,
      path: at(`1/${i}`),
    }));
    const claimed = keyAt(at('1/0')).publicKey;
    const payload = psbt(
      [{ coin }],
      pays.map((p) => ({ ...p, claimed })),
    );
    expect(codeOf(() => decodePayload(payload, wallet))).toBe('payload_refused');
  });

  test('64 inputs, not 65', () => {
    const spends = Array.from({ length: 65 }, (_, i) => ({ coin: makeCoin(scriptAt(at('0/0')), 1000n, i) }));
    expect(decodePayload(psbt(spends.slice(0, 64), [pay]), wallet).toSign).toHaveLength(64);
    expect(codeOf(() => decodePayload(psbt(spends, [pay]), wallet))).toBe('payload_refused');
  });

  test('assembly refuses signatures that do not verify, or come in another order', () => {
    const payload = psbt([{ coin }, { coin: makeCoin(scriptAt(at('0/0')), 1000n, 3) }], [pay]);
    const { decoded, signatures } = signAll(payload, wallet);
    for (const bad of [[...signatures].reverse(), signatures.slice(1), [...signatures, ...signatures]])
      expect(codeOf(() => assemble(payload, wallet, decoded, bad))).toBe('internal');
  });
});

describe('amounts are proven', () => {
  const own = makeCoin(scriptAt('m/84/0/0'), 100_000n);
  const pay: Pay = { script: elsewhere, amount: 60_000n };

  test('version 0: the previous transaction is needed, of every input', () => {
    expect(codeOf(() => decodePayload(psbt([{ coin: own, witnessOnly: true }], [pay]), wallets.p2wpkh))).toBe(
      'payload_refused',
    );
    const foreign = { coin: makeCoin(elsewhere, 5000n, 4), witnessOnly: true };
    expect(codeOf(() => decodePayload(psbt([{ coin: own }, foreign], [pay]), wallets.p2wpkh))).toBe(
      'payload_refused',
    );
  });

  test('version 0: a previous transaction that lies about the amount has another id', () => {
    const liar = makeCoin(scriptAt('m/84/0/0'), 900_000n);
    const text = psbt([{ coin: own }], [pay]).psbt ?? '';
    const [before, after] = [toHex(own.previous), toHex(liar.previous)];
    const changed = toHex(base64.decode(text))
      .replace(before, after)
      .replaceAll('a086010000000000', 'a0bb0d0000000000');
    const payload: SignPayload = {
      kind: 'psbt',
      blockchain: 'BTC-REGTEST',
      psbt: base64.encode(fromHex(changed)),
    };
    expect(changed).not.toBe(toHex(base64.decode(text)));
    expect(codeOf(() => decodePayload(payload, wallets.p2wpkh))).toBe('payload_undecodable');
  });

  test('taproot commits to all amounts: the witness output is enough', () => {
    const coin = makeCoin(scriptAt('m/86/0/0'), 100_000n);
    expect(codeOf(() => decodePayload(psbt([{ coin, witnessOnly: true }], [pay]), wallets.p2tr))).toBe(
      'none',
    );
  });

  test('an output spent twice', () => {
    const tx = RawTx.encode({
      segwitFlag: false,
      version: 2,
      lockTime: 0,
      inputs: [0, 0].map(() => ({
        txid: fromHex(own.txid),
        index: 1,
        finalScriptSig: new Uint8Array(),
        sequence: 0,
      })),
      outputs: [pay],
    });
    const utxo = `0100${own.previous.length.toString(16).padStart(2, '0')}${toHex(own.previous)}00`;
    const raw = `70736274ff0100${tx.length.toString(16).padStart(2, '0')}${toHex(tx)}00${utxo}${utxo}00`;
    const payload: SignPayload = {
      kind: 'psbt',
      blockchain: 'BTC-REGTEST',
      psbt: base64.encode(fromHex(raw)),
    };
    expect(codeOf(() => decodePayload(payload, wallets.p2wpkh))).toBe('payload_undecodable');
  });
});

test('raw digests: P2WPKH with permission, P2TR never', () => {
  const payload: SignPayload = { kind: 'raw_digest', blockchain: 'BTC-REGTEST', digest: '11'.repeat(32) };
  expect(codeOf(() => decodePayload(payload, wallets.p2wpkh))).toBe('raw_digest_disabled');
  expect(codeOf(() => decodePayload(payload, wallets.p2wpkh, { allowRawDigest: true }))).toBe('none');
  expect(codeOf(() => decodePayload(payload, wallets.p2tr, { allowRawDigest: true }))).toBe(
    'kind_unsupported',
  );
});

test('addresses: BIP-84 and BIP-341 vectors', () => {
  // BIP-84, first receiving address of its test vector.
  const publicKey = fromHex('0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c');
  expect(addressOf('BTC', 'p2wpkh', publicKey)).toBe('bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu');
  const file = new URL('../vectors/bitcoin/bip341-wallet-test-vectors.json', import.meta.url);
  const [{ given, expected }] = JSON.parse(readFileSync(file, 'utf8')).scriptPubKey;
  expect(given.scriptTree).toBeNull();
  expect(addressOf('BTC', 'p2tr', fromHex(`02${given.internalPubkey}`))).toBe(expected.bip350Address);
});
