/**
 * PSBTs (BIP-174, version 0): which inputs are ours, which outputs come back, what is paid, what is signed.
 *
 * Nothing that the PSBT says about keys is believed. A derivation field only proposes a path; the key is
 * derived again from the account's own xpub and the script must be the one that this key makes.
 * @module
 */

import { base64 } from '@scure/base';
import { HDKey } from '@scure/bip32';
import { Transaction } from '@scure/btc-signer';
import { hash160 } from '@scure/btc-signer/utils.js';
import type { Bytes } from '../bytes.ts';
import { concat, equalBytes, fromHex, toHex } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import { type BitcoinNetwork, lockOf } from './bitcoin-script.ts';
import type { AddressType } from './chains.ts';
import { reading, refused, undecodable, type WalletKey } from './intent.ts';

const maxOwnInputs = 64;
const maxInputs = 256;
const maxOutputs = 1000;
/** Each costs a multiplication on the curve or two. */
const maxDerivations = 256;
/** 21 million coins. */
const maxAmount = 2_100_000_000_000_000n;
/** A change address further out would not be found again by a watching wallet. */
const maxIndex = 1_000_000;

/** A key of the account, found by its path and proven by its script. */
interface OwnKey {
  readonly path: string;
  readonly type: AddressType;
  /** 0 receives, 1 is change. */
  readonly branch: number;
  /** 33 bytes; for P2TR the internal key. */
  readonly publicKey: Bytes;
}

interface PsbtInput {
  readonly txid: string;
  readonly index: number;
  readonly amount: bigint;
  readonly script: Bytes;
  readonly own: OwnKey | undefined;
}

/** One of our inputs and what is signed for it. */
export interface Signing {
  readonly input: number;
  readonly key: OwnKey;
  /** 1 ALL; 0 DEFAULT (Taproot only). */
  readonly sighash: 0 | 1;
  readonly digest: Bytes;
}

interface PsbtOutput {
  readonly script: Bytes;
  readonly amount: bigint;
  readonly own: OwnKey | undefined;
}

export interface Psbt {
  readonly transaction: Transaction;
  readonly inputs: readonly PsbtInput[];
  readonly outputs: readonly PsbtOutput[];
  readonly signings: readonly Signing[];
  readonly fee: bigint;
}

type Derivations = readonly { readonly path: readonly number[]; readonly purpose: number }[];
interface DerivationFields {
  readonly bip32Derivation?: readonly (readonly [Bytes, { readonly path: readonly number[] }])[] | undefined;
  readonly tapBip32Derivation?:
    | readonly (readonly [Bytes, { readonly der: { readonly path: readonly number[] } }])[]
    | undefined;
}

/** The paths that are proposed, of the form purpose/branch/index under the account; one of a kind is enough. */
function proposed({ bip32Derivation = [], tapBip32Derivation = [] }: DerivationFields): Derivations {
  const all = [
    ...bip32Derivation.slice(0, 1).map(([, { path }]) => ({ path, purpose: 84 })),
    ...tapBip32Derivation.slice(0, 1).map(([, { der }]) => ({ path: der.path, purpose: 86 })),
  ];
  return all.filter(
    ({ path: [purpose, branch = -1, index = -1, ...rest], purpose: wanted }) =>
      purpose === wanted &&
      (branch === 0 || branch === 1) &&
      index >= 0 &&
      index < maxIndex &&
      rest.length === 0,
  );
}

/** Recognises the scripts of one account. @throws {CustodyError} `request_invalid` if xpub and wallet disagree. */
function recogniser(network: BitcoinNetwork, wallet: WalletKey) {
  const { accountXpub, publicKey, addressType = 'p2wpkh' } = wallet;
  const root = reading('The account key is not a point', () =>
    accountXpub === undefined
      ? undefined
      : new HDKey({ publicKey: accountXpub.Q, chainCode: accountXpub.cc }),
  );
  const branches = new Map<string, HDKey>();
  let derivations = 0;
  const derive = (path: readonly number[]): Bytes | undefined => {
    const [purpose = 0, branch = 0, index = 0] = path;
    const name = `${purpose}/${branch}`;
    const node = branches.get(name) ?? root?.deriveChild(purpose).deriveChild(branch);
    if (node === undefined) return undefined;
    branches.set(name, node);
    derivations += 1;
    if (derivations > maxDerivations) throw refused(`A PSBT proposes at most ${maxDerivations} own paths`);
    return node.deriveChild(index).publicKey ?? undefined;
  };
  const own = wallet.path.split('/').slice(1).map(Number);
  const derived = derive(own);
  if (derived !== undefined && !equalBytes(derived, publicKey))
    throw new CustodyError('request_invalid', 'The key of the wallet is not derived from its account');
  const self: OwnKey = { path: wallet.path, type: addressType, branch: own[1] ?? 0, publicKey };
  const { script: selfScript } = lockOf(network, addressType, publicKey);
  return (script: Bytes, fields: DerivationFields): OwnKey | undefined => {
    if (equalBytes(script, selfScript)) return self;
    for (const { path, purpose } of proposed(fields)) {
      const key = derive(path);
      const type = purpose === 86 ? 'p2tr' : 'p2wpkh';
      if (key !== undefined && equalBytes(lockOf(network, type, key).script, script))
        return { path: `m/${path.join('/')}`, type, branch: path[1] ?? 0, publicKey: key };
    }
    return undefined;
  };
}

