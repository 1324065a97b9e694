/**
 * An envelope that is not authentic is dropped: nothing is stored, nothing is answered, and above all no key is
 * locked by it. Whoever can reach a node's port, but is not the peer, can do nothing.
 */
import { createHash, generateKeyPairSync, sign as signWith } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { memoryKeyService } from '../../functions/adapters/memory.ts';
import {
  Dropped,
  type EnvelopeContent,
  type EnvelopeHead,
  openEnvelope,
  sealEnvelope,
} from '../../functions/channel/envelope.ts';
import { nodeIdentity, type Voice } from '../../functions/channel/identity.ts';
import type { Item } from '../../functions/ports.ts';
import {
  EnvelopeSchema,
  SignedSchema,
  StatusRequestSchema,
} from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { type Bytes, concat, equalBytes, toBase64url, utf8 } from '../../shared/bytes.ts';
import type { DelegationBody } from '../../shared/crypto/attestation.ts';
import type { ActorRequest } from '../../shared/intent/http-signature.ts';
import { askSignature, done, type Household, hello, settle } from '../support/ask.ts';
import { type Faults, faults } from '../support/faults.ts';
import { beginEcdsa, bodies, openEcdsa, sessionOf } from '../support/hostile.ts';
import { hurry } from '../support/hurry.ts';
import { fresh, owner, tlsKeyHash, twoNodes, type World } from '../support/two-nodes.ts';

const slow = process.env['SLOW'] === '1';
hurry();

let watch: Faults;
let world: World;
let home: Household;

beforeAll(async () => {
  watch = faults();
  world = await twoNodes({ wrap: watch.wrap });
  world.wire = watch.wire();
  home = await settle(world, owner(world), ['ETH', 'SOL']);
});

afterEach(() => {
  world.wire = watch.wire();
});

const ask = () => askSignature(home.who, home.wallets['ETH'], hello('ETH'));
const serialized = ({ signed, signature }: { signed: Bytes; signature: Bytes }): Bytes =>
  toBinary(EnvelopeSchema, create(EnvelopeSchema, { signed, signature }));

/** The framing of the outer message is nobody's word: other bytes for the same two fields are no change. */
function saysTheSame(one: Bytes, other: Bytes): boolean {
  try {
    const [a, b] = [fromBinary(EnvelopeSchema, one), fromBinary(EnvelopeSchema, other)];
    return equalBytes(a.signed, b.signed) && equalBytes(a.signature, b.signature);
  } catch {
    return false;
  }
}

/** Seals a request; anything of it can be a lie. */
async function seal(
  head: Partial<EnvelopeHead> & { method: string; session: Bytes },
  content: EnvelopeContent,
  { voice, nowMs = world.clockMs }: { voice?: Voice; nowMs?: number } = {},
): Promise<Bytes> {
  const by = voice ?? (await world.lead.node.identity.voice());
  const whole = { from: 'node1', to: 'node2', step: 1, ...head } as const;
  return serialized(sealEnvelope(by, whole, { tlsKeyHash, ...content }, nowMs).envelope);
}

/** A voice under a delegation of the test's own making. */
function voiceOf(signIdentity: (signed: Bytes) => Bytes, change: Partial<DelegationBody> = {}): Voice {
  const pair = generateKeyPairSync('ed25519');
  const raw = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const body = {
    type: 'planbok/delegation/v1',
    node: 'node1',
    publicKey: toBase64url(new Uint8Array(raw)),
    notBefore: String(world.clockMs - 60_000),
    notAfter: String(world.clockMs + 3_000_000),
    bundle: '',
    nonce: toBase64url(fresh(16)),
    ...change,
  };
  const signed = utf8(JSON.stringify(body));
  const delegation = { signed, signature: signIdentity(signed) };
  const sign = (message: Bytes): Bytes => new Uint8Array(signWith(null, message, pair.privateKey));
  return { delegation, sign, attest: () => ({}) as never };
}

/** What both ledgers say of the key. */
async function contents(): Promise<readonly (Item | undefined)[]> {
  const name = { key: home.set.id, epoch: '1' };
  return Promise.all([world.node1.tables.keys.get(name), world.node2.tables.keys.get(name)]);
}

