/**
 * The tamper table of a refresh, made from the layouts as `tamper-table.test.ts` makes that of the other
 * protocols: every field of F1 to F4 and of Node 2's state, with every value that a hostile peer might try, each
 * with the abort that must come of it, and where. Nothing may be accepted.
 */
import { describe, expect, test } from '@jest/globals';
import { type Bytes, concat } from '#shared/bytes.ts';
import { Abort, type AbortCode } from '#shared/errors.ts';
import type { KeyType } from '#shared/mpc/context.ts';
import * as protocol from '#shared/mpc/refresh.ts';
import { f1Layout, f2Layout, f2StateLayout, f3Layout, f4Layout } from '#shared/mpc/refresh-messages.ts';
import { generate, testContext } from '../support/dkg.ts';
import { seededRandom } from '../support/random.ts';
import { type Both, nameOf, type RefreshRun, refresh } from '../support/refresh.ts';
import { type AnyLayout, lengths, mutations, type Sources } from '../support/tamper.ts';

const slow = process.env['SLOW'] === '1';

type Verdict = `${AbortCode} at ${1 | 2}`;

interface Row {
  readonly layout: AnyLayout;
  readonly message: Bytes;
  readonly sources: Sources;
  /** By field; `length` for the whole message in other lengths. */
  readonly expected: Readonly<Record<string, readonly Verdict[]>>;
  readonly play: (message: Bytes) => Promise<Verdict | 'accepted'>;
  /** Cases of one field, if each is slow. */
  readonly most?: number;
}

/** Steps at the nodes that make them; each is given what the one before returned. */
async function verdict(
  ...steps: readonly (readonly [node: 1 | 2, run: (before: Bytes) => unknown])[]
): Promise<Verdict | 'accepted'> {
  let last: unknown;
  for (const [node, run] of steps)
    try {
      last = await run(last as Bytes);
    } catch (error) {
      if (error instanceof Abort) return `${error.abort} at ${node}`;
      throw error;
    }
  return 'accepted';
}

let cases = 0;

async function check({
  layout,
  message,
  sources,
  expected,
  play,
  most = Number.POSITIVE_INFINITY,
}: Row): Promise<void> {
  const wrong: unknown[] = [];
  const all = mutations(layout, message, sources);
  for (const { name, length } of layout) {
    if (length === 0) continue;
    const allowed = expected[name];
    if (allowed === undefined) throw new Error(`nobody has said what a bad ${name} leads to`);
    const mine = all.filter((one) => one.field === name);
    const kept = slow || mine.length <= most ? mine : [...mine.slice(0, most - 5), ...mine.slice(-5)];
    expect([name, kept.length >= 8]).toEqual([name, true]);
    const seen = new Set<string>();
    for (const one of kept) {
      const outcome = await play(one.message);
      cases++;
      seen.add(outcome);
      if (!allowed.includes(outcome as Verdict)) wrong.push([one.name, outcome, `expected ${allowed}`]);
    }
    // The table says no more than happens: its last code is the one that a well-formed wrong value leads to.
    expect([name, [...seen]]).toEqual([name, expect.arrayContaining([allowed.at(-1)])]);
  }
  for (const one of lengths(message)) {
    const outcome = await play(one.message);
    cases++;
    if (!expected['length']?.includes(outcome as Verdict)) wrong.push([one.name, outcome]);
  }
  expect(wrong).toEqual([]);
  // And the message itself is the one that is accepted.
  expect(await play(message)).toBe('accepted');
}

const sharesOf = (run: ReturnType<typeof generate>): Both => [run.node1.shares, run.node2.shares];

