import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { encodeFunctionData, parseAbi, recoverMessageAddress, serializeTransaction } from 'viem/utils';
import { fromHex, toHex } from '#shared/bytes.ts';
import { addressOf, walletPath } from '#shared/chains/chains.ts';
import { checksummed } from '#shared/chains/evm-address.ts';
import { parseUnsigned, transactionDigest, withSignature } from '#shared/chains/evm-transaction.ts';
import { parseTypedData } from '#shared/chains/evm-typed-data.ts';
import { assemble, decodePayload, type SignPayload, verifySigned } from '#shared/chains/payload.ts';
import type { ErrorCode } from '#shared/errors.ts';
import { ecdsa, singleKey } from '../support/engines/single-key.ts';

const vectors = (name: string) =>
  JSON.parse(
    gunzipSync(readFileSync(new URL(`../vectors/ethereum/${name}.json.gz`, import.meta.url))).toString(),
  );

const key = singleKey('ETH');
const { wallet } = key;
const other = checksummed('00000000000000000000000000000000000000aa');
const token = '0x6B175474E89094C44Da98b954EedeAC495271d0F';

const transaction = (fields: object, chainId = 1): SignPayload => ({
  kind: 'transaction',
  blockchain: 'ETH',
  transaction: serializeTransaction({
    type: 'eip1559',
    chainId,
    nonce: 3,
    gas: 21000n,
    maxFeePerGas: 30n * 10n ** 9n,
    maxPriorityFeePerGas: 10n ** 9n,
    ...fields,
  } as Parameters<typeof serializeTransaction>[0]),
});
const raw = (hex: string): SignPayload => ({ kind: 'transaction', blockchain: 'ETH', transaction: hex });
const codeOf = (run: () => unknown): ErrorCode | 'none' => {
  try {
    run();
    return 'none';
  } catch (e) {
    return (e as { code: ErrorCode }).code;
  }
};

/** Signs with the single key, checks the client's verification, and that it is not blind. */
function roundTrip(payload: SignPayload) {
  const decoded = decodePayload(payload, wallet);
  const result = assemble(payload, wallet, decoded, key.sign(decoded));
  expect(verifySigned(payload, wallet, decoded, result)).toBe(true);
  const flipped = result.signature.replace(/.{3}$/, (s) =>
    s.startsWith('0') ? `1${s.slice(1)}` : `0${s.slice(1)}`,
  );
  expect(verifySigned(payload, wallet, decoded, { ...result, signature: flipped })).toBe(false);
  return { decoded, result };
}

test('addresses and paths', () => {
  expect(walletPath('ETH', undefined, 7)).toBe('m/44/0/7');
  expect(walletPath('BASE', undefined, 7)).toBe('m/44/0/7');
  // The key 1 (the generator): the address is well known.
  const G = fromHex('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798');
  expect(addressOf('ETH', undefined, G)).toBe('0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf');
  expect(codeOf(() => addressOf('ETH', undefined, G.slice(1)))).toBe('request_invalid');
  expect(codeOf(() => addressOf('DOGE' as 'ETH', undefined, G))).toBe('blockchain_unsupported');
  expect(codeOf(() => walletPath('ETH', 'p2tr', 0))).toBe('request_invalid');
  expect(codeOf(() => walletPath('ETH', undefined, 2 ** 31))).toBe('request_invalid');
});

test('ethers: every transaction of 3,200 is signed as ethers signs it, or refused for a reason', () => {
  const count = { signed: 0, withoutChain: 0, blob: 0 };
  for (const v of vectors('ethers-transactions'))
    for (const kind of ['Legacy', 'Eip155', 'Berlin', 'London', 'Cancun']) {
      const unsigned: string = v[`unsigned${kind}`];
      if (unsigned === '') continue;
      const { chainId = '0x0' } = v.transaction;
      if (kind === 'Cancun') {
        expect(codeOf(() => parseUnsigned(unsigned))).toBe('payload_refused');
        count.blob += 1;
      } else if (kind === 'Legacy' || BigInt(chainId) === 0n) {
        expect(codeOf(() => parseUnsigned(unsigned))).toMatch(/^payload_(refused|undecodable)$/);
        count.withoutChain += 1;
      } else {
        const parsed = parseUnsigned(unsigned);
        const signature = ecdsa(fromHex(v.privateKey.slice(2)), transactionDigest(parsed));
        if (signature instanceof Uint8Array) throw new Error('not ecdsa');
        expect(withSignature(parsed, signature)).toBe(v[`signed${kind}`]);
        count.signed += 1;
      }
    }
  expect(count).toEqual({ signed: 4992, withoutChain: 6272, blob: 1664 });
});