/** Delivered to Node 2: dropped, before anything was read or written. */
async function expectDropped(name: string, method: string, envelope: Bytes, tlsKey?: Bytes): Promise<void> {
  watch.begin();
  let outcome = 'answered';
  try {
    await world.deliver(method, envelope, tlsKey);
  } catch (error) {
    // Bytes that are no Envelope at all are refused by the router's own decoder.
    outcome =
      error instanceof Dropped || !(error as Error).name.includes('Custody') ? 'dropped' : String(error);
  }
  expect([name, outcome, watch.trace.map((effect) => effect.name)]).toEqual([name, 'dropped', []]);
}

describe('a request to Node 2', () => {
  let request: ActorRequest;
  let body: Bytes;
  let head: { method: string; session: Bytes };
  let before: Awaited<ReturnType<typeof contents>>;

  beforeAll(async () => {
    request = await ask();
    const { S1 } = await beginEcdsa(world, request);
    body = bodies.Sign1(request, 0, S1);
    head = { method: 'Sign1', session: sessionOf(request) };
    before = await contents();
  });

  afterEach(async () => {
    expect(await contents()).toEqual(before);
  });

  test('every byte of it counts', async () => {
    const envelope = await seal(head, { body });
    let same = 0;
    for (let at = 0; at < envelope.length; at++) {
      const changed = envelope.map((b, i) => (i === at ? b ^ (1 << (at % 8)) : b));
      if (saysTheSame(changed, envelope)) same++;
      else await expectDropped(`byte ${at}`, 'Sign1', changed);
    }
    // The framing around the two fields, which nobody signs.
    expect(same).toBeLessThan(4);
    expect(envelope.length).toBeGreaterThan(1_400);
  }, 120_000);

  test('cut short, made longer, empty, doubled', async () => {
    const envelope = await seal(head, { body });
    const { signed, signature } = fromBinary(EnvelopeSchema, envelope);
    for (const [name, bad] of [
      ['empty', new Uint8Array()],
      ['half', envelope.slice(0, envelope.length >> 1)],
      ['without its last byte', envelope.slice(0, -1)],
      ['no signature', serialized({ signed, signature: new Uint8Array() })],
      ['a longer signature', serialized({ signed, signature: concat(signature, Uint8Array.of(0)) })],
      ['nothing signed', serialized({ signed: new Uint8Array(), signature })],
      ['signed twice over', serialized({ signed: concat(signed, signed), signature })],
      ['random', fresh(2_000)],
    ] as const)
      await expectDropped(name, 'Sign1', bad);
  });

  test('an unknown field in the signed part is not signed, one around it says nothing', async () => {
    const envelope = await seal(head, { body });
    const { signed, signature } = fromBinary(EnvelopeSchema, envelope);
    const unknown = Uint8Array.of(0xf8, 0x06, 0x01);
    await expectDropped('inside', 'Sign1', serialized({ signed: concat(signed, unknown), signature }));
  });

  test.each([
    ['from Node 2', { from: 'node2' }],
    ['from nobody', { from: 'node3' }],
    ['to Node 1', { to: 'node1' }],
    ['to nobody', { to: '' }],
    ['for another method', { method: 'Sign2' }],
    ['for no method', { method: 'toString' }],
    ['in lower case', { method: 'sign1' }],
    ['a session of 15 bytes', { session: new Uint8Array(15) }],
    ['a session of 17 bytes', { session: new Uint8Array(17) }],
    ['no session', { session: new Uint8Array() }],
    ['step 0', { step: 0 }],
    ['step 2', { step: 2 }],
    ['step 3', { step: 3 }],
    ['step 5', { step: 5 }],
  ] as const)('%s', async (name, change) => {
    const envelope = await seal({ ...head, ...change } as never, { body });
    await expectDropped(name, 'Sign1', envelope);
  });

  test('a method that there is none of', async () => {
    for (const method of ['toString', '__proto__', 'constructor', 'Sign3', ''])
      await expectDropped(method, method, await seal({ ...head, method }, { body }));
  });

  test('another TLS key than the one that the connection was made with', async () => {
    await expectDropped('in the envelope', 'Sign1', await seal(head, { body, tlsKeyHash: fresh(32) }));
    await expectDropped('none', 'Sign1', await seal(head, { body, tlsKeyHash: new Uint8Array() }));
    await expectDropped('of the connection', 'Sign1', await seal(head, { body }), fresh(32));
  });

  test('too old, or from the future', async () => {
    for (const nowMs of [-60_001, 60_001, -3_600_000, 86_400_000].map((ms) => world.clockMs + ms))
      await expectDropped(String(nowMs), 'Sign1', await seal(head, { body }, { nowMs }));
  });

  test('another version', async () => {
    const { signed } = fromBinary(EnvelopeSchema, await seal(head, { body }));
    const voice = await world.lead.node.identity.voice();
    for (const version of [0, 2]) {
      const other = toBinary(SignedSchema, { ...fromBinary(SignedSchema, signed), version });
      const signature = voice.sign(concat(utf8('planbok/envelope/v1\0'), other));
      await expectDropped(`version ${version}`, 'Sign1', serialized({ signed: other, signature }));
    }
  });

  test('signed without the label of envelopes, or with that of attestations', async () => {
    const { signed } = fromBinary(EnvelopeSchema, await seal(head, { body }));
    const voice = await world.lead.node.identity.voice();
    for (const label of ['', 'planbok/attested/v1\0', 'planbok/envelope/v1', 'planbok/envelope/v2\0'])
      await expectDropped(
        label,
        'Sign1',
        serialized({ signed, signature: voice.sign(concat(utf8(label), signed)) }),
      );
  });

  test('a foreign identity key; the key of Node 2; no delegation', async () => {
    const stranger = memoryKeyService();
    const foreign = nodeIdentity('node1', { keys: stranger, clock: () => world.clockMs, random: fresh });
    await expectDropped('foreign', 'Sign1', await seal(head, { body }, { voice: await foreign.voice() }));
    const node2 = await world.second.identity.voice();
    await expectDropped('Node 2', 'Sign1', await seal(head, { body }, { voice: node2 }));
    const node1 = await world.lead.node.identity.voice();
    const voice = { ...node1, delegation: { signed: new Uint8Array(), signature: new Uint8Array() } };
    await expectDropped('none', 'Sign1', await seal(head, { body }, { voice }));
    // Node 1's delegation, another key's signature.
    const own = voiceOf(() => new Uint8Array());
    await expectDropped(
      'stolen',
      'Sign1',
      await seal(head, { body }, { voice: { ...node1, sign: own.sign } }),
    );
    const other = { ...own, delegation: { ...own.delegation, signature: node1.delegation.signature } };
    await expectDropped('moved', 'Sign1', await seal(head, { body }, { voice: other }));
  });

  test('delegations that Node 1 itself signed, and that are none', async () => {
    const now = world.clockMs;
    const cases: [string, Partial<DelegationBody>][] = [
      ['expired', { notBefore: String(now - 3_600_000), notAfter: String(now - 1) }],
      ['not yet', { notBefore: String(now + 1), notAfter: String(now + 1_000_000) }],
      ['longer than an hour', { notBefore: String(now - 1), notAfter: String(now + 3_600_000) }],
      ['backwards', { notBefore: String(now + 10), notAfter: String(now - 10) }],
      ['no times', { notBefore: '', notAfter: '' }],
      ['words for times', { notBefore: 'x', notAfter: 'y' }],
      ['of the other node', { node: 'node2' }],
      ['of no node', { node: 'node3' as never }],
      ['another document', { type: 'planbok/address-proof/v1' as never }],
      ['a short key', { publicKey: toBase64url(fresh(31)) }],
      ['no key', { publicKey: '' }],
      ['not base64url', { publicKey: '!'.repeat(43) }],
    ];
    const signatures = new Map<string, Bytes>();
    for (const [name, change] of cases) {
      // The key service signs asynchronously: asked first, given to the voice then.
      const draft = voiceOf(() => new Uint8Array(), change);
      signatures.set(name, await world.node1.keys.signIdentity(draft.delegation.signed));
      const voice = {
        ...draft,
        delegation: { ...draft.delegation, signature: signatures.get(name) as Bytes },
      };
      await expectDropped(name, 'Sign1', await seal(head, { body }, { voice }));
    }
    const good = voiceOf(() => new Uint8Array());
    const signature = await world.node1.keys.signIdentity(good.delegation.signed);
    const voice = { ...good, delegation: { ...good.delegation, signature } };
    const status = toBinary(
      StatusRequestSchema,
      create(StatusRequestSchema, { key: 'k', epoch: 1, attempt: fresh(16) }),
    );
    await world.deliver(
      'Status',
      await seal({ method: 'Status', session: fresh(16) }, { body: status }, { voice }),
    );
  });
});

