/**
 * Exports both audit logs to a folder, page by page: no more than a page is in memory.
 * @module
 */
import type { Planbok } from '../../client/planbok.ts';
import { type Bytes, utf8 } from '../../shared/bytes.ts';
import { canonicalBytes, type Tagged } from '../../shared/intent/canonical.ts';
import { type Command, required } from '../command.ts';
import { writeFolder } from '../export-folder.ts';
import { fields } from '../text.ts';

const nodes = ['node1', 'node2'] as const;
/** Records between two lines of progress. */
const perLine = 5_120;

async function* once(bytes: Bytes): AsyncGenerator<Bytes> {
  yield bytes;
}

export const auditExport: Command = {
  name: 'audit export',
  summary: "Write both nodes' logs to a folder that planbok audit verify checks offline",
  options: { out: { value: 'DIR', help: 'A new folder', required: true } },
  details:
    'Writes DIR.partial, and names it DIR when all is there; an interrupted export is begun anew. The folder holds\nrecords.ndjson, checkpoint and keys.json of each node, and nothing else: docs/audit.md describes the files.',
  async run(context) {
    const { io, values } = context;
    const out = required(context, 'out');
    const { audit } = await context.planbok();
    const trusted = await audit.checkpoints();
    const say = (text: string) => {
      if (values['json'] === undefined) io.err(text);
    };
    await writeFolder(out, async (write) => {
      for (const node of nodes) {
        const { keys, note, size } = trusted[node];
        // An attestation has no type of its own: the document inside has.
        await write(`${node}/keys.json`, once(canonicalBytes(keys as unknown as Tagged)));
        await write(`${node}/checkpoint`, once(utf8(note)));
        const progress = (read: number) => say(`${node}: ${read} of ${size} records\n`);
        await write(`${node}/records.ndjson`, linesOf(audit.records(node, size), progress));
      }
    });
    const sizes = { node1: trusted.node1.size, node2: trusted.node2.size };
    const rows = {
      folder: out,
      'records of node1': String(sizes.node1),
      'records of node2': String(sizes.node2),
    };
    return {
      json: { out, records: sizes },
      text: `${fields(rows)}Check it: planbok audit verify ${out}\n`,
    };
  },
};

type Pages = ReturnType<Planbok['audit']['records']>;

async function* linesOf(pages: Pages, progress: (read: number) => void): AsyncGenerator<Bytes> {
  let read = 0;
  for await (const page of pages) {
    yield utf8(page.map((record) => `${record}\n`).join(''));
    if (Math.floor((read + page.length) / perLine) > Math.floor(read / perLine)) progress(read + page.length);
    read += page.length;
  }
  progress(read);
}
