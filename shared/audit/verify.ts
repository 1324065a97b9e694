/**
 * Verifies the export of an organization's audit logs, offline: this one file and noble are all it takes, in a
 * browser or anywhere else. It shares no code with what writes the logs, so that a mistake there is not
 * repeated here. Trust begins at the identity keys of the two nodes (P-256), which the caller has pinned, and
 * ends with the checkpoints that the caller has kept; nothing is taken from the export on its own word.
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
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';

type Bytes = Uint8Array;
const nodes = ['node1', 'node2'] as const;
type Node = (typeof nodes)[number];

export type FindingCode =
  /** A file is not there, is not one of an export, or is not written as it must be. */
  | 'file_missing'
  | 'file_unknown'
  | 'file_malformed'
  /** A key is not that of the pinned identity. */
  | 'key_not_attested'
  | 'checkpoint_malformed'
  | 'log_signature_invalid'
  | 'cosignature_invalid'
  /** The records are not those of the checkpoint. */
  | 'size_mismatch'
  | 'root_mismatch'
  | 'record_malformed'
  | 'record_of_another_log'
  | 'record_repeated'
  /** The log is not the continuation of the checkpoint that the caller kept. */
  | 'log_went_back'
  | 'history_rewritten'
  | 'promise_invalid'
  | 'promise_broken'
  | 'commitment_mismatch'
  /** An effect that names an intent which is not one of this operation in the same log. */
  | 'effect_without_intent'
  /** An effect in one log of which the other node's log knows nothing. */
  | 'effect_without_peer';

export interface Finding {
  readonly code: FindingCode;
  readonly file: string;
  readonly detail: string;
}

export interface Pins {
  readonly organization: string;
  /** DER SubjectPublicKeyInfo of the nodes' identity keys, 91 bytes each. */
  readonly identities: Readonly<Record<Node, Bytes>>;
  /** Checkpoints that the caller kept earlier, as the notes they were. */
  readonly kept?: Readonly<Partial<Record<Node, Bytes>>>;
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

/** A record is in the log at the latest this much after its time, or nothing more is signed, milliseconds. */
const lagMs = 10_000;
const findingsKept = 100;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8 = (text: string): Bytes => encoder.encode(text);
const textOf = (bytes: Bytes): string => decoder.decode(bytes);
const join = (...parts: readonly Bytes[]): Bytes => {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};
const same = (a: Bytes, b: Bytes): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);
const toBase64 = (bytes: Bytes): string => btoa(String.fromCharCode(...bytes));
const toBase64url = (bytes: Bytes): string =>
  toBase64(bytes).replace(/[+/=]/g, (c) => (c === '+' ? '-' : c === '/' ? '_' : ''));
function must(condition: boolean, why: string): asserts condition {
  if (!condition) throw new Error(why);
}
function fromBase64(text: string): Bytes {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  must(toBase64(bytes) === text, 'not base64');
  return bytes;
}
function fromBase64url(text: string): Bytes {
  const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  must(toBase64url(bytes) === text, 'not base64url');
  return bytes;
}

type Json = string | { readonly [member: string]: Json };
function canonical(value: Json): string {
  if (typeof value === 'string') return JSON.stringify(value);
  must(typeof value === 'object' && value !== null && !Array.isArray(value), 'not of strings only');
  // The order of UTF-16 units is that of `sort` and of RFC 8785.
  const members = Object.keys(value).sort();
  return `{${members.map((m) => `${JSON.stringify(m)}:${canonical(value[m] as Json)}`).join()}}`;
}
function parse(bytes: Bytes): Record<string, Json> {
  const text = textOf(bytes);
  const value = JSON.parse(text);
  must(typeof value === 'object' && canonical(value) === text, 'not in canonical form');
  return value;
}

/** As {@link parse}, for a flat document whose members stand in order: most of the time goes here. */
function parseFlat(bytes: Bytes, members: string): Record<string, string> {
  const text = textOf(bytes);
  const value = JSON.parse(text) as Record<string, string>;
  must(typeof value === 'object' && value !== null && Object.keys(value).join() === members, 'other members');
  for (const member of Object.values(value)) must(typeof member === 'string', 'not of strings only');
  must(JSON.stringify(value) === text, 'not in canonical form');
  return value;
}

/** The lines of a file; each ends in a newline, also the last. */
function* linesOf(file: Bytes): Generator<Bytes> {
  for (let at = 0; at < file.length; ) {
    const end = file.indexOf(10, at);
    must(end >= 0, 'the last line is cut off');
    yield file.subarray(at, end);
    at = end + 1;
  }
}

