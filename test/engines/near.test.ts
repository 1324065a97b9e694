import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { PublicKey } from '@near-js/crypto';
import { actionCreators, createTransaction, encodeTransaction } from '@near-js/transactions';
import { base58, base64 } from '@scure/base';
import { concat, fromHex, toHex, utf8 } from '#shared/bytes.ts';
import { transactionCodec } from '#shared/chains/near-borsh.ts';
import {
  assemble,
  decodePayload,
  type SignPayload,
  verifySigned,
  type WalletKey,
} from '#shared/chains/payload.ts';
import type { ErrorCode } from '#shared/errors.ts';
import { nearVerdict, opensslVerifies } from '../support/engines/near.ts';
import { singleKey } from '../support/engines/single-key.ts';

const key = singleKey('NEAR');
const { wallet } = key;
const publicKey = PublicKey.from(`ed25519:${base58.encode(wallet.publicKey)}`);
const other = PublicKey.from(`ed25519:${base58.encode(new Uint8Array(32).fill(4))}`);
const near = 10n ** 24n;

type Action = Parameters<typeof createTransaction>[4][number];
const build = (
  actions: readonly Action[],
  to = 'shop.near',
  signer = wallet.address,
  by = publicKey,
): SignPayload => ({
  kind: 'transaction',
  blockchain: 'NEAR',
  transaction: base64.encode(
    encodeTransaction(createTransaction(signer, by, to, 7n, [...actions], new Uint8Array(32).fill(1))),
  ),
});
const effectsOf = (actions: readonly Action[]) => decodePayload(build(actions), wallet).intent.effects;
const codeOf = (run: () => unknown): ErrorCode | 'none' => {
  try {
    run();
    return 'none';
  } catch (e) {
    return (e as { code: ErrorCode }).code;
  }
};
const vector = (name: string) =>
  fromHex(JSON.parse(readFileSync(new URL(`../vectors/near/${name}.json`, import.meta.url), 'utf8')).data);

describe('vectors of near-api-js', () => {
  test('a transaction is read and written again as it is', () => {
    const bytes = vector('transaction1');
    const { receiverId, nonce, actions } = transactionCodec.decode(bytes);
    expect([receiverId, nonce, actions[0]?.__kind]).toEqual(['studio-vwcu9e41m', 1n, 'functionCall']);
    expect(toHex(Uint8Array.from(transactionCodec.encode(transactionCodec.decode(bytes))))).toBe(
      toHex(bytes),
    );
  });

  test('a signed transaction: its signature is for our digest, and we assemble the same bytes', () => {
    const signed = vector('signed_transaction1');
    const unsigned = signed.slice(0, -65);
    const signer = signed.slice(14, 46);
    const theirs: WalletKey = {
      blockchain: 'NEAR',
      path: 'm/397/0/0',
      publicKey: signer,
      address: toHex(signer),
    };
    const payload: SignPayload = {
      kind: 'transaction',
      blockchain: 'NEAR',
      transaction: base64.encode(unsigned),
    };
    const decoded = decodePayload(payload, theirs);
    expect(decoded.intent.effects[0]).toMatchObject({
      type: 'transfer',
      from: 'test.near',
      to: 'whatever.near',
      amount: '1',
    });
    const result = assemble(payload, theirs, decoded, [signed.slice(-64)]);
    expect(result.signedTransaction).toBe(base64.encode(signed));
    expect(verifySigned(payload, theirs, decoded, result)).toBe(true);
    expect(nearVerdict(base64.encode(signed)).accepted).toBe(true);
  });
});

