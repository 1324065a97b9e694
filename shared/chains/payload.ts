/**
 * From what is asked to what is signed, and from signatures to what is sent. Both nodes and the client run
 * this same code; what it cannot read is refused.
 * @module
 */
import { CustodyError } from '../errors.ts';
import { bitcoin } from './bitcoin.ts';
import { addressOf, chainInfo, type Family, walletPath } from './chains.ts';
import { evm } from './evm.ts';
import {
  type ChainFamily,
  type Decoded,
  payloadDigest,
  reading,
  type Signature,
  type Signed,
  type SignKind,
  type SignPayload,
  signKinds,
  type WalletKey,
} from './intent.ts';
import { near } from './near.ts';
import { solana } from './solana.ts';

const families: Readonly<Record<Family, ChainFamily>> = { evm, bitcoin, solana, near };

const familyOf = (payload: SignPayload): ChainFamily => families[chainInfo(payload.blockchain).family];

/** The members of which exactly one is present. */
const members: Readonly<Record<SignKind, readonly (keyof SignPayload)[]>> = {
  message: ['message', 'messageHex', 'nep413'],
  typed_data: ['typedData'],
  transaction: ['transaction'],
  psbt: ['psbt'],
  raw_digest: ['digest'],
};

/** Characters of JSON and levels of nesting that a payload may have. A PSBT carries whole transactions. */
const maxLength = { psbt: 4 * 1024 * 1024, other: 512 * 1024 };
const maxDepth = 32;

const invalid = (message: string): CustodyError => new CustodyError('request_invalid', message);

/** Plain JSON within limits: what canonical JSON and the decoders may walk through without harm. */
function checkJson(value: unknown, depth: number, budget: { left: number }): void {
  if (depth > maxDepth) throw invalid('The payload is nested too deeply');
  budget.left -= typeof value === 'string' ? value.length + 2 : 1;
  if (budget.left < 0) throw invalid('The payload is too large');
  if (value === null || typeof value === 'boolean') return;
  if (typeof value === 'string') {
    if (/[\ud800-\udfff]/u.test(value)) throw invalid('The payload holds text that is not Unicode');
    return;
  }
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (Array.isArray(value)) {
    for (const item of value) checkJson(item, depth + 1, budget);
    return;
  }
  if (typeof value !== 'object') throw invalid('The payload is not JSON');
  if (Object.prototype.toString.call(value) !== '[object Object]') throw invalid('The payload is not JSON');
  for (const [name, item] of Object.entries(value)) {
    checkJson(name, depth, budget);
    // An optional member that is present and undefined is not there for JSON.
    if (item !== undefined) checkJson(item, depth + 1, budget);
  }
}

/** The payload without its undefined members. @throws {CustodyError} */
function checkShape(input: SignPayload): SignPayload {
  if (typeof input !== 'object' || input === null) throw invalid('The payload is not an object');
  const { kind } = input;
  if (!signKinds.includes(kind)) throw new CustodyError('kind_unsupported', 'No such kind of signature');
  checkJson(input, 0, { left: kind === 'psbt' ? maxLength.psbt : maxLength.other });
  const present = Object.entries(input).filter(([, value]) => value !== undefined);
  const rest = present.map(([name]) => name).filter((name) => name !== 'kind' && name !== 'blockchain');
  const [member] = rest;
  if (rest.length !== 1 || !members[kind].some((name) => name === member))
    throw invalid(`A payload of kind ${kind} has exactly one of: ${members[kind].join(', ')}`);
  const value: unknown = present.find(([name]) => name === member)?.[1];
  const structured = member === 'typedData' || member === 'nep413';
  if (structured ? typeof value !== 'object' || value === null : typeof value !== 'string')
    throw invalid(`${member} is not ${structured ? 'an object' : 'a string'}`);
  return Object.fromEntries(present) as unknown as SignPayload;
}

/** The last component of a path. */
const indexOf = (path: string): number => Number(/\/([0-9]{1,10})$/.exec(path)?.[1] ?? -1);

/**
 * What the payload does, and what the wallet's key is to sign for it.
 * @throws {CustodyError} `payload_undecodable`, `payload_refused`, `chain_id_mismatch`, `kind_unsupported`,
 * `blockchain_unsupported`, `raw_digest_disabled`, `request_invalid` (the shape of the payload)
 */
export function decodePayload(
  input: SignPayload,
  wallet: WalletKey,
  options: { readonly allowRawDigest?: boolean } = {},
): Decoded {
  const payload = checkShape(input);
  const { family } = chainInfo(payload.blockchain);
  if (payload.blockchain !== wallet.blockchain)
    throw new CustodyError(
      'chain_id_mismatch',
      `The wallet is on ${wallet.blockchain}, not on ${payload.blockchain}`,
    );
  if (walletPath(wallet.blockchain, wallet.addressType, indexOf(wallet.path)) !== wallet.path)
    throw invalid('The path of the wallet is not one of its blockchain and address type');
  if (addressOf(wallet.blockchain, wallet.addressType, wallet.publicKey) !== wallet.address)
    throw invalid('The address of the wallet is not the address of its key');
  if (
    payload.kind === 'raw_digest' &&
    (family === 'evm' || family === 'bitcoin') &&
    options.allowRawDigest !== true
  )
    throw new CustodyError('raw_digest_disabled', 'Raw digests are off for this credential');
  const decoded = reading('The payload cannot be decoded', () => familyOf(payload).decode(payload, wallet));
  return { ...decoded, payloadDigest: payloadDigest(payload) };
}

/**
 * @param signatures one for each member of `decoded.toSign`, in order.
 * @throws {CustodyError} `internal` if a signature does not verify: nothing is built from it.
 */
export const assemble = (
  payload: SignPayload,
  wallet: WalletKey,
  decoded: Decoded,
  signatures: readonly Signature[],
): Signed => familyOf(payload).assemble(payload, wallet, decoded, signatures);

/**
 * Does the result hold a signature of this wallet for exactly this payload? For whoever did not make it: give
 * it the payload that was asked for and what `decodePayload` made of it here, not what came back.
 */
export function verifySigned(
  payload: SignPayload,
  wallet: WalletKey,
  decoded: Decoded,
  result: Signed,
): boolean {
  try {
    return familyOf(payload).verify(payload, wallet, decoded, result);
  } catch {
    return false;
  }
}

export type {
  Decoded,
  EcdsaSignature,
  Effect,
  Intent,
  Signature,
  Signed,
  SignKind,
  SignPayload,
  ToSign,
  WalletKey,
} from './intent.ts';
