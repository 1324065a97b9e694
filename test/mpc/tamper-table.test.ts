/**
 * The tamper table: every field of every message of every protocol, made from the layouts, so that a new field
 * is in it by itself. Each row says what must come of it:
 *
 *   drop    the envelope around it was not sealed again: nobody even looks at the message
 *   abort   the session is over          strike  the session is over, and it is counted
 *   lock    the session is over, and the key at the node that saw it
 *
 * Nothing may be accepted.
 */

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, jest, test } from '@jest/globals';
import { type Bytes, concat, u32be } from '#shared/bytes.ts';
import { Abort, type AbortCode } from '#shared/errors.ts';
import type { KeyType } from '#shared/mpc/context.ts';
import { deriveEd25519, deriveSecp256k1 } from '#shared/mpc/derive.ts';
import * as dkg from '#shared/mpc/dkg.ts';
import { d1Layout, d2Layout, d3Layout, d4Layout } from '#shared/mpc/dkg-messages.ts';
import { type Once, once } from '#shared/mpc/once.ts';
import * as bip340 from '#shared/mpc/sign-bip340.ts';
import * as ecdsa from '#shared/mpc/sign-ecdsa.ts';
import {
  type EcdsaRequest,
  s1Layout as ecdsaS1,
  s2Layout as ecdsaS2,
  s3Layout as ecdsaS3,
  s4Layout as ecdsaS4,
} from '#shared/mpc/sign-ecdsa-messages.ts';
import * as eddsa from '#shared/mpc/sign-eddsa.ts';
import { memoryKeyService } from '../../functions/adapters/memory.ts';
import { Dropped, openEnvelope, sealEnvelope } from '../../functions/channel/envelope.ts';
import { nodeIdentity } from '../../functions/channel/identity.ts';
import { SignedSchema } from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { generate, testContext } from '../support/dkg.ts';
import { seededRandom } from '../support/random.ts';
import { type AnyLayout, lengths, mutations, type Sources, type Tampered } from '../support/tamper.ts';

const slow = process.env['SLOW'] === '1';
jest.setTimeout(600_000);

/** Where, and what. A message may be found out by the node that did not receive it: a later one is wrong. */
type Verdict = `${AbortCode} at ${1 | 2}`;

const classOf = (code: AbortCode): 'abort' | 'strike' | 'lock' =>
  ['E_OT', 'E_VOLE', 'E_GAMMA'].includes(code)
    ? 'lock'
    : ['E_COM', 'E_PK', 'E_SIG', 'E_POK'].includes(code)
      ? 'strike'
      : 'abort';

interface Row {
  readonly layout: AnyLayout;
  readonly message: Bytes;
  readonly sources: Sources;
  /** By field; the first is for lengths. */
  readonly expected: Readonly<Record<string, readonly Verdict[]>>;
  /** Gives a node the changed message; the other goes on from there. */
  readonly play: (message: Bytes) => Verdict | 'accepted';
  /** Cases of one field, if each is slow. */
  readonly most?: number;
}

/** Two steps, at the nodes that make them. */
function verdict(
  ...steps: readonly (readonly [node: 1 | 2, run: (before: Bytes) => Bytes | unknown])[]
): Verdict | 'accepted' {
  let last: unknown = new Uint8Array();
  for (const [node, run] of steps)
    try {
      last = run(last as Bytes);
    } catch (error) {
      if (error instanceof Abort) return `${error.abort} at ${node}`;
      throw error;
    }
  return 'accepted';
}

/** The state again and again: taken out once, handed out as copies. */
function copies<T>(state: Once<T>): () => Once<T> {
  const value = state.take();
  const copy = (x: unknown): unknown =>
    x instanceof Uint8Array
      ? x.slice()
      : Array.isArray(x)
        ? x.map(copy)
        : x !== null && typeof x === 'object'
          ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, copy(v)]))
          : x;
  return () => once(copy(value) as T);
}

/** Cases by message and field. */
const counted: Record<string, number> = {};
const classes = { drop: 0, abort: 0, strike: 0, lock: 0 };
let cases = 0;

