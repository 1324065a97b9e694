/**
 * The one function that both nodes, the SDK and every verifier run: the registry and the next statement give
 * the registry after it, or a refusal. Nothing but its arguments goes in.
 * @module
 */
import { CustodyError } from '../errors.ts';
import { type Acting, stating } from './acting.ts';
import { keyEffects } from './effects-keys.ts';
import { memberEffects } from './effects-members.ts';
import type { Kind, LaterStatement } from './kinds.ts';
import { changeQuorum } from './policy-change.ts';
import { assertForm, entry, headOf, headsKept, type Registry, signs } from './registry.ts';
import { administers } from './roles.ts';
import {
  type PublicKey,
  type SignedStatement,
  statementBytes,
  statementHash,
  type Verify,
  verifyWithCredential,
} from './statement.ts';

export type SignedLater = SignedStatement<LaterStatement>;

export interface ReduceOptions {
  /** The clock of a node that takes the statement in. Without it, the log is replayed. */
  readonly nowMs?: number;
  readonly verify?: Verify;
}

/** How far a statement may be older than the one before it. */
export const backwardsToleranceMs = 120_000;
/** How old a statement may be when a node takes it in, and how far ahead of the node's clock. */
export const intakeWindow = { oldMs: 600_000, cosignedOldMs: 86_400_000, aheadMs: 30_000 } as const;

const effects = { ...memberEffects, ...keyEffects };

/** The effect's own type follows its kind, which the compiler does not see through the lookup. */
const effectOf = (kind: Kind) => effects[kind] as (acting: Acting, statement: LaterStatement) => Registry;

/**
 * The registry after the statement.
 * @throws {CustodyError} `statement_refused`: not of the form, for another organization, or at odds with
 * what is known; `statement_conflict`: not the next one; `credential_unknown`, `credential_inactive`,
 * `signature_invalid`, `invitation_unusable`: not the word of one who is known; `role_missing`,
 * `grant_refused`, `cosignatures_missing`, `last_owner`: not theirs to say; `approval_required`: a policy that
 * guards its own change.
 */
export function reduce(registry: Registry, signed: SignedLater, options: ReduceOptions = {}): Registry {
  const { verify = verifyWithCredential } = options;
  assertForm(signed);
  const { statement, signature } = signed;
  if ((statement.kind as string) === 'organization.found')
    throw new CustodyError('statement_refused', 'the organization is founded');
  assertNext(registry, statement);
  const time = timeAfter(registry, statement, options.nowMs);
  const message = statementBytes(statement);
  if (!signs(verify, actorKey(registry, statement, time), message, signature))
    throw new CustodyError('signature_invalid', 'the statement is not signed by its actor');
  const cosignatures = signed.cosignatures ?? [];
  const cosigned = (key: PublicKey, by: string) =>
    cosignatures.some((one) => one.by === by && signs(verify, key, message, one.signature));
  return advanced(registry, statement, { registry, time, cosignatures, cosigned });
}

/**
 * Would the statement be accepted from its actor? For a preview, or before it is signed. Cosignatures count
 * as given.
 * @throws {CustodyError} as {@link reduce}
 */
export function preview(
  registry: Registry,
  statement: LaterStatement,
  cosigners: readonly string[] = [],
): Registry {
  const signature = 'A'.repeat(86);
  const cosignatures = cosigners.map((by) => ({ by, signature }));
  return reduce(registry, { statement, signature, cosignatures }, { verify: () => true });
}

function assertNext(registry: Registry, { organization, seq, previous }: LaterStatement): void {
  if (organization !== registry.organization)
    throw new CustodyError('statement_refused', 'the statement is for another organization');
  if (Number(seq) !== Number(registry.seq) + 1 || previous !== registry.last)
    throw new CustodyError('statement_conflict', `the statement does not follow number ${registry.seq}`);
}

const later = (a: string, b: string): string => (a > b ? a : b);

function timeAfter(registry: Registry, statement: LaterStatement, nowMs: number | undefined): string {
  const { created } = statement;
  const createdMs = Date.parse(created);
  if (createdMs < Date.parse(registry.time) - backwardsToleranceMs)
    throw new CustodyError('statement_refused', 'the statement is older than the one before it');
  if (nowMs !== undefined) {
    const { oldMs, cosignedOldMs, aheadMs } = intakeWindow;
    const oldest = needsOthers(registry, statement) ? cosignedOldMs : oldMs;
    if (createdMs < nowMs - oldest || createdMs > nowMs + aheadMs)
      throw new CustodyError('statement_refused', 'the statement is not of now');
  }
  return later(created, registry.time);
}

/** Cosignatures of people take their time. */
const needsOthers = (registry: Registry, statement: LaterStatement): boolean =>
  statement.kind === 'recovery.credential' ||
  (statement.kind === 'policy.set' && changeQuorum(registry, statement.walletSet) !== undefined);

/** The key that must have signed, as of this point of the log. */
function actorKey(registry: Registry, { kind, actor }: LaterStatement, time: string): PublicKey {
  if (kind !== 'invitation.accept') return stating(registry, actor, time);
  const invitation = entry(registry.invitations, actor);
  if (!invitation) throw new CustodyError('invitation_unusable', 'no such invitation is open');
  if (invitation.expires <= time) throw new CustodyError('invitation_unusable', 'the invitation is over');
  return { algorithm: 'ed25519', publicKey: invitation.publicKey };
}

function advanced(registry: Registry, statement: LaterStatement, acting: Acting): Registry {
  const after = effectOf(statement.kind)(acting, statement);
  assertOwned(registry, after, acting.time);
  const head = headOf(statement);
  return {
    ...after,
    head,
    last: statementHash(statement),
    seq: statement.seq,
    time: acting.time,
    heads: [...registry.heads, head].slice(-headsKept),
  };
}

/** Can an Owner act now, and one for good? `full`: with a credential that administers. */
function owned({ members, credentials }: Registry, time: string, full: boolean): boolean {
  const theirs = Object.values(credentials).filter(
    ({ holder, scopes }) =>
      entry(members, holder)?.role === 'owner' &&
      (!full || administers.every((scope) => scopes.includes(scope))),
  );
  return (
    theirs.some(({ until }) => until === undefined) &&
    theirs.some(({ from = '', until = '~' }) => from <= time && time < until)
  );
}

/** At least one Owner who can administer, always; if the founder never could, at least one Owner. */
function assertOwned(before: Registry, after: Registry, time: string): void {
  if (!owned(after, time, owned(before, time, true)))
    throw new CustodyError('last_owner', 'this would leave no Owner who can act');
}
