/**
 * Refresh with both parties in memory.
 * @module
 */
import {
  p1Confirm,
  p1Open,
  p1Start,
  p2Finish,
  p2Start,
  type Refreshed,
  type RefreshName,
} from '#shared/mpc/refresh.ts';
import type { KeyShares } from '#shared/mpc/share-blob.ts';
import { seededRandom } from './random.ts';

/** Both nodes' records of one epoch. */
export type Both = readonly [KeyShares, KeyShares];

/** The name of the key of `dkg.ts`'s test context. */
export const nameOf = (epoch = 2, key = 'key'): RefreshName => ({
  orgId: 'org_a',
  walletSetId: 'wset_a',
  keyId: key,
  epoch,
  identity1: new Uint8Array(32).fill(1),
  identity2: new Uint8Array(32).fill(2),
});

/** A whole run with all of its messages. The same seed gives the same run. */
export interface RefreshRun {
  readonly name: RefreshName;
  readonly before: Both;
  readonly F1: Uint8Array;
  readonly F2: Uint8Array;
  readonly F3: Uint8Array;
  readonly F4: Uint8Array;
  /** Copy of Node 2's state before it was used. */
  readonly state2: Uint8Array;
  readonly node1: Refreshed;
  readonly node2: Refreshed;
  readonly after: Both;
}

export async function refresh(before: Both, seed: string, name = nameOf()): Promise<RefreshRun> {
  const random1 = seededRandom(`${seed}/1`);
  const random2 = seededRandom(`${seed}/2`);
  const [state1, F1] = p1Start(name, before[0], random1);
  const [state, F2] = await p2Start(name, before[1], F1, random2);
  const state2 = state.slice();
  const [node1, F3] = await p1Open(state1, F2, random1);
  const [node2, F4] = p2Finish(state, name, before[1], F3, random2);
  p1Confirm(node1.transcript, F4);
  return { name, before, F1, F2, F3, F4, state2, node1, node2, after: [node1.shares, node2.shares] };
}
