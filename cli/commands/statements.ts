/**
 * Statements that several people sign: one's own signature on somebody else's, and sending it.
 * @module
 */
import { mergeDrafts } from '../../client/drafts.ts';
import { type Command, listOf } from '../command.ts';
import { createDraftFile, draftText, proposalText, readDraftFile } from '../draft-files.ts';
import { fields, statedText } from '../text.ts';

const cosign: Command = {
  name: 'cosign',
  summary: "Sign somebody else's statement, after showing what it changes: a change of policy, a recovery",
  positionals: ['FILE'],
  options: {
    out: { value: 'FILE', help: 'Another file for the result; the same one if absent' },
    show: { help: 'Only show what it changes' },
  },
  details: `The file comes from planbok policies set --out, or planbok members recover --out. It stands on the newest
statement of the organization: once another one is made, it has to be made and signed again. It is good for a day.`,
  async run(context) {
    const { io, values, positionals } = context;
    const [path = ''] = positionals;
    const { out } = values;
    const draft = await readDraftFile(context, path);
    const { statements } = await context.planbok();
    if (values['show'] !== undefined) {
      const proposal = await statements.read(draft);
      return { json: { statement: draft.statement }, text: proposalText(proposal) };
    }
    const signed = await statements.cosign(draft, (proposal) => {
      if (values['json'] === undefined) io.err(proposalText(proposal));
      return true;
    });
    if (out === undefined) await io.replaceFile(path, draftText(signed));
    else await createDraftFile(context, out, signed);
    const cosigned = signed.cosignatures.map(({ by }) => by).join(' ');
    return {
      json: { file: out ?? path, draft: signed },
      text: fields({ kind: signed.statement.kind, cosigned, file: out ?? path }),
    };
  },
};

const submit: Command = {
  name: 'submit',
  summary: 'Send a statement that others have signed too',
  positionals: ['FILE'],
  options: {
    cosigned: {
      value: 'FILE',
      help: 'The same statement with other signatures; may be repeated',
      multiple: true,
    },
  },
  async run(context) {
    const [path = ''] = context.positionals;
    const others = context.values['cosigned'] === undefined ? [] : listOf(context, 'cosigned');
    const [first, ...more] = await Promise.all([path, ...others].map((one) => readDraftFile(context, one)));
    if (first === undefined) throw new RangeError('there is one at least');
    const draft = mergeDrafts(first, more);
    const stated = await (await context.planbok()).statements.submit(draft);
    const by = draft.cosignatures.map((one) => one.by).join(' ');
    return { json: stated, text: statedText(stated, { kind: stated.kind, cosigned: by }) };
  },
};

export const statementsCommands: readonly Command[] = [cosign, submit];
