/**
 * `owner.json`: what somebody needs to act for an organization from a file. It holds a private key, so it
 * is made with mode 0600 and never leaves the machine.
 * @module
 */
import * as z from 'zod';
import { fromBase64url, toBase64url } from '../shared/bytes.ts';
import { pointOfSpki } from '../shared/crypto/spki.ts';
import type { KnownHead } from '../shared/registry/head.ts';
import { passkeyAlgorithm } from '../shared/registry/statement.ts';
import { type CredentialKey, ed25519Key, requestSigner } from './credential.ts';

const schema = z.object({
  version: z.literal(1),
  /** `org_…` */
  organization: z.string(),
  /** `organization/credential`, as requests name it. */
  keyId: z.string(),
  algorithm: z.literal('ed25519'),
  /** base64url of 32 bytes. Secret. */
  seed: z.string(),
  /** base64url of each node's P-256 SubjectPublicKeyInfo: what address proofs are checked against. */
  identities: z.object({ node1: z.string(), node2: z.string() }),
  /** The newest registry head when the file was made: a log without it is refused. */
  known: z.object({ head: z.string(), seq: z.string().regex(/^(?:0|[1-9][0-9]{0,14})$/) }).optional(),
});

export type OwnerFile = Readonly<z.infer<typeof schema>>;

export interface Owner {
  readonly organization: string;
  readonly keyId: string;
  readonly key: CredentialKey;
  readonly identities: OwnerFile['identities'];
  readonly known?: KnownHead;
}

/** @param seed 32 bytes. */
export function ownerFile(
  organization: string,
  seed: Uint8Array,
  identities: OwnerFile['identities'],
  known?: KnownHead,
): OwnerFile {
  const { keyId } = requestSigner(organization, ed25519Key(seed));
  const file = { version: 1, organization, keyId, algorithm: 'ed25519', seed: toBase64url(seed) } as const;
  return { ...file, identities, ...(known !== undefined && { known }) };
}

/**
 * @param text the JSON of an {@link OwnerFile}.
 * @throws {Error} if it is something else, or does not agree with itself. Never with its contents.
 */
export function readOwner(text: string): Owner {
  let file: OwnerFile;
  let json: { readonly algorithm?: unknown } | undefined;
  try {
    json = JSON.parse(text);
    file = schema.parse(json);
  } catch {
    if (json?.algorithm === passkeyAlgorithm)
      throw new Error('a passkey signs in the browser alone: use a file with a key of its own');
    // No cause: a parser's message quotes what it read.
    throw new Error(
      'the owner file is not one of version 1: {version, organization, keyId, algorithm, seed, identities}',
    );
  }
  const { organization, keyId, identities, known } = file;
  let key: CredentialKey;
  try {
    key = ed25519Key(fromBase64url(file.seed));
  } catch {
    throw new Error('the seed in the owner file is not base64url of 32 bytes');
  }
  if (requestSigner(organization, key).keyId !== keyId)
    throw new Error('the keyId in the owner file is not that of its seed and organization');
  for (const node of ['node1', 'node2'] as const) {
    try {
      pointOfSpki(fromBase64url(identities[node]));
    } catch (cause) {
      throw new Error(`the identity of ${node} in the owner file is not a P-256 public key`, { cause });
    }
  }
  return { organization, keyId, key, identities, ...(known !== undefined && { known }) };
}

/** A file with a token instead of a key, for what only reads; `identities` as above. */
const readerSchema = z.object({
  version: z.literal(1),
  organization: z.string(),
  /** `pbk_…`. Secret. */
  token: z.string(),
  identities: z.object({ node1: z.string(), node2: z.string() }),
});
export type ReaderFile = Readonly<z.infer<typeof readerSchema>>;

/** @returns undefined if it is a file of another kind */
export function readReader(text: string): ReaderFile | undefined {
  try {
    return readerSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
