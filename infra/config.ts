/**
 * What is deployed where: one JSON file per environment, checked before anything is made of it.
 * @module
 */
import * as z from 'zod';
import { fromBase64url } from '#shared/bytes.ts';
import { pointOfSpki } from '#shared/crypto/spki.ts';
import { isSecurePage } from '#shared/wire/origins.ts';

/** The file is not one that stacks can be made from; the message lists every reason with its place. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const isSpki = (text: string): boolean => {
  try {
    pointOfSpki(fromBase64url(text));
    return true;
  } catch {
    return false;
  }
};

const node = z
  .strictObject({
    account: z.string().regex(/^\d{12}$/, 'must be an account id of 12 digits'),
    region: z
      .string()
      .regex(/^(af|ap|ca|eu|il|me|mx|sa|us)-[a-z]+-\d$/, 'must be a region of the partition aws'),
    /** Availability zones. Given, so that making the stacks asks AWS nothing. */
    azs: z.array(z.string()).min(2, 'must name at least two zones'),
    /** Roles that administer the node's keys, and cannot use them. */
    keyAdministrators: z
      .array(z.string().regex(/^arn:aws:iam::\d{12}:role\/[\w+=,.@/-]{1,128}$/, 'must be the ARN of a role'))
      .min(1, 'must name at least one role'),
    /** The node's identity key as the other one pins it; unknown until the key exists. */
    identity: z
      .string()
      .refine(isSpki, 'must be a P-256 SubjectPublicKeyInfo (DER, 91 bytes), base64url without padding')
      .optional(),
  })
  .superRefine(({ account, region, azs, keyAdministrators }, context) => {
    const refuse = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    for (const [i, az] of azs.entries())
      if (!/^[a-z]$/.test(az.replace(region, ''))) refuse(['azs', i], `must be a zone of ${region}`);
    if (new Set(azs).size < azs.length) refuse(['azs'], 'must not name a zone twice');
    for (const [i, arn] of keyAdministrators.entries())
      if (arn.split(':')[4] !== account) refuse(['keyAdministrators', i], `must be a role in ${account}`);
  });

const node2 = node.safeExtend({
  /** The endpoint of `execute-api` that alone reaches Node 2's private API. */
  apiEndpoint: z.string().regex(/^vpce-[0-9a-f]{8,17}$/, 'must be the id of a VPC endpoint'),
});

const many = z.int().min(1).max(1_000);

const config = z
  .strictObject({
    /** Part of the name of everything. */
    env: z.string().regex(/^[a-z][a-z0-9-]{0,23}$/, 'must be at most 24 of a-z, 0-9, -'),
    production: z.boolean(),
    nodes: z.strictObject({ node1: node, node2 }),
    /** Reserved concurrency of each function. */
    concurrency: z.strictObject({ node1: many, node2: many, api: many }),
    /** Of the public API, all callers together. */
    throttle: z.strictObject({ perSecond: z.int().min(1), burst: z.int().min(1) }),
    /** Pages that may call the API from a browser, such as https://wallet.example.com; absent: none. */
    origins: z
      .array(z.string().refine(isSecurePage, 'must be an origin such as https://wallet.example.com'))
      .max(50)
      .optional(),
    /** Hex SHA-256 of the invitation that founding an organization needs; absent: nobody can found one. */
    invitation: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256, hex')
      .optional(),
  })
  .superRefine(({ production, nodes: { node1, node2: second } }, context) => {
    if (production && node1.account === second.account)
      context.addIssue({
        code: 'custom',
        path: ['nodes', 'node2', 'account'],
        message: 'must differ from nodes.node1.account: one account would hold both shares of every key',
      });
    if (node1.identity !== undefined && node1.identity === second.identity)
      context.addIssue({
        code: 'custom',
        path: ['nodes', 'node2', 'identity'],
        message: 'must differ from nodes.node1.identity',
      });
  });

export type DeploymentConfig = z.infer<typeof config>;

/**
 * @param file its name, for the message
 * @throws {ConfigError}
 */
export function parseConfig(text: string, file: string): DeploymentConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`${file} is not JSON`, { cause });
  }
  const result = config.safeParse(value);
  if (result.success) return result.data;
  const lines = result.error.issues.map(({ path, message }) => `  ${path.join('.') || '(all)'}: ${message}`);
  throw new ConfigError([`${file}:`, ...lines].join('\n'));
}