function check(
  name: string,
  { layout, message, sources, expected, play, most = Number.POSITIVE_INFINITY }: Row,
): void {
  const present = layout.filter(({ length }) => length > 0);
  const wrong: unknown[] = [];
  const run = ({ name: what, field, message: changed }: Tampered, allowed: readonly string[]) => {
    const outcome = play(changed);
    cases++;
    if (outcome !== 'accepted') classes[classOf(outcome.split(' ')[0] as AbortCode)]++;
    if (!allowed.includes(outcome)) wrong.push([name, what, outcome, `expected ${allowed}`]);
    counted[`${name}.${field}`] = (counted[`${name}.${field}`] ?? 0) + 1;
  };
  const all = mutations(layout, message, sources);
  for (const { name: field } of present) {
    const allowed = expected[field];
    if (allowed === undefined) throw new Error(`nobody has said what a bad ${name}.${field} leads to`);
    const mine = all.filter((one) => one.field === field);
    const kept = slow || mine.length <= most ? mine : [...mine.slice(0, most - 4), ...mine.slice(-4)];
    expect([name, field, kept.length >= 15]).toEqual([name, field, true]);
    for (const one of kept) run(one, allowed);
  }
  for (const one of lengths(message)) run(one, expected['length'] ?? []);
  expect(wrong).toEqual([]);
  // And the message itself is the one that is accepted.
  expect([name, play(message)]).toEqual([name, 'accepted']);
}

const names = ['another session', 'another key', 'another epoch', 'another path'] as const;

describe.each([
  ['both curves', ['secp256k1', 'ed25519'] as const],
  ['ed25519', ['ed25519'] as const],
])('key generation, %s', (_, types: readonly KeyType[]) => {
  const seed = `table/${types}`;
  const run = generate(types, seed);
  const others = {
    'another session': generate(types, `${seed}/session`),
    'another key': generate(types, `${seed}/key`, testContext(types, 'another')),
    'another epoch': generate(types, `${seed}/epoch`, testContext(types, 'key', 2)),
  };
  const random = seededRandom(`${seed}/rest`);
  const from = (name: 'D1' | 'D2' | 'D3' | 'D4', layout: AnyLayout): Sources =>
    Object.fromEntries(
      Object.entries(others).map(([what, other]) => [what, { layout, message: other[name] }]),
    );
  const [d1, d2, d3, d4] = [d1Layout(types), d2Layout(types), d3Layout(types), d4Layout()];
  /** The peer's own value under the name that it has in the other message. */
  const reflected = (layout: AnyLayout, message: Bytes, role: '1' | '2') => ({
    layout: layout.map((field) => ({ ...field, name: field.name.replace(/[12]$/, role) })),
    message,
  });
  const state1 = copies(dkg.p1Start(run.ctx, types, seededRandom(`${seed}/1`))[0]);
  const start2 = (D1: Bytes) => dkg.p2Start(run.ctx, types, D1, seededRandom(`${seed}/2`));
  const name = (message: string) => `${message} ${types}`;
  const most = types.length === 2 ? 15 : Number.POSITIVE_INFINITY;
  const length = (node: 1 | 2) => [`E_MSG at ${node}` as const];

  test('D1', () =>
    check(name('D1'), {
      layout: d1,
      message: run.D1,
      sources: { ...from('D1', d1), reflection: reflected(d2, run.D2, '1') },
      most,
      expected: {
        n1: ['E_POK at 1'],
        com1: ['E_POK at 1'],
        P2: ['E_MSG at 2', 'E_POK at 1'],
        length: length(2),
      },
      play: (D1) => {
        let sent: Bytes = new Uint8Array();
        return verdict(
          [
            2,
            () => {
              sent = start2(D1)[1];
            },
          ],
          [1, () => dkg.p1Open(state1(), sent, random)],
        );
      },
    }));

  test('D2', () =>
    check(name('D2'), {
      layout: d2,
      message: run.D2,
      sources: { ...from('D2', d2), reflection: reflected(d1, run.D1, '2') },
      most,
      expected: {
        n2: ['E_POK at 1'],
        X2: ['E_MSG at 1', 'E_POK at 1'],
        A2: ['E_MSG at 1', 'E_POK at 1'],
        eX2: ['E_MSG at 1', 'E_POK at 1'],
        sigmaX2: ['E_MSG at 1', 'E_POK at 1'],
        eA2: ['E_MSG at 1', 'E_POK at 1'],
        sigmaA2: ['E_MSG at 1', 'E_POK at 1'],
        cc2: ['E_CONF at 2'],
        zs2: ['E_CONF at 2'],
        U2: ['E_MSG at 1', 'E_CONF at 2'],
        P1: ['E_MSG at 1', 'E_CONF at 2'],
        length: length(1),
      },
      play: (D2) => {
        let sent: Bytes = new Uint8Array();
        return verdict(
          [
            1,
            () => {
              sent = dkg.p1Open(state1(), D2, random)[1];
            },
          ],
          [2, () => dkg.p2Finish(run.state2.slice() as dkg.P2State, sent, random)],
        );
      },
    }));

  test('D3', () =>
    check(name('D3'), {
      layout: d3,
      message: run.D3,
      sources: { ...from('D3', d3), reflection: reflected(d2, run.D2, '1') },
      most,
      expected: {
        X1: ['E_MSG at 2', 'E_COM at 2'],
        A1: ['E_MSG at 2', 'E_COM at 2'],
        cc1: ['E_COM at 2'],
        zs1: ['E_COM at 2'],
        rho1: ['E_COM at 2'],
        eX1: ['E_MSG at 2', 'E_POK at 2'],
        sigmaX1: ['E_MSG at 2', 'E_POK at 2'],
        eA1: ['E_MSG at 2', 'E_POK at 2'],
        sigmaA1: ['E_MSG at 2', 'E_POK at 2'],
        U1: ['E_MSG at 2', 'E_CONF at 2'],
        conf1: ['E_CONF at 2'],
        length: length(2),
      },
      play: (D3) => verdict([2, () => dkg.p2Finish(run.state2.slice() as dkg.P2State, D3, random)]),
    }));

  test('D4', () =>
    check(name('D4'), {
      layout: d4,
      message: run.D4,
      sources: { ...from('D4', d4), reflection: { layout: d4, message: run.D3.slice(-32) } },
      expected: { conf2: ['E_CONF at 1'], length: length(1) },
      play: (D4) => verdict([1, () => dkg.p1Confirm({ ...run.node1, conf2: run.D4 }, D4)]),
    }));
});

