import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { dynamoClient, dynamoTables } from '../../functions/adapters/dynamo.ts';
import { memoryKeyService, memoryTable } from '../../functions/adapters/memory.ts';
import {
  type AnswerAttempts,
  answerAttemptsOver,
  mostAnswerTries,
  refillMs,
} from '../../functions/custody/answer-attempts.ts';
import {
  type Attempts,
  attemptsOver,
  delaysMs,
  mostTries,
  mostUnproven,
} from '../../functions/custody/attempts.ts';
import { mostRecent } from '../../functions/custody/recent.ts';
import type { Table } from '../../functions/ports.ts';
import { tables } from '../../functions/tables.ts';
import { createTables } from '../../local/tables.ts';
import { utf8 } from '../../shared/bytes.ts';
import { blindInput } from '../../shared/crypto/voprf.ts';
import { openAnswer } from '../../shared/custody/evaluation-answer.ts';
import type { KeyName } from '../../shared/custody/evaluation-key.ts';
import type { ProvenEvaluation } from '../../shared/custody/evaluation-proof.ts';
import { sealRequest } from '../../shared/custody/evaluation-request.ts';
import { CustodyError } from '../../shared/errors.ts';
import { startTestAccount } from '../support/local-aws.ts';
import {
  ask,
  customer,
  device,
  node2Over,
  openWith,
  pinName,
  proven,
  random,
  requestOf,
  setUp,
  signWithDevice,
  someId,
} from './support.ts';

const slow = process.env['SLOW'] === '1';
/** Guesses at once that go through all of Node 2; the counter alone always sees 1,000. */
const many = slow ? 1_000 : 100;
const startMs = 1_800_000_000_000;
const dayMs = 24 * 3_600_000;

/** A proof as if its signature had been checked: verifyEvaluationProof has tests of its own. */
const proofNaming = (evaluation: string, changes: Partial<KeyName & { version: number }> = {}) =>
  ({ ...pinName, version: 1, evaluation, wrapped: random(32), ...changes }) as ProvenEvaluation;

