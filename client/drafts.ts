/**
 * Statements that more than one person signs: made by one, handed on as a document, cosigned by others, sent
 * by anybody. A draft stands on the head that its maker saw; once the registry has moved on it is worth nothing.
 * @module
 */
import { toBase64url } from '../shared/bytes.ts';
import { CustodyError } from '../shared/errors.ts';
import { draft as drafted } from '../shared/registry/head.ts';
import type { Content, LaterStatement } from '../shared/registry/kinds.ts';
import { countsForChange } from '../shared/registry/policy-change.ts';
import { preview, reduce, type SignedLater } from '../shared/registry/reduce.ts';
import { assertForm, entry, headOf, type Registry } from '../shared/registry/registry.ts';
import { type Cosignature, statementBytes } from '../shared/registry/statement.ts';
import type { Identities } from './address-proof.ts';
import { locally, PlanbokError } from './errors.ts';
import { type RegistryClient, type Stated, submit } from './registry.ts';
import type { Session } from './session.ts';

export interface StatementDraft {
  readonly type: 'planbok/statement-draft/v1';
  readonly statement: LaterStatement;
  /** Its maker's. */
  readonly signature: string;
  readonly cosignatures: readonly Cosignature[];
}

/** What a cosigner sees: the statement, and the registry before it, as computed here. */
export interface Proposal {
  readonly statement: LaterStatement;
  readonly before: Registry;
}

/** The signatures that are missing still are no fault of a draft. */
const unfinished: readonly string[] = ['approval_required', 'cosignatures_missing'];

/** @throws {PlanbokError} what the reducer refuses, but for missing signatures */
function assertPossible(run: () => unknown): void {
  locally(() => {
    try {
      run();
    } catch (error) {
      if (!(error instanceof CustodyError && unfinished.includes(error.code))) throw error;
    }
  });
}

const signedOf = ({ statement, signature, cosignatures }: StatementDraft): SignedLater => ({
  statement,
  signature,
  ...(cosignatures.length > 0 && { cosignatures }),
});

/** @throws {PlanbokError} `request_invalid`, `statement_refused` unless it is a draft of this form */
export function readDraft(json: unknown): StatementDraft {
  const { type, ...signed } = (json ?? {}) as Record<string, unknown>;
  if (type !== 'planbok/statement-draft/v1')
    throw new PlanbokError('request_invalid', 'not a statement for others to sign, of version 1');
  if (!Array.isArray(signed['cosignatures']))
    throw new PlanbokError('request_invalid', 'the draft has no list of cosignatures');
  locally(() => assertForm(signed));
  return json as StatementDraft;
}

/** @throws {PlanbokError} `statement_conflict` unless all are of the same statement */
export function mergeDrafts(first: StatementDraft, others: readonly StatementDraft[]): StatementDraft {
  const head = headOf(first.statement);
  const all = [first, ...others];
  if (all.some(({ statement, signature }) => headOf(statement) !== head || signature !== first.signature))
    throw new PlanbokError('statement_conflict', 'these are drafts of different statements');
  const byName = new Map(all.flatMap((one) => one.cosignatures.map((own) => [own.by, own] as const)));
  return { ...first, cosignatures: [...byName.values()] };
}

export function draftsOf(session: Session, registry: RegistryClient, identities: Identities) {
  const [, own = ''] = session.signer.keyId.split('/');

  /** The registry that the draft stands on. @throws {PlanbokError} `statement_conflict`, `statement_refused` */
  async function baseOf({ statement }: StatementDraft): Promise<Registry> {
    const known = await registry.refresh();
    if (statement.organization !== known.organization)
      throw new PlanbokError('statement_refused', `the draft is for ${statement.organization}`);
    if (Number(statement.seq) !== Number(known.seq) + 1 || statement.previous !== known.last)
      throw new PlanbokError(
        'statement_conflict',
        `the draft stands on statement ${Number(statement.seq) - 1}, the registry is at ${known.seq}: it has to be made and signed again`,
      );
    return known;
  }

  /** @throws {PlanbokError} `approver_refused` */
  function assertCounts(before: Registry, statement: LaterStatement): void {
    const holderOf = (credential: string) => entry(before.credentials, credential)?.holder;
    const isOther = holderOf(own) !== undefined && holderOf(own) !== holderOf(statement.actor);
    const isAsked =
      statement.kind === 'policy.set'
        ? countsForChange(before, statement.actor, statement.walletSet, own)
        : statement.kind === 'recovery.credential' && holderOf(own) !== statement.member;
    if (!(isOther && isAsked))
      throw new PlanbokError('approver_refused', 'this credential is not asked to sign this statement');
    assertPossible(() => preview(before, statement, [own]));
  }

  return {
    /** Signs a statement that others have to sign too; nothing is sent. @throws {PlanbokError} */
    async draft(content: Content): Promise<StatementDraft> {
      const base = await registry.refresh();
      const when = { nowMs: session.now(), nonce: session.random(16) };
      const statement = drafted(base, own, content, when) as LaterStatement;
      assertPossible(() => preview(base, statement));
      const signature = toBase64url(await session.signer.sign(statementBytes(statement)));
      return { type: 'planbok/statement-draft/v1', statement, signature, cosignatures: [] };
    },
    /** What the draft says, and the registry before it; its maker's signature holds. @throws {PlanbokError} */
    async read(draft: StatementDraft): Promise<Proposal> {
      const before = await baseOf(draft);
      assertPossible(() => reduce(before, signedOf(draft)));
      return { statement: draft.statement, before };
    },
    /**
     * The draft with this credential's signature more.
     * @param confirm sees what would change; anything but true, and nothing is signed
     * @throws {PlanbokError} `not_confirmed`; `approver_refused` if this credential's signature would not count
     */
    async cosign(
      draft: StatementDraft,
      confirm: (proposal: Proposal) => boolean | Promise<boolean>,
    ): Promise<StatementDraft> {
      const { statement, before } = await this.read(draft);
      assertCounts(before, statement);
      if ((await confirm({ statement, before })) !== true)
        throw new PlanbokError('not_confirmed', 'the statement was not confirmed: it was not signed');
      const signature = toBase64url(await session.signer.sign(statementBytes(statement)));
      const others = draft.cosignatures.filter(({ by }) => by !== own);
      return { ...draft, cosignatures: [...others, { by: own, signature }] };
    },
    /** Sends it, once it has all the signatures that it needs. @throws {PlanbokError} */
    async submit(draft: StatementDraft): Promise<Stated> {
      const before = await baseOf(draft);
      const signed = signedOf(draft);
      const after = locally(() => reduce(before, signed, { nowMs: session.now() }));
      const stated = await submit(session, identities, signed, after);
      await registry.refresh();
      return stated;
    },
  };
}