/** Two keys of one household, and the first again as if it were of another epoch. */
const one = generate(['secp256k1', 'ed25519'], 'table/keys');
const two = generate(
  ['secp256k1', 'ed25519'],
  'table/keys 2',
  testContext(['secp256k1', 'ed25519'], 'another'),
);
const sharesOf = (run: typeof one, epoch = 1) => {
  const [a, b] = [run.node1.shares, run.node2.shares];
  if (!a.secp256k1 || !b.secp256k1 || !a.ed25519 || !b.ed25519) throw new Error('no shares');
  return {
    secp256k1: [
      { ...a.secp256k1, epoch },
      { ...b.secp256k1, epoch },
    ] as const,
    ed25519: [
      { ...a.ed25519, epoch },
      { ...b.ed25519, epoch },
    ] as const,
  };
};
/** Which key signs, on which path, under which request hash. */
const settings = {
  '': { shares: sharesOf(one), index: 0, hash: 1 },
  'another session': { shares: sharesOf(one), index: 0, hash: 2 },
  'another key': { shares: sharesOf(two), index: 0, hash: 3 },
  'another epoch': { shares: sharesOf(one, 2), index: 0, hash: 4 },
  'another path': { shares: sharesOf(one), index: 7, hash: 5 },
} as const;
type Setting = (typeof settings)[keyof typeof settings];
const digest = new Uint8Array(32).fill(9);