describe('an answer to Node 1', () => {
  type Change = (answer: Bytes, request: Bytes) => Promise<Bytes> | Bytes;
  /** A signature whose answer to this method is changed on the way. */
  async function withAnswer(method: string, change: Change) {
    world.wire = async (name, envelope, deliver) => {
      const answer = await deliver(envelope);
      return name === method ? change(answer, envelope) : answer;
    };
    return world.fetch(await ask());
  }
  const voice2 = () => world.second.identity.voice();
  const reseal =
    (head: object, content: object = {}, nowMs?: number): Change =>
    async (answer) => {
      const { session, step, method, answers, body } = fromBinary(
        SignedSchema,
        fromBinary(EnvelopeSchema, answer).signed,
      );
      const whole = { from: 'node2', to: 'node1', session, step, method, ...head } as const;
      const sealed = sealEnvelope(
        await voice2(),
        whole as never,
        { answers, body, ...content },
        nowMs ?? world.clockMs,
      );
      return serialized(sealed.envelope);
    };
  const states = async () => [
    (await world.node1.tables.keys.get({ key: home.set.id, epoch: '1' }))?.['state'],
    (await world.node2.tables.keys.get({ key: home.set.id, epoch: '1' }))?.['state'],
  ];

  const expectNoAnswer = async (name: string, method: string, change: Change) => {
    const { status, body } = await withAnswer(method, change);
    expect([name, status, body.code]).toEqual([name, 503, 'node_unavailable']);
    expect([name, ...(await states())]).toEqual([name, 'ACTIVE', 'ACTIVE']);
  };

  test.each(['Sign1', 'Sign2'])(
    'bits of the answer to %s',
    async (method) => {
      const positions = slow ? 400 : 40;
      for (let i = 0; i < positions; i++)
        await expectNoAnswer(`${i}`, method, (answer) => {
          const at = Math.min(Math.floor((answer.length * i) / positions) + 2 + (i % 13), answer.length - 1);
          const changed = answer.map((b, j) => (j === at ? b ^ (1 << (i % 8)) : b));
          return saysTheSame(changed, answer) ? new Uint8Array() : changed;
        });
    },
    300_000,
  );

  test('what an honest Node 2 never says, sealed with its own key', async () => {
    const stranger = memoryKeyService();
    const foreign = nodeIdentity('node2', { keys: stranger, clock: () => world.clockMs, random: fresh });
    const by =
      (voice: () => Promise<Voice>): Change =>
      async (answer) => {
        const { session, step, method, answers, body } = fromBinary(
          SignedSchema,
          fromBinary(EnvelopeSchema, answer).signed,
        );
        const head = { from: 'node2', to: 'node1', session, step, method } as const;
        return serialized(sealEnvelope(await voice(), head, { answers, body }, world.clockMs).envelope);
      };
    const cases: [string, Change][] = [
      ['from Node 1', reseal({ from: 'node1' })],
      ['to Node 2', reseal({ to: 'node2' })],
      ['another method', reseal({ method: 'Sign2' })],
      ['another session', reseal({ session: fresh(16) })],
      ['the step asked', reseal({ step: 1 })],
      ['a later step', reseal({ step: 4 })],
      ['old', reseal({}, {}, world.clockMs - 60_001)],
      ['early', reseal({}, {}, world.clockMs + 60_001)],
      ['an answer to another message', reseal({}, { answers: fresh(32) })],
      ['an answer to nothing', reseal({}, { answers: new Uint8Array() })],
      ['a refusal with no known code', reseal({}, { error: { code: 'made_up', detail: '' } })],
      [
        'a refusal named like a member of every object',
        reseal({}, { error: { code: 'constructor', detail: '' } }),
      ],
      ['the request sent back', (_, request) => request],
      ['nothing', () => new Uint8Array()],
      ['a foreign key', by(() => foreign.voice())],
      ['the key of Node 1', by(() => world.lead.node.identity.voice())],
    ];
    for (const [name, change] of cases) await expectNoAnswer(name, 'Sign1', change);
    for (const [name, change] of cases.slice(-5)) await expectNoAnswer(name, 'Sign2', change);
    await done(withAnswer('Sign1', reseal({})));
  });

  test('an answer of an earlier session, or of another one of now', async () => {
    let earlier: Bytes | undefined;
    await done(
      withAnswer('Sign1', (answer) => {
        earlier = answer;
        return answer;
      }),
    );
    await expectNoAnswer('replayed', 'Sign1', () => earlier as Bytes);
    // Two at once, the answers swapped.
    const answers: ((answer: Bytes) => void)[] = [];
    const kept: Bytes[] = [];
    world.wire = async (method, envelope, deliver) => {
      const answer = await deliver(envelope);
      if (method !== 'Sign1') return answer;
      kept.push(answer);
      if (kept.length === 2) {
        answers[0]?.(kept[1] as Bytes);
        return kept[0] as Bytes;
      }
      return new Promise((resolve) => {
        answers.push(resolve);
      });
    };
    const replies = await Promise.all([world.fetch(await ask()), world.fetch(await ask())]);
    expect(replies.map(({ body }) => body.code)).toEqual(['node_unavailable', 'node_unavailable']);
    expect(await states()).toEqual(['ACTIVE', 'ACTIVE']);
  });

  test('a captured request, sent to Node 2 again: no second answer, no lock', async () => {
    let captured: Bytes | undefined;
    world.wire = (method, envelope, deliver) => {
      if (method === 'Sign2') captured = envelope;
      return deliver(envelope);
    };
    await done(world.fetch(await ask()));
    const answer = fromBinary(EnvelopeSchema, await world.deliver('Sign2', captured as Bytes));
    expect(fromBinary(SignedSchema, answer.signed)).toMatchObject({
      errorCode: 'protocol_abort',
      body: new Uint8Array(),
    });
    world.clockMs += 60_001;
    await expectDropped('a minute later', 'Sign2', captured as Bytes);
    expect(await states()).toEqual(['ACTIVE', 'ACTIVE']);
  });
});