describe('the tries of a PIN', () => {
  const opened = (): {
    attempts: Attempts;
    take: (nowMs: number, id?: string, of?: string) => ReturnType<Attempts['take']>;
  } => {
    const attempts = attemptsOver(memoryTable(tables.counters));
    return { attempts, take: (nowMs, id = someId(), of = device) => attempts.take(customer, of, id, nowMs) };
  };

  test('five at once, then after 1 min, 5 min, 1 h, 24 h, 24 h, then none, to the millisecond', async () => {
    const { take } = opened();
    const waits = [0, 0, 0, 0, 0, 60_000, 300_000, 3_600_000, dayMs, dayMs];
    expect(delaysMs).toEqual(waits);
    let nowMs = startMs;
    for (const [i, waitMs] of waits.entries()) {
      if (waitMs > 0) {
        const early = await take(nowMs + waitMs - 1);
        expect(early).toEqual({ outcome: 'wait', standing: { remaining: 10 - i, nextMs: nowMs + waitMs } });
      }
      nowMs += waitMs;
      const next = waits[i + 1] ?? 0;
      expect(await take(nowMs)).toEqual({
        outcome: 'counted',
        standing: { remaining: 9 - i, nextMs: next === 0 ? 0 : nowMs + next },
      });
    }
    for (const laterMs of [0, dayMs, 1000 * dayMs])
      expect(await take(nowMs + laterMs)).toEqual({
        outcome: 'locked',
        standing: { remaining: 0, nextMs: 0 },
      });
  });

  test('a clock that goes back shortens no delay', async () => {
    const { take } = opened();
    for (let i = 0; i < 5; i++) await take(startMs);
    expect((await take(startMs - dayMs)).outcome).toBe('wait');
    expect((await take(startMs + 60_000)).outcome).toBe('counted');
    expect((await take(startMs)).standing.nextMs).toBe(startMs + 60_000 + 300_000);
  });

  test('all devices of a customer share them; customers do not', async () => {
    const { attempts, take } = opened();
    for (let i = 0; i < 5; i++) await take(startMs, someId(), `key_${i}`);
    expect((await take(startMs)).outcome).toBe('wait');
    expect((await attempts.take('cus_other', device, someId(), startMs)).outcome).toBe('counted');
  });

  test('an evaluation counts once, and is not counted again while a request for it could still be good', async () => {
    const { attempts, take } = opened();
    const id = someId();
    await take(startMs, id);
    await expect(take(startMs, id)).rejects.toMatchObject({ code: 'authorisation_replayed' });
    expect(await attempts.prove(proofNaming(id))).toBe(true);
    await expect(take(startMs + 150_000, id)).rejects.toMatchObject({ code: 'authorisation_replayed' });
    expect((await take(startMs, someId())).standing.remaining).toBe(9);
  });

  test('a proof forgives the tries up to the one it names, and no later ones', async () => {
    const { attempts, take } = opened();
    const ids = Array.from({ length: 5 }, someId);
    for (const id of ids) await take(startMs, id);
    expect(await attempts.prove(proofNaming(ids[1] as string))).toBe(true);
    // Three of five are left standing: two more, then a delay.
    expect((await take(startMs)).standing.remaining).toBe(6);
    expect((await take(startMs)).standing).toEqual({ remaining: 5, nextMs: startMs + 60_000 });
    expect((await take(startMs)).outcome).toBe('wait');
    // An older one changes nothing of that.
    expect(await attempts.prove(proofNaming(ids[0] as string))).toBe(true);
    expect((await take(startMs)).outcome).toBe('wait');
    expect(await attempts.prove(proofNaming(ids[4] as string))).toBe(true);
    expect((await take(startMs)).standing.remaining).toBe(7);
  });

  test('no proof counts twice, nor one of an evaluation that was not counted, of another device or use', async () => {
    const { attempts, take } = opened();
    const id = someId();
    await take(startMs, id);
    for (const other of [
      proofNaming(someId()),
      proofNaming(id, { device: 'key_other' }),
      proofNaming(id, { use: 'answers' }),
      proofNaming(id, { customer: 'cus_other' }),
    ])
      expect(await attempts.prove(other)).toBe(false);
    expect((await take(startMs)).standing.remaining).toBe(8);
    expect(await attempts.prove(proofNaming(id))).toBe(true);
    for (let i = 0; i < 4; i++) await take(startMs);
    expect(await attempts.prove(proofNaming(id))).toBe(false);
    expect((await take(startMs)).outcome).toBe('wait');
  });

  test('the proof of the tenth unlocks', async () => {
    const { attempts, take } = opened();
    let [nowMs, last] = [startMs, ''];
    for (let i = 0; i < mostTries; i++) {
      last = someId();
      nowMs += dayMs;
      await take(nowMs, last);
    }
    expect((await take(nowMs + dayMs)).outcome).toBe('locked');
    expect(await attempts.prove(proofNaming(last))).toBe(true);
    expect((await take(nowMs + dayMs)).outcome).toBe('counted');
  });

  test('fifty that nobody ever proves lock, however often others are proven; a new key starts over', async () => {
    const { attempts, take } = opened();
    let nowMs = startMs;
    for (let i = 0; i < mostUnproven; i++) {
      // The owner's evaluation after each guess of somebody else.
      nowMs += 10 * 60_000;
      expect((await take(nowMs, someId(), i < 3 ? 'key_other' : device)).outcome).toBe('counted');
      const own = someId();
      nowMs += 10 * 60_000;
      if (i === mostUnproven - 1) break;
      expect((await take(nowMs, own)).outcome).toBe('counted');
      expect(await attempts.prove(proofNaming(own))).toBe(true);
    }
    expect(await take(nowMs + dayMs)).toEqual({ outcome: 'locked', standing: { remaining: 0, nextMs: 0 } });
    const fresh = proofNaming(someId(), { version: 2 });
    await attempts.startOver(fresh);
    // What was tried from another device, against another key, still stands: 3 of 50.
    expect((await take(nowMs + dayMs)).standing.remaining).toBe(9);
    for (let i = 0; i < 4; i++) await take(nowMs + dayMs);
    await attempts.startOver(fresh);
    expect((await take(nowMs + dayMs)).outcome).toBe('wait');
  });

  test('more than a person asks for has to wait until names are forgotten', async () => {
    const { attempts, take } = opened();
    for (let i = 0; i < mostRecent; i++) {
      const id = someId();
      expect((await take(startMs, id)).outcome).toBe('counted');
      await attempts.prove(proofNaming(id));
    }
    const full = await take(startMs);
    expect(full).toMatchObject({ outcome: 'wait', standing: { remaining: 10 } });
    expect((await take(full.standing.nextMs)).outcome).toBe('counted');
  });
});

