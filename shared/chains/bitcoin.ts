/**
 * Bitcoin: PSBTs for P2WPKH and the Taproot key path, and raw digests.
 * @module
 */
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { base64 } from '@scure/base';
import { Address, OutScript, Transaction } from '@scure/btc-signer';
import { taprootTweakPubkey } from '@scure/btc-signer/utils.js';
import type { Bytes } from '../bytes.ts';
import { concat, equalBytes, fromHex, toHex } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import { type Psbt, parsePsbt, type Signing } from './bitcoin-psbt.ts';
import { type BitcoinNetwork, networkOf } from './bitcoin-script.ts';
import { chainInfo, nativeAsset } from './chains.ts';
import { formatUnits } from './display.ts';
import { ecdsaVerifies, oneEcdsa, parseRsv, rsvHex } from './ecdsa-signature.ts';
import type { ChainFamily, Effect, Reading, Signature, Signed, SignPayload, WalletKey } from './intent.ts';
import { dataHash, isBytes } from './intent.ts';
import { readDigest } from './raw-digest.ts';
import { summarise } from './summary.ts';

/** BIP-86: the tweak of a key without a script tree. */
const noScripts = new Uint8Array();

function networkFor(payload: SignPayload): BitcoinNetwork {
  return chainInfo(payload.blockchain).network ?? 'bc';
}

/** The address, or for scripts that have none their hex. */
function destination(script: Bytes, network: BitcoinNetwork): string {
  try {
    return Address(networkOf(network)).encode(OutScript.decode(script));
  } catch {
    return `script:${toHex(script)}`;
  }
}

/** More than a quarter of what is spent, and more than 10,000 satoshi. */
const isAbsurd = ({ fee, inputs }: Psbt): boolean =>
  fee > 10_000n && fee * 4n > inputs.reduce((n, { amount }) => n + amount, 0n);

function psbtEffects(psbt: Psbt, network: BitcoinNetwork, asset: string): readonly Effect[] {
  const effects: Effect[] = [];
  const to = (script: Bytes): string => destination(script, network);
  for (const { script, amount, own } of psbt.outputs) {
    const change = own?.branch === 1;
    const details: Record<string, string> = own === undefined ? {} : { path: own.path };
    if (script[0] === 0x6a) Object.assign(details, { opReturn: dataHash(script) });
    effects.push({
      type: change ? 'change' : 'transfer',
      to: to(script),
      asset,
      amount: amount.toString(),
      ...(Object.keys(details).length > 0 ? { details } : {}),
    });
  }
  for (const { own, txid, index, amount, script } of psbt.inputs)
    effects.push({
      type: 'input',
      from: to(script),
      asset,
      amount: amount.toString(),
      details: {
        outpoint: `${txid}:${index}`,
        ...(own === undefined ? { foreign: 'yes' } : { path: own.path }),
      },
    });
  const { lockTime } = psbt.transaction;
  effects.push({
    type: 'fee',
    asset,
    amount: psbt.fee.toString(),
    ...(lockTime === 0 ? {} : { details: { lockTime: String(lockTime) } }),
  });
  if (isAbsurd(psbt))
    effects.push({ type: 'warning', details: { reason: 'The fee is more than a quarter of what is spent' } });
  if (psbt.inputs.some(({ own }) => own === undefined))
    effects.push({ type: 'warning', details: { reason: 'Others spend in this transaction too' } });
  return effects;
}

function readPsbt(payload: SignPayload, wallet: WalletKey): Reading {
  const { kind, blockchain } = payload;
  const chain = chainInfo(blockchain);
  const psbt = parsePsbt(payload.psbt ?? '', networkFor(payload), wallet);
  const effects = psbtEffects(psbt, networkFor(payload), nativeAsset(chain));
  const btc = (n: bigint): string => `${formatUnits(n, 8)} BTC`;
  const acts = summarise(effects, ({ to = '', amount = '0' }) => `Send ${btc(BigInt(amount))} to ${to}`);
  const kept = psbt.outputs.reduce((n, { own, amount }) => (own?.branch === 1 ? n + amount : n), 0n);
  const absurd = isAbsurd(psbt) ? ' (very high)' : '';
  const summary = `${acts || 'Keep everything'} on ${chain.name}, change ${btc(kept)}, for a fee of ${btc(psbt.fee)}${absurd}`;
  return {
    intent: { kind, blockchain, summary, effects },
    toSign: psbt.signings.map(({ key, digest }) =>
      key.type === 'p2tr'
        ? { path: key.path, algorithm: 'bip340', bytes: digest, merkleRoot: noScripts }
        : { path: key.path, algorithm: 'ecdsa', bytes: digest },
    ),
  };
}

function schnorrVerifies(signature: Bytes, { key, digest }: Signing): boolean {
  try {
    const [outputKey] = taprootTweakPubkey(key.publicKey.slice(1), noScripts);
    return signature.length === 64 && schnorr.verify(signature, digest, outputKey);
  } catch {
    return false;
  }
}

/** The signature as scripts want it: DER or 64 bytes, and the sighash byte unless DEFAULT. */
function scriptSignature(signing: Signing, signature: Signature | undefined): Bytes {
  const suffix = signing.sighash === 0 ? noScripts : Uint8Array.of(signing.sighash);
  if (signing.key.type === 'p2tr') {
    if (isBytes(signature) && schnorrVerifies(signature, signing)) return concat(signature, suffix);
  } else if (signature !== undefined && !isBytes(signature)) {
    if (ecdsaVerifies(signature, signing.digest, signing.key.publicKey)) {
      const compact = secp256k1.Signature.fromBytes(concat(signature.r, signature.s), 'compact');
      return concat(compact.toBytes('der'), suffix);
    }
  }
  throw new CustodyError('internal', 'The signature does not verify');
}

