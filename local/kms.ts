/**
 * A small key service that speaks the wire protocol of KMS (JSON 1.1): what the nodes call, nothing more.
 * Requests come here authenticated.
 * @module
 */
import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import type { KeyStore, KeyUsage, LocalKey } from './kms-store.ts';

/** An answer of 400 with this `__type`. */
export class KmsError extends Error {
  override readonly name = 'KmsError';
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

type Input = Readonly<Record<string, unknown>>;
type Output = Readonly<Record<string, unknown>>;

const invalid = (message: string) => new KmsError('ValidationException', message);

function bytesIn(input: Input, name: string, most: number): Buffer {
  const text = input[name];
  if (typeof text !== 'string' || text === '') throw invalid(`${name} is required`);
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 0 || bytes.length > most) throw invalid(`${name} must be 1 to ${most} bytes long`);
  return bytes;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Additional data of every ciphertext: the key, and the context in one order. */
function additionalData(key: LocalKey, input: Input): Buffer {
  const context = input['EncryptionContext'] ?? {};
  if (typeof context !== 'object' || context === null || Array.isArray(context))
    throw invalid('EncryptionContext is a map of strings');
  const entries = Object.entries(context);
  if (!entries.every(([, value]) => typeof value === 'string'))
    throw invalid('EncryptionContext holds strings');
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(JSON.stringify([key.id, entries]));
}

const idBytes = 36;
const ivBytes = 12;
const tagBytes = 16;

/** Key id, IV, ciphertext, tag: a ciphertext names its key, as those of KMS do. */
function encrypt(key: LocalKey, plaintext: Uint8Array, input: Input): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key.secret, iv).setAAD(additionalData(key, input));
  return Buffer.concat([
    Buffer.from(key.id),
    iv,
    cipher.update(plaintext),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
}

function decrypt(key: LocalKey, blob: Buffer, input: Input): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.secret, blob.subarray(idBytes, idBytes + ivBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(additionalData(key, input)).setAuthTag(blob.subarray(-tagBytes));
    return Buffer.concat([decipher.update(blob.subarray(idBytes + ivBytes, -tagBytes)), decipher.final()]);
  } catch (error) {
    if (error instanceof KmsError) throw error;
    throw new KmsError('InvalidCiphertextException', 'the ciphertext, its context or its key is another one');
  }
}

const shortest = idBytes + ivBytes + tagBytes + 1;

const metadata = (key: LocalKey) => ({
  KeyId: key.id,
  Arn: key.arn,
  AWSAccountId: key.arn.split(':')[4],
  CreationDate: key.createdMs / 1000,
  Enabled: true,
  KeyState: 'Enabled',
  KeyManager: 'CUSTOMER',
  Origin: 'AWS_KMS',
  KeySpec: key.spec,
  KeyUsage: key.usage,
});

