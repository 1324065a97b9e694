/**
 * What this client believes of the audit logs of both nodes: keys that the pinned identities attested,
 * checkpoints signed by the log and cosigned by the other node, each proven to continue the one before.
 * @module
 */
import { cosignedAt, type SignedCheckpoint } from '../shared/audit/checkpoint.ts';
import type { NoteKey } from '../shared/audit/note.ts';
import { continuation, openCosigned } from '../shared/audit/proof.ts';
import { logOf } from '../shared/audit/record.ts';
import { type AuditKey, openAuditKey, witnessOf } from '../shared/audit/statements.ts';
import { fromBase64url, toBase64url, utf8 } from '../shared/bytes.ts';
import type { Attested, NodeName } from '../shared/crypto/attestation.ts';
import type { AuditCheckpoint } from '../shared/wire/audit.ts';
import type { Identities } from './address-proof.ts';
import { type CheckpointStore, type KeptCheckpoint, sizeAndRoot } from './checkpoint-store.ts';
import { PlanbokError } from './errors.ts';
import { read, type Session } from './session.ts';

/** A checkpoint that was verified, and continues what was seen before. */
export interface TrustedCheckpoint {
  readonly node: NodeName;
  /** Origin of the log. */
  readonly log: string;
  readonly size: number;
  /** base64url, 32 bytes. */
  readonly root: string;
  /** When the other node cosigned, seconds since the epoch. */
  readonly cosigned: number;
  /** The C2SP signed note. */
  readonly note: string;
  /** The node's keys, attested by its identity: an export holds them. */
  readonly keys: { readonly log: Attested<AuditKey>; readonly witness: Attested<AuditKey> };
}
export type TrustedCheckpoints = Readonly<Record<NodeName, TrustedCheckpoint>>;

type Shown = Readonly<Record<NodeName, AuditCheckpoint>>;
type Keys = Readonly<Record<NodeName, Readonly<Record<'log' | 'witness', Omit<NoteKey, 'type'>>>>>;
type Kept = KeptCheckpoint | undefined;

const peerOf = { node1: 'node2', node2: 'node1' } as const;

export interface AuditLogs {
  /** The newest of both nodes. @throws {PlanbokError} `proof_invalid`, `audit_log_went_back`, `audit_log_rewritten` */
  checkpoints(): Promise<TrustedCheckpoints>;
  /**
   * Verifies a checkpoint that `fetch` gets from the server, and that it continues the one kept before it asked.
   * @throws {PlanbokError} as `checkpoints`; what `fetch` throws
   */
  trust<T>(
    node: NodeName,
    fetch: () => Promise<{ readonly note: string; readonly value: T }>,
  ): Promise<{ readonly checkpoint: SignedCheckpoint; readonly cosigned: number; readonly value: T }>;
}

