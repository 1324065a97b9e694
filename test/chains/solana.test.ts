import { describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { base58, base64 } from '@scure/base';
import { AccountRole, address, getTransactionDecoder, type Instruction } from '@solana/kit';
import { concat, fromHex, toHex, utf8 } from '#shared/bytes.ts';
import { assemble, decodePayload, type SignPayload, verifySigned } from '#shared/chains/payload.ts';
import { programs } from '#shared/chains/solana-instructions.ts';
import type { ErrorCode } from '#shared/errors.ts';
import { singleKey } from '../support/engines/single-key.ts';
import { buildSolana } from '../support/engines/solana.ts';

const key = singleKey('SOL');
const second = singleKey('SOL', new Uint8Array(32).fill(9));
const { wallet } = key;
const me = wallet.address;
const them = second.wallet.address;
const mint = base58.encode(new Uint8Array(32).fill(3));
const hash = base58.encode(new Uint8Array(32).fill(5));

const le = (n: bigint, bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => Number((n >> BigInt(8 * i)) & 0xffn));
/** Roles: s signer, w writable. */
const instruction = (program: string, accounts: readonly string[], data: Uint8Array): Instruction => ({
  programAddress: address(program),
  accounts: accounts.map((account) => {
    const [name = '', roles = ''] = account.split('/');
    const signer = roles.includes('s');
    const writable = roles.includes('w');
    return {
      address: address(name),
      role: signer
        ? writable
          ? AccountRole.WRITABLE_SIGNER
          : AccountRole.READONLY_SIGNER
        : writable
          ? AccountRole.WRITABLE
          : AccountRole.READONLY,
    };
  }),
  data,
});
const transfer = (from: string, to: string, lamports: bigint) =>
  instruction(programs.system, [`${from}/sw`, `${to}/w`], concat(le(2n, 4), le(lamports, 8)));

const wire = (instructions: readonly Instruction[], payer = me, version: 'legacy' | 0 = 0): SignPayload => ({
  kind: 'transaction',
  blockchain: 'SOL',
  transaction: buildSolana(payer, instructions, hash, version),
});
const codeOf = (run: () => unknown): ErrorCode | 'none' => {
  try {
    run();
    return 'none';
  } catch (e) {
    return (e as { code: ErrorCode }).code;
  }
};
const effectsOf = (payload: SignPayload) => decodePayload(payload, wallet).intent.effects;

describe('transactions', () => {
  test.each(['legacy', 0] as const)('a transfer, version %s: effects, assembly, verification', (version) => {
    const payload = wire([transfer(me, them, 1_500_000_000n)], me, version);
    const decoded = decodePayload(payload, wallet);
    expect(decoded.intent.summary).toBe(
      `Send 1.5 SOL from ${me} to ${them} on Solana, for a fee of 0.000005 SOL paid by ${me}`,
    );
    expect(decoded.intent.effects[0]).toMatchObject({
      type: 'transfer',
      from: me,
      to: them,
      amount: '1500000000',
      asset: 'solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/slip44:501',
    });
    const result = assemble(payload, wallet, decoded, key.sign(decoded));
    expect(verifySigned(payload, wallet, decoded, result)).toBe(true);
    expect(result.transactionId).toBe(result.signature);
    const read = getTransactionDecoder().decode(base64.decode(result.signedTransaction ?? ''));
    const signature = read.signatures[address(me)] ?? new Uint8Array();
    expect(
      ed25519.verify(Uint8Array.from(signature), Uint8Array.from(read.messageBytes), wallet.publicKey),
    ).toBe(true);
    const tampered = base64.decode(result.signedTransaction ?? '');
    tampered[tampered.length - 1] = (tampered[tampered.length - 1] ?? 0) ^ 1;
    const forged = { ...result, signedTransaction: base64.encode(tampered) };
    expect(verifySigned(payload, wallet, decoded, forged)).toBe(false);
    const other = { ...result, signature: base58.encode(new Uint8Array(64)) };
    expect(verifySigned(payload, wallet, decoded, other)).toBe(false);
  });

  test('tokens, budget, memo, accounts', () => {
    const amount = le(250n, 8);
    const effects = effectsOf(
      wire([
        instruction(programs.computeBudget, [], concat(Uint8Array.of(2), le(1_000_000n, 4))),
        instruction(programs.computeBudget, [], concat(Uint8Array.of(3), le(3_000n, 8))),
        instruction(
          programs.token,
          [`${them}/w`, mint, `${hash}/w`, `${me}/s`],
          concat(Uint8Array.of(12), amount, Uint8Array.of(6)),
        ),
        instruction(
          programs.token2022,
          [`${them}/w`, `${hash}/w`, `${me}/s`],
          concat(Uint8Array.of(3), amount),
        ),
        instruction(
          programs.token,
          [`${them}/w`, hash, `${me}/s`],
          concat(Uint8Array.of(4), le(2n ** 64n - 1n, 8)),
        ),
        instruction(
          programs.associatedToken,
          [`${me}/sw`, `${hash}/w`, them, mint, programs.system, programs.token],
          Uint8Array.of(1),
        ),
        instruction(programs.memo, [], utf8('rent \u202e')),
        instruction(programs.token, [`${them}/w`, them, `${me}/s`], Uint8Array.of(6, 1, 0)),
      ]),
    );
    expect(effects).toEqual([
      expect.objectContaining({
        type: 'transfer',
        from: them,
        to: hash,
        amount: '250',
        asset: expect.stringContaining(`/token:${mint}`),
      }),
      expect.objectContaining({ type: 'transfer', from: them, to: hash, amount: '250', asset: 'unknown' }),
      expect.objectContaining({ type: 'approve', to: hash, amount: 'unlimited' }),
      expect.objectContaining({
        type: 'account',
        to: hash,
        details: expect.objectContaining({ owner: them }),
      }),
      { type: 'note', details: { memo: 'rent \\u{202e}' } },
      expect.objectContaining({ type: 'call', to: programs.token }),
      expect.objectContaining({ type: 'fee', amount: String(5000 + 3000) }),
    ]);
  });

  test('accounts of lookup tables stay unresolved and are said to be', () => {
    // A v0 message by hand: payer me, programs system; to = entry 4 of a table.
    const message = concat(
      Uint8Array.of(0x80, 1, 0, 1, 2),
      base58.decode(me),
      base58.decode(programs.system),
      base58.decode(hash),
      Uint8Array.of(1, 1, 2, 0, 2, 12),
      le(2n, 4),
      le(7n, 8),
      Uint8Array.of(1),
      base58.decode(mint),
      Uint8Array.of(1, 4, 0),
    );
    const transaction = base64.encode(concat(Uint8Array.of(1), new Uint8Array(64), message));
    expect(effectsOf({ kind: 'transaction', blockchain: 'SOL', transaction })[0]).toMatchObject({
      type: 'transfer',
      to: `lookup:${mint}#4`,
      details: { unresolved: '1 accounts come from lookup tables' },
    });
  });

  test('a durable nonce is a warning', () => {
    const advance = instruction(programs.system, [`${hash}/w`, mint, `${me}/s`], le(4n, 4));
    expect(effectsOf(wire([advance]))[0]).toMatchObject({ type: 'warning' });
  });

  test('somebody else pays and signs too', () => {
    const payload = wire([transfer(me, them, 1n)], them);
    const decoded = decodePayload(payload, wallet);
    const result = assemble(payload, wallet, decoded, key.sign(decoded));
    expect(verifySigned(payload, wallet, decoded, result)).toBe(true);
    expect(result.transactionId).toBeUndefined();
    // The other one gets it as it is, our signature in it, and completes it.
    const rest: SignPayload = { ...payload, transaction: result.signedTransaction };
    const theirs = decodePayload(rest, second.wallet);
    const complete = assemble(rest, second.wallet, theirs, second.sign(theirs));
    expect(complete.transactionId).toBe(complete.signature);
    const bytes = base64.decode(result.signedTransaction ?? '');
    bytes[70] = (bytes[70] ?? 0) ^ 1;
    const broken: SignPayload = { ...rest, transaction: base64.encode(bytes) };
    expect(codeOf(() => decodePayload(broken, second.wallet))).toBe('payload_undecodable');
  });

  test('refusals', () => {
    const good = base64.decode(wire([transfer(me, them, 1n)]).transaction ?? '');
    const raw = (bytes: Uint8Array): SignPayload => ({
      kind: 'transaction',
      blockchain: 'SOL',
      transaction: base64.encode(bytes),
    });
    const signed = good.slice();
    const decoded = decodePayload(raw(good), wallet);
    signed.set(key.sign(decoded)[0] as Uint8Array, 1);
    expect(codeOf(() => decodePayload(raw(signed), wallet))).toBe('payload_refused');
    expect(codeOf(() => decodePayload(wire([transfer(them, me, 1n)], them), wallet))).toBe('payload_refused');
    const version1 = good.slice();
    version1[65] = 0x81;
    expect(codeOf(() => decodePayload(raw(version1), wallet))).toBe('payload_refused');
    for (const bad of [
      good.slice(0, -1),
      concat(good, Uint8Array.of(0)),
      good.slice(65),
      new Uint8Array(0),
      new Uint8Array(2000),
    ])
      expect(codeOf(() => decodePayload(raw(bad), wallet))).toBe('payload_undecodable');
    expect(
      codeOf(() => decodePayload({ kind: 'transaction', blockchain: 'SOL', transaction: '???' }, wallet)),
    ).toBe('payload_undecodable');
    for (const payload of [
      { kind: 'typed_data', blockchain: 'SOL', typedData: {} },
      { kind: 'psbt', blockchain: 'SOL', psbt: '' },
      { kind: 'raw_digest', blockchain: 'SOL', digest: 'ab'.repeat(32) },
    ] as const)
      expect(codeOf(() => decodePayload(payload, wallet, { allowRawDigest: true }))).toBe('kind_unsupported');
  });
});

describe('off-chain messages', () => {
  const message = (text: string): SignPayload => ({ kind: 'message', blockchain: 'SOL', message: text });
  const hex = (bytes: Uint8Array): SignPayload => ({
    kind: 'message',
    blockchain: 'SOL',
    messageHex: toHex(bytes),
  });

  test('the serialised form, byte for byte as the proposal has it', () => {
    const decoded = decodePayload(message('Hello'), wallet);
    const expected = concat(
      Uint8Array.of(0xff),
      utf8('solana offchain'),
      Uint8Array.of(0),
      new Uint8Array(32),
      Uint8Array.of(0, 1),
      base58.decode(me),
      Uint8Array.of(5, 0),
      utf8('Hello'),
    );
    expect(toHex(decoded.toSign[0]?.bytes ?? new Uint8Array())).toBe(toHex(expected));
    const result = assemble(message('Hello'), wallet, decoded, key.sign(decoded));
    expect(verifySigned(message('Hello'), wallet, decoded, result)).toBe(true);
    expect(ed25519.verify(base58.decode(result.signature), expected, wallet.publicKey)).toBe(true);
    // The same bytes, handed over whole.
    expect(decodePayload(hex(expected), wallet).toSign).toEqual(decoded.toSign);
  });

  test('formats by content: ASCII, UTF-8, long', () => {
    const format = (text: string): number => decodePayload(message(text), wallet).toSign[0]?.bytes[49] ?? -1;
    expect(format('plain')).toBe(0);
    expect(format('two\nlines')).toBe(1);
    expect(format('ü')).toBe(1);
    expect(format('x'.repeat(1147))).toBe(0);
    expect(format('x'.repeat(1148))).toBe(2);
    expect(format('x'.repeat(60_000))).toBe(2);
    expect(codeOf(() => decodePayload(message('x'.repeat(65_600)), wallet))).toBe('payload_undecodable');
    expect(codeOf(() => decodePayload(message(''), wallet))).toBe('payload_undecodable');
  });

  test('bytes that are a transaction are refused, and so is everything that is not an off-chain message', () => {
    const transaction = base64.decode(wire([transfer(me, them, 1n)]).transaction ?? '');
    expect(codeOf(() => decodePayload(hex(transaction), wallet))).toBe('payload_refused');
    expect(codeOf(() => decodePayload(hex(transaction.slice(65)), wallet))).toBe('payload_refused');
    expect(codeOf(() => decodePayload(hex(utf8('Hello')), wallet))).toBe('payload_undecodable');
    const good = decodePayload(message('Hello'), wallet).toSign[0]?.bytes ?? new Uint8Array();
    const wrong = (change: (b: Uint8Array) => void): SignPayload => {
      const bytes = good.slice();
      change(bytes);
      return hex(bytes);
    };
    expect(
      codeOf(() =>
        decodePayload(
          wrong((b) => b.set([1], 16)),
          wallet,
        ),
      ),
    ).toBe('payload_undecodable');
    expect(
      codeOf(() =>
        decodePayload(
          wrong((b) => b.set([3], 49)),
          wallet,
        ),
      ),
    ).toBe('payload_undecodable');
    expect(
      codeOf(() =>
        decodePayload(
          wrong((b) => b.set([9], 83)),
          wallet,
        ),
      ),
    ).toBe('payload_undecodable');
    expect(
      codeOf(() =>
        decodePayload(
          wrong((b) => b.set([7], 86)),
          wallet,
        ),
      ),
    ).toBe('payload_undecodable');
    expect(
      codeOf(() =>
        decodePayload(
          wrong((b) => b.set(fromHex('aa'), 60)),
          wallet,
        ),
      ),
    ).toBe('payload_refused');
  });
});
