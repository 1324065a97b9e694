/**
 * Protocol sessions: one item per session id, written before anything that depends on it leaves the node.
 * The item is the replay record of the actor's authorisation (for signing, at Node 1, the record of the intent is:
 * `node1/sign-job.ts`); Node 2's item also holds the sealed single-use state between its two messages.
 * @module
 */
import { type Bytes, toBase64url } from '#shared/bytes.ts';
import type { Clock, Item, Table } from '../ports.ts';

/** How long Node 2 waits for the third message, by its own clock, milliseconds. */
export const sessionLifeMs = 30_000;
/** How long the replay record stays, seconds: far longer than any authorisation lives. */
const keptSeconds = 7 * 24 * 3600;

/** Whose state a session keeps: one protocol never goes on from the state of the other. */
export type Protocol = 'dkg' | 'ecdsa';

export interface Sessions {
  /** Claims the id for ever. False if it was seen before: this session is dead. */
  begin(id: Bytes, facts: Item): Promise<boolean>;
  /** As `begin`, and leaves a state of this protocol to be taken once within {@link sessionLifeMs}. */
  open(id: Bytes, protocol: Protocol, facts: Item, sealed: Bytes): Promise<boolean>;
  /**
   * Atomically takes the sealed state out of the item: of any number of concurrent callers at most one gets
   * it. Null if it was taken, is expired, is of another protocol or epoch, or never was. An error means:
   * dead.
   */
  take(
    id: Bytes,
    protocol: Protocol,
    epoch: number,
  ): Promise<{ readonly facts: Item; readonly sealed: Bytes } | null>;
}

export function sessionsOver(table: Table, clock: Clock): Sessions {
  const put = (id: Bytes, item: Item): Promise<boolean> =>
    table.put({ ...item, reqId: toBase64url(id), ttl: Math.floor(clock() / 1000) + keptSeconds }, [
      [['reqId', 'absent']],
    ]);
  return {
    begin: (id, facts) => put(id, { ...facts, st: 'BEGUN' }),
    open: (id, protocol, facts, sealed) =>
      put(id, { ...facts, protocol, st: 'OPEN', sealed, exp: clock() + sessionLifeMs }),
    async take(id, protocol, epoch) {
      const taken = await table.update(
        { reqId: toBase64url(id) },
        { set: { st: 'CLAIMED' }, remove: ['sealed'] },
        [
          [
            ['st', '=', 'OPEN'],
            ['protocol', '=', protocol],
            ['epoch', '=', epoch],
            ['exp', '>', clock()],
          ],
        ],
      );
      return taken && { facts: taken.before, sealed: taken.before['sealed'] as Bytes };
    },
  };
}
