/**
 * The node's keys in KMS: the share key (symmetric) and the identity key (ECC_NIST_P256); at Node 1 also the
 * token key (symmetric).
 * @module
 */
import {
  DecryptCommand,
  GenerateDataKeyCommand,
  GetPublicKeyCommand,
  KMSClient,
  SignCommand,
} from '@aws-sdk/client-kms';
import type { Bytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { DataKeys, KeyService } from '../ports.ts';
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
  let identity: Promise<Bytes> | undefined;

  async function readIdentity(): Promise<Bytes> {
    const { PublicKey } = await call(() => client.send(new GetPublicKeyCommand({ KeyId: identityKeyId })));
    return present(PublicKey);
  }

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
    async identity() {
      identity ??= readIdentity();
      try {
        return await identity;
      } catch (error) {
        // A failure is not kept: the next caller asks again.
        identity = undefined;
        throw error;
      }
    },
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