export function auditLogsOf(session: Session, identities: Identities, store: CheckpointStore): AuditLogs {
  const { organization } = session;
  const logs = { node1: logOf('node1', organization), node2: logOf('node2', organization) };
  const inTurn = queue();
  let known: Keys | undefined;

  function open(node: NodeName, note: string, keys: Keys) {
    const { log } = keys[node];
    const { witness } = keys[peerOf[node]];
    const checkpoint = proven(() => openCosigned(utf8(note), { log, witness }));
    return { checkpoint, cosigned: cosignedAt(checkpoint.note, witness) ?? 0 };
  }

  /** Keeps the checkpoint if it continues `kept`, which was kept before the server was asked. */
  async function advance(node: NodeName, kept: Kept, note: string, keys: Keys): Promise<void> {
    const log = logs[node];
    const offered = { note, publicKey: toBase64url(keys[node].log.publicKey) };
    if (kept !== undefined) {
      const verdict =
        kept.publicKey === offered.publicKey ? await continues(node, kept, offered) : 'rewritten';
      if (verdict !== 'continues') await refuse(node, verdict, kept, offered);
    }
    await store.keep(log, offered);
  }

  async function continues(node: NodeName, kept: KeptCheckpoint, offered: KeptCheckpoint) {
    const [older, newer] = [sizeAndRoot(kept), sizeAndRoot(offered)];
    const grown = older.size > 0 && older.size < newer.size;
    const query = { log: node, from: older.size, to: newer.size };
    try {
      const { proof } = grown ? await read(session, 'getConsistencyProof', { query }) : { proof: [] };
      return continuation(older, newer, proof.map(fromBase64url));
    } catch (error) {
      // It signed both sizes, and does not know one of them.
      if (error instanceof PlanbokError && error.code === 'request_invalid') return 'rewritten';
      throw error;
    }
  }

  async function refuse(
    node: NodeName,
    verdict: 'went_back' | 'rewritten',
    kept: KeptCheckpoint,
    offered: Kept,
  ): Promise<never> {
    const code = `audit_log_${verdict}` as const;
    const evidence = { code, kept, offered };
    await store.accuse(logs[node], evidence);
    const why = verdict === 'went_back' ? 'is smaller than it was' : 'is not what it was';
    throw new PlanbokError(code, `the audit log of ${node} ${why}: both checkpoints are kept`, { evidence });
  }

  const keptNow = async () => ({ node1: await store.read(logs.node1), node2: await store.read(logs.node2) });

  async function newest(): Promise<{ readonly all: TrustedCheckpoints; readonly keys: Keys }> {
    const kept = await keptNow();
    const { node1, node2 } = await read(session, 'getAuditCheckpoints');
    const shown = { node1, node2 };
    for (const node of ['node1', 'node2'] as const) {
      const before = kept[node];
      if (shown[node] === undefined && before !== undefined)
        await refuse(node, 'went_back', before, undefined);
    }
    if (node1 === undefined || node2 === undefined)
      throw new PlanbokError('audit_unavailable', 'no checkpoint is cosigned yet', { retryable: true });
    const keys = proven(() => keysOf({ node1, node2 }, identities, logs));
    const trusted = async (node: NodeName): Promise<TrustedCheckpoint> => {
      const { checkpoint: note, keys: attested } = node === 'node1' ? node1 : node2;
      const { checkpoint, cosigned } = open(node, note, keys);
      await advance(node, kept[node], note, keys);
      const { size, root } = checkpoint;
      return { node, log: logs[node], size, root: toBase64url(root), cosigned, note, keys: attested };
    };
    const all = { node1: await trusted('node1'), node2: await trusted('node2') };
    known = keys;
    return { all, keys };
  }

  async function trust<T>(node: NodeName, fetch: () => Promise<{ note: string; value: T }>) {
    const keys = known ?? (await newest()).keys;
    const kept = await store.read(logs[node]);
    const { note, value } = await fetch();
    const opened = open(node, note, keys);
    await advance(node, kept, note, keys);
    return { ...opened, value };
  }

  return {
    checkpoints: () => inTurn(async () => (await newest()).all),
    trust: (node, fetch) => inTurn(() => trust(node, fetch)),
  };
}

/** @throws {Error} unless both pinned identities attested their keys */
function keysOf(shown: Shown, identities: Identities, logs: Readonly<Record<NodeName, string>>): Keys {
  const of = (node: NodeName) => {
    const key = (use: 'log' | 'witness', name: string) =>
      openAuditKey(shown[node].keys[use], { node, use, name }, fromBase64url(identities[node]));
    return { log: key('log', logs[node]), witness: key('witness', witnessOf(node)) };
  };
  return { node1: of('node1'), node2: of('node2') };
}

/** @throws {PlanbokError} `proof_invalid` where `check` throws */
export function proven<T>(check: () => T): T {
  try {
    return check();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'not proven';
    throw new PlanbokError('proof_invalid', `audit log: ${why}`, { cause });
  }
}

/** Runs one thing after the other: what was kept must not change between question and answer. */
function queue() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(run: () => Promise<T>): Promise<T> => {
    const mine = last.then(run, run);
    last = mine.catch(() => {});
    return mine;
  };
}