const leafHash = (data: Bytes): Bytes => sha256(join(Uint8Array.of(0), data));
const nodeHash = (left: Bytes, right: Bytes): Bytes => sha256(join(Uint8Array.of(1), left, right));
/** Roots of complete subtrees from left to right, with their sizes. */
type Peaks = { readonly size: number; readonly hash: Bytes }[];
function grow(peaks: Peaks, leaf: Bytes): void {
  let [size, hash] = [1, leaf];
  for (let last = peaks.at(-1); last?.size === size; last = peaks.at(-1)) {
    hash = nodeHash(last.hash, hash);
    size *= 2;
    peaks.pop();
  }
  peaks.push({ size, hash });
}
const rootOf = (peaks: Peaks): Bytes =>
  peaks.length === 0
    ? sha256(new Uint8Array(0))
    : peaks.map(({ hash }) => hash).reduceRight((right, left) => nodeHash(left, right));

/** The document, if `node` said it: signed by a key that its identity lent its voice to at that time. */
function openAttested(attested: Json, node: Node, identity: Bytes): Record<string, string> {
  const { document, delegation, signature } = attested as unknown as {
    readonly document: Record<string, string>;
    readonly delegation: { readonly signed: string; readonly signature: string };
    readonly signature: string;
  };
  must(Object.keys(attested).join() === 'delegation,document,signature', 'not an attestation');
  must(Object.keys(delegation).join() === 'signature,signed', 'not a delegation');
  const [signed, by] = [fromBase64url(delegation.signed), fromBase64url(delegation.signature)];
  must(p256.verify(by, signed, identity.subarray(26), { format: 'der', lowS: false }), 'not of the identity');
  const lent = JSON.parse(textOf(signed)) as Record<string, string>;
  const [from, to, at] = [lent['notBefore'], lent['notAfter'], document['issued']].map(Number) as number[];
  must(lent['type'] === 'planbok/delegation/v1' && lent['node'] === node, 'another delegation');
  must(document['node'] === node, 'said by another node');
  must(Number(to) - Number(from) <= 3_600_000, 'a delegation lives at most an hour');
  must(Number(at) >= Number(from) && Number(at) <= Number(to), 'not within the hour of the delegation');
  const message = join(utf8('planbok/attested/v1\0'), utf8(canonical(document)));
  const key = fromBase64url(lent['publicKey'] as string);
  must(ed25519.verify(fromBase64url(signature), message, key, { zip215: false }), 'not signed');
  return document;
}

interface Key {
  readonly name: string;
  readonly publicKey: Bytes;
}

function openKey(attested: Json, node: Node, use: string, name: string, identity: Bytes): Key {
  const document = openAttested(attested, node, identity);
  must(document['type'] === 'planbok/audit-key/v1' && document['use'] === use, 'a key for something else');
  must(document['name'] === name, 'a key of something else');
  return { name, publicKey: fromBase64url(document['publicKey'] as string) };
}

/** The signature behind a line `— name base64(key id ‖ signature)` of the key with this type. */
function signatureOf(line: string | undefined, { name, publicKey }: Key, type: number): Bytes {
  const prefix = `— ${name} `;
  must(line?.startsWith(prefix) === true, 'not signed by the expected key');
  const bytes = fromBase64(line.slice(prefix.length));
  const id = sha256(join(utf8(`${name}\n`), Uint8Array.of(type), publicKey)).subarray(0, 4);
  must(same(bytes.subarray(0, 4), id), 'not signed by the expected key');
  return bytes.subarray(4);
}

interface Checkpoint {
  readonly text: string;
  readonly lines: readonly string[];
  readonly size: number;
  readonly root: Bytes;
}

function parseCheckpoint(note: Bytes, origin: string): Checkpoint {
  const whole = textOf(note);
  const match = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([^\n]+)\n\n((?:[^\n]+\n)+)$/.exec(whole);
  must(match?.[1] === origin, 'not a checkpoint of this log');
  const root = fromBase64(match[3] as string);
  must(root.length === 32, 'not a root');
  const signatures = match[4] as string;
  const text = whole.slice(0, -signatures.length - 1);
  return { text, lines: signatures.split('\n').slice(0, -1), size: Number(match[2]), root };
}

function checkSignature({ lines, text }: Checkpoint, key: Key): void {
  const signature = signatureOf(lines[0], key, 1);
  must(
    ed25519.verify(signature, utf8(text), key.publicKey, { zip215: false }),
    'the signature does not hold',
  );
}

/** When the witness cosigned. */
function checkCosignature({ lines, text }: Checkpoint, witness: Key): number {
  must(lines.length === 2, 'not the two expected signatures');
  const bytes = signatureOf(lines[1], witness, 4);
  must(bytes.length === 72, 'not a cosignature');
  const seconds = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
  const message = utf8(`cosignature/v1\ntime ${seconds}\n${text}`);
  must(
    ed25519.verify(bytes.subarray(8), message, witness.publicKey, { zip215: false }),
    'the cosignature does not hold',
  );
  return seconds;
}