describe('ECDSA', () => {
  const reqId = new Uint8Array(16).fill(3);
  const record = ({ shares, index, hash }: Setting, name: string) => {
    const [share1, share2] = shares.secp256k1;
    const random = seededRandom(`table/ecdsa ${name}`);
    const request: EcdsaRequest = {
      ...deriveSecp256k1(share1.Q, share1.cc, `m/44/0/${index}`),
      digest,
      reqHash: concat(new Uint8Array(28), u32be(hash)),
    };
    const [p1Started, S1] = ecdsa.p1Start(share1, request, random);
    const started = copies(p1Started);
    const [stored, S2] = ecdsa.p2Respond(share2, request, reqId, S1, random);
    const [p1Middle, S3] = ecdsa.p1Middle(started(), share1, request, S2, random);
    const middle = copies(p1Middle);
    const S4 = ecdsa.p2Finish(share2, request, reqId, stored, S3, random);
    return { share1, share2, request, started, stored, middle, S1, S2, S3, S4, random };
  };
  const run = record(settings[''], 'run');
  const others = Object.fromEntries(names.map((name) => [name, record(settings[name], name)]));
  const from = (message: 'S1' | 'S2' | 'S3' | 'S4', layout: AnyLayout): Sources =>
    Object.fromEntries(
      Object.entries(others).map(([what, other]) => [what, { layout, message: other[message] }]),
    );
  const [s1Layout, s2Layout, s3Layout, s4Layout] = [ecdsaS1, ecdsaS2, ecdsaS3, ecdsaS4];
  const { share1, share2, request, random } = run;
  const middle = (S2: Bytes) => ecdsa.p1Middle(run.started(), share1, request, S2, random);
  const finish2 = (S3: Bytes) => ecdsa.p2Finish(share2, request, reqId, run.stored, S3, random);
  const finish1 = (S4: Bytes) => ecdsa.p1Finish(run.middle(), request, S4, random);

  test('S1', () =>
    check('S1', {
      layout: s1Layout,
      message: run.S1,
      sources: from('S1', s1Layout),
      expected: {
        bind: ['E_REQ at 2'],
        n1: ['E_REQ at 2', 'E_REQ at 1'],
        com1: ['E_REQ at 1'],
        length: ['E_MSG at 2'],
      },
      play: (S1) =>
        verdict(
          [2, () => ecdsa.p2Respond(share2, request, reqId, S1, random)[1]],
          [1, (S2) => middle(S2 as Bytes)[1]],
        ),
    }));

  test('S2', () =>
    check('S2', {
      layout: s2Layout,
      message: run.S2,
      sources: { ...from('S2', s2Layout), reflection: { layout: s3Layout, message: run.S3 } },
      expected: {
        ssid: ['E_REQ at 1'],
        n2: ['E_REQ at 1'],
        com2: ['E_REQ at 1'],
        U: ['E_OT at 1'],
        xTilde: ['E_OT at 1'],
        tTilde: ['E_OT at 1'],
        length: ['E_MSG at 1'],
      },
      play: (S2) => verdict([1, () => middle(S2)]),
    }));

  const point = (code: AbortCode, node: 1 | 2): Verdict[] =>
    ['E_MSG' as const, code].map((c) => `${c} at ${node}` as const);
  const round2 = (node: 1 | 2) => ({
    tr: [`E_REQ at ${node}`] as Verdict[],
    R: point('E_COM', node),
    // Beside a point: swapped with it, it is none.
    rho: point('E_COM', node),
    pk: point('E_PK', node),
    GammaU: point('E_GAMMA', node),
    GammaV: point('E_GAMMA', node),
    A: point('E_VOLE', node),
    eta: point('E_VOLE', node),
    mu: point('E_VOLE', node),
  });

  test('S3', () =>
    check('S3', {
      layout: s3Layout,
      message: run.S3,
      sources: {
        ...from('S3', s3Layout),
        'reflection of S2': { layout: s2Layout, message: run.S2 },
        'reflection of S4': { layout: s4Layout, message: run.S4 },
      },
      expected: {
        ...round2(2),
        U: ['E_OT at 2'],
        xTilde: ['E_OT at 2'],
        tTilde: ['E_OT at 2'],
        // Node 2 cannot know it: the signature that comes of it is none, and Node 1 keeps it.
        psi: ['E_MSG at 2', 'E_SIG at 1'],
        length: ['E_MSG at 2'],
      },
      play: (S3) => verdict([2, () => finish2(S3)], [1, (S4) => finish1(S4 as Bytes)]),
    }));

  test('S4', () =>
    check('S4', {
      layout: s4Layout,
      message: run.S4,
      sources: { ...from('S4', s4Layout), reflection: { layout: s3Layout, message: run.S3 } },
      expected: {
        ...round2(1),
        psi: point('E_SIG', 1),
        w: point('E_SIG', 1),
        u: point('E_SIG', 1),
        length: ['E_MSG at 1'],
      },
      play: (S4) => verdict([1, () => finish1(S4)]),
    }));
});

