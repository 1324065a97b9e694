/**
 * Options of commands about members, credentials and API keys: roles, scopes, times, and files for new keys.
 * @module
 */
import { ed25519Key, requestSigner } from '../client/credential.ts';
import { PlanbokError } from '../client/errors.ts';
import { type Owner, ownerFile } from '../client/owner.ts';
import { toBase64url } from '../shared/bytes.ts';
import type { KnownHead } from '../shared/registry/head.ts';
import { roles as allRoles, type Role } from '../shared/registry/kinds.ts';
import type { ScopeMap } from '../shared/registry/registry.ts';
import {
  scopes as allScopes,
  credentialId,
  type PlainKey,
  type Scope,
} from '../shared/registry/statement.ts';
import { type Context, listOf, type Option, required, UsageError } from './command.ts';
import { fileIn } from './place.ts';

export const outOption: Option = {
  value: 'FILE',
  help: 'Where to put the new private key, mode 0600; KEY-ID.json in the data folder if absent',
};
export const scopesOption: Option = {
  value: 'SCOPES',
  help: 'The most that the credential may do: view,create_wallet,sign if absent',
};
/** As far as the role, or what is granted later, goes. */
const usualScopes: readonly Scope[] = ['view', 'create_wallet', 'sign'];

/** @throws {UsageError} */
export function roleOf(context: Context): Role {
  const role = required(context, 'role');
  if (!(allRoles as readonly string[]).includes(role))
    throw new UsageError(`--role is one of ${allRoles.join(', ')}`);
  return role as Role;
}

/** @throws {UsageError} */
export function scopeOf(text: string): Scope {
  if (!(allScopes as readonly string[]).includes(text))
    throw new UsageError(`no such scope: ${text}; there are ${allScopes.join(', ')}`);
  return text as Scope;
}

/** @throws {UsageError} */
export const scopesOf = (context: Context): readonly Scope[] =>
  context.values['scopes'] === undefined ? usualScopes : listOf(context, 'scopes').map(scopeOf);

/** `WSET:sign`, `*:view`, `WSET:view,sign`; more than one `--scope` adds up. @throws {UsageError} */
export function scopeMapOf(context: Context): ScopeMap {
  const map: Record<string, Scope[]> = {};
  let walletSet: string | undefined;
  for (const part of listOf(context, 'scope')) {
    const colon = part.lastIndexOf(':');
    walletSet = colon < 0 ? walletSet : part.slice(0, colon);
    const scope = scopeOf(part.slice(colon + 1));
    if (walletSet === undefined || walletSet === '')
      throw new UsageError(`--scope ${part} names no wallet set: WSET:${scope}, or '*:${scope}' for all`);
    const scopes = map[walletSet] ?? [];
    map[walletSet] = scopes.includes(scope) ? scopes : [...scopes, scope];
  }
  return map;
}

const unitMs = { h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of `12h` or `30d`, or undefined if the option is absent. @throws {UsageError} */
export function lifeOf({ values }: Context, name: string): number | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  const [, count, unit] = /^([0-9]{1,5})([hd])$/.exec(value) ?? [];
  if (count === undefined) throw new UsageError(`--${name} is a time such as 12h or 30d`);
  return Number(count) * unitMs[unit as 'h' | 'd'];
}

/** A time, or a time from now, in the form of statements. @throws {UsageError} */
export function expiryOf(context: Context, name: string): string | undefined {
  const value = context.values[name];
  if (value === undefined) return undefined;
  if (/^[0-9]+[hd]$/.test(value)) return new Date(Date.now() + (lifeOf(context, name) ?? 0)).toISOString();
  const ms = /^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+Z)?$/.test(value) ? Date.parse(value) : Number.NaN;
  if (!Number.isFinite(ms)) throw new UsageError(`--${name} is a time such as 30d or 2030-01-31T00:00:00Z`);
  return new Date(ms).toISOString();
}

/** An Ed25519 key made here. */
interface MadeKey extends PlainKey {
  readonly key: ReturnType<typeof ed25519Key>;
}

/** After these nobody can say that the key is of no use. */
const unsure: readonly string[] = ['network_error', 'response_invalid', 'proof_invalid', 'result_invalid'];

interface KeyFile {
  readonly file: string;
  readonly key: MadeKey['key'];
  readonly publicKey: PlainKey;
  readonly keyId: string;
  /** The file's content, with the newest head that its holder knows. */
  readonly textAt: (head?: KnownHead) => string;
}

type Of = Pick<Owner, 'organization' | 'identities' | 'known'>;

/** Makes a key and keeps it in a file of its own. @throws {UsageError} if the file cannot be made, or is there */
export async function makeKeyFile(
  { io, values, where }: Context,
  { organization, identities, known }: Of,
): Promise<KeyFile> {
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const key = ed25519Key(seed);
  const publicKey: PlainKey = { algorithm: key.algorithm, publicKey: toBase64url(key.publicKey) };
  const file = values['out'] ?? fileIn(where, `${credentialId(publicKey)}.json`);
  const textAt = (head?: KnownHead): string =>
    `${JSON.stringify(ownerFile(organization, seed, identities, head), null, 2)}\n`;
  try {
    await io.createSecret(file, textAt(known));
  } catch (cause) {
    const there = (cause as { code?: string }).code === 'EEXIST';
    throw new UsageError(there ? `${file} is there already` : `${file} cannot be made`, { cause });
  }
  return { file, key, publicKey, keyId: requestSigner(organization, key).keyId, textAt };
}

/**
 * Makes a key, keeps it in a file of its own, and has it registered. The file is there first: a key that was
 * registered and is lost would have to be revoked.
 * @throws {UsageError} if the file cannot be made, or is there
 */
export async function withNewKey<T extends KnownHead>(
  context: Context,
  of: Of,
  register: (made: MadeKey) => Promise<T>,
): Promise<{ readonly result: T; readonly file: string; readonly keyId: string }> {
  const { io } = context;
  const { file, key, publicKey, keyId, textAt } = await makeKeyFile(context, of);
  try {
    const result = await register({ ...publicKey, key });
    const { head, seq } = result;
    // Whoever acts with the key has seen at least its own beginning; without that it works all the same.
    await io.replaceFile(file, textAt({ head, seq })).catch(() => {});
    return { result, file, keyId };
  } catch (error) {
    const kept = error instanceof PlanbokError && (unsure.includes(error.code) || error.status >= 500);
    if (!kept) await io.remove(file);
    throw error;
  }
}
