/**
 * The node's keys in KMS: the share key (symmetric) and the identity key (ECC_NIST_P256); at Node 1 also the
 * token key (symmetric) and the encryption keys (ECC_NIST_P256, key agreement).
 * @module
 */
import {
  DecryptCommand,
  DeriveSharedSecretCommand,
  GenerateDataKeyCommand,
  GetPublicKeyCommand,
  KMSClient,
  SignCommand,
} from '@aws-sdk/client-kms';
import type { Bytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { DataKeys, EncryptionKey, KeyService } from '../ports.ts';
import type { AwsOptions } from './aws.ts';

/** Repeats are harmless here: no call changes anything in KMS. */
export const kmsClient = ({ timeoutMs, ...options }: AwsOptions): KMSClient =>
  new KMSClient({
    ...options,
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: timeoutMs, throwOnRequestTimeout: true },
  });

/** The ciphertext, its context or its key is another one: no repetition will open it. */
const unreadable = new Set(['InvalidCiphertextException', 'IncorrectKeyException']);

/** Key ids or ARNs; a key in a custom key store differs in nothing but these. */
export interface KmsKeys {
  readonly shareKeyId: string;
  readonly identityKeyId: string;
}

/** Data keys under one symmetric key. */
export const kmsDataKeys = (client: KMSClient, KeyId: string): DataKeys => ({
  async generateDataKey(context) {
    const { Plaintext, CiphertextBlob } = await call(() =>
      client.send(
        new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', EncryptionContext: { ...context } }),
      ),
    );
    return { key: present(Plaintext), wrapped: present(CiphertextBlob) };
  },
  async decryptDataKey(wrapped, context) {
    const { Plaintext } = await call(() =>
      client.send(new DecryptCommand({ KeyId, CiphertextBlob: wrapped, EncryptionContext: { ...context } })),
    );
    return present(Plaintext);
  },
});

export function kmsKeyService(client: KMSClient, { shareKeyId, identityKeyId }: KmsKeys): KeyService {
  return {
    ...kmsDataKeys(client, shareKeyId),
    async signIdentity(message) {
      const { Signature } = await call(() =>
        client.send(
          new SignCommand({
            KeyId: identityKeyId,
            Message: message,
            MessageType: 'RAW',
            SigningAlgorithm: 'ECDSA_SHA_256',
          }),
        ),
      );
      return present(Signature);
    },
    identity: publicKeyOf(client, identityKeyId),
  };
}

/** A key whose usage is KEY_AGREEMENT. */
export const kmsEncryptionKey = (client: KMSClient, KeyId: string): EncryptionKey => ({
  publicKey: publicKeyOf(client, KeyId),
  async deriveSharedSecret(spki) {
    const { SharedSecret } = await call(() =>
      client.send(new DeriveSharedSecretCommand({ KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey: spki })),
    );
    return present(SharedSecret);
  },
});

/** Asks KMS once: the public half of a key never changes. */
function publicKeyOf(client: KMSClient, KeyId: string): () => Promise<Bytes> {
  let known: Promise<Bytes> | undefined;
  const read = async (): Promise<Bytes> => {
    const { PublicKey } = await call(() => client.send(new GetPublicKeyCommand({ KeyId })));
    return present(PublicKey);
  };
  return async () => {
    known ??= read();
    try {
      return await known;
    } catch (error) {
      // A failure is not kept: the next caller asks again.
      known = undefined;
      throw error;
    }
  };
}

async function call<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (cause) {
    const name = cause instanceof Error ? cause.name : '';
    throw unreadable.has(name)
      ? new CustodyError('share_unreadable', 'the data key does not open', { cause })
      : new CustodyError('storage_unavailable', `KMS: ${name}`, { cause });
  }
}

function present(bytes: Uint8Array | undefined): Bytes {
  if (!bytes) throw new CustodyError('storage_unavailable', 'KMS answered without the bytes asked for');
  return Uint8Array.from(bytes);
}
