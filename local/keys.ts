/**
 * The keys that a node needs in KMS, made at the first start. On AWS the stacks make them.
 * @module
 */
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  type KMSClient,
} from '@aws-sdk/client-kms';

export interface NodeKeys {
  /** Wraps the data keys of shares. */
  readonly shareKeyId: string;
  /** Signs delegations. */
  readonly identityKeyId: string;
  /** At Node 1: seals what bearer tokens are hashed under. */
  readonly tokenKeyId?: string;
  /** At Node 1: what clients seal their secrets to. */
  readonly encryptionKeyId?: string;
  /** Signs the node's certificates and its revocation list. */
  readonly authorityKeyId: string;
}

const kinds = {
  share: { KeySpec: 'SYMMETRIC_DEFAULT', KeyUsage: 'ENCRYPT_DECRYPT' },
  token: { KeySpec: 'SYMMETRIC_DEFAULT', KeyUsage: 'ENCRYPT_DECRYPT' },
  identity: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' },
  authority: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' },
  encryption: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' },
} as const;

/** Finds the keys `alias/<prefix>-share`, `-identity`, `-authority`, or makes them; Node 1 has `-token` and `-encryption` too. */
export async function ensureKeys(client: KMSClient, prefix: string, isNode1 = false): Promise<NodeKeys> {
  const ensure = (kind: keyof typeof kinds) => ensureKey(client, `alias/${prefix}-${kind}`, kind);
  return {
    ...(isNode1 && { tokenKeyId: await ensure('token'), encryptionKeyId: await ensure('encryption') }),
    shareKeyId: await ensure('share'),
    identityKeyId: await ensure('identity'),
    authorityKeyId: await ensure('authority'),
  };
}

async function ensureKey(client: KMSClient, AliasName: string, kind: keyof typeof kinds): Promise<string> {
  try {
    const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: AliasName }));
    return idOf(KeyMetadata);
  } catch (error) {
    if (!(error instanceof Error && error.name === 'NotFoundException')) throw error;
  }
  const { KeyMetadata } = await client.send(new CreateKeyCommand(kinds[kind]));
  const TargetKeyId = idOf(KeyMetadata);
  await client.send(new CreateAliasCommand({ AliasName, TargetKeyId }));
  return TargetKeyId;
}

function idOf(metadata: { readonly KeyId?: string | undefined } | undefined): string {
  if (!metadata?.KeyId) throw new Error('the key service answered without a key id');
  return metadata.KeyId;
}
