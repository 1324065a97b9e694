import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toHex, utf8 } from '#shared/bytes.ts';
import {
  type EpochEvent,
  firstEpochs,
  heldEpoch,
  type KeyEpochs,
  nextEpoch,
  step,
  usable,
} from '#shared/mpc/epochs.ts';

const { SLOW } = process.env;
const slow = SLOW === '1';

/**
 * Two nodes and everything that was ever sent between them. A message stays where it is when it was delivered,
 * so it may come late, twice, after any other, or never: a crash of a node between any two writes is the same as
 * a message that is never delivered, since what an invocation knows beside its store is in messages alone.
 */
interface World {
  readonly one: KeyEpochs;
  readonly two: KeyEpochs;
  readonly net: ReadonlyMap<string, Message>;
}
type Message =
  | { readonly to: 2; readonly kind: 'F3'; readonly epoch: number; readonly transcript: Uint8Array }
  /** ACTIVATE, or a signing request: Node 1's state, and that it uses its active epoch. */
  | { readonly to: 2; readonly kind: 'use'; readonly claim: KeyEpochs }
  | { readonly to: 2; readonly kind: 'test'; readonly claim: KeyEpochs; readonly epoch: number }
  | { readonly to: 2; readonly kind: 'close'; readonly claim: KeyEpochs; readonly epoch: number }
  | Answer;
/** `signed` and `tested`: what a request of this kind came to. */
interface Answer {
  readonly to: 1;
  readonly kind: 'answer';
  readonly asked: number;
  readonly peer: KeyEpochs;
  readonly signed?: string;
  readonly tested?: number;
}

const textOf = (o: unknown): string =>
  JSON.stringify(o, (key, v) => (v instanceof Uint8Array ? toHex(v) : key === 'revision' ? 0 : v));
const transcriptOf = (name: string): Uint8Array => new Uint8Array(32).map((_, i) => utf8(name)[i] ?? 0);
const start: World = (() => {
  const transcript = transcriptOf('key generation');
  return { one: firstEpochs(1, 1, transcript), two: firstEpochs(2, 1, transcript), net: new Map() };
})();

const sent = (world: World, message: Message): World => {
  const text = textOf(message);
  return world.net.has(text) ? world : { ...world, net: new Map(world.net).set(text, message) };
};

/** The state after an event, or the same. What an event changes must raise the revision. */
function apply(keys: KeyEpochs, event: EpochEvent): KeyEpochs {
  const result = step(keys, event);
  if ('refused' in result) return keys;
  const { to } = result;
  if (to !== keys && to.revision !== keys.revision + 1) throw new Error('a change without a revision');
  // Again: nothing more happens.
  const again = step(to, event);
  if ('to' in again && again.to !== to) throw new Error(`${event.type} twice is not ${event.type} once`);
  return to;
}

const active = (keys: KeyEpochs) => {
  const record = heldEpoch(keys, keys.activeEpoch);
  if (!record) throw new Error('the active epoch is not held');
  return record;
};
const labelOf = ({ epoch, transcript }: { epoch: number; transcript: Uint8Array }) =>
  `${epoch} ${toHex(transcript)}`;

/** What Node 1 may do of itself. `run` names the next attempt. */
function acts(world: World, run: string): { readonly name: string; readonly after: () => World }[] {
  const { one } = world;
  if (one.quarantined) return [];
  const prepared = one.records.find(({ state }) => state === 'PREPARED');
  const send = (message: Message) => () => sent(world, message);
  return [
    ...(prepared
      ? [
          { name: 'test', after: send({ to: 2, kind: 'test', claim: one, epoch: prepared.epoch }) },
          {
            name: 'withdraw',
            after: () => ({ ...world, one: apply(one, { type: 'withdrawn', epoch: prepared.epoch }) }),
          },
        ]
      : [
          {
            name: 'begin',
            after: () => {
              const epoch = nextEpoch(one);
              const transcript = transcriptOf(run);
              const next = { ...world, one: apply(one, { type: 'prepared', epoch, transcript }) };
              return sent(next, { to: 2, kind: 'F3', epoch, transcript });
            },
          },
        ]),
    ...one.records
      .filter(({ state, epoch }) => state === 'RETIRING' && epoch > one.activeEpoch)
      .map(({ epoch }) => ({ name: 'close', after: send({ to: 2, kind: 'close', claim: one, epoch }) })),
    { name: 'use', after: send({ to: 2, kind: 'use', claim: one }) },
  ];
}