/** @throws {CustodyError} `payload_undecodable`, `payload_refused` */
export function parsePsbt(text: string, network: BitcoinNetwork, wallet: WalletKey): Psbt {
  const transaction = reading('The PSBT cannot be decoded', () =>
    Transaction.fromPSBT(base64.decode(text), {
      allowUnknownInputs: true,
      allowUnknownOutputs: true,
      allowLegacyWitnessUtxo: true,
      unknown: 'ignore',
    }),
  );
  if (transaction.opts.PSBTVersion === 2) throw refused('PSBT version 2 is not supported; version 0 is');
  const { inputsLength, outputsLength } = transaction;
  if (inputsLength > maxInputs || outputsLength > maxOutputs)
    throw refused(`A PSBT has at most ${maxInputs} inputs and ${maxOutputs} outputs`);
  if (inputsLength === 0 || outputsLength === 0) throw undecodable('The PSBT has no inputs or no outputs');
  const recognise = recogniser(network, wallet);
  const inputs = Array.from({ length: inputsLength }, (_, i) => readInput(transaction, i, recognise));
  const outputs = Array.from({ length: outputsLength }, (_, i) => readOutput(transaction, i, recognise));
  if (new Set(inputs.map(({ txid, index }) => `${txid}:${index}`)).size !== inputsLength)
    throw undecodable('The PSBT spends an output twice');
  const sum = (list: readonly { readonly amount: bigint }[]): bigint => {
    const total = list.reduce((n, { amount }) => n + amount, 0n);
    if (list.some(({ amount }) => amount < 0n || amount > maxAmount) || total > maxAmount)
      throw undecodable('The PSBT moves more coins than there are');
    return total;
  };
  const fee = sum(inputs) - sum(outputs);
  if (fee < 0n) throw undecodable('The outputs are worth more than the inputs');
  checkPrevious(transaction, inputs);
  const signings = findSignings(transaction, inputs);
  return { transaction, inputs, outputs, signings, fee };
}

function readInput(
  transaction: Transaction,
  i: number,
  recognise: (script: Bytes, fields: DerivationFields) => OwnKey | undefined,
): PsbtInput {
  const input = transaction.getInput(i);
  const { txid, index, nonWitnessUtxo, witnessUtxo } = input;
  if (txid === undefined || index === undefined) throw undecodable('An input names no output to spend');
  // The library has checked the previous transaction against the txid and the witness UTXO against it.
  const previous = nonWitnessUtxo === undefined ? witnessUtxo : nonWitnessUtxo.outputs[index];
  if (previous === undefined)
    throw refused('The amount of an input is not known: every input needs its previous output');
  const { amount, script } = previous;
  return { txid: toHex(txid), index, amount, script, own: recognise(script, input) };
}

function readOutput(
  transaction: Transaction,
  i: number,
  recognise: (script: Bytes, fields: DerivationFields) => OwnKey | undefined,
): PsbtOutput {
  const output = transaction.getOutput(i);
  const { script, amount } = output;
  if (script === undefined || amount === undefined) throw undecodable('An output has no script or no amount');
  return { script, amount, own: recognise(script, output) };
}

/**
 * A version 0 witness commits to the amount of its own input only: with false amounts elsewhere, the fee
 * shown would not be the fee paid. So every input then needs its whole previous transaction. Taproot
 * signatures commit to all amounts and scripts: if one is false, the signature is worth nothing.
 */
function checkPrevious(transaction: Transaction, inputs: readonly PsbtInput[]): void {
  if (!inputs.some(({ own }) => own?.type === 'p2wpkh')) return;
  for (const i of inputs.keys())
    if (transaction.getInput(i).nonWitnessUtxo === undefined)
      throw refused('Every input needs its previous transaction (non_witness_utxo)');
}

function findSignings(transaction: Transaction, inputs: readonly PsbtInput[]): readonly Signing[] {
  const signings: Signing[] = [];
  for (const [i, { own, script, amount }] of inputs.entries()) {
    if (own === undefined) continue;
    const { sighashType, partialSig, tapKeySig, tapMerkleRoot, tapLeafScript, ...rest } =
      transaction.getInput(i);
    if (partialSig ?? tapKeySig ?? rest.finalScriptSig ?? rest.finalScriptWitness)
      throw refused('An input of this wallet is signed already');
    const taproot = own.type === 'p2tr';
    const sighash = sighashType ?? (taproot ? 0 : 1);
    if (sighash !== 1 && !(taproot && sighash === 0))
      throw refused('Only SIGHASH_ALL, and SIGHASH_DEFAULT for Taproot, are signed');
    if (tapMerkleRoot ?? tapLeafScript) throw refused('Only the key path without a script tree is signed');
    const digest = taproot
      ? transaction.preimageWitnessV1(
          i,
          inputs.map((input) => input.script),
          sighash,
          inputs.map((input) => input.amount),
        )
      : transaction.preimageWitnessV0(i, pkh(own.publicKey), sighash, amount);
    if (!taproot && !equalBytes(script.slice(2), hash160(own.publicKey)))
      throw undecodable('An input is not P2WPKH');
    signings.push({ input: i, key: own, sighash, digest });
  }
  if (signings.length === 0) throw refused('No input of this PSBT belongs to the wallet');
  if (signings.length > maxOwnInputs) throw refused(`At most ${maxOwnInputs} inputs are signed at once`);
  return signings;
}

/** The script code of P2WPKH (BIP-143): DUP HASH160 <hash> EQUALVERIFY CHECKSIG. */
const pkh = (publicKey: Bytes): Bytes => concat(fromHex('76a914'), hash160(publicKey), fromHex('88ac'));
