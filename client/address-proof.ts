/**
 * Address proofs, checked offline: with the pinned identities of both nodes and nothing else. What is checked
 * here is what a signature is later checked against.
 * @module
 */
import { type Bytes, fromBase64url, fromHex, toHex } from '../shared/bytes.ts';
import {
  type AddressType,
  addressOf,
  type Blockchain,
  chainInfo,
  walletPath,
} from '../shared/chains/chains.ts';
import type { WalletKey } from '../shared/chains/payload.ts';
import { type Attested, type NodeName, openAttested } from '../shared/crypto/attestation.ts';
import { pointOfSpki } from '../shared/crypto/spki.ts';
import type { AddressProof } from '../shared/wire/resources.ts';
import type { Answer } from '../shared/wire/routes.ts';
import { derivePublicKey } from './derive.ts';
import { PlanbokError } from './errors.ts';

/** base64url of each node's P-256 SubjectPublicKeyInfo, 91 bytes. */
export interface Identities {
  readonly node1: string;
  readonly node2: string;
}

/** What is expected of a proof, as far as it is known beforehand. */
export interface Expected {
  readonly organization: string;
  readonly wallet: string;
  readonly walletSet?: string | undefined;
  readonly blockchain?: string | undefined;
  readonly addressType?: AddressType | undefined;
  readonly address?: string | undefined;
  readonly path?: string | undefined;
  readonly publicKey?: string | undefined;
}

/** An address that both nodes stand for. */
export interface ProvenAddress {
  readonly wallet: string;
  readonly walletSet: string;
  readonly blockchain: Blockchain;
  readonly address: string;
  readonly path: string;
  /** Hex. */
  readonly publicKey: string;
  /** When each node said so, epoch milliseconds. */
  readonly issuedMs: { readonly node1: number; readonly node2: number };
  /** What was checked, one sentence each. */
  readonly checks: readonly string[];
  /** For decoding and verifying what this wallet signs. */
  readonly key: WalletKey;
}

const wrong = (message: string, cause?: unknown): PlanbokError =>
  new PlanbokError('proof_invalid', message, cause === undefined ? {} : { cause });

/** @throws {Error} unless both are P-256 public keys, and two different ones */
export function identityKeys({ node1, node2 }: Identities): Readonly<Record<NodeName, Bytes>> {
  const keys = { node1: fromBase64url(node1), node2: fromBase64url(node2) };
  for (const key of Object.values(keys)) pointOfSpki(key);
  // One party with both names would hold both shares.
  if (node1 === node2) throw new Error('the two nodes have the same identity');
  return keys;
}

function open(proof: Attested<AddressProof>, node: NodeName, identity: Bytes): AddressProof {
  let document: AddressProof;
  try {
    document = openAttested(proof, node, identity);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'it does not parse';
    throw wrong(`the proof of ${node} does not hold: ${why}`, cause);
  }
  if (document.type !== 'planbok/address-proof/v1') throw wrong(`${node} signed something else`);
  return document;
}

/**
 * @throws {PlanbokError} `proof_invalid` unless both nodes, each with its own pinned identity, say the same
 * of the wallet, the key follows from the account key by the path, and the address from the key.
 */
export function checkAddressProofs(
  proofs: Answer<'getAddressProof'>,
  identities: Identities,
  expected: Expected,
): ProvenAddress {
  const pinned = identityKeys(identities);
  const first = open(proofs.node1 as Attested<AddressProof>, 'node1', pinned.node1);
  const second = open(proofs.node2 as Attested<AddressProof>, 'node2', pinned.node2);
  for (const name of Object.keys({ ...first, ...second }) as (keyof AddressProof)[])
    if (name !== 'node' && name !== 'issued' && first[name] !== second[name])
      throw wrong(`the nodes do not agree on ${name}`);
  for (const [name, value] of Object.entries(expected) as [keyof Expected, string | undefined][])
    if (value !== undefined && first[name] !== value) throw wrong(`${name} is ${first[name]}, not ${value}`);
  const key = keyOf(first);
  return {
    wallet: first.wallet,
    walletSet: first.walletSet,
    blockchain: key.blockchain,
    address: key.address,
    path: key.path,
    publicKey: first.publicKey,
    issuedMs: { node1: Number(first.issued), node2: Number(second.issued) },
    checks: [
      'Node 1 signed it, with a key that its pinned identity delegated to at that time',
      'Node 2 signed it, with a key that its pinned identity delegated to at that time',
      `both say the same of ${first.wallet} in ${first.organization}`,
      `the public key follows from the key of ${first.walletSet} by ${key.path}`,
      `the address is that of the public key on ${chainInfo(key.blockchain).name}`,
    ],
    key,
  };
}

/** The wallet's key as the decoders need it, with everything in it recomputed. */
function keyOf(document: AddressProof): WalletKey {
  const { path, address, addressType } = document;
  try {
    const info = chainInfo(document.blockchain);
    const blockchain = document.blockchain as Blockchain;
    const type = addressType === '' ? undefined : addressType;
    const account = fromHex(document.accountKey);
    const chainCode = fromHex(document.chainCode);
    const publicKey = fromHex(document.publicKey);
    const index = Number(path.split('/').at(-1));
    // The branch says which algorithm signs: a path of another branch is another chain's wallet.
    if (path !== walletPath(blockchain, type, index))
      throw new Error(`${path} is not a path of ${blockchain}`);
    if (toHex(derivePublicKey(info.curve, account, chainCode, path)) !== document.publicKey)
      throw new Error('the public key is not the one of this path');
    if (addressOf(blockchain, type, publicKey) !== address)
      throw new Error('the address is not that of the public key');
    return {
      blockchain,
      path,
      publicKey,
      address,
      ...(type && { addressType: type }),
      ...(info.family === 'bitcoin' && { accountXpub: { Q: account, cc: chainCode } }),
    };
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message : 'the proof does not parse', cause);
  }
}
