/**
 * What every protocol run of a key is bound to: version, suite, whose key, which epoch, which two nodes
 * (`docs/protocol.md` 1). Its hash stands in the first commitment of key generation, hence in the session id
 * and in everything derived from it.
 * @module
 */
import { type Bytes, u32be, utf8 } from '../bytes.ts';
import { hash } from './hash.ts';
import { tags } from './tags.ts';

export type KeyType = 'secp256k1' | 'ed25519';
export type KeyTypes = readonly KeyType[];

/** 1 is Node 1, the coordinator; 2 is Node 2, the co-signer. The role byte of every proof and hash. */
export type Role = 1 | 2;

/** Raised when a message or a formula changes: nodes of two versions then never get past a commitment. */
const protocolVersion = 1;

const suites = {
  secp256k1: 'secp256k1-ecdsa-dkls23',
  ed25519: 'ed25519-frost',
} as const satisfies Record<KeyType, string>;

/** In this order everywhere: in commitments, messages and confirmations. */
export const keyTypeOrder = ['secp256k1', 'ed25519'] as const satisfies readonly KeyType[];

/** The suite text of a run: one name, or both joined by `+` in {@link keyTypeOrder}. */
export function suiteOf(keyTypes: readonly KeyType[]): string {
  const known = keyTypeOrder.filter((t) => keyTypes.includes(t));
  if (known.length === 0 || known.length !== keyTypes.length) throw new RangeError('bad list of key types');
  return known.map((t) => suites[t]).join('+');
}

export interface ContextFields {
  readonly keyTypes: readonly KeyType[];
  readonly orgId: string;
  readonly walletSetId: string;
  readonly keyId: string;
  /** 1 after key generation, one more after each refresh. */
  readonly epoch: number;
  /** SHA-256 of the P-256 identity key (SPKI) of Node 1 and Node 2 at the time of key generation. */
  readonly identity1: Bytes;
  readonly identity2: Bytes;
}

export interface Context {
  /** 32 bytes: `ctx` of the protocol documents. */
  readonly digest: Bytes;
  readonly suite: string;
  readonly epoch: number;
}

/**
 * The context of one run. A refresh passes the current public keys as `more` fields.
 *
 * @throws {RangeError} on an empty id, an identity that is not 32 bytes, an epoch outside 1..2^32-1
 */
export function contextOf(fields: ContextFields, ...more: readonly Bytes[]): Context {
  const { orgId, walletSetId, keyId, epoch, identity1, identity2 } = fields;
  const suite = suiteOf(fields.keyTypes);
  if (!Number.isInteger(epoch) || epoch < 1 || epoch > 0xffffffff) throw new RangeError('bad epoch');
  if (identity1.length !== 32 || identity2.length !== 32) throw new RangeError('bad identity');
  if ([orgId, walletSetId, keyId].some((id) => id === '')) throw new RangeError('empty id');
  const digest = hash(
    tags.context,
    u32be(protocolVersion),
    utf8(suite),
    utf8(orgId),
    utf8(walletSetId),
    utf8(keyId),
    u32be(epoch),
    identity1,
    identity2,
    ...more,
  );
  return { digest, suite, epoch };
}