/** The operations by name; each maps a parsed request to its answer. */
export function kmsOperations(keys: KeyStore): Readonly<Record<string, (input: Input) => Output>> {
  function keyIn(input: Input, usage?: KeyUsage): LocalKey {
    const key = typeof input['KeyId'] === 'string' ? keys.find(input['KeyId']) : undefined;
    if (!key) throw new KmsError('NotFoundException', 'there is no such key');
    if (usage && key.usage !== usage)
      throw new KmsError('InvalidKeyUsageException', `the key is for ${key.usage}`);
    return key;
  }

  function dataKey(input: Input) {
    const key = keyIn(input, 'ENCRYPT_DECRYPT');
    if (input['KeySpec'] !== 'AES_256') throw invalid('only KeySpec AES_256 exists here');
    const plaintext = randomBytes(32);
    const answer = { KeyId: key.arn, CiphertextBlob: base64(encrypt(key, plaintext, input)) };
    return { plaintext, answer };
  }

  function signingInput(input: Input) {
    const key = keyIn(input, 'SIGN_VERIFY');
    if (input['SigningAlgorithm'] !== 'ECDSA_SHA_256') throw invalid('only ECDSA_SHA_256 exists here');
    // node:crypto signs no ready-made digest; the nodes never ask for it.
    if ((input['MessageType'] ?? 'RAW') !== 'RAW') throw invalid('only MessageType RAW exists here');
    return { key, message: bytesIn(input, 'Message', 4096) };
  }

  return {
    CreateKey(input) {
      const spec = input['KeySpec'] ?? 'SYMMETRIC_DEFAULT';
      const usage = input['KeyUsage'] ?? 'ENCRYPT_DECRYPT';
      if (spec === 'SYMMETRIC_DEFAULT' && usage === 'ENCRYPT_DECRYPT')
        return { KeyMetadata: metadata(keys.create(spec, usage)) };
      if (spec === 'ECC_NIST_P256' && (usage === 'SIGN_VERIFY' || usage === 'KEY_AGREEMENT'))
        return { KeyMetadata: metadata(keys.create(spec, usage)) };
      throw invalid('no such kind of key here');
    },
    CreateAlias(input) {
      const name = input['AliasName'];
      if (typeof name !== 'string' || !/^alias\/[a-zA-Z0-9/_-]{1,200}$/.test(name))
        throw invalid('AliasName');
      if (keys.find(name)) throw new KmsError('AlreadyExistsException', 'the alias exists');
      const { id } = keyIn({ KeyId: input['TargetKeyId'] });
      keys.alias(name, id);
      return {};
    },
    DescribeKey: (input) => ({ KeyMetadata: metadata(keyIn(input)) }),
    GenerateDataKey(input) {
      const { plaintext, answer } = dataKey(input);
      return { ...answer, Plaintext: base64(plaintext) };
    },
    GenerateDataKeyWithoutPlaintext: (input) => dataKey(input).answer,
    Encrypt(input) {
      const key = keyIn(input, 'ENCRYPT_DECRYPT');
      const blob = encrypt(key, bytesIn(input, 'Plaintext', 4096), input);
      return { KeyId: key.arn, CiphertextBlob: base64(blob), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
    },
    Decrypt(input) {
      const blob = bytesIn(input, 'CiphertextBlob', 6144);
      const key = blob.length < shortest ? undefined : keys.find(blob.toString('latin1', 0, idBytes));
      if (key?.usage !== 'ENCRYPT_DECRYPT')
        throw new KmsError('InvalidCiphertextException', 'this is no ciphertext of this account');
      if (input['KeyId'] !== undefined && keyIn(input).id !== key.id)
        throw new KmsError('IncorrectKeyException', 'the ciphertext is of another key');
      const plaintext = decrypt(key, blob, input);
      return { KeyId: key.arn, Plaintext: base64(plaintext), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
    },
    Sign(input) {
      const { key, message } = signingInput(input);
      const signature = sign('sha256', message, key.privateKey as NonNullable<LocalKey['privateKey']>);
      return { KeyId: key.arn, Signature: base64(signature), SigningAlgorithm: 'ECDSA_SHA_256' };
    },
    Verify(input) {
      const { key, message } = signingInput(input);
      const publicKey = key.publicKey as NonNullable<LocalKey['publicKey']>;
      if (!verify('sha256', message, publicKey, bytesIn(input, 'Signature', 6144)))
        throw new KmsError('KMSInvalidSignatureException', 'the signature does not verify');
      return { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: 'ECDSA_SHA_256' };
    },
    GetPublicKey(input) {
      const key = keyIn(input);
      if (!key.publicKey) throw new KmsError('UnsupportedOperationException', 'the key is symmetric');
      return {
        KeyId: key.arn,
        KeySpec: key.spec,
        KeyUsage: key.usage,
        PublicKey: base64(key.publicKey.export({ format: 'der', type: 'spki' })),
      };
    },
    DeriveSharedSecret(input) {
      const key = keyIn(input, 'KEY_AGREEMENT');
      if (input['KeyAgreementAlgorithm'] !== 'ECDH') throw invalid('only ECDH exists here');
      const peer = bytesIn(input, 'PublicKey', 8192);
      try {
        const secret = diffieHellman({
          privateKey: key.privateKey as NonNullable<LocalKey['privateKey']>,
          publicKey: createPublicKey({ key: peer, format: 'der', type: 'spki' }),
        });
        return { KeyId: key.arn, SharedSecret: base64(secret), KeyAgreementAlgorithm: 'ECDH' };
      } catch {
        throw invalid('PublicKey is not one of this curve');
      }
    },
  };
}
