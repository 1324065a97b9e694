/**
 * The keys of the local key service: one private file, whole or absent. **In software, on disk**: this is a
 * stand-in for KMS on a laptop, not an HSM.
 * @module
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
} from 'node:crypto';
import { readIfThere, writeWhole } from './files.ts';

export type KeySpec = 'SYMMETRIC_DEFAULT' | 'ECC_NIST_P256';
export type KeyUsage = 'ENCRYPT_DECRYPT' | 'SIGN_VERIFY' | 'KEY_AGREEMENT';

interface StoredKey {
  readonly spec: KeySpec;
  readonly usage: KeyUsage;
  /** base64: 32 bytes, or PKCS #8. */
  readonly material: string;
  readonly createdMs: number;
}

interface KeyFile {
  readonly keys: Record<string, StoredKey>;
  /** Alias with its prefix `alias/` to key id. */
  readonly aliases: Record<string, string>;
}

export interface LocalKey {
  readonly id: string;
  readonly arn: string;
  readonly spec: KeySpec;
  readonly usage: KeyUsage;
  readonly createdMs: number;
  /** Symmetric keys: 32 bytes. */
  readonly secret: Uint8Array;
  /** P-256 keys. */
  readonly privateKey: KeyObject | undefined;
  readonly publicKey: KeyObject | undefined;
}

export interface KeyStore {
  create(spec: KeySpec, usage: KeyUsage): LocalKey;
  alias(name: string, id: string): void;
  /** By id, ARN, alias or ARN of an alias. */
  find(name: string): LocalKey | undefined;
}

const region = 'us-east-1';

/** The keys in `path`, or new ones; every change is on disk before it is answered. */
export function openKeyStore(path: string, account: string): KeyStore {
  const text = readIfThere(path);
  const file: KeyFile = text === undefined ? { keys: {}, aliases: {} } : (JSON.parse(text) as KeyFile);
  const save = () => writeWhole(path, JSON.stringify(file));
  const opened = new Map<string, LocalKey>();

  function open(id: string): LocalKey | undefined {
    const known = opened.get(id);
    const stored = Object.hasOwn(file.keys, id) ? file.keys[id] : undefined;
    if (known || !stored) return known;
    const material = Buffer.from(stored.material, 'base64');
    const isEc = stored.spec === 'ECC_NIST_P256';
    const privateKey = isEc ? createPrivateKey({ key: material, format: 'der', type: 'pkcs8' }) : undefined;
    const key: LocalKey = {
      id,
      arn: `arn:aws:kms:${region}:${account}:key/${id}`,
      spec: stored.spec,
      usage: stored.usage,
      createdMs: stored.createdMs,
      secret: isEc ? new Uint8Array() : new Uint8Array(material),
      privateKey,
      publicKey: privateKey && createPublicKey(privateKey),
    };
    opened.set(id, key);
    return key;
  }

  return {
    create(spec, usage) {
      const id = randomUUID();
      file.keys[id] = { spec, usage, material: newMaterial(spec), createdMs: Date.now() };
      save();
      return open(id) as LocalKey; // it was stored two lines above
    },
    alias(name, id) {
      file.aliases[name] = id;
      save();
    },
    find(name) {
      const tail = name.startsWith('arn:') ? (name.split(':')[5] ?? '') : name;
      if (tail.startsWith('alias/')) {
        const id = Object.hasOwn(file.aliases, tail) ? file.aliases[tail] : undefined;
        return id === undefined ? undefined : open(id);
      }
      return open(tail.replace(/^key\//, ''));
    },
  };
}

function newMaterial(spec: KeySpec): string {
  if (spec === 'SYMMETRIC_DEFAULT') return randomBytes(32).toString('base64');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
}
