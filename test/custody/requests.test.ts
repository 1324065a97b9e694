import { describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { memoryKeyService, memoryTable } from '../../functions/adapters/memory.ts';
import { tables } from '../../functions/tables.ts';
import { type Bytes, concat, toBase64url, u8, u16be, utf8 } from '../../shared/bytes.ts';
import { generateHpkeKey, hpkeSeal } from '../../shared/crypto/hpke.ts';
import { blindInput, finalize } from '../../shared/crypto/voprf.ts';
import {
  type EvaluationAnswer,
  openAnswer,
  sealAnswer,
  sealedAnswerBytes,
} from '../../shared/custody/evaluation-answer.ts';
import { verifyEvaluationProof } from '../../shared/custody/evaluation-proof.ts';
import {
  type EvaluationRequest,
  openRequest,
  purposes,
  sealedRequestBytes,
  sealRequest,
} from '../../shared/custody/evaluation-request.ts';
import { type Fields, padDocument, unpadDocument } from '../../shared/custody/padded-document.ts';
import { labelled, pinLabels } from '../../shared/custody/pin-labels.ts';
import {
  customer,
  device,
  entityKeyOf,
  node2Over,
  pinName,
  proofOf,
  random,
  requestOf,
  setUp,
  signWithDevice,
  someId,
} from './support.ts';

const flipped = (bytes: Bytes, i: number): Bytes => bytes.map((b, j) => (i === j ? b ^ 1 : b));
const fresh = () => node2Over(memoryTable(tables.counters), memoryKeyService());
const input = blindInput(utf8('pwd'), random);

describe('a sealed document', () => {
  interface Small {
    readonly type: string;
    readonly a: string;
  }
  const fields: Fields<Small> = { type: (text) => text === 't', a: (text) => text.length < 5 };
  const framed = (json: string, size = 64): Bytes =>
    concat(u16be(json.length), utf8(json), new Uint8Array(size - 2 - json.length));

  test('comes back, whatever its length, from a frame of one size', () => {
    for (const a of ['', 'x', 'xxxx']) {
      const frame = padDocument({ type: 't', a } as Small, 64);
      expect(frame).toHaveLength(64);
      expect(unpadDocument(frame, 64, fields)).toEqual({ type: 't', a });
    }
    expect(() => padDocument({ type: 't', a: 'x'.repeat(50) } as Small, 64)).toThrow(RangeError);
  });

  test('is canonical, and has its members and no others', () => {
    expect(unpadDocument(framed('{"a":"b","type":"t"}'), 64, fields)).toEqual({ type: 't', a: 'b' });
    for (const json of [
      '{"type":"t","a":"b"}',
      '{"a": "b","type":"t"}',
      '{"a":"b","a":"b","type":"t"}',
      '{"a":"b","c":"d","type":"t"}',
      '{"type":"t"}',
      '{"__proto__":"b","type":"t"}',
      '{"a":"bbbbb","type":"t"}',
      '{"a":["b"],"type":"t"}',
      '{"a":1,"type":"t"}',
      '["a"]',
      '"t"',
      'null',
      '',
      '{',
    ])
      expect(() => unpadDocument(framed(json), 64, fields)).toThrow();
    const good = framed('{"a":"b","type":"t"}');
    expect(() => unpadDocument(good, 63, fields)).toThrow('not a frame');
    expect(() => unpadDocument(good.subarray(1), 64, fields)).toThrow('not a frame');
    expect(() => unpadDocument(flipped(good, 63), 64, fields)).toThrow('not a frame');
    expect(() => unpadDocument(flipped(good, 0), 64, fields)).toThrow('not a frame');
    expect(() => unpadDocument(new Uint8Array(), 0, fields)).toThrow();
  });
});

describe('a sealed request', () => {
  test('opens at Node 2 for its customer; all have one size', async () => {
    const node = await fresh();
    const openers = (id: string) => node.ports.openerOf(id);
    for (const purpose of purposes) {
      const { request } = await requestOf(node, input.blinded, { purpose });
      const sealed = await sealRequest(request, signWithDevice, node.recipient);
      expect(sealed).toHaveLength(sealedRequestBytes);
      expect((await openRequest(sealed, customer, openers)).request).toEqual(request);
      await expect(openRequest(sealed, 'cus_other', openers)).rejects.toThrow();
      await expect(openRequest(sealed, customer, () => undefined)).rejects.toThrow('another key');
      const text = new TextDecoder('latin1').decode(sealed);
      for (const secret of [request.evaluation, request.nonce, request.blinded, device])
        expect(text).not.toContain(secret);
    }
  });

  test('a request that no device of the customer signed is refused in one way, and counts for nobody', async () => {
    const node = await fresh();
    await setUp(node, '927451', random(32));
    const before = node.evaluations;
    const { request } = await requestOf(node, input.blinded);
    const sealed = await sealRequest(request, signWithDevice, node.recipient);
    const signedBy = (sign: (m: Bytes) => Promise<Bytes>, changes: Partial<EvaluationRequest> = {}) =>
      sealRequest({ ...request, ...changes }, sign, node.recipient);
    const ofAnother = async (message: Bytes) => ed25519.sign(message, random(32));
    // Signed, but sealed by hand, so that nothing checks it on the way out.
    const framed = async (document: object) => {
      const binding = {
        info: labelled(pinLabels.request, node.recipient.id),
        aad: labelled(pinLabels.request, utf8(customer)),
      };
      const frame = concat(padDocument(document as EvaluationRequest, 1022), random(64));
      return concat(u8(1), node.recipient.id, await hpkeSeal(node.recipient.publicKey, binding, frame));
    };
    const other = await generateHpkeKey();
    const { nonce: _, ...lacking } = request;
    const bad: Readonly<Record<string, Bytes>> = {
      'no signature': await signedBy(async () => new Uint8Array(64)),
      'another key': await signedBy(ofAnother),
      'signature of something else': await signedBy((m) => signWithDevice(flipped(m, 9))),
      'unknown device': await signedBy(signWithDevice, { device: 'key_other', signer: 'key_other' }),
      'one device for another': await signedBy(signWithDevice, { device: 'key_other' }),
      'answers of a device': await signedBy(signWithDevice, { use: 'answers' }),
      'another customer': await signedBy(signWithDevice, { customer: 'cus_other' }),
      expired: await signedBy(signWithDevice, { issued: '1799999880', expires: '1799999999' }),
      'not yet': await signedBy(signWithDevice, { issued: '1800000031', expires: '1800000060' }),
      'too long': await signedBy(signWithDevice, { issued: '1800000000', expires: '1800000121' }),
      'ends before it begins': await signedBy(signWithDevice, {
        issued: '1800000010',
        expires: '1800000005',
      }),
      'sealed to another key': await sealRequest(request, signWithDevice, {
        ...node.recipient,
        publicKey: other.publicKey,
      }),
      'unknown key id': await sealRequest(request, signWithDevice, { ...node.recipient, id: random(32) }),
      'member too many': await framed({ ...request, more: 'x' }),
      'member too few': await framed(lacking),
      'odd purpose': await framed({ ...request, purpose: 'guess' }),
      'odd use': await framed({ ...request, use: 'pins' }),
      'short evaluation': await framed({ ...request, evaluation: 'AA' }),
      'short blinded element': await framed({ ...request, blinded: 'AA' }),
      'odd version': await framed({ ...request, version: '01' }),
      version: concat(u8(2), sealed.subarray(1)),
      'a byte changed': flipped(sealed, 200),
      truncated: sealed.subarray(0, -1),
      empty: new Uint8Array(),
    };
    const failures = await Promise.all(
      Object.values(bad).map((bytes) =>
        node.evaluate(bytes).then(
          () => 'evaluated',
          ({ code, message, cause }) => `${code}: ${message}: ${cause}`,
        ),
      ),
    );
    const one = 'signature_invalid: this was not asked by a device of the customer: undefined';
    expect(Object.fromEntries(Object.keys(bad).map((name, i) => [name, failures[i]]))).toEqual(
      Object.fromEntries(Object.keys(bad).map((name) => [name, one])),
    );
    expect(node.evaluations).toBe(before);
    // The request itself is good, and the first that counts.
    const { reply } = await requestOf(node, input.blinded);
    const mine = { ...request, reply: toBase64url(reply.publicKey) };
    const answer = await openAnswer(
      await node.evaluate(await sealRequest(mine, signWithDevice, node.recipient)),
      mine,
      reply.open,
    );
    expect(answer).toMatchObject({ outcome: 'evaluated', standing: { remaining: 9 } });
  });

  test('is carried out once, also when it was proven, and also under another nonce', async () => {
    const node = await fresh();
    const secret = random(32);
    const wrap = await setUp(node, '927451', secret);
    const { request } = await requestOf(node, input.blinded);
    const sealed = await sealRequest(request, signWithDevice, node.recipient);
    await node.evaluate(sealed);
    const again = { code: 'authorisation_replayed' };
    await expect(node.evaluate(sealed)).rejects.toMatchObject(again);
    const { proof, signature } = proofOf(node, secret, wrap, request.evaluation);
    const known = { customer, entityKey: entityKeyOf(secret), nowMs: node.nowMs };
    expect(await node.accept(verifyEvaluationProof(proof, signature, known))).toBe('proven');
    await expect(node.evaluate(sealed)).rejects.toMatchObject(again);
    const renamed = await sealRequest({ ...request, nonce: someId() }, signWithDevice, node.recipient);
    await expect(node.evaluate(renamed)).rejects.toMatchObject(again);
    node.nowMs += 121_000;
    await expect(node.evaluate(sealed)).rejects.toMatchObject({ code: 'signature_invalid' });
  });

  test('what the device signed and is no point counts, and is the fault of the request', async () => {
    const node = await fresh();
    await setUp(node, '927451', random(32));
    const { request: noPoint } = await requestOf(node, new Uint8Array(33));
    const { request } = await requestOf(node, input.blinded);
    const noReply = { ...request, reply: toBase64url(new Uint8Array(65)) };
    for (const one of [noPoint, noReply])
      await expect(
        node.evaluate(await sealRequest(one, signWithDevice, node.recipient)),
      ).rejects.toMatchObject({ code: 'request_invalid' });
    const { request: last, reply } = await requestOf(node, input.blinded);
    const sealed = await node.evaluate(await sealRequest(last, signWithDevice, node.recipient));
    expect((await openAnswer(sealed, last, reply.open)).standing.remaining).toBe(7);
  });
});

describe('a sealed answer', () => {
  test('has one size whatever happened, and opens for its request alone', async () => {
    const { request, reply } = await requestOf({ nowMs: 0 }, input.blinded);
    const standing = { remaining: 3, nextMs: 1_800_000_060_000 };
    const evaluation = { evaluated: random(33), proof: random(64) };
    const answers: readonly EvaluationAnswer[] = [
      { outcome: 'evaluated', evaluation, standing },
      { outcome: 'wait', standing },
      { outcome: 'locked', standing: { remaining: 0, nextMs: 0 } },
      { outcome: 'no_key', standing: { remaining: 0, nextMs: 0 } },
    ];
    for (const answer of answers) {
      const sealed = await sealAnswer(answer, request);
      expect(sealed).toHaveLength(sealedAnswerBytes);
      expect(await openAnswer(sealed, request, reply.open)).toEqual(answer);
      for (const other of [
        { ...request, evaluation: someId() },
        { ...request, nonce: someId() },
        { ...request, version: '2' },
      ])
        await expect(openAnswer(sealed, other, reply.open)).rejects.toThrow('does not open');
      await expect(openAnswer(flipped(sealed, 99), request, reply.open)).rejects.toThrow('does not open');
      await expect(openAnswer(sealed, request, (await generateHpkeKey()).open)).rejects.toThrow();
    }
  });

  test('Node 1 cannot make one: it never sees the key that it is sealed to', async () => {
    const node = await fresh();
    await setUp(node, '927451', random(32));
    const { request, reply } = await requestOf(node, input.blinded);
    const sealed = await sealRequest(request, signWithDevice, node.recipient);
    // What Node 1 has is the sealed request; the best it can do is guess another reply key.
    const guess = { ...request, reply: toBase64url((await generateHpkeKey()).publicKey) };
    const forged = await sealAnswer({ outcome: 'locked', standing: { remaining: 0, nextMs: 0 } }, guess);
    await expect(openAnswer(forged, request, reply.open)).rejects.toThrow('does not open');
    const good = await openAnswer(await node.evaluate(sealed), request, reply.open);
    expect(good.outcome).toBe('evaluated');
  });

  test('what was evaluated finalizes under the key that was attested', async () => {
    const node = await fresh();
    const { publicKey } = await setUp(node, '927451', random(32));
    const own = blindInput(utf8('another'), random);
    const { request, reply } = await requestOf(node, own.blinded);
    const sealed = await node.evaluate(await sealRequest(request, signWithDevice, node.recipient));
    const answer = await openAnswer(sealed, request, reply.open);
    if (answer.outcome !== 'evaluated') throw new Error(answer.outcome);
    expect(finalize(own, answer.evaluation, publicKey)).toHaveLength(32);
  });
});

describe('a proof of an evaluation', () => {
  const node = { nowMs: 1_800_000_000_000 };
  const secret = random(32);
  const wrap = { version: 1, wrapped: random(93) };
  const expected = { customer, entityKey: entityKeyOf(secret), nowMs: node.nowMs };

  test('is of the entity key, of this customer, of now', () => {
    const { proof, signature } = proofOf(node, secret, wrap, someId());
    expect(verifyEvaluationProof(proof, signature, expected)).toMatchObject({ ...pinName, version: 1 });
    const refusals = [
      [proof, flipped(signature, 3), expected],
      [proof, signature, { ...expected, entityKey: entityKeyOf(random(32)) }],
      [proof, signature, { ...expected, customer: 'cus_other' }],
      [proof, signature, { ...expected, nowMs: node.nowMs + 121_000 }],
      [proof, signature, { ...expected, nowMs: node.nowMs - 31_000 }],
      [{ ...proof, evaluation: someId() }, signature, expected],
      [{ ...proof, device: 'key_other' }, signature, expected],
      [{ ...proof, use: 'answers' as const }, signature, expected],
      [{ ...proof, version: '2' }, signature, expected],
    ] as const;
    for (const [of, by, known] of refusals) expect(() => verifyEvaluationProof(of, by, known)).toThrow();
    for (const odd of [{ evaluation: 'AA' }, { version: '0' }, { wrapped: 'AA' }, { issued: 'now' }]) {
      const made = proofOf(node, secret, wrap, someId(), odd);
      expect(() => verifyEvaluationProof(made.proof, made.signature, expected)).toThrow();
    }
  });
});
