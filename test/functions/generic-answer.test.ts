/**
 * 165 generic_bytes_and_time_identical: what must not be told apart is one answer, the same bytes at the same
 * time, whatever Node 2 found. This file lets the clock run.
 */

import { fromBinary } from '@bufbuild/protobuf';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { genericAfterMs } from '../../functions/node2/generic.ts';
import type { Item } from '../../functions/ports.ts';
import { EnvelopeSchema, SignedSchema } from '../../proto/generated/planbok/node/v1/node_pb.ts';
import type { Bytes } from '../../shared/bytes.ts';
import { s3Layout } from '../../shared/mpc/sign-ecdsa-messages.ts';
import { askSignature, type Household, hello, settle } from '../support/ask.ts';
import { patch } from '../support/ecdsa-session.ts';
import { beginEcdsa, bodies, callNode2, openEcdsa, sessionOf } from '../support/hostile.ts';
import { fresh, owner, twoNodes, type World } from '../support/two-nodes.ts';

jest.setTimeout(60_000);

let world: World;
let home: Household;
let key: Item;

beforeAll(async () => {
  world = await twoNodes({ realClock: true });
  home = await settle(world, owner(world), ['ETH']);
  key = (await world.node2.tables.keys.get({ key: home.set.id, epoch: '1' })) as Item;
});

const ask = () => askSignature(home.who, home.wallets['ETH'], hello('ETH'));
const flip = (b: Bytes): Bytes => b.map((x, i) => (i === 0 ? x ^ 1 : x));
const unlock = () => world.node2.tables.keys.put(key);

/** What comes back over the wire, and after how many milliseconds. */
async function observe(run: () => Promise<unknown>): Promise<{ ms: number; size: number; told: object }> {
  let observed: { ms: number; size: number; told: object } | undefined;
  world.wire = async (_, envelope, deliver) => {
    const start = performance.now();
    const answer = await deliver(envelope);
    const ms = performance.now() - start;
    const content = fromBinary(SignedSchema, fromBinary(EnvelopeSchema, answer).signed);
    const { session, answers, issuedMs, method, delegation, step, ...told } = content;
    observed = { ms, size: answer.length, told };
    return answer;
  };
  try {
    await run();
  } finally {
    world.wire = (_, envelope, deliver) => deliver(envelope);
  }
  if (observed === undefined) throw new Error('nothing was sent');
  return observed;
}

describe('the one answer', () => {
  test('same bytes at the same time for every reason', async () => {
    const seen: Record<string, Awaited<ReturnType<typeof observe>>> = {};
    const third = async (name: string, change: (S3: Bytes) => Bytes) => {
      const { finish, S3 } = await openEcdsa(world, await ask());
      seen[name] = await observe(() => finish(change(S3)));
      await unlock();
    };
    const first = async (name: string, session: (right: Bytes) => Bytes, before = async () => {}) => {
      const request = await ask();
      const { S1 } = await beginEcdsa(world, request);
      await before();
      seen[name] = await observe(() =>
        callNode2(world, 'Sign1', session(sessionOf(request)), bodies.Sign1(request, 0, S1)),
      );
      await unlock();
    };
    await third('extension', (S3) => patch(s3Layout, S3, ({ U }) => ({ U: flip(U) })));
    await third('vole', (S3) => patch(s3Layout, S3, ({ mu }) => ({ mu: flip(mu) })));
    await third('gamma', (S3) => patch(s3Layout, S3, ({ GammaV }) => ({ GammaU: GammaV })));
    await third('opening', (S3) => patch(s3Layout, S3, ({ rho }) => ({ rho: flip(rho) })));
    await third('length', (S3) => S3.subarray(1));
    const used = await openEcdsa(world, await ask());
    await used.finish();
    seen['claim refused'] = await observe(() => used.finish());
    seen['never opened'] = await observe(() =>
      callNode2(world, 'Sign2', fresh(16), bodies.Sign2(used.S3), 3),
    );
    const lock = () => world.second.ledger.punish(home.set.id, 1, 'E_OT');
    const open = await openEcdsa(world, await ask());
    await lock();
    seen['locked before S3'] = await observe(() => open.finish());
    await unlock();
    await first('locked before S1', (right) => right, lock);
    await first('another session', () => fresh(16));
    const request = await ask();
    const { S1 } = await beginEcdsa(world, request);
    const sign1 = () => callNode2(world, 'Sign1', sessionOf(request), bodies.Sign1(request, 0, S1));
    await sign1();
    seen['seen before'] = await observe(sign1);

    const [one, ...others] = Object.values(seen);
    for (const other of others)
      expect({ size: other.size, told: other.told }).toEqual({ size: one?.size, told: one?.told });
    expect(one?.told).toMatchObject({ errorCode: 'protocol_abort', errorDetail: 'aborted' });
    // A timer never fires early; late only as far as this machine is busy.
    const late = Object.entries(seen).filter(
      ([, { ms }]) => ms < genericAfterMs - 2 || ms > genericAfterMs + 150,
    );
    expect(late).toEqual([]);
  });
});