test('a body that does not decode changes nothing, though its envelope is authentic', async () => {
  const { job } = await openEcdsa(world, await ask());
  for (const method of ['Sign1', 'Sign2', 'SignSchnorr', 'Dkg1', 'Dkg2', 'Wallets', 'Statement', 'Status']) {
    const step = method.endsWith('2') ? 3 : 1;
    const envelope = await seal({ method, session: job.session, step }, { body: fresh(64).fill(0xff, 0, 9) });
    watch.begin();
    await world.deliver(method, envelope).catch(() => undefined);
    expect([method, watch.trace.filter(({ kind }) => kind === 'write')]).toEqual([method, []]);
  }
});

test('a delegation is made anew before its hour is over, and after the clock was put back', async () => {
  const voice = async () =>
    createHash('sha256')
      .update((await world.lead.node.identity.voice()).delegation.signed)
      .digest('hex');
  const first = await voice();
  world.clockMs += 30 * 60_000;
  expect(await voice()).toBe(first);
  world.clockMs += 12 * 60_000;
  const second = await voice();
  expect(second).not.toBe(first);
  world.clockMs -= 2 * 60_000;
  const third = await voice();
  expect(third).not.toBe(second);
  await done(world.fetch(await ask()));
  // What Node 2 verifies stays within the hour of whoever speaks.
  const { signed, signature } = fromBinary(
    EnvelopeSchema,
    await seal({ method: 'Status', session: fresh(16) }, {}),
  );
  const later = world.clockMs + 3_600_001;
  expect(() =>
    openEnvelope(
      { signed, signature },
      { from: 'node1', to: 'node2', method: 'Status' },
      world.identities.node1,
      later,
    ),
  ).toThrow(Dropped);
});