test('ethers: the digests of 130 typed data', () => {
  const agreed = vectors('ethers-typed-data').filter(
    (v: { domain: object; types: object; primaryType: string; data: object; digest: string }) => {
      const { domain, types, primaryType, data } = v;
      const { digest } = parseTypedData({ domain, types, primaryType, message: data });
      return `0x${toHex(digest)}` === v.digest;
    },
  );
  expect(agreed).toHaveLength(130);
});

describe('transactions', () => {
  test('a transfer: effects, fee bound, summary, signed form', () => {
    const { decoded, result } = roundTrip(transaction({ to: other, value: 15n * 10n ** 17n }));
    expect(decoded.intent.effects).toEqual([
      {
        type: 'transfer',
        from: wallet.address,
        to: other,
        asset: 'eip155:1/slip44:60',
        amount: '1500000000000000000',
      },
      expect.objectContaining({ type: 'fee', amount: String(21000n * 30n * 10n ** 9n) }),
    ]);
    expect(decoded.intent.summary).toBe(
      `Send 1.5 ETH to ${other} on Ethereum, for a fee of at most 0.00063 ETH`,
    );
    expect(result.transactionId).toMatch(/^0x[0-9a-f]{64}$/);
    expect(decoded.payloadDigest).toHaveLength(32);
  });

  const abi = parseAbi([
    'function transfer(address, uint256)',
    'function transferFrom(address, address, uint256)',
    'function approve(address, uint256)',
    'function setApprovalForAll(address, bool)',
    'function safeTransferFrom(address, address, uint256, uint256, bytes)',
    'function safeBatchTransferFrom(address, address, uint256[], uint256[], bytes)',
    'function stir(uint256)',
  ]);
  const call = (functionName: string, args: readonly unknown[], value = 0n) =>
    roundTrip(
      transaction({ to: token, value, data: encodeFunctionData({ abi, functionName, args } as never) }),
    ).decoded.intent.effects.filter(({ type }) => type !== 'fee');

  test('calls of the token standards', () => {
    expect(call('transfer', [other, 5n])).toEqual([
      expect.objectContaining({ type: 'transfer', to: other, amount: '5', asset: `eip155:1/erc20:${token}` }),
    ]);
    expect(call('transferFrom', [other, wallet.address, 5n])).toEqual([
      expect.objectContaining({ type: 'transfer', from: other, to: wallet.address }),
    ]);
    expect(call('approve', [other, 2n ** 256n - 1n])).toEqual([
      expect.objectContaining({ type: 'approve', to: other, amount: 'unlimited' }),
    ]);
    expect(call('setApprovalForAll', [other, true])).toEqual([
      expect.objectContaining({ type: 'approve', amount: 'unlimited', asset: `eip155:1/erc721:${token}` }),
    ]);
    expect(call('safeBatchTransferFrom', [wallet.address, other, [1n, 2n], [3n, 4n], '0x'])).toEqual([
      expect.objectContaining({ asset: `eip155:1/erc1155:${token}/1`, amount: '3' }),
      expect.objectContaining({ asset: `eip155:1/erc1155:${token}/2`, amount: '4' }),
    ]);
    expect(call('stir', [9n], 7n)).toEqual([
      expect.objectContaining({ type: 'transfer', amount: '7' }),
      expect.objectContaining({ type: 'call', to: token }),
    ]);
  });

  test('calldata with a tail is not taken for a transfer', () => {
    const data = `${encodeFunctionData({ abi, functionName: 'transfer', args: [other, 5n] })}00`;
    const { intent } = decodePayload(transaction({ to: token, data }), wallet);
    expect(intent.effects[0]?.type).toBe('call');
  });

  test('a contract is created', () => {
    const { intent } = decodePayload(transaction({ data: '0x6000' }), wallet);
    expect(intent.effects[0]).toMatchObject({ type: 'deploy', details: { dataBytes: '2' } });
  });

  test('refusals, each by its code', () => {
    const good = transaction({ to: other }).transaction ?? '';
    const legacy = {
      type: 'legacy',
      to: other,
      gasPrice: 1n,
      maxFeePerGas: undefined,
      maxPriorityFeePerGas: undefined,
    };
    expect(codeOf(() => decodePayload(transaction({ to: other }, 8453), wallet))).toBe('chain_id_mismatch');
    expect(codeOf(() => decodePayload({ ...raw(good), blockchain: 'BASE' }, wallet))).toBe(
      'chain_id_mismatch',
    );
    expect(codeOf(() => decodePayload(transaction({ ...legacy, chainId: undefined }), wallet))).toBe(
      'payload_refused',
    );
    expect(codeOf(() => decodePayload(transaction(legacy), wallet))).toBe('none');
    expect(codeOf(() => decodePayload(raw(`0x03${good.slice(4)}`), wallet))).toBe('payload_refused');
    expect(codeOf(() => decodePayload(raw(`0x04${good.slice(4)}`), wallet))).toBe('payload_refused');
    for (const bad of [
      '',
      '0x',
      'zz',
      good.slice(0, -2),
      `${good}00`,
      `0x05${good.slice(4)}`,
      `0x${'c1'.repeat(50000)}`,
    ])
      expect(codeOf(() => decodePayload(raw(bad), wallet))).toBe('payload_undecodable');
    const { result } = roundTrip(transaction({ to: other }));
    expect(codeOf(() => decodePayload(raw(result.signedTransaction ?? ''), wallet))).toBe('payload_refused');
  });

  test('assembly refuses a signature that does not verify, and high s', () => {
    const payload = transaction({ to: other });
    const decoded = decodePayload(payload, wallet);
    const [good] = key.sign(decoded);
    if (good === undefined || good instanceof Uint8Array) throw new Error('not ecdsa');
    const n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const s = fromHex((n - BigInt(`0x${toHex(good.s)}`)).toString(16).padStart(64, '0'));
    for (const bad of [
      { ...good, s, recoveryId: 1 - good.recoveryId },
      { ...good, recoveryId: 1 - good.recoveryId },
      { ...good, r: good.s },
    ])
      expect(codeOf(() => assemble(payload, wallet, decoded, [bad]))).toBe('internal');
    expect(codeOf(() => assemble(payload, wallet, decoded, []))).toBe('internal');
  });
});

