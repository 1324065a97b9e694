/**
 * Verifies an export offline: nothing is asked of anybody.
 * @module
 */

import { type Verdict, verifyExport } from '../../shared/audit/verify/verify.ts';
import { escapeText } from '../../shared/chains/display.ts';
import type { Command, Context } from '../command.ts';
import { auditBroken } from '../exit-codes.ts';
import { folderSource } from '../export-folder.ts';
import { pinOptions, readPins } from '../export-pins.ts';
import { fields, timeText } from '../text.ts';

/** Records between two lines of progress. */
const perLine = 100_000;

/** The verdict on a folder, with progress for whoever reads it. @throws {UsageError} if it is no folder */
export async function verifyFolder(context: Context, folder: string): Promise<Verdict> {
  const { io, values } = context;
  const source = await folderSource(folder);
  return verifyExport(source, await readPins(context, source), ({ node, read, size }) => {
    if (values['json'] === undefined && read > 0 && (read % perLine === 0 || read === size))
      io.err(`${node}: ${read} of ${size} records\n`);
  });
}

export function verdictText({ ok, findings, logs, undecided }: Verdict): string {
  const rows = logs.map(({ node, size, cosigned }) => {
    return [`log of ${node}`, `${size} records, cosigned ${timeText(cosigned * 1_000)}`] as const;
  });
  const known = fields(Object.fromEntries(rows));
  const young =
    undecided > 0
      ? `${undecided} effects or promises are too young for the other log to have to know them\n`
      : '';
  if (ok) return `${known}${young}Both logs hold.\n`;
  const lines = findings.map(({ code, file, detail }) => escapeText(`${code}: ${file}: ${detail}`));
  return `${known}${lines.join('\n')}\nThis export does not hold: ${findings[0]?.code}\n`;
}

export const auditVerify: Command = {
  name: 'audit verify',
  summary: 'Check an export offline: signatures, every record, that both logs agree',
  positionals: ['DIR'],
  options: pinOptions,
  details:
    'Exit code 0, or 14 with the code of what is wrong first. Any change of any byte of any file, and any file that\ndoes not belong there, is found. What the codes mean stands in docs/audit.md.',
  async run(context) {
    const verdict = await verifyFolder(context, context.positionals[0] ?? '');
    const code = verdict.findings[0]?.code;
    return {
      json: { ...verdict, ...(code !== undefined && { code }) },
      text: verdictText(verdict),
      exit: verdict.ok ? 0 : auditBroken,
    };
  },
};
