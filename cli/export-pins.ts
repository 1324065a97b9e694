/**
 * What an export is verified against: the organization and both identities, from the credential file or, for an
 * outsider, from the command line; and the checkpoints that were kept.
 * @module
 */
import { sizeAndRoot } from '../client/checkpoint-store.ts';
import { wholeFile } from '../shared/audit/verify/formats.ts';
import { type ExportSource, originOf, type Pins } from '../shared/audit/verify/verify.ts';
import { type Bytes, fromBase64url, utf8 } from '../shared/bytes.ts';
import type { NodeName } from '../shared/crypto/attestation.ts';
import { pointOfSpki } from '../shared/crypto/spki.ts';
import { checkpointFile, readCheckpoints } from './checkpoint-file.ts';
import { type Context, listOf, UsageError } from './command.ts';
import { readOwnerFile } from './place.ts';

export const pinOptions = {
  organization: { value: 'ID', help: 'Whose logs they are; the credential file says so if absent' },
  identity: {
    value: 'NODE=KEY',
    help: 'Identity key of a node as in GET /v1/attestations, for node1 and node2, from a source that you trust',
    multiple: true,
  },
  kept: {
    value: 'FILE',
    help: 'Checkpoints that were seen earlier: a note, or a FILE.checkpoints of this command line',
  },
} as const;

const nodes = ['node1', 'node2'] as const;

/**
 * @param source what is verified: of what this command line saw by itself, it may be older
 * @throws {UsageError}; {PlanbokError} `credential_unknown` without a credential file, and without options
 */
export async function readPins(context: Context, source: ExportSource): Promise<Pins> {
  const { io, where, values } = context;
  const outsider = values['organization'] !== undefined || values['identity'] !== undefined;
  const { organization, identities } = outsider ? given(context) : await readOwnerFile(io, where);
  const keys = { node1: fromBase64url(identities.node1), node2: fromBase64url(identities.node2) };
  const named = values['kept'] !== undefined;
  const kept =
    named || !outsider ? await readKept(context, organization, named ? undefined : source) : undefined;
  return { organization, identities: keys, ...(kept && { kept }) };
}

function given(context: Context): {
  readonly organization: string;
  readonly identities: Record<NodeName, string>;
} {
  const { organization } = context.values;
  const pairs = listOf(context, 'identity').map((pair) => pair.split('='));
  const found = Object.fromEntries(pairs) as Partial<Record<NodeName, string>>;
  const { node1, node2 } = found;
  if (organization === undefined || node1 === undefined || node2 === undefined || pairs.length !== 2)
    throw new UsageError('without a credential: --organization ID --identity node1=KEY --identity node2=KEY');
  for (const node of nodes) {
    try {
      pointOfSpki(fromBase64url(found[node] ?? ''));
    } catch (cause) {
      throw new UsageError(`the identity of ${node} is not base64url of a P-256 public key`, { cause });
    }
  }
  return { organization, identities: { node1, node2 } };
}

/** @param source of checkpoints that nobody named, only those count that are not newer than the export */
async function readKept(
  { io, where, values }: Context,
  organization: string,
  source: ExportSource | undefined,
): Promise<Pins['kept']> {
  const path = values['kept'] ?? checkpointFile(where);
  const named = source === undefined;
  const notes = (named ? await readNote(io, path) : undefined) ?? (await keptNotes(io, path));
  if (named && notes === undefined) throw new UsageError(`there is no ${path}`);
  const found: [NodeName, Bytes][] = [];
  for (const node of nodes) {
    const note = notes?.find((one) => one.startsWith(`${originOf(node, organization)}\n`));
    if (note === undefined) continue;
    if (named || sizeOf(note) <= (await sizeIn(source, node))) found.push([node, utf8(note)]);
    else if (values['json'] === undefined)
      io.err(`${node}: this export is older than what was seen of the log since\n`);
  }
  if (named && found.length === 0) throw new UsageError(`${path} holds no checkpoint of these logs`);
  return Object.fromEntries(found);
}

const sizeOf = (note: string): number => sizeAndRoot({ note, publicKey: '' }).size;

/** That its checkpoint says; none if there is no checkpoint to read. */
async function sizeIn(source: ExportSource, node: NodeName): Promise<number> {
  try {
    const note = await wholeFile(source.read(`${node}/checkpoint`), 65_536);
    return sizeOf(new TextDecoder().decode(note));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

const keptNotes = async (io: Context['io'], path: string): Promise<string[] | undefined> => {
  const kept = await readCheckpoints(io, path);
  return kept && Object.values(kept.checkpoints).map(({ note }) => note);
};

/** The file as one note, if it is one. */
async function readNote(io: Context['io'], path: string): Promise<string[] | undefined> {
  try {
    const note = new TextDecoder('utf-8', { fatal: true }).decode(await io.readFile(path));
    sizeOf(note);
    return [note];
  } catch {
    return undefined;
  }
}