function assemblePsbt(payload: SignPayload, wallet: WalletKey, signatures: readonly Signature[]): Signed {
  const { transaction, signings, inputs } = parsePsbt(payload.psbt ?? '', networkFor(payload), wallet);
  if (signatures.length !== signings.length)
    throw new CustodyError('internal', 'Not one signature for each input');
  for (const [n, signing] of signings.entries()) {
    const bytes = scriptSignature(signing, signatures[n]);
    const { input, key } = signing;
    const field =
      key.type === 'p2tr' ? { tapKeySig: bytes } : { partialSig: [[key.publicKey, bytes] as [Bytes, Bytes]] };
    transaction.updateInput(input, field, true);
  }
  const signature = base64.encode(transaction.toPSBT(0));
  const final = Transaction.fromPSBT(transaction.toPSBT(0), {
    allowUnknownInputs: true,
    allowUnknownOutputs: true,
    allowLegacyWitnessUtxo: true,
  });
  for (const [i, { own }] of inputs.entries()) {
    const { finalScriptWitness, finalScriptSig } = final.getInput(i);
    if (finalScriptWitness !== undefined || finalScriptSig !== undefined) continue;
    try {
      final.finalizeIdx(i);
    } catch (cause) {
      // Somebody else's input that is not signed yet: the PSBT goes on to them.
      if (own === undefined) return { signature };
      throw new CustodyError('internal', 'A signed input cannot be finalised', { cause });
    }
  }
  return { signature, signedTransaction: toHex(final.extract()), transactionId: final.id };
}

/** The script signature that the result carries for one of our inputs. */
function foundSignature(signed: Transaction, { input, key }: Signing, complete: boolean): Bytes | undefined {
  const fields = signed.getInput(input);
  if (complete) {
    const [bytes, publicKey, ...rest] = fields.finalScriptWitness ?? [];
    const expected =
      key.type === 'p2tr'
        ? publicKey === undefined
        : publicKey !== undefined && equalBytes(publicKey, key.publicKey);
    return expected && rest.length === 0 ? bytes : undefined;
  }
  if (key.type === 'p2tr') return fields.tapKeySig;
  return fields.partialSig?.find(([publicKey]) => equalBytes(publicKey, key.publicKey))?.[1];
}

function signatureHolds(signing: Signing, bytes: Bytes | undefined): boolean {
  if (bytes === undefined) return false;
  const { key, sighash, digest } = signing;
  if (sighash !== 0 && bytes[bytes.length - 1] !== sighash) return false;
  const body = sighash === 0 ? bytes : bytes.slice(0, -1);
  if (key.type === 'p2tr') return schnorrVerifies(body, signing);
  const compact = secp256k1.Signature.fromBytes(body, 'der').toBytes('compact');
  return secp256k1.verify(compact, digest, key.publicKey, { prehash: false, lowS: true });
}

function verifyPsbt(payload: SignPayload, wallet: WalletKey, result: Signed): boolean {
  const options = { allowUnknownInputs: true, allowUnknownOutputs: true, allowLegacyWitnessUtxo: true };
  const { transaction, signings } = parsePsbt(payload.psbt ?? '', networkFor(payload), wallet);
  const same = (signed: Transaction, complete: boolean): boolean =>
    equalBytes(signed.unsignedTx, transaction.unsignedTx) &&
    signings.every((signing) => signatureHolds(signing, foundSignature(signed, signing, complete)));
  if (!same(Transaction.fromPSBT(base64.decode(result.signature), options), false)) return false;
  if (result.signedTransaction === undefined) return result.transactionId === undefined;
  const complete = Transaction.fromRaw(fromHex(result.signedTransaction), options);
  return same(complete, true) && complete.id === result.transactionId;
}

export const bitcoin: ChainFamily = {
  decode(payload, wallet) {
    switch (payload.kind) {
      case 'psbt':
        return readPsbt(payload, wallet);
      case 'raw_digest':
        return readDigest(payload, wallet);
      case 'message':
        throw new CustodyError('kind_unsupported', 'Bitcoin messages (BIP-322) are not supported yet');
      case 'transaction':
        throw new CustodyError(
          'kind_unsupported',
          'A Bitcoin transaction is signed as a PSBT, which proves its amounts',
        );
      case 'typed_data':
        throw new CustodyError('kind_unsupported', 'Typed data exist on EVM blockchains only');
    }
  },
  assemble(payload, wallet, decoded, signatures) {
    if (payload.kind === 'psbt') return assemblePsbt(payload, wallet, signatures);
    const digest = decoded.toSign[0]?.bytes ?? noScripts;
    return { signature: rsvHex(oneEcdsa(signatures, digest, wallet.publicKey)) };
  },
  verify(payload, wallet, decoded, result) {
    if (payload.kind === 'psbt') return verifyPsbt(payload, wallet, result);
    const signature = parseRsv(result.signature);
    const digest = decoded.toSign[0]?.bytes;
    return (
      signature !== undefined && digest !== undefined && ecdsaVerifies(signature, digest, wallet.publicKey)
    );
  },
};
