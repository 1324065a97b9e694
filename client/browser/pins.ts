/**
 * What an export is held against, as somebody typed it or has it in files.
 * @module
 */
import { nodes } from '../../shared/audit/verify/formats.ts';
import { originOf, type Pins } from '../../shared/audit/verify/verify.ts';
import { fromBase64url, utf8 } from '../../shared/bytes.ts';
import { pointOfSpki } from '../../shared/crypto/spki.ts';
import { nodeText } from './numbers.ts';

export const pinFields = ['organization', 'node1', 'node2'] as const;
export type PinField = (typeof pinFields)[number];
export type PinTexts = Readonly<Record<PinField, string>>;

/** What is wrong with a field, in words; nothing if all is well. */
export function flawsOf(texts: PinTexts): ReadonlyMap<PinField, string> {
  const flaws = new Map<PinField, string>();
  if (texts.organization === '') flaws.set('organization', 'Enter the id of the organization.');
  else if (/\s/.test(texts.organization)) flaws.set('organization', 'An id has no spaces.');
  for (const node of nodes) {
    if (texts[node] === '') flaws.set(node, `Enter the identity key of ${nodeText[node]}.`);
    else if (!isIdentity(texts[node]))
      flaws.set(node, 'This is not base64url of a P-256 public key (SubjectPublicKeyInfo, 91 bytes).');
  }
  if (flaws.size === 0 && texts.node1 === texts.node2)
    flaws.set('node2', 'This is the key of Node 1: each node has its own.');
  return flaws;
}

function isIdentity(text: string): boolean {
  try {
    return pointOfSpki(fromBase64url(text)).length === 65;
  } catch {
    return false;
  }
}

/** Of texts without flaws. */
export const pinsOf = ({ organization, node1, node2 }: PinTexts, kept: Required<Pins>['kept']): Pins => ({
  organization,
  identities: { node1: fromBase64url(node1), node2: fromBase64url(node2) },
  kept,
});

/**
 * Organization and identities from JSON, such as a credential file: what else is in it is not looked at.
 * @throws {Error} in words, never with what was read
 */
export function readPinsFile(text: string): PinTexts {
  const { organization, identities } = (jsonOf(text) ?? {}) as Readonly<Record<string, unknown>>;
  const { node1, node2 } = (identities ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof organization !== 'string' || typeof node1 !== 'string' || typeof node2 !== 'string')
    throw new Error('This is not JSON with “organization” and “identities” of node1 and node2.');
  return { organization, node1, node2 };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The notes in a file: the file itself, or those of a `.checkpoints` file of the command line. */
function notesIn(text: string): readonly unknown[] {
  const { checkpoints } = (jsonOf(text) ?? {}) as { readonly checkpoints?: object | null };
  const kept = Object.values(checkpoints ?? {}) as readonly ({ readonly note?: unknown } | null)[];
  return checkpoints ? kept.map((one) => one?.note) : [text];
}

/**
 * The kept checkpoints of an organization's logs. That they are what the logs signed is for the verifier to find.
 * @param files name and text of each
 * @throws {Error} if one has none, or two are of one log: each that somebody kept is to count
 */
export function keptIn(
  files: readonly (readonly [name: string, text: string])[],
  organization: string,
): Required<Pins>['kept'] {
  const kept: { -readonly [node in keyof Required<Pins>['kept']]: Uint8Array } = {};
  for (const [name, text] of files) {
    let found = 0;
    for (const note of notesIn(text))
      for (const node of nodes) {
        if (typeof note !== 'string' || !note.startsWith(`${originOf(node, organization)}\n`)) continue;
        if (kept[node] !== undefined)
          throw new Error(`There are two checkpoints of ${nodeText[node]}: choose one.`);
        kept[node] = utf8(note);
        found++;
      }
    if (found === 0) throw new Error(`${name} holds no checkpoint of this organization’s logs.`);
  }
  return kept;
}