describe('messages and raw digests', () => {
  test('EIP-191, recovered by viem; hidden characters are escaped', async () => {
    const message = 'pay \u202eeve\u0007 \\ 🚀';
    const { decoded, result } = roundTrip({ kind: 'message', blockchain: 'ETH', message });
    expect(await recoverMessageAddress({ message, signature: result.signature as `0x${string}` })).toBe(
      wallet.address,
    );
    expect(decoded.intent.summary).toBe('Sign the message “pay \\u{202e}eve\\u{7} \\\\ 🚀” on Ethereum');
    const hex = roundTrip({ kind: 'message', blockchain: 'ETH', messageHex: '0x00ff' }).result.signature;
    expect(await recoverMessageAddress({ message: { raw: '0x00ff' }, signature: hex as `0x${string}` })).toBe(
      wallet.address,
    );
  });

  test('a message that is a transaction signs something else than the transaction', () => {
    const payload = transaction({ to: other });
    const asMessage: SignPayload = { kind: 'message', blockchain: 'ETH', messageHex: payload.transaction };
    expect(decodePayload(asMessage, wallet).toSign[0]?.bytes).not.toEqual(
      decodePayload(payload, wallet).toSign[0]?.bytes,
    );
  });

  test('raw digests are off unless allowed', () => {
    const payload: SignPayload = { kind: 'raw_digest', blockchain: 'ETH', digest: 'ab'.repeat(32) };
    expect(codeOf(() => decodePayload(payload, wallet))).toBe('raw_digest_disabled');
    const decoded = decodePayload(payload, wallet, { allowRawDigest: true });
    expect(toHex(decoded.toSign[0]?.bytes ?? new Uint8Array())).toBe('ab'.repeat(32));
    expect(
      verifySigned(payload, wallet, decoded, assemble(payload, wallet, decoded, key.sign(decoded))),
    ).toBe(true);
  });
});

