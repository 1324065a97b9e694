/**
 * The environment of a program as typed configuration, read once at cold start. What is missing or does not
 * fit ends the start with a list of it.
 * @module
 */
import * as z from 'zod';
import { type Bytes, fromBase64url } from '#shared/bytes.ts';
import { pointOfSpki } from '#shared/crypto/spki.ts';
import { isSecurePage } from '#shared/wire/origins.ts';
import type { AwsOptions } from './adapters/aws.ts';
import type { PageOrigins } from './cors.ts';

/** Requests per minute; one more is answered with 429. */
export interface RateLimits {
  readonly credential: number;
  readonly organization: number;
}

/** What every program has. */
export interface ProgramConfig {
  readonly tablePrefix: string;
  readonly aws: AwsOptions;
  readonly rates: RateLimits;
  /** Pages of other origins that may call the API. */
  readonly origins: PageOrigins;
  /** On a laptop: emulators on loopback, keys in software. */
  readonly local: boolean;
  /** The KMS key of account 1 that seals what bearer tokens are hashed under; Node 2 has none. */
  readonly tokenKeyId: string | undefined;
  /** Folder of the audit log's write-once files, or their bucket; neither: items of its table. */
  readonly auditFolder: string | undefined;
  readonly auditBucket: AuditBucket | undefined;
}

/** A bucket under Object Lock. */
export interface AuditBucket {
  readonly bucket: string;
  readonly retentionMs: number;
  readonly aws: AwsOptions;
}

/** What a node has besides. */
export interface NodeConfig extends ProgramConfig {
  readonly node: 'node1' | 'node2';
  readonly shareKeyId: string;
  readonly identityKeyId: string;
  /** The peer's pinned identity key, DER SubjectPublicKeyInfo, 91 bytes. */
  readonly peerIdentity: Bytes;
  /** Folder with `own.pem`, `peer-ca.pem` and `peer-crl.pem`. */
  readonly tlsFolder: string;
  /** Node 1 only: where Node 2 answers. */
  readonly peerUrl: string | undefined;
  /** base64url SHA-256 of the program's bundle, which delegations name; empty if it is not known. */
  readonly bundle: string;
  /** Hex SHA-256 of the operator's invitation; undefined where everyone may found: locally. */
  readonly invitation: string | undefined;
  /** Node 1, locally: the folder that mails are put into; undefined: none are sent. */
  readonly outboxFolder: string | undefined;
  /** Node 1: how long a request holds its idempotency key; longer than a request may run. */
  readonly leaseMs: number;
}

/** The environment is not one that this program can start in. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** What access keys look like in local mode; real ones begin with AKIA or ASIA. */
export const localAccessKey = /^PLANBOKLOCAL[0-9A-F]{12,32}$/;

const isLoopback = (url: string): boolean =>
  /^(127(\.\d{1,3}){3}|localhost|\[::1\])$/.test(new URL(url).hostname);

const perMinute = z
  .string()
  .regex(/^[1-9][0-9]{0,6}$/, 'must be a number of requests per minute')
  .transform(Number);

const origins = z
  .string()
  .transform((text) => text.split(','))
  .refine(
    (all) => all.every(isSecurePage),
    'must be origins such as https://wallet.example.com, with commas',
  );

const program = z.object({
  PLANBOK_TABLE_PREFIX: z.string().regex(/^[a-zA-Z0-9_.-]{1,100}$/),
  PLANBOK_RATE_CREDENTIAL: perMinute.default(600),
  PLANBOK_RATE_ORGANIZATION: perMinute.default(3_000),
  PLANBOK_ORIGINS: origins.default([]),
  PLANBOK_LOCAL: z.literal('1').optional(),
  PLANBOK_TOKEN_KEY: z.string().min(1).optional(),
  PLANBOK_AUDIT_DIR: z.string().min(1).optional(),
  PLANBOK_AUDIT_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of a bucket')
    .optional(),
  PLANBOK_AUDIT_RETENTION_DAYS: z
    .string()
    .regex(/^[1-9][0-9]{0,4}$/, 'must be days')
    .transform(Number)
    .optional(),
  AWS_REGION: z.string().min(1).default('us-east-1'),
  AWS_ENDPOINT_URL: z.url().optional(),
  AWS_ENDPOINT_URL_S3: z.url().optional(),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
});

const spki = z.string().transform((text, context) => {
  try {
    const bytes = fromBase64url(text);
    pointOfSpki(bytes);
    return bytes;
  } catch {
    context.issues.push({
      code: 'custom',
      input: text,
      message: 'must be a P-256 SubjectPublicKeyInfo, base64url',
    });
    return z.NEVER;
  }
});

const node = program.extend({
  PLANBOK_NODE: z.enum(['node1', 'node2']),
  PLANBOK_SHARE_KEY: z.string().min(1),
  PLANBOK_IDENTITY_KEY: z.string().min(1),
  PLANBOK_PEER_IDENTITY: spki,
  PLANBOK_PEER_URL: z.url({ protocol: /^https$/ }).optional(),
  PLANBOK_TLS_DIR: z.string().min(1),
  PLANBOK_BUNDLE: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}$/, 'must be a SHA-256, base64url')
    .default(''),
  PLANBOK_INVITATION: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the invitation, hex')
    .optional(),
  PLANBOK_OUTBOX_DIR: z.string().min(1).optional(),
  PLANBOK_LEASE_MS: z
    .string()
    .regex(/^[1-9][0-9]{2,5}$/, 'must be milliseconds')
    .transform(Number)
    .default(30_000),
});

