import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { base64 } from '@scure/base';
import { Transaction } from '@scure/btc-signer';
import { fromHex } from '#shared/bytes.ts';
import { lockOf } from '#shared/chains/bitcoin-script.ts';
import { assemble, decodePayload, type SignPayload } from '#shared/chains/payload.ts';
import { bitcoinVerdict, makeCoin, type Prevout } from '../support/engines/bitcoin.ts';
import { singleKey } from '../support/engines/single-key.ts';

const both = { bitcore: true, libsecp256k1: true };
const neither = { bitcore: false, libsecp256k1: false };
const rounds = process.env['SLOW'] === '1' ? 100 : 1;

/** The judges agree with the vectors of BIP-341: one transaction, nine inputs, seven of them Taproot. */
test('the judges accept the signed transaction of BIP-341', () => {
  const file = new URL('../vectors/bitcoin/bip341-wallet-test-vectors.json', import.meta.url);
  const [{ given, auxiliary }] = JSON.parse(readFileSync(file, 'utf8')).keyPathSpending;
  const prevouts = given.utxosSpent.map((u: { scriptPubKey: string; amountSats: number }) => ({
    script: fromHex(u.scriptPubKey),
    amount: BigInt(u.amountSats),
  }));
  expect(bitcoinVerdict(auxiliary.fullySignedTx, prevouts).bitcore).toBe(true);
  const wrong = prevouts.map((p: Prevout, i: number) => (i === 4 ? { ...p, amount: p.amount + 1n } : p));
  expect(bitcoinVerdict(auxiliary.fullySignedTx, wrong).bitcore).toBe(false);
});

describe.each(['p2wpkh', 'p2tr'] as const)('%s spends', (type) => {
  test.each(Array.from({ length: rounds }, (_, i) => i))('round %i', (round) => {
    const key = singleKey('BTC-REGTEST', new Uint8Array(32).fill(round + 1), type);
    const { script } = lockOf('bcrt', type, key.wallet.publicKey);
    const coins = [0, 1].map((n) => makeCoin(script, 70_000n + BigInt(round), n + 2 * round));
    const transaction = new Transaction();
    for (const { txid, index, previous } of coins)
      transaction.addInput({ txid, index, nonWitnessUtxo: previous });
    transaction.addOutput({ script: lockOf('bcrt', 'p2tr', key.wallet.publicKey).script, amount: 120_000n });
    const payload: SignPayload = {
      kind: 'psbt',
      blockchain: 'BTC-REGTEST',
      psbt: base64.encode(transaction.toPSBT(0)),
    };
    const decoded = decodePayload(payload, key.wallet);
    const raw = assemble(payload, key.wallet, decoded, key.sign(decoded)).signedTransaction ?? '';

    expect(bitcoinVerdict(raw, coins)).toEqual(both);
    // Not blind: a wrong amount, a flipped signature, another output.
    expect(
      bitcoinVerdict(
        raw,
        coins.map((c) => ({ ...c, amount: c.amount + 1n })),
      ),
    ).toEqual(neither);
    const signed = Transaction.fromRaw(fromHex(raw), { allowUnknownInputs: true });
    const witness = signed.getInput(0).finalScriptWitness?.[0] ?? new Uint8Array();
    const flip = (at: number): string => raw.slice(0, at) + (raw[at] === '0' ? '1' : '0') + raw.slice(at + 1);
    const place = raw.indexOf([...witness].map((b) => b.toString(16).padStart(2, '0')).join(''));
    expect(bitcoinVerdict(flip(place + 40), coins)).toEqual(neither);
    const amount = raw.indexOf('c0d4010000000000');
    expect(amount).toBeGreaterThan(0);
    expect(bitcoinVerdict(flip(amount + 1), coins)).toEqual(neither);
  });
});