/** What Node 2 makes of a request, and answers. */
function answered(
  two: KeyEpochs,
  message: Exclude<Message, { to: 1 } | { kind: 'F3' }>,
): [KeyEpochs, Answer] {
  const { claim } = message;
  let keys = apply(two, { type: 'heard', peer: claim, asked: two.activeEpoch });
  let outcome: { signed?: string; tested?: number } = {};
  if (message.kind === 'close') keys = apply(keys, { type: 'closed', epoch: message.epoch });
  else {
    const test = message.kind === 'test';
    const record = test ? heldEpoch(claim, message.epoch) : active(claim);
    if (!record) throw new Error('Node 1 tests what it does not hold');
    if (!test) keys = apply(keys, { type: 'activated', ...record });
    if (usable(keys, record, test) === null)
      outcome = test ? { tested: record.epoch } : { signed: labelOf(record) };
  }
  return [keys, { to: 1, kind: 'answer', asked: claim.activeEpoch, peer: keys, ...outcome }];
}

/** Node 1 hears an answer. */
function told(one: KeyEpochs, { peer, asked, tested }: Answer): KeyEpochs {
  const next = apply(one, { type: 'heard', peer, asked });
  return tested === undefined ? next : apply(next, { type: 'tested', epoch: tested });
}

/** One message at its node. */
function deliver(world: World, message: Message): World {
  if (message.to === 1) return { ...world, one: told(world.one, message) };
  if (message.kind === 'F3') {
    const { epoch, transcript } = message;
    return { ...world, two: apply(world.two, { type: 'prepared', epoch, transcript }) };
  }
  const [two, answer] = answered(world.two, message);
  return sent({ ...world, two }, answer);
}

/** I1 to I4 and what else must hold of every step of nodes that never went back in time. */
function checkStep(before: World, after: World): void {
  const { one, two } = after;
  const broken = (what: string) =>
    new Error(`${what}\n${textOf([before.one, before.two])}\n${textOf([one, two])}`);
  if (one.quarantined || two.quarantined) throw broken('quarantined without a cause');
  for (const [was, is] of [
    [before.one, one],
    [before.two, two],
  ] as const) {
    if (is.minEpoch < was.minEpoch || is.activeEpoch < was.activeEpoch || is.lastEpoch < was.lastEpoch)
      throw broken('a number went down');
    if (is.minEpoch > is.activeEpoch || is.activeEpoch > is.lastEpoch) throw broken('numbers out of order');
    if (is.records.filter(({ state }) => state === 'ACTIVE').length !== 1)
      throw broken('not one active epoch');
    if (is.records.filter(({ state }) => state === 'PREPARED').length > 1)
      throw broken('two prepared epochs');
    // I3: a number is given once, above all that were given before.
    for (const { epoch } of is.records)
      if (!heldEpoch(was, epoch) && epoch <= was.lastEpoch) throw broken('I3: a number was used again');
  }
  // I1: Node 2 lets go of an epoch only if Node 1 has a later one and has used it, or has given this one up.
  for (const { epoch } of before.two.records)
    if (!heldEpoch(two, epoch)) {
      const given = heldEpoch(one, epoch)?.state ?? 'gone';
      const switched = one.activeEpoch > epoch;
      if (!switched && given !== 'RETIRING' && given !== 'gone') throw broken('I1');
    }
  // I2: Node 1 lets go only of what Node 2 has let go of, and cannot take up again.
  for (const { epoch } of before.one.records)
    if (!heldEpoch(one, epoch) && (heldEpoch(two, epoch) || two.lastEpoch < epoch)) throw broken('I2');
  // I4, and more: what Node 1 signs with is there at Node 2, from the same run.
  const common = heldEpoch(two, one.activeEpoch);
  if (!common || labelOf(common) !== labelOf(active(one))) throw broken('I4: no common epoch');
}

/** A request of Node 1 and its answer, with nothing lost. */
function exchange(world: World, request: Parameters<typeof answered>[1]): { world: World; answer: Answer } {
  const [two, answer] = answered(world.two, request);
  return { world: { ...world, two, one: told(world.one, answer) }, answer };
}

