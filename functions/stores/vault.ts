/**
 * Envelope encryption: AES-256-GCM under a data key of KMS, made for one ciphertext. The header is
 * authenticated by the cipher, the context by KMS: what is moved to another key, node, purpose or epoch does
 * not open.
 * @module
 */
import type { Bytes } from '#shared/bytes.ts';
import type { NodeName } from '#shared/crypto/attestation.ts';
import type { DataKeys, EncryptionContext, Random } from '../ports.ts';
import { decrypt, encrypt } from './gcm.ts';

/** What a ciphertext is for. */
export interface Purpose {
  readonly purpose: 'share' | 'dkg' | 'hedge' | 'audit' | 'webhook' | 'token' | 'pin';
  readonly key: string;
  readonly epoch: number;
}

export interface Sealed {
  /** The data key, wrapped by KMS. */
  readonly wrapped: Bytes;
  /** `nonce 12 ‖ ciphertext ‖ tag 16`. */
  readonly sealed: Bytes;
}

export interface Vault {
  /** 32 bytes of KMS's own randomness. One KMS call. */
  freshKey(purpose: Purpose): Promise<Bytes>;
  /** One KMS call. The caller still owns `plaintext` and wipes it. */
  seal(purpose: Purpose, header: Bytes, plaintext: Bytes): Promise<Sealed>;
  /** One KMS call. The caller wipes the result. @throws {CustodyError} `share_unreadable` */
  open(purpose: Purpose, header: Bytes, sealed: Sealed): Promise<Bytes>;
}

export interface VaultPorts {
  readonly keys: DataKeys;
  readonly random: Random;
  readonly node: NodeName;
}

export function vaultOf({ keys, random, node }: VaultPorts): Vault {
  const contextOf = ({ purpose, key, epoch }: Purpose): EncryptionContext => ({
    'planbok:app': 'planbok',
    'planbok:node': node,
    'planbok:purpose': purpose,
    'planbok:key': key,
    'planbok:epoch': String(epoch),
  });
  return {
    async freshKey(purpose) {
      return (await keys.generateDataKey(contextOf(purpose))).key;
    },
    async seal(purpose, header, plaintext) {
      const { key, wrapped } = await keys.generateDataKey(contextOf(purpose));
      try {
        return { wrapped, sealed: encrypt(key, header, plaintext, random(12)) };
      } finally {
        key.fill(0);
      }
    },
    async open(purpose, header, { wrapped, sealed }) {
      const key = await keys.decryptDataKey(wrapped, contextOf(purpose));
      try {
        return decrypt(key, header, sealed);
      } finally {
        key.fill(0);
      }
    },
  };
}
