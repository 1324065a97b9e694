/**
 * `planbok`: the client on the command line.
 * @module
 */
import { parseArgs } from 'node:util';
import { PlanbokError } from '../client/errors.ts';
import { escapeText } from '../shared/chains/display.ts';
import { CustodyError } from '../shared/errors.ts';
import {
  type Command,
  type Context,
  commandHelp,
  globalOptions,
  overview,
  UsageError,
  type Values,
} from './command.ts';
import { apiKeysCommands } from './commands/api-keys.ts';
import { approvalsCommands } from './commands/approvals.ts';
import { approve } from './commands/approve.ts';
import { auditCommands } from './commands/audit.ts';
import { auditCsv } from './commands/audit-csv.ts';
import { auditExport } from './commands/audit-export.ts';
import { auditVerify } from './commands/audit-verify.ts';
import { chains } from './commands/chains.ts';
import { credentialsCommands } from './commands/credentials.ts';
import { doctor } from './commands/doctor.ts';
import { events } from './commands/events.ts';
import { health } from './commands/health.ts';
import { invitationCommands } from './commands/invitations.ts';
import { joiningCommands } from './commands/joining.ts';
import { mailInvitationCommands } from './commands/mail-invitations.ts';
import { membersCommands } from './commands/members.ts';
import { orgShow } from './commands/org-show.ts';
import { orgTransferOwnership } from './commands/org-transfer-ownership.ts';
import { policiesCommands } from './commands/policies.ts';
import { scopesSet } from './commands/scopes-set.ts';
import { sign } from './commands/sign.ts';
import { signaturesGet } from './commands/signatures-get.ts';
import { signaturesList } from './commands/signatures-list.ts';
import { signaturesPreview } from './commands/signatures-preview.ts';
import { statementsCommands } from './commands/statements.ts';
import { tokensCommands } from './commands/tokens.ts';
import { walletSetsCreate } from './commands/wallet-sets-create.ts';
import { walletSetsGet } from './commands/wallet-sets-get.ts';
import { walletSetsList } from './commands/wallet-sets-list.ts';
import { walletsCreate } from './commands/wallets-create.ts';
import { walletsGet } from './commands/wallets-get.ts';
import { walletsList } from './commands/wallets-list.ts';
import { walletsProof } from './commands/wallets-proof.ts';
import { walletsVerifyAddress } from './commands/wallets-verify-address.ts';
import { webhooksCommands } from './commands/webhooks.ts';
import { contextOf, type Session } from './context.ts';
import { exitCodeOf } from './exit-codes.ts';
import { type Io, processIo } from './io.ts';
import { explainSilence } from './place.ts';

export const commands: readonly Command[] = [
  walletSetsCreate,
  walletSetsList,
  walletSetsGet,
  walletsCreate,
  walletsList,
  walletsGet,
  walletsProof,
  walletsVerifyAddress,
  sign,
  signaturesPreview,
  signaturesGet,
  signaturesList,
  approve,
  ...approvalsCommands,
  ...policiesCommands,
  ...statementsCommands,
  ...auditCommands,
  auditExport,
  auditVerify,
  auditCsv,
  orgShow,
  orgTransferOwnership,
  ...membersCommands,
  ...joiningCommands,
  ...invitationCommands,
  ...mailInvitationCommands,
  ...credentialsCommands,
  scopesSet,
  ...apiKeysCommands,
  events,
  ...webhooksCommands,
  ...tokensCommands,
  chains,
  health,
  doctor,
];

/** The command that the first words name, and what stands behind them. */
function findCommand(argv: readonly string[]): { command: Command; rest: string[] } | undefined {
  for (const words of [2, 1]) {
    const command = commands.find(({ name }) => name === argv.slice(0, words).join(' '));
    if (command) return { command, rest: argv.slice(words) };
  }
  return undefined;
}

/** @throws {UsageError} */
function parse(command: Command, args: string[]): { values: Values; positionals: string[] } {
  const options = { ...globalOptions, ...command.options };
  const config = Object.fromEntries(
    Object.entries(options).map(([name, { value, multiple = false }]) => [
      name,
      {
        type: value ? ('string' as const) : ('boolean' as const),
        multiple,
        ...(name === 'help' && { short: 'h' }),
      },
    ]),
  );
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args, options: config, allowPositionals: true, strict: true });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : 'not understood', { cause });
  }
  const { positionals } = parsed;
  const values = Object.fromEntries(
    Object.entries(parsed.values).map(([name, value]) => [name, String(value)]),
  );
  return { values, positionals };
}