/** What a healthy pair does when it gets to: resolves what is unfinished, switches over, signs. */
function recover(world: World): string | undefined {
  let now = world;
  const pending = now.one.records.find(({ state }) => state === 'PREPARED');
  if (pending) {
    const held = heldEpoch(now.two, pending.epoch);
    if (held) now = exchange(now, { to: 2, kind: 'test', claim: now.one, epoch: pending.epoch }).world;
    else now = { ...now, one: apply(now.one, { type: 'withdrawn', epoch: pending.epoch }) };
  }
  for (const { epoch, state } of now.one.records)
    if (state === 'RETIRING' && epoch > now.one.activeEpoch)
      now = exchange(now, { to: 2, kind: 'close', claim: now.one, epoch }).world;
  const { world: done, answer } = exchange(now, { to: 2, kind: 'use', claim: now.one });
  const epochs = [done.one, done.two].map(({ records }) => records.map(({ epoch }) => epoch));
  expect(epochs).toEqual([[done.one.activeEpoch], [done.one.activeEpoch]]);
  return answer.signed;
}

describe('two nodes that lose nothing of their stores', () => {
  /** Every world that can be reached with epochs up to `limit`, or the first `most` of them. */
  function explore(limit: number, most = Number.POSITIVE_INFINITY) {
    const key = ({ one, two, net }: World) =>
      `${textOf(one)}|${textOf(two)}|${[...net.keys()].sort().join()}`;
    const seen = new Set([key(start)]);
    let front: World[] = [start];
    let switched = 0;
    while (front.length > 0 && seen.size < most) {
      const next: World[] = [];
      for (const world of front) {
        const ways = acts(world, `run ${nextEpoch(world.one)}`)
          .filter(({ name }) => name !== 'begin' || nextEpoch(world.one) <= limit)
          .map(({ after }) => after);
        for (const message of world.net.values()) ways.push(() => deliver(world, message));
        for (const way of ways) {
          const after = way();
          checkStep(world, after);
          const name = key(after);
          if (after === world || seen.has(name)) continue;
          seen.add(name);
          next.push(after);
          if (after.two.activeEpoch === limit && after.one.records.length === 1) switched++;
        }
      }
      front = next;
    }
    return { worlds: seen.size, done: front.length === 0, switched };
  }

  test('every interleaving of an attempt, with loss, repetition, reordering and crashes: I1 to I4', () => {
    const { worlds, done, switched } = explore(2);
    expect(done).toBe(true);
    expect(worlds).toBeGreaterThan(100);
    expect(switched).toBeGreaterThan(0);
  });

  test('and the shortest ones of two attempts', () => {
    const { worlds } = explore(3, slow ? 400_000 : 8_000);
    expect(worlds).toBeGreaterThan(7_000);
  });

  test('long histories at random; at every moment the pair can finish, switch over and sign', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(1_000_000)), { maxLength: 120 }), (choices) => {
        let world = start;
        for (const [kind, index] of choices) {
          const own = acts(world, `run ${nextEpoch(world.one)}`);
          const net = [...world.net.values()];
          // More deliveries than acts, and more of what was sent last.
          const recent = net.slice(-6);
          const from = kind < 3 ? own.map(({ after }) => after) : kind < 8 ? recent : net;
          const chosen = from[index % Math.max(1, from.length)];
          if (chosen === undefined) continue;
          const before = world;
          world = typeof chosen === 'function' ? chosen() : deliver(before, chosen);
          checkStep(before, world);
        }
        expect(recover(world)).toBeDefined();
      }),
      { numRuns: slow ? 20_000 : 400 },
    );
  });

  test('the way that all goes well', () => {
    const transcript = transcriptOf('new');
    let { one, two } = start;
    one = apply(one, { type: 'prepared', epoch: 2, transcript });
    two = apply(two, { type: 'prepared', epoch: 2, transcript });
    const record = { epoch: 2, transcript };
    // Prepared: for tests alone, and the old epoch goes on signing.
    for (const keys of [one, two]) {
      expect(usable(keys, record, true)).toBe(null);
      expect(usable(keys, record, false)).toBe('conflict');
      expect(usable(keys, active(keys), false)).toBe(null);
      expect(usable(keys, { epoch: 2, transcript: transcriptOf('other') }, true)).toBe('conflict');
    }
    one = apply(one, { type: 'tested', epoch: 2 });
    expect(one.records.map(({ epoch, state }) => `${epoch} ${state}`)).toEqual(['1 RETIRING', '2 ACTIVE']);
    expect(usable(one, start.one.records[0] as typeof record, false)).toBe('stale');
    // A test under the new epoch does not switch Node 2 over; Node 1's use of it does.
    expect(two.activeEpoch).toBe(1);
    two = apply(two, { type: 'activated', ...record });
    expect(two.records).toEqual([{ ...record, state: 'ACTIVE' }]);
    expect(two.minEpoch).toBe(2);
    one = apply(one, { type: 'heard', peer: two, asked: 2 });
    expect(one.records).toEqual([{ ...record, state: 'ACTIVE' }]);
  });
});