describe.each([
  ['both curves', ['secp256k1', 'ed25519'] as const],
  ['ed25519', ['ed25519'] as const],
])('%s', (_, types: readonly KeyType[]) => {
  const seed = `refresh-table/${types}`;
  const before = sharesOf(generate(types, seed));
  const foreign = sharesOf(generate(types, `${seed}/key`, testContext(types, 'another')));
  const [f1, f2, f3, f4] = [f1Layout(types), f2Layout(types), f3Layout(types), f4Layout()];
  const random = seededRandom(`${seed}/rest`);
  const most = types.length === 2 ? 15 : Number.POSITIVE_INFINITY;
  const runs = (async () => {
    const run = await refresh(before, seed);
    return {
      run,
      others: {
        'another session': await refresh(before, `${seed}/session`),
        'another epoch': await refresh(run.after, `${seed}/epoch`, nameOf(3)),
        'another key': await refresh(foreign, `${seed}/key`, nameOf(2, 'another')),
      },
    };
  })();
  type Name = 'F1' | 'F2' | 'F3' | 'F4' | 'state2';
  const from = async (name: Name, layout: AnyLayout): Promise<Sources> =>
    Object.fromEntries(
      Object.entries((await runs).others).map(([what, other]) => [what, { layout, message: other[name] }]),
    );
  /** The peer's own value under the name that it has in the other message. */
  const reflected = (layout: AnyLayout, message: Bytes, role: '1' | '2') => ({
    layout: layout.map((field) => ({ ...field, name: field.name.replace(/[12]$/, role) })),
    message,
  });
  const state1 = () => protocol.p1Start(nameOf(), before[0], seededRandom(`${seed}/1`))[0];
  const finish2 = ({ state2 }: RefreshRun, F3: Bytes) =>
    protocol.p2Finish(state2.slice() as protocol.RefreshState, nameOf(), before[1], F3, random);
  const proofs = (node: 1 | 2) =>
    Object.fromEntries(
      ['eX', 'sigmaX', 'eA', 'sigmaA'].map((name) => [
        `${name}${node === 1 ? 2 : 1}`,
        [`E_MSG at ${node}`, `E_POK at ${node}`] as Verdict[],
      ]),
    );

  test('F1', async () => {
    const { run } = await runs;
    await check({
      layout: f1,
      message: run.F1,
      sources: { ...(await from('F1', f1)), reflection: reflected(f2, run.F2, '1') },
      most,
      expected: {
        n1: ['E_POK at 1'],
        // Swapped with seal1, a hash stands where a key should.
        com1: ['E_MSG at 2', 'E_POK at 1'],
        seal1: ['E_MSG at 2', 'E_POK at 1'],
        P2: ['E_MSG at 2', 'E_POK at 1'],
        length: ['E_MSG at 2'],
      },
      play: (F1) =>
        verdict(
          [2, async () => (await protocol.p2Start(nameOf(), before[1], F1, seededRandom(`${seed}/2`)))[1]],
          [1, (F2) => protocol.p1Open(state1(), F2, random)],
        ),
    });
  });

  test('F2', async () => {
    const { run } = await runs;
    await check({
      layout: f2,
      message: run.F2,
      sources: { ...(await from('F2', f2)), reflection: reflected(f1, run.F1, '2') },
      most,
      expected: {
        ...proofs(1),
        n2: ['E_POK at 1'],
        enc2: ['E_MSG at 1'],
        box2: ['E_MSG at 1'],
        U2: ['E_MSG at 1', 'E_CONF at 2'],
        P1: ['E_MSG at 1', 'E_CONF at 2'],
        length: ['E_MSG at 1'],
      },
      play: (F2) =>
        verdict(
          [1, async () => (await protocol.p1Open(state1(), F2, random))[1]],
          [2, (F3) => finish2(run, F3)],
        ),
    });
  });

  test('F3', async () => {
    const { run } = await runs;
    await check({
      layout: f3,
      message: run.F3,
      sources: { ...(await from('F3', f3)), reflection: reflected(f2, run.F2, '1') },
      most,
      expected: {
        ...proofs(2),
        rho1: ['E_COM at 2'],
        salt1: ['E_COM at 2'],
        U1: ['E_MSG at 2', 'E_CONF at 2'],
        conf1: ['E_CONF at 2'],
        length: ['E_MSG at 2'],
      },
      play: (F3) => verdict([2, () => finish2(run, F3)]),
    });
  });

  test('F4', async () => {
    const { run } = await runs;
    await check({
      layout: f4,
      message: run.F4,
      sources: {
        ...(await from('F4', f4)),
        reflection: { layout: f4, message: run.F3.slice(-32) },
      },
      expected: { conf2: ['E_CONF at 1'], length: ['E_MSG at 1'] },
      play: (F4) => verdict([1, () => protocol.p1Confirm(run.node1.transcript, F4)]),
    });
  });

  test("Node 2's state, should its store hand out another one", async () => {
    const { run } = await runs;
    // The seeds of the transfers behind them are the store's seal alone to protect, as in key generation.
    const fields = f2StateLayout(types).slice(0, 7);
    const layout: AnyLayout = [{ name: 'format', length: 2, kind: 'bytes' }, ...fields];
    const end = layout.reduce((n, { length }) => n + length, 0);
    expect(fields.at(-1)?.name).toBe('rho2');
    const { others } = await runs;
    await check({
      layout,
      message: run.state2.slice(0, end),
      sources: Object.fromEntries(
        Object.entries(others).map(([what, { state2 }]) => [what, { layout, message: state2.slice(0, end) }]),
      ),
      most,
      expected: {
        format: ['E_STATE at 2'],
        context: ['E_STATE at 2'],
        // Swapped with its neighbour, the id of the current epoch is wrong as well.
        sid: ['E_STATE at 2', 'E_POK at 2'],
        current: ['E_STATE at 2'],
        n1: ['E_COM at 2'],
        com1: ['E_COM at 2'],
        transcript: ['E_CONF at 2'],
        rho2: ['E_CONF at 2'],
        length: ['E_STATE at 2'],
      },
      play: (state) => {
        const state2 = concat(state, run.state2.slice(end));
        return verdict([2, () => finish2({ ...run, state2 }, run.F3)]);
      },
    });
  });
});

// Last: it is about the table that the tests above have made.
test('the table is as large as it must be', () => {
  expect(cases).toBeGreaterThan(780);
});
