/**
 * Statements on their way from hand to hand, as files, and what they say.
 * @module
 */
import { type Proposal, readDraft, type StatementDraft } from '../client/drafts.ts';
import { PlanbokError } from '../client/errors.ts';
import { escapeText } from '../shared/chains/display.ts';
import { parsePolicy } from '../shared/policy/policy.ts';
import { policyText } from '../shared/registry/policy-change.ts';
import { entry, type Registry } from '../shared/registry/registry.ts';
import { type Context, type Outcome, UsageError } from './command.ts';
import { readJsonFile } from './json-files.ts';
import { changeWords, policyWords } from './policy-words.ts';
import { fields } from './text.ts';

/** @throws {UsageError} */
export async function readDraftFile(context: Context, path: string): Promise<StatementDraft> {
  const json = await readJsonFile(context, path);
  try {
    return readDraft(json);
  } catch (cause) {
    const why = cause instanceof PlanbokError ? cause.message : 'unreadable';
    throw new UsageError(`${path} is not a statement for others to sign: ${why}`, { cause });
  }
}

export const draftText = (draft: StatementDraft): string => `${JSON.stringify(draft, null, 2)}\n`;

/** @throws {UsageError} if there is such a file */
export async function createDraftFile({ io }: Context, path: string, draft: StatementDraft): Promise<void> {
  try {
    await io.createSecret(path, draftText(draft));
  } catch (cause) {
    const there = (cause as { code?: string }).code === 'EEXIST';
    throw new UsageError(there ? `${path} is there already` : `${path} cannot be made`, { cause });
  }
}

/** Of a command whose statement others have to sign: the file, and what to do with it. */
export async function drafted(context: Context, path: string, draft: StatementDraft): Promise<Outcome> {
  await createDraftFile(context, path, draft);
  const { kind, seq } = draft.statement;
  const next = `planbok cosign ${path} by the others, then planbok submit ${path}; before any other statement`;
  return { json: { file: path, draft }, text: fields({ kind, statement: seq, file: path, next }) };
}

const wordsOf = (text: string | undefined): readonly string[] => {
  if (text === undefined) return [];
  try {
    return policyWords(parsePolicy(JSON.parse(text)));
  } catch {
    return [`not readable by this version: ${text}`];
  }
};

const nameOf = ({ members }: Registry, id: string): string => {
  const member = entry(members, id);
  return member === undefined ? id : `${id} (${escapeText(member.name)}, ${member.role})`;
};

/** What a statement would change, for whoever is asked to sign it. */
export function proposalText({ statement, before }: Proposal): string {
  const maker = entry(before.credentials, statement.actor)?.holder ?? statement.actor;
  const head = { by: nameOf(before, maker), created: statement.created, statement: statement.seq };
  if (statement.kind === 'policy.set') {
    const { walletSet, policy } = statement;
    const lines = changeWords(wordsOf(policyText(before, walletSet)), wordsOf(policy));
    const what = `the policy of ${walletSet === '*' ? 'all wallet sets without their own' : walletSet}`;
    return `${fields({ changes: what, ...head })}${lines.map((line) => `${escapeText(line)}\n`).join('')}`;
  }
  if (statement.kind === 'recovery.credential') {
    const { member, credential } = statement;
    const { algorithm, publicKey, scopes } = credential;
    return fields({
      changes: `a new credential for ${nameOf(before, member)}, after a delay; the ones before end then`,
      ...head,
      key: `${algorithm} ${publicKey}`,
      scopes: scopes.join(','),
    });
  }
  return fields({ changes: statement.kind, ...head });
}
