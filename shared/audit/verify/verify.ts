/**
 * Verifies the export of an organization's audit logs, offline: the files of this folder and noble are all it
 * takes, in a browser or anywhere else. They share no code with what writes the logs, so that a mistake there is
 * not repeated here. Trust begins at the identity keys of the two nodes (P-256), which the caller has pinned, and
 * ends with the checkpoints that the caller has kept; nothing is taken from the export on its own word. Files
 * are read in pieces, and about 100 bytes are kept of each record.
 *
 * The export holds, for `node1` and `node2` each:
 *
 *   <node>/keys.json        the node's log key and witness key, attested by its identity
 *   <node>/checkpoint       size and root, signed by the log and cosigned by the other node
 *   <node>/records.ndjson   every record of the log, in order
 *   <node>/promises.ndjson  optional: promises that a client was given
 *   <node>/opened.ndjson    optional: what commitments hide: record, nonce, payload
 *
 * All JSON is in its one canonical form (RFC 8785, strings only), so that no byte is free to change.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Finding, newReport, type Report } from './findings.ts';
import {
  type Bytes,
  type Checkpoint,
  checkCosignature,
  checkSignature,
  type Json,
  type Key,
  linesIn,
  must,
  type Node,
  nodes,
  openKey,
  parse,
  parseCheckpoint,
  utf8,
  wholeFile,
} from './formats.ts';
import { joinLogs, lagMs, newTally, readLog } from './log.ts';

export interface Pins {
  readonly organization: string;
  /** DER SubjectPublicKeyInfo of the nodes' identity keys, 91 bytes each. */
  readonly identities: Readonly<Record<Node, Bytes>>;
  /** Checkpoints that the caller kept earlier, as the notes they were. */
  readonly kept?: Readonly<Partial<Record<Node, Bytes>>>;
}

/** The files of an export, wherever they are. */
export interface ExportSource {
  /** Of all files that there are, relative to the folder, with `/`. */
  readonly names: readonly string[];
  /** The bytes of a file, in pieces of any size. */
  read(name: string): AsyncIterable<Bytes>;
}

export interface VerifyProgress {
  readonly node: Node;
  /** Records. */
  readonly read: number;
  /** Of the checkpoint. */
  readonly size: number;
}

export interface Verdict {
  /** No finding at all. */
  readonly ok: boolean;
  /** The first hundred; the first one names the verdict. */
  readonly findings: readonly Finding[];
  /** The logs whose records are those of their checkpoints. */
  readonly logs: readonly {
    readonly node: Node;
    readonly size: number;
    /** When the other node cosigned, seconds since the epoch. */
    readonly cosigned: number;
  }[];
  /** Effects and promises too young for the other log, or this one, to have to know them. */
  readonly undecided: number;
}

const required = ['keys.json', 'checkpoint', 'records.ndjson'];
const optional = ['promises.ndjson', 'opened.ndjson'];
/** Of keys and checkpoints, bytes. */
const largestSmallFile = 65_536;

const peerOf = { node1: 'node2', node2: 'node1' } as const;

/** The name of a node's log of an organization. */
export function originOf(node: Node, organization: string): string {
  const hash = sha256(utf8(`planbok/audit-log/v1\0${node}\0${organization}`)).subarray(0, 20);
  let bits = '';
  for (const byte of hash) bits += byte.toString(2).padStart(8, '0');
  const digits = bits.match(/.{5}/g) ?? [];
  return `planbok.${node}/${digits.map((d) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(d, 2)]).join('')}`;
}

/** A node's files and pins, and where to say what is wrong with them. */
interface Side {
  readonly node: Node;
  readonly origin: string;
  readonly identity: Bytes;
  readonly kept: Bytes | undefined;
  readonly report: Report;
  there(name: string): boolean;
  small(name: string): Promise<Bytes>;
  lines(name: string, run: (line: Bytes) => void): Promise<void>;
}

interface Keys {
  readonly log: Key;
  readonly witness: Key;
}

