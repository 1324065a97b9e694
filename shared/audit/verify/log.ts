/**
 * Reads one log of an export from its first record to its last: the root that the records give, the intent of
 * every outcome, promises, what commitments hide; and counts for the join of both logs.
 * Part of the verifier: noble and nothing else.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { Flaw, type Report } from './findings.ts';
import {
  type Bytes,
  type Checkpoint,
  fromBase64url,
  hashOf,
  join,
  must,
  type Node,
  openAttested,
  parse,
  parseFlat,
  same,
  toBase64url,
} from './formats.ts';
import { grow, hashNumbers, leafHash, type Numbers, numbers, type Peaks, rootOf } from './tree.ts';

/** A record is in the log at the latest this much after its time, or nothing more is signed, milliseconds. */
export const lagMs = 10_000;

/** What both logs say of each operation, by the operation's number. */
export interface Tally {
  readonly operations: ReturnType<typeof hashNumbers>;
  /** How often it was begun. */
  readonly begun: Readonly<Record<Node, Numbers>>;
  /** How often it took effect. */
  readonly effects: Readonly<Record<Node, Numbers>>;
  /** Of these, the ones that are so old that the other node must know of them. */
  readonly old: Readonly<Record<Node, Numbers>>;
}

export const newTally = (): Tally => ({
  operations: hashNumbers(),
  begun: { node1: numbers(), node2: numbers() },
  effects: { node1: numbers(), node2: numbers() },
  old: { node1: numbers(), node2: numbers() },
});

/** A log, as its checkpoint and its keys show it. */
export interface LogInput {
  readonly node: Node;
  readonly origin: string;
  readonly identity: Bytes;
  readonly checkpoint: Checkpoint;
  /** An earlier one that the caller kept. */
  readonly kept: Checkpoint | undefined;
  /** Records before this time are in this log, epoch milliseconds. */
  readonly untilMs: number;
  /** Records before this time are in the other log. */
  readonly peerUntilMs: number;
  /** Every line of one of the node's files; none if it is not there. */
  lines(name: string, run: (line: Bytes) => void): Promise<void>;
  progress(read: number): void;
}

/** `whole`: the records are those of the checkpoint. */
export interface LogResult {
  readonly whole: boolean;
  /** Effects and promises too young to be judged. */
  readonly undecided: number;
}

const members = 'action,actor,commitment,log,object,operation,phase,policy,previous,role,time,type';
/**
 * What Node 1 does alone: Node 2 hears of an approval when it signs, and judges it then, of tokens never, and of who
 * was invited by mail when they are made a member. Such records take no part in the join at all: called one of these, an intent is none for an effect of Node 2, which
 * then stands alone. Nothing that both nodes must do may ever be named here.
 */
const soleEffects = [
  'approval.request',
  'approval.approve',
  'approval.reject',
  'approval.cancel',
  'create_token',
  'revoke_token',
  'mail_invitation.create',
  'mail_invitation.resend',
  'mail_invitation.request',
  'mail_invitation.end',
];
const phases = ['intent', 'outcome', 'denied', 'failed'];
const recordsPerProgress = 10_000;

/** An outcome whose intent was not read yet. */
interface End {
  readonly index: number;
  readonly previous: Bytes;
  /** 1 + the number of its operation; 0: none. */
  readonly operation: number;
  readonly timeMs: number;
}