/** @throws {UsageError} */
function checkGiven(command: Command, values: Values, positionals: readonly string[]): void {
  const wanted = command.positionals ?? [];
  if (positionals.length < wanted.length) throw new UsageError(`${wanted[positionals.length]} is missing`);
  if (positionals.length > wanted.length)
    throw new UsageError(`not understood: ${positionals[wanted.length]}`);
  for (const [name, { required }] of Object.entries(command.options ?? {}))
    if (required && (values[name] ?? '') === '') throw new UsageError(`--${name} is missing`);
}

/** Prints what went wrong. @returns the exit code */
async function report(
  io: Io,
  thrown: unknown,
  context: Context | undefined,
  asJson: boolean,
): Promise<number> {
  const known =
    thrown instanceof CustodyError
      ? new PlanbokError(thrown.code, thrown.message, { problems: thrown.problems, cause: thrown })
      : thrown;
  if (!(known instanceof PlanbokError)) {
    const usage = known instanceof UsageError;
    const message = known instanceof Error ? known.message : String(known);
    const code = usage ? 'usage' : 'internal';
    io.err(asJson ? `${JSON.stringify({ error: { code, message } })}\n` : `planbok: ${message}\n`);
    return usage ? 2 : 1;
  }
  const error = context ? await explainSilence(io, context.where, known) : known;
  const { code, message, status, retryable, requestId, idempotencyKey, problems, approval } = error;
  if (asJson) {
    const body = { code, message, status, retryable, requestId, idempotencyKey, problems, approval };
    io.err(`${JSON.stringify({ error: body })}\n`);
  } else {
    io.err(`planbok: ${message} (${code})\n`);
    for (const { pointer, detail } of problems) io.err(`  ${escapeText(`${pointer || '/'}: ${detail}`)}\n`);
    if (requestId !== undefined) io.err(`  request ${requestId}\n`);
    if (approval !== undefined)
      io.err(
        `  It is kept until ${approval.expires}. For others: planbok approvals approve ${approval.id}\n  To go on then: planbok approvals continue ${approval.id}, or the same with --idempotency-key ${approval.idempotencyKey}\n`,
      );
    else if (code === 'approval_required' && idempotencyKey !== undefined)
      io.err(
        `  For others to approve it: planbok approve with the same payload and --idempotency-key ${idempotencyKey}\n`,
      );
    if (retryable && idempotencyKey !== undefined)
      io.err(`  To ask again for the same thing, add --idempotency-key ${idempotencyKey}\n`);
  }
  return exitCodeOf(code);
}

/**
 * Runs one command line.
 * @param argv without the program's own name.
 * @returns the exit code: see `exit-codes.ts`
 */
export async function run(argv: readonly string[], io: Io = processIo): Promise<number> {
  const asJson = argv.includes('--json');
  const words = argv.filter((word) => !word.startsWith('-') && word !== 'help');
  const found = findCommand(argv[0] === 'help' ? argv.slice(1) : argv);
  if (!found) {
    const within = commands.filter(({ name }) => name.split(' ')[0] === words[0]);
    if (words.length === 0 || (within.length > 0 && words.length === 1)) {
      io.out(within.length > 0 ? overview(within, words[0]) : overview(commands));
      return words.length === 0 || argv.some((word) => ['-h', '--help', 'help'].includes(word)) ? 0 : 2;
    }
    return report(
      io,
      new UsageError(`no such command: ${words.join(' ')}; planbok help lists them`),
      undefined,
      asJson,
    );
  }
  const { command, rest } = found;
  let session: Session | undefined;
  try {
    const { values, positionals } = parse(command, rest);
    if (values['help'] !== undefined || argv[0] === 'help') {
      io.out(commandHelp(command));
      return 0;
    }
    checkGiven(command, values, positionals);
    session = contextOf(io, values, positionals);
    const { json, text, exit = 0 } = await command.run(session.context);
    // What follows events has printed them itself.
    if (!asJson) io.out(text);
    else if (json !== undefined) io.out(`${JSON.stringify(json)}\n`);
    return exit;
  } catch (error) {
    const hinted =
      error instanceof UsageError
        ? new UsageError(`${error.message}; planbok ${command.name} --help says more`)
        : error;
    return report(io, hinted, session?.context, asJson);
  } finally {
    await session?.remember();
  }
}
