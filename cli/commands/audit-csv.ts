/**
 * An export as a table for spreadsheets, beside the folder: the folder stays what it was.
 * @module
 */
import { readRecord, recordId } from '../../shared/audit/record.ts';
import { linesIn } from '../../shared/audit/verify/formats.ts';
import { type Bytes, utf8 } from '../../shared/bytes.ts';
import { type Command, required } from '../command.ts';
import { auditBroken } from '../exit-codes.ts';
import { folderSource, replaceWith } from '../export-folder.ts';
import { pinOptions } from '../export-pins.ts';
import { verdictText, verifyFolder } from './audit-verify.ts';

const columns = ['actor', 'role', 'action', 'object', 'operation', 'policy', 'phase', 'previous'] as const;
const heads = ['log', 'index', 'time', ...columns, 'record'];

/**
 * RFC 4180, every cell in quotes. A spreadsheet takes what begins with one of these characters for a formula:
 * it gets an apostrophe before it.
 */
export const csvCell = (text: string): string =>
  `"${/^[=+\-@\t\r\n]/.test(text) ? "'" : ''}${text.replaceAll('"', '""')}"`;

const csvLine = (cells: readonly string[]): string => `${cells.map(csvCell).join(',')}\r\n`;

function rowOf(node: string, index: number, leaf: Bytes): string {
  const record = readRecord(leaf);
  const time = new Date(Number(record.time)).toISOString();
  return csvLine([node, String(index), time, ...columns.map((name) => record[name]), recordId(leaf)]);
}

async function* tableOf(folder: string): AsyncGenerator<Bytes> {
  const source = await folderSource(folder);
  yield utf8(csvLine(heads));
  for (const node of ['node1', 'node2']) {
    let index = 0;
    for await (const lines of linesIn(source.read(`${node}/records.ndjson`)))
      yield utf8(lines.map((line) => rowOf(node, index++, line)).join(''));
  }
}

export const auditCsv: Command = {
  name: 'audit csv',
  summary: 'Write the records of an export that holds to a CSV file',
  positionals: ['DIR'],
  options: { out: { value: 'FILE', help: 'Is replaced; not inside DIR', required: true }, ...pinOptions },
  async run(context) {
    const [folder = ''] = context.positionals;
    const out = required(context, 'out');
    const verdict = await verifyFolder(context, folder);
    if (!verdict.ok) return { json: verdict, text: verdictText(verdict), exit: auditBroken };
    await replaceWith(out, tableOf(folder));
    return { json: { out }, text: `${out}\n` };
  },
};