const recordMembers = 'action,actor,commitment,log,object,operation,phase,policy,previous,role,time,type';
/**
 * What Node 1 does alone: Node 2 hears of an approval when it signs, and judges it then, and of tokens never. Such
 * records take no part in the join at all: called one of these, an intent is none for an effect of Node 2, which
 * then stands alone. Nothing that both nodes must do may ever be named here.
 */
const soleEffects = [
  'approval.request',
  'approval.approve',
  'approval.reject',
  'approval.cancel',
  'create_token',
  'revoke_token',
];
const phases = ['intent', 'outcome', 'denied', 'failed'];

/** What the join needs to know of one operation, by node: how often it was begun, and when it took effect. */
interface Tally {
  readonly begun: Record<Node, number>;
  readonly effects: Record<Node, number[]>;
}

/** Verifies an export: file names relative to its folder, with `/`, to their bytes. Never throws. */
export function verifyExport(files: ReadonlyMap<string, Bytes>, pins: Pins): Verdict {
  const findings: Finding[] = [];
  const find = (code: FindingCode, file: string, detail: string) => {
    if (findings.length < findingsKept) findings.push({ code, file, detail });
  };
  /** Runs a check; what it throws is a finding. */
  const check = <T>(code: FindingCode, file: string, run: () => T): T | undefined => {
    try {
      return run();
    } catch (error) {
      find(code, file, error instanceof Error ? error.message : 'failed');
      return undefined;
    }
  };
  const logs: Verdict['logs'][number][] = [];
  const tallies = new Map<string, Tally>();
  let undecided = 0;

  const known = nodes.flatMap((node) =>
    ['keys.json', 'checkpoint', 'records.ndjson', 'promises.ndjson', 'opened.ndjson'].map(
      (n) => `${node}/${n}`,
    ),
  );
  for (const name of files.keys()) if (!known.includes(name)) find('file_unknown', name, 'not of an export');
  for (const name of known)
    if (!files.has(name) && !/promises|opened/.test(name)) find('file_missing', name, 'not there');
  const file = (name: string): Bytes => files.get(name) ?? new Uint8Array(0);

  const deriveOrigin = (node: Node): string => {
    const hash = sha256(utf8(`planbok/audit-log/v1\0${node}\0${pins.organization}`)).subarray(0, 20);
    let bits = '';
    for (const byte of hash) bits += byte.toString(2).padStart(8, '0');
    const digits = bits.match(/.{5}/g) ?? [];
    return `planbok.${node}/${digits.map((d) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(d, 2)]).join('')}`;
  };
  const origins = { node1: deriveOrigin('node1'), node2: deriveOrigin('node2') };
  const keysOf = (node: Node) => {
    const name = `${node}/keys.json`;
    const value = check('file_malformed', name, () => parse(file(name)));
    if (value === undefined) return undefined;
    return check('key_not_attested', name, () => {
      must(Object.keys(value).join() === 'log,witness', 'not a log key and a witness key');
      const identity = pins.identities[node];
      return {
        log: openKey(value['log'] as Json, node, 'log', origins[node], identity),
        witness: openKey(value['witness'] as Json, node, 'witness', `planbok.${node}/witness`, identity),
      };
    });
  };
  const keys = { node1: keysOf('node1'), node2: keysOf('node2') };

  /** Rebuilds one log from its records. */
  const readLog = (node: Node, peer: Node): void => {
    const [own, witness] = [keys[node]?.log, keys[peer]?.witness];
    const [noteName, recordsName] = [`${node}/checkpoint`, `${node}/records.ndjson`];
    const checkpoint = check('checkpoint_malformed', noteName, () =>
      parseCheckpoint(file(noteName), origins[node]),
    );
    if (own === undefined || witness === undefined || checkpoint === undefined) return;
    check('log_signature_invalid', noteName, () => checkSignature(checkpoint, own));
    const cosigned = check('cosignature_invalid', noteName, () => checkCosignature(checkpoint, witness));
    const note = pins.kept?.[node];
    const kept =
      note &&
      check('log_signature_invalid', `${node} kept checkpoint`, () => {
        const earlier = parseCheckpoint(note, origins[node]);
        checkSignature(earlier, own);
        return earlier;
      });
    if (kept !== undefined && kept.size > checkpoint.size)
      find('log_went_back', noteName, `had ${kept.size} records when the kept checkpoint was made`);

    const peaks: Peaks = [];
    const ids = new Map<string, number>();
    const intents = new Map<number, string>();
    // Records of one moment may stand in any order: what ends an intent is judged when all are read.
    const ends: { index: number; previous: string; operation: string; timeMs: number }[] = [];
    const commitments = new Map<string, string>();
    const opening = files.has(`${node}/opened.ndjson`);
    const checkKept = () => {
      if (kept?.size === ids.size && !same(rootOf(peaks), kept.root))
        find('history_rewritten', recordsName, `the first ${kept.size} records are not those that were kept`);
    };
    checkKept();
    const complete = check('record_malformed', recordsName, () => {
      for (const line of linesOf(file(recordsName))) {
        const hash = leafHash(line);
        const [index, id] = [ids.size, toBase64url(hash)];
        if (ids.has(id)) {
          find('record_repeated', recordsName, `record ${index} is record ${ids.get(id)}`);
          return false;
        }
        grow(peaks, hash);
        ids.set(id, index);
        checkKept();
        const record = parseFlat(line, recordMembers);
        const { type, time, phase, operation, previous } = record as Record<
          'type' | 'time' | 'phase' | 'operation' | 'previous',
          string
        >;
        must(type === 'planbok/audit-record/v1', `record ${index} is of another type`);
        must(/^(0|[1-9]\d{0,14})$/.test(time) && phases.includes(phase), `record ${index} is not a record`);
        if (record['log'] !== origins[node]) find('record_of_another_log', recordsName, `record ${index}`);
        if (opening) commitments.set(id, record['commitment'] as string);
        if (phase === 'intent') intents.set(index, operation);
        if (phase === 'outcome' && previous !== '')
          ends.push({ index, previous, operation, timeMs: Number(time) });
        if (operation === '' || (phase !== 'intent' && phase !== 'outcome')) continue;
        if (node === 'node1' && soleEffects.includes(record['action'] as string)) continue;
        let tally = tallies.get(operation);
        if (tally === undefined) {
          tally = { begun: { node1: 0, node2: 0 }, effects: { node1: [], node2: [] } };
          tallies.set(operation, tally);
        }
        if (phase === 'intent' || previous === '') tally.begun[node]++;
        if (phase === 'outcome') tally.effects[node].push(Number(time));
      }
      return true;
    });
    if (complete === undefined) return;
    if (ids.size !== checkpoint.size)
      find('size_mismatch', recordsName, `${ids.size} records, the checkpoint says ${checkpoint.size}`);
    else if (!same(rootOf(peaks), checkpoint.root))
      find('root_mismatch', recordsName, 'the records are not those of the checkpoint');
    else if (cosigned !== undefined) logs.push({ node, size: checkpoint.size, cosigned });

    const untilMs = (cosigned ?? 0) * 1_000 - lagMs;
    for (const { index, previous, operation, timeMs } of ends) {
      const begun = ids.get(previous);
      if (begun !== undefined && intents.get(begun) === operation) continue;
      if (begun === undefined && timeMs > untilMs) undecided++;
      else find('effect_without_intent', recordsName, `record ${index}, operation ${operation}`);
    }
    const promisesName = `${node}/promises.ndjson`;
    check('promise_invalid', promisesName, () => {
      for (const line of linesOf(file(promisesName))) {
        const promise = openAttested(parse(line), node, pins.identities[node]);
        must(promise['type'] === 'planbok/audit-promise/v1', 'not a promise');
        must(promise['log'] === origins[node], 'a promise of another log');
        if (ids.has(promise['record'] as string)) continue;
        if (Number(promise['issued']) > untilMs) undecided++;
        else find('promise_broken', promisesName, `record ${promise['record']} is not in the log`);
      }
    });
    const openedName = `${node}/opened.ndjson`;
    check('commitment_mismatch', openedName, () => {
      for (const line of linesOf(file(openedName))) {
        const opened = parseFlat(line, 'nonce,payload,record');
        const nonce = fromBase64url(opened['nonce'] as string);
        const payload = fromBase64url(opened['payload'] as string);
        const commitment = toBase64url(sha256(join(nonce, payload)));
        const record = opened['record'] as string;
        must(nonce.length === 32 && commitments.get(record) === commitment, `record ${record} hides another`);
      }
    });
  };
  readLog('node1', 'node2');
  readLog('node2', 'node1');

  // What both logs must know is judged when both are whole.
  if (logs.length === 2)
    for (const [operation, { begun, effects }] of tallies)
      for (const [node, peer] of [nodes, [...nodes].reverse()] as [Node, Node][]) {
        const untilMs = (logs.find((log) => log.node === peer)?.cosigned ?? 0) * 1_000 - lagMs;
        const young = effects[node].filter((timeMs) => timeMs > untilMs).length;
        const old = effects[node].length - young;
        if (old > begun[peer])
          find(
            'effect_without_peer',
            `${peer}/records.ndjson`,
            `operation ${operation} took effect ${old} times at ${node}, ${peer} knows of ${begun[peer]}`,
          );
        else undecided += Math.max(0, effects[node].length - begun[peer]);
      }
  return { ok: findings.length === 0, findings, logs, undecided };
}