describe('what is refused', () => {
  const transcript = transcriptOf('new');
  const [one, two] = [start.one, start.two].map((keys) =>
    apply(keys, { type: 'prepared', epoch: 2, transcript }),
  ) as [KeyEpochs, KeyEpochs];
  test.each<[string, KeyEpochs, EpochEvent, string]>([
    ['a number of before', start.one, { type: 'prepared', epoch: 1, transcript }, 'stale'],
    ['a number twice', one, { type: 'prepared', epoch: 2, transcript: transcriptOf('other') }, 'stale'],
    ['a second prepared epoch', one, { type: 'prepared', epoch: 3, transcript }, 'conflict'],
    ['a second prepared epoch at Node 2', two, { type: 'prepared', epoch: 3, transcript }, 'conflict'],
    ['a test of nothing', start.one, { type: 'tested', epoch: 2 }, 'unknown'],
    ['a test at Node 2', two, { type: 'tested', epoch: 2 }, 'conflict'],
    ['withdrawing what is active', one, { type: 'withdrawn', epoch: 1 }, 'conflict'],
    ['withdrawing at Node 2', two, { type: 'withdrawn', epoch: 2 }, 'conflict'],
    ['closing what is active', two, { type: 'closed', epoch: 1 }, 'conflict'],
    ['closing at Node 1', one, { type: 'closed', epoch: 2 }, 'conflict'],
    ['activating at Node 1', one, { type: 'activated', epoch: 2, transcript }, 'conflict'],
    ['a node that hears itself', one, { type: 'heard', peer: one, asked: 1 }, 'conflict'],
  ])('%s', (_, keys, event, refusal) => {
    expect(step(keys, event)).toEqual({ refused: refusal });
  });

  test('a late F3 of an attempt that was given up', () => {
    const closed = apply(start.two, { type: 'closed', epoch: 2 });
    expect(step(closed, { type: 'prepared', epoch: 2, transcript })).toEqual({ refused: 'stale' });
    expect(nextEpoch(closed)).toBe(3);
  });

  test('use of an epoch of before', () => {
    const switched = apply(two, { type: 'activated', epoch: 2, transcript });
    const old = { epoch: 1, transcript: active(start.two).transcript };
    expect(step(switched, { type: 'activated', ...old })).toEqual({ refused: 'stale' });
    expect(usable(switched, old, false)).toBe('stale');
    expect(usable(switched, old, true)).toBe('stale');
  });
});

