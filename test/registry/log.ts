/**
 * An organization that grows statement by statement, with everybody's keys at hand.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { verifyWithOpenssl } from '../../functions/authenticate.ts';
import { toBase32, toBase64url } from '../../shared/bytes.ts';
import { CustodyError } from '../../shared/errors.ts';
import { draft } from '../../shared/registry/head.ts';
import type { Content, LaterStatement, Role } from '../../shared/registry/kinds.ts';
import { reduce, type SignedLater } from '../../shared/registry/reduce.ts';
import { found, type Registry } from '../../shared/registry/registry.ts';
import {
  type Cosignature,
  credentialId,
  type FoundingStatement,
  type PlainKey,
  type PublicKey,
  publicKeyOf,
  type Scope,
  type SignedStatement,
  statementBytes,
} from '../../shared/registry/statement.ts';

export const fresh = (n: number): Uint8Array => new Uint8Array(randomBytes(n));

export const startMs = Date.parse('2026-01-01T00:00:00.000Z');
export const hour = 3_600_000;
export const day = 24 * hour;
export const iso = (ms: number): string => new Date(ms).toISOString();
export const all: readonly Scope[] = ['view', 'create_wallet', 'sign', 'sign_raw', 'approve'];
export const verify = verifyWithOpenssl;

/** Somebody who can state something. */
export interface Signer {
  readonly id: string;
  readonly sign: (message: Uint8Array) => Uint8Array;
}
export interface Key extends PlainKey, Signer {}

export function newKey(algorithm: PlainKey['algorithm'] = 'ed25519'): Key {
  const { publicKey: pub, privateKey: secret } =
    algorithm === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = pub.export({ format: 'der', type: 'spki' });
  const publicKey = toBase64url(new Uint8Array(spki.subarray(algorithm === 'ed25519' ? -32 : -65)));
  const signed = (message: Uint8Array) =>
    algorithm === 'ed25519'
      ? sign(null, message, secret)
      : sign('sha256', message, { key: secret, dsaEncoding: 'ieee-p1363' });
  return {
    algorithm,
    publicKey,
    id: credentialId({ algorithm, publicKey }),
    sign: (message) => new Uint8Array(signed(message)),
  };
}

export const publicOf = ({ algorithm, publicKey }: PlainKey): PlainKey => ({ algorithm, publicKey });
export const credentialOf = (key: PublicKey, scopes: readonly Scope[] = all) => ({
  ...publicKeyOf(key),
  scopes,
});
export const id = (prefix: 'mem' | 'apk' | 'inv' | 'wset'): string => `${prefix}_${toBase32(fresh(16))}`;

export const signature = (key: Signer, statement: { readonly type: string }): string =>
  toBase64url(key.sign(statementBytes(statement)));

export function foundingOf(key: Signer & PublicKey, scopes: readonly Scope[] = all): SignedStatement {
  const statement: FoundingStatement = {
    type: 'planbok/statement/v1',
    kind: 'organization.found',
    name: 'Acme',
    owner: { name: 'Ada', credential: credentialOf(key, scopes) },
    created: iso(startMs),
    nonce: toBase64url(fresh(16)),
  };
  return { statement, signature: signature(key, statement) };
}

/** The code of the error that it ends with, or nothing. */
export function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof CustodyError) return error.code;
    throw error;
  }
  return undefined;
}

export interface Others {
  /** Signs instead of the actor. */
  readonly as?: Signer;
  readonly entity?: Key;
  readonly previous?: Key;
  readonly cosigners?: readonly Signer[];
}

export interface Organization {
  readonly owner: Key;
  readonly ownerId: string;
  readonly log: [SignedStatement, ...SignedLater[]];
  registry: Registry;
  nowMs: number;
  signed(actor: Signer | string, content: Content, others?: Others): SignedLater;
  /** States it a second later, and it holds. */
  say(actor: Signer | string, content: Content, others?: Others): void;
  /** The code with which it is refused; nothing changes. */
  refusal(actor: Signer | string, content: Content, others?: Others): string | undefined;
  member(role: Role, scopes?: readonly Scope[]): { readonly key: Key; readonly id: string };
  apiKey(
    scopes: Readonly<Record<string, readonly Scope[]>>,
    more?: object,
  ): { readonly key: Key; readonly id: string };
}

/** A log, its state, and a clock. The founder's credential has these scopes. */
export function organization(scopes: readonly Scope[] = all): Organization {
  const owner = newKey();
  const founding = foundingOf(owner, scopes);
  const registry = found(founding, verify);
  const org: Organization = {
    owner,
    ownerId: Object.keys(registry.members)[0] as string,
    log: [founding],
    registry,
    nowMs: startMs,
    signed(actor, content, { as, entity, previous, cosigners = [] } = {}) {
      const name = typeof actor === 'string' ? actor : actor.id;
      const when = { nowMs: org.nowMs, nonce: fresh(16) };
      const statement = draft(org.registry, name, content, when) as LaterStatement;
      const by = (who: string, key: Signer | undefined): Cosignature[] =>
        key ? [{ by: who, signature: signature(key, statement) }] : [];
      const cosignatures = [
        ...by('entity', entity),
        ...by('previous_entity', previous),
        ...cosigners.flatMap((key) => by(key.id, key)),
      ];
      const own = { statement, signature: signature(as ?? (actor as Signer), statement) };
      return cosignatures.length > 0 ? { ...own, cosignatures } : own;
    },
    say(actor, content, others) {
      org.nowMs += 1_000;
      const signed = org.signed(actor, content, others);
      org.registry = reduce(org.registry, signed, { verify, nowMs: org.nowMs });
      org.log.push(signed);
    },
    refusal(actor, content, others) {
      const signed = org.signed(actor, content, others);
      return codeOf(() => reduce(org.registry, signed, { verify, nowMs: org.nowMs }));
    },
    member(role, own = all) {
      const [key, member] = [newKey(), id('mem')];
      const credential = credentialOf(key, own);
      org.say(owner, { kind: 'member.add', member, name: `a ${role}`, role, credential });
      return { key, id: member };
    },
    apiKey(given, more = {}) {
      const [key, apiKey] = [newKey(), id('apk')];
      const rest = { name: 'a key', role: 'member', credential: publicOf(key), scopes: given } as const;
      org.say(owner, { kind: 'api_key.create', apiKey, ...rest, ...more });
      return { key, id: apiKey };
    },
  };
  return org;
}