describe('typed data', () => {
  const domain = { name: 'USD Coin', version: '2', chainId: 1, verifyingContract: token };
  const Permit = ['owner address', 'spender address', 'value uint256', 'nonce uint256', 'deadline uint256'];
  const fields = (list: readonly string[]) =>
    list.map((s) => {
      const [name = '', type = ''] = s.split(' ');
      return { name, type };
    });
  const typed = (
    primaryType: string,
    types: Record<string, readonly string[]>,
    message: object,
    d: object = domain,
  ) =>
    ({
      kind: 'typed_data',
      blockchain: 'ETH',
      typedData: {
        domain: d,
        primaryType,
        types: Object.fromEntries(Object.entries(types).map(([name, list]) => [name, fields(list)])),
        message,
      },
    }) satisfies SignPayload;
  const permit = { owner: wallet.address, spender: other, value: '77', nonce: 0, deadline: '1900000000' };

  test('Permit, DAI Permit, Permit2 and ERC-3009 spend', () => {
    const spends = (payload: SignPayload) => roundTrip(payload).decoded.intent.effects[0];
    expect(spends(typed('Permit', { Permit }, permit))).toEqual({
      type: 'permit',
      from: wallet.address,
      to: other,
      asset: `eip155:1/erc20:${token}`,
      amount: '77',
      details: { deadline: '1900000000' },
    });
    const dai = ['holder address', 'spender address', 'nonce uint256', 'expiry uint256', 'allowed bool'];
    expect(
      spends(
        typed(
          'Permit',
          { Permit: dai },
          { holder: wallet.address, spender: other, nonce: 1, expiry: 0, allowed: true },
        ),
      ),
    ).toMatchObject({ type: 'permit', amount: 'unlimited' });
    const permit2 = {
      PermitBatch: ['details PermitDetails[]', 'spender address', 'sigDeadline uint256'],
      PermitDetails: ['token address', 'amount uint160', 'expiration uint48', 'nonce uint48'],
    };
    const details = [{ token, amount: '5', expiration: 1, nonce: 0 }];
    expect(spends(typed('PermitBatch', permit2, { details, spender: other, sigDeadline: 9 }))).toMatchObject({
      type: 'permit',
      to: other,
      asset: `eip155:1/erc20:${token}`,
      amount: '5',
    });
    const witness = {
      PermitWitnessTransferFrom: [
        'permitted TokenPermissions',
        'spender address',
        'nonce uint256',
        'deadline uint256',
      ],
      TokenPermissions: ['token address', 'amount uint256'],
    };
    expect(
      spends(
        typed('PermitWitnessTransferFrom', witness, {
          permitted: { token, amount: '6' },
          spender: other,
          nonce: 0,
          deadline: 1,
        }),
      ),
    ).toMatchObject({ type: 'permit', amount: '6' });
    const auth = [
      'from address',
      'to address',
      'value uint256',
      'validAfter uint256',
      'validBefore uint256',
      'nonce bytes32',
    ];
    expect(
      spends(
        typed(
          'TransferWithAuthorization',
          { TransferWithAuthorization: auth },
          {
            from: wallet.address,
            to: other,
            value: 8,
            validAfter: 0,
            validBefore: 9,
            nonce: `0x${'00'.repeat(32)}`,
          },
        ),
      ),
    ).toMatchObject({ type: 'transfer', to: other, amount: '8' });
  });

  test('the domain type may be declared, and then declares what there is', () => {
    const digest = (types: Record<string, readonly string[]>) =>
      decodePayload(typed('Permit', types, permit), wallet).toSign[0]?.bytes;
    const EIP712Domain = ['name string', 'version string', 'chainId uint256', 'verifyingContract address'];
    expect(digest({ Permit, EIP712Domain })).toEqual(digest({ Permit }));
    for (const bad of [
      EIP712Domain.slice(1),
      [...EIP712Domain, 'salt bytes32'],
      [...EIP712Domain, 'zone string'],
    ])
      expect(codeOf(() => digest({ Permit, EIP712Domain: bad }))).toBe('payload_undecodable');
  });

  test('a permit inside another struct is found', () => {
    const types = { Order: ['note string', 'permits Inner[]'], Inner: ['spender address', 'value uint256'] };
    const message = { note: 'x', permits: [{ spender: other, value: 4 }] };
    const { effects } = decodePayload(typed('Order', types, message), wallet).intent;
    expect(effects[0]).toMatchObject({ type: 'permit', to: other, amount: '4' });
  });

  test('what would take long to hash is refused at once', () => {
    const T = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`T${i}`, []]));
    const D = Array.from({ length: 3000 }, (_, i) => `${'q'.repeat(20)}${i} T${i}[]`);
    const items = Array.from({ length: 2000 }, () => ({ d: [] }));
    const wide = typed('A', { ...T, D, E: ['d D[]'], A: ['x E[]'] }, { x: items });
    const many = typed('A', { E: ['d bool[]'], A: ['x E[]'] }, { x: items });
    const start = process.cpuUsage();
    for (const payload of [wide, many])
      expect(codeOf(() => decodePayload(payload, wallet))).toBe('payload_undecodable');
    // Microseconds of this process, whatever else the machine does.
    expect(process.cpuUsage(start).user).toBeLessThan(2_000_000);
  });

  test('the chain of the domain', () => {
    expect(
      codeOf(() => decodePayload(typed('Permit', { Permit }, permit, { ...domain, chainId: 10 }), wallet)),
    ).toBe('chain_id_mismatch');
    const { chainId: _, ...unbound } = domain;
    const { intent } = decodePayload(typed('Permit', { Permit }, permit, unbound), wallet);
    expect(intent.effects.map(({ type }) => type)).toContain('warning');
  });

  test.each([
    ['a member is missing', typed('Permit', { Permit }, { ...permit, nonce: undefined })],
    ['a member is undeclared', typed('Permit', { Permit }, { ...permit, extra: 1 })],
    ['an integer is too large', typed('Permit', { Permit }, { ...permit, value: (2n ** 256n).toString() })],
    ['an integer is not safe', typed('Permit', { Permit }, { ...permit, value: 2 ** 53 })],
    ['an integer is negative', typed('Permit', { Permit }, { ...permit, value: '-1' })],
    ['a type is unknown', typed('Permit', { Permit: ['owner Bird'] }, { owner: 1 })],
    ['a type is an alias', typed('Permit', { Permit: ['owner uint'] }, { owner: 1 })],
    ['a bool is a number', typed('A', { A: ['b bool'] }, { b: 1 })],
    ['an array is too long', typed('A', { A: ['b uint8[2]'] }, { b: [1, 2, 3] })],
    ['bytes are too short', typed('A', { A: ['b bytes4'] }, { b: '0x1234' })],
    ['the checksum is wrong', typed('A', { A: ['b address'] }, { b: token.replace('D', 'd') })],
    ['a field is there twice', typed('A', { A: ['b bool', 'b bool'] }, { b: true })],
    ['the domain has an unknown member', typed('A', { A: ['b bool'] }, { b: true }, { ...domain, zone: 1 })],
    ['the primary type is not there', typed('B', { A: ['b bool'] }, { b: true })],
    ['the primary type is the domain', typed('EIP712Domain', { A: ['b bool'] }, { b: true })],
    ['a name is __proto__', typed('A', { A: ['__proto__ bool'] }, { b: true })],
  ])('refused: %s', (_, payload) => {
    expect(codeOf(() => decodePayload(payload, wallet))).toBe('payload_undecodable');
  });
});

