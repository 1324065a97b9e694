/**
 * The fields that statements are made of: what each may hold, checked without any library, the same in a
 * browser as at the nodes. Leaves are strings only.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import canonicalize from 'canonicalize';
import { fromBase64url } from '../bytes.ts';
import type { Problem } from '../errors.ts';
import { isCidr } from './cidr.ts';
import { isOriginOf, isRpId, mostOrigins } from './relying-party.ts';
import {
  algorithms,
  type Credential,
  isSignature,
  passkeyAlgorithm,
  plainAlgorithms,
  scopes,
} from './statement.ts';

/** Checks one value; `type` exists for the type checker alone. */
export interface Field<T> {
  readonly problems: (value: unknown, pointer: string) => readonly Problem[];
  readonly optional?: true;
  readonly type?: T;
}
export type Fields = Readonly<Record<string, Field<unknown>>>;

type Value<F> = F extends Field<infer T> ? T : never;
type OptionalName<F> = { [K in keyof F]: F[K] extends { readonly optional: true } ? K : never }[keyof F];
/** The object that a record of fields describes. */
export type Shape<F> = { readonly [K in Exclude<keyof F, OptionalName<F>>]: Value<F[K]> } & {
  readonly [K in OptionalName<F>]?: Value<F[K]>;
};

const leaf = <T>(says: string, fits: (value: unknown) => boolean): Field<T> => ({
  problems: (value, pointer) => (fits(value) ? [] : [{ pointer, detail: `must be ${says}` }]),
});
const matching = (says: string, pattern: RegExp) =>
  leaf<string>(says, (value) => typeof value === 'string' && pattern.test(value));

export const optional = <T>({ problems }: Field<T>): Field<T> & { readonly optional: true } => ({
  problems,
  optional: true,
});

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Exactly these members. */
export const record = <const F extends Fields>(fields: F): Field<Shape<F>> => ({
  problems: (value, pointer) => {
    if (!isObject(value)) return [{ pointer, detail: 'must be an object' }];
    const unknown = Object.keys(value).filter((name) => !Object.hasOwn(fields, name));
    return [
      ...unknown.map(() => ({ pointer, detail: 'must not have members of other names' })),
      ...Object.entries(fields).flatMap(([name, field]) =>
        field.optional && !Object.hasOwn(value, name)
          ? []
          : field.problems(Object.hasOwn(value, name) ? value[name] : undefined, `${pointer}/${name}`),
      ),
    ];
  },
});

export const literal = <const T extends string>(text: T) =>
  leaf<T>(JSON.stringify(text), (value) => value === text);
export const oneOf = <const T extends string>(options: readonly T[]) =>
  leaf<T>(`one of ${options.join(', ')}`, (value) => (options as readonly unknown[]).includes(value));
/** A list without repetitions, in any order. */
export const listOf = <T extends string>(item: Field<T>, most: number) =>
  leaf<readonly T[]>(
    `a list of at most ${most}, each once and as allowed`,
    (value) =>
      Array.isArray(value) &&
      value.length <= most &&
      new Set(value).size === value.length &&
      value.every((entry) => item.problems(entry, '').length === 0),
  );
export const mapOf = <T>(key: Field<string>, item: Field<T>, most: number) =>
  leaf<Readonly<Record<string, T>>>(
    `an object of at most ${most} members, each as allowed`,
    (value) =>
      isObject(value) &&
      Object.keys(value).length <= most &&
      Object.entries(value).every(
        ([name, entry]) => key.problems(name, '').length === 0 && item.problems(entry, '').length === 0,
      ),
  );

function decodes(value: unknown, length: number): boolean {
  try {
    return typeof value === 'string' && fromBase64url(value).length === length;
  } catch {
    return false;
  }
}
/** base64url without padding of that many bytes. */
export const bytes = (length: number) =>
  leaf<string>(`base64url of ${length} bytes`, (value) => decodes(value, length));

/** Text that a person gives a thing: 1 to 100 characters, none of control, whole Unicode. */
export const title = leaf<string>(
  'text of 1 to 100 characters without control characters',
  (value) =>
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= 100 &&
    value.isWellFormed() &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
    !/[\u0000-\u001f\u007f-\u009f]/.test(value),
);
export const decimal = matching('a decimal number', /^(?:0|[1-9][0-9]{0,14})$/);
/** RFC 3339 in UTC, written in one way: `2026-01-02T03:04:05.678Z`. */
export const time = leaf<string>('a time as 2026-01-02T03:04:05.678Z', (value) => {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isFinite(ms) && new Date(ms).toISOString() === value && value.length === 24;
});
/** As the API takes it: seconds and fractions may be absent. */
export const looseTime = leaf<string>(
  'an RFC 3339 time in UTC',
  (value) =>
    typeof value === 'string' &&
    /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,30})?)?Z$/.test(value) &&
    Number.isFinite(Date.parse(value)),
);

