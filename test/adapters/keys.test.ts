import { createECDH, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import {
  CreateKeyCommand,
  DecryptCommand,
  DeriveSharedSecretCommand,
  EncryptCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  GetPublicKeyCommand,
  SignCommand,
  VerifyCommand,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { countCalls } from '../../functions/adapters/aws.ts';
import { dynamoClient } from '../../functions/adapters/dynamo.ts';
import { kmsClient, kmsEncryptionKey, kmsKeyService } from '../../functions/adapters/kms.ts';
import { memoryEncryptionKey, memoryKeyService } from '../../functions/adapters/memory.ts';
import { openSecret } from '../../functions/custody/open-secret.ts';
import type { EncryptionKey, KeyService } from '../../functions/ports.ts';
import { ensureKeys } from '../../local/keys.ts';
import { createTables } from '../../local/tables.ts';
import { pointOfSpki, spkiOfPoint } from '../../shared/crypto/spki.ts';
import { sealSecret } from '../../shared/custody/sealed-secret.ts';
import { startTestAccount, type TestAccount, testCredential } from '../support/local-aws.ts';

interface Service {
  readonly keys: KeyService;
  /** The same kind of service with keys of its own. */
  readonly other: KeyService;
  readonly encryption: EncryptionKey;
  readonly otherEncryption: EncryptionKey;
  close(): Promise<void>;
}

async function overKms(
  options: Parameters<typeof kmsClient>[0],
  close: () => Promise<void>,
): Promise<Service> {
  const client = kmsClient(options);
  const stamp = Date.now();
  const keys = await ensureKeys(client, `test-${stamp}-a`, true);
  const other = await ensureKeys(client, `test-${stamp}-b`, true);
  return {
    encryption: kmsEncryptionKey(client, keys.encryptionKeyId ?? ''),
    otherEncryption: kmsEncryptionKey(client, other.encryptionKeyId ?? ''),
    keys: kmsKeyService(client, keys),
    other: kmsKeyService(client, other),
    async close() {
      client.destroy();
      await close();
    },
  };
}

const services: Record<string, () => Promise<Service>> = {
  memory: async () => ({
    keys: memoryKeyService(),
    other: memoryKeyService(),
    encryption: memoryEncryptionKey(),
    otherEncryption: memoryEncryptionKey(),
    close: async () => {},
  }),
  'the local KMS': async () => {
    const account = await startTestAccount();
    return overKms(account.options, account.close);
  },
};
const endpoint = process.env['AWS_ENDPOINT_URL'];
if (endpoint)
  services[endpoint] = () => {
    const credentials = testCredential('000000000001');
    return overKms({ region: 'us-east-1', endpoint, credentials, timeoutMs: 10_000 }, async () => {});
  };

const context = { 'planbok:node': 'node1', 'planbok:key': 'wset_a', 'planbok:epoch': '0' };

describe.each(Object.entries(services))('the key service in %s', (_, open) => {
  let service: Service;
  beforeAll(async () => {
    service = await open();
  });
  afterAll(() => service.close());

  test('a data key opens again with its context, in whatever order', async () => {
    const { keys } = service;
    const { key, wrapped } = await keys.generateDataKey(context);
    expect(key).toHaveLength(32);
    expect(await keys.decryptDataKey(wrapped, context)).toEqual(key);
    const reversed = Object.fromEntries(Object.entries(context).reverse());
    expect(await keys.decryptDataKey(wrapped, reversed)).toEqual(key);
    expect((await keys.generateDataKey(context)).key).not.toEqual(key);
  });

  test.each([
    ['another node', { ...context, 'planbok:node': 'node2' }],
    ['another key', { ...context, 'planbok:key': 'wset_b' }],
    ['another epoch', { ...context, 'planbok:epoch': '1' }],
    ['one entry more', { ...context, extra: '1' }],
    ['one entry less', { 'planbok:node': 'node1', 'planbok:key': 'wset_a' }],
    ['no context', {}],
  ])('a data key does not open for %s', async (_what, wrong) => {
    const { keys } = service;
    const { wrapped } = await keys.generateDataKey(context);
    await expect(keys.decryptDataKey(wrapped, wrong)).rejects.toMatchObject({ code: 'share_unreadable' });
  });

  test('a data key does not open under another share key, nor when a byte differs', async () => {
    const { keys, other } = service;
    const { wrapped } = await keys.generateDataKey(context);
    await expect(other.decryptDataKey(wrapped, context)).rejects.toMatchObject({ code: 'share_unreadable' });
    for (const at of [0, wrapped.length >> 1, wrapped.length - 1]) {
      const bad = Uint8Array.from(wrapped);
      bad[at] = (bad[at] as number) ^ 1;
      await expect(keys.decryptDataKey(bad, context)).rejects.toMatchObject({ code: 'share_unreadable' });
    }
  });

  test('the identity key signs with P-256 and SHA-256, DER, and is always the same', async () => {
    const { keys, other } = service;
    const spki = await keys.identity();
    expect(pointOfSpki(spki)).toHaveLength(65);
    expect(await keys.identity()).toEqual(spki);
    expect(await other.identity()).not.toEqual(spki);
    const message = new TextEncoder().encode('delegation');
    const signature = await keys.signIdentity(message);
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    expect(verify('sha256', message, key, signature)).toBe(true);
    expect(verify('sha256', new TextEncoder().encode('another'), key, signature)).toBe(false);
  });

  test('an encryption key agrees with another on one secret of 32 bytes, and is always the same', async () => {
    const { encryption, otherEncryption } = service;
    const [mine, theirs] = [await encryption.publicKey(), await otherEncryption.publicKey()];
    expect(pointOfSpki(mine)).toHaveLength(65);
    expect(await encryption.publicKey()).toEqual(mine);
    expect(theirs).not.toEqual(mine);
    const secret = await encryption.deriveSharedSecret(theirs);
    expect(secret).toHaveLength(32);
    expect(await otherEncryption.deriveSharedSecret(mine)).toEqual(secret);
    expect(await encryption.deriveSharedSecret(mine)).not.toEqual(secret);
  });

  test('a shared secret keeps its leading zeros', async () => {
    const { encryption } = service;
    const point = pointOfSpki(await encryption.publicKey());
    const ephemeral = createECDH('prime256v1');
    let theirs = ephemeral.generateKeys();
    while (ephemeral.computeSecret(point)[0] !== 0) theirs = ephemeral.generateKeys();
    const secret = await encryption.deriveSharedSecret(spkiOfPoint(theirs));
    expect(secret).toEqual(new Uint8Array(ephemeral.computeSecret(point)));
    expect(secret[0]).toBe(0);
  });

  test('what a client seals to an encryption key opens with it, and with no other', async () => {
    const { encryption, otherEncryption } = service;
    const [wrapKey, authorisation] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(9)];
    const sealed = await sealSecret(pointOfSpki(await encryption.publicKey()), [wrapKey], authorisation);
    expect(await openSecret([otherEncryption, encryption], sealed, authorisation, 1)).toEqual([wrapKey]);
    await expect(openSecret([otherEncryption], sealed, authorisation, 1)).rejects.toMatchObject({
      name: 'SecretMismatch',
    });
  });

  test('a key of another curve, and what is no point, agree on nothing', async () => {
    const { encryption } = service;
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey;
    for (const wrong of [
      new Uint8Array(p384.export({ format: 'der', type: 'spki' })),
      spkiOfPoint(Uint8Array.from([4, ...new Uint8Array(64).fill(17)])),
      new Uint8Array(91),
    ])
      await expect(encryption.deriveSharedSecret(wrong)).rejects.toMatchObject({
        code: 'storage_unavailable',
      });
  });
});

describe('the local account', () => {
  let account: TestAccount;
  beforeAll(async () => {
    account = await startTestAccount();
  });
  afterAll(() => account.close());

  const code = (name: string) => ({ code: 'storage_unavailable', message: expect.stringContaining(name) });

  test('refuses the other account, a wrong secret, and a caller without a signature', async () => {
    const { options } = account;
    const service = (credentials: typeof options.credentials) =>
      kmsKeyService(kmsClient({ ...options, credentials } as typeof options), {
        shareKeyId: 'alias/x-share',
        identityKeyId: 'alias/x-identity',
      });
    const stranger = testCredential('000000000002');
    await expect(service(stranger).identity()).rejects.toMatchObject(code('UnrecognizedClientException'));
    const guess = { ...testCredential('000000000001'), secretAccessKey: 'guess' };
    await expect(service(guess).identity()).rejects.toMatchObject(code('InvalidSignatureException'));
    await expect(
      createTables(dynamoClient({ ...options, credentials: stranger }), 'x-'),
    ).rejects.toMatchObject({
      code: 'storage_unavailable',
      cause: { name: 'UnrecognizedClientException' },
    });
    for (const target of ['TrentService.GetPublicKey', 'DynamoDB_20120810.ListTables']) {
      const answer = await fetch(options.endpoint, {
        method: 'POST',
        headers: { 'x-amz-target': target },
        body: '{}',
      });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ __type: 'MissingAuthenticationTokenException' });
    }
    expect((await fetch(options.endpoint)).status).toBe(400);
  });

  test('a signed request is good for its own body, target and quarter of an hour only', async () => {
    const { options } = account;
    const client = kmsClient(options);
    let signed: { headers: Record<string, string>; body: string } | undefined;
    client.middlewareStack.add(
      (next) => async (args) => {
        const request = args.request as { headers: Record<string, string>; body: Uint8Array | string };
        signed = { headers: request.headers, body: Buffer.concat([request.body as Uint8Array]).toString() };
        return next(args);
      },
      { step: 'deserialize', priority: 'low' },
    );
    await client.send(new CreateKeyCommand({ KeySpec: 'SYMMETRIC_DEFAULT', KeyUsage: 'ENCRYPT_DECRYPT' }));
    const { headers, body } = signed as NonNullable<typeof signed>;
    const { host: _, 'content-length': __, ...kept } = headers;
    const send = async (changes: Record<string, string>, text = body) => {
      const answer = await fetch(options.endpoint, {
        method: 'POST',
        headers: { ...kept, ...changes },
        body: text,
      });
      return [answer.status, ((await answer.json()) as { __type?: string }).__type];
    };
    expect(await send({})).toEqual([200, undefined]);
    expect(await send({}, `${body} `)).toEqual([400, 'InvalidSignatureException']);
    expect(await send({ 'x-amz-target': 'TrentService.DescribeKey' })).toEqual([
      400,
      'InvalidSignatureException',
    ]);
    expect(await send({ 'x-amz-target': 'DynamoDB_20120810.ListTables' })).toEqual([
      400,
      'InvalidSignatureException',
    ]);
    expect(await send({ 'x-amz-date': '20200101T000000Z' })).toEqual([400, 'InvalidSignatureException']);
    const authorization = String(headers['authorization']).replace('x-amz-target', 'x-amz-targex');
    expect(await send({ authorization })).toEqual([400, 'IncompleteSignatureException']);
    client.destroy();
  });

  test('speaks the rest of what the nodes need of KMS', async () => {
    const client = kmsClient(account.options);
    const make = async (
      KeySpec: 'SYMMETRIC_DEFAULT' | 'ECC_NIST_P256',
      KeyUsage: 'ENCRYPT_DECRYPT' | 'SIGN_VERIFY' | 'KEY_AGREEMENT',
    ) => (await client.send(new CreateKeyCommand({ KeySpec, KeyUsage }))).KeyMetadata?.KeyId;
    const KeyId = await make('SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT');
    const EncryptionContext = { a: '1' };
    const sealed = await client.send(
      new EncryptCommand({ KeyId, Plaintext: Uint8Array.of(1, 2), EncryptionContext }),
    );
    const { CiphertextBlob } = sealed;
    const opened = await client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
    expect(opened.Plaintext).toEqual(Uint8Array.of(1, 2));
    const wrapped = await client.send(
      new GenerateDataKeyWithoutPlaintextCommand({ KeyId, KeySpec: 'AES_256', EncryptionContext }),
    );
    expect(wrapped).not.toHaveProperty('Plaintext');
    expect(wrapped.CiphertextBlob?.length).toBeGreaterThan(32);

    const [a, b] = [
      await make('ECC_NIST_P256', 'KEY_AGREEMENT'),
      await make('ECC_NIST_P256', 'KEY_AGREEMENT'),
    ];
    const derive = async (mine: typeof a, theirs: typeof a) => {
      const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: theirs }));
      const input = { KeyId: mine, PublicKey, KeyAgreementAlgorithm: 'ECDH' } as const;
      return (await client.send(new DeriveSharedSecretCommand(input))).SharedSecret;
    };
    expect(await derive(a, b)).toHaveLength(32);
    expect(await derive(a, b)).toEqual(await derive(b, a));

    const signer = await make('ECC_NIST_P256', 'SIGN_VERIFY');
    const what = { KeyId: signer, Message: Uint8Array.of(1), SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    const { Signature } = await client.send(new SignCommand(what));
    expect((await client.send(new VerifyCommand({ ...what, Signature }))).SignatureValid).toBe(true);
    await expect(
      client.send(new VerifyCommand({ ...what, Message: Uint8Array.of(2), Signature })),
    ).rejects.toMatchObject({ name: 'KMSInvalidSignatureException' });
    await expect(client.send(new SignCommand({ ...what, KeyId: a }))).rejects.toMatchObject({
      name: 'InvalidKeyUsageException',
    });
    await expect(client.send(new GetPublicKeyCommand({ KeyId }))).rejects.toMatchObject({
      name: 'UnsupportedOperationException',
    });
    client.destroy();
  });

  test('agrees with the key that is for it alone', async () => {
    const client = kmsClient(account.options);
    const { identityKeyId, shareKeyId, encryptionKeyId = '' } = await ensureKeys(client, 'agreement', true);
    const peer = await kmsEncryptionKey(client, encryptionKeyId).publicKey();
    for (const [keyId, name] of [
      [identityKeyId, 'InvalidKeyUsageException'],
      [shareKeyId, 'InvalidKeyUsageException'],
      ['alias/none', 'NotFoundException'],
    ] as const)
      await expect(kmsEncryptionKey(client, keyId).deriveSharedSecret(peer)).rejects.toMatchObject(
        code(name),
      );
    // And signs nothing with it.
    const signer = kmsKeyService(client, { shareKeyId, identityKeyId: encryptionKeyId });
    await expect(signer.signIdentity(new Uint8Array(32))).rejects.toMatchObject(
      code('InvalidKeyUsageException'),
    );
    // Node 2 has none.
    expect(await ensureKeys(client, 'second')).not.toHaveProperty('encryptionKeyId');
    client.destroy();
  });

  test('a public key that could not be read is asked for again, and one that was is not', async () => {
    const client = kmsClient(account.options);
    const count = countCalls(client);
    const late = kmsEncryptionKey(client, 'alias/late-encryption');
    await expect(late.publicKey()).rejects.toMatchObject(code('NotFoundException'));
    await ensureKeys(client, 'late', true);
    const [first, second] = [await late.publicKey(), await late.publicKey()];
    expect(second).toEqual(first);
    expect(count.calls['GetPublicKeyCommand']).toBe(2);
    client.destroy();
  });

  test('a sealed secret costs one request to KMS', async () => {
    const client = kmsClient(account.options);
    const { encryptionKeyId = '' } = await ensureKeys(client, 'cost', true);
    const key = kmsEncryptionKey(client, encryptionKeyId);
    const [wrapKey, authorisation] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(9)];
    const sealed = await sealSecret(pointOfSpki(await key.publicKey()), [wrapKey], authorisation);
    const count = countCalls(client);
    await openSecret([key], sealed, authorisation, 1);
    expect(count.calls).toEqual({ DeriveSharedSecretCommand: 1 });
    client.destroy();
  });

  test('every request is counted, by command', async () => {
    const client = kmsClient(account.options);
    const count = countCalls(client);
    const keys = kmsKeyService(client, await ensureKeys(client, 'counted'));
    count.reset();
    const { wrapped } = await keys.generateDataKey(context);
    await keys.decryptDataKey(wrapped, context);
    await keys.identity();
    await keys.identity();
    expect(count.calls).toEqual({ GenerateDataKeyCommand: 1, DecryptCommand: 1, GetPublicKeyCommand: 1 });
    client.destroy();
  });
});