export async function readLog(log: LogInput, report: Report, tally: Tally): Promise<LogResult> {
  const { node, origin, checkpoint, kept, untilMs, peerUntilMs } = log;
  const file = `${node}/records.ndjson`;
  const { operations, begun, effects, old } = tally;
  const hidden = await openedIn(log, report);
  const peaks: Peaks = [];
  const ids = hashNumbers();
  /** By index: of an intent, 2 + the number of its operation, or 1 without one; 0 of any other record. */
  const intents = numbers();
  // Records of one moment may stand in any order: an outcome may come before its intent.
  const ends: End[] = [];
  let undecided = 0;

  const checkKept = (): void => {
    if (kept?.size === ids.count() && !same(rootOf(peaks), kept.root))
      report.find('history_rewritten', file, `the first ${kept.size} records are not those that were kept`);
  };
  const judge = ({ index, operation }: End, intent: number): void => {
    if (intents.get(intent) === operation + 1) return;
    const named = operation === 0 ? 'none' : toBase64url(operations.hash(operation - 1));
    report.find('effect_without_intent', file, `record ${index}, operation ${named}`);
  };
  const count = (phase: string, previous: string, operation: number, timeMs: number): void => {
    if (phase === 'intent' || previous === '') add(begun[node], operation);
    if (phase !== 'outcome') return;
    add(effects[node], operation);
    if (timeMs <= peerUntilMs) add(old[node], operation);
  };
  const readRecord = (line: Bytes): void => {
    const index = ids.count();
    const hash = leafHash(line);
    const number = ids.add(hash);
    if (number !== index) throw new Flaw('record_repeated', `record ${index} is record ${number}`);
    grow(peaks, hash);
    checkKept();
    const record = parseFlat(line, members) as Readonly<Record<string, string>>;
    const { type, time = '', phase = '', operation: text = '', previous = '', commitment = '' } = record;
    must(type === 'planbok/audit-record/v1', `record ${index} is of another type`);
    must(/^(0|[1-9]\d{0,14})$/.test(time) && phases.includes(phase), `record ${index} is not a record`);
    if (record['log'] !== origin) report.find('record_of_another_log', file, `record ${index}`);
    if (hidden.size > 0) checkHidden(hidden, toBase64url(hash), commitment);
    const timeMs = Number(time);
    const operation = text === '' ? 0 : 1 + operations.add(hashOf(text));
    if (phase === 'intent') intents.set(index, operation + 1);
    if (phase === 'outcome' && previous !== '') {
      const end = { index, previous: hashOf(previous), operation, timeMs };
      const intent = ids.find(end.previous);
      if (intent === undefined) ends.push(end);
      else judge(end, intent);
    }
    const alone = node === 'node1' && soleEffects.includes(record['action'] ?? '');
    if (operation > 0 && !alone && (phase === 'intent' || phase === 'outcome'))
      count(phase, previous, operation - 1, timeMs);
    if (index % recordsPerProgress === 0) log.progress(index);
  };

  checkKept();
  const complete = await report.check('record_malformed', file, async () => {
    await log.lines('records.ndjson', readRecord);
    return true;
  });
  if (complete === undefined) return { whole: false, undecided };
  log.progress(ids.count());
  for (const record of hidden.keys())
    report.find('commitment_mismatch', `${node}/opened.ndjson`, `record ${record} hides another`);
  for (const end of ends) {
    const intent = ids.find(end.previous);
    if (intent === undefined && end.timeMs > untilMs) undecided++;
    else judge(end, intent ?? ids.count());
  }
  undecided += await checkPromises(log, report, (record) => ids.find(record) !== undefined);
  const sized = ids.count() === checkpoint.size;
  if (!sized)
    report.find('size_mismatch', file, `${ids.count()} records, the checkpoint says ${checkpoint.size}`);
  else if (!same(rootOf(peaks), checkpoint.root))
    report.find('root_mismatch', file, 'the records are not those of the checkpoint');
  return { whole: sized && same(rootOf(peaks), checkpoint.root), undecided };
}

const add = (list: Numbers, at: number): void => list.set(at, list.get(at) + 1);

/** Commitments that records must have, by the record's id, as the openings give them. */
async function openedIn({ node, lines }: LogInput, report: Report): Promise<Map<string, string>> {
  const hidden = new Map<string, string>();
  await report.check('commitment_mismatch', `${node}/opened.ndjson`, () =>
    lines('opened.ndjson', (line) => {
      const { nonce = '', payload = '', record = '' } = parseFlat(line, 'nonce,payload,record');
      const salt = fromBase64url(nonce);
      must(salt.length === 32 && !hidden.has(record), `record ${record} is opened twice, or wrongly`);
      hidden.set(record, toBase64url(sha256(join(salt, fromBase64url(payload)))));
    }),
  );
  return hidden;
}

/** What has the commitment that was expected of it is settled. */
function checkHidden(hidden: Map<string, string>, record: string, commitment: string): void {
  if (hidden.get(record) === commitment) hidden.delete(record);
}

/** @returns how many promises are too young to be judged */
async function checkPromises(
  { node, origin, identity, untilMs, lines }: LogInput,
  report: Report,
  has: (record: Bytes) => boolean,
): Promise<number> {
  const file = `${node}/promises.ndjson`;
  let undecided = 0;
  await report.check('promise_invalid', file, () =>
    lines('promises.ndjson', (line) => {
      const { type, log, record = '', issued } = openAttested(parse(line), node, identity);
      must(type === 'planbok/audit-promise/v1', 'not a promise');
      must(log === origin, 'a promise of another log');
      if (has(hashOf(record))) return;
      if (Number(issued) > untilMs) undecided++;
      else report.find('promise_broken', file, `record ${record} is not in the log`);
    }),
  );
  return undecided;
}

/**
 * What one log says took effect, the other must know to have begun.
 * @returns how many effects are too young to be judged
 */
export function joinLogs({ operations, begun, effects, old }: Tally, report: Report): number {
  let undecided = 0;
  for (let operation = 0; operation < operations.count(); operation++)
    for (const [node, peer] of [
      ['node1', 'node2'],
      ['node2', 'node1'],
    ] as const) {
      const known = begun[peer].get(operation);
      const times = old[node].get(operation);
      if (times > known) {
        const named = toBase64url(operations.hash(operation));
        const detail = `operation ${named} took effect ${times} times at ${node}, ${peer} knows of ${known}`;
        report.find('effect_without_peer', `${peer}/records.ndjson`, detail);
      } else undecided += Math.max(0, effects[node].get(operation) - known);
    }
  return undecided;
}
