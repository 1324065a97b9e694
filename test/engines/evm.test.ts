import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  encodeFunctionData,
  fromRlp,
  parseAbi,
  recoverTypedDataAddress,
  serializeTransaction,
  toRlp,
} from 'viem/utils';
import { toHex } from '#shared/bytes.ts';
import { parseUnsigned, withSignature } from '#shared/chains/evm-transaction.ts';
import { assemble, decodePayload, type EcdsaSignature, type SignPayload } from '#shared/chains/payload.ts';
import { type EvmEngine, startEvm } from '../support/engines/evm.ts';
import { ecdsa, singleKey } from '../support/engines/single-key.ts';

const secret = new Uint8Array(32).fill(7);
const key = singleKey('ETH-LOCAL', secret);
const me = key.wallet.address;
const them = singleKey('ETH-LOCAL', new Uint8Array(32).fill(9)).wallet.address;
const token = '0x1000000000000000000000000000000000000001';
const eth = 10n ** 18n;
const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

jest.setTimeout(60_000);
let engine: EvmEngine;
beforeAll(async () => {
  engine = await startEvm();
  await engine.fund(me, 100n * eth);
  // Keeps the second argument of whatever is called: PUSH1 0x24, CALLDATALOAD, PUSH0, SSTORE.
  await engine.deploy(token, '0x6024355f5500');
});
afterAll(() => engine.stop());

const fees = { maxFeePerGas: 50n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n };
function payload(fields: object): SignPayload {
  const transaction = { type: 'eip1559', chainId: 31337, gas: 100_000n, ...fees, ...fields };
  return {
    kind: 'transaction',
    blockchain: 'ETH-LOCAL',
    transaction: serializeTransaction(transaction as Parameters<typeof serializeTransaction>[0]),
  };
}
function sign(p: SignPayload) {
  const decoded = decodePayload(p, key.wallet);
  return { decoded, ...assemble(p, key.wallet, decoded, key.sign(decoded)) };
}
/** Both engines take it, and take the sender for the wallet. */
async function accepted(p: SignPayload) {
  const { signedTransaction = '', transactionId, decoded } = sign(p);
  const sent = await engine.send(signedTransaction);
  expect(sent).toEqual({ accepted: true, reason: '0x1', hash: transactionId });
  expect(await engine.judge(signedTransaction)).toEqual({
    accepted: true,
    reason: '',
    sender: me.toLowerCase(),
  });
  return { signedTransaction, decoded };
}

describe('anvil and ethereumjs', () => {
  test.each([
    ['eip1559', {}],
    ['eip2930', { accessList: [{ address: token, storageKeys: [`0x${'00'.repeat(32)}`] }] }],
    ['legacy', {}],
  ])('accept a transfer (%s) once; the fee stays below what was said', async (type, fields) => {
    const nonce = await engine.nonce(me);
    const price =
      type === 'eip1559'
        ? fees
        : { gasPrice: fees.maxFeePerGas, maxFeePerGas: undefined, maxPriorityFeePerGas: undefined };
    const [before, received] = [await engine.balance(me), await engine.balance(them)];
    const { signedTransaction, decoded } = await accepted(
      payload({ type, ...price, ...fields, nonce, to: them, value: eth }),
    );
    expect((await engine.balance(them)) - received).toBe(eth);
    const fee = decoded.intent.effects.find((e) => e.type === 'fee')?.amount ?? '0';
    expect(before - eth - (await engine.balance(me))).toBeLessThanOrEqual(BigInt(fee));
    expect((await engine.send(signedTransaction)).accepted).toBe(false);
    expect((await engine.judge(signedTransaction)).accepted).toBe(false);
    expect((await engine.balance(them)) - received).toBe(eth);
  });

  test('accept a token call', async () => {
    const abi = parseAbi(['function transfer(address, uint256)']);
    const data = encodeFunctionData({ abi, functionName: 'transfer', args: [them as `0x${string}`, 77n] });
    const { decoded } = await accepted(payload({ nonce: await engine.nonce(me), to: token, data }));
    expect(decoded.intent.effects[0]).toMatchObject({ type: 'transfer', to: them, amount: '77' });
    expect(BigInt(await engine.storage(token, '0x0'))).toBe(77n);
  });

  test('refuse another chain, a changed amount, another signature', async () => {
    const nonce = await engine.nonce(me);
    const good = payload({ nonce, to: them, value: eth });
    const { signedTransaction = '' } = sign(good);
    const fields = fromRlp(`0x${signedTransaction.slice(4)}`, 'hex') as `0x${string}`[];
    const change = (at: number, value: string): string => {
      const changed = fields.map((field, i) => (i === at ? (value as `0x${string}`) : field));
      return `0x02${toRlp(changed).slice(2)}`;
    };
    const before = [await engine.balance(me), await engine.balance(them)];
    for (const bad of [change(0, '0x01'), change(6, '0x01'), change(10, `0x${'11'.repeat(32)}`)]) {
      expect((await engine.send(bad)).accepted).toBe(false);
      expect((await engine.judge(bad)).accepted).toBe(false);
    }
    expect([await engine.balance(me), await engine.balance(them)]).toEqual(before);
    expect(await engine.nonce(me)).toBe(nonce);
    await accepted(good);
  });

  test('high s: ethereumjs refuses it (anvil alone would not), and assembly never makes it', async () => {
    const p = payload({ nonce: await engine.nonce(me), to: them, value: 1n });
    const decoded = decodePayload(p, key.wallet);
    const low = ecdsa(secret, decoded.toSign[0]?.bytes ?? new Uint8Array()) as EcdsaSignature;
    const s = order - BigInt(`0x${toHex(low.s)}`);
    const high = {
      ...low,
      s: Uint8Array.from(s.toString(16).padStart(64, '0').match(/../g) ?? [], (x) => Number.parseInt(x, 16)),
      recoveryId: 1 - low.recoveryId,
    };
    const raw = withSignature(parseUnsigned(p.transaction ?? ''), high);
    const verdict = await engine.judge(raw);
    expect(verdict.accepted).toBe(false);
    expect(verdict.reason).toMatch(/s-value|secp256k1n\/2/);
    expect(() => assemble(p, key.wallet, decoded, [high])).toThrow('does not verify');
  });

  test('typed data: an independent recovery finds the wallet', async () => {
    const types = {
      Mail: [
        { name: 'text', type: 'string' },
        { name: 'to', type: 'address[]' },
      ],
    };
    const domain = { name: 'Post', chainId: 31337 };
    const message = { text: 'hello', to: [them] };
    const p: SignPayload = {
      kind: 'typed_data',
      blockchain: 'ETH-LOCAL',
      typedData: { domain, types, primaryType: 'Mail', message },
    };
    const { signature } = sign(p);
    const recovered = await recoverTypedDataAddress({
      domain,
      types,
      primaryType: 'Mail',
      message: { text: 'hello', to: [them as `0x${string}`] },
      signature: signature as `0x${string}`,
    });
    expect(recovered).toBe(me);
  });
});
