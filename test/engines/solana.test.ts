import { describe, expect, test } from '@jest/globals';
import { base64 } from '@scure/base';
import { AccountRole, address } from '@solana/kit';
import { concat, fromHex } from '#shared/bytes.ts';
import { assemble, decodePayload, type SignPayload } from '#shared/chains/payload.ts';
import { programs } from '#shared/chains/solana-instructions.ts';
import { singleKey } from '../support/engines/single-key.ts';
import { startSolana } from '../support/engines/solana.ts';

const key = singleKey('SOL');
const me = key.wallet.address;
const them = singleKey('SOL', new Uint8Array(32).fill(9)).wallet.address;
const sol = 1_000_000_000n;

describe('a Solana runtime', () => {
  const engine = startSolana();
  engine.fund(me, 10n * sol);
  const transfer = {
    programAddress: address(programs.system),
    accounts: [
      { address: address(me), role: AccountRole.WRITABLE_SIGNER },
      { address: address(them), role: AccountRole.WRITABLE },
    ],
    data: concat(fromHex('02000000'), fromHex('00ca9a3b00000000')),
  };
  const sign = (version: 'legacy' | 0): string => {
    engine.advance();
    const payload: SignPayload = {
      kind: 'transaction',
      blockchain: 'SOL',
      transaction: engine.build(me, [transfer], version),
    };
    const decoded = decodePayload(payload, key.wallet);
    expect(decoded.intent.effects[0]?.amount).toBe(sol.toString());
    return assemble(payload, key.wallet, decoded, key.sign(decoded)).signedTransaction ?? '';
  };

  test.each(['legacy', 0] as const)(
    'accepts a transfer once (version %s), and takes the fee that was said',
    (version) => {
      const before = engine.balance(me);
      const received = engine.balance(them);
      const wire = sign(version);
      expect(engine.send(wire)).toEqual({ accepted: true, reason: '' });
      expect(engine.balance(them) - received).toBe(sol);
      expect(before - engine.balance(me)).toBe(sol + 5000n);
      expect(engine.send(wire).accepted).toBe(false);
      expect(engine.balance(them) - received).toBe(sol);
    },
  );

  test('refuses a changed amount, a flipped signature, and another signer', () => {
    const before = engine.balance(them);
    const good = base64.decode(sign(0));
    for (const at of [good.length - 6, 5, 40, 80]) {
      const bad = good.slice();
      bad[at] = (bad[at] ?? 0) ^ 1;
      expect(engine.send(base64.encode(bad)).accepted).toBe(false);
    }
    expect(engine.balance(them)).toBe(before);
    expect(engine.send(base64.encode(good)).accepted).toBe(true);
  });
});