/** Verifies an export. Never throws: what cannot be read is a finding, too. */
export async function verifyExport(
  source: ExportSource,
  pins: Pins,
  onProgress: (progress: VerifyProgress) => void = () => {},
): Promise<Verdict> {
  const report = newReport();
  checkNames(source, report);
  const sides = {
    node1: sideOf('node1', source, pins, report),
    node2: sideOf('node2', source, pins, report),
  };
  const keys = { node1: await keysOf(sides.node1), node2: await keysOf(sides.node2) };
  const heads = {
    node1: await headOf(sides.node1, keys.node1, keys.node2),
    node2: await headOf(sides.node2, keys.node2, keys.node1),
  };
  const tally = newTally();
  const logs: Verdict['logs'][number][] = [];
  let undecided = 0;
  for (const node of nodes) {
    const head = heads[node];
    if (head === undefined) continue;
    const { size } = head.checkpoint;
    const input = {
      ...sides[node],
      ...head,
      untilMs: untilMs(head.cosigned),
      peerUntilMs: untilMs(heads[peerOf[node]]?.cosigned),
      progress: (read: number) => onProgress({ node, read, size }),
    };
    const result = await readLog(input, report, tally);
    undecided += result.undecided;
    if (result.whole && head.cosigned !== undefined) logs.push({ node, size, cosigned: head.cosigned });
  }
  // What both logs must know is judged when both are whole.
  if (logs.length === 2) undecided += joinLogs(tally, report);
  return { ok: report.findings.length === 0, findings: report.findings, logs, undecided };
}

/** Records before this time are in a log that was cosigned then. */
const untilMs = (cosigned: number | undefined): number => (cosigned ?? 0) * 1_000 - lagMs;

function checkNames({ names }: ExportSource, { find }: Report): void {
  const known = nodes.flatMap((node) => [...required, ...optional].map((name) => `${node}/${name}`));
  for (const name of names) if (!known.includes(name)) find('file_unknown', name, 'not of an export');
  for (const name of nodes.flatMap((node) => required.map((end) => `${node}/${end}`)))
    if (!names.includes(name)) find('file_missing', name, 'not there');
}

function sideOf(node: Node, source: ExportSource, pins: Pins, report: Report): Side {
  const there = (name: string): boolean => source.names.includes(`${node}/${name}`);
  return {
    node,
    origin: originOf(node, pins.organization),
    identity: pins.identities[node],
    kept: pins.kept?.[node],
    report,
    there,
    small: (name) => wholeFile(source.read(`${node}/${name}`), largestSmallFile),
    async lines(name, run) {
      if (!there(name)) return;
      for await (const lines of linesIn(source.read(`${node}/${name}`))) for (const line of lines) run(line);
    },
  };
}

async function keysOf({ node, origin, identity, report, there, small }: Side): Promise<Keys | undefined> {
  const file = `${node}/keys.json`;
  if (!there('keys.json')) return undefined;
  const value = await report.check('file_malformed', file, async () => parse(await small('keys.json')));
  if (value === undefined) return undefined;
  return report.check('key_not_attested', file, () => {
    must(Object.keys(value).join() === 'log,witness', 'not a log key and a witness key');
    return {
      log: openKey(value['log'] as Json, node, 'log', origin, identity),
      witness: openKey(value['witness'] as Json, node, 'witness', `planbok.${node}/witness`, identity),
    };
  });
}

/** The checkpoint, the time of its cosignature if it holds, and the one that the caller kept. */
async function headOf(
  { node, origin, kept, report, there, small }: Side,
  own: Keys | undefined,
  peer: Keys | undefined,
) {
  const file = `${node}/checkpoint`;
  if (!there('checkpoint')) return undefined;
  const checkpoint = await report.check('checkpoint_malformed', file, async () =>
    parseCheckpoint(await small('checkpoint'), origin),
  );
  if (checkpoint === undefined || own === undefined || peer === undefined) return undefined;
  await report.check('log_signature_invalid', file, () => checkSignature(checkpoint, own.log));
  const cosigned = await report.check('cosignature_invalid', file, () =>
    checkCosignature(checkpoint, peer.witness),
  );
  const earlier = kept && (await openKept(kept, origin, own.log, node, report));
  if (earlier !== undefined && earlier.size > checkpoint.size)
    report.find('log_went_back', file, `had ${earlier.size} records when the kept checkpoint was made`);
  return { checkpoint, cosigned, kept: earlier };
}

const openKept = (note: Bytes, origin: string, key: Key, node: Node, report: Report) =>
  report.check('log_signature_invalid', `${node} kept checkpoint`, (): Checkpoint => {
    const earlier = parseCheckpoint(note, origin);
    checkSignature(earlier, key);
    return earlier;
  });
