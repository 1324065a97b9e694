/**
 * What a node signs in one protocol session, built from its own records: both nodes run this, and if they
 * do not come to the same, the protocol's first check ends the session.
 * @module
 */
import { type Bytes, equalBytes, u32be } from '#shared/bytes.ts';
import type { ToSign } from '#shared/chains/payload.ts';
import { CustodyError } from '#shared/errors.ts';
import { sessionIdOf } from '#shared/intent/authorisation.ts';
import type { KeyType } from '#shared/mpc/context.ts';
import { hash } from '#shared/mpc/hash.ts';
import { requireAlgorithm } from '#shared/mpc/path.ts';
import { selfTestAuthorisation, selfTestDigest, selfTestPath } from '#shared/mpc/self-test.ts';
import { decodeShareBlob, type KeyShares } from '#shared/mpc/share-blob.ts';
import type { Bip340Request } from '#shared/mpc/sign-bip340.ts';
import type { EcdsaRequest } from '#shared/mpc/sign-ecdsa-messages.ts';
import type { EddsaRequest } from '#shared/mpc/sign-eddsa.ts';
import { tags } from '#shared/mpc/tags.ts';
import { ed25519At, secp256k1At } from './keys-of.ts';
import type { Node } from './node.ts';
import type { AccountKeys, ActiveKey } from './stores/ledger.ts';

/** One signature to make. */
export interface Job extends ToSign {
  /** Id of the protocol session, 16 bytes: single use. */
  readonly session: Bytes;
  /** Hash of the canonical request, 32 bytes: in every hash of the session. */
  readonly reqHash: Bytes;
}

export const keyTypeOf = ({ algorithm }: Pick<Job, 'algorithm'>): KeyType =>
  algorithm === 'eddsa' ? 'ed25519' : 'secp256k1';

/** @param authorisation digest of the actor's authorisation, 32 bytes */
export const jobOf = (toSign: ToSign, authorisation: Bytes, index: number): Job => ({
  ...toSign,
  session: sessionIdOf(authorisation, index),
  reqHash: hash(tags.signRequest, authorisation, u32be(index)),
});

export const selfTestJob = ({ sid }: AccountKeys, keyType: KeyType, attempt: number): Job =>
  jobOf(
    {
      path: selfTestPath(keyType),
      algorithm: keyType === 'secp256k1' ? 'ecdsa' : 'eddsa',
      bytes: selfTestDigest(sid, keyType),
    },
    selfTestAuthorisation(sid, keyType, attempt),
    0,
  );

export function ecdsaRequest(account: AccountKeys, job: Omit<Job, 'session'>): EcdsaRequest {
  requireAlgorithm(job.path, 'ecdsa');
  return { ...secp256k1At(account, job.path), digest: job.bytes, reqHash: job.reqHash };
}

export const bip340Request = (account: AccountKeys, job: Job): Bip340Request => ({
  ...secp256k1At(account, job.path),
  merkleRoot: job.merkleRoot ?? new Uint8Array(),
  digest: job.bytes,
  reqHash: job.reqHash,
});

export const eddsaRequest = (account: AccountKeys, job: Job): EddsaRequest => ({
  ...ed25519At(account, job.path),
  message: job.bytes,
  reqHash: job.reqHash,
});

/** Where the shares of a key are, and which key generation they are of. */
export type SharePlace = Pick<ActiveKey, 'key' | 'epoch' | 'attempt'> & {
  readonly account: Pick<AccountKeys, 'ctx' | 'sid'>;
};

/**
 * This node's shares of an active key, of these types: one KMS call. The caller wipes them with {@link wipeShares}.
 * @throws {CustodyError} `share_unreadable`
 */
export async function openShares(
  node: Node,
  { key, epoch, attempt, account }: SharePlace,
  keyTypes: readonly KeyType[],
): Promise<KeyShares> {
  const blob = await node.shares.open({ key, epoch, attempt, ctx: account.ctx });
  try {
    const shares = decodeShareBlob(node.node === 'node1' ? 1 : 2, blob, keyTypes);
    // An item moved here from another attempt at the same key opens, and is not this key.
    for (const share of [shares.secp256k1, shares.ed25519])
      if (share !== undefined && !equalBytes(share.sid, account.sid))
        throw new CustodyError('share_unreadable', 'the share is of another key generation');
    return shares;
  } finally {
    blob.fill(0);
  }
}

export function wipeShares({ secp256k1, ed25519 }: KeyShares): void {
  for (const secret of [
    secp256k1?.x,
    secp256k1?.K,
    secp256k1?.delta,
    secp256k1?.Kd,
    secp256k1?.zseed,
    secp256k1?.hedgeSeed,
    ed25519?.x,
    ed25519?.hedgeSeed,
  ])
    secret?.fill(0);
}

/** @throws {CustodyError} `key_type_missing` */
export function shareFor<T extends KeyType>(shares: KeyShares, keyType: T): NonNullable<KeyShares[T]> {
  const share = shares[keyType];
  if (share === undefined) throw new CustodyError('key_type_missing', `the wallet set has no ${keyType} key`);
  return share;
}

/** Strongly consistent: is the key still active? Asked after every check that could have locked it. */
export async function isActive(
  node: Node,
  { key, epoch }: Pick<ActiveKey, 'key' | 'epoch'>,
): Promise<boolean> {
  return (await node.ledger.read(key, epoch))?.state === 'ACTIVE';
}