describe('a store that goes back in time', () => {
  /** Whole refreshes, every state of both stores on the way. */
  function history(refreshes: number): World[] {
    const worlds = [start];
    const now = () => worlds.at(-1) as World;
    for (let i = 0; i < refreshes; i++) {
      const epoch = nextEpoch(now().one);
      const transcript = transcriptOf(`run ${epoch}`);
      const F3 = { to: 2, kind: 'F3', epoch, transcript } as const;
      worlds.push({
        ...now(),
        one: apply(now().one, { type: 'prepared', epoch, transcript }),
      });
      worlds.push(deliver(now(), F3));
      worlds.push({ ...now(), one: apply(now().one, { type: 'tested', epoch }) });
      const use = { to: 2, kind: 'use', claim: now().one } as const;
      worlds.push(deliver(now(), use));
      worlds.push(exchange(now(), use).world);
    }
    return worlds;
  }

  test('every state of one node against every later one of the other: noticed, or nothing was lost', () => {
    const worlds = history(3);
    const noticed = { one: 0, two: 0 };
    for (const [late, now] of worlds.entries())
      for (const was of worlds.slice(0, late)) {
        for (const which of ['one', 'two'] as const) {
          const world = { ...now, [which]: was[which] };
          const { world: after, answer } = exchange(world, { to: 2, kind: 'use', claim: world.one });
          const { signed } = answer;
          const quarantined = after.one.quarantined || after.two.quarantined;
          if (quarantined) noticed[which]++;
          // Node 1 that has forgotten an attempt or a switch of which Node 2 knows; Node 2 that has forgotten
          // the epoch that Node 1 uses.
          const must =
            which === 'one'
              ? was.one.activeEpoch < now.two.activeEpoch || was.one.lastEpoch < now.two.lastEpoch
              : heldEpoch(was.two, now.one.activeEpoch) === undefined;
          expect([which, was.one, now.one, quarantined]).toEqual([which, was.one, now.one, must]);
          // Node 1 releases nothing that it finds contradicted, and Node 2 gives nothing.
          if (quarantined) {
            expect(after.one.quarantined || signed === undefined).toBe(true);
            const again = exchange(after, { to: 2, kind: 'use', claim: after.one });
            const keys = [again.world.one, again.world.two].find((k) => k.quarantined) as KeyEpochs;
            expect(usable(keys, active(keys), false)).toBe('quarantined');
            expect(usable(keys, active(keys), true)).toBe('quarantined');
            expect(step(keys, { type: 'prepared', epoch: 99, transcript: transcriptOf('x') })).toEqual({
              refused: 'quarantined',
            });
          } else expect(signed).toBe(labelOf(active(after.two)));
        }
      }
    expect(noticed.one).toBeGreaterThan(20);
    expect(noticed.two).toBeGreaterThan(20);
  });

  test('both stores restored together: the second place tells', () => {
    const minEpoch = (history(2).at(-1) as World).two.minEpoch;
    for (const keys of [start.one, start.two]) {
      const back = apply(keys, { type: 'remembered', minEpoch });
      expect(back).toMatchObject({ quarantined: true, minEpoch });
      expect(usable(back, active(back), false)).toBe('quarantined');
      expect(apply(keys, { type: 'remembered', minEpoch: 1 })).toBe(keys);
    }
  });

  test('two runs under one number: quarantine at whoever sees it', () => {
    const [a, b] = [transcriptOf('a'), transcriptOf('b')];
    const one = apply(start.one, { type: 'prepared', epoch: 2, transcript: a });
    const two = apply(start.two, { type: 'prepared', epoch: 2, transcript: b });
    expect(apply(one, { type: 'heard', peer: two, asked: 1 }).quarantined).toBe(true);
    expect(apply(two, { type: 'heard', peer: one, asked: 1 }).quarantined).toBe(true);
    expect(apply(two, { type: 'activated', epoch: 2, transcript: a }).quarantined).toBe(true);
  });

  test('at random: a restored node never signs with a share that is not of the same run', () => {
    let signatures = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(9), fc.nat(1_000_000)), { minLength: 20, maxLength: 120 }),
        fc.nat(),
        fc.boolean(),
        (choices, when, first) => {
          let world = start;
          const past: World[] = [];
          let runs = 0;
          const restoreAt = when % choices.length;
          for (const [i, [kind, index]] of choices.entries()) {
            past.push(world);
            if (i === restoreAt) {
              const old = past[index % past.length] as World;
              world = first ? { ...world, one: old.one } : { ...world, two: old.two };
            }
            const own = acts(world, `run ${runs++}`);
            const net = [...world.net.values()];
            const from = kind < 4 ? own.map(({ after }) => after) : net.slice(-6);
            const chosen = from[index % Math.max(1, from.length)];
            if (chosen === undefined) continue;
            const { one, two } = world;
            if (typeof chosen !== 'function' && chosen.to === 2 && chosen.kind === 'use') {
              const [, { signed, peer }] = answered(two, chosen);
              if (signed !== undefined) {
                expect(signed).toBe(labelOf(active(chosen.claim)));
                expect(signed).toBe(labelOf(active(peer)));
                signatures++;
              }
            }
            world = typeof chosen === 'function' ? chosen() : deliver(world, chosen);
            for (const [was, is] of [
              [one, world.one],
              [two, world.two],
            ] as const) {
              expect(is.minEpoch).toBeGreaterThanOrEqual(was.minEpoch);
              if (was.quarantined) expect(is).toEqual(was);
            }
          }
        },
      ),
      { numRuns: slow ? 20_000 : 400 },
    );
    expect(signatures).toBeGreaterThan(100);
  });
});