describe('transactions made by NEAR’s library', () => {
  const { transfer, functionCall, addKey, fullAccessKey, functionCallAccessKey, deleteKey, stake } =
    actionCreators;

  test('a transfer, signed: the library and OpenSSL accept it, and nothing changed', () => {
    const payload = build([transfer((3n * near) / 2n)]);
    const decoded = decodePayload(payload, wallet);
    expect(decoded.intent.summary).toBe(`Send 1.5 NEAR to shop.near from ${wallet.address} on NEAR`);
    const result = assemble(payload, wallet, decoded, key.sign(decoded));
    expect(verifySigned(payload, wallet, decoded, result)).toBe(true);
    const signed = result.signedTransaction ?? '';
    expect(nearVerdict(signed)).toEqual({
      accepted: true,
      signerId: wallet.address,
      receiverId: 'shop.near',
      hash: result.transactionId,
    });
    const bytes = base64.decode(signed);
    for (const at of [6, 120, 150, bytes.length - 80, bytes.length - 3]) {
      const bad = bytes.slice();
      bad[at] = (bad[at] ?? 0) ^ 1;
      expect(nearVerdict(base64.encode(bad)).accepted).toBe(false);
      expect(
        verifySigned(payload, wallet, decoded, { ...result, signedTransaction: base64.encode(bad) }),
      ).toBe(false);
    }
  });

  test('every action has its effect, and keys are said loudly', () => {
    const args = utf8('{"receiver_id":"bob.near","amount":"250"}');
    expect(effectsOf([functionCall('ft_transfer', args, 30n, 1n)]).slice(0, 2)).toEqual([
      {
        type: 'transfer',
        from: wallet.address,
        to: 'bob.near',
        asset: 'near:mainnet/nep141:shop.near',
        amount: '250',
      },
      expect.objectContaining({
        type: 'call',
        to: 'shop.near',
        details: expect.objectContaining({ gas: '30' }),
      }),
    ]);
    expect(effectsOf([functionCall('buy\u0007', utf8('{}'), 30n, near)]).slice(0, 2)).toEqual([
      expect.objectContaining({ type: 'transfer', amount: near.toString() }),
      expect.objectContaining({ details: expect.objectContaining({ method: 'buy\\u{7}' }) }),
    ]);
    const full = decodePayload(build([addKey(other, fullAccessKey())]), wallet).intent;
    expect(full.summary).toContain('ADD an access key');
    expect(full.effects.slice(0, 2)).toEqual([
      expect.objectContaining({
        type: 'key',
        details: { action: 'add', access: 'full', publicKey: other.toString() },
      }),
      expect.objectContaining({ type: 'warning' }),
    ]);
    expect(effectsOf([addKey(other, functionCallAccessKey('game.near', ['play'], 5n))])[0]).toMatchObject({
      type: 'key',
      amount: '5',
      details: { access: 'calls of game.near', methods: 'play' },
    });
    expect(effectsOf([addKey(other, functionCallAccessKey('game.near', []))])[0]?.amount).toBe('unlimited');
    expect(effectsOf([deleteKey(other)])[0]).toMatchObject({ type: 'key', details: { action: 'delete' } });
    expect(effectsOf([stake(near, other)])[0]).toMatchObject({ type: 'stake', amount: near.toString() });
    expect(effectsOf([actionCreators.createAccount()])[0]).toMatchObject({
      type: 'account',
      to: 'shop.near',
    });
    expect(effectsOf([actionCreators.deployContract(utf8('wasm'))])[0]).toMatchObject({ type: 'deploy' });
    expect(effectsOf([actionCreators.deleteAccount('heir.near')])[0]).toMatchObject({
      to: 'heir.near',
      amount: 'unlimited',
    });
  });

  test('a key at the end of a long list is what the summary says first', () => {
    const actions = [
      ...Array.from({ length: 9 }, () => transfer(1n)),
      transfer(near),
      addKey(other, fullAccessKey()),
    ];
    expect(decodePayload(build(actions), wallet).intent.summary).toMatch(
      /^ADD an access key of shop.near; Send 1 NEAR to shop.near; .*; and 6 more from /,
    );
  });

  test('refusals', () => {
    const good = base64.decode(build([transfer(1n)]).transaction ?? '');
    const raw = (bytes: Uint8Array): SignPayload => ({
      kind: 'transaction',
      blockchain: 'NEAR',
      transaction: base64.encode(bytes),
    });
    expect(codeOf(() => decodePayload(build([transfer(1n)], 'shop.near', 'me.near', other), wallet))).toBe(
      'payload_refused',
    );
    expect(codeOf(() => decodePayload(build([transfer(1n)], 'Shop.near'), wallet))).toBe(
      'payload_undecodable',
    );
    expect(codeOf(() => decodePayload(build([]), wallet))).toBe('payload_undecodable');
    // Tag 8 is a delegate action.
    const delegate = good.slice(0, -17);
    for (const bad of [
      concat(delegate, Uint8Array.of(8), new Uint8Array(200)),
      good.slice(0, -1),
      concat(good, Uint8Array.of(0)),
      new Uint8Array(0),
    ])
      expect(codeOf(() => decodePayload(raw(bad), wallet))).toBe('payload_undecodable');
    for (const payload of [
      { kind: 'typed_data', blockchain: 'NEAR', typedData: {} },
      { kind: 'psbt', blockchain: 'NEAR', psbt: '' },
      { kind: 'raw_digest', blockchain: 'NEAR', digest: 'ab'.repeat(32) },
    ] as const)
      expect(codeOf(() => decodePayload(payload, wallet, { allowRawDigest: true }))).toBe('kind_unsupported');
  });
});

