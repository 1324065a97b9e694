/**
 * Key generation with both parties in memory.
 * @module
 */
import { type Context, contextOf, type KeyType } from '#shared/mpc/context.ts';
import { type Generated, p1Confirm, p1Open, p1Start, p2Finish, p2Start } from '#shared/mpc/dkg.ts';
import { seededRandom } from './random.ts';

export const bothTypes = ['secp256k1', 'ed25519'] as const;

/** A context of a key; `key` tells two keys apart. */
export const testContext = (keyTypes: readonly KeyType[], key = 'key', epoch = 1): Context =>
  contextOf({
    keyTypes,
    orgId: 'org_a',
    walletSetId: 'wset_a',
    keyId: key,
    epoch,
    identity1: new Uint8Array(32).fill(1),
    identity2: new Uint8Array(32).fill(2),
  });

/** A whole run with all of its messages. The same seed gives the same run. */
export interface Run {
  readonly ctx: Context;
  readonly types: readonly KeyType[];
  readonly D1: Uint8Array;
  readonly D2: Uint8Array;
  readonly D3: Uint8Array;
  readonly D4: Uint8Array;
  /** Copy of Node 2's state before it was used. */
  readonly state2: Uint8Array;
  readonly node1: Generated;
  readonly node2: Generated;
}

export function generate(types: readonly KeyType[], seed: string, ctx = testContext(types)): Run {
  const random1 = seededRandom(`${seed}/1`);
  const random2 = seededRandom(`${seed}/2`);
  const [state1, D1] = p1Start(ctx, types, random1);
  const [state2, D2] = p2Start(ctx, types, D1, random2);
  const copy = state2.slice();
  const [pending, D3] = p1Open(state1, D2, random1);
  const [node2, D4] = p2Finish(state2, D3, random2);
  return { ctx, types, D1, D2, D3, D4, state2: copy, node1: p1Confirm(pending, D4), node2 };
}