describe('the tries of answers', () => {
  const opened = (): AnswerAttempts => answerAttemptsOver(memoryTable(tables.counters));

  test('five, then one every 24 hours, and never a lock', async () => {
    const attempts = opened();
    const take = (nowMs: number) => attempts.take(customer, someId(), nowMs);
    for (let i = 1; i <= mostAnswerTries; i++)
      expect((await take(startMs)).standing.remaining).toBe(mostAnswerTries - i);
    expect(await take(startMs)).toEqual({
      outcome: 'wait',
      standing: { remaining: 0, nextMs: startMs + refillMs },
    });
    let nowMs = startMs;
    for (let day = 0; day < 30; day++) {
      nowMs += refillMs;
      expect((await take(nowMs - 1)).outcome).toBe('wait');
      expect((await take(nowMs)).outcome).toBe('counted');
      expect((await take(nowMs)).outcome).toBe('wait');
    }
    nowMs += 100 * refillMs;
    let counted = 0;
    for (let i = 0; i < 2 * mostAnswerTries; i++) if ((await take(nowMs)).outcome === 'counted') counted++;
    expect(counted).toBe(mostAnswerTries);
  });

  test('have a counter of their own, and count an evaluation once', async () => {
    const table = memoryTable(tables.counters);
    const [pins, answers] = [attemptsOver(table), answerAttemptsOver(table)];
    for (let i = 0; i < 5; i++) await pins.take(customer, device, someId(), startMs);
    const id = someId();
    expect((await answers.take(customer, id, startMs)).standing.remaining).toBe(4);
    await expect(answers.take(customer, id, startMs)).rejects.toMatchObject({
      code: 'authorisation_replayed',
    });
    expect((await answers.take('cus_other', id, startMs)).outcome).toBe('counted');
  });
});

/** A table for any number of callers, of whose calls so many are under way: as many as there are connections. */
function pooled(table: Table, places: number): Table {
  let free = places;
  const waiting: (() => void)[] = [];
  const around = async <T>(run: () => Promise<T>): Promise<T> => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await run();
    } finally {
      // The newest first: a write follows its read, and what races is what the store does at once.
      const next = waiting.pop();
      if (next === undefined) free++;
      else next();
    }
  };
  return wrapped(table, around);
}

const wrapped = (table: Table, around: <T>(run: () => Promise<T>) => Promise<T>): Table => ({
  get: (...args) => around(() => table.get(...args)),
  put: (...args) => around(() => table.put(...args)),
  update: (...args) => around(() => table.update(...args)),
  delete: (...args) => around(() => table.delete(...args)),
  list: (...args) => around(() => table.list(...args)),
});

const stores: Record<string, () => Promise<{ readonly table: Table; close(): Promise<void> }>> = {
  memory: async () => ({ table: memoryTable(tables.counters), close: async () => {} }),
  'DynamoDB on dynalite': async () => {
    const account = await startTestAccount();
    const client = dynamoClient(account.options);
    await createTables(client, 'test-');
    return {
      table: pooled(dynamoTables(client, 'test-').counters, 40),
      async close() {
        client.destroy();
        await account.close();
      },
    };
  },
};