test('the shape of a payload', () => {
  const bad = [
    { kind: 'message', blockchain: 'ETH' },
    { kind: 'message', blockchain: 'ETH', message: 'a', messageHex: '00' },
    { kind: 'message', blockchain: 'ETH', transaction: '0x' },
    { kind: 'message', blockchain: 'ETH', message: 'a', extra: 1 },
    { kind: 'message', blockchain: 'ETH', message: 7 },
    { kind: 'message', blockchain: 'ETH', message: '\ud800' },
    { kind: 'message', blockchain: 'ETH', message: 'x'.repeat(600_000) },
  ];
  for (const payload of bad)
    expect(codeOf(() => decodePayload(payload as SignPayload, wallet))).toBe('request_invalid');
  expect(codeOf(() => decodePayload({ kind: 'dance', blockchain: 'ETH' } as never, wallet))).toBe(
    'kind_unsupported',
  );
  expect(codeOf(() => decodePayload({ kind: 'psbt', blockchain: 'ETH', psbt: '' }, wallet))).toBe(
    'kind_unsupported',
  );
  const doge = { kind: 'message', blockchain: 'DOGE', message: '' };
  expect(codeOf(() => decodePayload(doge as never, wallet))).toBe('blockchain_unsupported');
  const path = { ...wallet, path: 'm/86/0/0' };
  expect(codeOf(() => decodePayload({ kind: 'message', blockchain: 'ETH', message: '' }, path))).toBe(
    'request_invalid',
  );
  const stranger = { ...wallet, address: other };
  expect(codeOf(() => decodePayload({ kind: 'message', blockchain: 'ETH', message: '' }, stranger))).toBe(
    'request_invalid',
  );
});
