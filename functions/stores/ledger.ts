/**
 * The ledger of keys: may this key sign now? One item per (key, epoch), written when a key is made, after a
 * failed check, or by an administrator; never by a signature that goes well.
 * @module
 */
import { type Bytes, equalBytes } from '#shared/bytes.ts';
import type { AbortCode } from '#shared/errors.ts';
import type { KeyType } from '#shared/mpc/context.ts';
import type { Clock, Item, Log, Table, When } from '../ports.ts';

/** LOCKED_OT ends with a refresh only; LOCKED_CHK may be cleared by a human (docs/protocol.md). */
export type KeyState = 'PENDING' | 'ACTIVE' | 'LOCKED_OT' | 'LOCKED_CHK';

/** The public side of a wallet set's keys, stored in the same write that makes them active. */
export interface AccountKeys {
  readonly organization: string;
  readonly name: string;
  readonly custody: 'standard';
  readonly keyTypes: readonly KeyType[];
  /** Of the DKG, 32 bytes. */
  readonly sid: Bytes;
  /** The protocol context, 32 bytes. */
  readonly ctx: Bytes;
  /** Chain code, 32 bytes; public, as in an extended public key. */
  readonly cc: Bytes;
  /** Account public keys: 33 bytes compressed, 32 bytes; absent without that key type. */
  readonly secp256k1?: Bytes;
  readonly ed25519?: Bytes;
  /** RFC 3339, UTC. */
  readonly created: string;
  /** The peer's confirmation (D4) of the DKG, 32 bytes: what it must say, or what this node said. */
  readonly confirmation: Bytes;
}

export interface KeyEntry {
  /** The wallet set. */
  readonly key: string;
  readonly epoch: number;
  readonly state: KeyState;
  /** Protocol session that made (or is making) the key, 16 bytes. */
  readonly attempt: Bytes;
  /** Absent at Node 2 while the key is being made. */
  readonly account?: AccountKeys;
}

/** A key that can sign. */
export interface ActiveKey extends KeyEntry {
  readonly account: AccountKeys;
}

/** The first epoch of every key. */
export const firstEpoch = 1;

const keyOf = (key: string, epoch: number): Item => ({ key, epoch: String(epoch) });

export interface Ledger {
  /** Strongly consistent. */
  read(key: string, epoch: number): Promise<KeyEntry | undefined>;
  /**
   * Begins a DKG. Without an account (Node 2) it replaces an unfinished one; with one (Node 1, which resolves
   * what it finds unfinished first) it does not. False if the key is made, or another attempt stands.
   */
  begin(key: string, epoch: number, attempt: Bytes, account?: AccountKeys): Promise<boolean>;
  /**
   * The commit point of a DKG. False if this attempt was replaced or discarded meanwhile; true also if an
   * earlier try, whose answer was lost, had committed it.
   */
  activate(key: string, epoch: number, attempt: Bytes, account: AccountKeys): Promise<boolean>;
  /** Ends an unfinished attempt for good: `activate` of it fails from now on. */
  discard(key: string, epoch: number, attempt: Bytes): Promise<void>;
  /** The number of this self-test: 0 for the first. */
  countSelfTest(key: string, epoch: number): Promise<number>;
  /**
   * What a failed check does to the key: a lock, a strike, or nothing. Resolves only when the lock is
   * stored: the caller answers after that.
   */
  punish(key: string, epoch: number, abort: AbortCode): Promise<void>;
}

const lockOf: Partial<Record<AbortCode, KeyState>> = {
  E_OT: 'LOCKED_OT',
  E_VOLE: 'LOCKED_CHK',
  E_GAMMA: 'LOCKED_CHK',
};
const strikes: readonly AbortCode[] = ['E_COM', 'E_PK', 'E_SIG', 'E_POK'];
/** Three strikes, each within a day of the one before, lock the key. */
const strikeLimit = 3;
const strikeWindowMs = 24 * 3_600_000;
/** How often a lock write is tried before its failure is the caller's. */
const lockAttempts = 20;

export function ledgerOver(table: Table, clock: Clock, log: Log): Ledger {
  const lock = async (key: string, epoch: number, state: KeyState, abort: AbortCode): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        // LOCKED_OT is never weakened to LOCKED_CHK.
        await table.update(keyOf(key, epoch), { set: { state, lockedFor: abort, lockedMs: clock() } }, [
          [['state', '<>', 'LOCKED_OT']],
        ]);
        log.alarm('key locked', { key, epoch, abort });
        return;
      } catch (error) {
        if (attempt === lockAttempts) {
          log.alarm('key not locked: the ledger does not answer', { key, epoch, abort });
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, 25 * attempt));
      }
    }
  };
  return {
    async read(key, epoch) {
      const item = await table.get(keyOf(key, epoch));
      return item && entryOf(item);
    },
    begin: (key, epoch, attempt, account) =>
      table.put({ ...keyOf(key, epoch), state: 'PENDING', attempt, ...(account && attributesOf(account)) }, [
        [['key', 'absent']],
        ...(account ? [] : [[['state', '=', 'PENDING']] as const]),
      ]),
    async activate(key, epoch, attempt, account) {
      const set = { state: 'ACTIVE', ...attributesOf(account) };
      if ((await table.update(keyOf(key, epoch), { set }, pendingUnder(attempt))) !== null) return true;
      const item = await table.get(keyOf(key, epoch));
      return (
        item !== undefined && item['state'] !== 'PENDING' && equalBytes(item['attempt'] as Bytes, attempt)
      );
    },
    async discard(key, epoch, attempt) {
      await table.delete(keyOf(key, epoch), pendingUnder(attempt));
    },
    async countSelfTest(key, epoch) {
      const result = await table.update(keyOf(key, epoch), { add: { selfTests: 1 } });
      return Number(result?.after['selfTests']) - 1;
    },
    async punish(key, epoch, abort) {
      const state = lockOf[abort];
      if (state !== undefined) return lock(key, epoch, state, abort);
      if (!strikes.includes(abort)) return;
      const struck = await strike(table, keyOf(key, epoch), clock());
      log.alarm('strike', { key, epoch, abort, strikes: struck });
      if (struck >= strikeLimit) await lock(key, epoch, 'LOCKED_CHK', abort);
    },
  };
}

const pendingUnder = (attempt: Bytes): When => [
  [
    ['state', '=', 'PENDING'],
    ['attempt', '=', attempt],
  ],
];

const attributesOf = ({ keyTypes, ...rest }: AccountKeys): Item => ({
  ...(Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as Item),
  keyTypes: keyTypes.join(','),
});

function entryOf(item: Item): KeyEntry {
  const { key, epoch, state, attempt, keyTypes, ...rest } = item;
  const entry = { key, epoch: Number(epoch), state, attempt } as KeyEntry;
  if (keyTypes === undefined) return entry;
  const account = { ...rest, keyTypes: String(keyTypes).split(',') } as unknown as AccountKeys;
  return { ...entry, account };
}

/** Counts a strike; the count starts anew when the last one is a day old. */
async function strike(table: Table, key: Item, nowMs: number): Promise<number> {
  const recent = await table.update(key, { add: { strikes: 1 }, set: { struckMs: nowMs } }, [
    [['struckMs', '>', nowMs - strikeWindowMs]],
  ]);
  if (recent !== null) return Number(recent.after['strikes']);
  const first = await table.update(key, { set: { strikes: 1, struckMs: nowMs } }, [
    [['struckMs', 'absent']],
    [['struckMs', '<=', nowMs - strikeWindowMs]],
  ]);
  // Another strike came between the two: then there is a recent one.
  return first === null ? strike(table, key, nowMs) : 1;
}