describe.each(Object.entries(stores))('concurrent guesses over %s', (_, open) => {
  let store: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    store = await open();
  });
  afterAll(() => store.close());

  test('exactly five are evaluated, then one after each delay, ten in all; of 1,000 at once five count', async () => {
    const node = await node2Over(store.table, memoryKeyService());
    const pin = blindInput(utf8('a guess'), random);
    await setUp(node, '927451', random(32));
    const before = node.evaluations;
    const guess = async () => {
      const { request, reply } = await requestOf(node, pin.blinded);
      const sealed = await sealRequest(request, signWithDevice, node.recipient);
      return async () => (await openAnswer(await node.evaluate(sealed), request, reply.open)).outcome;
    };
    const burst = async (n: number) => {
      const guesses = await Promise.all(Array.from({ length: n }, guess));
      return Promise.all(guesses.map((run) => run()));
    };
    const outcomes = await burst(many);
    expect(outcomes.filter((outcome) => outcome === 'evaluated')).toHaveLength(5);
    expect(outcomes.filter((outcome) => outcome === 'wait')).toHaveLength(many - 5);
    expect(node.evaluations - before).toBe(5);
    for (const waitMs of delaysMs.slice(5)) {
      node.nowMs += waitMs;
      expect((await burst(10)).filter((outcome) => outcome === 'evaluated')).toHaveLength(1);
    }
    node.nowMs += dayMs;
    expect(new Set(await burst(10))).toEqual(new Set(['locked']));
    expect(node.evaluations - before).toBe(10);

    const attempts = attemptsOver(store.table);
    const thousand = async (nowMs: number) => {
      const all = await Promise.all(
        Array.from({ length: 1_000 }, () => attempts.take('cus_thousand', device, someId(), nowMs)),
      );
      return all.filter(({ outcome }) => outcome === 'counted').length;
    };
    expect(await thousand(startMs)).toBe(5);
    expect(await thousand(startMs + 60_000)).toBe(1);
    const answers = answerAttemptsOver(store.table);
    const asked = await Promise.all(
      Array.from({ length: 1_000 }, () => answers.take('cus_thousand', someId(), startMs)),
    );
    expect(asked.filter(({ outcome }) => outcome === 'counted')).toHaveLength(5);
  });
});

/** A table whose n-th call (reads and writes) fails before, or after, it has its effect. */
function failing(table: Table, plan: { at: number; after: boolean }): Table {
  let calls = 0;
  const around = <T>(run: () => Promise<T>): Promise<T> => {
    const fails = calls++ === plan.at;
    const lost = () => Promise.reject(new CustodyError('storage_unavailable', 'injected'));
    return !fails ? run() : plan.after ? run().then(lost) : lost();
  };
  return wrapped(table, around);
}

test('whatever call of the store fails, with or without its effect, nothing is evaluated that is not counted', async () => {
  let failures = 0;
  for (const after of [false, true])
    for (let at = 0; at < 8; at++) {
      const table = memoryTable(tables.counters);
      const keys = memoryKeyService();
      const well = await node2Over(table, keys);
      const secret = random(32);
      const wrap = await setUp(well, '927451', secret);
      const broken = await node2Over(failing(table, { at, after }), keys);
      const outcome = await ask(broken, '111111', wrap).then(
        ({ answer }) => answer.outcome,
        ({ code }) => code,
      );
      if (outcome !== 'evaluated') failures++;
      expect(['evaluated', 'storage_unavailable']).toContain(outcome);
      // One more try, well: it sees whether the first was counted.
      const last = await ask(well, '927451', wrap);
      const counted = 9 - last.answer.standing.remaining;
      expect(counted).toBeGreaterThanOrEqual(broken.evaluations);
      expect(counted).toBeLessThanOrEqual(1);
      expect(await openWith(last, wrap)).toEqual(secret);
      // A proof forgives, also if the store fails in the middle of the first time.
      const proof = proven(well, secret, wrap, last.evaluation);
      const shaky = attemptsOver(failing(table, { at: at % 3, after }));
      await shaky.prove(proof).catch(() => undefined);
      await well.accept(proof);
      expect((await ask(well, '927451', wrap)).answer.standing.remaining).toBe(9);
    }
  expect(failures).toBeGreaterThanOrEqual(6);
});

test('a key service that fails after the count costs a try, and evaluates nothing', async () => {
  const table = memoryTable(tables.counters);
  const keys = memoryKeyService();
  const well = await node2Over(table, keys);
  const wrap = await setUp(well, '927451', random(32));
  const without = await node2Over(table, {
    ...keys,
    decryptDataKey: () => Promise.reject(new CustodyError('storage_unavailable', 'injected')),
  });
  await expect(ask(without, '927451', wrap)).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect((await ask(well, '927451', wrap)).answer.standing.remaining).toBe(8);
});
