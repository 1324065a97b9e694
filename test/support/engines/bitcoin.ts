/**
 * Two judges of a signed Bitcoin transaction: the script interpreter of bitcore-lib with the flags of a node
 * of today, and the sighash of bitcoinjs-lib with libsecp256k1 (wasm). There is no chain: the outputs spent
 * are given. A coin is what a funding transaction made here would leave.
 * @module
 */
import { createRequire } from 'node:module';
import { RawTx, Transaction } from '@scure/btc-signer';
import * as bitcoinjs from 'bitcoinjs-lib';
import * as secp from 'tiny-secp256k1';
import { type Bytes, equalBytes, fromHex, toHex } from '#shared/bytes.ts';

// CommonJS without types.
const bitcore = createRequire(import.meta.url)('bitcore-lib');

export interface Prevout {
  readonly script: Bytes;
  readonly amount: bigint;
}

interface BitcoinVerdict {
  readonly bitcore: boolean;
  readonly libsecp256k1: boolean;
}

/** @param raw hex of the signed transaction. @param prevouts what its inputs spend, in order. */
export function bitcoinVerdict(raw: string, prevouts: readonly Prevout[]): BitcoinVerdict {
  return { bitcore: bitcoreAccepts(raw, prevouts), libsecp256k1: libsecpAccepts(raw, prevouts) };
}

function bitcoreAccepts(raw: string, prevouts: readonly Prevout[]): boolean {
  const { Interpreter } = bitcore.Script;
  const flags =
    Interpreter.SCRIPT_VERIFY_P2SH |
    Interpreter.SCRIPT_VERIFY_WITNESS |
    Interpreter.SCRIPT_VERIFY_TAPROOT |
    Interpreter.SCRIPT_VERIFY_STRICTENC |
    Interpreter.SCRIPT_VERIFY_DERSIG |
    Interpreter.SCRIPT_VERIFY_LOW_S |
    Interpreter.SCRIPT_VERIFY_NULLFAIL |
    Interpreter.SCRIPT_VERIFY_WITNESS_PUBKEYTYPE;
  const transaction = new bitcore.Transaction(raw);
  for (const [i, { script, amount }] of prevouts.entries())
    transaction.inputs[i].output = new bitcore.Transaction.Output({
      script: bitcore.Script(toHex(script)),
      satoshis: Number(amount),
    });
  return prevouts.every(({ script, amount }, i) => {
    const { script: scriptSig, witnesses } = transaction.inputs[i];
    try {
      return new Interpreter().verify(
        scriptSig,
        bitcore.Script(toHex(script)),
        transaction,
        i,
        flags,
        // The interpreter takes things off this list.
        [...witnesses],
        Number(amount),
      );
    } catch {
      return false;
    }
  });
}

function libsecpAccepts(raw: string, prevouts: readonly Prevout[]): boolean {
  const transaction = bitcoinjs.Transaction.fromHex(raw);
  const scripts = prevouts.map(({ script }) => script);
  const amounts = prevouts.map(({ amount }) => amount);
  return prevouts.every(({ script, amount }, i) => {
    const [signature = new Uint8Array(), publicKey] = transaction.ins[i]?.witness ?? [];
    try {
      if (script[0] === 0x51) {
        const sighash = signature.length === 65 ? (signature[64] ?? 0) : 0;
        const digest = transaction.hashForWitnessV1(i, scripts, amounts, sighash);
        return secp.verifySchnorr(digest, script.slice(2), signature.slice(0, 64));
      }
      if (publicKey === undefined || !equalBytes(bitcoinjs.crypto.hash160(publicKey), script.slice(2)))
        return false;
      const scriptCode = fromHex(`76a914${toHex(script.slice(2))}88ac`);
      const { signature: compact, hashType } = bitcoinjs.script.signature.decode(signature);
      const digest = transaction.hashForWitnessV0(i, scriptCode, amount, hashType);
      // The last argument: strict, low s only.
      return secp.verify(digest, publicKey, compact, true);
    } catch {
      return false;
    }
  });
}

export interface Coin extends Prevout {
  readonly txid: string;
  readonly index: number;
  /** The transaction that made it, for `non_witness_utxo`. */
  readonly previous: Bytes;
}

/** A coin of this amount under this script, made by a transaction that does not exist elsewhere. */
export function makeCoin(script: Bytes, amount: bigint, salt = 0): Coin {
  const previous = RawTx.encode({
    version: 2,
    segwitFlag: false,
    inputs: [
      {
        txid: new Uint8Array(32).fill(salt + 1),
        index: 0,
        finalScriptSig: new Uint8Array(),
        sequence: 0xffffffff,
      },
    ],
    outputs: [
      { amount: 546n, script: fromHex('6a') },
      { amount, script },
    ],
    lockTime: 0,
  });
  const { id } = Transaction.fromRaw(previous, { allowUnknownOutputs: true, allowUnknownInputs: true });
  return { script, amount, txid: id, index: 1, previous };
}