describe.each(['ed25519', 'BIP-340'] as const)('%s', (which) => {
  const record = ({ shares, index, hash }: Setting, name: string) => {
    const random = seededRandom(`table/${which} ${name}`);
    const reqHash = concat(new Uint8Array(28), u32be(hash));
    if (which === 'ed25519') {
      const [share1, share2] = shares.ed25519;
      const request = { ...deriveEd25519(share1.A, share1.cc, `m/501/0/${index}`), message: digest, reqHash };
      const [state, S1] = eddsa.p1Start(share1, request, random);
      const begun = copies(state);
      const answer = (s1: Bytes) => eddsa.p2Respond(share2, request, s1, random);
      const finish = (S2: Bytes) => eddsa.p1Finish(begun(), share1, request, S2);
      return { S1, S2: answer(S1), answer, finish };
    }
    const [share1, share2] = shares.secp256k1;
    const derived = deriveSecp256k1(share1.Q, share1.cc, `m/86/0/${index}`);
    const request = { ...derived, merkleRoot: new Uint8Array(), digest, reqHash };
    const [state, S1] = bip340.p1Start(share1, request, random);
    const begun = copies(state);
    const answer = (s1: Bytes) => bip340.p2Respond(share2, request, s1, random);
    const finish = (S2: Bytes) => bip340.p1Finish(begun(), share1, request, S2);
    return { S1, S2: answer(S1), answer, finish };
  };
  const { s1Layout, s2Layout } = which === 'ed25519' ? eddsa : bip340;
  const run = record(settings[''], 'run');
  const others = Object.fromEntries(names.map((name) => [name, record(settings[name], name)]));
  const from = (message: 'S1' | 'S2', layout: AnyLayout): Sources =>
    Object.fromEntries(
      Object.entries(others).map(([what, other]) => [what, { layout, message: other[message] }]),
    );

  test('S1', () =>
    check(`${which} S1`, {
      layout: s1Layout,
      message: run.S1,
      sources: { ...from('S1', s1Layout), reflection: { layout: s2Layout, message: run.S2 } },
      expected: { D: ['E_MSG at 2', 'E_SIG at 1'], E: ['E_MSG at 2', 'E_SIG at 1'], length: ['E_MSG at 2'] },
      play: (S1) => verdict([2, () => run.answer(S1)], [1, (S2) => run.finish(S2 as Bytes)]),
    }));

  test('S2', () =>
    check(`${which} S2`, {
      layout: s2Layout,
      message: run.S2,
      sources: { ...from('S2', s2Layout), reflection: { layout: s1Layout, message: run.S1 } },
      expected: {
        D: ['E_MSG at 1', 'E_SIG at 1'],
        E: ['E_MSG at 1', 'E_SIG at 1'],
        z: ['E_MSG at 1', 'E_SIG at 1'],
        length: ['E_MSG at 1'],
      },
      play: (S2) => verdict([1, () => run.finish(S2)]),
    }));
});

test('a field changed without the key of the sender: dropped, whichever message it is', async () => {
  const keys = memoryKeyService();
  const identity = nodeIdentity('node1', { keys, clock: Date.now, random: seededRandom('table/voice') });
  const session = new Uint8Array(16);
  const head = { from: 'node1', to: 'node2', method: 'Sign1', session, step: 1 } as const;
  const spki = await keys.identity();
  const { D1, D2, D3, D4 } = one;
  const types = ['secp256k1', 'ed25519'] as const;
  const bodies: [string, AnyLayout, Bytes][] = [
    ['D1', d1Layout(types), D1],
    ['D2', d2Layout(types), D2],
    ['D3', d3Layout(types), D3],
    ['D4', d4Layout(), D4],
    ...Object.entries({ ecdsaS1, ecdsaS2, ecdsaS3, ecdsaS4 }).map(
      ([name, layout]): [string, AnyLayout, Bytes] => [
        name,
        layout,
        new Uint8Array(layout.reduce((n: number, { length }) => n + length, 0)).fill(5),
      ],
    ),
  ];
  for (const [name, layout, body] of bodies) {
    const { envelope } = sealEnvelope(await identity.voice(), head, { body }, Date.now());
    const content = fromBinary(SignedSchema, envelope.signed);
    let at = 0;
    for (const { name: field, length } of layout) {
      for (const where of [at, at + length - 1]) {
        const changed = body.map((b, i) => (i === where ? b ^ 1 : b));
        const signed = toBinary(SignedSchema, { ...content, body: changed });
        const open = () => openEnvelope({ ...envelope, signed }, head, spki, Date.now());
        expect([name, field, open]).toEqual([name, field, expect.any(Function)]);
        expect(open).toThrow(Dropped);
        classes['drop']++;
        cases++;
      }
      at += length;
    }
    expect(openEnvelope(envelope, head, spki, Date.now()).content.body).toEqual(body);
  }
});

// Last: it is about the table that the tests above have made.
test('the table is as large as it must be, and every class is in it', () => {
  expect(cases).toBeGreaterThan(1_000);
  for (const [name, n] of Object.entries(classes)) expect([name, n > 20]).toEqual([name, true]);
  expect(Object.keys(counted).length).toBeGreaterThan(60);
});