const idOf = (prefix: string) => matching(`an id ${prefix}_…`, new RegExp(`^${prefix}_[a-z2-7]{26}$`));
export const memberId = idOf('mem');
export const apiKeyId = idOf('apk');
export const invitationId = idOf('inv');
export const credentialIdField = idOf('key');
export const holderId = matching('an id of a member or an API key', /^(?:mem|apk)_[a-z2-7]{26}$/);
export const actorId = matching('an id of a credential or an invitation', /^(?:key|inv)_[a-z2-7]{26}$/);
/** `*` stands for all wallet sets that are not named otherwise. */
export const walletSetId = matching('an id of a wallet set, or *', /^(?:\*|wset_[a-z2-7]{26})$/);
export const organizationIdField = matching('an id of an organization', /^org_[a-z2-7]{52}$/);

export const scopeList = listOf(oneOf(scopes), scopes.length);
/** Scopes by wallet set. */
export const scopeMap = mapOf(walletSetId, scopeList, 200);
export const cidrList = listOf(leaf<string>('a CIDR', isCidr), 50);

/** JSON text in its RFC 8785 form: one policy has one text. */
export const canonicalJson = leaf<string>('canonical JSON text of at most 32 KiB', (value) => {
  if (typeof value !== 'string' || value.length > 32_768 || !value.isWellFormed()) return false;
  try {
    return (canonicalize as unknown as (json: unknown) => string)(JSON.parse(value)) === value;
  } catch {
    return false;
  }
});

/** A key that can verify: on its curve, and no point of small order, for which anybody can sign. */
function isPublicKey(algorithm: unknown, publicKey: unknown): boolean {
  try {
    const key = fromBase64url(publicKey as string);
    if (algorithm === 'ed25519') return !ed25519.Point.fromBytes(key, false).isSmallOrder();
    if (key.length !== 65) return false;
    p256.Point.fromBytes(key).assertValidity();
    return true;
  } catch {
    return false;
  }
}

/** An Ed25519 public key. */
export const ed25519Key = leaf<string>('base64url of an Ed25519 public key', (value) =>
  isPublicKey('ed25519', value),
);

/** Of an actor: 64 bytes, or the container of an assertion. */
export const signature = leaf<string>('base64url of 64 bytes, or of an assertion', isSignature);

const keyText = leaf<string>('text', (value) => typeof value === 'string');
const withKey = <T>(shape: Field<T>): Field<T> => ({
  problems: (value, pointer) => {
    const problems = shape.problems(value, pointer);
    if (problems.length > 0) return problems;
    const { algorithm, publicKey } = value as { algorithm: string; publicKey: string };
    return isPublicKey(algorithm, publicKey)
      ? []
      : [{ pointer: `${pointer}/publicKey`, detail: `must be a public key of ${algorithm}` }];
  },
});
/** A key that a program can use: no passkey. */
export const plainKey = withKey(record({ algorithm: oneOf(plainAlgorithms), publicKey: keyText }));

const otherCredential = withKey(
  record({ algorithm: oneOf(algorithms), publicKey: keyText, scopes: scopeList }),
);
const passkeyShape = withKey(
  record({
    algorithm: literal(passkeyAlgorithm),
    publicKey: keyText,
    rpId: leaf<string>('a domain in lower case, or localhost', isRpId),
    origins: listOf(
      leaf<string>('text', (value) => typeof value === 'string'),
      mostOrigins,
    ),
    scopes: scopeList,
  }),
);
const passkeyCredential: Field<Credential> = {
  problems: (value, pointer) => {
    const problems = passkeyShape.problems(value, pointer);
    if (problems.length > 0) return problems;
    const { rpId, origins } = value as { readonly rpId: string; readonly origins: readonly string[] };
    const detail = `must be 1 to ${mostOrigins} origins of ${rpId}: https, or http on localhost`;
    const good = origins.length > 0 && origins.every((origin) => isOriginOf(rpId, origin));
    return good ? [] : [{ pointer: `${pointer}/origins`, detail }];
  },
};
/** Of a person: of any kind. */
export const credential: Field<Credential> = {
  problems: (value, pointer) => {
    const isPasskey = isObject(value) && value['algorithm'] === passkeyAlgorithm;
    return (isPasskey ? passkeyCredential : otherCredential).problems(value, pointer);
  },
};