type Environment = Readonly<Record<string, string | undefined>>;

function read<T extends z.ZodType>(schema: T, env: Environment): z.infer<T> {
  const result = schema.safeParse(env);
  if (result.success) return result.data;
  // Names and reasons only: a value may be a secret.
  const lines = result.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`);
  throw new ConfigError(['the environment is not complete:', ...lines].join('\n'));
}

function programOf(values: z.infer<typeof program>): ProgramConfig {
  const local = values.PLANBOK_LOCAL === '1';
  const aws = local ? localAws(values) : realAws(values);
  return {
    tablePrefix: values.PLANBOK_TABLE_PREFIX,
    rates: {
      credential: values.PLANBOK_RATE_CREDENTIAL,
      organization: values.PLANBOK_RATE_ORGANIZATION,
    },
    // On a laptop any page of the laptop; elsewhere none but those that are named.
    origins: { exact: values.PLANBOK_ORIGINS, local },
    local,
    tokenKeyId: values.PLANBOK_TOKEN_KEY,
    auditFolder: values.PLANBOK_AUDIT_DIR,
    auditBucket: bucketOf(values, aws),
    aws,
  };
}

/** Files that nobody can delete are held for a time that somebody has chosen. */
function bucketOf(values: z.infer<typeof program>, aws: AwsOptions): AuditBucket | undefined {
  const { PLANBOK_AUDIT_BUCKET: bucket, PLANBOK_AUDIT_RETENTION_DAYS: days } = values;
  if (bucket === undefined) return undefined;
  if (values.PLANBOK_AUDIT_DIR !== undefined)
    throw new ConfigError('PLANBOK_AUDIT_DIR or PLANBOK_AUDIT_BUCKET, not both');
  if (days === undefined) throw new ConfigError('PLANBOK_AUDIT_BUCKET needs PLANBOK_AUDIT_RETENTION_DAYS');
  const endpoint = values.AWS_ENDPOINT_URL_S3;
  return { bucket, retentionMs: days * 86_400_000, aws: { ...aws, ...(endpoint && { endpoint }) } };
}

const timeoutMs = 5_000;

/** Local mode talks to loopback with made-up credentials, or does not start. */
function localAws(values: z.infer<typeof program>): AwsOptions {
  const { AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: accessKeyId = '' } = values;
  if (endpoint === undefined) throw new ConfigError('local mode needs AWS_ENDPOINT_URL');
  for (const url of [endpoint, values.AWS_ENDPOINT_URL_S3 ?? endpoint])
    if (!isLoopback(url)) throw new ConfigError('local mode talks to loopback only, not to AWS_ENDPOINT_URL');
  if (!localAccessKey.test(accessKeyId))
    throw new ConfigError('local mode refuses credentials that are not of its own making');
  const secretAccessKey = values.AWS_SECRET_ACCESS_KEY ?? '';
  return { region: values.AWS_REGION, endpoint, credentials: { accessKeyId, secretAccessKey }, timeoutMs };
}

/** On AWS the credentials are the function's role, and there is no other endpoint. */
function realAws(values: z.infer<typeof program>): AwsOptions {
  if ((values.AWS_ENDPOINT_URL ?? values.AWS_ENDPOINT_URL_S3) !== undefined)
    throw new ConfigError('AWS_ENDPOINT_URL is for local mode only: set PLANBOK_LOCAL=1');
  return { region: values.AWS_REGION, timeoutMs };
}

/** @throws {ConfigError} */
export const readProgramConfig = (env: Environment = process.env): ProgramConfig =>
  programOf(read(program, env));

/** @throws {ConfigError} */
export function readNodeConfig(expected: 'node1' | 'node2', env: Environment = process.env): NodeConfig {
  const values = read(node, env);
  if (values.PLANBOK_NODE !== expected)
    throw new ConfigError(`this is ${expected}, and PLANBOK_NODE says ${values.PLANBOK_NODE}`);
  if (expected === 'node1' && values.PLANBOK_PEER_URL === undefined)
    throw new ConfigError('Node 1 needs PLANBOK_PEER_URL');
  const common = programOf(values);
  if (common.local && values.PLANBOK_PEER_URL && !isLoopback(values.PLANBOK_PEER_URL))
    throw new ConfigError('local mode talks to loopback only, not to PLANBOK_PEER_URL');
  if (!common.local && values.PLANBOK_OUTBOX_DIR !== undefined)
    throw new ConfigError('PLANBOK_OUTBOX_DIR is for local mode only: its mails go nowhere');
  return {
    ...common,
    node: expected,
    shareKeyId: values.PLANBOK_SHARE_KEY,
    identityKeyId: values.PLANBOK_IDENTITY_KEY,
    peerIdentity: values.PLANBOK_PEER_IDENTITY,
    peerUrl: values.PLANBOK_PEER_URL,
    tlsFolder: values.PLANBOK_TLS_DIR,
    bundle: values.PLANBOK_BUNDLE,
    leaseMs: values.PLANBOK_LEASE_MS,
    outboxFolder: values.PLANBOK_OUTBOX_DIR,
    // Away from a laptop a node without an invitation founds nothing: no token has this hash.
    invitation: values.PLANBOK_INVITATION ?? (common.local ? undefined : '0'.repeat(64)),
  };
}
