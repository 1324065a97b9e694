/**
 * The Ed25519 keys of a node's logs and of its witness: made once, sealed at rest, attested by the node's
 * identity, kept open in memory by the program that signs with them.
 * @module
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { NoteSigner } from '#shared/audit/note.ts';
import { type AuditKey, openAuditKey } from '#shared/audit/statements.ts';
import { type Bytes, concat, toBase64url } from '#shared/bytes.ts';
import type { Attested } from '#shared/crypto/attestation.ts';
import type { NodeIdentity } from '../channel/identity.ts';
import type { Clock, Item, Random, Table } from '../ports.ts';
import { keepBounded } from './bounded.ts';
import type { KeySealer } from './ports.ts';

export interface KeyPorts {
  readonly table: Table;
  readonly sealer: KeySealer;
  readonly identity: NodeIdentity;
  /** Of this node, DER SubjectPublicKeyInfo. */
  readonly spki: () => Promise<Bytes>;
  readonly clock: Clock;
  readonly random: Random;
}

export interface HeldKey {
  readonly signer: NoteSigner;
  /** The identity's word that the key is the node's. */
  readonly attested: Attested<AuditKey>;
}

export interface AuditKeys {
  /** The key of this use and name; made if there is none. */
  key(use: AuditKey['use'], name: string): Promise<HeldKey>;
}

/** RFC 8410: a PKCS #8 Ed25519 private key is this and the 32-byte seed. */
const pkcs8Prefix = Uint8Array.from([48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32]);

function privateKeyOf(seed: Bytes): KeyObject {
  const der = concat(pkcs8Prefix, seed);
  try {
    return createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
  }
}

const publicKeyOf = (key: KeyObject): Bytes =>
  new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32));

/** Id of the item of a key. */
export const keyItem = (use: AuditKey['use'], name: string): string => `${name}/key/${use}`;

export function auditKeys(ports: KeyPorts): AuditKeys {
  const held = new Map<string, Promise<HeldKey>>();
  return {
    key(use, name) {
      const id = keyItem(use, name);
      const known = held.get(id);
      if (known !== undefined) return known;
      const opening = openOrMake(ports, id, use, name);
      keepBounded(held, id, opening);
      opening.catch(() => held.delete(id));
      return opening;
    },
  };
}

async function openOrMake(ports: KeyPorts, id: string, use: AuditKey['use'], name: string): Promise<HeldKey> {
  const stored = await ports.table.get({ id });
  if (stored !== undefined) return open(ports, stored, use, name);
  const made = await make(ports, id, use, name);
  // Of several that make one at a time, the first counts for all.
  if (!(await ports.table.put(made, [[['id', 'absent']]]))) {
    const first = await ports.table.get({ id });
    if (first !== undefined) return open(ports, first, use, name);
  }
  return open(ports, made, use, name);
}

async function make(ports: KeyPorts, id: string, use: AuditKey['use'], name: string): Promise<Item> {
  const { sealer, identity, clock, random } = ports;
  const seed = random(32);
  try {
    const { wrapped, sealed } = await sealer.seal(id, seed);
    const voice = await identity.voice();
    const attested = voice.attest<AuditKey>({
      type: 'planbok/audit-key/v1',
      node: identity.node,
      issued: String(clock()),
      use,
      name,
      publicKey: toBase64url(publicKeyOf(privateKeyOf(seed))),
    });
    return { id, wrapped, sealed, attested: JSON.stringify(attested) };
  } finally {
    seed.fill(0);
  }
}

async function open(ports: KeyPorts, item: Item, use: AuditKey['use'], name: string): Promise<HeldKey> {
  const { sealer, identity, spki } = ports;
  const { wrapped, sealed } = item as Record<string, Bytes>;
  const attested = JSON.parse(item['attested'] as string) as Attested<AuditKey>;
  const { publicKey } = openAuditKey(attested, { node: identity.node, use, name }, await spki());
  const seed = await sealer.open(item['id'] as string, {
    wrapped: wrapped as Bytes,
    sealed: sealed as Bytes,
  });
  try {
    const key = privateKeyOf(seed);
    if (toBase64url(publicKeyOf(key)) !== toBase64url(publicKey)) throw new Error('another key was attested');
    return {
      signer: { name, publicKey, sign: (message) => new Uint8Array(sign(null, message, key)) },
      attested,
    };
  } finally {
    seed.fill(0);
  }
}