describe('NEP-413', () => {
  const nonce = base64.encode(new Uint8Array(32).fill(6));
  const message = (fields: object): SignPayload => ({
    kind: 'message',
    blockchain: 'NEAR',
    nep413: { message: 'héllo', recipient: 'shop.near', nonce, ...fields },
  });
  const prefixed = (s: string) => {
    const bytes = utf8(s);
    return concat(Uint8Array.of(bytes.length, 0, 0, 0), bytes);
  };

  test.each([undefined, 'https://shop.example/cb'])(
    'the hash of the tagged Borsh form (callback %s)',
    (callbackUrl) => {
      const payload = message(callbackUrl === undefined ? {} : { callbackUrl });
      const decoded = decodePayload(payload, wallet);
      // 2^31 + 413 little-endian, message, nonce, recipient, option.
      const expected = concat(
        fromHex('9d010080'),
        prefixed('héllo'),
        new Uint8Array(32).fill(6),
        prefixed('shop.near'),
        callbackUrl === undefined ? Uint8Array.of(0) : concat(Uint8Array.of(1), prefixed(callbackUrl)),
      );
      const digest = Uint8Array.from(createHash('sha256').update(expected).digest());
      expect(toHex(decoded.toSign[0]?.bytes ?? new Uint8Array())).toBe(toHex(digest));
      const result = assemble(payload, wallet, decoded, key.sign(decoded));
      expect(opensslVerifies(base64.decode(result.signature), digest, wallet.publicKey)).toBe(true);
      expect(verifySigned(payload, wallet, decoded, result)).toBe(true);
      expect(
        verifySigned(
          message({ message: 'other' }),
          wallet,
          decodePayload(message({ message: 'other' }), wallet),
          result,
        ),
      ).toBe(false);
    },
  );

  test('no transaction starts with the tag, and what is not NEP-413 is refused', () => {
    // As a transaction, the tag would be the length of the signer's name: two thousand million bytes.
    const tagged = concat(fromHex('9d010080'), new Uint8Array(300));
    const raw: SignPayload = { kind: 'transaction', blockchain: 'NEAR', transaction: base64.encode(tagged) };
    expect(codeOf(() => decodePayload(raw, wallet))).toBe('payload_undecodable');
    for (const fields of [
      { nonce: 'AAAA' },
      { nonce: '!' },
      { recipient: 7 },
      { extra: '' },
      { message: 'a\0b' },
      { callbackUrl: 1 },
    ])
      expect(codeOf(() => decodePayload(message(fields), wallet))).toBe('payload_undecodable');
    expect(codeOf(() => decodePayload({ kind: 'message', blockchain: 'NEAR', message: 'hi' }, wallet))).toBe(
      'payload_undecodable',
    );
  });
});
